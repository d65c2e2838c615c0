//! Something read from files that may change while it is in use.
//!
//! Whoever needs it takes what is in force now ([`Live::get`]) and keeps it as long as it likes: a
//! connection that stands is not touched by what comes after. Looking is done by content and once a
//! second, by [`watch`](super::watch()): a file's time of change is too coarse on some systems to be relied on, a
//! notification does not come over every network or out of a container's mount, and these files are small.
//!
//! New content is judged when it has stayed the same from one look to the next, because a certificate and
//! its key are two files and nobody can replace both at once. If it is bad, what is in force stays, and it
//! is said once.

use super::file::{KeyFault, Named};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

type Contents = Result<Vec<Vec<u8>>, KeyFault>;

/// See the module's text.
pub(super) struct Live<F, T> {
    files: F,
    current: RwLock<Arc<T>>,
    seen: Mutex<Seen>,
}

/// Says nothing of what it has read, because some of that is secret.
impl<F: fmt::Debug, T> fmt::Debug for Live<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What files may be made into.
pub(super) trait Made<T> {
    /// The files.
    fn named(&self) -> Vec<&Named>;

    /// What their contents, in the same order, are made into.
    fn make(&self, contents: &[Vec<u8>]) -> Result<T, KeyFault>;
}

/// What was seen of the files so far.
struct Seen {
    judged: Contents,
    /// Whether that could be put into force.
    is_good: bool,
    /// What has not been judged yet, because it is new.
    latest: Option<Contents>,
}

impl<F: Made<T>, T> Live<F, T> {
    /// Reads the files for the first time.
    pub(super) fn start(files: F) -> Result<Self, KeyFault> {
        let contents = read(&files)?;
        let made = files.make(&contents)?;
        let seen = Mutex::new(Seen { judged: Ok(contents), is_good: true, latest: None });
        Ok(Self { files, current: RwLock::new(Arc::new(made)), seen })
    }

    /// What is in force.
    pub(super) fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the files. None if there is nothing new to say; otherwise what is in force from now
    /// on, or why what the files hold cannot be. It reads files, so it may take its time.
    ///
    /// With `is_settled`, somebody says that the files are as they are meant to be: they are judged at once,
    /// and what is wrong with them is said again.
    pub(super) fn look(&self, is_settled: bool) -> Option<Result<Arc<T>, KeyFault>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = read(&self.files);
        if contents == seen.judged && (seen.is_good || !is_settled) {
            seen.latest = None;
            return None;
        }
        if !is_settled && seen.latest.as_ref() != Some(&contents) {
            seen.latest = Some(contents);
            return None;
        }
        let made = contents.as_ref().map_err(Clone::clone).and_then(|it| self.files.make(it));
        *seen = Seen { judged: contents, is_good: made.is_ok(), latest: None };
        Some(made.map(|made| {
            let made = Arc::new(made);
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&made);
            made
        }))
    }
}

fn read<T>(files: &impl Made<T>) -> Contents {
    files.named().into_iter().map(Named::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Two files that hold the same word.
    struct Pair(Named, Named);

    impl Made<String> for Pair {
        fn named(&self) -> Vec<&Named> {
            vec![&self.0, &self.1]
        }

        fn make(&self, contents: &[Vec<u8>]) -> Result<String, KeyFault> {
            if contents[0] != contents[1] {
                return Err(self.1.fault("does not fit"));
            }
            Ok(String::from_utf8_lossy(&contents[0]).into_owned())
        }
    }

    #[test]
    fn what_has_come_to_rest_is_judged_once_and_what_is_bad_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = |name| Named::new("a setting", folder.path().join(name));
        let write = |name, word: &str| fs::write(folder.path().join(name), word).expect("written");
        write("one", "old");
        write("two", "old");
        let live = Live::start(Pair(named("one"), named("two"))).expect("it is good");
        let look = || {
            live.look(false).map(|new| new.map(|it| it.to_string()).map_err(|it| it.to_string()))
        };
        assert_eq!(look(), None);

        // One after the other, and a look between.
        write("one", "new");
        assert_eq!(look(), None, "it may not be all there yet");
        write("two", "new");
        assert_eq!(look(), None, "it has just changed");
        assert_eq!(*live.get(), "old");
        assert_eq!(look(), Some(Ok("new".into())));
        assert_eq!((look(), live.get().as_str()), (None, "new"));

        write("two", "bad");
        assert_eq!(look(), None);
        let fault = look().expect("it is judged").expect_err("it is bad");
        assert!(fault.ends_with("which does not fit"), "{fault}");
        assert_eq!((look(), look(), live.get().as_str()), (None, None, "new"), "said once");

        fs::remove_file(folder.path().join("one")).expect("it was there");
        assert_eq!(look(), None);
        let fault = look().expect("it is judged").expect_err("it is away");
        assert!(fault.contains("cannot be read"), "{fault}");
        assert_eq!((look(), live.get().as_str()), (None, "new"));

        write("one", "new");
        write("two", "new");
        assert_eq!(look(), None);
        assert_eq!(look(), Some(Ok("new".into())), "as it was, but it was bad meanwhile");

        // Somebody says that it is all there.
        assert!(live.look(true).is_none(), "it is in force");
        write("one", "other");
        assert!(live.look(true).is_some_and(|judged| judged.is_err()));
        assert!(live.look(true).is_some_and(|judged| judged.is_err()), "said again");
        write("two", "other");
        let judged = live.look(true).expect("it is judged at once").expect("it is good");
        assert_eq!((judged.as_str(), live.get().as_str()), ("other", "other"));
    }
}

//! The files of a journal: one that is written, and as many older ones as are kept.
//!
//! `FILE` is written, `FILE.1` is the one before it, and so on; the oldest goes. The one that is written is
//! locked, so that nobody else writes it too, nor puts it aside. A journal is an ordinary file, or a link to
//! one, and its own files stand where the link leads: to open a pipe may wait for ever, and a device keeps
//! nothing.
//!
//! The file that is written may be moved or removed by others at any time. It is looked at before each
//! write; who owns the lines decides what to do ([`Whereabouts`]).
//!
//! All of this waits for a disk, so it belongs to a thread of its own.

use super::kind::{self, Identity};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// The most links that are followed to a file that may not be there yet. The system's own bound is 40.
const LINKS: usize = 40;

/// Where a journal stands, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The file that is written.
    pub file: PathBuf,
    /// The size at which a file is full, in bytes. The lines of one message stay together, so a file
    /// may be larger by those of one.
    pub max_bytes: u64,
    /// How many files there are at most, the one that is written included; at least 1.
    pub files: u32,
}

/// A journal that cannot be begun.
#[derive(Debug, Error)]
#[error("cannot write the journal {}: {error}", .file.display())]
pub struct OpenError {
    /// The file.
    pub file: PathBuf,
    /// Why not.
    pub error: io::Error,
}

/// Where the file that is being written is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// In its place.
    InPlace,
    /// Under another name, and still somebody's to read.
    Moved,
    /// Under no name any more: what is written to it is lost.
    Removed,
}

/// What the journal's thread does with a disk.
pub(super) trait Disk {
    /// Where the current file is.
    fn whereabouts(&self) -> Whereabouts;

    /// Puts the current file aside and begins the next.
    fn turn(&mut self) -> io::Result<()>;

    /// Writes whole lines, or none of them: half a line would spoil the next.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;

    /// Has the disk take what was written.
    fn sync(&self) -> io::Result<()>;
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Files {
    bounds: Bounds,
    file: File,
    identity: Identity,
    /// How long the current file is, as far as it holds whole lines.
    written: u64,
    /// True if the current file may end with half a line.
    is_torn: bool,
}

/// Whether a journal could be begun here, as far as that can be said without beginning it. Whether
/// somebody else is writing it is not asked: whoever asks may be about to take its place.
///
/// # Errors
/// If it could not.
pub fn check(bounds: &Bounds) -> Result<(), OpenError> {
    let look = || {
        let place = resolve(&bounds.file)?;
        ordinary(&place)?;
        match File::options().append(true).open(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map(drop),
        }
        let folder = fs::metadata(parent(&place)).map_err(|error| unmade(&place, error))?;
        if folder.permissions().readonly() {
            return Err(io::Error::other("nothing may be made in its folder"));
        }
        Ok(())
    };
    look().map_err(|error| OpenError { file: bounds.file.clone(), error })
}

impl Files {
    /// Begins a file, and keeps the one that is there as an older one.
    pub(super) fn open(mut bounds: Bounds) -> io::Result<Self> {
        bounds.file = resolve(&bounds.file)?;
        let (file, identity) = begin(&bounds, None)?;
        Ok(Self { bounds, file, identity, written: 0, is_torn: false })
    }

    fn is_in_place(&self) -> bool {
        fs::metadata(&self.bounds.file).is_ok_and(|there| Identity::of(&there) == self.identity)
    }
}

impl Disk for Files {
    fn whereabouts(&self) -> Whereabouts {
        if self.is_in_place() {
            return Whereabouts::InPlace;
        }
        let is_named = self.file.metadata().is_ok_and(|file| kind::has_a_name(&file));
        if is_named { Whereabouts::Moved } else { Whereabouts::Removed }
    }

    fn turn(&mut self) -> io::Result<()> {
        // A file that is empty may as well go on.
        if !self.is_in_place() || self.file.metadata()?.len() > 0 {
            (self.file, self.identity) = begin(&self.bounds, Some(self.identity))?;
        }
        (self.written, self.is_torn) = (0, false);
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut added = lines.len() as u64;
        let result = if self.is_torn {
            added += 1;
            self.file.write_all(&[b"\n", lines].concat())
        } else {
            self.file.write_all(lines)
        };
        if result.is_ok() {
            self.written += added;
            self.is_torn = false;
        } else {
            // If this fails as well, what comes next begins with the end of that line. A reader forgives
            // half a line before a gap.
            self.is_torn |= self.file.set_len(self.written).is_err();
        }
        result
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// The file that a path leads to, over all links, whether it is there or not.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&place) {
            Ok(to) => place = parent(&place).join(to),
            Err(_) => return Ok(place),
        }
    }
    Err(io::Error::other("too many links lead on from one to the next"))
}

/// The folder that a file stands in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Refuses what is there and no ordinary file.
fn ordinary(place: &Path) -> io::Result<()> {
    match fs::metadata(place) {
        Ok(there) => kind::ordinary(&there),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// What it means that a file cannot be made.
fn unmade(place: &Path, error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    io::Error::other(format!("there is no folder {}", parent(place).display()))
}

/// Begins a file, and locks it. What is there is kept as an older one, unless somebody else writes it;
/// `own` is the file that we have written and locked so far.
fn begin(bounds: &Bounds, own: Option<Identity>) -> io::Result<(File, Identity)> {
    let there = open(&bounds.file)?;
    let metadata = there.metadata()?;
    let identity = Identity::of(&metadata);
    if own != Some(identity) {
        lock(&there)?;
        if metadata.len() == 0 {
            return Ok((there, identity));
        }
    }
    shift(bounds)?;
    let next = open(&bounds.file)?;
    lock(&next)?;
    let identity = Identity::of(&next.metadata()?);
    Ok((next, identity))
}

/// Opens the file for adding to it, and makes it if there is none.
fn open(place: &Path) -> io::Result<File> {
    ordinary(place)?;
    // To append is to write where the file ends, also after it has been cut.
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    kind::private(&mut options);
    let file = options.open(place).map_err(|error| unmade(place, error))?;
    // It may have become another since it was looked at.
    kind::ordinary(&file.metadata()?)?;
    Ok(file)
}

/// Locks a file for as long as it is open, whatever it is called meanwhile.
fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::other("another process is writing it; each needs a file of its own"))
        }
        Err(TryLockError::Error(error)) => {
            tracing::warn!("nothing keeps others from writing the journal too: {error}");
            Ok(())
        }
    }
}

/// Moves every file one place on; the oldest goes.
fn shift(bounds: &Bounds) -> io::Result<()> {
    if bounds.files < 2 {
        return fs::remove_file(&bounds.file);
    }
    for older in (1..bounds.files).rev() {
        let from = if older == 1 { bounds.file.clone() } else { place(&bounds.file, older - 1) };
        match fs::rename(from, place(&bounds.file, older)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The name of an older file.
fn place(file: &Path, older: u32) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{older}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(folder: &Path, name: &str) -> Option<String> {
        fs::read_to_string(folder.join(name)).ok()
    }

    #[test]
    fn older_files_move_on_and_the_oldest_goes() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let file = folder.path().join("j");
        let bounds = Bounds { file: file.clone(), max_bytes: 10, files: 3 };
        let mut files = Files::open(bounds.clone()).expect("it can be written");
        for text in ["one", "two", "three", "four"] {
            files.write(text.as_bytes()).expect("it can be written");
            files.turn().expect("it can be turned");
        }
        let read = |name: &str| text(folder.path(), name);
        assert_eq!(read("j").as_deref(), Some(""));
        assert_eq!(read("j.1").as_deref(), Some("four"));
        assert_eq!(read("j.2").as_deref(), Some("three"));
        assert_eq!(read("j.3"), None);
        files.write(b"five").expect("it can be written");
        drop(files);
        drop(Files::open(bounds).expect("a new run begins a new file"));
        assert_eq!(read("j.1").as_deref(), Some("five"));
    }

    #[test]
    fn one_file_alone_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let bounds = Bounds { file: folder.path().join("j"), max_bytes: 10, files: 1 };
        let mut files = Files::open(bounds).expect("it can be written");
        files.write(b"one").expect("it can be written");
        files.turn().expect("it can be turned");
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 1);
    }

    #[test]
    fn one_journal_has_one_writer() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let bounds = Bounds { file: folder.path().join("j"), max_bytes: 10, files: 2 };
        let mut first = Files::open(bounds.clone()).expect("it can be written");
        for text in ["", "one", "two"] {
            let error = Files::open(bounds.clone()).expect_err("it is taken").to_string();
            assert!(error.starts_with("another process is writing it"), "{error}");
            first.write(text.as_bytes()).expect("it can be written");
            first.turn().expect("it can be turned");
        }
        // Another has begun where ours was removed: that is left alone.
        fs::remove_file(&bounds.file).expect("it is there");
        let second = Files::open(bounds.clone()).expect("it is free");
        first.turn().expect_err("it is taken");
        drop((first, second));
        drop(Files::open(bounds).expect("it is free again"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_its_owners_alone_and_stands_where_a_link_leads() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().expect("a folder for a test");
        fs::create_dir(folder.path().join("far")).expect("a folder");
        symlink("far/j", folder.path().join("link")).expect("a link");
        let bounds = Bounds { file: folder.path().join("link"), max_bytes: 10, files: 2 };
        let mut files = Files::open(bounds).expect("it can be written");
        files.write(b"one\n").expect("it can be written");
        files.turn().expect("it can be turned");
        let link = fs::symlink_metadata(folder.path().join("link")).expect("it is there");
        assert!(link.is_symlink(), "it is left alone");
        for name in ["far/j", "far/j.1"] {
            let mode = fs::metadata(folder.path().join(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_gone_is_seen_to_be_and_is_begun_again() {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let file = folder.path().join("j");
        let bounds = Bounds { file: file.clone(), max_bytes: 10, files: 3 };
        let mut files = Files::open(bounds).expect("it can be written");
        files.write(b"one\n").expect("it can be written");
        assert_eq!(files.whereabouts(), Whereabouts::InPlace);
        fs::rename(&file, folder.path().join("elsewhere")).expect("it is there");
        assert_eq!(files.whereabouts(), Whereabouts::Moved);
        fs::remove_file(folder.path().join("elsewhere")).expect("it is there");
        assert_eq!(files.whereabouts(), Whereabouts::Removed);
        fs::write(&file, "somebody else's").expect("it can be written");
        assert_eq!(files.whereabouts(), Whereabouts::Removed);
        files.turn().expect("it can be begun");
        files.write(b"two\n").expect("it can be written");
        assert_eq!(text(folder.path(), "j").as_deref(), Some("two\n"));
        assert_eq!(text(folder.path(), "j.1").as_deref(), Some("somebody else's"));
    }
}

//! How many connections the system has files for.
//!
//! A server that has used up its files can accept nothing more, and its probes cannot either: so it
//! asks for as many as it may have, lets in no more connections than leave some over, and keeps those of its
//! two ports apart.

/// Files that are no connections: the log, the listeners, the journal, the scrape, traces.
const OTHERS: usize = 40;
/// The part of the files that the HTTP port may have at most.
const HTTP_PART: usize = 4;

/// Connections that there are files for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    /// To the chat's port.
    pub(super) chat: usize,
    /// To the HTTP port.
    pub(super) http: usize,
}

/// How many connections there may be where so many are wanted on each port. The soft limit of the process
/// is raised for it, as far as the system allows.
pub(super) fn granted(chat: usize, http: usize) -> Granted {
    share(files(), Granted { chat, http })
}

fn share(files: usize, wanted: Granted) -> Granted {
    let files = files.saturating_sub(OTHERS);
    let http = wanted.http.min((files / HTTP_PART).max(1));
    Granted { chat: wanted.chat.min(files.saturating_sub(http).max(1)), http }
}

#[cfg(unix)]
fn files() -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let files = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    usize::try_from(files).unwrap_or(usize::MAX)
}

/// Here nobody counts files.
#[cfg(not(unix))]
fn files() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_has_files_of_its_own() {
        let wanted = Granted { chat: 16_640, http: 256 };
        assert_eq!(share(usize::MAX, wanted), wanted);
        assert_eq!(share(20_000, wanted), wanted);
        assert_eq!(share(1024, wanted), Granted { chat: 738, http: 246 });
        assert_eq!(share(128, wanted), Granted { chat: 66, http: 22 });
        assert_eq!(share(10, wanted), Granted { chat: 1, http: 1 });
    }
}

//! How many connections the system has files for.
//!
//! A server that has used up its files can accept nothing more, and its probes cannot either: so it
//! asks for as many as it may have, and lets in no more connections than leave some over.

/// Files that are no connections of the chat: the log, the listeners, probes, the scrape, traces.
const OTHERS: u64 = 64;

/// How many connections of the chat there may be. The soft limit of the process is raised for it, as
/// far as the system allows.
#[cfg(unix)]
pub(super) fn granted() -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return usize::MAX };
    let files = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    usize::try_from(files.saturating_sub(OTHERS)).unwrap_or(usize::MAX).max(1)
}

/// How many connections of the chat there may be: here nobody counts files.
#[cfg(not(unix))]
pub(super) fn granted() -> usize {
    usize::MAX
}

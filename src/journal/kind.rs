//! What kind of file something is, and whose: the part of it that differs from system to system.
//!
//! It opens nothing.

use std::{
    fs::{Metadata, OpenOptions},
    io,
};

/// Tells one file from another, whatever they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

impl Identity {
    #[cfg(unix)]
    pub(super) fn of(file: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self(file.dev(), file.ino())
    }

    /// Elsewhere an open file can be neither moved nor removed.
    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Self {
        Self(0, 0)
    }
}

/// Refuses what is no ordinary file, by what it is.
pub(super) fn ordinary(file: &Metadata) -> io::Result<()> {
    if file.is_file() {
        return Ok(());
    }
    let kind = if file.is_dir() { "a folder" } else { special(file) };
    Err(io::Error::other(format!("it is {kind}; a journal is an ordinary file, or a link to one")))
}

#[cfg(unix)]
fn special(file: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = file.file_type();
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "no file"
    }
}

#[cfg(not(unix))]
fn special(_: &Metadata) -> &'static str {
    "no file"
}

/// Whether an open file can still be found under any name.
#[cfg(unix)]
pub(super) fn has_a_name(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    file.nlink() > 0
}

#[cfg(not(unix))]
pub(super) fn has_a_name(_: &Metadata) -> bool {
    true
}

/// A file that is made belongs to its owner alone, and to open one never waits: a pipe may have taken the
/// place of a file that has just been looked at.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600).custom_flags(nix::libc::O_NONBLOCK);
}

#[cfg(not(unix))]
pub(super) fn private(_: &mut OpenOptions) {}

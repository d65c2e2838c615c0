//! The files of a journal: one that is written, and as many older ones as are kept.
//!
//! `FILE` is written, `FILE.1` is the one before it, and so on; the oldest goes. What is no ordinary
//! file (a pipe, a device) is written and never turned. All of this waits for a disk, so it belongs
//! to a thread of its own.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};
use thiserror::Error;

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

/// See the module's text.
#[derive(Debug)]
pub(super) struct Files {
    bounds: Bounds,
    file: File,
    is_ordinary: bool,
    /// What has been written of the current file.
    written: u64,
}

impl Files {
    /// Begins a file, and keeps the one that is there as an older one.
    pub(super) fn open(bounds: Bounds) -> io::Result<Self> {
        let is_ordinary = fs::metadata(&bounds.file).map_or(true, |there| there.is_file());
        if is_ordinary && fs::metadata(&bounds.file).is_ok_and(|there| there.len() > 0) {
            shift(&bounds)?;
        }
        let file = begin(&bounds.file, is_ordinary)?;
        Ok(Self { bounds, file, is_ordinary, written: 0 })
    }

    /// Puts the current file aside and begins the next.
    pub(super) fn turn(&mut self) -> io::Result<()> {
        if self.is_ordinary {
            shift(&self.bounds)?;
            self.file = begin(&self.bounds.file, true)?;
            self.written = 0;
        }
        Ok(())
    }

    /// Writes whole lines, or none of them: half a line would spoil the next.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let result = self.file.write_all(lines);
        if result.is_ok() {
            self.written += lines.len() as u64;
        } else if self.is_ordinary {
            // If this fails as well, a reader comes upon half a line before a gap, and forgives it.
            let _ = self.file.set_len(self.written);
        }
        result
    }

    /// Has the disk take what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_ordinary { self.file.sync_data() } else { Ok(()) }
    }
}

fn begin(file: &Path, is_ordinary: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    if is_ordinary {
        // To append is to write where the file ends, also after it has been cut.
        options.append(true).create(true);
    } else {
        options.write(true);
    }
    options.open(file)
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
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("j").as_deref(), Some(""));
        assert_eq!(read("j.1").as_deref(), Some("four"));
        assert_eq!(read("j.2").as_deref(), Some("three"));
        assert_eq!(read("j.3"), None);
        files.write(b"five").expect("it can be written");
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
}

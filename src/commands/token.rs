//! `chittychat token`: a new token for a participant.
//!
//! The token is its holder's, the line with its hash is the server's. With `--out` the token goes into a
//! file that only its owner can read, and standard output has nothing but the line, so that
//! `chittychat token Anton --out anton.token >> tokens` is all there is to do.

use super::Failure;
use crate::keys::tokens::mint;
use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Arguments of `token`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name that the token is for
    name: String,
    /// Write the token into this new file, and only the server's line to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes it, and prints it or its line.
///
/// # Errors
/// If the name cannot have a token, or the output cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let minted = mint(&args.name).map_err(Failure::Usage)?;
    let print = match &args.out {
        Some(path) => {
            write_secret(path, &minted.token).map_err(|error| {
                Failure::Failed(format!("cannot write {}: {error}", path.display()))
            })?;
            format!("{}\n", minted.line)
        }
        None => format!(
            "The token, which its holder keeps secret; it is not to be seen again:\n\n{}\n\n\
             The line for the server's file of tokens (`auth.tokens`):\n\n{}\n",
            minted.token, minted.line
        ),
    };
    io::stdout().write_all(print.as_bytes()).map_err(Failure::output)
}

/// Writes a file that was not there before, for its owner alone.
fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    writeln!(options.open(path)?, "{secret}")
}

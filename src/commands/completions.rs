//! `chittychat completions`: scripts that teach a shell the command line.

use super::{Cli, Failure};
use clap::{CommandFactory as _, ValueEnum};
use clap_complete::{Shell, generate};
use std::io::{self, Write as _};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "For bash: chittychat completions bash > ~/.local/share/bash-completion/completions/chittychat"
)]
pub struct Args {
    /// The shell
    shell: Known,
}

/// The shells that there is a script for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script.
///
/// # Errors
/// If it cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let shell = match args.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "chittychat", &mut script);
    io::stdout().write_all(&script).map_err(Failure::output)
}

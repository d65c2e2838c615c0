//! The command line: one file for each subcommand, and what they have in common.

pub mod bench;
pub mod completions;
pub mod demo;
pub mod diagram;
mod guard;
pub mod healthcheck;
mod inputs;
pub mod join;
pub mod probe;
mod secrets;
pub mod serve;
pub mod token;
pub mod verify;

pub use inputs::graph_of;

use clap::{Parser, Subcommand};
use std::{fmt, io};

/// A chat service whose every node is a Lamport process.
#[derive(Debug, Parser)]
#[command(name = "chittychat", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Start with `chittychat demo`. Logs go to standard error; CHITTYCHAT_LOG filters them, \
    for example CHITTYCHAT_LOG=info,chittychat::delivery=debug for a line for each delivery."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a server and three participants converse, then join in
    Demo(demo::Args),
    /// Run the server
    Serve(serve::Args),
    /// Join a room: interactively on a terminal, line by line on a pipe
    Join(join::Args),
    /// Load a server, check that nothing is lost or out of order, and measure it
    Bench(bench::Args),
    /// Make a token for a participant of a server that asks for one
    Token(token::Args),
    /// Check recorded events: the clock condition, and every other promise
    Verify(verify::Args),
    /// Draw recorded events: who sent what to whom, and when by their clocks
    Diagram(diagram::Args),
    /// Do to a server what clients do in the end, and say what it survived
    Probe(probe::Args),
    /// Ask a server whether it is serving: exit code 0 if it is, 1 if not
    Healthcheck(healthcheck::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// With the sentence to print, and the exit code.
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Join(args) => join::run(args).await,
            Command::Bench(args) => bench::run(args).await,
            Command::Token(args) => token::run(&args),
            Command::Verify(args) => verify::run(args).await,
            Command::Diagram(args) => diagram::run(args).await,
            Command::Probe(args) => probe::run(args).await,
            Command::Healthcheck(args) => healthcheck::run(args).await,
            Command::Completions(args) => completions::run(&args),
        }
    }
}

/// Why a command ended badly, as a sentence for people.
#[derive(Debug)]
pub enum Failure {
    /// It was asked for something that makes no sense, and did nothing. Exit code 2.
    Usage(String),
    /// It could not do it, or not to the end. Exit code 1.
    Failed(String),
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }

    fn signals(error: io::Error) -> Self {
        Self::Failed(format!("cannot listen for signals: {error}"))
    }

    fn output(error: io::Error) -> Self {
        Self::Failed(format!("cannot write the output: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(sentence) | Self::Failed(sentence)) = self;
        f.write_str(sentence)
    }
}

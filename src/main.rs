//! The `chittychat` program: reads the arguments and calls the command.

use chittychat::commands::Cli;
use clap::Parser as _;
use std::{io::Write as _, process::ExitCode};
use tokio::runtime::Builder;

/// After so many tasks a thread looks whether something has come over the network. Tokio's own 61 is
/// for shorter tasks: one of ours may write to a socket for a tenth of a millisecond.
const TASKS_IN_A_ROW: u32 = 16;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = Builder::new_multi_thread().enable_all().event_interval(TASKS_IN_A_ROW).build();
    let error = match runtime {
        Ok(runtime) => match runtime.block_on(cli.run()) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => (failure.to_string(), failure.code()),
        },
        Err(error) => (format!("no threads can be started: {error}"), 1),
    };
    // In one piece: the line editor may be drawing its prompt a last time. If standard error is closed,
    // there is nobody to tell.
    let line = format!("error: {}\n", error.0);
    let _ = std::io::stderr().write_all(line.as_bytes());
    error.1.into()
}

//! The `chittychat` program: reads the arguments and calls the command.

use chittychat::commands::Cli;
use clap::Parser as _;
use std::{io::Write as _, process::ExitCode};

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // In one piece: the line editor may be drawing its prompt a last time. If standard error
            // is closed, there is nobody to tell.
            let line = format!("error: {failure}\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
            failure.code().into()
        }
    }
}

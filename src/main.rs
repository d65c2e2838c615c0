//! The `chittychat` program: reads the arguments and calls the command.

use chittychat::commands::Cli;
use clap::Parser as _;
use std::{io::Write as _, process::ExitCode};

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If standard error is closed, there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.code().into()
        }
    }
}

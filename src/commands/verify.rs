//! `chittychat verify`: reads what was recorded and checks every promise against it.
//!
//! It takes any mix of records, tells by their content what they are, puts them together into one
//! history and says of each promise what became of it. It needs no server and changes nothing.

mod print;

use super::{Failure, inputs::Inputs};
use crate::causality;
use clap::ValueEnum;
use std::io::{self, Write as _};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A FILE is a journal of `serve` or `join` (give all files of a run: server.journal*), log lines \
    of a server or a client, the original's included, spans as a collector's file exporter writes them (OTLP \
    JSON), or an answer of Jaeger's. Which it is, is told by its content.\n\n\
    Exit code 0: nothing is broken. 1: a promise is broken. 2: something cannot be read."
)]
pub struct Args {
    #[command(flatten)]
    inputs: Inputs,
    /// Demand the exact rules: each time is max + 1, and fan-outs go round the ring
    #[arg(long)]
    strict: bool,
    /// How the outcome is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The forms of the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// `JUnit` XML, a test for each promise
    Junit,
}

/// Checks, and prints what came of it.
///
/// # Errors
/// If a promise is broken, or something cannot be read.
pub async fn run(args: Args) -> Result<(), Failure> {
    let checking = move || {
        let (graph, remark) = args.inputs.read().map_err(Failure::Usage)?;
        let report = causality::check(&graph, args.strict);
        let printed = match args.format {
            Format::Text => print::text(&graph, &report, remark.as_deref()),
            Format::Json => print::json(&graph, &report, remark.as_deref()),
            Format::Junit => print::junit(&graph, &report),
        };
        io::stdout().write_all(printed.as_bytes()).map_err(Failure::output)?;
        if report.is_broken() {
            return Err(Failure::Failed("a promise is broken".to_owned()));
        }
        Ok(())
    };
    // It reads files and computes, which a runtime's own threads are not there for.
    let checked = tokio::task::spawn_blocking(checking).await;
    checked.unwrap_or_else(|error| Err(Failure::Failed(format!("the check failed: {error}"))))
}

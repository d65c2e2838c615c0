//! `chittychat bench`: loads a server of the protocol, ours or another, and measures what comes of it.
//!
//! It is an open loop (`--rate`: the time of every message is fixed in advance, and latency counts
//! from there, so a server that stalls cannot hide it by slowing the generator down), a burst
//! (`--burst`), or a closed loop that goes on for a time (`--in-flight`). It checks while it measures:
//! nothing may be lost, doubled or out of order, and if something is, the first counterexample ends
//! the run with exit code 1.
//!
//! It is no participant: `client` speaks for a person, comes back, shows what it hears. Here one
//! thread holds thousands of streams over hand-read HTTP/2 ([`framing`]), because a server can only be
//! measured by what costs less than it.

mod checker;
mod connection;
mod crowd;
mod drive;
mod fields;
mod framing;
mod pacer;
mod person;
mod plain;
mod plan;
mod progress;
mod report;
mod tally;
mod usage;

use super::Failure;
use crate::client::ServerAddress;
use clap::ValueEnum;
use plan::{
    Load, MAX_BURST, MAX_CHURN, MAX_DURATION, MAX_JOIN_RATE, MAX_PARTICIPANTS, MAX_RATE,
    MAX_TEXT_BYTES, MIN_TEXT_BYTES, Plan, Protocol,
};
use report::Report;
use std::{
    fs,
    io::{self, Write as _},
    net::{SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
    process,
    time::{Duration, SystemTime},
};
use usage::Usage;

/// Messages a second if nothing was said.
const DEFAULT_RATE: f64 = 100.0;
/// Files that we have open besides connections.
const OTHER_FILES: u64 = 64;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 0 if everything was delivered once and in order; 1 with the first \
    counterexample if not; 2 if it was asked for what makes no sense."
)]
pub struct Args {
    /// The server's address
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    server: String,
    /// What it speaks: the chat's protocol, or what peers are measured by
    #[arg(long, value_enum, default_value_t)]
    protocol: Protocol,
    /// How many participants join, 2 to 20,000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = participants)]
    participants: usize,
    /// How many of them come in a second, up to 100,000 [default: as many as the server lets in]
    #[arg(long, value_name = "R", value_parser = join_rate)]
    join_rate: Option<f64>,
    /// How many of them publish, taking turns
    #[arg(long, value_name = "P", default_value_t = 1, value_parser = participants_or_one)]
    publishers: usize,
    /// The bytes of a text, 16 to 464; over 128 it holds characters of several bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = text_bytes)]
    text_bytes: usize,
    /// Messages a second in all, at times fixed in advance [default: 100, unless there is a burst]
    #[arg(long, value_name = "R", value_parser = rate, conflicts_with = "burst")]
    rate: Option<f64>,
    /// This many messages as fast as they go, and then wait for all deliveries
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_BURST))]
    burst: Option<u64>,
    /// How many messages may be on their way at once: with 1, one at a time
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u64).range(1..))]
    in_flight: Option<u64>,
    /// How long messages are sent, if there is no burst, up to 10min
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration, conflicts_with = "burst")]
    duration: Duration,
    /// `each`, `shared`, or how many participants share a connection
    #[arg(long, value_name = "HOW", default_value = "each", value_parser = connections)]
    connections: usize,
    /// How often a second one participant leaves and comes back, up to 1,000
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = churn)]
    churn: f64,
    /// The server's process, if it runs here: its CPU, memory and context switches are reported
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Load a server that is not on this machine
    #[arg(long)]
    allow_remote: bool,
    /// Load nothing: print what the second of two JSON results is of the first
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"])]
    compare: Option<Vec<PathBuf>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Loads the server and prints what was measured, or compares two results.
///
/// # Errors
/// If something was lost, doubled or out of order, or the run could not be brought to its end.
pub async fn run(args: Args) -> Result<(), Failure> {
    if let Some(files) = &args.compare {
        return print(&compare(files)?);
    }
    let plan = plan(&args)?;
    let files = plan.participants.div_ceil(plan.per_connection) as u64 + OTHER_FILES;
    usage::allow_files(files).map_err(Failure::Failed)?;
    let driven = tokio::task::spawn_blocking(move || drive::drive(&plan)).await;
    let outcome = match driven {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(fault)) => return Err(Failure::Failed(fault.to_string())),
        Err(_) => return Err(Failure::Failed("the load generator has a bug".to_owned())),
    };
    let report = match args.format {
        Format::Text => outcome.report.to_string(),
        Format::Json => {
            outcome.report.json().map_err(|error| Failure::Failed(error.to_string()))?
        }
    };
    print(&report)?;
    match outcome.fault {
        None => Ok(()),
        Some(fault) => Err(Failure::Failed(fault.to_string())),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes()).map_err(Failure::output)
}

/// The plan that the arguments ask for.
fn plan(args: &Args) -> Result<Plan, Failure> {
    let address =
        ServerAddress::parse(&args.server).map_err(|fault| Failure::Usage(fault.to_string()))?;
    if address.is_encrypted() {
        return Err(Failure::Usage("bench speaks plain text alone; leave out https://".to_owned()));
    }
    let server = resolve(&address)?;
    if !server.ip().is_loopback() && !args.allow_remote {
        return Err(Failure::Usage(format!(
            "{server} is not on this machine, and this is a load: say --allow-remote if it is yours"
        )));
    }
    if args.pid.is_some_and(|pid| Usage::of(pid).is_none()) {
        return Err(Failure::Usage(
            "there is no such process here as --pid names, or no /proc to ask".to_owned(),
        ));
    }
    let load = match (args.burst, args.in_flight) {
        (Some(messages), in_flight) => {
            Load::Burst { messages, in_flight: in_flight.unwrap_or(messages) }
        }
        (None, Some(in_flight)) => Load::Closed { in_flight, duration: args.duration },
        (None, None) => {
            Load::Rate { per_second: args.rate.unwrap_or(DEFAULT_RATE), duration: args.duration }
        }
    };
    let plan = Plan {
        protocol: args.protocol,
        server,
        authority: address.to_string(),
        run: run_number(),
        participants: args.participants,
        join_rate: args.join_rate,
        publishers: args.publishers,
        text_bytes: args.text_bytes,
        per_connection: args.connections,
        load,
        churn: args.churn,
        pid: args.pid,
    };
    plan.judge().map_err(Failure::Usage)?;
    Ok(plan)
}

fn resolve(address: &ServerAddress) -> Result<SocketAddr, Failure> {
    let found = (address.host(), address.port()).to_socket_addrs();
    let first = found.map(|mut found| found.next());
    match first {
        Ok(Some(server)) => Ok(server),
        Ok(None) => Err(Failure::Failed(format!("{address} has no address"))),
        Err(error) => Err(Failure::Failed(format!("cannot find {address}: {error}"))),
    }
}

/// A number that no other run in the same room is likely to have.
fn run_number() -> u16 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mixed = u64::from(process::id()).wrapping_mul(0x9e37_79b9) ^ u64::from(now.subsec_nanos());
    let [low, high, ..] = mixed.to_le_bytes();
    u16::from_le_bytes([low, high])
}

fn compare(files: &[PathBuf]) -> Result<String, Failure> {
    let read = |path: &Path| -> Result<Report, Failure> {
        let because =
            |error: String| Failure::Failed(format!("cannot read {}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| because(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| because(error.to_string()))
    };
    match files {
        [first, second] => Ok(report::compare(&read(first)?, &read(second)?)),
        _ => Err(Failure::Usage("two results can be compared, no more and no less".to_owned())),
    }
}

/// Reads a number that lies between two others.
fn between<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, String> {
    match text.parse() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(format!("allowed are numbers from {least} to {most}")),
    }
}

fn participants(text: &str) -> Result<usize, String> {
    between(text, 2, MAX_PARTICIPANTS)
}

fn join_rate(text: &str) -> Result<f64, String> {
    between(text, 0.1, MAX_JOIN_RATE)
}

fn participants_or_one(text: &str) -> Result<usize, String> {
    between(text, 1, MAX_PARTICIPANTS)
}

fn text_bytes(text: &str) -> Result<usize, String> {
    between(text, MIN_TEXT_BYTES, MAX_TEXT_BYTES)
}

fn rate(text: &str) -> Result<f64, String> {
    between(text, 0.01, MAX_RATE)
}

fn churn(text: &str) -> Result<f64, String> {
    between(text, 0.0, MAX_CHURN)
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() && duration <= MAX_DURATION => Ok(duration),
        Ok(_) => Err("allowed are durations up to 10min".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// How many participants share a connection.
fn connections(text: &str) -> Result<usize, String> {
    match text {
        "each" => Ok(1),
        "shared" => Ok(MAX_PARTICIPANTS),
        number => between(number, 1, MAX_PARTICIPANTS)
            .map_err(|_| format!("allowed are each, shared, and numbers to {MAX_PARTICIPANTS}")),
    }
}

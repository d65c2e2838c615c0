//! `chittychat probe`: a survival table for any server that speaks the original's protocol.
//!
//! It does to a server what clients do in the end: it vanishes, half-closes, sends what is no message,
//! too long, from somebody else or from nowhere, and never reads. Each fault is a case ([`case`]) with
//! bystanders of its own ([`scene`]), who talk before, during and after it; so that a server survives
//! means that others noticed nothing and newcomers are let in.
//!
//! It knows nothing of our server. It speaks the original's four fields over HTTP/2 in its own hands
//! ([`peer`]), waits for nothing without a bound, and takes a server that hangs, sends no headers or
//! dies as a result and not as an error. It proves no promise; the tests of the server do that.

mod case;
mod crowd;
mod fate;
mod identity;
mod losses;
mod messages;
mod peer;
mod presence;
mod report;
mod run;
mod scene;
mod texts;
mod times;
mod verdict;

use super::Failure;
use crate::client::ServerAddress;
pub use case::cases_table;
use case::{CASES, Case};
use clap::{ValueEnum, builder::PossibleValuesParser};
use peer::Target;
use run::{Probe, WAITS_PER_CASE};
use std::{
    io::{self, Write as _},
    time::Duration,
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use verdict::{Outcome, Verdict};

/// The shortest patience: a server on this machine may be busy.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// The longest.
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// Arguments of `probe`.
#[derive(Debug, clap::Args)]
#[command(after_help = bounds())]
pub struct Args {
    /// The server's address
    #[arg(value_name = "URL", required_unless_present = "list")]
    server: Option<String>,
    /// Run this case and no other; may be given several times
    #[arg(long, value_name = "CASE", value_parser = names(), hide_possible_values = true)]
    only: Vec<String>,
    /// Print the cases, as a Markdown table, and do nothing
    #[arg(long)]
    list: bool,
    /// How long any one thing may take, 100ms to 60s
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    timeout: Duration,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Probe a server that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

/// What a run does at most.
fn bounds() -> String {
    format!(
        "Exit code 0 if no case failed; 1 if one did, or the server was gone; 2 if it was asked for what \
         makes no sense, or two participants cannot talk over the server to begin with.\n\n\
         Bounds: a case takes at most {WAITS_PER_CASE} timeouts, and as a rule less than a second. At most \
         60 connections are open at once, a case publishes at most some 4,100 messages, and the largest \
         has a little over 4 MiB. It stays on this machine unless --allow-remote is given. Probe only a \
         server that may die of it."
    )
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Text,
    Json,
    Junit,
}

/// Probes a server and prints what survived.
///
/// # Errors
/// If a case failed, or the server could not be probed at all.
pub async fn run(args: Args) -> Result<(), Failure> {
    let Some(server) = args.server.as_deref().filter(|_| !args.list) else {
        return print(&cases_table());
    };
    let target = target(server, &args).await?;
    let cannot = |why| Failure::Usage(format!("{} cannot be probed: {why}", target.authority));
    let mut probe = Probe::new(target.clone()).await.map_err(cannot)?;
    let is_text = matches!(args.format, Format::Text);
    let cases: Vec<_> = CASES.iter().filter(|case| is_wanted(case, &args.only)).collect();
    if is_text {
        let noun = if cases.len() == 1 { "case" } else { "cases" };
        print(&format!("{}, {} {noun}\n", target.authority, cases.len()))?;
    }
    let mut outcomes = Vec::with_capacity(cases.len());
    for case in cases {
        let outcome = probe.run(case).await;
        if is_text {
            print(&report::line(&outcome))?;
        }
        outcomes.push(outcome);
    }
    print(&match args.format {
        Format::Text => report::counts(&outcomes),
        Format::Json => report::json(&target.authority, &outcomes)
            .map_err(|error| Failure::Failed(error.to_string()))?,
        Format::Junit => report::junit(&target.authority, &outcomes),
    })?;
    verdict_of(&outcomes)
}

fn is_wanted(case: &Case, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|name| name == case.name)
}

/// The end of the run: an error if a case failed, or could not be run because the server has gone.
fn verdict_of(outcomes: &[Outcome]) -> Result<(), Failure> {
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.finding.verdict, Verdict::Failed | Verdict::Gone))
        .map(|outcome| outcome.case.name)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (count, all) = (failed.len(), outcomes.len());
    Err(Failure::Failed(format!("not survived, {count} of {all} cases: {}", failed.join(", "))))
}

async fn target(server: &str, args: &Args) -> Result<Target, Failure> {
    let address =
        ServerAddress::parse(server).map_err(|fault| Failure::Usage(fault.to_string()))?;
    if address.is_encrypted() {
        return Err(Failure::Usage("probe speaks plain text alone; leave out https://".to_owned()));
    }
    let found = lookup_host((address.host(), address.port())).await;
    let found = found.map_err(|error| Failure::Usage(format!("cannot find {address}: {error}")))?;
    let (here, elsewhere): (Vec<_>, Vec<_>) = found.partition(|socket| socket.ip().is_loopback());
    let allowed = if args.allow_remote { [here, elsewhere].concat() } else { here };
    let Some(first) = allowed.first().copied() else {
        return Err(Failure::Usage(format!(
            "{address} is not on this machine, and the probe may end it: say --allow-remote if it is yours"
        )));
    };
    // A name such as localhost has several addresses, and the server may listen on one.
    let mut socket = first;
    for candidate in allowed {
        if let Ok(Ok(_)) = timeout(args.timeout, TcpStream::connect(candidate)).await {
            socket = candidate;
            break;
        }
    }
    Ok(Target { socket, authority: address.to_string(), patience: args.timeout })
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)
}

/// The names of all cases.
fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(CASES.iter().map(|case| case.name))
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&duration) => Ok(duration),
        Ok(_) => Err("allowed are durations from 100ms to 60s".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cases_have_one_name() {
        let names: std::collections::BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), CASES.len());
        let is_kebab = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(names.into_iter().all(is_kebab));
    }
}

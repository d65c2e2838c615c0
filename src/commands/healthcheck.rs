//! `chittychat healthcheck`: asks `grpc.health.v1` once, for containers that have no shell.
//!
//! The answer is the exit code. What is wrong, if anything, is a sentence on standard error, where an
//! orchestrator keeps it.

use super::{Failure, secrets::Secrets};
use crate::client::dial::{NoDial, dial};
use std::time::Duration;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Arguments of `healthcheck`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server's address: host:port, or with http:// or https:// before it
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    server: String,
    /// The service to ask about; without one, the server as a whole
    #[arg(long, value_name = "NAME", default_value = "")]
    service: String,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    secrets: Secrets,
}

/// Asks.
///
/// # Errors
/// If the server cannot be reached, or is not serving.
pub async fn run(args: Args) -> Result<(), Failure> {
    let Args { server, service, timeout, secrets } = args;
    // No token is ever needed: whoever asks for the health need not say who he is.
    let (server, credentials) = secrets.credentials(&server, None)?;
    let ask = async {
        let dialled = dial(server.clone(), credentials, false).await;
        let (channel, _) = dialled.map_err(|error| match error {
            NoDial::Name(why) | NoDial::Connection(why) => format!("cannot reach {server}: {why}"),
            NoDial::Trust(why) => format!("{server} is not to be trusted: {why}"),
        })?;
        let request = HealthCheckRequest { service };
        HealthClient::new(channel).check(request).await.map_err(|status| match status.code() {
            Code::NotFound => format!("{server} has no such service"),
            _ => format!("{server} did not answer: {}", status.message()),
        })
    };
    match tokio::time::timeout(timeout, ask).await {
        Ok(Ok(answer)) if answer.get_ref().status() == ServingStatus::Serving => Ok(()),
        Ok(Ok(_)) => Err(Failure::Failed(format!("{server} is not serving"))),
        Ok(Err(sentence)) => Err(Failure::Failed(sentence)),
        Err(_) => Err(Failure::Failed(format!("{server} did not answer within {timeout:?}"))),
    }
}

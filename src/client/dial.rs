//! A connection to the server: its name resolved, its socket open, its keep-alive set.
//!
//! One attempt, with a bound on every wait; whether there is another is not decided here.

use super::{ServerAddress, retry};
use std::{error::Error, time::Duration};
use tokio::{net::lookup_host, time::timeout};
use tonic::transport::{Channel, Endpoint};

/// How long a name may take to resolve, and a connection to stand.
const DIAL: Duration = Duration::from_secs(5);
/// A connection that is silent for this long is asked for a sign of life,
const PING_EVERY: Duration = Duration::from_secs(20);
/// and given this long to show one.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug)]
pub enum NoDial {
    /// The name does not resolve.
    Name(String),
    /// Nothing answers.
    Connection(String),
}

/// Opens a connection. `with_pings` asks a silent server for signs of life.
///
/// # Errors
/// With what kept it from standing, escaped.
pub async fn dial(server: ServerAddress, with_pings: bool) -> Result<Channel, NoDial> {
    // Resolved apart from the connection, since a name that does not exist is most likely a typing
    // error, while a server that does not answer is most likely on its way.
    match timeout(DIAL, lookup_host((server.host(), server.port()))).await {
        Err(_) => return Err(NoDial::Name("its name takes too long to resolve".into())),
        Ok(Err(error)) => return Err(NoDial::Name(retry::shown(&error.to_string()))),
        Ok(Ok(_)) => {}
    }
    let connection = |error: &dyn Error| {
        let cause = retry::root_cause(error).map(ToString::to_string);
        NoDial::Connection(retry::shown(&cause.unwrap_or_else(|| error.to_string())))
    };
    let mut endpoint = Endpoint::from_shared(server.uri())
        .map_err(|error| connection(&error))?
        .connect_timeout(DIAL)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(PING_EVERY));
    if with_pings {
        endpoint = endpoint.http2_keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_TIMEOUT);
    }
    match timeout(DIAL, endpoint.connect()).await {
        Err(_) => Err(NoDial::Connection("it does not answer".into())),
        Ok(connected) => connected.map_err(|error| connection(&error)),
    }
}

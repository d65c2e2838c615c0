//! A connection to the server: its name resolved, its socket open, its keep-alive set.
//!
//! One attempt, with a bound on every wait; whether there is another is not decided here.

use super::{ServerAddress, retry};
use crate::keys::{Bearer, Credentials};
use std::{error::Error, io, time::Duration};
use tokio::{net::lookup_host, time::timeout};
use tokio_rustls::rustls;
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
    /// The server has not proved who it is.
    Trust(String),
}

/// Opens a connection; with it comes the token to show on it. `with_pings` asks a silent server for
/// signs of life.
///
/// # Errors
/// With what kept it from standing, escaped.
pub async fn dial(
    server: ServerAddress,
    credentials: Credentials,
    with_pings: bool,
) -> Result<(Channel, Option<Bearer>), NoDial> {
    // Resolved apart from the connection, since a name that does not exist is most likely a typing
    // error, while a server that does not answer is most likely on its way.
    match timeout(DIAL, lookup_host((server.host(), server.port()))).await {
        Err(_) => return Err(NoDial::Name("its name takes too long to resolve".into())),
        Ok(Err(error)) => return Err(NoDial::Name(retry::shown(&error.to_string()))),
        Ok(Ok(_)) => {}
    }
    let connection = |error: &(dyn Error + 'static)| {
        if let Some(why) = distrust(error) {
            return NoDial::Trust(retry::shown(&why.to_string()));
        }
        let cause = retry::root_cause(error).map(ToString::to_string);
        NoDial::Connection(retry::shown(&cause.unwrap_or_else(|| error.to_string())))
    };
    // Small files, and a session that has nothing else to do.
    let loaded = credentials.load(server.host());
    let loaded = loaded.map_err(|fault| NoDial::Connection(fault.to_string()))?;
    let mut endpoint = Endpoint::from_shared(server.uri())
        .map_err(|error| connection(&error))?
        .connect_timeout(DIAL)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(PING_EVERY));
    if let Some(tls) = loaded.tls {
        endpoint = endpoint.tls_config(tls).map_err(|error| connection(&error))?;
    }
    if with_pings {
        endpoint = endpoint.http2_keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_TIMEOUT);
    }
    match timeout(DIAL, endpoint.connect()).await {
        Err(_) => Err(NoDial::Connection("it does not answer".into())),
        Ok(connected) => {
            connected.map(|channel| (channel, loaded.bearer)).map_err(|error| connection(&error))
        }
    }
}

/// What is wrong with the server's certificate, if that is what an error is about.
fn distrust<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    std::iter::successors(Some(error), |&cause| cause.source())
        .find_map(|cause| {
            // An I/O error does not count the one that it wraps among its sources.
            let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            inner.and_then(|inner| inner.downcast_ref())
        })
        .filter(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

//! What the peers share besides an idea: an address to listen on, and leave to open many files.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{env, error::Error, io::Write as _, net::SocketAddr};

/// Where to listen: the first argument, or any free port.
pub(crate) fn address() -> Result<SocketAddr, Box<dyn Error>> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:0").parse()?)
}

/// Says where it listens, for whoever started it.
pub(crate) fn listening(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "listening on {address}")?)
}

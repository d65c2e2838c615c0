//! Who may come in, as the settings have it, and what is said about that when the server starts.

use super::Failure;
use crate::config::Settings;
use crate::keys::{Access, Files};
use std::{net::SocketAddr, path::Path};

/// Reads the files that the settings name.
pub(super) fn access(settings: &Settings) -> Result<Access, Failure> {
    let tls = &settings.grpc.tls;
    let pair = |(cert, key): (&Path, &Path)| (cert.to_owned(), key.to_owned());
    let files = Files {
        cert_and_key: tls.cert_and_key().map(pair),
        client_ca: tls.client_ca().map(Path::to_owned),
        crl: tls.crl().map(Path::to_owned),
        tokens: settings.auth.tokens().map(Path::to_owned),
    };
    Access::load(files).map_err(|fault| Failure::Usage(fault.to_string()))
}

/// Says what is asked of participants, and warns of what is unwise.
pub(super) fn tell(address: SocketAddr, access: &Access) {
    let tls = access.tls();
    if tls.is_some() || !access.is_anonymous() {
        let certificate = tls.as_ref().is_some_and(|tls| tls.asks_for_certificates());
        let asked = match (certificate, access.tokens()) {
            (false, None) => "nothing".to_owned(),
            (true, None) => "a certificate".to_owned(),
            (false, Some(tokens)) => format!("a token, of {}", tokens.len()),
            (true, Some(tokens)) => format!("a certificate and a token, of {}", tokens.len()),
        };
        let over = if tls.is_some() { "over TLS" } else { "in plain text" };
        tracing::info!("Participants connect {over} and must show {asked}");
    }
    for warning in access.warnings() {
        tracing::warn!("{warning}");
    }
    if let Some(warning) = exposure(address, access) {
        tracing::warn!("{warning}");
    }
}

/// What strangers can do on this address, if it is not this machine's own.
fn exposure(address: SocketAddr, access: &Access) -> Option<String> {
    if address.ip().to_canonical().is_loopback() {
        return None;
    }
    let what = match (access.tls().is_some(), access.is_anonymous()) {
        (true, false) => return None,
        (true, true) => {
            "whoever can reach it may join under any name: set grpc.tls.client_ca or auth.tokens"
        }
        (false, false) => {
            "names, texts and tokens go in plain text, for everybody on the way to read: set \
             grpc.tls.cert and grpc.tls.key"
        }
        (false, true) => {
            "whoever can reach it may join under any name, and everybody on the way can read and \
             change what is said: set grpc.tls.cert and grpc.tls.key, and grpc.tls.client_ca or \
             auth.tokens"
        }
    };
    Some(format!("{address} is open to other machines; {what} (docs/security.md says how)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_addresses_go_without_a_warning() {
        let open = Access::default();
        let warns = |address: &str| exposure(address.parse().expect("an address"), &open).is_some();
        for own in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!warns(own), "{own}");
        }
        for others in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1"] {
            assert!(warns(others), "{others}");
        }
    }
}

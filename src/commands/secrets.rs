//! The flags that say whom a client trusts and how it proves who it is.
//!
//! All of them name files. A secret on a command line would be seen by everybody on the machine.

use super::Failure;
use crate::client::ServerAddress;
use crate::keys::{Credentials, Named};
use std::{io, io::Write as _, path::PathBuf};

/// What several commands take.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Secrets {
    /// Encrypt, and trust a server whose certificate was issued by one of these (PEM)
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The name that the server's certificate must be for [default: the host in --server]
    #[arg(long, value_name = "NAME", requires = "tls_ca")]
    tls_name: Option<String>,
    /// Your certificate (PEM), if the server asks for one
    #[arg(long, value_name = "FILE", requires_all = ["key", "tls_ca"])]
    cert: Option<PathBuf>,
    /// The private key of your certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl Secrets {
    /// What a client brings to this server, and the server's address with what follows from that.
    /// Reads the files once, so that what is wrong with them is said before anything else happens.
    pub(super) fn credentials(
        self,
        server: &str,
        token: Option<PathBuf>,
    ) -> Result<(ServerAddress, Credentials), Failure> {
        let Self { tls_ca, tls_name, cert, key } = self;
        let failed = |fault: &dyn ToString| Failure::Failed(fault.to_string());
        let server = ServerAddress::parse(server).map_err(|fault| failed(&fault))?;
        let server = server.encrypted(tls_ca.is_some()).map_err(|fault| failed(&fault))?;
        let credentials = Credentials {
            ca: tls_ca.map(|path| Named::new("--tls-ca", path)),
            own: cert
                .zip(key)
                .map(|(cert, key)| (Named::new("--cert", cert), Named::new("--key", key))),
            token: token.map(|path| Named::new("--token-file", path)),
            server_name: tls_name,
        };
        if credentials.token.is_some() && !server.is_private() {
            let why = "a token is not sent in plain text to another machine";
            return Err(Failure::Failed(format!("{why}: connect to {server} with --tls-ca")));
        }
        credentials.load(server.host()).map_err(|fault| failed(&fault))?;
        for warning in credentials.warnings() {
            // If standard error is closed, there is nobody to warn.
            let _ = writeln!(io::stderr(), "warning: {warning}");
        }
        Ok((server, credentials))
    }
}

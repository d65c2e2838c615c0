//! What a participant brings: whom it trusts, its own certificate, its token.
//!
//! Everything secret comes out of files. A command line is seen by everybody on the machine, and kept in
//! the history of a shell. The files are read for each connection, so that a bot outlives its certificate.

use super::{
    file::{KeyFault, Named},
    server::roots,
};
use std::{fmt, str};
use tokio_rustls::rustls::{crypto::ring::default_provider, sign::CertifiedKey};
use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Certificate, ClientTlsConfig, Identity},
};

/// The most characters of a token.
const MAX_TOKEN: usize = 512;

/// A token as it is sent, in the metadata `authorization`. It is marked as secret, so that HTTP/2 keeps
/// it in no table, and its `Debug` says nothing.
pub type Bearer = MetadataValue<Ascii>;

/// The files that a participant may be given. The default is none: plain text, and nobody in particular.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The certificates of those who issue servers' certificates. With these, the connection is
    /// encrypted.
    pub ca: Option<Named>,
    /// Its own certificate and its key.
    pub own: Option<(Named, Named)>,
    /// Its token.
    pub token: Option<Named>,
    /// The name that the server's certificate must be for, if that is not the host's.
    pub server_name: Option<String>,
}

/// What was read.
pub struct Loaded {
    /// How to encrypt; not at all if there is none.
    pub tls: Option<ClientTlsConfig>,
    /// The token.
    pub bearer: Option<Bearer>,
}

/// Says nothing, because it is secret.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads and judges the files. `host` is where the server is.
    ///
    /// # Errors
    /// With the first file that cannot be used, and why.
    pub fn load(&self, host: &str) -> Result<Loaded, KeyFault> {
        let tls = self.ca.as_ref().map(|ca| self.tls(ca, host)).transpose()?;
        let bearer = self.token.as_ref().map(read_token).transpose()?;
        Ok(Loaded { tls, bearer })
    }

    fn tls(&self, ca: &Named, host: &str) -> Result<ClientTlsConfig, KeyFault> {
        let trusted = ca.read()?;
        roots(ca, &trusted)?;
        let name = self.server_name.as_deref().unwrap_or(host);
        let tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(trusted)).domain_name(name);
        let Some((cert, key)) = &self.own else { return Ok(tls) };
        let (chain, secret) = (cert.read()?, key.read()?);
        let own = (cert.certificates(&chain)?, key.private_key(&secret)?);
        CertifiedKey::from_der(own.0, own.1, &default_provider())
            .map_err(|error| key.fault(format_args!("does not fit `{}`: {error}", cert.by)))?;
        Ok(tls.identity(Identity::from_pem(chain, secret)))
    }

    /// What is not wrong with the files, but unwise.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let secrets = self.own.iter().map(|(_, key)| key).chain(&self.token);
        secrets.filter_map(Named::exposed)
    }
}

fn read_token(file: &Named) -> Result<Bearer, KeyFault> {
    let bytes = file.read()?;
    let token = bytes.trim_ascii();
    let is_token = (1..=MAX_TOKEN).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic);
    let bearer = str::from_utf8(token).ok().filter(|_| is_token).and_then(|token| {
        let mut bearer = Bearer::try_from(format!("Bearer {token}")).ok()?;
        bearer.set_sensitive(true);
        Some(bearer)
    });
    bearer.ok_or_else(|| {
        file.fault(format_args!(
            "does not hold one token: up to {MAX_TOKEN} letters, digits and signs, and no space"
        ))
    })
}

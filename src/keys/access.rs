//! The verdict on a peer: whether it may come in, and under which names.
//!
//! What a server asks for is set by its files, and everything that is set must be shown: with a
//! `client_ca` a certificate, with tokens a token, with both, both. The names are then those that all of
//! it is for. With neither, everybody may be anybody.
//!
//! The verdict is made for each stream, by the tokens in force then. The certificate was judged when the
//! connection was made, and is asked again only whether it has expired since. A stream that is open stays
//! open, whatever changes: to put somebody out, restart the server.

use super::{
    certificate::Certified,
    file::{KeyFault, Named},
    live::{Live, Made},
    server::{Tls, TlsFiles},
    tokens::Tokens,
};
use crate::chat::{Fault, Participant};
use std::{path::PathBuf, sync::Arc, time::SystemTime};

/// The files that a server may be given.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The server's certificate, and those that lead from it to a trusted one; with its key.
    pub cert_and_key: Option<(PathBuf, PathBuf)>,
    /// The certificates of those who issue certificates to participants.
    pub client_ca: Option<PathBuf>,
    /// The tokens.
    pub tokens: Option<PathBuf>,
}

/// Who may come in. Clones are the same; the default is open to everybody.
#[derive(Clone, Debug, Default)]
pub struct Access(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    tls: Option<Live<TlsFiles, Tls>>,
    tokens: Option<Live<Named, Tokens>>,
    warnings: Vec<String>,
}

impl Made<Tls> for TlsFiles {
    fn named(&self) -> Vec<&Named> {
        [&self.cert, &self.key].into_iter().chain(&self.client_ca).collect()
    }

    fn make(&self, contents: &[Vec<u8>]) -> Result<Tls, KeyFault> {
        Tls::read(self, contents)
    }
}

impl Made<Tokens> for Named {
    fn named(&self) -> Vec<&Named> {
        vec![self]
    }

    fn make(&self, contents: &[Vec<u8>]) -> Result<Tokens, KeyFault> {
        Tokens::read(self, &contents[0])
    }
}

impl Access {
    /// Reads the files.
    ///
    /// # Errors
    /// With the first file that cannot be used, and why.
    pub fn load(files: Files) -> Result<Self, KeyFault> {
        let Files { cert_and_key, client_ca, tokens } = files;
        let tls = cert_and_key.map(|(cert, key)| TlsFiles {
            cert: Named::new("grpc.tls.cert", cert),
            key: Named::new("grpc.tls.key", key),
            client_ca: client_ca.map(|path| Named::new("grpc.tls.client_ca", path)),
        });
        let tokens = tokens.map(|path| Named::new("auth.tokens", path));
        let secrets = tls.iter().map(|tls| &tls.key).chain(&tokens);
        let warnings = secrets.filter_map(Named::exposed).collect();
        let tls = tls.map(Live::start).transpose()?;
        let tokens = tokens.map(Live::start).transpose()?;
        Ok(Self(Arc::new(Shared { tls, tokens, warnings })))
    }

    /// What is not wrong with the files, but unwise.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    /// How to shake hands, as of now; none if everything goes in plain text.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.0.tls.as_ref().map(Live::get)
    }

    /// The tokens in force; none if nobody is asked for one.
    #[must_use]
    pub fn tokens(&self) -> Option<Arc<Tokens>> {
        self.0.tokens.as_ref().map(Live::get)
    }

    /// True if nobody is asked for anything.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0.tokens.is_none() && self.tls().is_none_or(|tls| !tls.asks_for_certificates())
    }

    pub(super) fn live_tls(&self) -> Option<&Live<TlsFiles, Tls>> {
        self.0.tls.as_ref()
    }

    pub(super) fn live_tokens(&self) -> Option<&Live<Named, Tokens>> {
        self.0.tokens.as_ref()
    }

    /// The verdict on a stream: on what its connection has shown, and on the value of its metadata
    /// `authorization`.
    ///
    /// # Errors
    /// With why nobody is let in with that.
    pub fn judge(
        &self,
        certified: &Certified,
        authorization: Option<&[u8]>,
    ) -> Result<Identity, Denied> {
        let mut identity = Identity::default();
        match certified {
            Certified::Unasked => {}
            Certified::Fails(denied) => return Err(*denied),
            Certified::Holds(certificate) if certificate.has_expired(SystemTime::now()) => {
                return Err(Denied::ExpiredCertificate);
            }
            Certified::Holds(certificate) => identity.0 = Some(Arc::clone(&certificate.names)),
        }
        if let Some(tokens) = self.tokens() {
            let token = bearer(authorization.ok_or(Denied::NoToken)?)?;
            let names = tokens.holder(token).ok_or(Denied::UnknownToken)?;
            identity = identity.and(names)?;
        }
        Ok(identity)
    }
}

/// The token in a value such as `Bearer chittychat_…`.
fn bearer(authorization: &[u8]) -> Result<&[u8], Denied> {
    let (scheme, token) = authorization.split_at_checked(7).ok_or(Denied::MalformedToken)?;
    let token = token.trim_ascii();
    if !scheme.eq_ignore_ascii_case(b"bearer ") || token.is_empty() {
        return Err(Denied::MalformedToken);
    }
    Ok(token)
}

/// The names that somebody may join under; the default is any.
#[derive(Clone, Debug, Default)]
pub struct Identity(Option<Arc<[Box<str>]>>);

impl Identity {
    /// The names that are also among these.
    fn and(self, names: Arc<[Box<str>]>) -> Result<Self, Denied> {
        let Some(own) = self.0 else { return Ok(Self(Some(names))) };
        let both: Vec<_> = own.iter().filter(|name| names.contains(name)).cloned().collect();
        if both.is_empty() { Err(Denied::DifferentNames) } else { Ok(Self(Some(both.into()))) }
    }

    /// Whether somebody with this identity may be this participant. Address and port are labels, and
    /// free.
    ///
    /// # Errors
    /// [`Fault::NotYourName`] if not.
    pub fn may_be(&self, who: &Participant) -> Result<(), Fault> {
        match &self.0 {
            Some(names) if !names.iter().any(|name| **name == *who.name()) => {
                Err(Fault::NotYourName { name: who.name().into(), yours: Arc::clone(names) })
            }
            _ => Ok(()),
        }
    }
}

/// Why nobody is let in. Each is a sentence that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// None was shown.
    #[error("no client certificate was shown; connect with one that this server's CA has issued")]
    NoCertificate,
    /// Somebody else has issued it.
    #[error(
        "the client certificate was not issued by a CA that this server trusts; use one that was"
    )]
    UnknownIssuer,
    /// It has ended.
    #[error("the client certificate has expired; renew it")]
    ExpiredCertificate,
    /// It has not begun.
    #[error("the client certificate is not valid yet; check the clocks")]
    EarlyCertificate,
    /// It is not for clients, or breaks another rule.
    #[error(
        "the client certificate cannot be used to authenticate a client; use one that is for that"
    )]
    UnusableCertificate,
    /// It has neither a common name nor a DNS name.
    #[error("the client certificate names nobody; it needs a common name or a DNS name")]
    NamelessCertificate,
    /// None was sent.
    #[error("no token was sent; send one in the metadata, as authorization: Bearer TOKEN")]
    NoToken,
    /// What was sent is not one.
    #[error("the metadata authorization does not hold Bearer and a token")]
    MalformedToken,
    /// It is nobody's.
    #[error("the token is not one of this server's; ask for another")]
    UnknownToken,
    /// Each is good, but they have no name in common.
    #[error("the client certificate and the token are not for the same name; use two that are")]
    DifferentNames,
}

impl Denied {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NoCertificate,
        Self::UnknownIssuer,
        Self::ExpiredCertificate,
        Self::EarlyCertificate,
        Self::UnusableCertificate,
        Self::NamelessCertificate,
        Self::NoToken,
        Self::MalformedToken,
        Self::UnknownToken,
        Self::DifferentNames,
    ];

    /// Its label in the metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::UnknownIssuer => "unknown_issuer",
            Self::ExpiredCertificate => "expired_certificate",
            Self::EarlyCertificate => "early_certificate",
            Self::UnusableCertificate => "unusable_certificate",
            Self::NamelessCertificate => "nameless_certificate",
            Self::NoToken => "no_token",
            Self::MalformedToken => "malformed_token",
            Self::UnknownToken => "unknown_token",
            Self::DifferentNames => "different_names",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::TABLE;

    fn names(names: &[&str]) -> Arc<[Box<str>]> {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    fn anton() -> Participant {
        Participant::new("Anton", "::1", 1).expect("legal")
    }

    #[test]
    fn a_name_is_ones_own_letter_by_letter() {
        assert_eq!(Identity::default().may_be(&anton()), Ok(()));
        assert_eq!(Identity(Some(names(&["Bjarke", "Anton"]))).may_be(&anton()), Ok(()));
        for others in [&["anton"][..], &["Anton "], &["*"], &["Anton\0"], &[]] {
            let refused = Identity(Some(names(others))).may_be(&anton());
            let fault = Fault::NotYourName { name: "Anton".into(), yours: names(others) };
            assert_eq!(refused, Err(fault));
        }
    }

    #[test]
    fn with_two_proofs_only_the_names_of_both_are_ones_own() {
        let own = || Identity(Some(names(&["Anton", "Bjarke"])));
        let both = own().and(names(&["Casper", "Anton"])).expect("one name is in both");
        assert_eq!(both.0, Some(names(&["Anton"])));
        assert_eq!(own().and(names(&["Casper"])).expect_err("none is"), Denied::DifferentNames);
        let token = Identity::default().and(names(&["Casper"])).expect("it is the only proof");
        assert_eq!(token.0, Some(names(&["Casper"])));
    }

    #[test]
    fn a_token_is_read_as_the_standard_has_it() {
        for good in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(bearer(good.as_bytes()), Ok(&b"abc"[..]), "{good}");
        }
        for bad in ["", "Bearer", "Bearer ", "Bearer   ", "Basic abc", "abc", "Bearerabc def"] {
            assert_eq!(bearer(bad.as_bytes()), Err(Denied::MalformedToken), "{bad}");
        }
    }

    #[test]
    fn every_refusal_is_counted_by_its_own_name() {
        let row = TABLE.iter().find(|row| row.name == "chittychat_denials_total");
        let (_, labels) = row.and_then(|row| row.label).expect("it is there");
        assert_eq!(Denied::ALL.map(Denied::label), labels);
    }
}

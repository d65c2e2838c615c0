//! The verdict on a peer: whether it may come in, and under which names.
//!
//! What a server asks for is set by its files, and everything that is set must be shown: with a
//! `client_ca` a certificate, with tokens a token, with both, both. The names are then those that all of
//! it is for. With neither, everybody may be anybody.
//!
//! The verdict is made for each stream, by the tokens in force then. The certificate was judged when the
//! connection was made, and is asked again only whether it has expired or been revoked since. A stream that
//! is open ends when its token is struck out or its certificate revoked (`grants`), and stays whatever
//! else changes: new authorities and an expiry are for those who come later.

use super::{
    certificate::{Certificate, Certified},
    file::{KeyFault, Named},
    grants::{Grants, Identity, Names, Shown, Taken, Withdrawn},
    live::{Live, Made},
    server::{Tls, TlsFiles},
    tokens::Tokens,
};
use crate::telemetry::audit::By;
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::SystemTime};

/// The files that a server may be given.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The server's certificate, and those that lead from it to a trusted one; with its key.
    pub cert_and_key: Option<(PathBuf, PathBuf)>,
    /// The certificates of those who issue certificates to participants.
    pub client_ca: Option<PathBuf>,
    /// The certificates that those have revoked.
    pub crl: Option<PathBuf>,
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
    grants: Arc<Grants>,
    warnings: Vec<String>,
}

/// What a look at the files has found: what is new in force, or why it cannot be; and whose grants were
/// withdrawn thereby.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) tls: Option<Result<Arc<Tls>, KeyFault>>,
    pub(super) tokens: Option<Result<Arc<Tokens>, KeyFault>>,
    pub(super) taken: Vec<Taken>,
}

impl Made<Tls> for TlsFiles {
    fn named(&self) -> Vec<&Named> {
        // The last is not looked for without the one before it, so their places are always the same.
        let crl = self.crl.as_ref().filter(|_| self.client_ca.is_some());
        [&self.cert, &self.key].into_iter().chain(&self.client_ca).chain(crl).collect()
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
        let Files { cert_and_key, client_ca, crl, tokens } = files;
        let tls = cert_and_key.map(|(cert, key)| TlsFiles {
            cert: Named::new("grpc.tls.cert", cert),
            key: Named::new("grpc.tls.key", key),
            client_ca: client_ca.map(|path| Named::new("grpc.tls.client_ca", path)),
            crl: crl.map(|path| Named::new("grpc.tls.crl", path)),
        });
        let tokens = tokens.map(|path| Named::new("auth.tokens", path));
        let secrets = tls.iter().map(|tls| &tls.key).chain(&tokens);
        let warnings = secrets.filter_map(Named::exposed).collect();
        let tls = tls.map(Live::start).transpose()?;
        let tokens = tokens.map(Live::start).transpose()?;
        Ok(Self(Arc::new(Shared { tls, tokens, warnings, grants: Arc::default() })))
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

    /// Whether there is anything that may change.
    pub(super) fn has_files(&self) -> bool {
        self.0.tls.is_some() || self.0.tokens.is_some()
    }

    /// Looks at the files, and puts what is new into force: for newcomers, and for those who came in with
    /// what does not hold any more. It reads files, so it may take its time.
    pub(super) fn look(&self, is_settled: bool) -> Looked {
        let tls = self.0.tls.as_ref().and_then(|live| live.look(is_settled));
        let tokens = self.0.tokens.as_ref().and_then(|live| live.look(is_settled));
        let is_new = matches!(tls, Some(Ok(_))) || matches!(tokens, Some(Ok(_)));
        let taken = match is_new {
            true => {
                let (tls, tokens) = (self.tls(), self.tokens());
                let weigh = |shown: &Shown| withdrawal(tls.as_deref(), tokens.as_deref(), shown);
                self.0.grants.withdraw(weigh)
            }
            false => Vec::new(),
        };
        Looked { tls, tokens, taken }
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
        self.weigh(certified, authorization).map(|(names, _)| Identity::of(names))
    }

    /// The same for a stream that is to end when what it was let in for does not hold any more.
    ///
    /// # Errors
    /// With why nobody is let in with that.
    pub fn admit(
        &self,
        peer: SocketAddr,
        certified: &Certified,
        authorization: Option<&[u8]>,
    ) -> Result<Identity, Denied> {
        let (names, shown) = self.weigh(certified, authorization)?;
        let Some(names) = names else { return Ok(Identity::default()) };
        let identity = self.0.grants.enter(peer, names, shown.clone());
        // Files may have changed before it was entered, and then nobody else weighs it.
        match withdrawal(self.tls().as_deref(), self.tokens().as_deref(), &shown) {
            None => Ok(identity),
            Some(Withdrawn::Token) => Err(Denied::UnknownToken),
            Some(Withdrawn::Certificate) => Err(Denied::RevokedCertificate),
        }
    }

    /// The names that somebody may have, and what they were proved with; none if nobody has to prove any.
    fn weigh(
        &self,
        certified: &Certified,
        authorization: Option<&[u8]>,
    ) -> Result<(Option<Names>, Shown), Denied> {
        let (mut names, mut shown) = (None, Shown::default());
        match certified {
            Certified::Unasked => {}
            Certified::Fails(denied) => return Err(*denied),
            Certified::Holds(certificate) if certificate.has_expired(SystemTime::now()) => {
                return Err(Denied::ExpiredCertificate);
            }
            Certified::Holds(certificate) => {
                if self.tls().is_some_and(|tls| is_revoked(&tls, certificate)) {
                    return Err(Denied::RevokedCertificate);
                }
                names = Some(Arc::clone(&certificate.names));
                shown.certificate = Some(Arc::clone(certificate));
            }
        }
        if let Some(tokens) = self.tokens() {
            let token = bearer(authorization.ok_or(Denied::NoToken)?)?;
            let (hash, its) = tokens.holder(token).ok_or(Denied::UnknownToken)?;
            names = Some(common(names, &its)?);
            shown.token = Some((hash, its));
        }
        Ok((names, shown))
    }
}

/// Why what was shown does not hold, by what is in force now; nothing if it does.
fn withdrawal(tls: Option<&Tls>, tokens: Option<&Tokens>, shown: &Shown) -> Option<Withdrawn> {
    if let Some((hash, names)) = &shown.token {
        // A token that the list gives to somebody else now is no proof of the old name.
        let holder = tokens.and_then(|tokens| tokens.holder_of(hash));
        if holder.is_none_or(|holder| holder != names) {
            return Some(Withdrawn::Token);
        }
    }
    let certificate = shown.certificate.as_ref()?;
    is_revoked(tls?, certificate).then_some(Withdrawn::Certificate)
}

fn is_revoked(tls: &Tls, certificate: &Certificate) -> bool {
    tls.revoked.as_ref().is_some_and(|revoked| revoked.has_any(&certificate.ids))
}

/// The names that are among both; those of the token if there are no others.
fn common(own: Option<Names>, its: &Names) -> Result<Names, Denied> {
    let Some(own) = own else { return Ok(Arc::clone(its)) };
    let both: Vec<_> = own.iter().filter(|name| its.contains(name)).cloned().collect();
    if both.is_empty() { Err(Denied::DifferentNames) } else { Ok(both.into()) }
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
    /// Its issuer's list names it.
    #[error("the client certificate was revoked; ask for another")]
    RevokedCertificate,
    /// There are lists, and none of its issuer's.
    #[error(
        "this server has no revocation list of whoever issued the client certificate; tell whoever runs it"
    )]
    UnknownRevocation,
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
    pub const ALL: [Self; 12] = [
        Self::NoCertificate,
        Self::UnknownIssuer,
        Self::ExpiredCertificate,
        Self::EarlyCertificate,
        Self::UnusableCertificate,
        Self::RevokedCertificate,
        Self::UnknownRevocation,
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
            Self::RevokedCertificate => "revoked_certificate",
            Self::UnknownRevocation => "unknown_revocation",
            Self::NamelessCertificate => "nameless_certificate",
            Self::NoToken => "no_token",
            Self::MalformedToken => "malformed_token",
            Self::UnknownToken => "unknown_token",
            Self::DifferentNames => "different_names",
        }
    }

    /// What was shown, for the audit.
    #[must_use]
    pub fn by(self) -> By {
        match self {
            Self::NoCertificate | Self::NoToken => By::None,
            Self::MalformedToken | Self::UnknownToken => By::Token,
            Self::DifferentNames => By::Both,
            Self::UnknownIssuer
            | Self::ExpiredCertificate
            | Self::EarlyCertificate
            | Self::UnusableCertificate
            | Self::RevokedCertificate
            | Self::UnknownRevocation
            | Self::NamelessCertificate => By::Certificate,
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

    #[test]
    fn with_two_proofs_only_the_names_of_both_are_ones_own() {
        let own = || Some(names(&["Anton", "Bjarke"]));
        assert_eq!(common(own(), &names(&["Casper", "Anton"])), Ok(names(&["Anton"])));
        assert_eq!(common(own(), &names(&["Casper"])), Err(Denied::DifferentNames));
        assert_eq!(common(None, &names(&["Casper"])), Ok(names(&["Casper"])), "the only proof");
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

//! How the server shakes hands: its own certificate, and what it does with a participant's.
//!
//! A participant without a certificate that holds must learn why, in words. TLS cannot say it: in TLS
//! 1.3 the client has finished before the server judges, so a failed handshake shows as a connection
//! that breaks for no reason, and a client tries again for ever. So the handshake asks for a
//! certificate, checks that whoever shows one has its key (without that it fails), and lets everybody
//! finish. The verdict on the chain is made at once after it, by the verifier that rustls would have used
//! ([`Certified`]), and goes with the connection: each request on it is refused with UNAUTHENTICATED and
//! the reason, before anything of it is read. Nothing but the health service answers without a verdict
//! in favour (`grpc::service`). What it costs is that a stranger may hold a connection, as one may that
//! never says anything; both are bounded alike.
//!
//! If there are lists of revoked certificates, the verifier asks them, and they must be signed by whoever
//! has issued the certificate. Who is in already is asked about again when they change: see `revoked`.
//!
//! A resumed session carries the certificate of the first one, and is judged again all the same: what
//! has expired or whose issuer is trusted no more since then is seen.
//!
//! The other end must agree to speak HTTP/2 (ALPN `h2`): whoever means another protocol is not to be
//! answered by this one.

use super::{
    access::Denied,
    certificate::{Certificate, Certified},
    file::{KeyFault, Named},
    revoked::Revoked,
};
use std::{io, sync::Arc, time::Duration, time::SystemTime};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
        ServerConfig, SignatureScheme,
        client::danger::HandshakeSignatureValid,
        crypto::{CryptoProvider, ring::default_provider},
        pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime},
        server::{
            VerifierBuilderError, WebPkiClientVerifier,
            danger::{ClientCertVerified, ClientCertVerifier},
        },
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

/// The protocol that is spoken inside.
pub(super) const ALPN: &[u8] = b"h2";
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How to shake hands: made of one reading of the files, and never changed.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// Judges the certificates of participants, if they are asked for any.
    judge: Option<Arc<dyn ClientCertVerifier>>,
    /// The certificates that were revoked, if there are lists of them.
    pub(super) revoked: Option<Revoked>,
    /// When the server's own certificate ends.
    pub(super) not_after: SystemTime,
}

/// The files, in the order of what they hold.
#[derive(Clone, Debug)]
pub(super) struct TlsFiles {
    pub(super) cert: Named,
    pub(super) key: Named,
    pub(super) client_ca: Option<Named>,
    /// Of no use without the one before.
    pub(super) crl: Option<Named>,
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeFault {
    /// It took too long.
    #[error("the handshake took longer than {HANDSHAKE:?}")]
    TimedOut,
    /// It broke off, or what came was no TLS.
    #[error("{0}")]
    Broken(io::Error),
    /// The other end does not want HTTP/2.
    #[error("the other end did not agree to speak HTTP/2 (ALPN h2)")]
    NotHttp2,
}

impl Tls {
    /// Reads what the files hold, in the order of [`TlsFiles`].
    pub(super) fn read(files: &TlsFiles, contents: &[Vec<u8>]) -> Result<Self, KeyFault> {
        let TlsFiles { cert, key, client_ca, crl } = files;
        let chain = cert.certificates(&contents[0])?;
        let own = Certificate::read(&chain[0], &[])
            .ok_or_else(|| cert.fault("holds what is no X.509 certificate"))?;
        if own.has_expired(SystemTime::now()) {
            let ended = shown(own.not_after);
            return Err(cert.fault(format_args!("holds a certificate that expired on {ended}")));
        }
        let private = key.private_key(&contents[1])?;
        let provider = Arc::new(default_provider());
        let listed = crl.as_ref().filter(|_| client_ca.is_some());
        let lists = match listed {
            Some(file) => file.revocation_lists(&contents[3])?,
            None => Vec::new(),
        };
        let revoked = listed.map(|file| Revoked::read(file, &lists)).transpose()?;
        let judge = match client_ca {
            Some(ca) => Some(judge((ca, &contents[2]), (listed, lists), &provider)?),
            None => None,
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has suites for both versions");
        let builder = match &judge {
            Some(judge) => builder.with_client_cert_verifier(Arc::new(Lenient(Arc::clone(judge)))),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, private).map_err(|error| match error {
            Error::InconsistentKeys(_) => {
                key.fault(format_args!("is not the key of the certificate in `{}`", cert.by))
            }
            Error::InvalidCertificate(_) => {
                cert.fault(format_args!("holds a certificate that cannot be used: {error}"))
            }
            error => key.fault(format_args!("holds a key that cannot be used: {error}")),
        })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { config: Arc::new(config), judge, revoked, not_after: own.not_after })
    }

    /// Whether participants are asked for a certificate.
    #[must_use]
    pub fn asks_for_certificates(&self) -> bool {
        self.judge.is_some()
    }

    /// Shakes hands, and says what the other end has shown of who it is.
    ///
    /// # Errors
    /// If it takes longer than 10 seconds, breaks off, or leads to anything but HTTP/2.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: S,
    ) -> Result<(TlsStream<S>, Certified), HandshakeFault> {
        let accepting = TlsAcceptor::from(Arc::clone(&self.config)).accept(socket);
        let stream = timeout(HANDSHAKE, accepting).await.map_err(|_| HandshakeFault::TimedOut)?;
        let stream = stream.map_err(HandshakeFault::Broken)?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(ALPN) {
            return Err(HandshakeFault::NotHttp2);
        }
        let certified = self.verdict(session.peer_certificates().unwrap_or_default());
        Ok((stream, certified))
    }

    /// The verdict on the certificates that a peer has shown, its own first.
    fn verdict(&self, chain: &[CertificateDer<'_>]) -> Certified {
        let Some(judge) = &self.judge else { return Certified::Unasked };
        let Some((own, others)) = chain.split_first() else {
            return Certified::Fails(Denied::NoCertificate);
        };
        if let Err(error) = judge.verify_client_cert(own, others, UnixTime::now()) {
            return Certified::Fails(denied(&error));
        }
        match Certificate::read(own, others) {
            Some(certificate) if certificate.names.is_empty() => {
                Certified::Fails(Denied::NamelessCertificate)
            }
            Some(certificate) => Certified::Holds(Arc::new(certificate)),
            None => Certified::Fails(Denied::UnusableCertificate),
        }
    }
}

/// What judges the certificates that these have issued, by the lists of those that they have revoked. With
/// any list, there has to be one of every issuer: a status that nobody knows is not a good one.
fn judge(
    (ca, bytes): (&Named, &[u8]),
    (crl, lists): (Option<&Named>, Vec<CertificateRevocationListDer<'static>>),
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, KeyFault> {
    let roots = Arc::new(roots(ca, bytes)?);
    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
        .with_crls(lists)
        .build()
        .map_err(|error| match (error, crl) {
            (VerifierBuilderError::InvalidCrl(error), Some(crl)) => {
                crl.fault(format_args!("holds a revocation list that cannot be used: {error:?}"))
            }
            (error, _) => ca.fault(format_args!("cannot be used: {error}")),
        })
}

/// The certificates in a file, as those whose issue is trusted.
pub(super) fn roots(file: &Named, bytes: &[u8]) -> Result<RootCertStore, KeyFault> {
    let mut roots = RootCertStore::empty();
    for certificate in file.certificates(bytes)? {
        roots.add(certificate).map_err(|error| {
            file.fault(format_args!("holds a certificate that cannot be used: {error}"))
        })?;
    }
    Ok(roots)
}

/// What the verifier's error means to whoever showed the certificate.
fn denied(error: &Error) -> Denied {
    use CertificateError as Why;
    let why = match error {
        Error::InvalidCertificate(why) => why,
        // A list that somebody else has signed is none.
        Error::InvalidCertRevocationList(_) => return Denied::UnknownRevocation,
        _ => return Denied::UnusableCertificate,
    };
    match why {
        Why::Expired | Why::ExpiredContext { .. } => Denied::ExpiredCertificate,
        Why::NotValidYet | Why::NotValidYetContext { .. } => Denied::EarlyCertificate,
        // A signature that does not fit is an issuer of the right name with another key.
        Why::UnknownIssuer | Why::BadSignature => Denied::UnknownIssuer,
        Why::Revoked => Denied::RevokedCertificate,
        Why::UnknownRevocationStatus => Denied::UnknownRevocation,
        _ => Denied::UnusableCertificate,
    }
}

/// A moment for people, in UTC.
pub(super) fn shown(moment: SystemTime) -> String {
    jiff::Timestamp::try_from(moment)
        .map_or_else(|_| "a day beyond all calendars".to_owned(), |it| it.to_string())
}

/// Asks for a certificate, demands proof of its key, and leaves the verdict for later. See the
/// module's text.
#[derive(Debug)]
struct Lenient(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Lenient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: some clients show nothing if nothing fits, and would be told that they showed nothing.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

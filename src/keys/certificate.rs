//! What a certificate says: whose it is, and until when.
//!
//! It is read only once somebody has verified it; nothing here verifies anything.

use super::{access::Denied, revoked::CertificateId};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// The most names that a certificate is read for. A participant has one; a bot may have a few.
const MAX_NAMES: usize = 16;

/// What a connection has shown of who is at its other end.
#[derive(Clone, Debug)]
pub enum Certified {
    /// Nobody has asked.
    Unasked,
    /// A certificate that holds.
    Holds(Arc<Certificate>),
    /// None, or one that does not hold.
    Fails(Denied),
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The names that it is for: the common names of its subject and its alternative names of the
    /// kind DNS, each once. They are compared letter by letter: a star stands for nothing but itself.
    pub(super) names: Arc<[Box<str>]>,
    /// When it ends.
    pub(super) not_after: SystemTime,
    /// Which one it is, and which those are that were shown with it.
    pub(super) ids: Box<[CertificateId]>,
}

impl Certificate {
    /// Reads one, and of those that were shown with it which they are. None if that is no certificate.
    pub(super) fn read(der: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut names: Vec<Box<str>> = Vec::new();
        let mut note = |name: &str| {
            if names.len() < MAX_NAMES && !names.iter().any(|known| **known == *name) {
                names.push(name.into());
            }
        };
        for name in certificate.subject().iter_common_name() {
            name.as_str().into_iter().for_each(&mut note);
        }
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        for name in alternatives.iter().flat_map(|them| &them.value.general_names) {
            if let GeneralName::DNSName(name) = name {
                note(name);
            }
        }
        let not_after = certificate.validity().not_after.timestamp();
        let not_after = UNIX_EPOCH + Duration::from_secs(u64::try_from(not_after).unwrap_or(0));
        let others = others.iter().filter_map(|der| X509Certificate::from_der(der).ok());
        let all = [certificate].into_iter().chain(others.map(|(_, certificate)| certificate));
        let ids = all.map(|it| CertificateId::new(it.issuer().as_raw(), it.raw_serial())).collect();
        Some(Self { names: names.into(), not_after, ids })
    }

    /// True if it has ended by then.
    pub(super) fn has_expired(&self, now: SystemTime) -> bool {
        self.not_after < now
    }
}

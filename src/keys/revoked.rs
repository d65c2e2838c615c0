//! Which certificates were revoked: what the lists of their issuers say.
//!
//! Whoever connects is judged by the verifier of rustls, which knows the lists too and checks who has signed
//! them. What is here is for those who came in before a list named them: looking one up costs no
//! signature, so thousands are asked about at once when a list has changed.
//!
//! A list whose next update is overdue stays in force. Otherwise everybody would be locked out by a
//! job that failed to run, and a list that is old is still right about all that it names. The operator is warned.

use super::file::{KeyFault, Named};
use ring::digest::{Context, SHA256};
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_rustls::rustls::pki_types::CertificateRevocationListDer;
use x509_parser::{prelude::FromDer as _, revocation_list::CertificateRevocationList};

/// Which certificate one is: who has issued it, and under which number. A hash, since both can be long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CertificateId([u8; 32]);

/// What the lists say, all together.
#[derive(Debug)]
pub(super) struct Revoked {
    ids: BTreeSet<CertificateId>,
    /// When the first of them is due to be replaced.
    pub(super) next_update: Option<SystemTime>,
}

impl CertificateId {
    /// `issuer` is its name in DER, and `serial` a number of as many bytes as there are.
    pub(super) fn new(issuer: &[u8], serial: &[u8]) -> Self {
        let zeros = serial.iter().take_while(|byte| **byte == 0).count();
        let mut context = Context::new(&SHA256);
        // With its length, so that where one ends and the other begins is part of it.
        context.update(&issuer.len().to_be_bytes());
        context.update(issuer);
        context.update(&serial[zeros..]);
        let mut id = [0; 32];
        id.copy_from_slice(context.finish().as_ref());
        Self(id)
    }
}

impl Revoked {
    /// Reads the lists of a file.
    pub(super) fn read(
        file: &Named,
        lists: &[CertificateRevocationListDer<'_>],
    ) -> Result<Self, KeyFault> {
        let mut revoked = Self { ids: BTreeSet::new(), next_update: None };
        for der in lists {
            let (_, list) = CertificateRevocationList::from_der(der)
                .map_err(|_| file.fault("holds what is no revocation list of X.509"))?;
            let issuer = list.issuer().as_raw();
            let ids = list.iter_revoked_certificates();
            revoked.ids.extend(ids.map(|it| CertificateId::new(issuer, it.raw_serial())));
            let due = list.next_update().and_then(|due| u64::try_from(due.timestamp()).ok());
            let due = due.map(|due| UNIX_EPOCH + Duration::from_secs(due));
            revoked.next_update = revoked.next_update.into_iter().chain(due).min();
        }
        Ok(revoked)
    }

    /// Whether any of these is among them.
    pub(super) fn has_any(&self, ids: &[CertificateId]) -> bool {
        ids.iter().any(|id| self.ids.contains(id))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_its_issuer_and_its_number() {
        let id = CertificateId::new(b"issuer", &[1, 2]);
        assert_eq!(
            CertificateId::new(b"issuer", &[0, 1, 2]),
            id,
            "a number has no zeros before it"
        );
        for (issuer, serial) in
            [(&b"issuer"[..], &[1, 2, 0][..]), (b"another", &[1, 2]), (b"issuer\x01", &[2])]
        {
            assert_ne!(CertificateId::new(issuer, serial), id);
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let file = Named::new("grpc.tls.crl", "crl");
        let fault = Revoked::read(&file, &[vec![0x30, 0].into()]).expect_err("it is none");
        assert!(fault.to_string().contains("no revocation list"), "{fault}");
        assert_eq!(Revoked::read(&file, &[]).expect("it is empty").len(), 0);
    }
}

//! A file with keys, certificates or tokens in it, named by a setting or a flag.
//!
//! Reading is bounded, in what is read and in how much, since the paths are an operator's and may be
//! anything. What is wrong with a file is a [`KeyFault`]: the setting, the file, and why. It never
//! quotes what the file holds.

use crate::chat::escape::Escaped;
use std::{
    fmt,
    fs::{File, Metadata},
    io::Read as _,
    path::{Path, PathBuf},
};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject as _},
};

/// The most bytes of such a file. The largest list of tokens is smaller.
const MAX_BYTES: u64 = 8 << 20;

/// A file, and what names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The setting or the flag, as people write it: `grpc.tls.cert`, `--tls-ca`.
    pub by: &'static str,
    /// Where it is.
    pub path: PathBuf,
}

/// What is wrong with a file, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` names {}, which {why}", file.by, shown(&file.path))]
pub struct KeyFault {
    file: Named,
    why: String,
}

fn shown(path: &Path) -> String {
    Escaped(&path.display().to_string()).to_string()
}

impl Named {
    /// A file that something names.
    #[must_use]
    pub fn new(by: &'static str, path: impl Into<PathBuf>) -> Self {
        Self { by, path: path.into() }
    }

    /// The sentence that this file is wrong with.
    pub(super) fn fault(&self, why: impl fmt::Display) -> KeyFault {
        KeyFault { file: self.clone(), why: why.to_string() }
    }

    /// All of it. A pipe or a device is refused: reading one might never end.
    pub(super) fn read(&self) -> Result<Vec<u8>, KeyFault> {
        let unreadable = |error| self.fault(format_args!("cannot be read: {error}"));
        let metadata = self.path.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(self.fault("is not a file"));
        }
        let file = File::open(&self.path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(self.fault(format_args!("is too large; {MAX_BYTES} bytes are allowed")));
        }
        Ok(bytes)
    }

    /// A warning if the file is a secret that everybody on this machine can read.
    #[must_use]
    pub fn exposed(&self) -> Option<String> {
        let is_exposed = self.path.metadata().is_ok_and(|metadata| is_world_readable(&metadata));
        is_exposed.then(|| {
            let path = shown(&self.path);
            format!("everybody on this machine can read {path} (`{}`); chmod 600 it", self.by)
        })
    }

    /// The certificates in a PEM file: at least one.
    pub(super) fn certificates(
        &self,
        bytes: &[u8],
    ) -> Result<Vec<CertificateDer<'static>>, KeyFault> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        let certificates = read.map_err(|error| self.not_pem(&error, "certificate"))?;
        if certificates.is_empty() {
            return Err(self.not_pem(&PemError::NoItemsFound, "certificate"));
        }
        Ok(certificates)
    }

    /// The revocation lists in a PEM file: at least one.
    pub(super) fn revocation_lists(
        &self,
        bytes: &[u8],
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, KeyFault> {
        let read: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(bytes).collect();
        let lists = read.map_err(|error| self.not_pem(&error, "revocation list"))?;
        if lists.is_empty() {
            return Err(self.not_pem(&PemError::NoItemsFound, "revocation list"));
        }
        Ok(lists)
    }

    /// The first private key in a PEM file.
    pub(super) fn private_key(&self, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, KeyFault> {
        PrivateKeyDer::from_pem_slice(bytes).map_err(|error| self.not_pem(&error, "private key"))
    }

    /// The errors of the parser quote lines, which may be lines of a key.
    fn not_pem(&self, error: &PemError, wanted: &str) -> KeyFault {
        match error {
            PemError::NoItemsFound => self.fault(format_args!("holds no {wanted} in PEM form")),
            PemError::MissingSectionEnd { .. } => self.fault("ends within a PEM section"),
            PemError::Base64Decode(_) => self.fault("has a PEM section that is not base64"),
            _ => self.fault("is not in PEM form"),
        }
    }
}

#[cfg(unix)]
fn is_world_readable(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

/// Elsewhere there is no such bit to look at.
#[cfg(not(unix))]
fn is_world_readable(_: &Metadata) -> bool {
    false
}

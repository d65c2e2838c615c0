//! An authority that issues certificates, a server that has some, and the clients that show theirs.

use crate::support::{Listener as _, Peer, Server, joined_by, within};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;
use tonic::{
    Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity},
};

/// Somebody who issues certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Papers {
    /// In PEM form.
    pub cert: String,
    /// In PEM form.
    pub key: String,
}

impl Authority {
    /// One of this name, with a key of its own.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A list of revoked certificates, in PEM form.
    pub fn list(&self, params: &CertificateRevocationListParams) -> String {
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// A certificate of these particulars.
    pub fn issue(&self, params: &CertificateParams) -> Papers {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap().pem();
        Papers { cert, key: key.serialize_pem() }
    }

    /// A certificate for a server on this machine.
    pub fn server(&self) -> Papers {
        self.issue(&server_params())
    }

    /// A certificate for a participant with this common name.
    pub fn client(&self, name: &str) -> Papers {
        self.issue(&client_params(name))
    }
}

/// What a server's certificate says, until 2050.
pub fn server_params() -> CertificateParams {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_after = date_time_ymd(2050, 1, 1);
    params
}

/// What a participant's certificate says, until 2050.
pub fn client_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_after = date_time_ymd(2050, 1, 1);
    params
}

/// What a server asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asks<'a> {
    /// A certificate.
    pub certificate: bool,
    /// A token of this list.
    pub tokens: Option<&'a str>,
}

/// A server that speaks TLS, and those who issue certificates to it and to people.
pub struct Door {
    /// Where its files are: `cert`, `key`, `client_ca`, `crl`, `tokens`.
    folder: TempDir,
    /// Who issued its certificate.
    pub servers: Authority,
    /// Who issues certificates to participants.
    pub people: Authority,
    /// The server.
    pub server: Server,
}

impl Door {
    /// One that asks for this.
    pub async fn asking(asks: Asks<'_>) -> Self {
        Self::with(asks, &[]).await
    }

    /// The same with more variables.
    pub async fn with(asks: Asks<'_>, variables: &[(&str, &str)]) -> Self {
        Self::new(asks, None, variables).await
    }

    /// The same with the list that this makes of those whom the people's authority has revoked.
    pub async fn listing(asks: Asks<'_>, list: impl FnOnce(&Authority) -> String) -> Self {
        let people = Authority::new("people");
        let list = list(&people);
        Self::new(asks, Some((people, list)), &[]).await
    }

    async fn new(
        asks: Asks<'_>,
        revoking: Option<(Authority, String)>,
        variables: &[(&str, &str)],
    ) -> Self {
        let servers = Authority::new("servers");
        let lists = revoking.is_some();
        let (people, list) = revoking.unwrap_or_else(|| (Authority::new("people"), String::new()));
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let own = servers.server();
        for (name, text) in [
            ("cert", own.cert.as_str()),
            ("key", &own.key),
            ("client_ca", &people.pem),
            ("tokens", asks.tokens.unwrap_or_default()),
            ("crl", &list),
        ] {
            fs::write(path(name), text).unwrap();
        }
        let (cert, key) = (path("cert"), path("key"));
        let ca = if asks.certificate { path("client_ca") } else { String::new() };
        let tokens = if asks.tokens.is_some() { path("tokens") } else { String::new() };
        let crl = if lists { path("crl") } else { String::new() };
        let own = [
            ("CHITTYCHAT__GRPC__TLS__CERT", cert.as_str()),
            ("CHITTYCHAT__GRPC__TLS__KEY", &key),
            ("CHITTYCHAT__GRPC__TLS__CLIENT_CA", &ca),
            ("CHITTYCHAT__GRPC__TLS__CRL", &crl),
            ("CHITTYCHAT__AUTH__TOKENS", &tokens),
        ];
        let server = Server::start(&[&own, variables].concat()).await;
        Self { folder, servers, people, server }
    }

    /// One that asks for certificates, and Anton in the room.
    pub async fn with_anton() -> (Self, Peer) {
        let door = Self::asking(Asks { certificate: true, tokens: None }).await;
        let anton = door.join("Anton", Some(&door.people.client("Anton")), None).await;
        (door, anton)
    }

    /// The place of a file for this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and returns its place.
    pub fn put(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A connection on which this certificate, if any, has been shown.
    pub async fn channel(&self, papers: Option<&Papers>) -> Result<Channel, Error> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.servers.pem))
            .domain_name("localhost");
        if let Some(Papers { cert, key }) = papers {
            tls = tls.identity(Identity::from_pem(cert, key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", self.server.address)).unwrap();
        within("a connection", endpoint.tls_config(tls).unwrap().connect()).await
    }

    /// A stream on such a connection, opened with this token, if any.
    pub async fn open(
        &self,
        name: &str,
        papers: Option<&Papers>,
        token: Option<&str>,
    ) -> Result<Peer, Status> {
        let channel = self.channel(papers).await.expect("the handshake is finished");
        let bearer = token.map(|token| format!("Bearer {token}"));
        Peer::open_showing(channel, name, bearer.as_deref()).await
    }

    /// A participant that is let in, and has heard so.
    pub async fn join(&self, name: &str, papers: Option<&Papers>, token: Option<&str>) -> Peer {
        let mut peer = self.open(name, papers, token).await.expect("the stream opens");
        peer.connect();
        joined_by(&peer.delivery().await, name);
        peer
    }
}

/// One says something, and the other hears that next.
pub async fn says(one: &mut Peer, name: &str, other: &mut Peer, text: &str) {
    one.say(text);
    other.hears(name, text).await;
}

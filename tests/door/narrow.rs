//! A connection that takes a few bytes at a time, in the server's own process.
//!
//! What is encrypted is buffered once more on its way, and what did not fit must go out later without
//! anybody asking. Over a real socket that hardly ever happens.

use crate::papers::{Authority, Papers, says};
use crate::support::{Listener as _, Peer, joined_by, within};
use chittychat::chat::{Participant, Rules};
use chittychat::grpc::{Limits, Listener, Serving};
use chittychat::hub::{Bounds, Hub};
use chittychat::keys::{Access, Files};
use hyper_util::rt::TokioIo;
use std::{fs, io, net::SocketAddr, pin::Pin, sync::Arc, task};
use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, pem::PemObject as _},
        version::TLS13,
    },
};
use tonic::{
    codegen::{Service, http::Uri},
    transport::{Channel, Endpoint},
};

/// How many bytes a connection holds in each direction: less than any frame.
const NARROW: usize = 7;

/// Where the server takes its connections from.
struct Pipes(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for Pipes {
    type Socket = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        let pipe = self.0.recv().await.ok_or_else(|| io::Error::other("the test is over"))?;
        Ok((pipe, SocketAddr::from(([127, 0, 0, 1], 1))))
    }
}

/// What makes a client's end of a connection.
#[derive(Clone)]
struct Dial {
    pipes: mpsc::UnboundedSender<DuplexStream>,
    config: Arc<ClientConfig>,
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TlsStream<DuplexStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<io::Result<()>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { pipes, config } = self.clone();
        Box::pin(async move {
            let (ours, theirs) = duplex(NARROW);
            pipes.send(theirs).map_err(io::Error::other)?;
            let name = "localhost".try_into().unwrap();
            TlsConnector::from(config).connect(name, ours).await.map(TokioIo::new)
        })
    }
}

/// A server behind such connections.
fn serve() -> Dial {
    let authority = Authority::new("servers");
    let Papers { cert, key } = authority.server();
    let folder = tempfile::tempdir().unwrap();
    let (cert_path, key_path) = (folder.path().join("cert"), folder.path().join("key"));
    fs::write(&cert_path, cert).unwrap();
    fs::write(&key_path, key).unwrap();
    let files = Files { cert_and_key: Some((cert_path, key_path)), ..Files::default() };
    let access = Access::load(files).expect("the files are good");
    let server = Participant::server("", 0);
    let hub = Hub::new(Rules::default(), Bounds::default(), server);
    let limits = Limits { frame_bytes: 4096, connections: 10, ..Limits::default() };
    let (pipes, receiver) = mpsc::unbounded_channel();
    let serving = Serving::new(hub, limits, Pipes(receiver)).guarded_by(access);
    tokio::spawn(async move { serving.run(std::future::pending()).await.map_err(drop) });
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Dial { pipes, config: Arc::new(config) }
}

async fn join(dial: &Dial, name: &str) -> Peer {
    let endpoint = Endpoint::from_static("http://pipe");
    let channel: Channel =
        within("a connection", endpoint.connect_with_connector(dial.clone())).await.unwrap();
    let mut peer = Peer::open_on(channel, name).await.expect("the stream opens");
    peer.connect();
    joined_by(&peer.delivery().await, name);
    peer
}

#[tokio::test]
async fn what_does_not_fit_goes_out_later_in_both_directions() {
    let dial = serve();
    let mut anton = join(&dial, "Anton").await;
    let mut bjarke = join(&dial, "Bjarke").await;
    joined_by(&anton.delivery().await, "Bjarke");
    let text = |number: u32| format!("{number} {}", "\u{1f600}".repeat(100));
    (0..500).for_each(|number| anton.say(&text(number)));
    (0..500).for_each(|number| bjarke.say(&text(number)));
    for number in 0..500 {
        bjarke.hears("Anton", &text(number)).await;
    }
    for number in 0..500 {
        anton.hears("Bjarke", &text(number)).await;
    }
    says(&mut anton, "Anton", &mut bjarke, "that was all").await;
}

//! What is encrypted, and how; and what the server does with files that it cannot use.

use crate::papers::{Asks, Authority, Door, Papers, says, server_params};
use crate::support::{Listener as _, Process, Scrape, joined_by, within};
use rcgen::date_time_ymd;
use std::{fs, io, net::TcpListener, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ConfigBuilder, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
        client::WantsClientCert,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        sign::{CertifiedKey, SingleCertAndKey},
        version::{TLS12, TLS13},
    },
};

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// How to shake hands by hand.
fn builder(
    door: &Door,
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(door.servers.pem.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

async fn connect(door: &Door, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(door.server.address).await?;
    let name = "localhost".try_into().unwrap();
    within("a handshake", TlsConnector::from(Arc::new(config)).connect(name, socket)).await
}

/// A handshake by hand, of somebody without a certificate.
pub async fn shake(
    door: &Door,
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> io::Result<TlsStream<TcpStream>> {
    let mut config = builder(door, versions).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    connect(door, config).await
}

/// What is heard by somebody who shows a certificate and signs with a key that need not be its own.
pub async fn shake_with(door: &Door, papers: &Papers) -> io::Result<()> {
    let chain = vec![CertificateDer::from_pem_slice(papers.cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(papers.key.as_bytes()).unwrap();
    let key = default_provider().key_provider.load_private_key(key).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let mut config = builder(door, BOTH).with_client_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = connect(door, config).await?;
    // In TLS 1.3 the client has finished before it is judged.
    within("the verdict", stream.read(&mut [0; 64])).await.map(drop)
}

#[tokio::test]
async fn over_tls_people_chat_as_ever() {
    let mut door = Door::asking(Asks::default()).await;
    let mut anton = door.join("Anton", None, None).await;
    let mut bjarke = door.join("Bjarke", None, None).await;
    joined_by(&anton.delivery().await, "Bjarke");
    let long = "\u{1f600}".repeat(128);
    for text in ["one", &long, "three"] {
        says(&mut anton, "Anton", &mut bjarke, text).await;
        says(&mut bjarke, "Bjarke", &mut anton, text).await;
    }
    anton.leave().await;
    let log = &door.server.process.err;
    log.wait_for(&["Participants connect over TLS and must show nothing"]).await;
    let scrape = Scrape::of(&door.server).await;
    assert_eq!(scrape.get("chittychat_tls_handshakes_total{outcome=\"done\"}"), 2.0);
    // 2050 begins.
    assert_eq!(scrape.get("chittychat_tls_certificate_expiry_time_seconds"), 2_524_608_000.0);
    drop(bjarke);
    assert_eq!(door.server.stop().await, 0);
}

#[tokio::test]
async fn both_recent_versions_are_spoken_and_http2_alone() {
    let door = Door::asking(Asks::default()).await;
    for (versions, spoken) in [
        (BOTH, ProtocolVersion::TLSv1_3),
        (&[&TLS13][..], ProtocolVersion::TLSv1_3),
        (&[&TLS12], ProtocolVersion::TLSv1_2),
    ] {
        let stream = shake(&door, versions, &[b"http/1.1", b"h2"]).await.expect("h2 is offered");
        let (_, session) = stream.get_ref();
        let agreed = (session.protocol_version(), session.alpn_protocol());
        assert_eq!(agreed, (Some(spoken), Some(&b"h2"[..])));
    }
    let other = shake(&door, BOTH, &[b"http/1.1"]).await.expect_err("h2 is not offered");
    assert!(other.to_string().contains("NoApplicationProtocol"), "{other}");
    // Whoever offers nothing learns nothing: the connection just ends.
    let mut silent = shake(&door, BOTH, &[]).await.expect("the handshake is finished");
    let read = within("the end", silent.read(&mut [0; 64])).await;
    assert!(!matches!(read, Ok(1..)), "{read:?}");
    let not_http2 = "chittychat_tls_handshakes_total{outcome=\"not_http2\"}";
    Scrape::until(&door.server, "it is counted", |it| it.get(not_http2) == 1.0).await;
}

#[tokio::test]
async fn what_is_no_tls_harms_nobody() {
    let (door, mut anton) = Door::with_anton().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for bytes in [&preface[..], b"GET / HTTP/1.1\r\n\r\n", &[0; 4096], &[0x16, 3, 1, 0xff, 0xff]] {
        let mut socket = TcpStream::connect(door.server.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // Ended or reset: either way it is over, and at most an alert was said.
        let _ = within("the end", socket.read_to_end(&mut answer)).await;
        assert!(answer.len() < 16, "{answer:?}");
    }
    let broken = "chittychat_tls_handshakes_total{outcome=\"broken\"}";
    Scrape::until(&door.server, "all are counted", |it| it.get(broken) == 4.0).await;
    let mut bjarke = door.join("Bjarke", Some(&door.people.client("Bjarke")), None).await;
    joined_by(&anton.delivery().await, "Bjarke");
    says(&mut bjarke, "Bjarke", &mut anton, "all is well").await;
}

#[tokio::test]
async fn whoever_stalls_a_handshake_keeps_nobody_waiting_and_is_cut_off() {
    let (door, mut anton) = Door::with_anton().await;
    // One after the other they would take a thousand seconds, and nobody here waits that long.
    let mut stalled = Vec::new();
    for number in 0..100 {
        let mut socket = TcpStream::connect(door.server.address).await.unwrap();
        if number % 2 == 0 {
            // The beginning of a ClientHello of 512 bytes.
            socket.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]).await.unwrap();
        }
        stalled.push(socket);
    }
    let mut bjarke = door.join("Bjarke", Some(&door.people.client("Bjarke")), None).await;
    joined_by(&anton.delivery().await, "Bjarke");
    says(&mut bjarke, "Bjarke", &mut anton, "no need to wait").await;
    let handshakes = "chittychat_tls_handshakes_total";
    for mut socket in stalled {
        let read = within("it is cut off", socket.read_to_end(&mut Vec::new())).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    // A socket is heard to close before what became of it is counted.
    let counted = |scrape: &Scrape| scrape.sum(handshakes) >= 102.0;
    let after = Scrape::until(&door.server, "all are counted", counted).await.counted(handshakes);
    assert_eq!(after, [("done".to_owned(), 2.0), ("timed_out".to_owned(), 100.0)]);
    says(&mut anton, "Anton", &mut bjarke, "still here").await;
}

/// What `serve` says to these files; none where a setting is not set. The port is taken, so if it
/// opened its port first, it would say that instead.
async fn refusal(files: &[(&str, &str)]) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = ["serve", "--listen", &address, "--http-listen", "127.0.0.1:0"];
    let variables: Vec<_> = files
        .iter()
        .map(|(key, path)| {
            (format!("CHITTYCHAT__{}", key.replace('.', "__").to_uppercase()), *path)
        })
        .collect();
    let variables: Vec<_> = variables.iter().map(|(name, path)| (name.as_str(), *path)).collect();
    let mut process = Process::start(&listen, &variables);
    let code = process.exit_code().await;
    let said = process.err.so_far();
    assert_eq!((code, said.len()), (2, 1), "{said:?}");
    said.concat()
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_with_the_reason_before_a_port_opens() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    };
    let authority = Authority::new("servers");
    let Papers { cert, key } = authority.server();
    let mut old = server_params();
    old.not_before = date_time_ymd(2000, 1, 1);
    old.not_after = date_time_ymd(2001, 2, 3);
    let old = authority.issue(&old);
    let half = key.split_at(key.len() / 2).0;
    let damaged = cert.replacen("MII", "M~I", 1);
    let (good_cert, good_key) = (put("cert", &cert), put("key", &key));
    let (old_cert, old_key) = (put("old", &old.cert), put("old-key", &old.key));
    let (none, empty) = (put("gone", ""), put("empty", ""));
    fs::remove_file(&none).unwrap();
    let folder_path = folder.path().to_str().unwrap().to_owned();
    let (half, damaged) = (put("half", half), put("damaged", &damaged));
    let bad_list = put("bad-list", "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n");
    let with = |cert, key| vec![("grpc.tls.cert", cert), ("grpc.tls.key", key)];
    let with_ca = |ca| [with(&*good_cert, &*good_key), vec![("grpc.tls.client_ca", ca)]].concat();
    let with_crl = |crl| [with_ca(&*good_cert), vec![("grpc.tls.crl", crl)]].concat();
    let cases = [
        (with(&none, &good_key), "grpc.tls.cert", none.as_str(), "cannot be read: No such file"),
        (with(&good_cert, &none), "grpc.tls.key", &none, "cannot be read: No such file"),
        (with(&folder_path, &good_key), "grpc.tls.cert", &folder_path, "is not a file"),
        (with("/dev/zero", &good_key), "grpc.tls.cert", "/dev/zero", "is not a file"),
        (with(&empty, &good_key), "grpc.tls.cert", &empty, "holds no certificate in PEM form"),
        (with(&good_key, &good_key), "grpc.tls.cert", &good_key, "holds no certificate"),
        (with(&damaged, &good_key), "grpc.tls.cert", &damaged, "that is not base64"),
        (with(&good_cert, &good_cert), "grpc.tls.key", &good_cert, "holds no private key"),
        (with(&good_cert, &half), "grpc.tls.key", &half, "ends within a PEM section"),
        (with(&good_cert, &old_key), "grpc.tls.key", &old_key, "`grpc.tls.cert`"),
        (with(&old_cert, &old_key), "grpc.tls.cert", &old_cert, "expired on 2001-02-03"),
        (with_ca(&empty), "grpc.tls.client_ca", &empty, "holds no certificate"),
        (with_ca(&none), "grpc.tls.client_ca", &none, "cannot be read"),
        (with_crl(&empty), "grpc.tls.crl", &empty, "holds no revocation list"),
        (with_crl(&none), "grpc.tls.crl", &none, "cannot be read"),
        (with_crl(&bad_list), "grpc.tls.crl", &bad_list, "no revocation list of X.509"),
        (vec![("auth.tokens", &none)], "auth.tokens", &none, "cannot be read"),
        (vec![("auth.tokens", &good_cert)], "auth.tokens", &good_cert, "wrong in line 1"),
    ];
    for (files, setting, path, reason) in cases {
        let said = refusal(&files).await;
        assert!(said.contains(&format!("`{setting}` names {path}, which ")), "{said}");
        assert!(said.contains(reason), "{reason} in {said}");
        assert!(!said.contains("BEGIN") && !said.contains(key.lines().nth(1).unwrap()), "{said}");
    }
    let said = refusal(&[("grpc.tls.cert", &good_cert)]).await;
    assert!(said.contains("`grpc.tls.cert` is set in the environment"), "{said}");
    assert!(said.contains("`grpc.tls.key` is not; one needs the other"), "{said}");
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_a_handshake() {
    let (mut door, mut anton) = Door::with_anton().await;
    let _stalled = TcpStream::connect(door.server.address).await.unwrap();
    let start = tokio::time::Instant::now();
    door.server.process.signal(nix::sys::signal::Signal::SIGTERM);
    let code = tonic::Code::Unavailable;
    let notice = chittychat::wire::pb::NoticeCode::ShuttingDown;
    anton.refused(notice, code, "connect again later").await;
    assert_eq!(door.server.process.exit_code().await, 0);
    // A second for connections to close, and something for the machine; ten would be the handshake's.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

//! New files under a running server: what is good comes into force, what is bad does not, and nobody who
//! is talking notices either.

use crate::papers::{Asks, Authority, Door, Papers, client_params, says, server_params};
use crate::support::{Listener as _, Scrape, joined_by};
use crate::tls::shake;
use crate::tokens::token;
use rcgen::date_time_ymd;
use tokio_rustls::rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tonic::Code;

const LOADED: &str = "chittychat_key_reloads_total{outcome=\"loaded\"}";
const REFUSED: &str = "chittychat_key_reloads_total{outcome=\"refused\"}";
const EXPIRY: &str = "chittychat_tls_certificate_expiry_time_seconds";

/// The certificate that the server shows now.
async fn shown(door: &Door) -> CertificateDer<'static> {
    let stream = shake(door, &[&TLS13, &TLS12], &[b"h2"]).await.expect("it shakes hands");
    let (_, session) = stream.get_ref();
    session.peer_certificates().expect("it shows one")[0].clone().into_owned()
}

fn der(papers: &Papers) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(papers.cert.as_bytes()).unwrap()
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_newcomers_and_no_stream_ends() {
    let (door, mut anton) = Door::with_anton().await;
    let mut bjarke = door.join("Bjarke", Some(&door.people.client("Bjarke")), None).await;
    joined_by(&anton.delivery().await, "Bjarke");
    let first = shown(&door).await;
    let log = &door.server.process.err;

    let mut params = server_params();
    params.not_after = date_time_ymd(2040, 1, 1);
    let second = door.servers.issue(&params);
    door.put("cert", &second.cert);
    door.put("key", &second.key);
    log.wait_for(&["New certificates are in force", "valid until 2040-01-01"]).await;
    assert_ne!(shown(&door).await, first);
    assert_eq!(shown(&door).await, der(&second));
    says(&mut anton, "Anton", &mut bjarke, "nothing has happened").await;
    says(&mut bjarke, "Bjarke", &mut anton, "has it not?").await;
    let scrape = Scrape::until(&door.server, "2040", |it| it.get(EXPIRY) == 2_208_988_800.0).await;
    assert_eq!((scrape.get(LOADED), scrape.get(REFUSED)), (1.0, 0.0));

    // A key that does not fit, then no file at all: each is told once, and changes nothing.
    door.put("key", &door.servers.server().key);
    log.wait_for(&["What was in force stays in force", "is not the key of the certificate"]).await;
    assert_eq!(shown(&door).await, der(&second));
    std::fs::remove_file(door.path("cert")).unwrap();
    log.wait_for(&["What was in force stays in force", "cannot be read"]).await;
    assert_eq!(shown(&door).await, der(&second));

    let third = door.servers.server();
    door.put("cert", &third.cert);
    door.put("key", &third.key);
    Scrape::until(&door.server, "the third is in force", |it| it.get(LOADED) == 2.0).await;
    assert_eq!(shown(&door).await, der(&third));
    let scrape = Scrape::of(&door.server).await;
    assert_eq!(scrape.get(REFUSED), 2.0);
    assert_eq!(log.count(&["What was in force stays in force"]), 2);
    says(&mut anton, "Anton", &mut bjarke, "still nothing").await;
    assert_eq!(scrape.get("chittychat_connected_clients"), 2.0);
}

#[tokio::test]
async fn whom_a_new_authority_does_not_know_comes_in_no_more() {
    let (door, mut anton) = Door::with_anton().await;
    let old = door.people.client("Bjarke");
    door.join("Bjarke", Some(&old), None).await.leave().await;
    joined_by(&anton.delivery().await, "Bjarke");
    crate::support::left_by(&anton.delivery().await, "Bjarke");

    let people = Authority::new("people");
    door.put("client_ca", &people.pem);
    door.server.process.err.wait_for(&["New certificates are in force"]).await;
    let refused = door.open("Bjarke", Some(&old), None).await.expect_err("it is not known");
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    let new = people.issue(&client_params("Bjarke"));
    let mut bjarke = door.join("Bjarke", Some(&new), None).await;
    joined_by(&anton.delivery().await, "Bjarke");
    says(&mut anton, "Anton", &mut bjarke, "my own is old, but I am in").await;
}

#[tokio::test]
async fn a_token_that_is_struck_out_opens_no_more_streams_and_a_new_one_does() {
    let (first, first_line) = token("Anton").await;
    let (second, second_line) = token("Anton").await;
    let door = Door::asking(Asks { certificate: false, tokens: Some(&first_line) }).await;
    let channel = door.channel(None).await.expect("a connection");
    let open = async |token: &str| {
        let bearer = format!("Bearer {token}");
        crate::support::Peer::open_showing(channel.clone(), "Anton", Some(&bearer)).await
    };
    let mut anton = open(&first).await.expect("it is in force");
    anton.connect();
    joined_by(&anton.delivery().await, "Anton");
    open(&second).await.expect_err("it is not in force yet");

    let log = &door.server.process.err;
    door.put("tokens", "nonsense");
    log.wait_for(&["What was in force stays in force: `auth.tokens`", "line 1"]).await;
    drop(open(&first).await.expect("it is still in force"));
    door.put("tokens", &second_line);
    log.wait_for(&["New tokens are in force for new streams: 1"]).await;
    // On the same connection: a token is asked for on each stream.
    let refused = open(&first).await.expect_err("it is struck out");
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    drop(open(&second).await.expect("it is in force"));
    anton.ended_with(Code::Unauthenticated, "your token was withdrawn").await;
}

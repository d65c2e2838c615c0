//! Who is let in by certificate, who is not, and what those hear who are not.

use crate::papers::{Authority, Door, Papers, client_params, says};
use crate::support::{Listener as _, Peer, Scrape, joined_by, within};
use chittychat::wire::{SERVICE, pb::NoticeCode};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

/// What reflection answers.
async fn reflect(channel: Channel) -> Result<(), Status> {
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let questions = tokio_stream::iter([question]);
    let call = ServerReflectionClient::new(channel).server_reflection_info(questions).await;
    call?.into_inner().message().await.map(drop)
}

/// What the health service answers.
async fn health(channel: Channel) -> ServingStatus {
    let about = HealthCheckRequest { service: SERVICE.to_owned() };
    let answer = HealthClient::new(channel).check(about).await;
    answer.expect("anybody may ask").get_ref().status()
}

/// A certificate for this name that differs in something.
fn client(authority: &Authority, differ: impl FnOnce(&mut CertificateParams)) -> Option<Papers> {
    let mut params = client_params("Anton");
    differ(&mut params);
    Some(authority.issue(&params))
}

#[tokio::test]
async fn whoever_shows_nothing_that_holds_is_told_why_and_hears_nothing_else() {
    let (door, mut anton) = Door::with_anton().await;
    let mut bjarke = door.join("Bjarke", Some(&door.people.client("Bjarke")), None).await;
    joined_by(&anton.delivery().await, "Bjarke");
    let people = &door.people;
    let impostor = Authority::new("people");
    let expired = |it: &mut CertificateParams| it.not_after = date_time_ymd(2020, 1, 1);
    let early = |it: &mut CertificateParams| it.not_before = date_time_ymd(2049, 1, 1);
    let not_for_clients = |it: &mut CertificateParams| {
        it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let nameless = |it: &mut CertificateParams| {
        it.distinguished_name = rcgen::DistinguishedName::new();
        it.distinguished_name.push(DnType::OrganizationName, "Anton");
        it.subject_alt_names = vec![SanType::Rfc822Name("anton@example".try_into().unwrap())];
    };
    let cases = [
        ("no_certificate", None, "no client certificate was shown"),
        ("unknown_issuer", client(&door.servers, |_| {}), "not issued by a CA that this server"),
        ("unknown_issuer", client(&impostor, |_| {}), "not issued by a CA that this server"),
        ("expired_certificate", client(people, expired), "has expired; renew it"),
        ("early_certificate", client(people, early), "not valid yet"),
        ("unusable_certificate", client(people, not_for_clients), "cannot be used to authenticate"),
        ("nameless_certificate", client(people, nameless), "names nobody"),
    ];
    let before = Scrape::of(&door.server).await;
    for (_, papers, words) in &cases {
        let channel = door.channel(papers.as_ref()).await.expect("the handshake is finished");
        // The chat, and what describes it; twice, because the first must not open the second.
        for _ in 0..2 {
            let refused = Peer::open_on(channel.clone(), "Casper").await.expect_err(words);
            assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
            assert!(refused.message().contains(words), "{refused:?}");
            let refused = reflect(channel.clone()).await.expect_err(words);
            assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
        }
        assert_eq!(health(channel).await, ServingStatus::Serving, "{words}");
    }
    // Nothing has happened: not to the clock, not in the room, and not to those who are in it.
    let after = Scrape::of(&door.server).await;
    for same in ["chittychat_lamport_time", "chittychat_connected_clients"] {
        assert_eq!(after.get(same), before.get(same), "{same}");
    }
    for same in ["chittychat_messages_received_total", "chittychat_streams_closed_total"] {
        assert_eq!(after.counted(same), before.counted(same), "{same}");
    }
    let mut counted = after.counted("chittychat_denials_total");
    counted.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("early_certificate", 4.0),
        ("expired_certificate", 4.0),
        ("nameless_certificate", 4.0),
        ("no_certificate", 4.0),
        ("unknown_issuer", 8.0),
        ("unusable_certificate", 4.0),
    ];
    assert_eq!(counted, expected.map(|(label, count)| (label.to_owned(), count)));
    says(&mut anton, "Anton", &mut bjarke, "was there anybody?").await;
    says(&mut bjarke, "Bjarke", &mut anton, "nobody").await;
    let log = &door.server.process.err;
    log.wait_for(&["Refused a request from 127.0.0.1:", "has expired; renew it"]).await;
    assert_eq!(log.count(&["Casper"]), 0);
}

#[tokio::test]
async fn a_name_that_is_not_the_certificates_is_refused_and_nobody_is_told() {
    let (door, mut anton) = Door::with_anton().await;
    let papers = door.people.client("Bjarke");
    for (number, name) in ["Anton", "bjarke", "Bjarke 2", "Casper"].into_iter().enumerate() {
        let mut liar = door.open(name, Some(&papers), None).await.expect("the stream opens");
        liar.connect();
        let words =
            format!("the name {name} is not yours; your certificate or token is for Bjarke");
        liar.refused(NoticeCode::ConnectRefused, Code::PermissionDenied, &words).await;
        let scrape = Scrape::of(&door.server).await;
        let refused = "chittychat_messages_rejected_total{reason=\"not_your_name\"}";
        assert_eq!(scrape.get(refused), (number + 1) as f64);
    }
    let log = &door.server.process.err;
    log.wait_for(&["Refused message from client: ", "the name Casper is not yours"]).await;
    // Under its own name it is let in, and that is the next thing that Anton hears.
    let mut bjarke = door.join("Bjarke", Some(&papers), None).await;
    joined_by(&anton.delivery().await, "Bjarke");
    says(&mut anton, "Anton", &mut bjarke, "it is you").await;
    // Whoever is in cannot become somebody else either.
    bjarke.send(crate::support::message(
        chittychat::wire::pb::MessageType::Publish,
        "Anton",
        "I am Anton",
        99,
    ));
    bjarke
        .refused(NoticeCode::ProtocolViolation, Code::PermissionDenied, "the client_reference")
        .await;
}

#[tokio::test]
async fn common_names_and_dns_names_are_names_and_nothing_else_is() {
    let door = Door::asking(crate::papers::Asks { certificate: true, tokens: None }).await;
    let mut params = client_params("Anna Maria \u{f8}");
    params.subject_alt_names = vec![
        SanType::DnsName("bot-7".try_into().unwrap()),
        SanType::DnsName("*.example".try_into().unwrap()),
        SanType::URI("spiffe://example/uri".try_into().unwrap()),
    ];
    let papers = door.people.issue(&params);
    for name in ["Anna Maria \u{f8}", "bot-7", "*.example"] {
        door.join(name, Some(&papers), None).await.leave().await;
    }
    for name in ["a.example", "spiffe://example/uri", "BOT-7"] {
        let mut peer = door.open(name, Some(&papers), None).await.expect("the stream opens");
        peer.connect();
        let words = "is for Anna Maria \u{f8}, bot-7, *.example";
        peer.refused(NoticeCode::ConnectRefused, Code::PermissionDenied, words).await;
    }
}

#[tokio::test]
async fn a_certificate_that_ends_meanwhile_opens_no_more_streams_and_ends_none() {
    let (door, mut anton) = Door::with_anton().await;
    // Certificates count whole seconds.
    let rest = Duration::from_secs(8);
    let mut params = client_params("Bjarke");
    params.not_after = (SystemTime::now() + rest).into();
    let papers = door.people.issue(&params);
    let channel = door.channel(Some(&papers)).await.expect("the handshake is finished");
    let mut bjarke = Peer::open_on(channel.clone(), "Bjarke").await.expect("it is still valid");
    bjarke.connect();
    joined_by(&bjarke.delivery().await, "Bjarke");
    joined_by(&anton.delivery().await, "Bjarke");
    // Not for something to happen in time, but for the time that the certificate names.
    sleep(rest + Duration::from_secs(1)).await;
    let refused = Peer::open_on(channel, "Bjarke").await.expect_err("it has ended");
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    assert!(refused.message().contains("has expired"), "{refused:?}");
    says(&mut bjarke, "Bjarke", &mut anton, "I am still here").await;
    says(&mut anton, "Anton", &mut bjarke, "so you are").await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let (door, _anton) = Door::with_anton().await;
    // The client's own library would notice, so the key is that of a look-alike, and the certificate
    // is put before it by hand.
    let stolen = door.people.client("Anton").cert;
    let other = door.people.client("Anton").key;
    let error = crate::tls::shake_with(&door, &Papers { cert: stolen, key: other }).await;
    let error = error.expect_err("the server hears that the key does not fit");
    assert!(error.to_string().contains("DecryptError"), "{error}");
    let broken = "chittychat_tls_handshakes_total{outcome=\"broken\"}";
    within(
        "it is counted",
        Scrape::until(&door.server, "it is counted", |it| it.get(broken) == 1.0),
    )
    .await;
}

//! Whoever is in and loses what they came in with: their streams end, those of others do not.

use crate::papers::{Asks, Authority, Door, Papers, client_params, says};
use crate::support::{
    Connection, Listener as _, Peer, Scrape, Server, channel, joined_by, left_by,
};
use crate::tokens::token;
use rcgen::{
    CertificateParams, CertificateRevocationListParams, KeyIdMethod, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use serde_json::Value;
use std::{
    fs,
    time::{Duration, Instant},
};
use tonic::Code;

/// How long it may take from the file to the end of the stream: two looks, and what a busy machine adds.
const SECONDS: Duration = Duration::from_secs(10);

/// A list of these numbers, signed by this authority, to be replaced in that year.
pub fn list(authority: &Authority, numbers: &[u64], next_update: i32) -> String {
    let revoked = |number: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*number),
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(next_update, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: numbers.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    authority.list(&params)
}

fn numbered(name: &str, number: u64) -> CertificateParams {
    let mut params = client_params(name);
    params.serial_number = Some(SerialNumber::from(number));
    params
}

fn papers(door: &Door, name: &str, number: u64) -> Papers {
    door.people.issue(&numbered(name, number))
}

/// A server that asks for certificates and has this list of revoked ones.
async fn listing(numbers: &[u64], next_update: i32) -> Door {
    let asks = Asks { certificate: true, ..Asks::default() };
    Door::listing(asks, |people| list(people, numbers, next_update)).await
}

#[tokio::test]
async fn a_token_that_is_struck_out_ends_the_streams_that_hold_it_and_no_others() {
    let [(anton, anton_line), (bjarke, bjarke_line), (casper, casper_line)] =
        [token("Anton").await, token("Bjarke").await, token("Casper").await];
    let all = [&*anton_line, &bjarke_line, &casper_line].join("\n");
    let door = Door::asking(Asks { tokens: Some(&all), ..Asks::default() }).await;
    let mut anton = door.join("Anton", None, Some(&anton)).await;
    let mut bjarke = door.join("Bjarke", None, Some(&bjarke)).await;
    let mut victim = door.join("Casper", None, Some(&casper)).await;
    joined_by(&anton.delivery().await, "Bjarke");
    joined_by(&anton.delivery().await, "Casper");
    joined_by(&bjarke.delivery().await, "Casper");
    // One on which nobody has come in yet ends as well.
    let mut silent = door.open("Casper", None, Some(&casper)).await.expect("it is in force");

    door.put("tokens", &[&*anton_line, &bjarke_line].join("\n"));
    let start = Instant::now();
    victim.ended_with(Code::Unauthenticated, "your token was withdrawn").await;
    println!("a stream ended {:?} after its token was struck out", start.elapsed());
    assert!(start.elapsed() < SECONDS, "{:?}", start.elapsed());
    silent.ended_with(Code::Unauthenticated, "your token was withdrawn").await;
    left_by(&anton.delivery().await, "Casper");
    left_by(&bjarke.delivery().await, "Casper");
    says(&mut anton, "Anton", &mut bjarke, "we are still here").await;
    says(&mut bjarke, "Bjarke", &mut anton, "so we are").await;
    let refused = door.open("Casper", None, Some(&casper)).await.expect_err("it is struck out");
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    let scrape = Scrape::of(&door.server).await;
    let counted = scrape.counted("chittychat_streams_revoked_total");
    assert_eq!(counted, [("withdrawn_token".to_owned(), 2.0)]);
    assert_eq!(scrape.get("chittychat_connected_clients"), 2.0);
}

#[tokio::test]
async fn whoever_reads_nothing_is_put_out_all_the_same() {
    let [(anton, anton_line), (casper, casper_line)] =
        [token("Anton").await, token("Casper").await];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, [&*anton_line, &casper_line].join("\n")).unwrap();
    let server = Server::start(&[("CHITTYCHAT__AUTH__TOKENS", file.to_str().unwrap())]).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let channel = channel(server.address).await.expect("the server takes connections");
    let mut anton = Peer::open_showing(channel, "Anton", Some(&bearer(&anton))).await.unwrap();
    anton.connect();
    joined_by(&anton.delivery().await, "Anton");
    // Its window has no room for a single message.
    let connection = Connection::open(server.address, 16).await;
    let mut deaf = connection.stream_showing("Casper", Some(&bearer(&casper))).await;
    deaf.connect().await;
    joined_by(&anton.delivery().await, "Casper");

    fs::write(&file, &anton_line).unwrap();
    let start = Instant::now();
    left_by(&anton.delivery().await, "Casper");
    assert!(start.elapsed() < SECONDS, "{:?}", start.elapsed());
    // What it says from now on is said to nobody.
    deaf.say("am I still here?").await;
    let code = "chittychat_streams_revoked_total{reason=\"withdrawn_token\"}";
    let scrape = Scrape::until(&server, "it is counted", |it| it.get(code) == 1.0).await;
    assert_eq!(scrape.get("chittychat_connected_clients"), 1.0);
    anton.leave().await;
}

#[tokio::test]
async fn a_token_that_is_given_to_somebody_else_is_no_proof_of_the_old_name() {
    let (secret, line) = token("Anton").await;
    let door = Door::asking(Asks { tokens: Some(&line), ..Asks::default() }).await;
    let mut anton = door.join("Anton", None, Some(&secret)).await;
    door.put("tokens", &line.replace("Anton", "Bjarke"));
    anton.ended_with(Code::Unauthenticated, "your token was withdrawn").await;
    door.join("Bjarke", None, Some(&secret)).await.leave().await;
}

#[tokio::test]
async fn a_certificate_that_is_revoked_ends_its_streams_and_opens_none() {
    let door = listing(&[99], 2050).await;
    let [first, second, third] =
        [("Anton", 1), ("Bjarke", 2), ("Casper", 3)].map(|(name, it)| papers(&door, name, it));
    let mut anton = door.join("Anton", Some(&first), None).await;
    let mut bjarke = door.join("Bjarke", Some(&second), None).await;
    let channel = door.channel(Some(&third)).await.expect("the handshake is finished");
    let mut victim = Peer::open_on(channel.clone(), "Casper").await.expect("it holds");
    victim.connect();
    joined_by(&victim.delivery().await, "Casper");
    joined_by(&anton.delivery().await, "Bjarke");
    joined_by(&anton.delivery().await, "Casper");
    joined_by(&bjarke.delivery().await, "Casper");

    door.put("crl", &list(&door.people, &[3, 99], 2050));
    let start = Instant::now();
    victim.ended_with(Code::Unauthenticated, "your certificate was revoked").await;
    println!("a stream ended {:?} after its certificate was revoked", start.elapsed());
    assert!(start.elapsed() < SECONDS, "{:?}", start.elapsed());
    left_by(&anton.delivery().await, "Casper");
    left_by(&bjarke.delivery().await, "Casper");
    // Neither on the connection that was judged before, nor on another.
    let old = Peer::open_on(channel, "Casper").await.expect_err("it is revoked");
    let new = door.open("Casper", Some(&third), None).await.expect_err("it is revoked");
    for refused in [old, new] {
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
        assert!(refused.message().contains("was revoked"), "{refused:?}");
    }
    says(&mut anton, "Anton", &mut bjarke, "we are still here").await;

    // What is no list changes nothing, and one that is overdue stays in force.
    let log = &door.server.process.err;
    door.put("crl", "nonsense");
    log.wait_for(&["What was in force stays in force", "`grpc.tls.crl`", "no revocation"]).await;
    door.open("Casper", Some(&third), None).await.expect_err("it is still revoked");
    door.put("crl", &list(&door.people, &[2], 2021));
    bjarke.ended_with(Code::Unauthenticated, "your certificate was revoked").await;
    left_by(&anton.delivery().await, "Bjarke");
    log.wait_for(&["was to be replaced by 2021-01-01", "stays in force"]).await;
    door.join("Casper", Some(&third), None).await.leave().await;
    let scrape = Scrape::of(&door.server).await;
    let counted = scrape.counted("chittychat_streams_revoked_total");
    assert_eq!(counted, [("revoked_certificate".to_owned(), 2.0)]);
}

#[tokio::test]
async fn a_list_that_the_issuer_has_not_signed_lets_nobody_in_and_puts_nobody_out() {
    let door = listing(&[], 2050).await;
    let mut anton = door.join("Anton", Some(&papers(&door, "Anton", 1)), None).await;
    let mut casper = door.join("Casper", Some(&papers(&door, "Casper", 3)), None).await;
    joined_by(&anton.delivery().await, "Casper");
    let bjarke = papers(&door, "Bjarke", 2);
    for stranger in ["people", "somebody else"] {
        door.put("crl", &list(&Authority::new(stranger), &[7], 2050));
        let log = &door.server.process.err;
        let reloads = if stranger == "people" { 1 } else { 2 };
        log.wait_until("it is read", |lines| {
            lines.iter().filter(|line| line.contains("New certificates are in force")).count()
                == reloads
        })
        .await;
        let refused = door.open("Bjarke", Some(&bjarke), None).await.expect_err(stranger);
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
        assert!(refused.message().contains("no revocation list"), "{refused:?}");
    }
    says(&mut anton, "Anton", &mut casper, "we are in").await;
}

/// The audit's lines so far, as JSON.
fn audit(door: &Door) -> Vec<Value> {
    let lines = door.server.process.err.so_far();
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "chittychat::audit").collect()
}

#[tokio::test]
async fn what_becomes_of_a_proof_is_a_line_each_with_the_same_fields() {
    let (secret, line) = token("Anton").await;
    let asks = Asks { tokens: Some(&line), ..Asks::default() };
    let door = Door::with(asks, &[("CHITTYCHAT__LOG__FORMAT", "json")]).await;
    let mut anton = door.join("Anton", None, Some(&secret)).await;
    door.open("Anton", None, None).await.expect_err("it shows nothing");
    door.open("Anton", None, Some("guess")).await.expect_err("it is nobody's");
    door.put("tokens", "# nobody\n");
    anton.ended_with(Code::Unauthenticated, "withdrawn").await;
    let log = &door.server.process.err;
    log.wait_for(&["Ended a stream"]).await;
    let told: Vec<_> = audit(&door)
        .iter()
        .map(|line| {
            let field = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            if field("event") != "reloaded" {
                assert!(field("peer").starts_with("127.0.0.1:"), "{line}");
            }
            ["event", "name", "by", "reason"].map(field)
        })
        .collect();
    let expected = [
        ["let_in", "Anton", "token", "-"],
        ["refused", "-", "none", "no_token"],
        ["refused", "-", "token", "unknown_token"],
        ["reloaded", "tokens", "-", "-"],
        ["revoked", "Anton", "token", "withdrawn_token"],
    ];
    assert_eq!(told, expected);
    assert_eq!(log.count(&[secret.as_str()]), 0);
}

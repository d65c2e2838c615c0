//! Who is let in by token, alone or together with a certificate.

use crate::papers::{Asks, Door, says};
use crate::support::{Listener as _, Peer, Process, Scrape, Server, channel, joined_by};
use chittychat::wire::pb::NoticeCode;
use std::fs;
use tonic::Code;

/// A token for this name, and the server's line for it: as the command makes them.
pub async fn token(name: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("token");
    let mut process = Process::start(&["token", name, "--out", out.to_str().unwrap()], &[]);
    assert_eq!(process.exit_code().await, 0, "{:?}", process.err.so_far());
    let lines = process.out.so_far();
    let [line] = &lines[..] else { panic!("one line: {lines:?}") };
    (fs::read_to_string(out).unwrap().trim().to_owned(), line.clone())
}

#[tokio::test]
async fn whoever_sends_no_token_that_holds_is_told_why_and_hears_nothing_else() {
    let (anton_token, anton_line) = token("Anton").await;
    let (bjarke_token, bjarke_line) = token("Bjarke").await;
    let (unknown, _) = token("Casper").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, format!("# people\n{anton_line}\n{bjarke_line}\n")).unwrap();
    // In plain text: it is this machine's own address.
    let server = Server::start(&[("CHITTYCHAT__AUTH__TOKENS", file.to_str().unwrap())]).await;
    let open = async |name: &str, authorization: Option<&str>| {
        let channel = channel(server.address).await.expect("the server takes connections");
        Peer::open_showing(channel, name, authorization).await
    };
    let join = async |name: &str, token: &str| {
        let mut peer = open(name, Some(&format!("Bearer {token}"))).await.expect("it opens");
        peer.connect();
        peer
    };
    let mut anton = join("Anton", &anton_token).await;
    joined_by(&anton.delivery().await, "Anton");
    let before = Scrape::of(&server).await;
    let truncated = &anton_token[..anton_token.len() - 1];
    let hash = anton_line.rsplit(':').next().unwrap();
    for (authorization, words) in [
        (None, "no token was sent"),
        (Some(format!("Bearer {unknown}")), "not one of this server's"),
        (Some(format!("Bearer {truncated}")), "not one of this server's"),
        (Some(format!("Bearer {hash}")), "not one of this server's"),
        (Some(format!("Bearer {}", "x".repeat(4000))), "not one of this server's"),
        (Some(anton_token.clone()), "does not hold Bearer and a token"),
        (Some(format!("Basic {anton_token}")), "does not hold Bearer and a token"),
        (Some("Bearer ".to_owned()), "does not hold Bearer and a token"),
    ] {
        let refused = open("Anton", authorization.as_deref()).await.expect_err(words);
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
        assert!(refused.message().contains(words), "{refused:?}");
    }
    let after = Scrape::of(&server).await;
    assert_eq!(after.get("chittychat_lamport_time"), before.get("chittychat_lamport_time"));
    let mut counted = after.counted("chittychat_denials_total");
    counted.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("malformed_token", 3.0), ("no_token", 1.0), ("unknown_token", 4.0)];
    assert_eq!(counted, expected.map(|(label, count)| (label.to_owned(), count)));

    // A good token is good for its own name, and for no other.
    let mut liar = join("Anton", &bjarke_token).await;
    let words = "the name Anton is not yours; your certificate or token is for Bjarke";
    liar.refused(NoticeCode::ConnectRefused, Code::PermissionDenied, words).await;
    let mut bjarke = join("Bjarke", &bjarke_token).await;
    joined_by(&bjarke.delivery().await, "Bjarke");
    joined_by(&anton.delivery().await, "Bjarke");
    says(&mut anton, "Anton", &mut bjarke, "welcome").await;

    let log = server.process.err.so_far().join("\n");
    assert!(log.contains("connect in plain text and must show a token, of 2"), "{log}");
    for secret in [&anton_token, &bjarke_token, &unknown, hash] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn of_many_who_are_refused_some_have_a_line_and_the_others_are_counted() {
    const MANY: usize = 300;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, "# nobody yet\n").unwrap();
    let server = Server::start(&[("CHITTYCHAT__AUTH__TOKENS", file.to_str().unwrap())]).await;
    let mut codes = Vec::new();
    for _ in 0..MANY {
        let channel = channel(server.address).await.expect("the server takes connections");
        let refused = Peer::open_showing(channel, "Anton", None).await.expect_err("nobody");
        assert!(refused.message().contains("no token was sent"), "{refused:?}");
        codes.push(refused.code());
    }
    assert_eq!(codes.first(), Some(&Code::Unauthenticated));
    assert_eq!(codes.last(), Some(&Code::ResourceExhausted), "one address has its share");
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.get("chittychat_denials_total{reason=\"no_token\"}"), MANY as f64);
    let own = |lines: &[String]| lines.iter().filter(|it| it.contains("Refused a request")).count();
    let others = |line: &String| -> Option<usize> {
        let (counts, _) = line.split_once(" more requests refused for what they showed")?;
        counts.rsplit(' ').next()?.parse().ok()
    };
    let log = &server.process.err;
    let told = |lines: &[String]| own(lines) + lines.iter().filter_map(others).sum::<usize>();
    log.wait_until("all are told of", |lines| told(lines) == MANY).await;
    assert!(own(&log.so_far()) < MANY, "each had a line of its own");
}

#[tokio::test]
async fn where_both_are_asked_for_both_are_needed_and_for_one_name() {
    let (anton, anton_line) = token("Anton").await;
    let (bjarke, bjarke_line) = token("Bjarke").await;
    let tokens = format!("{anton_line}\n{bjarke_line}");
    let door = Door::asking(Asks { certificate: true, tokens: Some(&tokens) }).await;
    let papers = door.people.client("Anton");
    for (papers, token, words) in [
        (None, Some(&anton), "no client certificate was shown"),
        (Some(&papers), None, "no token was sent"),
        (Some(&papers), Some(&bjarke), "not for the same name"),
    ] {
        let token = token.map(String::as_str);
        let refused = door.open("Anton", papers, token).await.expect_err(words);
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
        assert!(refused.message().contains(words), "{refused:?}");
    }
    door.join("Anton", Some(&papers), Some(&anton)).await.leave().await;
    let log = &door.server.process.err;
    log.wait_for(&["over TLS and must show a certificate and a token, of 2"]).await;
}

#[tokio::test]
async fn a_list_without_a_token_lets_nobody_in() {
    let (token, _) = token("Anton").await;
    let door = Door::asking(Asks { certificate: false, tokens: Some("# nobody yet\n") }).await;
    let refused = door.open("Anton", None, Some(&token)).await.expect_err("nobody");
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
}

//! What it costs to refuse somebody: the same with however many tokens, and nothing to those who are let in.

use crate::support::{
    Connection, Listener as _, Peer, RawPeer, Server, channel, joined_by, within,
};
use crate::tokens::token;
use chittychat::keys::{Access, Certified, Denied, Files};
use std::{
    fmt::Write as _,
    fs,
    hint::black_box,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::sync::watch;
use tonic::Code;

/// As many as a list may have.
const MANY: usize = 16_384;
/// How much more a refusal may cost with so many tokens than with two.
const MOST_TIMES: f64 = 3.0;

/// A list of so many tokens that nobody holds.
pub fn list(tokens: usize) -> String {
    // Numbers that are spread over all hashes there are.
    (0..tokens).fold(String::new(), |mut list, number| {
        let spread = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(list, "Anton sha256:{spread:016x}{:048x}", number).expect("a string takes text");
        list
    })
}

fn guarded(tokens: usize) -> Access {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, list(tokens)).unwrap();
    let access = Access::load(Files { tokens: Some(file), ..Files::default() });
    let access = access.expect("the list is good");
    assert_eq!(access.tokens().expect("they are asked for").len(), tokens);
    access
}

/// The least time that a hundred refusals took: whatever else the machine does makes them only longer.
fn price(access: &Access) -> Duration {
    let guess = format!("Bearer chittychat_{}", "0".repeat(64));
    let round = || {
        let start = Instant::now();
        for _ in 0..100 {
            let judged = access.judge(&Certified::Unasked, Some(black_box(guess.as_bytes())));
            assert_eq!(judged.err(), Some(Denied::UnknownToken));
        }
        start.elapsed()
    };
    (0..50).map(|_| round()).min().expect("there were some")
}

#[test]
fn a_refusal_costs_the_same_however_many_tokens_there_are() {
    let (few, many) = (price(&guarded(2)), price(&guarded(MANY)));
    let times = many.as_secs_f64() / few.as_secs_f64();
    println!("100 refusals: {few:?} with 2 tokens, {many:?} with {MANY}: {times:.2} times");
    assert!(times <= MOST_TIMES, "{times:.2} times: {few:?} with 2, {many:?} with {MANY}");
}

/// A server in plain text with so many tokens of nobody, and these lines beside them.
async fn crowded(folder: &TempDir, lines: &[&str]) -> Server {
    let file = folder.path().join("tokens");
    fs::write(&file, format!("{}{}", list(MANY - lines.len()), lines.join("\n"))).unwrap();
    Server::start(&[("CHITTYCHAT__AUTH__TOKENS", file.to_str().unwrap())]).await
}

async fn join(connection: &Connection, name: &str, token: &str) -> RawPeer {
    let mut peer = connection.stream_showing(name, Some(&format!("Bearer {token}"))).await;
    peer.connect().await;
    joined_by(&peer.delivery().await, name);
    peer
}

#[tokio::test]
async fn whoever_is_refused_too_often_is_shown_out_and_those_beside_it_stay() {
    let folder = tempfile::tempdir().unwrap();
    let [(anton, anton_line), (bjarke, bjarke_line)] =
        [token("Anton").await, token("Bjarke").await];
    let server = crowded(&folder, &[&anton_line, &bjarke_line]).await;
    // A proxy would put them all on one connection.
    let mut shared = Connection::open(server.address, 65_535).await;
    let mut anton = join(&shared, "Anton", &anton).await;
    let mut codes = Vec::new();
    while codes.last() != Some(&Code::ResourceExhausted) && codes.len() < 100 {
        let status = shared.stream_showing("Casper", Some("Bearer guess")).await.end().await;
        assert!(status.message().contains("not one of this server's"), "{status:?}");
        codes.push(status.code());
    }
    assert!(codes.len() > 10, "{codes:?}");
    assert!(codes[..codes.len() - 1].iter().all(|code| *code == Code::Unauthenticated));

    // Who comes with what holds is let in from the same address, and the stream that was there goes on.
    let other = Connection::open(server.address, 65_535).await;
    let mut bjarke = join(&other, "Bjarke", &bjarke).await;
    joined_by(&anton.delivery().await, "Bjarke");
    anton.say("still here").await;
    bjarke.hears("Anton", "still here").await;
    // With its last stream the connection ends.
    drop(anton);
    shared.closed().await;
}

/// Sends guesses, on connection after connection, until told to stop. Returns how many were refused.
async fn guess(address: SocketAddr, mut until: watch::Receiver<bool>) -> u64 {
    let mut refused = 0;
    while !*until.borrow_and_update() {
        let Ok(channel) = channel(address).await else { continue };
        for _ in 0..10 {
            let guess = Peer::open_showing(channel.clone(), "Casper", Some("Bearer guess")).await;
            refused += u64::from(guess.is_err());
        }
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_guesses_keeps_nobody_waiting() {
    const SAID: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let [(anton, anton_line), (bjarke, bjarke_line)] =
        [token("Anton").await, token("Bjarke").await];
    let server = crowded(&folder, &[&anton_line, &bjarke_line]).await;
    let mine = Connection::open(server.address, 65_535).await;
    let its = Connection::open(server.address, 65_535).await;
    let mut anton = join(&mine, "Anton", &anton).await;
    let mut bjarke = join(&its, "Bjarke", &bjarke).await;
    joined_by(&anton.delivery().await, "Bjarke");
    let (stop, until) = watch::channel(false);
    let floods: Vec<_> =
        (0..4).map(|_| tokio::spawn(guess(server.address, until.clone()))).collect();
    let mut waits = Vec::new();
    for number in 0..SAID {
        let text = format!("number {number}");
        let start = Instant::now();
        anton.say(&text).await;
        bjarke.hears("Anton", &text).await;
        waits.push(start.elapsed());
    }
    stop.send_replace(true);
    let mut refused = 0;
    for flood in floods {
        refused += within("a flood ends", flood).await.unwrap();
    }
    waits.sort();
    let (p50, p99) = (waits[SAID / 2], waits[SAID * 99 / 100]);
    println!("{refused} guesses refused beside {SAID} texts: p50 {p50:?}, p99 {p99:?}");
    assert!(refused > 0);
    assert!(p50 < Duration::from_millis(50), "p50 {p50:?}, p99 {p99:?}");
}

//! A flood: twenty thousand connections that nothing comes of, while people chat.
//!
//! Twelve thousand are half-open: they say nothing, or only that they speak HTTP/2, and are held until
//! the server cuts them. Eight thousand bring bytes that mean nothing. They come from twenty addresses,
//! as fast as one thread can open them, on the machine that the server and all others share.

use crate::{
    audit::{audit, percentiles},
    server, stop,
    support::{Listener as _, Peer, Scrape, Server, joined_by, noise, within},
    witness::{Account, Go as _, Witnesses},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    runtime::Builder,
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::{Instant, sleep},
};

const FLOOD: usize = 20_000;
const WITNESSES: usize = 30;
/// How often a witness says something.
const EVERY: Duration = Duration::from_millis(500);
/// How long the quiet before the flood lasts.
const QUIET: Duration = Duration::from_secs(10);
/// Attempts that are under way at once: fewer than the system's line of those to be accepted.
const AT_ONCE: usize = 256;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// The most that 99 of 100 deliveries may take meanwhile. It is the end of hope, no measure.
const PROMPT_US: u64 = 1_000_000;

/// Opens connection number so-and-so. Nothing if the server did not let it in.
async fn attempt(number: usize, server: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    // From 127.0.0.2 on.
    let host = u8::try_from(2 + number % 20).unwrap();
    socket.bind(SocketAddr::new(Ipv4Addr::new(127, 0, 0, host).into(), 0)).expect("a port");
    let mut socket = socket.connect(server).await.ok()?;
    let sent = match number % 5 {
        0 | 1 => socket.write_all(&noise(number as u64 + 1, 1000)).await,
        2 => socket.write_all(PREFACE).await,
        _ => Ok(()),
    };
    sent.ok().map(|()| socket)
}

/// All of them. Says when the last has been opened, and holds what the server does not cut until it is
/// told that this is over. Returns how many those were: if the system's line of connections to be
/// accepted is full, it may drop one that the client takes for open, and the server never sees it.
async fn flood(
    server: SocketAddr,
    opened: oneshot::Sender<Duration>,
    over: oneshot::Receiver<()>,
) -> usize {
    let begun = Instant::now();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut attempts = JoinSet::new();
    for number in 0..FLOOD {
        let turn = Arc::clone(&turns).acquire_owned().await.expect("nobody closes it");
        attempts.spawn(async move {
            let socket = attempt(number, server).await;
            drop(turn);
            let Some(mut socket) = socket else { return };
            let mut rest = Vec::new();
            // Until the server hangs up, in whatever way.
            let _ = socket.read_to_end(&mut rest).await;
        });
        while attempts.try_join_next().is_some() {}
    }
    opened.send(begun.elapsed()).expect("somebody waits");
    let mut over = pin!(over);
    loop {
        tokio::select! {
            Some(ended) = attempts.join_next() => ended.expect("an attempt does not fail"),
            _ = &mut over => return attempts.len(),
        }
    }
}

/// Latencies of what was sent within these microseconds.
fn latencies(accounts: &[Account], from: u64, to: u64) -> Vec<u64> {
    let all = accounts.iter().flat_map(|account| &account.latencies);
    all.filter(|(sent, _)| (from..to).contains(sent)).map(|(_, took)| *took).collect()
}

async fn survives(what: &str, variables: &[(&str, &str)]) -> Scrape {
    let (server, journal) = server(variables).await;
    let witnesses = Witnesses::start(&server, WITNESSES, EVERY).await;
    let since_epoch = |it: Instant| u64::try_from((it - witnesses.epoch()).as_micros()).unwrap();
    let quiet = since_epoch(Instant::now());
    sleep(QUIET).await;
    let begin = since_epoch(Instant::now());
    let address = server.address;
    // In a thread of its own, so that those who chat do not wait for it.
    let ((sender, opened), (over, is_over)) = (oneshot::channel(), oneshot::channel());
    let thread = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(flood(address, sender, is_over))
    });
    let took = within("all are opened", opened).await.expect("the flood goes on");
    let alone = |scrape: &Scrape| scrape.get("chittychat_connections") == WITNESSES as f64;
    let scrape = Scrape::until(&server, "the flood is over", alone).await;
    let end = since_epoch(Instant::now());
    over.send(()).expect("the flood goes on");
    let unseen = thread.join().expect("nothing failed");
    comes_in(&server).await;
    let peak = server.peak_resident_bytes() >> 20;
    let accounts = witnesses.end().await;
    let findings = audit(&accounts);

    println!(
        "{what}: {FLOOD} connections opened in {took:.1?}, all gone {:.1?} after the first",
        Duration::from_micros(end - begin)
    );
    println!("  turned away: {:?}", scrape.counted("chittychat_connections_refused_total"));
    let cut = scrape.get("chittychat_connections_timed_out_total");
    println!("  cut: {cut}; lost on the way, and unseen by the server: {unseen}");
    println!(
        "  {} messages, {} deliveries to {WITNESSES} participants, none missed; server at its peak \
         {peak} MiB",
        findings.messages, findings.deliveries
    );
    for (when, from, to) in [("before", quiet, begin), ("during", begin, end)] {
        let latencies = latencies(&accounts, from, to);
        let count = latencies.len();
        let [p50, p99, longest] = percentiles(latencies);
        println!(
            "  {when}: p50 {p50} us, p99 {p99} us, longest {longest} us of {count} deliveries"
        );
        assert!(p99 < PROMPT_US, "{when}: {p99} us");
    }
    stop(server, journal).await;
    scrape
}

/// Somebody new comes in.
async fn comes_in(server: &Server) {
    let mut peer = Peer::open(server.address, "Newcomer").await;
    peer.connect();
    joined_by(&peer.delivery().await, "Newcomer");
    peer.go().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_connections_keep_nobody_from_chatting() {
    let scrape = survives("as the settings are", &[]).await;
    // Those of noise end by themselves.
    assert!(scrape.get("chittychat_connections_timed_out_total") > 0.0);
    let limits = [
        ("CHITTYCHAT__LIMITS__CONNECTIONS_PER_ADDRESS", "100"),
        ("CHITTYCHAT__LIMITS__ATTEMPTS_PER_SECOND", "500"),
    ];
    let scrape = survives("with limits", &limits).await;
    assert!(scrape.sum("chittychat_connections_refused_total") > FLOOD as f64 / 2.0);
}

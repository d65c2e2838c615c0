//! Mixed load with coming and going, for as long as one likes: the server's memory stays flat, and no
//! file stays open.
//!
//! Beside the witnesses, people join, say a few things, and go in each of the ways there are: politely,
//! without a word, or by reading nothing until they are evicted and cut off.

use crate::{
    Chance,
    audit::{audit, percentiles},
    duration, server, stop,
    support::{Connection, Listener as _, Peer, Scrape, Server, joined_by, within},
    witness::{Go as _, Witnesses, text},
};
use std::{fs, net::SocketAddr, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep},
};

const WITNESSES: usize = 10;
const EVERY: Duration = Duration::from_millis(100);
/// How many come and go at once.
const CHURN: u64 = 12;
/// Entries that one may lie behind: some seconds of this load.
const LAG: (&str, &str) = ("CHITTYCHAT__ROOM__CAPACITY", "600");
/// So that who was evicted is gone before somebody loses patience.
const IDLE: (&str, &str) = ("CHITTYCHAT__LIMITS__IDLE_TIMEOUT", "2s");
/// What the console keeps fills for minutes, and a short run would take that for growth.
const CONSOLE: (&str, &str) = ("CHITTYCHAT__CONSOLE__SERVE", "false");
/// What the server may hold more at the end than after the warm-up.
const GROWTH_BYTES: u64 = 8 << 20;

/// How people go, and how many have.
#[derive(Clone, Copy, Debug, Default)]
struct Gone {
    politely: u64,
    lost: u64,
    evicted: u64,
}

/// One after the other comes and goes.
async fn come_and_go(server: SocketAddr, number: u64, (epoch, end): (Instant, Instant)) -> Gone {
    let mut chance = Chance(0x5eed + number);
    let mut gone = Gone::default();
    for stay in 0.. {
        if Instant::now() >= end {
            break;
        }
        let name = format!("C{number}.{stay}");
        if chance.below(8) == 0 {
            let mut connection = Connection::open(server, 16).await;
            let mut frozen = connection.stream(&name).await;
            frozen.connect().await;
            connection.closed().await;
            gone.evicted += 1;
            continue;
        }
        let mut peer = Peer::open(server, &name).await;
        peer.connect();
        joined_by(&peer.delivery().await, &name);
        let mut said = 0;
        let messages = chance.below(30);
        let mut beats = interval(Duration::from_millis(20 + chance.below(100)));
        while said < messages {
            tokio::select! {
                _ = peer.delivery() => {}
                _ = beats.tick() => {
                    peer.say(&text(said, epoch));
                    said += 1;
                }
            }
        }
        if chance.below(2) == 0 {
            gone.lost += 1;
            continue;
        }
        peer.go().await;
        gone.politely += 1;
    }
    gone
}

/// How many files the server has open.
fn files(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.process.pid())).expect("it is running").count()
}

fn median(samples: &[u64]) -> u64 {
    percentiles(samples.to_vec())[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_flat_and_no_file_stays_open() {
    let (server, journal) = server(&[LAG, IDLE, CONSOLE]).await;
    let witnesses = Witnesses::start(&server, WITNESSES, EVERY).await;
    let before = files(&server);
    let begun = Instant::now();
    let end = begun + duration();
    let mut churn = JoinSet::new();
    for number in 0..CHURN {
        churn.spawn(come_and_go(server.address, number, (witnesses.epoch(), end)));
    }
    let mut resident = Vec::new();
    let mut most_files = 0;
    while Instant::now() < end {
        sleep(Duration::from_secs(1)).await;
        resident.push(server.resident_bytes());
        most_files = most_files.max(files(&server));
    }
    let mut gone = Gone::default();
    for its in within("they are all gone", churn.join_all()).await {
        gone.politely += its.politely;
        gone.lost += its.lost;
        gone.evicted += its.evicted;
    }
    let alone = |scrape: &Scrape| scrape.get("chittychat_connections") == WITNESSES as f64;
    Scrape::until(&server, "all others are gone", alone).await;
    let after = within("no file is left open", async {
        // The scrape's own connection takes a moment to close.
        while files(&server) > before {
            sleep(Duration::from_millis(10)).await;
        }
        files(&server)
    });
    let after = after.await;
    let accounts = witnesses.end().await;

    let findings = audit(&accounts);
    println!("{:?}: {gone:?}", duration());
    println!(
        "{} messages, {} deliveries to {WITNESSES} witnesses, none missed",
        findings.messages, findings.deliveries
    );
    println!("open files: {before} before, {most_files} at most, {after} after");
    // The first quarter is the warm-up.
    let warm = &resident[resident.len() / 4..];
    let part = (warm.len() / 5).max(1);
    let [early, late] = [median(&warm[..part]), median(&warm[warm.len() - part..])];
    let [least, most] = [warm.iter().min(), warm.iter().max()].map(|it| it.unwrap() / 1024);
    println!(
        "resident after the warm-up: {least} to {most} KiB; median of the first fifth {} KiB, of the \
         last {} KiB ({:+.2} %)",
        early / 1024,
        late / 1024,
        (late as f64 / early as f64 - 1.0) * 100.0
    );
    assert!(late < early + GROWTH_BYTES, "it grows");
    assert_eq!(findings.joins as u64, gone.politely + gone.lost + gone.evicted);
    assert_eq!(findings.joins, findings.leaves, "whoever came is gone");
    let scrape = Scrape::until(&server, "the books", |scrape| scrape.outstanding() == 0.0).await;
    assert_eq!(scrape.get("chittychat_evictions_total"), gone.evicted as f64);
    stop(server, journal).await;
}

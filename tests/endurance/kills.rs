//! `kill -9` of clients at random, under load: nobody else misses a message.
//!
//! The victims are processes of `chittychat join`, which talk until they are killed, in the middle of
//! whatever they do; for each that dies another comes.

use crate::{
    Chance,
    audit::{audit, percentiles},
    duration, server, stop,
    support::{Process, Scrape},
    witness::{Witnesses, text},
};
use std::time::Duration;
use tokio::time::{Instant, interval};

const WITNESSES: usize = 8;
const VICTIMS: usize = 6;
/// How often a witness says something.
const EVERY: Duration = Duration::from_millis(100);
/// How often the victims say something, or one of them is killed.
const BEAT: Duration = Duration::from_millis(25);
/// One beat in so many is somebody's last.
const DEADLY: u64 = 20;

struct Victim {
    process: Process,
    said: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_killed_at_random_and_nobody_else_misses_a_message() {
    let (server, journal) = server(&[]).await;
    let witnesses = Witnesses::start(&server, WITNESSES, EVERY).await;
    let epoch = witnesses.epoch();
    let address = format!("http://{}", server.address);
    let mut count = 0;
    let mut next = || {
        count += 1;
        let join = ["join", "--plain", "--server", &address, "--name", &format!("V{count}")];
        Victim { process: Process::start(&join, &[]), said: 0 }
    };
    let mut victims: Vec<_> = std::iter::repeat_with(&mut next).take(VICTIMS).collect();
    let (mut chance, mut kills) = (Chance(0x5eed), 0);
    let mut beats = interval(BEAT);
    let end = Instant::now() + duration();
    while Instant::now() < end {
        beats.tick().await;
        for victim in &mut victims {
            if chance.below(2) == 0 {
                victim.process.tell(&text(victim.said, epoch));
                victim.said += 1;
            }
        }
        if chance.below(DEADLY) == 0 {
            let victim = usize::try_from(chance.below(VICTIMS as u64)).unwrap();
            // Dropping a process kills it, with SIGKILL.
            victims[victim] = next();
            kills += 1;
        }
    }
    kills += victims.len();
    drop(victims);
    // Whoever was killed is noticed without waiting: the system closes its socket.
    let alone = |scrape: &Scrape| scrape.get("chittychat_connected_clients") == WITNESSES as f64;
    Scrape::until(&server, "the killed are gone", alone).await;
    let accounts = witnesses.end().await;

    let findings = audit(&accounts);
    let latencies = accounts.iter().flat_map(|it| &it.latencies).map(|(_, took)| *took).collect();
    let [p50, p99, longest] = percentiles(latencies);
    println!("{kills} clients killed in {:?}, {} of them in the room", duration(), findings.joins);
    println!(
        "{} messages, {} deliveries to {WITNESSES} witnesses, none missed; p50 {p50} us, p99 {p99} us, \
         longest {longest} us",
        findings.messages, findings.deliveries
    );
    // Who is never more than a few beats old may have been killed before it came in; not all were.
    assert!(findings.joins > 1, "{findings:?}");
    assert_eq!(findings.joins, findings.leaves, "whoever came is gone");
    Scrape::until(&server, "the books", |scrape| scrape.outstanding() == 0.0).await;
    stop(server, journal).await;
}

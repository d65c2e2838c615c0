//! The room's clock in the hands of somebody hostile, and what a restart then means to those who were
//! there. They are real `join` processes: whatever was said before it, they come back by themselves, and
//! their clocks go on.
//!
//! `CLOCK_ATTACK_SECONDS` is how long the attack lasts that goes on for a while (3 unless it is set).

#![allow(clippy::print_stdout, reason = "the figures")]

use crate::support::{Heard, Listener as _, Peer, Process, Server, joined_by, message, within};
use chittychat::{chat::clock::TOO_FAR_AHEAD, wire::pb::MessageType};
use nix::sys::signal::Signal;
use std::{
    env,
    net::SocketAddr,
    time::{Duration, SystemTime},
};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep_until, timeout_at},
};
use tonic::Code;

/// How soon everybody is to be back.
const BACK: Duration = Duration::from_secs(10);
/// What JavaScript tells apart.
const SAFE: u64 = 1 << 53;
const JOINED: &str = "has joined the chat";

/// How a server ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Drained,
    Killed,
}

/// People in their own processes.
struct People(Vec<(String, Process)>);

impl People {
    async fn join(server: SocketAddr, names: &[&str]) -> Self {
        let mut people = Vec::new();
        for name in names {
            let server = format!("http://{server}");
            let join = ["join", "--plain", "--server", &server, "--name", name, "--port", "40"];
            let process = Process::start(&join, &[]);
            process.out.wait_for(&[&format!("{name} 127.0.0.1:40 {JOINED}")]).await;
            people.push(((*name).to_owned(), process));
        }
        Self(people)
    }

    /// How often each has come in.
    fn joins(&self) -> Vec<usize> {
        let joins = |(name, process): &(String, Process)| {
            process.out.count(&[&format!("{name} 127.0.0.1:40 {JOINED}")])
        };
        self.0.iter().map(joins).collect()
    }

    /// Waits until everybody has come in once more than `before`.
    async fn are_back(&self, before: &[usize]) {
        for ((name, process), before) in self.0.iter().zip(before) {
            let own = format!("{name} 127.0.0.1:40 {JOINED}");
            let again = |lines: &[String]| {
                lines.iter().filter(|line| line.contains(&own)).count() > *before
            };
            process.out.wait_until(&format!("{name} is back"), again).await;
        }
    }

    /// What one says is heard by all others.
    async fn speak(&mut self, text: &str) {
        for speaker in 0..self.0.len() {
            let (name, process) = &mut self.0[speaker];
            let said = format!("{text} of {name}");
            process.tell(&said);
            for (_, listener) in self.0.iter().filter(|(name, _)| !said.ends_with(name)) {
                listener.out.wait_for(&[&said]).await;
            }
        }
    }

    /// All their times, which rise for each of them and can be told apart by a page.
    fn latest(&self) -> u64 {
        let mut latest = 0;
        for (name, process) in &self.0 {
            let lines = process.out.so_far();
            let times: Vec<u64> = lines.iter().filter_map(|line| lamport_time(line)).collect();
            assert!(times.is_sorted_by(|a, b| a < b), "{name}: {lines:#?}");
            latest = latest.max(times.last().copied().unwrap_or(0));
        }
        assert!(latest < SAFE, "{latest}");
        latest
    }
}

fn lamport_time(line: &str) -> Option<u64> {
    let (_, time) = line.split_once("[Lamport time: ")?;
    time.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// One tick a microsecond.
fn physical_time() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    since.as_micros().try_into().unwrap()
}

async fn start(address: &str, variables: &[(&str, &str)]) -> Server {
    let serve = ["serve", "--listen", address, "--http-listen", "127.0.0.1:0"];
    Server::of(Process::start(&serve, variables)).await
}

/// Ends the server, starts another in its place, and waits until all are back.
async fn restart(
    mut server: Server,
    how: End,
    people: &People,
    variables: &[(&str, &str)],
) -> Server {
    let (before, joins, address) = (people.latest(), people.joins(), server.address.to_string());
    match how {
        End::Drained => assert_eq!(server.stop().await, 0),
        // Dropping a process kills it, with SIGKILL.
        End::Killed => drop(server),
    }
    let server = start(&address, variables).await;
    let up = Instant::now();
    people.are_back(&joins).await;
    let took = up.elapsed();
    println!("{how:?} at Lamport time {before}: all back {took:.1?} after the start");
    assert!(took < BACK, "{took:?}");
    assert!(people.latest() > before, "clocks are carried on");
    server
}

/// Somebody comes in and publishes so far ahead of the latest delivery.
async fn jump(server: SocketAddr, name: &str, ahead: i64) {
    let mut peer = Peer::open(server, name).await;
    peer.connect();
    joined_by(&peer.delivery().await, name);
    peer.clock = peer.latest + ahead - 1;
    peer.say("a leap");
    peer.leave().await;
}

async fn all_come_back_after(jumps: usize, ahead: i64, variables: &[(&str, &str)]) {
    let mut server = start("127.0.0.1:0", variables).await;
    let mut people = People::join(server.address, &["Anton", "Bjarke", "Oliver"]).await;
    for how in [End::Drained, End::Killed] {
        let begun = people.latest();
        for number in 0..jumps {
            jump(server.address, &format!("J{number}"), ahead).await;
        }
        people.speak(&format!("before being {how:?}")).await;
        let moved = people.latest() - begun;
        let jumped = u64::try_from(ahead).unwrap() * u64::try_from(jumps).unwrap();
        assert!(moved >= jumped, "{moved} of {jumped}: the jumps count");
        server = restart(server, how, &people, variables).await;
        people.speak(&format!("after being {how:?}")).await;
    }
    assert_eq!(people.joins(), [3, 3, 3], "came in, and came back twice");
}

#[tokio::test]
async fn a_restart_after_three_large_jumps_lets_everybody_back_in() {
    all_come_back_after(3, 1 << 32, &[]).await;
}

#[tokio::test]
async fn a_restart_after_six_hundred_small_jumps_lets_everybody_back_in() {
    all_come_back_after(600, 1000, &[("CHITTYCHAT__CLOCK__MAX_JUMP", "1000")]).await;
}

#[tokio::test]
async fn what_a_participant_adds_is_bounded_by_message_and_by_second() {
    let variables = [("CHITTYCHAT__CLOCK__MAX_JUMP", "1000000")];
    let server = start("127.0.0.1:0", &variables).await;
    let mut peer = Peer::open(server.address, "Ditte").await;
    peer.connect();
    joined_by(&peer.delivery().await, "Ditte");
    // The second million within a second is more than a second brings.
    for _ in 0..2 {
        peer.clock += 999_000;
        peer.say("a leap");
    }
    let end = peer.end().await;
    assert_eq!(end.code(), Code::InvalidArgument);
    assert!(end.message().contains(TOO_FAR_AHEAD), "{}", end.message());
    // What was refused was not witnessed.
    let mut next = Peer::open(server.address, "Eskild").await;
    next.connect();
    let join = next.delivery().await;
    assert!((999_000..1_500_000).contains(&join.time), "{join:?}");
}

#[tokio::test]
async fn who_speaks_too_fast_does_not_move_the_clock_by_it() {
    let variables = [("CHITTYCHAT__LIMITS__MESSAGES_PER_SECOND", "1")];
    let server = start("127.0.0.1:0", &variables).await;
    let mut peer = Peer::open(server.address, "Ditte").await;
    peer.connect();
    joined_by(&peer.delivery().await, "Ditte");
    // More in a row than one a second, so the last of them is too fast.
    (0..3).for_each(|_| peer.say("in haste"));
    peer.clock += 1_000_000;
    peer.say("too fast, and far ahead");
    let mut notices = 0;
    let end = loop {
        match peer.heard().await {
            Heard::Message(notice) => {
                assert_eq!(notice.r#type(), MessageType::Notice, "{notice:?}")
            }
            Heard::End(status) => break status,
        }
        notices += 1;
    };
    assert!(notices > 1, "an honest time is witnessed, whatever is wrong with the text");
    assert_eq!(end.code(), Code::InvalidArgument, "{end:?}");
    let mut next = Peer::open(server.address, "Eskild").await;
    next.connect();
    let join = next.delivery().await;
    assert!(join.time < 100, "{join:?}");
}

#[tokio::test]
async fn above_a_ceiling_that_is_set_nobody_pushes_the_clock() {
    let variables = [("CHITTYCHAT__CLOCK__CEILING", "1073741824")];
    let server = start("127.0.0.1:0", &variables).await;
    let connect = |time| message(MessageType::Connect, "Ditte", "connect message", time);
    let mut peer = Peer::open(server.address, "Ditte").await;
    peer.send(connect((1 << 30) + 1));
    let end = peer.end().await;
    assert_eq!(
        end.message(),
        "time 1073741825 lies too far ahead of the server's clock 0; \
         above 1073741824 at most 1024 ahead is allowed"
    );
    let mut peer = Peer::open(server.address, "Ditte").await;
    peer.send(connect(1 << 30));
    let join = peer.delivery().await;
    assert_eq!(join.time, (1 << 30) + 2, "the ceiling itself");
    // An honest participant goes on above it.
    for _ in 0..20 {
        peer.say("so far");
    }
    peer.leave().await;
}

/// One of those who want the clock to be useless: tries a time, by a Connect or a publish, and tries again.
async fn attack(server: SocketAddr, number: i64, end: Instant) -> u64 {
    let mut attempts = 0;
    while Instant::now() < end {
        let name = format!("H{number}");
        let mut peer = Peer::open(server, &name).await;
        let now = physical_time();
        let first = [2, now, now + (1 << 20), i64::MAX, 1 << 62][attempts % 5];
        peer.send(message(MessageType::Connect, &name, "connect message", first));
        let mut tries = 0;
        while Instant::now() < end {
            attempts += 1;
            let Ok(Heard::Message(_)) = timeout_at(end, peer.heard()).await else { break };
            // Ahead of what it has heard: by as much as is allowed, in whatever respect, and by more.
            let ahead = [2, 16, 1_000, 1_024, 1 << 20, 1 << 32, 1 << 53][tries % 7];
            tries += 1;
            for step in 0..32 {
                let time =
                    peer.latest.saturating_add(ahead).saturating_add(step * ahead.min(1_030));
                peer.send(message(MessageType::Publish, &name, "hostile", time));
            }
        }
    }
    u64::try_from(attempts).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_go_on_and_newcomers_get_in_whatever_somebody_does_to_the_clock() {
    let seconds = env::var("CLOCK_ATTACK_SECONDS").unwrap_or_else(|_| "3".into());
    let lasts = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    let server = start("127.0.0.1:0", &[]).await;
    let mut people = People::join(server.address, &["Anton", "Bjarke"]).await;
    let (begun, end) = (physical_time(), Instant::now() + lasts);
    let mut attackers = JoinSet::new();
    (0..8).for_each(|number| drop(attackers.spawn(attack(server.address, number, end))));
    let (mut beats, mut newcomers) = (interval(Duration::from_millis(200)), 0);
    while Instant::now() < end {
        beats.tick().await;
        people.speak(&format!("beat {newcomers}")).await;
        let mut newcomer = Peer::open(server.address, &format!("N{newcomers}")).await;
        newcomer.connect();
        let join = newcomer.delivery().await;
        assert!(u64::try_from(join.time).unwrap() < SAFE, "{join:?}");
        let disconnect = newcomer.stamped(MessageType::Disconnect, "disconnect message");
        newcomer.send(disconnect);
        while newcomer.delivery().await.r#type() != MessageType::Ack {}
        newcomers += 1;
    }
    sleep_until(end).await;
    let attempts: u64 = within("the attack ends", attackers.join_all()).await.into_iter().sum();
    people.speak("after the attack").await;
    let (latest, physical) = (people.latest(), physical_time());
    let ahead = i64::try_from(latest).unwrap() - physical;
    println!(
        "{attempts} attempts in {lasts:?}; {newcomers} newcomers came in; at {latest}, which is {ahead} us \
         ahead of physical time"
    );
    assert!(latest > u64::try_from(begun).unwrap(), "it was pushed to the ceiling: {latest}");
    assert_eq!(people.joins(), [1, 1], "nobody was put out");
    let mut server = restart(server, End::Killed, &people, &[]).await;
    people.speak("after the restart").await;
    server.process.signal(Signal::SIGTERM);
    assert_eq!(server.process.exit_code().await, 0);
}

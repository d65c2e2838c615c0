//! Two participants who chat throughout an attack, and note what becomes of each message.
//!
//! They live in a thread of their own, so that an attacker in this process is in nobody's way but the
//! server's. A text is a number, which counts its author's messages, and the microseconds since the
//! beginning; so whoever hears it knows whether it missed one, and how long this one took.

use crate::support::{Heard, Listener as _, Peer, channel};
use chittychat::wire::pb::MessageType;
use hdrhistogram::Histogram;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    runtime::Builder,
    sync::Barrier,
    time::{self, Instant, MissedTickBehavior, timeout},
};

/// How often each says something: under the 50 messages a second that the shipped settings allow.
const EVERY: Duration = Duration::from_millis(30);
/// How long they wait for each other's last words.
const LAST_WORDS: Duration = Duration::from_secs(20);
/// Their names.
pub const NAMES: [&str; 2] = ["Anton", "Bjarke"];
const LAST: &str = "last";

/// Before the attack, during it, and when it is over.
const PHASES: [u8; 3] = [0, 1, 2];

/// The two at work.
#[derive(Debug)]
pub struct Bystanders {
    phase: Arc<AtomicU8>,
    thread: JoinHandle<Vec<Account>>,
}

/// What one of them saw.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub name: &'static str,
    /// Latencies in microseconds, before the attack.
    pub before: Histogram<u64>,
    /// Latencies in microseconds, during it.
    pub during: Histogram<u64>,
    /// Messages of the other's that it did not hear.
    pub missed: u64,
    /// How its stream ended, if it did before its time.
    pub ended: Option<String>,
}

impl Bystanders {
    /// Both join and begin to talk. `authorizations` is what each shows, if anything.
    pub fn start(address: SocketAddr, authorizations: [Option<String>; 2]) -> Self {
        let phase = Arc::new(AtomicU8::new(PHASES[0]));
        let theirs = Arc::clone(&phase);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(talk(address, authorizations, theirs))
        });
        Self { phase, thread }
    }

    /// From here on it is an attack.
    pub fn attack_begins(&self) {
        self.phase.store(PHASES[1], Ordering::Relaxed);
    }

    /// They say their last words and hear the other's.
    pub fn end(self) -> Vec<Account> {
        self.phase.store(PHASES[2], Ordering::Relaxed);
        self.thread.join().expect("bystanders do not fail")
    }
}

async fn talk(
    address: SocketAddr,
    authorizations: [Option<String>; 2],
    phase: Arc<AtomicU8>,
) -> Vec<Account> {
    let (epoch, joined) = (Instant::now(), Arc::new(Barrier::new(NAMES.len())));
    let tasks = NAMES.into_iter().zip(authorizations).map(|(name, authorization)| {
        let (phase, joined) = (Arc::clone(&phase), Arc::clone(&joined));
        tokio::spawn(async move {
            let channel = channel(address).await.expect("the server takes connections");
            let peer = Peer::open_showing(channel, name, authorization.as_deref()).await;
            let mut peer = peer.expect("the server takes streams");
            peer.connect();
            assert!(matches!(peer.heard().await, Heard::Message(_)), "{name} is let in");
            joined.wait().await;
            let account = attend(&mut peer, name, epoch, &phase).await;
            (account, peer)
        })
    });
    let (mut accounts, mut peers) = (Vec::new(), Vec::new());
    for task in tasks.collect::<Vec<_>>() {
        let (account, peer) = task.await.expect("a bystander does not fail");
        accounts.push(account);
        // Nobody goes before the other has heard its last words, which may still be on their way.
        peers.push(peer);
    }
    accounts
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds that make sense")
}

/// One bystander's part.
async fn attend(peer: &mut Peer, name: &'static str, epoch: Instant, phase: &AtomicU8) -> Account {
    let (before, during) = (histogram(), histogram());
    let mut account = Account { name, before, during, missed: 0, ended: None };
    let mut ticks = time::interval(EVERY);
    // Whoever was held up does not make up for it: over 50 a second it would be refused.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut said, mut expected, mut has_heard_all) = (0, 0, false);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let now = epoch.elapsed().as_micros();
                if phase.load(Ordering::Relaxed) == PHASES[2] {
                    peer.say(&format!("{said} {now} {LAST}"));
                    break;
                }
                peer.say(&format!("{said} {now}"));
                said += 1;
            }
            heard = peer.heard() => match account.hear(heard, epoch, phase, &mut expected) {
                Some(is_last) => has_heard_all |= is_last,
                None => return account,
            }
        }
    }
    let listening = async {
        while !has_heard_all {
            match account.hear(peer.heard().await, epoch, phase, &mut expected) {
                Some(is_last) => has_heard_all = is_last,
                None => return,
            }
        }
    };
    if timeout(LAST_WORDS, listening).await.is_err() {
        account.ended = Some("the other's last words did not come".to_owned());
    }
    account
}

impl Account {
    /// Notes a delivery, and says whether it is the other's last. Nothing once the stream has ended.
    fn hear(
        &mut self,
        heard: Heard,
        epoch: Instant,
        phase: &AtomicU8,
        expected: &mut u64,
    ) -> Option<bool> {
        let message = match heard {
            Heard::Message(message) => message,
            Heard::End(status) => {
                self.ended = Some(format!("{:?}: {}", status.code(), status.message()));
                return None;
            }
        };
        let author = message.client_reference.as_ref().map_or("", |who| &who.client_name);
        if message.r#type() != MessageType::Publish || !NAMES.contains(&author) {
            return Some(false);
        }
        let mut words = message.text.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(count), Some(sent)) = (number(), number()) else { return Some(false) };
        self.missed += count - *expected;
        *expected = count + 1;
        let now = u64::try_from(epoch.elapsed().as_micros()).expect("not so long");
        let latencies = match phase.load(Ordering::Relaxed) {
            0 => &mut self.before,
            _ => &mut self.during,
        };
        latencies.saturating_record(now.saturating_sub(sent).max(1));
        Some(message.text.ends_with(LAST))
    }
}

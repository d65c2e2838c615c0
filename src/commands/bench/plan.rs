//! What a run is to do, judged: every number within its bounds, and the times of all messages fixed
//! before the first is sent.

use super::checker::{MAX_SEQUENCE, Mark};
use crate::chat::message::MAX_TEXT;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, time::Duration};

/// The most participants. Each may need a port of its own, of which there are some 28,000.
pub(super) const MAX_PARTICIPANTS: usize = 20_000;
/// The most joins a second.
pub(super) const MAX_JOIN_RATE: f64 = 1e5;
/// The most messages a second.
pub(super) const MAX_RATE: f64 = 1e6;
/// The longest duration.
pub(super) const MAX_DURATION: Duration = Duration::from_secs(600);
/// The most messages of a burst.
pub(super) const MAX_BURST: u64 = 10_000_000;
/// The most leaves and joins a second.
pub(super) const MAX_CHURN: f64 = 1_000.0;
/// The most pairs of a recipient and a publisher. Each costs four bytes to check.
const MAX_PAIRS: usize = 50_000_000;
/// The fewest bytes of a text: its mark.
pub(super) const MIN_TEXT_BYTES: usize = Mark::BYTES;
/// The most: a mark, and characters of four bytes for the rest.
pub(super) const MAX_TEXT_BYTES: usize = MIN_TEXT_BYTES + 4 * (MAX_TEXT - MIN_TEXT_BYTES);

/// What the server speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// The chat's, which this is about
    #[default]
    Grpc,
    /// NATS core: one subject for all
    Nats,
    /// Bare frames over TCP: a length of four bytes and a text
    Tcp,
}

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What the server speaks.
    pub protocol: Protocol,
    /// Where the server is.
    pub server: SocketAddr,
    /// The same as the server is to read it.
    pub authority: String,
    /// The number in the marks and names of this run.
    pub run: u16,
    /// How many listen.
    pub participants: usize,
    /// How many come in a second, if not as many as the server lets in.
    pub join_rate: Option<f64>,
    /// How many of them speak.
    pub publishers: usize,
    /// The bytes of a text.
    pub text_bytes: usize,
    /// How many share a connection.
    pub per_connection: usize,
    /// When messages are sent.
    pub load: Load,
    /// How often somebody leaves and somebody else comes, a second.
    pub churn: f64,
    /// The server's process, if it is here.
    pub pid: Option<u32>,
}

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    /// So many a second for so long, whatever becomes of them: open loop.
    Rate { per_second: f64, duration: Duration },
    /// So many, as fast as they go, but no more than so many on their way at once: closed loop.
    Burst { messages: u64, in_flight: u64 },
    /// For so long as many as it takes to keep so many on their way: closed loop.
    Closed { in_flight: u64, duration: Duration },
}

impl Load {
    /// How many messages there are in all, if time does not decide that.
    pub(super) fn messages(self) -> Option<u64> {
        match self {
            Self::Rate { per_second, duration } => {
                Some(((per_second * duration.as_secs_f64()).round() as u64).max(1))
            }
            Self::Burst { messages, .. } => Some(messages),
            Self::Closed { .. } => None,
        }
    }
}

impl Plan {
    /// Judges what no single option says.
    ///
    /// # Errors
    /// With a sentence that says what is allowed.
    pub(super) fn judge(&self) -> Result<(), String> {
        if self.publishers > self.participants {
            return Err(format!(
                "{} publishers are more than the {} participants",
                self.publishers, self.participants
            ));
        }
        if self.participants * self.publishers > MAX_PAIRS {
            return Err(format!("participants times publishers may be {MAX_PAIRS} at most"));
        }
        let messages = self.load.messages().unwrap_or_default();
        if messages / self.publishers as u64 >= u64::from(MAX_SEQUENCE) {
            return Err(format!("a publisher may send {MAX_SEQUENCE} messages at most"));
        }
        let is_churning = self.churn > 0.0;
        if is_churning && matches!(self.load, Load::Burst { .. }) {
            return Err("there is no churn in a burst, whose deliveries are counted".to_owned());
        }
        if is_churning && self.publishers == self.participants {
            return Err("with churn there must be participants that do not publish".to_owned());
        }
        if matches!(self.load, Load::Closed { .. }) && self.publishers < 2 {
            return Err(
                "how many messages are on their way is told from publishers that hear each \
                        other: with --in-flight and --duration there must be two"
                    .to_owned(),
            );
        }
        if self.protocol != Protocol::Grpc && (is_churning || self.per_connection != 1) {
            return Err("churn and shared connections are for --protocol grpc".to_owned());
        }
        Ok(())
    }

    /// The subject of the run, for NATS.
    pub(super) fn subject(&self) -> String {
        format!("chat-{:04x}", self.run)
    }

    /// How many messages a publisher sends: they take turns.
    pub(super) fn publisher_of(&self, message: u64) -> usize {
        (message % self.publishers as u64) as usize
    }
}

/// When each message was to be sent, in nanoseconds after the start.
#[derive(Debug)]
pub(super) enum Schedule {
    /// Fixed in advance.
    Every { nanoseconds: f64 },
    /// All at the start.
    AtOnce,
    /// When room was made for it.
    Released(Vec<u64>),
}

impl Schedule {
    /// The schedule of a load.
    pub(super) fn of(load: Load) -> Self {
        match load {
            Load::Rate { per_second, .. } => Self::Every { nanoseconds: 1e9 / per_second },
            Load::Burst { messages, in_flight } if in_flight < messages => {
                Self::Released(Vec::new())
            }
            Load::Burst { .. } => Self::AtOnce,
            Load::Closed { .. } => Self::Released(Vec::new()),
        }
    }

    /// The intended time of a message.
    pub(super) fn intended(&self, message: u64) -> u64 {
        match self {
            Self::Every { nanoseconds } => (message as f64 * nanoseconds) as u64,
            Self::AtOnce => 0,
            Self::Released(times) => {
                usize::try_from(message).ok().and_then(|at| times.get(at)).copied().unwrap_or(0)
            }
        }
    }

    /// How many messages are due by now, if time alone says so.
    pub(super) fn due(&self, now: u64) -> u64 {
        match self {
            Self::Every { nanoseconds } => (now as f64 / nanoseconds) as u64 + 1,
            _ => u64::MAX,
        }
    }
}

/// What follows the mark in a text of this many bytes: as few characters of many bytes as will do.
pub(super) fn padding(text_bytes: usize) -> String {
    let bytes = text_bytes.saturating_sub(Mark::BYTES);
    let characters = bytes.min(MAX_TEXT - Mark::BYTES);
    (0..characters)
        .map(|at| {
            // The bytes are shared out evenly, what is left over to the first.
            let share = bytes / characters + usize::from(at < bytes % characters);
            match share {
                1 => '.',
                2 => 'ø',
                3 => '…',
                _ => '🎉',
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Text;

    #[test]
    fn texts_have_any_size_that_a_legal_text_may_have() {
        for bytes in MIN_TEXT_BYTES..=MAX_TEXT_BYTES {
            let mark = Mark { run: 1, publisher: 2, sequence: 3 };
            let text = format!("{mark}{}", padding(bytes));
            assert_eq!(text.len(), bytes);
            assert!(Text::new(&text).is_ok(), "{bytes} bytes");
        }
        assert_eq!(MAX_TEXT_BYTES, 464);
    }

    #[test]
    fn the_times_of_an_open_loop_are_fixed_in_advance() {
        let load = Load::Rate { per_second: 1000.0, duration: Duration::from_secs(2) };
        let schedule = Schedule::of(load);
        assert_eq!(load.messages(), Some(2000));
        assert_eq!(schedule.intended(0), 0);
        assert_eq!(schedule.intended(1999), 1_999_000_000);
        assert_eq!(schedule.due(0), 1, "the first is due at the start");
        for message in [1, 500, 1999] {
            assert_eq!(schedule.due(schedule.intended(message)), message + 1);
            assert_eq!(schedule.due(schedule.intended(message) - 1), message);
        }
    }

    #[test]
    fn a_burst_is_due_at_once_unless_it_is_held() {
        let of = |in_flight| Schedule::of(Load::Burst { messages: 10, in_flight });
        assert!(matches!(of(10), Schedule::AtOnce));
        assert_eq!((of(10).intended(9), of(10).due(0)), (0, u64::MAX));
        assert!(matches!(of(1), Schedule::Released(_)));
        assert_eq!(Schedule::Released(vec![0, 70]).intended(1), 70);
    }

    fn plan(participants: usize, publishers: usize, churn: f64, load: Load) -> Plan {
        let server = SocketAddr::from(([127, 0, 0, 1], 8080));
        let authority = server.to_string();
        let (run, text_bytes, per_connection, pid) = (1, 64, 1, None);
        Plan {
            protocol: Protocol::Grpc,
            server,
            authority,
            run,
            participants,
            join_rate: None,
            publishers,
            text_bytes,
            per_connection,
            load,
            churn,
            pid,
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let burst = Load::Burst { messages: 10, in_flight: 10 };
        let rate = Load::Rate { per_second: 10.0, duration: Duration::from_secs(1) };
        assert_eq!(plan(10, 10, 0.0, burst).judge(), Ok(()));
        assert_eq!(plan(10, 9, 1.0, rate).judge(), Ok(()));
        for wrong in [
            plan(10, 11, 0.0, burst),
            plan(20_000, 20_000, 0.0, burst),
            plan(10, 10, 1.0, rate),
            plan(10, 1, 1.0, burst),
            plan(10, 1, 0.0, Load::Closed { in_flight: 1, duration: Duration::from_secs(1) }),
            Plan { protocol: Protocol::Nats, per_connection: 2, ..plan(10, 1, 0.0, burst) },
            Plan { protocol: Protocol::Tcp, ..plan(10, 1, 1.0, rate) },
        ] {
            assert!(wrong.judge().is_err(), "{wrong:?}");
        }
    }
}

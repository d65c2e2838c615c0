//! What is known of one event, or of one run of sends, in the compact form that a million of them need.
//!
//! An [`Event`](super::Event) is made to be shown; a [`Fact`] is made to be kept. It names people by
//! number, keeps texts in one place for all, and stands for a whole fan-out if there is one.

use super::event::Kind;
use crate::chat::{
    Participant,
    escape::{EscapedAddress, EscapedName, unescaped},
};
use std::fmt;

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// The server.
    Server,
    /// A participant, by the three fields of its reference. Two that print alike stay two.
    Participant {
        /// The name, as given.
        name: Box<str>,
        /// The address, as given.
        address: Box<str>,
        /// The port.
        port: u16,
    },
}

impl Identity {
    /// The identity of a participant.
    #[must_use]
    pub fn of(who: &Participant) -> Self {
        let (name, address) = (who.name().into(), who.address().into());
        Self::Participant { name, address, port: who.port() }
    }

    /// The identity that a printed form, `Name address:port`, stands for.
    #[must_use]
    pub fn shown(text: &str) -> Option<Self> {
        let (rest, port) = text.rsplit_once(':')?;
        let (name, address) = rest.rsplit_once(' ')?;
        let port = port.parse().ok()?;
        let (name, address) = (unescaped(name).into(), unescaped(address).into());
        Some(Self::Participant { name, address, port })
    }
}

/// As on a log line: escaped.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Participant { name, address, port } => {
                write!(f, "{} {}:{port}", EscapedName(name), EscapedAddress(address))
            }
        }
    }
}

/// A line of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Which of the inputs.
    pub file: u32,
    /// The line in it, from 1; 0 if it has no lines.
    pub line: u32,
}

/// How it is known that something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// The node itself says so.
    #[default]
    Recorded,
    /// Another node names it as a cause.
    Implied,
    /// Its place follows from what a later message says it has seen, and its time from the rules.
    Placed,
    /// It must have happened, as early as it can have been: see [`assume`](mod@super::assume).
    Assumed,
}

/// A piece of a pool: where it begins and how long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub start: u32,
    /// How long it is.
    pub len: u32,
}

/// Nobody.
pub const NOBODY: u32 = u32::MAX;

/// One event, or a run of sends (or losses) with consecutive times. Zero, where a time is asked for,
/// is that it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What happened.
    pub kind: Kind,
    /// How it is known.
    pub evidence: Evidence,
    /// Its Lamport time; of a run, the first.
    pub time: u64,
    /// How many events it is.
    pub count: u32,
    /// On a receive: the time of the send.
    pub cause: u64,
    /// On a message of a participant: the last delivery that it had received before.
    pub seen: u64,
    /// The message's id.
    pub message: u64,
    /// The other end: recipients, sender, or who is lost. Runs of people, in the pool for those.
    pub people: Piece,
    /// Who the message is about, or [`NOBODY`].
    pub about: u32,
    /// What was said, in the pool for texts.
    pub text: Piece,
    /// Where it is written.
    pub source: Source,
}

impl Fact {
    /// An event of which nothing but kind and time is known.
    #[must_use]
    pub fn new(kind: Kind, time: u64) -> Self {
        Self {
            kind,
            evidence: Evidence::Recorded,
            time,
            count: 1,
            cause: 0,
            seen: 0,
            message: 0,
            people: Piece::default(),
            about: NOBODY,
            text: Piece::default(),
            source: Source::default(),
        }
    }

    /// The time of its last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.time.saturating_add(u64::from(self.count).saturating_sub(1))
    }
}

/// People and texts, each kept once and named by a piece.
#[derive(Debug, Default)]
pub struct Pools {
    people: Vec<(u32, u32)>,
    texts: String,
}

impl Pools {
    /// Keeps runs of people, each from a first to a last.
    pub fn keep_people(&mut self, runs: impl IntoIterator<Item = (u32, u32)>) -> Piece {
        let start = self.people.len();
        for (first, last) in runs {
            let grown = match self.people[start..].last_mut() {
                Some((_, end)) if end.checked_add(1) == Some(first) => {
                    *end = last;
                    true
                }
                _ => false,
            };
            if !grown {
                self.people.push((first, last));
            }
        }
        piece(start, self.people.len() - start)
    }

    /// Keeps a text. Beyond 4 GiB of texts nothing is kept.
    pub fn keep_text(&mut self, text: &str) -> Piece {
        let start = self.texts.len();
        if u32::try_from(start + text.len()).is_err() {
            return Piece::default();
        }
        self.texts.push_str(text);
        piece(start, text.len())
    }

    /// The people, one after the other.
    pub fn people(&self, piece: Piece) -> impl Iterator<Item = u32> {
        self.runs(piece).iter().flat_map(|(first, last)| *first..=*last)
    }

    /// How many people these are.
    #[must_use]
    pub fn count(&self, piece: Piece) -> u64 {
        self.runs(piece).iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// The person at a place.
    #[must_use]
    pub fn person(&self, piece: Piece, place: u32) -> Option<u32> {
        let mut left = place;
        for (first, last) in self.runs(piece) {
            let len = last - first;
            if left <= len {
                return Some(first + left);
            }
            left -= len + 1;
        }
        None
    }

    /// A text; nothing if none was kept.
    #[must_use]
    pub fn text(&self, piece: Piece) -> Option<&str> {
        let start = piece.start as usize;
        let text = self.texts.get(start..start + piece.len as usize)?;
        (piece.len > 0).then_some(text)
    }

    pub(super) fn runs(&self, piece: Piece) -> &[(u32, u32)] {
        let start = piece.start as usize;
        self.people.get(start..start + piece.len as usize).unwrap_or_default()
    }
}

fn piece(start: usize, len: usize) -> Piece {
    let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
    Piece { start: number(start), len: number(len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_kept_as_runs() {
        let mut pools = Pools::default();
        let piece = pools.keep_people([(4, 5), (6, 6), (1, 2)]);
        assert_eq!(piece.len, 2);
        assert_eq!(pools.people(piece).collect::<Vec<_>>(), [4, 5, 6, 1, 2]);
        assert_eq!(pools.count(piece), 5);
        let each: Vec<_> = (0..6).map(|place| pools.person(piece, place)).collect();
        assert_eq!(each, [Some(4), Some(5), Some(6), Some(1), Some(2), None]);
        assert_eq!(pools.people(Piece::default()).count(), 0);
    }

    #[test]
    fn a_print_is_read_from_behind() {
        let shown = Identity::shown("Ada Lovelace ::1:7").expect("it is a reference");
        assert_eq!(shown.to_string(), "Ada Lovelace ::1:7");
        assert!(
            matches!(shown, Identity::Participant { name, port: 7, .. } if &*name == "Ada Lovelace")
        );
        assert_eq!(Identity::shown("nobody"), None);
    }
}

//! What one recipient may expect, checked with every delivery while the load is on.
//!
//! Times strictly rise; so do the times of acceptance, if the server gives them; and from each
//! publisher come all messages, once each and in the order of their sending, from the first one that
//! cannot have been accepted before this recipient was there. It is not a replacement for the
//! promises in `chat::invariant`, which look at whole histories: this is what can be checked of them
//! in a few nanoseconds with a few bytes for each publisher.

use super::fields::Sighting;
use std::fmt;

/// In an [`Account`]: nothing was heard yet, and the rest of the number is the first that is owed.
const UNHEARD: u32 = 1 << 31;
/// The most messages that one publisher may send.
pub(super) const MAX_SEQUENCE: u32 = UNHEARD - 1;

/// Which message of which publisher a text is. It stands in front of every text of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The number of the run, so that other people in the room are not taken for it.
    pub run: u16,
    /// Who published it.
    pub publisher: u16,
    /// How many it published before.
    pub sequence: u32,
}

impl Mark {
    /// How many bytes, and characters, a mark has.
    pub(super) const BYTES: usize = 16;

    /// Reads the mark of a text, if it has one.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut number = 0;
        for digit in text.first_chunk::<{ Self::BYTES }>()? {
            let digit = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            number = number << 4 | u64::from(digit);
        }
        let [a, b, c, d, sequence @ ..] = number.to_be_bytes();
        let [run, publisher] = [[a, b], [c, d]].map(u16::from_be_bytes);
        Some(Self { run, publisher, sequence: u32::from_be_bytes(sequence) })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}{:04x}{:08x}", self.run, self.publisher, self.sequence)
    }
}

/// How a promise was broken, with the counterexample.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    #[error("out of order: a delivery with time {time} came after one with time {before}")]
    Time { time: u64, before: u64 },
    #[error("out of order: what was accepted at {accepted} came after what was at {before}")]
    Accepted { accepted: u64, before: u64 },
    #[error(
        "lost or overtaken: message {sequence} of publisher {publisher} came where {owed} was due"
    )]
    Gap { publisher: u16, sequence: u32, owed: u32 },
    #[error(
        "doubled or late: message {sequence} of publisher {publisher} came where {owed} was due"
    )]
    Repeated { publisher: u16, sequence: u32, owed: u32 },
    #[error("message {sequence} of publisher {publisher} was delivered to that publisher itself")]
    Own { publisher: u16, sequence: u32 },
    #[error("message {sequence} of publisher {publisher} was delivered and never sent")]
    Unsent { publisher: u16, sequence: u32 },
    #[error("lost: message {owed} of publisher {publisher} did not come; {sent} were sent")]
    Missing { publisher: u16, owed: u32, sent: u32 },
}

/// What one recipient has heard.
#[derive(Debug)]
pub(super) struct Account {
    /// Its own number, if it publishes too.
    own: Option<u16>,
    time: u64,
    accepted: u64,
    /// For each publisher the next sequence number that is owed.
    owed: Box<[u32]>,
}

impl Account {
    /// The account of somebody who is not there yet, and to whom nothing is owed.
    pub(super) fn new(own: Option<u16>, publishers: usize) -> Self {
        let owed = vec![UNHEARD | MAX_SEQUENCE; publishers].into_boxed_slice();
        Self { own, time: 0, accepted: 0, owed }
    }

    /// True for a publisher's account.
    pub(super) fn is_publishers(&self) -> bool {
        self.own.is_some()
    }

    /// The recipient is in. Whatever is sent from now on is owed to it; what was sent just before
    /// may come too, or not.
    pub(super) fn joined(&mut self, sent: &[u32]) {
        for (owed, sent) in self.owed.iter_mut().zip(sent) {
            if *owed & UNHEARD != 0 {
                *owed = UNHEARD | sent;
            }
        }
    }

    /// Any delivery.
    pub(super) fn delivered(&mut self, sighting: &Sighting<'_>) -> Result<(), Violation> {
        let Sighting { time, accepted, .. } = *sighting;
        if time <= self.time {
            return Err(Violation::Time { time, before: self.time });
        }
        self.time = time;
        if accepted > 0 {
            if accepted <= self.accepted {
                return Err(Violation::Accepted { accepted, before: self.accepted });
            }
            self.accepted = accepted;
        }
        Ok(())
    }

    /// A message of the run.
    pub(super) fn heard(&mut self, mark: Mark, sent: &[u32]) -> Result<(), Violation> {
        let Mark { publisher, sequence, .. } = mark;
        let place = usize::from(publisher);
        let (Some(owed), Some(&sent)) = (self.owed.get_mut(place), sent.get(place)) else {
            return Err(Violation::Unsent { publisher, sequence });
        };
        if self.own == Some(publisher) {
            return Err(Violation::Own { publisher, sequence });
        }
        if sequence >= sent {
            return Err(Violation::Unsent { publisher, sequence });
        }
        let due = *owed & !UNHEARD;
        if sequence > due {
            return Err(Violation::Gap { publisher, sequence, owed: due });
        }
        if sequence < due && *owed & UNHEARD == 0 {
            return Err(Violation::Repeated { publisher, sequence, owed: due });
        }
        *owed = sequence + 1;
        Ok(())
    }

    /// Whether everything that was sent has come.
    pub(super) fn settled(&self, sent: &[u32]) -> Result<(), Violation> {
        for ((publisher, owed), &sent) in (0..).zip(&self.owed).zip(sent) {
            let owed = owed & !UNHEARD;
            if owed < sent && self.own != Some(publisher) {
                return Err(Violation::Missing { publisher, owed, sent });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(publisher: u16, sequence: u32) -> Mark {
        Mark { run: 7, publisher, sequence }
    }

    fn sighting(time: u64, accepted: u64) -> Sighting<'static> {
        Sighting { time, accepted, ..Sighting::default() }
    }

    /// Somebody who was there from the start, and does not publish.
    fn recipient() -> Account {
        let mut account = Account::new(None, 2);
        account.joined(&[0, 0]);
        account
    }

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        let mark = Mark { run: 0xbeef, publisher: 12, sequence: 345_678 };
        assert_eq!(mark.to_string().len(), Mark::BYTES);
        assert_eq!(Mark::read(format!("{mark} and more").as_bytes()), Some(mark));
        for other in ["Hello", "no mark of a run", "BEEF000c0005464e"] {
            assert_eq!(Mark::read(other.as_bytes()), None);
        }
    }

    #[test]
    fn what_is_in_order_is_settled_in_the_end() {
        let mut account = recipient();
        let sent = [2, 1];
        for (time, heard) in [(1, mark(0, 0)), (5, mark(1, 0)), (6, mark(0, 1))] {
            assert!(account.settled(&sent).is_err());
            assert_eq!(account.delivered(&sighting(time, time * 10)), Ok(()));
            assert_eq!(account.heard(heard, &sent), Ok(()));
        }
        assert_eq!(account.settled(&sent), Ok(()));
    }

    #[test]
    fn a_lost_message_is_named() {
        let mut account = recipient();
        let sent = [3, 0];
        assert_eq!(account.heard(mark(0, 0), &sent), Ok(()));
        let missing = Violation::Missing { publisher: 0, owed: 1, sent: 3 };
        assert_eq!(account.settled(&sent), Err(missing));
        let gap = Violation::Gap { publisher: 0, sequence: 2, owed: 1 };
        assert_eq!(account.heard(mark(0, 2), &sent), Err(gap));
        let first = Violation::Gap { publisher: 0, sequence: 1, owed: 0 };
        assert_eq!(recipient().heard(mark(0, 1), &sent), Err(first), "the very first");
    }

    #[test]
    fn a_doubled_message_is_named() {
        let mut account = recipient();
        assert_eq!(account.heard(mark(1, 0), &[9, 9]), Ok(()));
        let repeated = Violation::Repeated { publisher: 1, sequence: 0, owed: 1 };
        assert_eq!(account.heard(mark(1, 0), &[9, 9]), Err(repeated));
    }

    #[test]
    fn reordered_deliveries_are_named() {
        let mut account = recipient();
        assert_eq!(account.delivered(&sighting(5, 3)), Ok(()));
        let late = Violation::Time { time: 5, before: 5 };
        assert_eq!(account.delivered(&sighting(5, 4)), Err(late));
        let early = Violation::Accepted { accepted: 3, before: 3 };
        assert_eq!(account.delivered(&sighting(6, 3)), Err(early));
        assert_eq!(account.delivered(&sighting(7, 0)), Ok(()), "a server that gives none");
    }

    #[test]
    fn a_newcomer_is_owed_what_was_sent_after_it_came() {
        let mut account = Account::new(None, 2);
        account.joined(&[5, 5]);
        // Sent before it knew that it was in, accepted after.
        assert_eq!(account.heard(mark(0, 3), &[6, 6]), Ok(()));
        let gap = Violation::Gap { publisher: 1, sequence: 6, owed: 5 };
        assert_eq!(account.heard(mark(1, 6), &[7, 7]), Err(gap));
        let missing = Violation::Missing { publisher: 0, owed: 4, sent: 5 };
        assert_eq!(account.settled(&[5, 5]), Err(missing));
    }

    #[test]
    fn a_publisher_hears_the_others_and_not_itself() {
        let mut account = Account::new(Some(1), 2);
        account.joined(&[0, 0]);
        assert_eq!(account.heard(mark(0, 0), &[1, 4]), Ok(()));
        assert_eq!(account.settled(&[1, 4]), Ok(()));
        let own = Violation::Own { publisher: 1, sequence: 0 };
        assert_eq!(account.heard(mark(1, 0), &[1, 4]), Err(own));
    }

    #[test]
    fn what_nobody_sent_is_named() {
        for (publisher, sequence) in [(0, 1), (2, 0)] {
            let unsent = Violation::Unsent { publisher, sequence };
            assert_eq!(recipient().heard(mark(publisher, sequence), &[1, 1]), Err(unsent));
        }
    }
}

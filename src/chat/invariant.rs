//! The promises of the room, each a named predicate over what was seen to happen.
//!
//! The property tests, the demo and every checking tool ask the same functions, so that a promise
//! means one thing everywhere. They are written for being obviously right: they know nothing of
//! cursors, rooms or runs of times, only of events and what each recipient got.
//!
//! | promise | predicate |
//! |---|---|
//! | 1 clock condition | [`clock_condition`] |
//! | 2 recipient order | [`recipient_order`] |
//! | 3 sender FIFO | [`sender_fifo`] |
//! | 4 total order | [`total_order`] |
//! | 5 causal delivery | [`causal_delivery`] |
//! | 6 conservation | [`conservation`] |

use super::LamportTime;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The name of a node: `server`, or a participant as it is displayed.
pub type Node = std::sync::Arc<str>;

/// An event of one node, as far as clocks are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it happened.
    pub node: Node,
    /// Its Lamport time. Node and time together are its identity.
    pub time: LamportTime,
    /// On a receive: the send that caused it.
    pub cause: Option<(Node, LamportTime)>,
}

/// One message as one recipient got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The stamp of this delivery.
    pub time: LamportTime,
    /// The message's id and its place in the total order.
    pub accepted: LamportTime,
    /// Who published it, and the publisher's own time of doing so; nothing if the room itself spoke.
    pub published: Option<(Node, LamportTime)>,
}

/// Where the deliveries of one message went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// How many recipients there were at acceptance.
    pub audience: u64,
    /// How many were given it.
    pub delivered: u64,
    /// How many were evicted before they read it.
    pub lagged: u64,
    /// How many left, or were lost, before they read it.
    pub gone: u64,
}

/// A promise that was broken, and the smallest piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The promise, as in the table above.
    pub promise: &'static str,
    /// What was found.
    pub evidence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken: {}", self.promise, self.evidence)
    }
}

impl std::error::Error for Violation {}

fn violated<T>(promise: &'static str, evidence: String) -> Result<T, Violation> {
    Err(Violation { promise, evidence })
}

/// Promise 1: `e → f` implies `L(e) < L(f)`. Each node's events must be given in the order in which
/// they happened there; nodes may be interleaved in any way. Returns how many events it held over.
///
/// # Errors
/// On a node whose time does not strictly rise, on a receive that is not later than its cause, and
/// on a cause that is not among the events.
pub fn clock_condition<'a>(
    events: impl IntoIterator<Item = &'a Event>,
) -> Result<usize, Violation> {
    const PROMISE: &str = "clock condition";
    let mut latest = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut causes = Vec::new();
    for Event { node, time, cause } in events {
        if let Some(before) = latest.insert(node, *time).filter(|before| before >= time) {
            return violated(PROMISE, format!("{node} has {time} after {before}"));
        }
        seen.insert((node, *time));
        if let Some((from, sent)) = cause {
            if sent >= time {
                let evidence = format!("{node} receives at {time} what {from} sent at {sent}");
                return violated(PROMISE, evidence);
            }
            causes.push(((from, *sent), (node, *time)));
        }
    }
    match causes.iter().find(|(cause, _)| !seen.contains(cause)) {
        Some(((from, sent), (node, time))) => violated(
            PROMISE,
            format!(
                "{node} receives at {time} what {from} is said to send at {sent}, which is no event"
            ),
        ),
        None => Ok(seen.len()),
    }
}

/// Promise 2: the times on one stream strictly rise.
///
/// # Errors
/// On the first time that does not.
pub fn recipient_order(receipts: &[Receipt]) -> Result<(), Violation> {
    match receipts.windows(2).find(|pair| pair[0].time >= pair[1].time) {
        Some(pair) => violated(
            "recipient order",
            format!("time {} is followed by {}", pair[0].time, pair[1].time),
        ),
        None => Ok(()),
    }
}

/// Promise 3: one participant's messages reach a recipient in the order in which they were sent.
///
/// # Errors
/// On the first message that is overtaken by, or follows, one of its author's that is not earlier.
pub fn sender_fifo(receipts: &[Receipt]) -> Result<(), Violation> {
    let mut latest = BTreeMap::new();
    for (author, sent) in receipts.iter().filter_map(|receipt| receipt.published.as_ref()) {
        if let Some(before) = latest.insert(author, sent).filter(|before| *before >= sent) {
            let evidence = format!("what {author} sent at {sent} follows what it sent at {before}");
            return violated("sender FIFO", evidence);
        }
    }
    Ok(())
}

/// Promise 4: a recipient sees messages in the order of their `accepted` times. Since that is one
/// order for all, any two recipients agree.
///
/// # Errors
/// On the first message that is out of it.
pub fn total_order(receipts: &[Receipt]) -> Result<(), Violation> {
    match receipts.windows(2).find(|pair| pair[0].accepted >= pair[1].accepted) {
        Some(pair) => violated(
            "total order",
            format!("message {} is followed by {}", pair[0].accepted, pair[1].accepted),
        ),
        None => Ok(()),
    }
}

/// What a participant did, in its own order: the material of promise 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It published the message with this `accepted` time.
    Published(LamportTime),
    /// It received the message with this `accepted` time.
    Received(LamportTime),
}

/// Promise 5: if the publishing of `a` happened before that of `b`, nobody receives `b` before `a`.
/// Happened-before is rebuilt here from the deeds themselves, without regard to any clock.
///
/// # Errors
/// On the first recipient that received an effect before one of its causes.
pub fn causal_delivery(deeds: &BTreeMap<Node, Vec<Deed>>) -> Result<(), Violation> {
    let past = causal_pasts(deeds);
    for (node, deeds) in deeds {
        let received: Vec<_> = deeds
            .iter()
            .filter_map(|deed| match deed {
                Deed::Received(message) => Some(*message),
                Deed::Published(_) => None,
            })
            .collect();
        for (place, effect) in received.iter().enumerate() {
            let Some(causes) = past.get(effect) else {
                continue;
            };
            if let Some(cause) = received[place..].iter().find(|later| causes.contains(later)) {
                let evidence = format!("{node} receives {effect} before {cause}, which caused it");
                return violated("causal delivery", evidence);
            }
        }
    }
    Ok(())
}

/// For each message, all that happened before it was published. A message's own direct causes are
/// what its author had published or received before; the rest follows from those, so the sets are
/// closed by going round until nothing is added.
fn causal_pasts(deeds: &BTreeMap<Node, Vec<Deed>>) -> BTreeMap<LamportTime, BTreeSet<LamportTime>> {
    let mut past: BTreeMap<LamportTime, BTreeSet<LamportTime>> = BTreeMap::new();
    for own in deeds.values() {
        let mut known = BTreeSet::new();
        for deed in own {
            let (Deed::Published(message) | Deed::Received(message)) = *deed;
            if matches!(deed, Deed::Published(_)) {
                past.insert(message, known.clone());
            }
            known.insert(message);
        }
    }
    loop {
        let grown: BTreeMap<_, BTreeSet<_>> = past
            .iter()
            .map(|(message, causes)| {
                let deeper = causes.iter().filter_map(|cause| past.get(cause)).flatten();
                (*message, causes.iter().chain(deeper).copied().collect())
            })
            .collect();
        if grown == past {
            return past;
        }
        past = grown;
    }
}

/// Promise 6: what was owed at acceptance is what was delivered, or lost to a lag, or to a leave.
///
/// # Errors
/// If the sums differ.
pub fn conservation(account: &Account) -> Result<(), Violation> {
    let Account { audience, delivered, lagged, gone } = *account;
    if audience == delivered + lagged + gone {
        return Ok(());
    }
    violated(
        "conservation",
        format!(
            "an audience of {audience}, but {delivered} delivered, {lagged} lagged, {gone} gone"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: u64) -> LamportTime {
        LamportTime::ZERO.after(time)
    }

    fn event(node: &str, time: u64, cause: Option<(&str, u64)>) -> Event {
        let cause = cause.map(|(node, time)| (node.into(), at(time)));
        Event { node: node.into(), time: at(time), cause }
    }

    fn receipt(time: u64, accepted: u64, published: Option<(&str, u64)>) -> Receipt {
        let published = published.map(|(node, time)| (node.into(), at(time)));
        Receipt { time: at(time), accepted: at(accepted), published }
    }

    fn broken(promise: &str, result: Result<impl fmt::Debug, Violation>) {
        assert_eq!(result.expect_err("a broken promise must be found").promise, promise);
    }

    #[test]
    fn clock_condition_holds_or_names_its_breach() {
        let good = [event("a", 1, None), event("s", 2, Some(("a", 1))), event("a", 5, None)];
        assert_eq!(clock_condition(&good), Ok(3));
        broken("clock condition", clock_condition(&[event("a", 2, None), event("a", 2, None)]));
        let early = [event("a", 3, None), event("s", 3, Some(("a", 3)))];
        broken("clock condition", clock_condition(&early));
        broken("clock condition", clock_condition(&[event("s", 4, Some(("a", 3)))]));
    }

    #[test]
    fn orders_hold_or_name_their_breach() {
        let good =
            [receipt(4, 3, Some(("a", 2))), receipt(6, 5, None), receipt(9, 8, Some(("a", 7)))];
        assert_eq!(recipient_order(&good), Ok(()));
        assert_eq!(sender_fifo(&good), Ok(()));
        assert_eq!(total_order(&good), Ok(()));
        let bad = [receipt(9, 8, Some(("a", 7))), receipt(9, 8, Some(("a", 7)))];
        broken("recipient order", recipient_order(&bad));
        broken("sender FIFO", sender_fifo(&bad));
        broken("total order", total_order(&bad));
    }

    #[test]
    fn causal_delivery_sees_causes_at_second_hand() {
        use Deed::{Published, Received};
        // 1 causes 2 at b, 2 causes 3 at c, which never saw 1; d gets 3 and then 1.
        let mut deeds = BTreeMap::from([
            ("a".into(), vec![Published(at(1))]),
            ("b".into(), vec![Received(at(1)), Published(at(2))]),
            ("c".into(), vec![Received(at(2)), Published(at(3))]),
            ("d".into(), vec![Received(at(3)), Received(at(1))]),
        ]);
        broken("causal delivery", causal_delivery(&deeds));
        deeds.insert("d".into(), vec![Received(at(1)), Received(at(3))]);
        assert_eq!(causal_delivery(&deeds), Ok(()));
    }

    #[test]
    fn conservation_is_a_sum() {
        let mut account = Account { audience: 3, delivered: 1, lagged: 1, gone: 1 };
        assert_eq!(conservation(&account), Ok(()));
        account.delivered = 2;
        broken("conservation", conservation(&account));
    }
}

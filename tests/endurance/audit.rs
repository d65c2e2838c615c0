//! Whether the witnesses heard what they should have: everything, once, and all in the same order.
//!
//! The order of the room is put together from what all of them heard. Each must have heard all of it,
//! from when the last of them joined to the last word of the last, but for its own messages. That the times on a
//! stream rise is checked as they come.

use crate::witness::{Account, Heard};
use chittychat::wire::pb::MessageType::{Connect, Disconnect, Publish};
use std::{collections::BTreeMap, sync::Arc};

/// What was heard, in figures.
#[derive(Debug, Default)]
pub struct Findings {
    /// Messages in the order of the room.
    pub messages: usize,
    /// Deliveries to witnesses.
    pub deliveries: usize,
    /// Joins and leaves of others.
    pub joins: usize,
    /// See above.
    pub leaves: usize,
    /// Names of those who joined, and how many of their messages were heard.
    pub strangers: BTreeMap<Arc<str>, Stay>,
}

/// What was heard of somebody who came and went.
#[derive(Debug, Default)]
pub struct Stay {
    /// Joins, of which there is one.
    pub joins: u64,
    /// Messages.
    pub messages: u64,
    /// Leaves, of which there is at most one.
    pub leaves: u64,
}

/// Holds the accounts against each other. Fails if anybody missed anything.
pub fn audit(accounts: &[Account]) -> Findings {
    let names: Vec<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
    let is_last_join = |it: &&Heard| it.kind == Connect && names.contains(&&*it.author);
    let joins = accounts.iter().flat_map(|account| account.heard.iter().filter(is_last_join));
    let start = joins.map(|join| join.accepted).max().unwrap_or_default();

    let mut order: BTreeMap<i64, &Heard> = BTreeMap::new();
    for account in accounts {
        let mut latest = 0;
        for heard in &account.heard {
            assert!(heard.accepted > latest, "{}: {heard:?} after {latest}", account.name);
            latest = heard.accepted;
            let known = *order.entry(heard.accepted).or_insert(heard);
            assert_eq!(known, heard, "one time of acceptance, one message");
        }
    }
    let mut findings = Findings { messages: order.len(), ..Findings::default() };
    for account in accounts {
        let is_own = |it: &Heard| it.kind == Publish && *it.author == *account.name;
        let due = order.range(start + 1..).map(|(_, it)| *it).filter(|it| !is_own(it));
        let heard = account.heard.iter().filter(|it| it.accepted > start);
        assert!(due.eq(heard), "{} missed something", account.name);
        findings.deliveries += account.heard.len();
        // Its own are known from the others; the first ones only if somebody was there to hear them.
        let own: Vec<_> = order.values().filter(|it| is_own(it)).map(|it| it.number).collect();
        let first = own.first().copied().unwrap_or(account.said);
        assert!(own.iter().copied().eq(first..account.said), "{}: {own:?}", account.name);
    }
    for heard in order.into_values().filter(|it| !names.contains(&&*it.author)) {
        let stay = findings.strangers.entry(Arc::clone(&heard.author)).or_default();
        match heard.kind {
            Connect => (stay.joins, findings.joins) = (stay.joins + 1, findings.joins + 1),
            Disconnect => (stay.leaves, findings.leaves) = (stay.leaves + 1, findings.leaves + 1),
            _ => {
                assert_eq!(heard.number, stay.messages, "{heard:?}: one after the other");
                stay.messages += 1;
            }
        }
        assert!(stay.joins == 1 && stay.leaves <= 1, "{heard:?}: {stay:?}");
    }
    findings
}

/// Half of the samples, all but one in a hundred, and all of them stayed under these.
pub fn percentiles(mut samples: Vec<u64>) -> [u64; 3] {
    samples.sort_unstable();
    let at = |part: usize| samples[(samples.len() * part).div_ceil(100) - 1];
    [at(50), at(99), at(100)]
}

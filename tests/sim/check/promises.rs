//! The six promises, by the predicates that all of the project's checks share, over what all nodes saw.
//!
//! The server's own events come from `causality::Replay`, as they do for the log lines and for every
//! other reader of the log; what the participants saw comes from themselves.

use super::{
    Tally, broken,
    facts::{Facts, Got, Life, StreamFacts},
    room::{Form, Stories},
};
use crate::chronicle::Seen;
use crate::speech::origin;
use chittychat::causality::{Event, Kind, Replay, replay::node};
use chittychat::chat::{
    Departure, LamportTime, What,
    invariant::{self, Account, Deed, Node, Receipt, Violation},
};
use chittychat::wire::pb;
use std::collections::{BTreeMap, BTreeSet};

/// How many messages are held against each other at once for causal delivery. Messages that are farther
/// apart are in the total order.
const WINDOW: usize = 32;

pub fn check(facts: &Facts<'_>, stories: &[Stories], tally: &mut Tally) -> Result<(), Violation> {
    let events = events(facts, stories)?;
    tally.events += invariant::clock_condition(&events)? as u64;
    for stream in &facts.streams {
        let receipts = receipts(facts, stream);
        invariant::recipient_order(&receipts)?;
        invariant::sender_fifo(&receipts)?;
        invariant::total_order(&receipts)?;
    }
    for (number, life) in (1..).zip(&facts.lives) {
        causal_delivery(facts, number, life)?;
        conservation(facts, life, &stories[number - 1])?;
    }
    Ok(())
}

/// All nodes' events, each node's in its order. A server that is started anew is another node, because
/// its clock begins anew.
fn events(facts: &Facts<'_>, stories: &[Stories]) -> Result<Vec<invariant::Event>, Violation> {
    let mut events = Vec::new();
    let mut replays = BTreeMap::new();
    let owed: Vec<_> = stories.iter().map(|stories| owed(facts, stories)).collect();
    for record in &facts.chronicle.records {
        match &record.what {
            Seen::Opened(stream, event) | Seen::Got(stream, _, event) => {
                let life = facts.streams[*stream].it.life;
                let mut event = event.occurrence();
                if let Some((node, _)) = &mut event.cause {
                    *node = server(life);
                }
                events.push(event);
            }
            Seen::Sent(_, sent) => events.push(sent.event.occurrence()),
            Seen::Entered(life, encoded) => {
                let replay = replays.entry(*life).or_insert_with(|| Replay::resume([], true));
                let from = origin(&encoded.entry.what.trace().parent);
                let mut seen = Vec::new();
                replay.read(&encoded.entry, &mut |event| seen.push(event));
                for event in seen {
                    is_replayed(&encoded.entry.what, &event, &owed[life - 1])?;
                    let mut occurrence = event.occurrence();
                    occurrence.node = server(*life);
                    if let Some((node, _)) = &mut occurrence.cause {
                        // Whoever came in under another's name is another node.
                        let Some((stream, _)) = from else {
                            return broken("a cause is known", format!("{event:?}"));
                        };
                        *node = facts.streams[stream].it.node.clone();
                    }
                    events.push(occurrence);
                }
            }
            Seen::Began(_) | Seen::Stopped(..) | Seen::Ended(..) | Seen::Happened(_) => {}
        }
    }
    Ok(events)
}

fn server(life: usize) -> Node {
    format!("server {life}").into()
}

/// Who is owed something at which time, by the model.
fn owed(facts: &Facts<'_>, stories: &Stories) -> BTreeMap<LamportTime, Node> {
    let dues = stories.iter().flat_map(|(stream, story)| {
        let who = node(&facts.streams[*stream].it.who);
        story.dues.iter().map(move |due| (due.time, who.clone()))
    });
    dues.collect()
}

/// What the replay says of a delivery is what the model says.
fn is_replayed(
    what: &What,
    event: &Event,
    owed: &BTreeMap<LamportTime, Node>,
) -> Result<(), Violation> {
    let is_sent = matches!(event.kind, Kind::Sent(_));
    match (owed.get(&event.time), &event.peer) {
        // Strangers call themselves what they like, and may never have learnt that they were refused.
        _ if matches!(what, What::Refusal { seat: None, .. }) => Ok(()),
        (Some(who), Some(peer)) if is_sent && peer == who => Ok(()),
        (None, _) if !is_sent => Ok(()),
        is_due => broken("the replay tells what happened", format!("{event:?}, and {is_due:?}")),
    }
}

fn receipts(facts: &Facts<'_>, stream: &StreamFacts<'_>) -> Vec<Receipt> {
    let time = |wire: i64| LamportTime::from_wire(wire).unwrap_or_default();
    let published = |message: &pb::Message| {
        let is_publish = message.r#type == i32::from(pb::MessageType::Publish);
        let (author, _) = origin(&message.traceparent).filter(|_| is_publish)?;
        Some((facts.streams[author].it.node.clone(), time(message.origin_time)))
    };
    let receipt = |got: &Got<'_>| Receipt {
        time: time(got.message.time),
        accepted: time(got.message.accepted_time),
        published: published(got.message),
    };
    stream.got.iter().map(receipt).collect()
}

fn causal_delivery(facts: &Facts<'_>, number: usize, life: &Life<'_>) -> Result<(), Violation> {
    let mut ids = BTreeMap::new();
    for (_, encoded) in &life.entries {
        if let (What::Publish { .. }, Some(origin)) =
            (&encoded.entry.what, origin(&encoded.entry.what.trace().parent))
        {
            ids.insert(origin, encoded.entry.accepted);
        }
    }
    let messages: Vec<_> = ids.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let deeds = deeds(facts, number, &ids);
    for start in (0..messages.len()).step_by(WINDOW / 2) {
        let window = &messages[start..messages.len().min(start + WINDOW)];
        let within = |deed: &&Deed| {
            let (Deed::Published(id) | Deed::Received(id)) = deed;
            window.binary_search(id).is_ok()
        };
        let few = deeds.iter().map(|(node, all)| {
            (node.clone(), all.iter().filter(within).copied().collect::<Vec<_>>())
        });
        invariant::causal_delivery(&few.collect())?;
    }
    Ok(())
}

/// What each node published and received of this server's messages, in its own order.
fn deeds(
    facts: &Facts<'_>,
    life: usize,
    ids: &BTreeMap<(usize, usize), LamportTime>,
) -> BTreeMap<Node, Vec<Deed>> {
    let mut deeds: BTreeMap<Node, Vec<Deed>> = BTreeMap::new();
    let mut said = BTreeMap::new();
    for record in &facts.chronicle.records {
        let (stream, deed) = match &record.what {
            Seen::Sent(stream, _) => {
                let message = said.entry(*stream).or_insert(0);
                *message += 1;
                (*stream, ids.get(&(*stream, *message - 1)).map(|id| Deed::Published(*id)))
            }
            Seen::Got(stream, message, _) => {
                let is_publish = message.r#type == i32::from(pb::MessageType::Publish);
                let id = LamportTime::from_wire(message.accepted_time).unwrap_or_default();
                (*stream, is_publish.then_some(Deed::Received(id)))
            }
            _ => continue,
        };
        let it = facts.streams[stream].it;
        if let Some(deed) = deed.filter(|_| it.life == life) {
            deeds.entry(it.node.clone()).or_default().push(deed);
        }
    }
    deeds
}

/// What became of every delivery of every message, by what the participants saw; and the server's own
/// books.
fn conservation(facts: &Facts<'_>, life: &Life<'_>, stories: &Stories) -> Result<(), Violation> {
    let owed = |(_, encoded): &(u64, &std::sync::Arc<chittychat::wire::EncodedEntry>)| Account {
        audience: encoded.entry.fan.audience.into(),
        ..Account::default()
    };
    let mut accounts: Vec<_> = life.entries.iter().map(owed).collect();
    let (mut evicted, mut at_least) = (0, 0);
    for (id, story) in stories {
        let stream = &facts.streams[*id];
        let was_evicted = matches!(story.left, Some((_, _, Departure::Evicted(_))));
        evicted += u64::from(was_evicted);
        let is_attentive = !stream.is_slow && !stream.is_harmed && stream.it.dozed_until == 0;
        let is_over =
            stream.is_slow || stream.over().is_some() || life.books.is_none() || stream.is_harmed;
        for (place, due) in story.dues.iter().enumerate() {
            let account = &mut accounts[due.entry];
            match () {
                () if matches!(due.form, Form::Ack) => {}
                () if place < stream.got.len() => {
                    account.delivered += 1;
                    // Whoever lags when its stay ends is booked then, and may still be given what was on
                    // its way.
                    at_least += u64::from(!was_evicted && is_attentive);
                }
                () if was_evicted => account.lagged += 1,
                () if is_over => account.gone += 1,
                () => {}
            }
        }
    }
    let is_known = |entry: usize| match &life.entries[entry].1.entry.what {
        // Nobody knows which stranger was refused if it never learnt of it.
        What::Refusal { trace, seat, .. } => seat.is_some() || !trace.parent.is_empty(),
        _ => true,
    };
    for (_, account) in accounts.iter().enumerate().filter(|(entry, _)| is_known(*entry)) {
        invariant::conservation(account)?;
    }
    let Some(books) = life.books else { return Ok(()) };
    invariant::conservation(&books.account)?;
    let audience: u64 = accounts.iter().map(|account| account.audience).sum();
    let is_right = books.account.audience == audience
        && books.account.delivered >= at_least
        && books.evicted == evicted;
    if is_right {
        return Ok(());
    }
    broken("the books are right", format!("{books:?}; seen: {audience}, {at_least}, {evicted}"))
}

//! What log lines leave out and their order gives back: which send caused which receive.
//!
//! Streams keep their order. So what the server sent to a participant and what that received are two
//! lists of the same things, and so are what a participant sent and what the server received of it.
//! Where kind and author agree, one is the cause of the other. Where they do not, the list of receives
//! lacks one, and the next is tried: what was never received then has no receive, and is found missing.

use super::{
    event::{Kind, Subject},
    fact::{Fact, Identity, NOBODY},
    history::{History, Medium, Track},
};
use std::collections::BTreeMap;

/// A delivery, as far as a log line of its receipt can be held against it.
struct Delivery {
    time: u64,
    message: u64,
    subject: Subject,
    about: Option<Identity>,
}

/// Fills in the causes in tracks made of log lines.
pub(super) fn causes(history: &mut History) {
    let is_text = |track: &Track| track.medium == Medium::Text;
    if !history.tracks.iter().any(is_text) {
        return;
    }
    let is_server = |track: &Track| track.identity == Identity::Server;
    let best = history.tracks.iter().enumerate().filter(|(_, track)| is_server(track));
    let Some((server, _)) = best.min_by_key(|(_, track)| track.medium) else { return };
    let mut facts = std::mem::take(&mut history.tracks[server].facts);
    let mut deliveries = deliveries(history, &facts);
    let mut tracks = std::mem::take(&mut history.tracks);
    for track in tracks.iter_mut().filter(|track| is_text(track) && !is_server(track)) {
        let to_it = deliveries.remove(&track.identity).unwrap_or_default();
        receipts(history, track, &to_it);
        sends(history, track, &mut facts);
    }
    tracks[server].facts = facts;
    history.tracks = tracks;
}

fn deliveries(history: &History, facts: &[Fact]) -> BTreeMap<Identity, Vec<Delivery>> {
    let mut deliveries: BTreeMap<Identity, Vec<Delivery>> = BTreeMap::new();
    for fact in facts {
        let Kind::Sent(subject) = fact.kind else { continue };
        if subject == Subject::Ack {
            continue;
        }
        let about =
            (fact.about != NOBODY).then(|| history.people[fact.about as usize].identity.clone());
        for (time, person) in (fact.time..).zip(history.pools.people(fact.people)) {
            let to = history.people[person as usize].identity.clone();
            let delivery = Delivery { time, message: fact.message, subject, about: about.clone() };
            deliveries.entry(to).or_default().push(delivery);
        }
    }
    deliveries
}

/// Gives each receipt of a participant its cause.
fn receipts(history: &History, track: &mut Track, deliveries: &[Delivery]) {
    let mut next = 0;
    for fact in &mut track.facts {
        let Kind::Received(subject) = fact.kind else { continue };
        let about = (fact.about != NOBODY).then(|| &history.people[fact.about as usize].identity);
        let is_it = |delivery: &Delivery| {
            let name = |it: &Identity| match it {
                Identity::Participant { name, .. } => name.clone(),
                Identity::Server => "".into(),
            };
            let (told, heard) = (delivery.about.as_ref().map(name), about.map(name));
            delivery.subject == subject && (told.is_none() || heard.is_none() || told == heard)
        };
        let Some(found) = deliveries[next..].iter().position(is_it) else { continue };
        let delivery = &deliveries[next + found];
        (fact.cause, fact.message) = (delivery.time, delivery.message);
        next += found + 1;
    }
}

/// Gives what the server received of a participant its cause, if the participant's log has as many sends.
fn sends(history: &History, track: &mut Track, server: &mut [Fact]) {
    let is_from = |fact: &Fact| {
        let person = history.pools.people(fact.people).next();
        let from = person.map(|person| &history.people[person as usize].identity);
        matches!(fact.kind, Kind::Received(_)) && from == Some(&track.identity)
    };
    let is_send = |fact: &&Fact| matches!(fact.kind, Kind::Sent(_));
    let sent: Vec<_> = track.facts.iter().filter(is_send).copied().collect();
    let received: Vec<_> = server.iter_mut().filter(|fact| is_from(fact)).collect();
    let is_complete = received.len() == sent.len();
    for (fact, sent) in received.into_iter().zip(&sent) {
        let Kind::Sent(subject) = sent.kind else { continue };
        let agrees =
            fact.kind == Kind::Received(subject) || fact.kind == Kind::Received(Subject::Unfit);
        if (is_complete || subject == Subject::Connect) && agrees && fact.cause == 0 {
            fact.cause = sent.time;
        }
    }
    track.is_partial = !is_complete;
}

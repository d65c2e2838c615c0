//! One who never reads, and many who speak at once: what a server is tried by that sends to everybody
//! in turn.

use super::{
    peer::Peer,
    scene::{Scene, author},
    times::fall,
    verdict::{Finding, Seen},
};
use crate::wire::original::Message;
use futures_util::future;
use std::{collections::BTreeMap, time::Instant};

/// Messages that one does not read: several times what a stack keeps for one stream.
const UNREAD: usize = 4000;
/// How many are on their way at once.
const BATCH: usize = 50;
/// The characters of each, a good deal less than a text may have.
const CHARACTERS: usize = 100;
/// What one who never reads may be sent: not even its own join fits.
const NO_WINDOW: u32 = 16;

/// How many speak at once.
const PUBLISHERS: usize = 8;
/// How often each of them.
const EACH: usize = 25;

pub(super) async fn never_reading(scene: &mut Scene<'_>) -> Seen {
    let opened = scene.deaf("laggard", NO_WINDOW).await;
    let mut laggard = opened.map_err(Finding::unclear)?;
    laggard.connect();
    // In the end it reads, or it could not leave politely.
    scene.with(laggard, async |scene, laggard| talk_past(scene, laggard).await).await
}

/// The others hear everything while this one reads nothing.
async fn talk_past(scene: &mut Scene<'_>, laggard: &mut Peer) -> Seen {
    let mut speaker = scene.bystanders.remove(0);
    let reached = scene.reach(laggard, &mut speaker).await;
    scene.bystanders.insert(0, speaker);
    reached.map_err(|why| Finding::unclear(format!("before anything was done, {why}")))?;
    scene.third().await?;

    let (word, patience, started) = (scene.word(), scene.patience(), Instant::now());
    let text = |number: usize| format!("{:x<CHARACTERS$}", format!("{word}{number:04} "));
    let Some((speaker, listeners)) = scene.bystanders.split_first_mut() else {
        return Err(Finding::unclear("nobody is there"));
    };
    for batch in (0..UNREAD).step_by(BATCH) {
        (batch..batch + BATCH).for_each(|number| speaker.say(text(number)));
        for listener in &mut *listeners {
            for number in batch..batch + BATCH {
                let heard = listener.hears_word(patience, &text(number)).await;
                heard.map_err(|why| {
                    let name = listener.name();
                    Finding::failed(format!("{name} heard {number} of {UNREAD}, and then {why}"))
                })?;
            }
        }
    }
    let (took, listeners) = (started.elapsed().as_secs_f64(), listeners.len());
    Ok(format!("all {UNREAD} messages reached {listeners} others in {took:.1} s"))
}

pub(super) async fn concurrent_publishers(scene: &mut Scene<'_>) -> Seen {
    let mut publishers = vec![scene.guest("speaker").await?];
    while publishers.len() < PUBLISHERS {
        publishers.push(scene.join("speaker").await?);
    }
    let (word, patience) = (scene.word(), scene.patience());
    for number in 0..EACH {
        for peer in &mut publishers {
            peer.say(format!("{word} {number:02}"));
        }
    }
    let total = PUBLISHERS * EACH;
    let expected = |peer: &Peer, own: usize| (peer.name().to_owned(), total - own);
    let ears = publishers.iter_mut().map(|peer| (expected(peer, EACH), peer));
    let ears = ears.chain(scene.bystanders.iter_mut().map(|peer| (expected(peer, 0), peer)));
    let listen = ears.map(|((name, owed), peer)| {
        let word = &word;
        async move {
            let of_others = |it: &Message| it.text.contains(word) && author(it) != name;
            let heard = peer.collects(patience, owed, of_others).await;
            heard.map_err(|(count, why)| {
                Finding::failed(format!("{name} heard {count} of {owed} messages: {why}"))
            })?;
            in_order(peer, word).map_err(Finding::failed)
        }
    });
    let heard = future::try_join_all(listen).await;
    let recipients = publishers.len() + scene.bystanders.len();
    scene.dismiss(publishers).await;
    heard?;
    Ok(format!("{total} messages at rising times for each of {recipients} recipients"))
}

/// Times rise, and each speaker's messages come once and in order.
fn in_order(peer: &Peer, word: &str) -> Result<(), String> {
    let name = peer.name();
    if let Some((before, after)) = fall(&peer.heard) {
        return Err(format!("{name} was sent time {after} after time {before}"));
    }
    let mut next = BTreeMap::<&str, usize>::new();
    for message in &peer.heard {
        let number =
            message.text.split_once(word).and_then(|(_, rest)| rest.trim().parse::<usize>().ok());
        let (Some(number), from) = (number, author(message)) else { continue };
        let expected = next.entry(from).or_default();
        if number != *expected {
            return Err(format!("{name} heard message {number} of {from}, not {expected}"));
        }
        *expected += 1;
    }
    Ok(())
}

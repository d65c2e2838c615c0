//! Messages that only a broken or hostile client sends. A correct server may send their sender away or
//! keep it; it must not pass them on, because the original's client dies of some of them.

use super::{
    fate::not_passed_on,
    peer::{Peer, quote},
    scene::Scene,
    verdict::{Finding, Seen},
};
use crate::wire::original::{Message, kind};

/// More than gRPC takes by default.
const OVERSIZED_BYTES: usize = (4 << 20) + 1024;
/// A type that does not exist.
const UNKNOWN: i32 = 77;

/// The others have settled, and none of them has heard anything like this.
async fn unheard(scene: &mut Scene<'_>, is_it: impl Fn(&Message) -> bool) -> Result<(), Finding> {
    scene.settle().await?;
    match scene.any_heard(is_it) {
        None => Ok(()),
        Some((who, message)) => {
            let Message { kind, text, .. } = message;
            let bytes = text.len();
            let shown = quote(text);
            let what = format!("{who} heard it: type {kind}, a text of {bytes} bytes, {shown}");
            let nameless = if is_nameless(message) { ", without a reference" } else { "" };
            Err(Finding::failed(format!("{what}{nameless}")))
        }
    }
}

/// What the original's client dies of.
fn is_nameless(message: &Message) -> bool {
    message.reference.is_none() && message.kind != kind::ACK
}

/// A stranger sends this, and then nothing. Returns how its stream ended, if it did.
async fn from_stranger(
    scene: &mut Scene<'_>,
    make: impl FnOnce(&mut Peer) -> Message,
) -> Result<(Peer, String), Finding> {
    let opened = scene.stranger("ditte").await;
    let mut stranger = opened.map_err(|why| Finding::unclear(format!("no stranger: {why}")))?;
    let message = make(&mut stranger);
    stranger.send(&message);
    stranger.listen(scene.short()).await;
    let fate = match &stranger.ending {
        Some(how) => format!("the stranger was sent away: {how}"),
        None => "the stranger was told nothing".to_owned(),
    };
    Ok((stranger, fate))
}

pub(super) async fn oversized(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    guest.say("x".repeat(OVERSIZED_BYTES));
    let fate = scene.fate(&mut guest).await;
    unheard(scene, |message| message.text.len() > OVERSIZED_BYTES / 4).await?;
    let seen = not_passed_on("the message", &guest, &fate);
    scene.dismiss(vec![guest]).await;
    seen
}

pub(super) async fn empty(scene: &mut Scene<'_>) -> Seen {
    let (stranger, of_stranger) = from_stranger(scene, |_| Message::default()).await?;
    unheard(scene, is_nameless).await?;
    drop(stranger);
    let mut guest = scene.guest("casper").await?;
    guest.send(&Message::default());
    let fate = scene.fate(&mut guest).await;
    unheard(scene, is_nameless).await?;
    let seen = not_passed_on("it", &guest, &fate);
    scene.dismiss(vec![guest]).await;
    seen.map(|seen| format!("{of_stranger}; from a participant, {seen}"))
}

pub(super) async fn missing_reference(scene: &mut Scene<'_>) -> Seen {
    let nameless = |message: Message| Message { reference: None, ..message };
    let connect =
        |stranger: &mut Peer| nameless(stranger.stamped(kind::CONNECT, "connect message"));
    let (stranger, of_stranger) = from_stranger(scene, connect).await?;
    unheard(scene, is_nameless).await?;
    drop(stranger);
    let mut guest = scene.guest("casper").await?;
    let word = scene.word();
    let publish = nameless(guest.stamped(kind::PUBLISH, word.as_str()));
    guest.send(&publish);
    let fate = scene.fate(&mut guest).await;
    unheard(scene, is_nameless).await?;
    let seen = match scene.any_heard(|message| message.text.contains(&word)) {
        Some(_) => Ok("the Publish was passed on with a reference".to_owned()),
        None => not_passed_on("the Publish", &guest, &fate),
    };
    scene.dismiss(vec![guest]).await;
    seen.map(|seen| format!("{of_stranger}; {seen}"))
}

pub(super) async fn unknown_type(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    let word = scene.word();
    let unknown = guest.stamped(UNKNOWN, word.as_str());
    guest.send(&unknown);
    let fate = scene.fate(&mut guest).await;
    unheard(scene, |message| message.kind == UNKNOWN || message.text.contains(&word)).await?;
    let seen = not_passed_on("the message", &guest, &fate);
    scene.dismiss(vec![guest]).await;
    seen
}

pub(super) async fn publish_before_connect(scene: &mut Scene<'_>) -> Seen {
    scene.third().await?;
    let word = scene.word();
    let publish = |stranger: &mut Peer| stranger.stamped(kind::PUBLISH, word.as_str());
    let (stranger, of_stranger) = from_stranger(scene, publish).await?;
    unheard(scene, |message| message.text.contains(&word)).await?;
    drop(stranger);
    Ok(format!("the message was not passed on; {of_stranger}"))
}

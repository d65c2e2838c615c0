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

/// A stranger sends this, and nobody hears anything like that. Returns what became of the stranger.
async fn from_stranger(
    scene: &mut Scene<'_>,
    make: impl FnOnce(&mut Peer) -> Message,
    is_it: impl Fn(&Message) -> bool,
) -> Seen {
    let opened = scene.stranger("ditte").await;
    let stranger = opened.map_err(|why| Finding::unclear(format!("no stranger: {why}")))?;
    let send = async |scene: &mut Scene<'_>, stranger: &mut Peer| {
        let message = make(stranger);
        stranger.send(&message);
        stranger.listen(scene.short()).await;
        unheard(scene, is_it).await?;
        Ok(match &stranger.ending {
            Some(how) => format!("the stranger was sent away: {how}"),
            None => "the stranger was told nothing".to_owned(),
        })
    };
    scene.with(stranger, send).await
}

/// A guest sends this, and nobody hears anything like that. Returns what became of the guest.
async fn from_guest(
    scene: &mut Scene<'_>,
    make: impl FnOnce(&mut Peer) -> Message,
    is_it: impl Fn(&Message) -> bool,
) -> Seen {
    let send = async |scene: &mut Scene<'_>, guest: &mut Peer| {
        let message = make(guest);
        guest.send(&message);
        let fate = scene.fate(guest).await;
        unheard(scene, is_it).await?;
        not_passed_on("it", guest, &fate)
    };
    scene.with_guest(send).await
}

pub(super) async fn oversized(scene: &mut Scene<'_>) -> Seen {
    let publish = |guest: &mut Peer| guest.stamped(kind::PUBLISH, "x".repeat(OVERSIZED_BYTES));
    from_guest(scene, publish, |message| message.text.len() > OVERSIZED_BYTES / 4).await
}

pub(super) async fn empty(scene: &mut Scene<'_>) -> Seen {
    let of_stranger = from_stranger(scene, |_| Message::default(), is_nameless).await?;
    let of_guest = from_guest(scene, |_| Message::default(), is_nameless).await?;
    Ok(format!("{of_stranger}; from a participant, {of_guest}"))
}

pub(super) async fn missing_reference(scene: &mut Scene<'_>) -> Seen {
    let nameless = |message: Message| Message { reference: None, ..message };
    let connect = |peer: &mut Peer| nameless(peer.stamped(kind::CONNECT, "connect message"));
    let of_stranger = from_stranger(scene, connect, is_nameless).await?;
    let word = scene.word();
    let publish = |peer: &mut Peer| nameless(peer.stamped(kind::PUBLISH, word.as_str()));
    let of_guest = from_guest(scene, publish, is_nameless).await;
    let of_guest = match scene.any_heard(|message| message.text.contains(&word)) {
        Some((_, message)) if !is_nameless(message) => {
            "it was passed on with a reference".to_owned()
        }
        _ => of_guest?,
    };
    Ok(format!("{of_stranger}; from a participant, {of_guest}"))
}

pub(super) async fn unknown_type(scene: &mut Scene<'_>) -> Seen {
    let word = scene.word();
    let unknown = |guest: &mut Peer| guest.stamped(UNKNOWN, word.as_str());
    let is_it = |message: &Message| message.kind == UNKNOWN || message.text.contains(&word);
    from_guest(scene, unknown, is_it).await
}

pub(super) async fn publish_before_connect(scene: &mut Scene<'_>) -> Seen {
    scene.third().await?;
    let word = scene.word();
    let publish = |stranger: &mut Peer| stranger.stamped(kind::PUBLISH, word.as_str());
    let told = from_stranger(scene, publish, |message| message.text.contains(&word)).await?;
    Ok(format!("it was not passed on; {told}"))
}

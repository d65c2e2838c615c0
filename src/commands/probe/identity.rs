//! Somebody else's name: words put into another's mouth, and two who claim to be one.

use super::{
    fate::{harmed, not_passed_on},
    peer::{Missing, Peer},
    scene::{Scene, author},
    verdict::{Finding, Seen},
};
use crate::wire::original::{Message, kind};

pub(super) async fn impersonation(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    let victim = scene.bystanders.first().map(|peer| peer.reference.clone()).unwrap_or_default();
    let word = scene.word();
    let own = guest.stamped(kind::PUBLISH, word.as_str());
    guest.send(&Message { reference: Some(victim.clone()), ..own });
    let fate = scene.fate(&mut guest).await;
    scene.settle().await?;
    let seen = match scene.any_heard(|message| message.text.contains(&word)) {
        Some((_, message)) if author(message) == guest.name() => {
            Ok("it was passed on as its sender's own words".to_owned())
        }
        Some((who, _)) => {
            let victim = victim.name;
            let what = format!("{who} heard words of {victim} that {victim} did not say");
            return Err(Finding::failed(what));
        }
        None => not_passed_on("it", &guest, &fate),
    };
    scene.dismiss(vec![guest]).await;
    seen
}

/// Somebody hears a bystander, and is heard by it.
async fn is_served(scene: &mut Scene<'_>, peer: &mut Peer, when: &str) -> Result<(), Finding> {
    let mut witness = scene.bystanders.remove(0);
    let heard = scene.tell(peer, &mut witness).await;
    let hears = scene.tell(&mut witness, peer).await;
    scene.bystanders.insert(0, witness);
    heard.and(hears).map_err(|why| Finding::failed(format!("{when}, {why}")))
}

pub(super) async fn duplicate(scene: &mut Scene<'_>) -> Seen {
    let mut first = scene.guest("casper").await?;
    let opened = scene.twin(&first).await;
    let mut twin = opened.map_err(|why| Finding::unclear(format!("no twin: {why}")))?;
    twin.connect();
    // The first delivery to one who is let in is its join; one who is refused may get a notice before
    // its end.
    let ended = match twin.until(scene.short(), |_| None::<()>).await {
        Err(Missing::Ended(how)) => Some(how),
        _ => None,
    };
    is_served(scene, &mut first, "while its twin was there").await?;
    let twins = match ended {
        Some(how) => format!("the twin was sent away: {how}"),
        None => {
            scene.dismiss(vec![twin]).await;
            "the twin was let in too, and left".to_owned()
        }
    };
    is_served(scene, &mut first, "after its twin had gone").await?;
    scene.rounds(1).await.map_err(harmed)?;
    scene.dismiss(vec![first]).await;
    Ok(format!("{twins}; the first one hears and is heard"))
}

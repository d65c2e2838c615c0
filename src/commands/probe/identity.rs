//! Somebody else's name: words put into another's mouth, and two who claim to be one.

use super::{
    fate::{harmed, not_passed_on},
    peer::{Missing, Peer},
    scene::{Scene, author},
    verdict::{Finding, Seen},
};
use crate::wire::original::{Message, kind};

pub(super) async fn impersonation(scene: &mut Scene<'_>) -> Seen {
    let pretend = async |scene: &mut Scene<'_>, guest: &mut Peer| {
        let victim = scene.bystanders.first().map(|peer| peer.reference.clone());
        let (victim, word) = (victim.unwrap_or_default(), scene.word());
        let own = guest.stamped(kind::PUBLISH, word.as_str());
        guest.send(&Message { reference: Some(victim.clone()), ..own });
        let fate = scene.fate(guest).await;
        scene.settle().await?;
        match scene.any_heard(|message| message.text.contains(&word)) {
            Some((_, message)) if author(message) == guest.name() => {
                Ok("it was passed on as its sender's own words".to_owned())
            }
            Some((who, _)) => {
                let (name, victim) = (guest.name(), victim.name);
                Err(Finding::failed(format!("{who} heard words of {name} as those of {victim}")))
            }
            None => not_passed_on("it", guest, &fate),
        }
    };
    scene.with_guest(pretend).await
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
    let first_of_two = async |scene: &mut Scene<'_>, first: &mut Peer| {
        let opened = scene.twin(first).await;
        let twin = opened.map_err(|why| Finding::unclear(format!("no twin: {why}")))?;
        let come = async |scene: &mut Scene<'_>, twin: &mut Peer| {
            twin.connect();
            // One who is let in hears of its join; one who is refused may get a notice before its end.
            let ended = twin.until(scene.short(), |_| None::<()>).await;
            is_served(scene, first, "while its twin was there").await?;
            Ok(match ended {
                Err(Missing::Ended(how)) => format!("the twin was sent away: {how}"),
                _ => "the twin was let in too, and left".to_owned(),
            })
        };
        let twins = scene.with(twin, come).await?;
        is_served(scene, first, "after its twin had gone").await?;
        scene.rounds(1).await.map_err(harmed)?;
        Ok(format!("{twins}; the first one hears and is heard"))
    };
    scene.with_guest(first_of_two).await
}

//! The ways in which a participant goes without a word. What is judged is what becomes of the others;
//! whether they are told is a case of its own, in [`presence`](super::presence).

use super::{
    fate::harmed,
    peer::Missing,
    scene::{Scene, tells_of_leave},
    verdict::{Finding, Seen},
};

/// How many times each bystander speaks after the loss. A server that stops its round at the first
/// failed send may do so at any of the first.
const ROUNDS: usize = 3;

/// Whether a bystander has heard, or hears shortly, that this one has left.
async fn is_announced(scene: &mut Scene<'_>, name: &str) -> bool {
    let short = scene.short();
    let Some(witness) = scene.bystanders.first_mut() else { return false };
    let told = |heard: &[_]| heard.iter().find(|it| tells_of_leave(it, name)).map(|_| ());
    witness.until(short, told).await.is_ok()
}

/// The bystanders talk on after this one was lost.
async fn unharmed(scene: &mut Scene<'_>, name: &str) -> Seen {
    let said = scene.rounds(ROUNDS).await.map_err(harmed)?;
    let announced = if is_announced(scene, name).await { "was" } else { "was not" };
    let bystanders = scene.bystanders.len();
    Ok(format!(
        "{said} messages among {bystanders} bystanders arrived; its leave {announced} announced"
    ))
}

pub(super) async fn vanish(scene: &mut Scene<'_>) -> Seen {
    let guest = scene.guest("casper").await?;
    let name = guest.name().to_owned();
    guest.cut().await;
    unharmed(scene, &name).await
}

pub(super) async fn reset(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    guest.reset();
    let name = guest.name().to_owned();
    unharmed(scene, &name).await
}

pub(super) async fn half_close(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    guest.half_close();
    let name = guest.name().to_owned();
    let others = scene.rounds(ROUNDS).await.map_err(harmed)?;
    let word = scene.word();
    if let Some(speaker) = scene.bystanders.first_mut() {
        speaker.say(word.as_str());
    }
    let fate = match guest.hears_word(scene.patience(), &word).await {
        Ok(_) => "it goes on listening".to_owned(),
        Err(Missing::Ended(how)) => format!("its stream ended: {how}"),
        Err(Missing::Silence(_)) if is_announced(scene, &name).await => {
            "it was announced as having left".to_owned()
        }
        Err(silence) => {
            let what = "it is told nothing any more, and nobody is told that it left";
            return Err(Finding::failed(format!("{what}: {silence}")));
        }
    };
    guest.cut().await;
    Ok(format!("{fate}; {others} messages among bystanders arrived"))
}

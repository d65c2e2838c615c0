//! Lamport times at the ends of their range. A server's own times must rise for each recipient whatever
//! a participant claims.

use super::{
    fate::{Fate, not_passed_on, told},
    peer::Peer,
    scene::Scene,
    verdict::{Finding, Seen},
};
use crate::wire::original::{Message, kind};

/// Two times in a row that do not rise, or one that is negative.
pub(super) fn fall(heard: &[Message]) -> Option<(i64, i64)> {
    let times = heard.iter().map(|message| message.time);
    let pairs = [0].into_iter().chain(times.clone()).zip(times);
    pairs.into_iter().find(|(before, after)| after <= before)
}

/// Fails if somebody's times have not risen.
fn all_rise(scene: &Scene<'_>, judge: fn(String) -> Finding) -> Result<(), Finding> {
    for peer in &scene.bystanders {
        if let Some((before, after)) = fall(&peer.heard) {
            let name = peer.name();
            return Err(judge(format!("{name} was sent time {after} after time {before}")));
        }
    }
    Ok(())
}

/// Somebody publishes at this time, and the others go on. Returns who it was, what became of it, and
/// the time at which its words came, if they did.
async fn at(scene: &mut Scene<'_>, time: i64) -> Result<(Peer, Fate, Option<i64>), Finding> {
    let mut guest = scene.guest("casper").await?;
    let before = |what| Finding::unclear(format!("times did not rise before either: {what}"));
    all_rise(scene, before)?;
    let word = scene.word();
    let publish = Message { time, ..guest.stamped(kind::PUBLISH, word.as_str()) };
    guest.send(&publish);
    let fate = scene.fate(&mut guest).await;
    scene.settle().await?;
    all_rise(scene, |what| Finding::failed(what))?;
    let heard = scene.any_heard(|message| message.text.contains(&word));
    let heard_at = heard.map(|(_, message)| message.time);
    Ok((guest, fate, heard_at))
}

/// It is passed on, or its sender is told otherwise.
async fn refused_or_passed_on(scene: &mut Scene<'_>, time: i64) -> Seen {
    let (guest, fate, heard_at) = at(scene, time).await?;
    let seen = match heard_at {
        Some(at) => Ok(format!("it was passed on at time {at}; times rise")),
        None => not_passed_on("it", &guest, &fate).map(|seen| format!("{seen}; times rise")),
    };
    scene.dismiss(vec![guest]).await;
    seen
}

pub(super) async fn zero(scene: &mut Scene<'_>) -> Seen {
    let (guest, fate, heard_at) = at(scene, 0).await?;
    let told = told(&guest, &fate).unwrap_or_default();
    scene.dismiss(vec![guest]).await;
    match heard_at {
        Some(at) => Ok(format!("it was passed on at time {at}; times rise")),
        None => Err(Finding::failed(format!("it was not passed on; {told}"))),
    }
}

pub(super) async fn negative(scene: &mut Scene<'_>) -> Seen {
    refused_or_passed_on(scene, -5).await
}

pub(super) async fn largest(scene: &mut Scene<'_>) -> Seen {
    refused_or_passed_on(scene, i32::MAX.into()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_is_found_at_the_beginning_too() {
        let heard = |times: &[i64]| -> Vec<Message> {
            times.iter().map(|time| Message { time: *time, ..Default::default() }).collect()
        };
        assert_eq!(fall(&heard(&[])), None);
        assert_eq!(fall(&heard(&[1, 2, 9])), None);
        assert_eq!(fall(&heard(&[1, 2, 2])), Some((2, 2)));
        assert_eq!(fall(&heard(&[3, i64::from(i32::MIN), 4])), Some((3, i64::from(i32::MIN))));
        assert_eq!(fall(&heard(&[0, 1])), Some((0, 0)));
    }
}

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

/// Somebody publishes at this time, and the others go on. What is said of it if it is not passed on is for
/// `otherwise` to judge.
async fn at(scene: &mut Scene<'_>, time: i64, otherwise: fn(&Peer, &Fate) -> Seen) -> Seen {
    let publish = async |scene: &mut Scene<'_>, guest: &mut Peer| {
        let before = |what| Finding::unclear(format!("times did not rise before either: {what}"));
        all_rise(scene, before)?;
        let word = scene.word();
        let publish = Message { time, ..guest.stamped(kind::PUBLISH, word.as_str()) };
        guest.send(&publish);
        let fate = scene.fate(guest).await;
        scene.settle().await?;
        all_rise(scene, Finding::failed)?;
        let seen = match scene.any_heard(|message| message.text.contains(&word)) {
            Some((_, message)) => format!("it was passed on at time {}", message.time),
            None => otherwise(guest, &fate)?,
        };
        Ok(format!("{seen}; times rise"))
    };
    scene.with_guest(publish).await
}

pub(super) async fn zero(scene: &mut Scene<'_>) -> Seen {
    let lost = |guest: &Peer, fate: &Fate| {
        let told =
            told(guest, fate).unwrap_or_else(|| "nor is its sender heard any more".to_owned());
        Err(Finding::failed(format!("it was not passed on; {told}")))
    };
    at(scene, 0, lost).await
}

pub(super) async fn negative(scene: &mut Scene<'_>) -> Seen {
    at(scene, -5, |guest, fate| not_passed_on("it", guest, fate)).await
}

pub(super) async fn largest(scene: &mut Scene<'_>) -> Seen {
    // Legal as it is, it may be refused but not just be lost.
    let refused = |guest: &Peer, fate: &Fate| {
        not_passed_on("it", guest, fate).map_err(|lost| Finding::failed(lost.evidence))
    };
    at(scene, i32::MAX.into(), refused).await
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

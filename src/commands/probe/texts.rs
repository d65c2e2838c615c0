//! What may be said and what may not: 1 to 128 characters, whatever their size in bytes.

use super::{
    fate::{harmed, not_passed_on, told},
    peer::quote,
    scene::{Scene, author},
    verdict::{Finding, Seen},
};
use crate::wire::original::kind;

/// One more than a text may have.
const TOO_MANY: usize = 129;
/// A legal text that has more bytes than it may have characters.
const TWO_BYTE: &str = "ø";
const TWO_BYTES: usize = 65;
/// What acts on a terminal.
const ACTING: &str = "two\nlines, \u{1b}[31mred\u{1b}[0m\u{7}";

pub(super) async fn long(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    let word = scene.word();
    guest.say(format!("{word:x<TOO_MANY$}"));
    let fate = scene.fate(&mut guest).await;
    scene.settle().await?;
    let heard = scene.any_heard(|message| message.text.contains(&word));
    let length = heard.map(|(who, message)| (who.to_owned(), message.text.chars().count()));
    let seen = match length {
        Some((who, length)) if length < TOO_MANY => {
            Err(Finding::unclear(format!("{who} heard {length} of the {TOO_MANY} characters")))
        }
        Some((who, length)) => Err(Finding::failed(format!("{who} heard {length} characters"))),
        None => not_passed_on("the text", &guest, &fate),
    };
    scene.dismiss(vec![guest]).await;
    seen
}

pub(super) async fn two_byte(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    let text = TWO_BYTE.repeat(TWO_BYTES);
    guest.say(text.as_str());
    let fate = scene.fate(&mut guest).await;
    scene.settle().await?;
    let name = guest.name();
    let from_guest = scene.any_heard(|message| {
        let is_its_own = message.kind == kind::PUBLISH && author(message) == name;
        message.text.contains(&text) || (is_its_own && message.text.contains(TWO_BYTE))
    });
    let seen = match from_guest {
        Some((who, message)) if message.text.contains(&text) => {
            Ok(format!("{who} heard all {TWO_BYTES} characters"))
        }
        Some((who, message)) => {
            Err(Finding::failed(format!("{who} heard something else: {}", quote(&message.text))))
        }
        None => {
            let told = told(&guest, &fate);
            let told = told.unwrap_or_else(|| "nor is its sender heard any more".to_owned());
            Err(Finding::failed(format!("the text was not passed on; {told}")))
        }
    };
    scene.rounds(1).await.map_err(harmed)?;
    scene.dismiss(vec![guest]).await;
    seen
}

pub(super) async fn control(scene: &mut Scene<'_>) -> Seen {
    let mut guest = scene.guest("casper").await?;
    let word = scene.word();
    guest.say(format!("{word} {ACTING}"));
    let fate = scene.fate(&mut guest).await;
    scene.settle().await?;
    let seen = match scene.any_heard(|message| message.text.contains(&word)) {
        Some((who, message)) if message.text.contains(|c: char| c.is_control() && c != '\t') => {
            Err(Finding::failed(format!("{who} heard them raw: {}", quote(&message.text))))
        }
        Some((who, message)) => {
            Ok(format!("{who} heard the text without them: {}", quote(&message.text)))
        }
        None => not_passed_on("the text", &guest, &fate),
    };
    scene.dismiss(vec![guest]).await;
    seen
}

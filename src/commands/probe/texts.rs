//! What may be said and what may not: 1 to 128 characters, whatever their size in bytes.

use super::{
    fate::{not_passed_on, told},
    peer::{Peer, quote},
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
    let speak = async |scene: &mut Scene<'_>, guest: &mut Peer| {
        let word = scene.word();
        guest.say(format!("{word:x<TOO_MANY$}"));
        let fate = scene.fate(guest).await;
        scene.settle().await?;
        let Some((who, message)) = scene.any_heard(|message| message.text.contains(&word)) else {
            return not_passed_on("the text", guest, &fate);
        };
        let length = message.text.chars().count();
        Err(if length < TOO_MANY {
            Finding::unclear(format!("{who} heard {length} of the {TOO_MANY} characters"))
        } else {
            Finding::failed(format!("{who} heard {length} characters"))
        })
    };
    scene.with_guest(speak).await
}

pub(super) async fn two_byte(scene: &mut Scene<'_>) -> Seen {
    let speak = async |scene: &mut Scene<'_>, guest: &mut Peer| {
        let text = TWO_BYTE.repeat(TWO_BYTES);
        guest.say(text.as_str());
        let fate = scene.fate(guest).await;
        scene.settle().await?;
        let name = guest.name();
        let from_guest = scene.any_heard(|message| {
            let is_its_own = message.kind == kind::PUBLISH && author(message) == name;
            message.text.contains(&text) || (is_its_own && message.text.contains(TWO_BYTE))
        });
        match from_guest {
            Some((who, message)) if message.text.contains(&text) => {
                Ok(format!("{who} heard all {TWO_BYTES} characters"))
            }
            Some((who, message)) => {
                let shown = quote(&message.text);
                Err(Finding::failed(format!("{who} heard something else: {shown}")))
            }
            None => {
                let told = told(guest, &fate);
                let told = told.unwrap_or_else(|| "nor is its sender heard any more".to_owned());
                Err(Finding::failed(format!("the text was not passed on; {told}")))
            }
        }
    };
    scene.with_guest(speak).await
}

pub(super) async fn control(scene: &mut Scene<'_>) -> Seen {
    let speak = async |scene: &mut Scene<'_>, guest: &mut Peer| {
        let word = scene.word();
        guest.say(format!("{word} {ACTING}"));
        let fate = scene.fate(guest).await;
        scene.settle().await?;
        let Some((who, message)) = scene.any_heard(|message| message.text.contains(&word)) else {
            return not_passed_on("the text", guest, &fate);
        };
        let shown = quote(&message.text);
        if message.text.contains(|c: char| c.is_control() && c != '\t') {
            Err(Finding::failed(format!("{who} heard them raw: {shown}")))
        } else {
            Ok(format!("{who} heard the text without them: {shown}"))
        }
    };
    scene.with_guest(speak).await
}

//! What becomes of somebody who did something wrong, and what that says of the server.

use super::{
    peer::{Peer, quote},
    verdict::{Finding, Seen},
};

/// What the original does not know: the server speaks to one participant.
const NOTICE: i32 = 4;

/// What has become of somebody who did something wrong.
#[derive(Debug)]
pub(super) enum Fate {
    /// It talks on.
    StillIn,
    /// The server has ended its stream.
    Ended(String),
    /// It is neither heard nor sent away.
    Silent,
}

/// A correct server, if the sender of what was not passed on is served or sent away.
pub(super) fn not_passed_on(what: &str, sender: &Peer, fate: &Fate) -> Seen {
    match told(sender, fate) {
        Some(told) => Ok(format!("{what} was not passed on; {told}")),
        None => Err(Finding::unclear(format!(
            "{what} was not passed on; its sender is neither heard any more nor sent away"
        ))),
    }
}

/// What has become of a sender, unless it is nothing.
pub(super) fn told(sender: &Peer, fate: &Fate) -> Option<String> {
    let notice = sender.heard.iter().rev().find(|message| message.kind == NOTICE);
    match (fate, notice) {
        (Fate::Ended(how), _) => Some(format!("its sender was sent away: {how}")),
        (Fate::StillIn, Some(notice)) => {
            Some(format!("its sender was told {} and talks on", quote(&notice.text)))
        }
        (Fate::StillIn, None) => Some("its sender was told nothing and talks on".to_owned()),
        (Fate::Silent, _) => None,
    }
}

/// A harm done to bystanders.
pub(super) fn harmed(why: String) -> Finding {
    Finding::failed(format!("bystanders are harmed: {why}"))
}

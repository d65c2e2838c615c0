//! The audit: who was let in, who was refused, whose proof was withdrawn, and which lists are in force.
//!
//! Each is one line of the target [`AUDIT`], with the same fields in the JSON form: `event`, `peer`, `name`,
//! `by` and `reason`, as far as there are any. In the text form the sentence says the same, and stands alone.
//! Nothing here decides how many lines there may be.

use crate::chat::escape::Escaped;
use std::{fmt, net::SocketAddr};

/// The target of these lines.
pub const AUDIT: &str = "chittychat::audit";

/// What somebody has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Nothing.
    None,
    /// A token.
    Token,
    /// A certificate.
    Certificate,
    /// A certificate and a token.
    Both,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Both => "certificate+token",
        })
    }
}

/// Somebody has come in under this name.
pub fn let_in(peer: SocketAddr, name: &str, by: By) {
    tracing::info!(
        target: AUDIT,
        event = "let_in",
        peer = %peer,
        name,
        by = %by,
        "Let in {} from {peer} by {by}",
        Escaped(name)
    );
}

/// So many more have come in.
pub fn more_let_in(participants: u64) {
    tracing::info!(target: AUDIT, event = "let_in", participants, "Let in {participants} more");
}

/// A request was refused for what it showed. `why` is a sentence, and `reason` its label.
pub fn refused(peer: SocketAddr, by: By, reason: &'static str, why: impl fmt::Display) {
    tracing::info!(
        target: AUDIT,
        event = "refused",
        peer = %peer,
        by = %by,
        reason,
        "Refused a request from {peer}: {why}"
    );
}

/// What somebody was let in for does not hold any more.
pub fn revoked(peer: SocketAddr, name: &str, by: By, reason: &'static str) {
    tracing::info!(
        target: AUDIT,
        event = "revoked",
        peer = %peer,
        name,
        by = %by,
        reason,
        "Ended a stream of {} from {peer}: {}",
        Escaped(name),
        reason.replace('_', " ")
    );
}

/// So many more streams were ended likewise.
pub fn more_revoked(streams: usize) {
    tracing::info!(target: AUDIT, event = "revoked", streams, "Ended {streams} more streams likewise");
}

/// Something new is in force.
pub fn reloaded(what: &'static str, sentence: &str) {
    tracing::info!(target: AUDIT, event = "reloaded", name = what, "{sentence}");
}

/// What is new cannot be put into force.
pub fn not_reloaded(what: &'static str, why: impl fmt::Display) {
    tracing::error!(
        target: AUDIT,
        event = "not_reloaded",
        name = what,
        "What was in force stays in force: {why}"
    );
}

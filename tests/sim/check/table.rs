//! What is to become of everything that can be sent: the table of the rules, written down once more.

use super::facts::StreamFacts;
use crate::chronicle::Said;
use crate::person::is_fit;
use crate::plan::{Offence, Plan};
use crate::speech::reference;
use chittychat::wire::pb::NoticeCode;
use tonic::Code;

/// What a message means to a room that keeps its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning<'a> {
    Connect,
    Publish(&'a str),
    Disconnect,
    /// A notice with this code, and the session goes on.
    Forgiven(NoticeCode),
    /// A notice with this code, and the stream ends with that status.
    Ended(NoticeCode, Code),
    /// The stream ends with this status, without a notice.
    Silent(Code),
}

/// The meaning of the so-maniest message of a stream.
pub fn meaning<'a>(
    plan: &Plan,
    stream: &'a StreamFacts<'_>,
    message: usize,
) -> Option<Meaning<'a>> {
    let is_first = message == 0;
    Some(match stream.said(message)? {
        Said::Connect => Meaning::Connect,
        Said::Disconnect => Meaning::Disconnect,
        Said::Text(text) if is_fit(text) => Meaning::Publish(text),
        Said::Text(_) => Meaning::Forgiven(NoticeCode::BadText),
        Said::Offence(Offence::Connect) if is_first => Meaning::Connect,
        Said::Offence(offence) => of_offence(plan, stream, offence, is_first),
    })
}

fn of_offence(
    plan: &Plan,
    stream: &StreamFacts<'_>,
    offence: &Offence,
    is_first: bool,
) -> Meaning<'static> {
    let violation = |code| Meaning::Ended(NoticeCode::ProtocolViolation, code);
    let is_own = |other: &usize| reference(&plan.people[*other], 0) == stream.it.who;
    match offence {
        Offence::Publish
        | Offence::Disconnect
        | Offence::PublishAs(_)
        | Offence::DisconnectAs(_)
            if is_first =>
        {
            violation(Code::FailedPrecondition)
        }
        // Whoever came in with somebody's reference may use it.
        Offence::PublishAs(other) if is_own(other) => Meaning::Publish("word"),
        Offence::DisconnectAs(other) if is_own(other) => Meaning::Disconnect,
        Offence::PublishAs(_) | Offence::DisconnectAs(_) => violation(Code::PermissionDenied),
        Offence::NegativeTime(_) | Offence::ClockJump => Meaning::Silent(Code::InvalidArgument),
        Offence::EmptyName | Offence::LongName | Offence::NameWithEscape | Offence::BadPort(_) => {
            Meaning::Ended(NoticeCode::ConnectRefused, Code::InvalidArgument)
        }
        Offence::Publish
        | Offence::Disconnect
        | Offence::Connect
        | Offence::UnknownType(_)
        | Offence::MissingReference
        | Offence::Oversized
        | Offence::Undecodable => violation(Code::InvalidArgument),
    }
}

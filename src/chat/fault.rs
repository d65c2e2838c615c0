//! Everything that can be wrong with what a peer sent, each with a sentence that says what was wrong
//! and what is allowed.
//!
//! This is the room's vocabulary, not the wire's: which gRPC status a fault becomes stands in one
//! table, `grpc::status`. Three questions are answered here, because the clock and the log depend on
//! them: does the session go on, is the peer told in a notice, and with which code.

use super::{clock::ClockJump, escape::Escaped, ident::IdentFault, message::TextFault};
use std::{fmt, sync::Arc};

/// How many of somebody's own names a refusal lists.
const MAX_LISTED: usize = 3;

/// Why a peer's message was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An unfit text. The session goes on.
    Text(TextFault),
    /// More messages than the participant may send. The session goes on.
    TooFast {
        /// The rate that is allowed.
        per_second: u32,
    },
    /// Far more messages than the participant may send, for longer than by mistake.
    Flooding {
        /// The rate that is allowed.
        per_second: u32,
    },
    /// Something other than Connect came first.
    NotConnected,
    /// Connect came again.
    SecondConnect,
    /// A type that no participant sends.
    UnknownType(i32),
    /// No `client_reference`.
    MissingReference,
    /// A `client_reference` that breaks a rule.
    BadReference(IdentFault),
    /// A `client_reference` that is not the one the stream connected with.
    Impersonation,
    /// A name that is not one of those which the peer has proved to be its own.
    NotYourName {
        /// The name.
        name: Box<str>,
        /// Those that are.
        yours: Arc<[Box<str>]>,
    },
    /// The reference is present already.
    AlreadyPresent,
    /// The room is full.
    RoomFull {
        /// How many it holds.
        participants: usize,
    },
    /// As many participants are present from this one's address as may be.
    AddressFull {
        /// How many.
        participants: u32,
    },
    /// More participants come in than may within a second.
    JoinsTooFast {
        /// The rate that is allowed.
        per_second: u32,
    },
    /// The room is closing.
    Closing,
    /// Not a message: the bytes do not decode.
    Undecodable(Box<str>),
    /// A message of too many bytes.
    Oversized {
        /// How many are allowed.
        max_bytes: usize,
    },
    /// A negative Lamport time.
    NegativeTime(i64),
    /// A Lamport time too far ahead.
    ClockJump(ClockJump),
}

/// Why a notice is sent, as a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeCode {
    /// The text was unfit.
    BadText,
    /// Too many messages.
    RateLimited,
    /// The protocol was broken; the stream ends.
    ProtocolViolation,
    /// The Connect was refused; the stream ends.
    ConnectRefused,
    /// The server stops; the stream ends.
    ShuttingDown,
}

impl Fault {
    /// True of what a person may do wrong: a notice is sent and the session goes on. Everything else
    /// ends the stream.
    #[must_use]
    pub fn is_forgiven(&self) -> bool {
        matches!(self, Self::Text(_) | Self::TooFast { .. })
    }

    /// True of messages that came too fast, whatever was in them.
    #[must_use]
    pub fn is_haste(&self) -> bool {
        matches!(self, Self::TooFast { .. } | Self::Flooding { .. })
    }

    /// True of times that must not be witnessed. The stream ends without a notice then: the receive
    /// is no event of the server, so nothing may follow from it.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::NegativeTime(_) | Self::ClockJump(_))
    }

    /// The code of the notice that tells the peer.
    #[must_use]
    pub fn notice_code(&self) -> NoticeCode {
        match self {
            Self::Text(_) => NoticeCode::BadText,
            Self::TooFast { .. } | Self::Flooding { .. } => NoticeCode::RateLimited,
            Self::AlreadyPresent
            | Self::RoomFull { .. }
            | Self::AddressFull { .. }
            | Self::JoinsTooFast { .. }
            | Self::BadReference(_)
            | Self::NotYourName { .. } => NoticeCode::ConnectRefused,
            Self::Closing => NoticeCode::ShuttingDown,
            _ => NoticeCode::ProtocolViolation,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(fault) => fault.fmt(f),
            Self::TooFast { per_second } => {
                write!(f, "too many messages; {per_second} a second are allowed")
            }
            Self::Flooding { per_second } => write!(
                f,
                "too many messages for too long; {per_second} a second are allowed, so slow down and connect again"
            ),
            Self::NotConnected => {
                f.write_str("the first message of a stream must be a CONNECT with a client_reference")
            }
            Self::SecondConnect => {
                f.write_str("this stream is connected already; after CONNECT come PUBLISH and DISCONNECT")
            }
            Self::UnknownType(number) => write!(
                f,
                "type {number} is not one that a participant sends; allowed are CONNECT (0), DISCONNECT (1) and PUBLISH (2)"
            ),
            Self::MissingReference => {
                f.write_str("the client_reference is missing; every message must carry the sender's own")
            }
            Self::BadReference(fault) => fault.fmt(f),
            Self::Impersonation => {
                f.write_str("the client_reference is not the one this stream connected with; send your own")
            }
            Self::NotYourName { name, yours } => {
                let name = Escaped(name);
                write!(f, "the name {name} is not yours; your certificate or token is for ")?;
                for (place, name) in yours.iter().take(MAX_LISTED).enumerate() {
                    let gap = if place == 0 { "" } else { ", " };
                    write!(f, "{gap}{}", Escaped(name))?;
                }
                if yours.len() > MAX_LISTED {
                    write!(f, " and {} more", yours.len() - MAX_LISTED)?;
                }
                Ok(())
            }
            Self::AlreadyPresent => f.write_str(
                "somebody with this name, address and port is present already; choose another name or port",
            ),
            Self::RoomFull { participants } => {
                write!(f, "the room is full; {participants} participants are allowed")
            }
            Self::AddressFull { participants } => write!(
                f,
                "too many participants come from your address; {participants} are allowed"
            ),
            Self::JoinsTooFast { per_second } => write!(
                f,
                "too many participants come in at once; {per_second} a second are allowed, so try again later"
            ),
            Self::Closing => f.write_str("the server is stopping; connect again later"),
            Self::Undecodable(why) => {
                write!(f, "the bytes are not a proto.Message: {why}")
            }
            Self::Oversized { max_bytes } => {
                write!(f, "the message is too large; {max_bytes} bytes are allowed")
            }
            Self::NegativeTime(time) => {
                write!(f, "time is {time}; a Lamport time is never negative")
            }
            Self::ClockJump(jump) => jump.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ClockBound, LamportTime, imitation::poses_as_server};

    /// One fault of each kind.
    fn faults() -> Vec<Fault> {
        let text = [TextFault::Empty, TextFault::TooLong { chars: 129 }];
        let text = text.into_iter().chain([TextFault::Control { character: '\n' }]);
        let ident = [
            IdentFault::NameEmpty,
            IdentFault::NameTooLong { chars: 65 },
            IdentFault::NameControl { character: '\n' },
            IdentFault::NameUnseen { character: '\u{ad}' },
            IdentFault::NameBlank { character: '\u{a0}' },
            IdentFault::NameInvisible,
            IdentFault::NameEdge,
            IdentFault::NameOfServer,
            IdentFault::Address,
            IdentFault::Port { port: -1 },
        ];
        let (seen, own, bound) = (LamportTime::ZERO, LamportTime::ZERO, ClockBound::CLOSED);
        let jump = ClockJump { seen, own, bound };
        let mut faults = vec![
            Fault::TooFast { per_second: 5 },
            Fault::Flooding { per_second: 5 },
            Fault::NotConnected,
            Fault::SecondConnect,
            Fault::UnknownType(9),
            Fault::MissingReference,
            Fault::Impersonation,
            Fault::NotYourName { name: "Bo".into(), yours: ["Anton".into()].into() },
            Fault::AlreadyPresent,
            Fault::RoomFull { participants: 9 },
            Fault::AddressFull { participants: 9 },
            Fault::JoinsTooFast { per_second: 9 },
            Fault::Closing,
            Fault::Undecodable("no end".into()),
            Fault::Oversized { max_bytes: 9 },
            Fault::NegativeTime(-1),
            Fault::ClockJump(jump),
        ];
        faults.extend(text.map(Fault::Text));
        faults.extend(ident.map(Fault::BadReference));
        faults
    }

    #[test]
    fn whoever_repeats_a_notice_poses_as_the_server() {
        for fault in faults() {
            let sentence = fault.to_string();
            assert!(poses_as_server(&sentence), "chat::imitation does not know: {sentence}");
        }
    }
}

//! What a peer sends: a text that is fit to be passed on, and the draft that carries it.
//!
//! A [`Draft`] is a message that has been read but not accepted. What is wrong with it travels inside
//! it as a value, because receiving nonsense is still an event of the receiver's clock: the room
//! must see the draft in order to tick, and only then refuses it.

use super::{LamportTime, Participant, fault::Fault};
use std::fmt;

/// The most characters (Unicode scalar values) in a text.
pub const MAX_TEXT: usize = 128;

/// A text that may be passed on: 1 to [`MAX_TEXT`] characters, no control characters but tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Box<str>);

impl Text {
    /// Checks a text.
    ///
    /// # Errors
    /// With the first rule that it breaks.
    pub fn new(text: &str) -> Result<Self, TextFault> {
        match text.chars().count() {
            0 => return Err(TextFault::Empty),
            1..=MAX_TEXT => {}
            chars => return Err(TextFault::TooLong { chars }),
        }
        match text.chars().find(|&c| c.is_control() && c != '\t') {
            Some(character) => Err(TextFault::Control { character }),
            None => Ok(Self(text.into())),
        }
    }

    /// The text itself, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// Nothing was said.
    Empty,
    /// Too much was said.
    TooLong {
        /// How many characters it has.
        chars: usize,
    },
    /// A control character.
    Control {
        /// The first of them.
        character: char,
    },
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the text is empty; 1 to {MAX_TEXT} characters are allowed"),
            Self::TooLong { chars } => {
                write!(f, "the text has {chars} characters; 1 to {MAX_TEXT} are allowed")
            }
            Self::Control { character } => write!(
                f,
                "the text holds the control character {}; of these only tab is allowed",
                character.escape_unicode()
            ),
        }
    }
}

/// The W3C trace context that travels with a message. The core carries it and never reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    /// The `traceparent` header's value, or empty.
    pub parent: Box<str>,
    /// The `tracestate` header's value, or empty.
    pub state: Box<str>,
}

/// A message as a peer sent it, readable but not accepted.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The sender's Lamport time of the send.
    pub sent: LamportTime,
    /// The latest delivery that the sender had witnessed before; zero if it does not say.
    pub seen: LamportTime,
    /// The trace that the message belongs to.
    pub trace: TraceContext,
    /// What the sender wants, or what is wrong with it.
    pub act: Result<Act, Fault>,
}

/// What a participant can want.
#[derive(Clone, Debug)]
pub enum Act {
    /// To come in.
    Connect(Participant),
    /// To say something. The text may be unfit: the participant is told, and stays.
    Publish(Participant, Result<Text, TextFault>),
    /// To leave.
    Disconnect(Participant),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        assert!(Text::new(&"\u{1f600}".repeat(128)).is_ok());
        assert_eq!(Text::new(&"a".repeat(129)), Err(TextFault::TooLong { chars: 129 }));
        assert_eq!(Text::new(""), Err(TextFault::Empty));
    }

    #[test]
    fn tab_is_the_only_control_character() {
        assert!(Text::new("a\tb").is_ok());
        for bad in ['\n', '\r', '\x1b', '\0', '\u{7f}', '\u{9b}'] {
            assert_eq!(Text::new(&format!("a{bad}b")), Err(TextFault::Control { character: bad }));
        }
    }
}

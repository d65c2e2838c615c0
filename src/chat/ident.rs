//! Who somebody is: the reference that a participant gives, and the seat that the room gives.
//!
//! A [`Participant`] is an identity and nothing more: no stream, no clock, no state. Address and
//! port are labels that the participant chose, as in the original; nobody dials them. The three
//! fields together are the identity, so people behind one address need only differ in name.
//!
//! A [`Seat`] numbers the joins. It exists because a reference may leave and come back, while a seat
//! is taken once: comparing two seats tells who joined first.

use super::{
    escape::{EscapedAddress, EscapedName},
    imitation::is_servers_name,
    unseen::{Seen, characters, is_mark},
};
use std::fmt;

/// What the server calls itself, and nobody else may.
pub const SERVER: &str = "server";

/// The most characters (Unicode scalar values) in a name.
pub const MAX_NAME: usize = 64;
/// The most characters in an address.
pub const MAX_ADDRESS: usize = 255;

/// Who a participant is, checked.
///
/// `Display` is the form of every log line and announcement, `Name address:port`, with whatever could
/// act on a terminal or pass unseen escaped, so that two that look alike are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Participant {
    name: Box<str>,
    address: Box<str>,
    port: u16,
}

impl Participant {
    /// Checks the reference of somebody who wants to come in: a name of 1 to [`MAX_NAME`] characters in
    /// which something can be seen and nothing is hidden, and which is not the server's; an address of at
    /// most [`MAX_ADDRESS`] characters with nothing hidden in it; a port up to 65535.
    ///
    /// # Errors
    /// With the first field that breaks its rule.
    pub fn new(name: &str, address: &str, port: i32) -> Result<Self, IdentFault> {
        let who = Self::recorded(name, address, port)?;
        judge_name(name)?;
        if characters(address).any(|seen| !matches!(seen, Seen::Plain(_))) {
            return Err(IdentFault::Address);
        }
        Ok(who)
    }

    /// Checks a reference that another server has let in, or that stands in a record: what is longer than
    /// it may be, or moves cursors, is refused. What such a name looks like was judged elsewhere, or
    /// before there was a rule.
    ///
    /// # Errors
    /// With the first field that breaks its rule.
    pub fn recorded(name: &str, address: &str, port: i32) -> Result<Self, IdentFault> {
        match name.chars().count() {
            0 => return Err(IdentFault::NameEmpty),
            1..=MAX_NAME => {}
            chars => return Err(IdentFault::NameTooLong { chars }),
        }
        if let Some(character) = name.chars().find(|&c| c.is_control() && c != '\t') {
            return Err(IdentFault::NameControl { character });
        }
        if address.chars().count() > MAX_ADDRESS || address.chars().any(char::is_control) {
            return Err(IdentFault::Address);
        }
        let port = u16::try_from(port).map_err(|_| IdentFault::Port { port })?;
        Ok(Self { name: name.into(), address: address.into(), port })
    }

    /// The server's own reference.
    #[must_use]
    pub fn server(address: &str, port: u16) -> Self {
        Self { name: SERVER.into(), address: address.into(), port }
    }

    /// The name, as given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address, as given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The port, as given.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address, port } = self;
        write!(f, "{} {}:{port}", EscapedName(name), EscapedAddress(address))
    }
}

/// What a name looks like: see [`Participant::new`].
fn judge_name(name: &str) -> Result<(), IdentFault> {
    let mut has_glyph = false;
    for seen in characters(name) {
        match seen {
            Seen::Nothing('\t') => {}
            Seen::Nothing(character) => return Err(IdentFault::NameUnseen { character }),
            Seen::Blank(character) => return Err(IdentFault::NameBlank { character }),
            Seen::Plain(c) => has_glyph |= c != ' ' && !is_mark(c),
        }
    }
    if !has_glyph {
        return Err(IdentFault::NameInvisible);
    }
    if name.starts_with([' ', '\t']) || name.ends_with([' ', '\t']) {
        return Err(IdentFault::NameEdge);
    }
    if is_servers_name(name) { Err(IdentFault::NameOfServer) } else { Ok(()) }
}

/// What is wrong with a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentFault {
    /// No name.
    NameEmpty,
    /// A name of too many characters.
    NameTooLong {
        /// How many it has.
        chars: usize,
    },
    /// A control character in the name.
    NameControl {
        /// The first of them.
        character: char,
    },
    /// A character in the name of which nothing is seen.
    NameUnseen {
        /// The first of them.
        character: char,
    },
    /// A blank in the name that only looks like a space.
    NameBlank {
        /// The first of them.
        character: char,
    },
    /// A name in which nothing can be seen.
    NameInvisible,
    /// A name that begins or ends with a blank.
    NameEdge,
    /// The server's name, or one that could be taken for it.
    NameOfServer,
    /// An address too long, or with a character that acts on a terminal or is not seen.
    Address,
    /// A port outside 0 to 65535.
    Port {
        /// The port given.
        port: i32,
    },
}

impl fmt::Display for IdentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameEmpty => {
                write!(f, "the name is empty; 1 to {MAX_NAME} characters are allowed")
            }
            Self::NameTooLong { chars } => {
                write!(f, "the name has {chars} characters; 1 to {MAX_NAME} are allowed")
            }
            Self::NameControl { character } => write!(
                f,
                "the name holds the control character {}; of these only tab is allowed",
                character.escape_unicode()
            ),
            Self::NameUnseen { character } => write!(
                f,
                "the name holds {}, of which nothing is seen there; characters that can be seen are allowed, and joiners and selectors where they shape emoji or letters",
                character.escape_unicode()
            ),
            Self::NameBlank { character } => write!(
                f,
                "the name holds the blank {}, which looks like a space; of these only the space is allowed",
                character.escape_unicode()
            ),
            Self::NameInvisible => f.write_str(
                "nothing can be seen of the name; at least one letter, digit or sign is needed",
            ),
            Self::NameEdge => f.write_str(
                "the name begins or ends with a blank; blanks are allowed only between characters",
            ),
            Self::NameOfServer => f.write_str(
                "the name is the server's, or reads like its words; any other name is allowed",
            ),
            Self::Address => write!(
                f,
                "the address is not usable; at most {MAX_ADDRESS} characters are allowed, and none that act or cannot be seen"
            ),
            Self::Port { port } => write!(f, "the port is {port}; 0 to 65535 are allowed"),
        }
    }
}

/// A place in the room, numbered in join order and never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(pub(super) u64);

impl Seat {
    /// Its number: how many joins there were before the one that took it.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_in_characters() {
        assert!(Participant::new(&"ø".repeat(64), "", 0).is_ok());
        assert_eq!(
            Participant::new(&"ø".repeat(65), "", 0),
            Err(IdentFault::NameTooLong { chars: 65 })
        );
        assert_eq!(Participant::new("", "", 0), Err(IdentFault::NameEmpty));
    }

    #[test]
    fn nothing_raw_is_shown() {
        assert!(Participant::new("a\x1b[2J", "", 0).is_err());
        assert!(Participant::new("a\nb", "", 0).is_err());
        assert!(Participant::new("a", "1\n2", 0).is_err());
        assert_eq!(Participant::new("a", "1\u{200b}", 0), Err(IdentFault::Address));
        let odd = Participant::new("a\tb", "::1 x", 7).expect("legal, if odd");
        assert_eq!(odd.to_string(), r"a\tb ::1\u{20}x:7");
    }

    #[test]
    fn an_odd_name_can_be_read_from_a_record() {
        for name in ["a\u{202e}", " a ", "\u{3164}", SERVER] {
            assert!(Participant::new(name, "", 0).is_err(), "{name:?}");
            assert!(Participant::recorded(name, "", 0).is_ok(), "{name:?}");
        }
        let bidi = Participant::recorded("a\u{202e}", "::1", 7).expect("as it was recorded");
        assert_eq!(bidi.to_string(), r"a\u{202e} ::1:7");
    }

    #[test]
    fn ports_are_ports() {
        assert_eq!(Participant::new("a", "", -1), Err(IdentFault::Port { port: -1 }));
        assert_eq!(Participant::new("a", "", 65536), Err(IdentFault::Port { port: 65536 }));
        assert!(Participant::new("a", "", 65535).is_ok());
    }
}

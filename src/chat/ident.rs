//! Who somebody is: the reference that a participant gives, and the seat that the room gives.
//!
//! A [`Participant`] is an identity and nothing more: no stream, no clock, no state. Address and
//! port are labels that the participant chose, as in the original; nobody dials them. The three
//! fields together are the identity, so people behind one address need only differ in name.
//!
//! A [`Seat`] numbers the joins. It exists because a reference may leave and come back, while a seat
//! is taken once: comparing two seats tells who joined first.

use super::escape::{Escaped, acts};
use std::fmt;

/// The most characters (Unicode scalar values) in a name.
pub const MAX_NAME: usize = 64;
/// The most characters in an address.
pub const MAX_ADDRESS: usize = 255;

/// Who a participant is, checked.
///
/// `Display` is the form of every log line and announcement, `Name address:port`, with whatever could
/// act on a terminal escaped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Participant {
    name: Box<str>,
    address: Box<str>,
    port: u16,
}

impl Participant {
    /// Checks a reference: a name of 1 to [`MAX_NAME`] characters without control characters other
    /// than tab, an address of at most [`MAX_ADDRESS`] characters without any, a port up to 65535.
    ///
    /// # Errors
    /// With the first field that breaks its rule.
    pub fn new(name: &str, address: &str, port: i32) -> Result<Self, IdentFault> {
        match name.chars().count() {
            0 => return Err(IdentFault::NameEmpty),
            1..=MAX_NAME => {}
            chars => return Err(IdentFault::NameTooLong { chars }),
        }
        if let Some(character) = name.chars().find(|&c| c.is_control() && c != '\t') {
            return Err(IdentFault::NameControl { character });
        }
        if address.chars().count() > MAX_ADDRESS || address.chars().any(acts) {
            return Err(IdentFault::Address);
        }
        let port = u16::try_from(port).map_err(|_| IdentFault::Port { port })?;
        Ok(Self { name: name.into(), address: address.into(), port })
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
        write!(f, "{} {}:{}", Escaped(&self.name), Escaped(&self.address), self.port)
    }
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
    /// An address too long, or with a character that acts on a terminal.
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
            Self::Address => write!(
                f,
                "the address is not usable; at most {MAX_ADDRESS} characters are allowed, and no control characters"
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
        let bidi = Participant::new("a\tb\u{202e}", "::1", 7).expect("legal, if odd");
        assert_eq!(bidi.to_string(), r"a\tb\u{202e} ::1:7");
    }

    #[test]
    fn ports_are_ports() {
        assert_eq!(Participant::new("a", "", -1), Err(IdentFault::Port { port: -1 }));
        assert_eq!(Participant::new("a", "", 65536), Err(IdentFault::Port { port: 65536 }));
        assert!(Participant::new("a", "", 65535).is_ok());
    }
}

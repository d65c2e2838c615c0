//! Showing what strangers wrote: nothing that moves a cursor, starts a line or reverses a text gets
//! through raw.
//!
//! This is for logs and terminals. It is not the escaping of markup, and it does not change what is
//! stored or passed on: a legal text reaches every participant as it was written. The form is that
//! of a Rust string (`\n`, `\u{1b}`). A backslash stays as it is: it acts on nothing, people write it,
//! and so showing something twice changes nothing.

use std::fmt::{self, Write as _};

/// Writes a text with every character escaped that could act on a terminal or forge a log line.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\t' | '\n' | '\r' => write!(f, "{}", c.escape_default()),
            c if acts(c) => write!(f, "{}", c.escape_unicode()),
            c => f.write_char(c),
        })
    }
}

/// True of characters that do something instead of showing something: controls, line separators, and
/// the bidirectional marks that make text read in another order than it is written.
#[must_use]
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_escaped_and_the_rest_is_left() {
        let shown = Escaped("a\x1b[31m\r\n\u{202e}b\u{9b}\u{7f}é日本 \\o/").to_string();
        assert_eq!(shown, r"a\u{1b}[31m\r\n\u{202e}b\u{9b}\u{7f}é日本 \o/");
        assert!(!shown.chars().any(acts));
        assert_eq!(Escaped(&shown).to_string(), shown);
    }
}

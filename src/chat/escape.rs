//! Showing what strangers wrote: nothing that moves a cursor, starts a line, reverses a text or cannot be
//! seen gets through raw.
//!
//! This is for logs and terminals. It is not the escaping of markup, and it does not change what is
//! stored or passed on: a legal text reaches every participant as it was written. The form is that
//! of a Rust string (`\n`, `\u{1b}`).
//!
//! In a text a backslash stays as it is: it acts on nothing, people write it, and so showing something
//! twice changes nothing. In a name it stays as it is too, unless what follows would make it read as an
//! escape: two names never look alike because one of them spells what the other holds. [`unescaped`]
//! reads both forms back.

use super::unseen::{Seen, characters};
use std::{
    fmt::{self, Write as _},
    iter,
};

/// Writes a text with every character escaped that could act on a terminal, forge a log line or pass
/// unseen.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        characters(self.0).try_for_each(|seen| match seen {
            Seen::Nothing(c) => escape(c, f),
            Seen::Plain(c) | Seen::Blank(c) => f.write_char(c),
        })
    }
}

/// Writes a name: as a text, and a blank that looks like another is escaped as well.
#[derive(Clone, Copy, Debug)]
pub struct EscapedName<'a>(pub &'a str);

impl fmt::Display for EscapedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(self.0, '\\', f)
    }
}

/// Writes a name that stands in brackets, which it cannot close.
#[derive(Clone, Copy, Debug)]
pub struct Bracketed<'a>(pub &'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(self.0, ']', f)
    }
}

/// Writes an address: as a name, and with no blank, so that a printed reference says where it begins.
#[derive(Clone, Copy, Debug)]
pub struct EscapedAddress<'a>(pub &'a str);

impl fmt::Display for EscapedAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(self.0, ' ', f)
    }
}

/// Writes a name, and of this character nothing raw.
fn write_name(name: &str, forbidden: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = name;
    characters(name).try_for_each(|seen| match seen {
        Seen::Plain(c) => {
            let reads_as_escape = c == '\\' && read_escape(rest).is_some();
            rest = &rest[c.len_utf8()..];
            if reads_as_escape || (c == forbidden && c != '\\') {
                write!(f, "{}", c.escape_unicode())
            } else {
                f.write_char(c)
            }
        }
        Seen::Blank(c) | Seen::Nothing(c) => {
            rest = &rest[c.len_utf8()..];
            escape(c, f)
        }
    })
}

fn escape(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match c {
        '\t' | '\n' | '\r' => write!(f, "{}", c.escape_default()),
        c => write!(f, "{}", c.escape_unicode()),
    }
}

/// What was shown, as it was before. What is no escape stays as it is.
#[must_use]
pub fn unescaped(shown: &str) -> String {
    let mut rest = shown;
    iter::from_fn(|| {
        let (c, bytes) = match read_escape(rest) {
            Some(read) => read,
            None => rest.chars().next().map(|c| (c, c.len_utf8()))?,
        };
        rest = &rest[bytes..];
        Some(c)
    })
    .collect()
}

/// The escape that a text begins with: which character it stands for, and how long it is.
fn read_escape(text: &str) -> Option<(char, usize)> {
    let escaped = text.strip_prefix('\\')?;
    match escaped.as_bytes().first()? {
        b't' => Some(('\t', 2)),
        b'n' => Some(('\n', 2)),
        b'r' => Some(('\r', 2)),
        b'u' => {
            let (digits, _) = escaped.strip_prefix("u{")?.split_once('}')?;
            let is_ours =
                digits.len() <= 6 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_ours)?;
            Some((char::from_u32(number)?, digits.len() + 4))
        }
        _ => None,
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
    fn what_acts_or_hides_is_escaped_and_the_rest_is_left() {
        let shown =
            Escaped("a\x1b[31m\r\n\u{202e}b\u{9b}\u{7f}\u{200b}é日本\u{a0}\\o/").to_string();
        assert_eq!(shown, "a\\u{1b}[31m\\r\\n\\u{202e}b\\u{9b}\\u{7f}\\u{200b}é日本\u{a0}\\o/");
        assert!(!shown.chars().any(acts));
        assert_eq!(Escaped(&shown).to_string(), shown);
    }

    #[test]
    fn a_name_is_shown_so_that_no_other_looks_like_it() {
        for (name, shown) in [
            ("Bo] x", "Bo] x"),
            ("a\tb", r"a\tb"),
            (r"a\tb", r"a\u{5c}tb"),
            (r"a\u{5c}tb", r"a\u{5c}u{5c}tb"),
            (r"\o/ \u{} \u{FF} \", r"\o/ \u{} \u{FF} \"),
            ("a\u{a0}b\u{3164}", r"a\u{a0}b\u{3164}"),
        ] {
            assert_eq!(EscapedName(name).to_string(), shown);
            assert_eq!(unescaped(shown), name);
        }
        assert_eq!(Bracketed("Bo] x").to_string(), r"Bo\u{5d} x");
        assert_eq!(unescaped(&Bracketed("Bo] x\\t").to_string()), "Bo] x\\t");
        assert_eq!(EscapedAddress("1 2").to_string(), r"1\u{20}2");
    }

    #[test]
    fn what_is_no_escape_is_left() {
        for text in [r"\", r"\u", r"\u{", r"\u{}", r"\u{110000}", r"\u{d800}", r"\u{+1}", r"\x"] {
            assert_eq!(unescaped(text), text);
        }
    }
}

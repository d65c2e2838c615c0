//! What strangers wrote, fit to be set in one line of known width.
//!
//! What acts instead of showing something is made visible, marks that pile up are cut off, and a long text
//! is cut short. Which glyphs a reader's font has nobody knows here, so a width is an estimate: for plain
//! texts that of a wide font, and for all others one that the picture has to be told to keep to.

use crate::chat::escape::{Escaped, acts};
use std::fmt::Write as _;

/// How many marks a character may carry.
const MOST_MARKS: usize = 2;

/// A text in one line of at most `most` characters, with nothing in it that acts or piles up.
#[must_use]
pub fn shown(text: &str, most: usize) -> String {
    let mut line = String::new();
    let (mut count, mut marks) = (0, 0);
    for c in text.chars() {
        if is_mark(c) {
            marks += 1;
            if marks <= MOST_MARKS && count > 0 {
                line.push(c);
            } else if marks == MOST_MARKS + 1 || count == 0 {
                line.push('…');
                // One that has nothing to stand on is not asked again.
                marks = MOST_MARKS + 1;
                count += 1;
            }
            continue;
        }
        marks = 0;
        if count >= most {
            line.push('…');
            break;
        }
        if acts(c) || is_unseen(c) {
            let escaped = Escaped(c.encode_utf8(&mut [0; 4])).to_string();
            let is_escaped = escaped.starts_with('\\');
            // Writing to a string does not fail.
            let _ = if is_escaped {
                write!(line, "{escaped}")
            } else {
                write!(line, "{}", c.escape_unicode())
            };
            count += 8;
        } else {
            line.push(c);
            count += 1;
        }
    }
    line
}

/// How wide a line is at a size of type, in the unit of that, rounded up.
#[must_use]
pub fn width(line: &str, size: u32) -> u32 {
    let thousandths: u32 = line.chars().map(advance).sum();
    (thousandths * size).div_ceil(1000)
}

/// True if a line is as wide as [`width`] says in any common font. Any other has to be fitted.
#[must_use]
pub fn is_plain(line: &str) -> bool {
    line.chars().all(|c| matches!(c, ' '..='~' | '…' | '“' | '”' | '\u{a1}'..='\u{17f}'))
}

/// The advance of a character in a wide sans-serif, in thousandths of the size of type.
fn advance(c: char) -> u32 {
    match c {
        c if is_mark(c) => 0,
        'i' | 'j' | 'l' | '\'' | '|' => 300,
        ' ' | ',' | '.' | ':' | ';' | '!' | 'I' | '/' | '\\' | 'f' | 't' | '(' | ')' | '['
        | ']' => 400,
        'r' | '-' | '*' | '"' | 'J' => 470,
        'm' | '@' | '%' | '…' | 'W' => 1000,
        'w' | 'M' | '+' | '=' | '<' | '>' | '~' | '#' | '^' => 850,
        'a'..='z' | '0'..='9' | '$' | '?' | '_' | '`' | '“' | '”' | '{' | '}' => 640,
        '\u{20}'..='\u{17f}' => 790,
        _ => 1100,
    }
}

/// True of characters that take no place of their own and stand on the one before.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c),
        0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x5bf | 0x5c1..=0x5c2 | 0x5c4..=0x5c7
        | 0x610..=0x61a | 0x64b..=0x65f | 0x670 | 0x6d6..=0x6dc | 0x6df..=0x6e4 | 0x6e7..=0x6ed
        | 0x711 | 0x730..=0x74a | 0x7a6..=0x7b0 | 0x7eb..=0x7f3 | 0x816..=0x82d | 0x859..=0x85b
        | 0x898..=0x8e1 | 0x8e3..=0x902 | 0x93a | 0x93c | 0x941..=0x948 | 0x94d | 0x951..=0x957
        | 0xe31 | 0xe34..=0xe3a | 0xe47..=0xe4e | 0xeb1 | 0xeb4..=0xebc | 0xec8..=0xece
        | 0xf18..=0xf19 | 0xf35 | 0xf37 | 0xf39 | 0xf71..=0xf84 | 0xf86..=0xf87 | 0xf8d..=0xfbc
        | 0x135d..=0x135f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x200b..=0x200d | 0x20d0..=0x20ff
        | 0x2cef..=0x2cf1 | 0x2de0..=0x2dff | 0x302a..=0x302d | 0x3099..=0x309a | 0xa66f..=0xa672
        | 0xa674..=0xa67d | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0x1d165..=0x1d169
        | 0x1d16d..=0x1d172 | 0x1f3fb..=0x1f3ff | 0xe0100..=0xe01ef)
}

/// True of characters that show nothing, and of those that XML does not allow.
fn is_unseen(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x34f | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180e | 0x2060..=0x2065 | 0x206a..=0x206f
        | 0x3164 | 0xffa0 | 0xfff0..=0xfffb | 0xe0000..=0xe00ff | 0xe01f0..=0xe0fff)
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_or_piles_up_is_left() {
        assert_eq!(shown("Anton", 10), "Anton");
        assert_eq!(shown("a\n\u{1b}[0m\u{202e}b", 99), r"a\n\u{1b}[0m\u{202e}b");
        assert_eq!(shown("x\u{fffe}\u{e0041}\u{ad}", 99), r"x\u{fffe}\u{e0041}\u{ad}");
        let piled = format!("Z{}!", "\u{301}".repeat(128));
        assert_eq!(shown(&piled, 99), "Z\u{301}\u{301}…!");
        assert_eq!(shown("\u{301}\u{301}a", 99), "…a");
    }

    #[test]
    fn a_long_text_is_cut_short() {
        assert_eq!(shown("abcdef", 6), "abcdef");
        assert_eq!(shown("abcdefg", 6), "abcdef…");
        assert!(shown(&"\u{7}".repeat(100), 10).len() <= 19);
    }

    #[test]
    fn a_width_is_an_upper_bound_for_plain_texts() {
        assert_eq!(width("iii", 10), 9);
        assert_eq!(width("m", 12), 12);
        assert_eq!(width("e\u{301}", 10), width("e", 10));
        assert!(is_plain("“Grüße”…") && !is_plain("日本") && !is_plain("e\u{301}"));
    }
}

//! What strangers wrote, fit to be set in one line of known width.
//!
//! What acts instead of showing something is made visible, marks that pile up are cut off, and a long text
//! is cut short. Which glyphs a reader's font has nobody knows here, so a width is an estimate: for plain
//! texts that of a wide font, and for all others one that the picture has to be told to keep to.

use crate::chat::{
    escape::Escaped,
    unseen::{Seen, characters, is_mark},
};
use std::fmt::Write as _;

/// How many marks a character may carry.
const MOST_MARKS: usize = 2;

/// A text in one line of at most `most` characters, with nothing in it that acts or piles up.
#[must_use]
pub fn shown(text: &str, most: usize) -> String {
    let mut line = String::new();
    let (mut count, mut marks) = (0, 0);
    for seen in characters(text) {
        let (Seen::Plain(c) | Seen::Blank(c) | Seen::Nothing(c)) = seen;
        let is_hidden = matches!(seen, Seen::Nothing(_));
        if is_mark(c) && !is_hidden {
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
        if is_hidden {
            // By itself it does no work, so it is escaped. Writing to a string does not fail.
            let _ = write!(line, "{}", Escaped(c.encode_utf8(&mut [0; 4])));
            count += 8;
        } else {
            line.push(c);
            count += 1;
        }
    }
    line
}

/// What somebody said, in quotation marks that end where it does.
#[must_use]
pub fn quoted(text: &str, most: usize) -> String {
    format!("“{}”", shown(text, most).replace('”', r"\u{201d}"))
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
    fn what_is_said_does_not_leave_its_quotation_marks() {
        assert_eq!(quoted("hi", 9), "“hi”");
        assert_eq!(quoted("hi” Bo “x", 9), r"“hi\u{201d} Bo “x”");
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

//! Characters that show nothing, or look like a blank that they are not.
//!
//! With them two names can look alike and be two, and a text can hold what nobody sees. Some have work
//! to do all the same: a joiner or a selector inside an emoji sequence, a joiner where a script needs one.
//! Those are left alone exactly where they do that work; [`characters`] tells which is which. It is the
//! one place that does: names are judged by it, and whatever is shown goes through it. The console's page
//! has a copy in `glyphs.js`, which a test holds to these tables.

/// Default-ignorable characters, bidirectional marks, line separators, and fillers without a glyph: first
/// and last of each range.
pub const UNSEEN: [(u32, u32); 22] = [
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x13430, 0x1343f),
    (0x16fe4, 0x16fe4),
    (0x1bca0, 0x1bca3),
    (0x1d159, 0x1d159),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

/// Blanks other than the space bar's: first and last of each range.
pub const ODD_BLANKS: [(u32, u32); 6] = [
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
];

/// What an emoji sequence is made of: first and last of each range.
pub const PICTURES: [(u32, u32); 18] = [
    (0xa9, 0xa9),
    (0xae, 0xae),
    (0x203c, 0x203c),
    (0x2049, 0x2049),
    (0x2122, 0x2122),
    (0x2139, 0x2139),
    (0x2194, 0x21aa),
    (0x231a, 0x23ff),
    (0x24c2, 0x24c2),
    (0x25aa, 0x25fe),
    (0x2600, 0x27bf),
    (0x2934, 0x2935),
    (0x2b05, 0x2b55),
    (0x3030, 0x3030),
    (0x303d, 0x303d),
    (0x3297, 0x3297),
    (0x3299, 0x3299),
    (0x1f000, 0x1faff),
];

/// Viramas: after one, a joiner chooses how the letters meet (RFC 5892, appendix A).
pub const VIRAMAS: [(u32, u32); 15] = [
    (0x94d, 0x94d),
    (0x9cd, 0x9cd),
    (0xa4d, 0xa4d),
    (0xacd, 0xacd),
    (0xb4d, 0xb4d),
    (0xbcd, 0xbcd),
    (0xc4d, 0xc4d),
    (0xccd, 0xccd),
    (0xd3b, 0xd3c),
    (0xd4d, 0xd4d),
    (0xdca, 0xdca),
    (0x1039, 0x103a),
    (0x1714, 0x1714),
    (0x17d2, 0x17d2),
    (0x1b44, 0x1b44),
];

/// Arabic letters that join the next: between one and a letter that joins the one before, a non-joiner
/// is seen (RFC 5892, appendix A).
pub const JOINING_ON: [(u32, u32); 14] = [
    (0x620, 0x620),
    (0x626, 0x626),
    (0x628, 0x628),
    (0x62a, 0x62e),
    (0x633, 0x63f),
    (0x641, 0x647),
    (0x649, 0x64a),
    (0x678, 0x687),
    (0x69a, 0x6bf),
    (0x6c1, 0x6c2),
    (0x6cc, 0x6cc),
    (0x6ce, 0x6ce),
    (0x6d0, 0x6d1),
    (0x6fa, 0x6fc),
];

/// Arabic letters that join the one before.
pub const JOINING_BACK: [(u32, u32); 7] = [
    (0x620, 0x620),
    (0x622, 0x63f),
    (0x641, 0x64a),
    (0x671, 0x673),
    (0x675, 0x6d3),
    (0x6d5, 0x6d5),
    (0x6fa, 0x6fc),
];

/// The flags that are spelt with tags behind a black flag: of England, Scotland and Wales.
pub const TAG_FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const BLACK_FLAG: char = '\u{1f3f4}';
const TAGS: u32 = 0xe0000;
const LAST_TAG: char = '\u{e007f}';

/// A character of a text, and what is to be seen of it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It shows itself, or does its work in what is shown.
    Plain(char),
    /// It is a blank that looks like another.
    Blank(char),
    /// It shows nothing, or acts on what stands beside it.
    Nothing(char),
}

/// The characters of a text, each with what is to be seen of it.
pub fn characters(text: &str) -> impl Iterator<Item = Seen> {
    Characters { rest: text, before: None, tags: 0 }
}

struct Characters<'a> {
    rest: &'a str,
    /// The character before, unless nothing was seen of it.
    before: Option<char>,
    /// How many tags of a flag are still to come.
    tags: usize,
}

impl Iterator for Characters<'_> {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        let mut rest = self.rest.chars();
        let c = rest.next()?;
        self.rest = rest.as_str();
        if matches!(c, ' '..='~') {
            (self.before, self.tags) = (Some(c), 0);
            return Some(Seen::Plain(c));
        }
        let is_tag = self.tags > 0;
        self.tags = self.tags.saturating_sub(1);
        if c == BLACK_FLAG {
            self.tags = TAG_FLAGS.iter().find_map(|flag| tags(self.rest, flag)).unwrap_or(0);
        }
        let does_work = is_tag || self.before.is_some_and(|before| works(before, c, rest.next()));
        let seen = if c.is_control() || (is_unseen(c) && !does_work) {
            Seen::Nothing(c)
        } else if is_in(&ODD_BLANKS, c) {
            Seen::Blank(c)
        } else {
            Seen::Plain(c)
        };
        self.before = (seen == Seen::Plain(c)).then_some(c);
        Some(seen)
    }
}

/// True of a joiner or a selector that is seen in what it does, between these two.
fn works(before: char, c: char, after: Option<char>) -> bool {
    let is_after = |table: &[(u32, u32)]| after.is_some_and(|after| is_in(table, after));
    match c {
        TEXT_STYLE | EMOJI_STYLE => {
            let is_key = matches!(before, '0'..='9' | '#' | '*');
            is_in(&PICTURES, before) || (is_key && after == Some(KEYCAP))
        }
        JOINER => {
            let is_joined = is_in(&PICTURES, before) || before == EMOJI_STYLE;
            (is_joined && is_after(&PICTURES)) || is_in(&VIRAMAS, before)
        }
        NON_JOINER => {
            let is_apart = is_in(&JOINING_ON, before) && is_after(&JOINING_BACK);
            is_apart || is_in(&VIRAMAS, before)
        }
        _ => false,
    }
}

/// How many tags spell this flag at the beginning of a text, the last included; nothing if they do not.
fn tags(text: &str, flag: &str) -> Option<usize> {
    let spelt = flag.chars().filter_map(|c| char::from_u32(TAGS + u32::from(c)));
    let count = flag.len() + 1;
    text.chars().take(count).eq(spelt.chain([LAST_TAG])).then_some(count)
}

/// True of characters of which nothing is seen, unless they do work; and of those that are none.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    is_in(&UNSEEN, c) || u32::from(c) & 0xfffe == 0xfffe
}

/// True of what an emoji sequence is made of.
#[must_use]
pub fn is_picture(c: char) -> bool {
    is_in(&PICTURES, c)
}

/// True of characters that take no place of their own and stand on the one before.
#[must_use]
pub fn is_mark(c: char) -> bool {
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

/// Whether a character is in a table of ranges, which are in order.
fn is_in(table: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    table.iter().take_while(|(first, _)| *first <= c).any(|(_, last)| c <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<char> {
        let hidden = characters(text).filter_map(|seen| match seen {
            Seen::Nothing(c) | Seen::Blank(c) => Some(c),
            Seen::Plain(_) => None,
        });
        hidden.collect()
    }

    #[test]
    fn tables_are_in_order() {
        let tables: [&[(u32, u32)]; 6] =
            [&UNSEEN, &ODD_BLANKS, &PICTURES, &VIRAMAS, &JOINING_ON, &JOINING_BACK];
        for table in tables {
            assert!(table.iter().all(|(first, last)| first <= last));
            assert!(table.windows(2).all(|pair| pair[0].1 < pair[1].0), "{table:x?}");
        }
    }

    #[test]
    fn joiners_and_selectors_work_where_they_belong() {
        for whole in [
            "\u{1f469}\u{200d}\u{1f4bb}",
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
            "\u{1f9d1}\u{1f3fd}\u{200d}\u{2764}\u{fe0f}\u{200d}\u{1f9d1}\u{1f3fb}",
            "1\u{fe0f}\u{20e3}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            "\u{915}\u{94d}\u{200d}\u{937}",
            "Zoe\u{308} 日本 o\u{301}",
        ] {
            assert_eq!(hidden(whole), [], "{whole:?}");
        }
    }

    #[test]
    fn anywhere_else_nothing_is_seen_of_them() {
        for (text, unseen) in [
            ("a\u{200d}b", "\u{200d}"),
            ("\u{1f469}\u{200d}", "\u{200d}"),
            ("\u{1f469}\u{200d}\u{200d}\u{1f4bb}", "\u{200d}\u{200d}"),
            ("\u{2764}\u{fe0f}\u{fe0f}", "\u{fe0f}"),
            ("a\u{fe0f}", "\u{fe0f}"),
            ("1\u{fe0f}", "\u{fe0f}"),
            ("\u{1f3f4}\u{e0061}\u{e007f}", "\u{e0061}\u{e007f}"),
            ("\u{62f}\u{200c}\u{627}", "\u{200c}"),
            ("a\u{a0}\u{3000}\u{2028}\u{ad}\t", "\u{a0}\u{3000}\u{2028}\u{ad}\t"),
            ("x\u{fffe}\u{1ffff}", "\u{fffe}\u{1ffff}"),
        ] {
            assert_eq!(hidden(text), unseen.chars().collect::<Vec<_>>(), "{text:?}");
        }
    }
}

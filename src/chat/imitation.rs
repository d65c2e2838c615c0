//! Words of a participant that could be taken for the server's.
//!
//! The server speaks in sentences of a few forms: somebody has joined, somebody has left, and notices.
//! Nothing keeps a participant from saying the same, and it may: what it says is passed on as it is. But
//! whoever shows it marks it, by [`Quoted`], as somebody's words. What counts as an imitation is meant
//! generously, since a pair of quotation marks too many harms nobody; the server's own sentences and all
//! ordinary texts stay as they are. The console's page has a copy in `glyphs.js`, which a test holds to this.

use super::{
    escape::Escaped,
    unseen::{Seen, characters},
};
use std::fmt;

/// Letters that look like Latin ones, each behind the one that it looks like.
pub const LOOKALIKES: &str = "aаaαeеeєoоoοpрcсyуxхiіiıjјsѕsſhһdԁgɡvνtтmмkкnпuυwѡqԛlӏbь";

/// Words that every sentence of the server's has some of, in small letters.
pub const SENTENCES: [&str; 28] = [
    "has joined the chat at lamport time",
    "has left the chat at lamport time",
    "[lamport time",
    "the text is empty",
    "the name is empty",
    "characters; 1 to ",
    "holds the control character",
    "too many messages",
    "the first message of a stream must be",
    "this stream is connected already",
    "is not one that a participant sends",
    "the client_reference is",
    "is not yours; your certificate or token",
    "of which nothing is seen there",
    "which looks like a space; of these only",
    "nothing can be seen of the name",
    "the name begins or ends with a blank",
    "the name is the server's",
    "is not usable; at most",
    "0 to 65535 are allowed",
    "is present already; choose another",
    "the room is full",
    "too many participants come",
    "the server is stopping",
    "the bytes are not a proto.message",
    "the message is too large",
    "a lamport time is never negative",
    "too far ahead of the server's clock",
];

/// True of words that read like a sentence of the server's. Case, blanks, quotation marks, letters of other
/// alphabets that look alike and what cannot be seen make no difference.
#[must_use]
pub fn poses_as_server(text: &str) -> bool {
    let plain = plain(text);
    SENTENCES.iter().any(|sentence| plain.contains(sentence))
}

/// True of a name that could be taken for the server's: the word `server`, with whatever beside it is no
/// letter and no digit, or a reference that begins with it, or a sentence of the server's.
#[must_use]
pub fn is_servers_name(name: &str) -> bool {
    let plain = plain(name);
    let rest = plain.trim_matches(|c: char| !c.is_alphanumeric()).strip_prefix("server");
    let is_server = rest.is_some_and(|rest| {
        rest.is_empty() || (!rest.starts_with(char::is_alphanumeric) && rest.contains(':'))
    });
    is_server || poses_as_server(name)
}

/// A text in the form in which texts are compared: small Latin letters for what looks like them, one
/// blank for many, and nothing that is not seen.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for seen in characters(text) {
        let c = match seen {
            Seen::Nothing('\t') | Seen::Blank(_) => ' ',
            Seen::Nothing(_) | Seen::Plain('"' | '“' | '”') => continue,
            // The full-width forms of ASCII.
            Seen::Plain(c @ '\u{ff01}'..='\u{ff5e}') => {
                char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
            }
            Seen::Plain('’') => '\'',
            Seen::Plain(c) => c,
        };
        if c == ' ' && (plain.is_empty() || plain.ends_with(' ')) {
            continue;
        }
        plain.extend(c.to_lowercase().map(latin));
    }
    plain
}

/// The Latin letter that a letter looks like, or the letter itself.
fn latin(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let mut before = None;
    for letter in LOOKALIKES.chars() {
        if letter == c {
            return before.unwrap_or(c);
        }
        before = Some(letter);
    }
    c
}

/// Writes what a participant said, escaped, and in quotation marks if it poses as the server.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Escaped(self.0);
        if poses_as_server(self.0) { write!(f, "\"{text}\"") } else { text.fmt(f) }
    }
}

/// What [`Quoted`] has put into quotation marks, without them; and anything else as it is. What was
/// escaped has to be read back before.
#[must_use]
pub fn unquoted(shown: &str) -> &str {
    let quoted = shown.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.filter(|text| poses_as_server(text)).unwrap_or(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::escape::unescaped;

    #[test]
    fn an_imitation_is_quoted_and_read_back() {
        for text in [
            "Anton 127.0.0.1:20 has left the chat at Lamport time 9",
            "ANTON  has\tJoined the chat at  lamport TIME 2",
            "the server is stopping; connect again later",
            "- Anton hаs left thе chat at Lamport time 9",
            "[Lamport time: 9, Name: server] hi",
            "\"the server is stopping\"",
            "ｔｈｅ ｓｅｒｖｅｒ\u{3000}is stop\u{200b}ping",
        ] {
            assert!(poses_as_server(text), "{text}");
            let shown = Quoted(text).to_string();
            assert_eq!(shown, format!("\"{}\"", Escaped(text)));
            assert_eq!(unquoted(&unescaped(&shown)), text);
        }
    }

    #[test]
    fn ordinary_texts_are_left() {
        for text in ["Hello", "I have left the chat open", "\"quoted\"", "the server stopped?", ""]
        {
            assert_eq!(Quoted(text).to_string(), text);
            assert_eq!(unquoted(text), text);
        }
    }

    #[test]
    fn the_servers_name_is_known_in_any_dress() {
        for name in [
            "server",
            "SERVER",
            "Server:",
            "[server]",
            "ѕеrvеr",
            "ſerver",
            "ｓｅｒｖｅｒ",
            "*server*",
            "server 127.0.0.1:8080",
            "Server: hi",
            "Bo has left the chat at Lamport time 9",
        ] {
            assert!(is_servers_name(name), "{name}");
        }
        for name in ["servers", "server-2", "observer", "Anton", "server room", "Servér"] {
            assert!(!is_servers_name(name), "{name}");
        }
    }
}

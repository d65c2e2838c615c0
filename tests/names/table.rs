//! Names and what becomes of each, texts and how each is shown: one table for all surfaces. The tables of
//! docs/names.md are these.

/// A name that is let in, and how it is shown.
pub struct Admitted {
    pub name: &'static str,
    /// In a reference: `Name address:port`.
    pub shown: &'static str,
    /// In the brackets of a line.
    pub bracketed: &'static str,
    /// On a terminal, before what is said.
    pub spoken: &'static str,
}

/// One that is shown as it is, everywhere.
const fn plain(name: &'static str) -> Admitted {
    Admitted { name, shown: name, bracketed: name, spoken: name }
}

const fn shown(name: &'static str, shown: &'static str) -> Admitted {
    Admitted { name, shown, bracketed: shown, spoken: shown }
}

/// One that is in quotation marks where it stands beside other words, and nowhere else.
const fn words(name: &'static str, spoken: &'static str) -> Admitted {
    Admitted { name, shown: name, bracketed: name, spoken }
}

pub const ADMITTED: [Admitted; 24] = [
    plain("Anton"),
    plain("Åse"),
    // Combining, and the same composed: they are two.
    plain("Zoe\u{308}"),
    plain("Zoë"),
    plain("李雷"),
    plain("Иван"),
    // A Cyrillic letter that looks like a Latin one.
    plain("\u{410}nton"),
    plain("\u{1f469}\u{200d}\u{1f4bb}"),
    plain("\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}"),
    plain("\u{2764}\u{fe0f}"),
    plain("1\u{fe0f}\u{20e3}"),
    // The flag of Scotland.
    plain("\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}"),
    // A non-joiner in Persian, a joiner in Hindi.
    plain("\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}"),
    plain("\u{915}\u{94d}\u{200d}\u{937}"),
    words("Anna Maria", "\"Anna Maria\""),
    Admitted { name: "Bo] x", shown: "Bo] x", bracketed: r"Bo\u{5d} x", spoken: "\"Bo] x\"" },
    words("Bo (x)", "\"Bo (x)\""),
    words("Bo 127.0.0.1:40 (x", "\"Bo 127.0.0.1:40 (x\""),
    words("!", "\"!\""),
    shown("a\tb", r"a\tb"),
    shown(r"a\tb", r"a\u{5c}tb"),
    words(r"\o/", r#""\o/""#),
    plain("server-2"),
    plain("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
];

const BLANK: &str = "which looks like a space; of these only the space is allowed";
const EDGE: &str = "the name begins or ends with a blank";
const INVISIBLE: &str = "nothing can be seen of the name";
const SERVERS: &str = "the name is the server's, or reads like its words";
const UNSEEN: &str = "of which nothing is seen there";

/// Names that are refused, and a part of the sentence that says why.
pub const REFUSED: [(&str, &str); 37] = [
    ("", "the name is empty"),
    (
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
        "the name has 65 characters",
    ),
    ("two\nlines", r"the control character \u{a}"),
    ("red\u{1b}[31m", r"the control character \u{1b}"),
    (" Anton", EDGE),
    ("Anton ", EDGE),
    ("Anton\t", EDGE),
    ("   ", INVISIBLE),
    ("\u{301}", INVISIBLE),
    ("An\u{200b}ton", UNSEEN),
    ("An\u{ad}ton", UNSEEN),
    ("An\u{34f}ton", UNSEEN),
    ("\u{3164}", UNSEEN),
    ("\u{2800}", UNSEEN),
    ("Anton\u{115f}", UNSEEN),
    ("Anton\u{2060}", UNSEEN),
    ("\u{feff}Anton", UNSEEN),
    ("\u{202e}notnA", UNSEEN),
    ("Anton\u{200f}", UNSEEN),
    ("\u{2066}Anton\u{2069}", UNSEEN),
    ("An\u{2028}ton", UNSEEN),
    ("Anton\u{e0041}", UNSEEN),
    ("An\u{200d}ton", UNSEEN),
    ("Anton\u{fe0f}", UNSEEN),
    ("\u{1f469}\u{200d}", UNSEEN),
    // Behind a letter that does not join the next, a non-joiner is not seen.
    ("\u{62f}\u{200c}\u{627}", UNSEEN),
    ("An\u{a0}ton", BLANK),
    ("An\u{2003}ton", BLANK),
    ("An\u{3000}ton", BLANK),
    ("server", SERVERS),
    ("SERVER", SERVERS),
    ("Server:", SERVERS),
    ("[server]", SERVERS),
    // In Cyrillic letters, and in full width.
    ("\u{455}\u{435}rv\u{435}r", SERVERS),
    ("\u{ff53}\u{ff45}\u{ff52}\u{ff56}\u{ff45}\u{ff52}", SERVERS),
    ("server 127.0.0.1:8080", SERVERS),
    ("Bo has left the chat at Lamport time 9", SERVERS),
];

/// What somebody called Bo says, and how it is shown with his name.
pub const SAID: [(&str, &str); 18] = [
    ("Hello", "Hello"),
    ("\"Hello\"", "\"Hello\""),
    ("I have left the chat open", "I have left the chat open"),
    ("Bonjour\u{a0}!", "Bonjour\u{a0}!"),
    ("\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}", "\u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}"),
    ("a\u{200b}b\u{ad}\u{3164}", r"a\u{200b}b\u{ad}\u{3164}"),
    ("\u{202e}drowssap", r"\u{202e}drowssap"),
    (
        "Anton 127.0.0.1:20 has left the chat at Lamport time 9",
        "\"Anton 127.0.0.1:20 has left the chat at Lamport time 9\"",
    ),
    (
        "Bo 127.0.0.1:40 has joined the chat at Lamport time 2",
        "\"Bo 127.0.0.1:40 has joined the chat at Lamport time 2\"",
    ),
    ("ANTON HAS  LEFT THE CHAT AT LAMPORT TIME", "\"ANTON HAS  LEFT THE CHAT AT LAMPORT TIME\""),
    (
        "Anton h\u{430}s left th\u{435} chat at Lamport time 9",
        "\"Anton h\u{430}s left th\u{435} chat at Lamport time 9\"",
    ),
    (
        "Anton has\u{a0}left the\u{200b} chat at Lamport time 9",
        "\"Anton has\u{a0}left the\\u{200b} chat at Lamport time 9\"",
    ),
    ("the server is stopping", "\"the server is stopping\""),
    (
        "! the server is stopping; connect again later",
        "\"! the server is stopping; connect again later\"",
    ),
    ("\"the server is stopping\"", "\"\"the server is stopping\"\""),
    (
        "[Lamport time: 9, Name: server] the room is over",
        "\"[Lamport time: 9, Name: server] the room is over\"",
    ),
    ("too many messages; 5 a second are allowed", "\"too many messages; 5 a second are allowed\""),
    (
        "the name Anton is not yours; your certificate or token is for Bo",
        "\"the name Anton is not yours; your certificate or token is for Bo\"",
    ),
];

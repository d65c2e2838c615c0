//! How a terminal shows what happens: the Lamport time in front, names in a colour of their own, and
//! what nobody said set apart from what somebody did.
//!
//! Whatever strangers wrote is escaped here, before any colour is put around it. What they say stands
//! behind their name and begins with no sign; what nobody said begins with one, or stands back. A name
//! that could be read otherwise is in quotation marks, and so are words that pose as the server's.

use super::{Update, retry::Pause};
use crate::causality::{Event, Kind, Subject};
use crate::chat::{
    escape::{Escaped, EscapedName},
    imitation::{Quoted, is_servers_name, poses_as_server},
    unseen::is_picture,
};
use crate::wire::participant::Delivered;
use anstyle::{AnsiColor, Style};
use std::fmt;

/// Colours that are read on dark and on light ground.
const NAMES: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightGreen,
    AnsiColor::BrightRed,
    AnsiColor::BrightMagenta,
];

/// What is shown of oneself, and so of nobody else.
const ASKED: [&str; 3] = ["connected to the server", "asked to join", "asked to leave"];

/// The most names that are listed of those who are here.
const MOST_NAMES: usize = 8;

/// Turns updates into lines for a person.
#[derive(Clone, Debug)]
pub struct Painter {
    own_name: String,
    has_colour: bool,
}

impl Painter {
    /// A painter for the participant of this name.
    #[must_use]
    pub fn new(own_name: &str, has_colour: bool) -> Self {
        Self { own_name: own_name.to_owned(), has_colour }
    }

    /// The line of an update, if it has one.
    #[must_use]
    pub fn line(&self, update: &Update) -> Option<String> {
        let aside =
            |style, text: &dyn fmt::Display| Some(format!("{:6} {}", "", self.paint(style, text)));
        match update {
            Update::Reached => None,
            Update::Happened(event, delivered) => self.event(event, delivered.as_ref()),
            Update::Joined { is_back: true } => {
                aside(colour(AnsiColor::Green), &"back in the room")
            }
            Update::Joined { is_back: false } => aside(
                dim(),
                &"type and press Enter; exit leaves. The numbers are your Lamport times",
            ),
            Update::Away { why, retry_in } => aside(
                colour(AnsiColor::Yellow),
                &format_args!("away: {why}; trying again in {}", Pause(*retry_in)),
            ),
            Update::Unsaid(text) => aside(
                colour(AnsiColor::Yellow),
                &format_args!(
                    "not sent, too many messages wait for the server: {}",
                    Escaped(text.as_str())
                ),
            ),
        }
    }

    fn event(&self, event: &Event, delivered: Option<&Delivered>) -> Option<String> {
        let name = delivered.map_or(&*self.own_name, |delivered| &*delivered.name);
        let said = match (event.kind, delivered) {
            (Kind::Received(_), Some(delivered)) => &*delivered.text,
            _ => event.detail.as_deref().unwrap_or_default(),
        };
        let (words, said) = (said, Escaped(said));
        let what = match event.kind {
            Kind::Opened => self.paint(dim(), &"connected to the server"),
            Kind::Sent(Subject::Connect) => self.paint(dim(), &"asked to join"),
            Kind::Sent(Subject::Publish) | Kind::Received(Subject::Publish) => {
                format!("{} {}", self.name(name), spoken(name, words))
            }
            Kind::Sent(Subject::Disconnect) => self.paint(dim(), &"asked to leave"),
            Kind::Received(Subject::Join) => {
                let present = delivered.map_or(&[][..], |delivered| &delivered.present);
                let here = self.here(present);
                self.paint(colour(AnsiColor::Green), &format_args!("+ {said}{here}"))
            }
            Kind::Received(Subject::Leave) => {
                self.paint(colour(AnsiColor::Red), &format_args!("- {said}"))
            }
            Kind::Received(Subject::Ack) => self.paint(dim(), &"left"),
            Kind::Received(_) => self.paint(colour(AnsiColor::Yellow), &format_args!("! {said}")),
            Kind::Sent(_) | Kind::Lost => return None,
        };
        let time = event.time.to_string();
        Some(format!("{} {what}", self.paint(dim(), &format_args!("{time:>6}"))))
    }

    /// Who is here besides oneself, for one's own join.
    fn here(&self, present: &[String]) -> String {
        // The newcomer is the last of the list.
        let Some((_, others)) = present.split_last().filter(|(_, others)| !others.is_empty())
        else {
            return String::new();
        };
        let shown: Vec<_> = others.iter().take(MOST_NAMES).map(|name| name_alone(name)).collect();
        let more = match others.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("; here are {}{more}", shown.join(", "))
    }

    /// A name in its colour, which depends on nothing but the name.
    fn name(&self, name: &str) -> String {
        // FNV-1a: the same name has the same colour in every process.
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let place = hash as usize % NAMES.len();
        self.paint(colour(NAMES[place]).bold(), &name_alone(name))
    }

    /// A text in a style, or as it is where there are no colours.
    #[must_use]
    pub fn paint(&self, style: Style, text: &dyn fmt::Display) -> String {
        if self.has_colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}

/// A name as it stands beside other words: in quotation marks if it is more than one word, or does not
/// begin like a name.
fn name_alone(name: &str) -> String {
    let begins_well = name.starts_with(|c: char| c.is_alphanumeric() || is_picture(c));
    let is_one_word = !name.contains([' ', ',', '"']);
    let shown = EscapedName(name);
    if begins_well && is_one_word && !is_servers_name(name) {
        shown.to_string()
    } else {
        format!("\"{shown}\"")
    }
}

/// What somebody says: in quotation marks if it poses as something else, be it together with the name.
fn spoken(name: &str, words: &str) -> String {
    let line = format!("{name} {words}");
    if poses_as_server(&line) || ASKED.contains(&&*line.trim_end().to_lowercase()) {
        format!("\"{}\"", Escaped(words))
    } else {
        Quoted(words).to_string()
    }
}

/// What stands back.
#[must_use]
pub fn dim() -> Style {
    Style::new().dimmed()
}

fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{LamportTime, Participant, Text};
    use crate::client::Process;
    use crate::wire::participant::{DeliveredKind, Outgoing};

    fn heard(kind: DeliveredKind, name: &str, text: &str) -> Update {
        let delivered = Delivered {
            kind,
            time: LamportTime::ZERO.after(10),
            accepted: None,
            name: name.into(),
            who: None,
            text: text.into(),
            present: Box::default(),
        };
        let event = anton().receive(&delivered).expect("an ordinary time");
        Update::Happened(event, Some(delivered))
    }

    fn anton() -> Process {
        Process::new(&Participant::new("Anton", "", 20).expect("a legal reference"))
    }

    #[test]
    fn without_colours_a_line_is_plain_and_escaped() {
        let painter = Painter::new("Anton", false);
        let line = painter.line(&heard(DeliveredKind::Publish, "Bj\x1b[31m", "a\nb"));
        assert_eq!(line.as_deref(), Some(r"    11 Bj\u{1b}[31m a\nb"));
        let line = painter.line(&heard(DeliveredKind::Join, "Oliver", "Oliver has joined"));
        assert_eq!(line.as_deref(), Some("    11 + Oliver has joined"));
        let line = painter.line(&heard(DeliveredKind::Notice, "server", "too fast"));
        assert_eq!(line.as_deref(), Some("    11 ! too fast"));
    }

    #[test]
    fn nobody_speaks_in_the_form_of_what_nobody_said() {
        let painter = Painter::new("Anton", false);
        let said = |name, text| painter.line(&heard(DeliveredKind::Publish, name, text));
        for (name, text, shown) in [
            ("Bo", "the server is stopping", "Bo \"the server is stopping\""),
            ("!", "hi", "\"!\" hi"),
            ("+ Bo 1:2", "hi", "\"+ Bo 1:2\" hi"),
            ("Anna Maria", "hi", "\"Anna Maria\" hi"),
            ("asked", "to join", "asked \"to join\""),
            ("the", "room is full", "the \"room is full\""),
            ("server", "hi", "\"server\" hi"),
            ("\u{1f980}", "hi", "\u{1f980} hi"),
        ] {
            assert_eq!(said(name, text), Some(format!("    11 {shown}")));
        }
    }

    #[test]
    fn a_newcomer_is_told_who_is_here() {
        let painter = Painter::new("Anton", false);
        let told = |names: &[&str]| {
            let Update::Happened(event, Some(mut delivered)) =
                heard(DeliveredKind::Join, "Anton", "Anton has joined")
            else {
                panic!("as it was made")
            };
            delivered.present = names.iter().map(|name| (*name).to_owned()).collect();
            painter.line(&Update::Happened(event, Some(delivered))).expect("a join has a line")
        };
        assert!(told(&[]).ends_with("+ Anton has joined"));
        assert!(told(&["Anton"]).ends_with("+ Anton has joined"));
        assert!(told(&["B\u{1b}", "C", "Anton"]).ends_with(r"joined; here are B\u{1b}, C"));
        let crowd: Vec<_> = (0..11).map(|n| format!("P{n}")).collect();
        let crowd: Vec<_> = crowd.iter().map(String::as_str).collect();
        assert!(told(&crowd).ends_with("P6, P7 and 2 more"));
    }

    #[test]
    fn own_words_are_shown_with_the_time_of_their_send() {
        let text = Text::new("Hello").expect("a legal text");
        let sent = Update::Happened(anton().send(Outgoing::Publish(text)).1, None);
        let line = Painter::new("Anton", false).line(&sent);
        assert_eq!(line.as_deref(), Some("     1 Anton Hello"));
    }

    #[test]
    fn a_name_keeps_its_colour() {
        let painter = Painter::new("Anton", true);
        assert_eq!(painter.name("Bjarke"), painter.name("Bjarke"));
        assert_ne!(painter.name("Anton"), painter.name("Bjarke"));
        assert!(painter.name("Bjarke").starts_with("\u{1b}["));
    }
}

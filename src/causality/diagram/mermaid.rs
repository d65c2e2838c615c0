//! A layout as a Mermaid sequence diagram, for documents that draw those: GitHub's among them.
//!
//! Mermaid has no slanted arrows. So a message stands where it is received, which keeps what each node
//! receives in its order, and carries both its times.

use crate::causality::{
    event::{Kind, Subject},
    fate::Fate,
    graph::Graph,
    layout::{
        End, Layout,
        labels::is_hollow,
        text::quoted,
        words::{Words, noun},
    },
};
use std::fmt::{self, Write as _};

/// The source of a sequence diagram.
#[must_use]
pub fn mermaid(graph: &Graph, layout: &Layout) -> String {
    let words = Words::of(graph);
    let mut source = "sequenceDiagram\n".to_owned();
    for (number, column) in layout.columns.iter().enumerate() {
        let name = words.full_name(column.node);
        // Writing to a string does not fail, here and below.
        let _ = writeln!(source, "    participant n{number} as {}", Inert(&name));
    }
    let mut lines = Vec::new();
    for arrow in &layout.arrows {
        let sent = graph.time(arrow.sent);
        let from = match arrow.from {
            End::Dot(dot) => layout.dots[dot].column,
            other => other.outside().unwrap_or_default(),
        };
        let (at, to, line) = match arrow.to {
            End::Dot(dot) => {
                let at = graph.time(layout.dots[dot].at);
                // What is worked out is dotted, as its dot is hollow elsewhere.
                let is_sure = ![arrow.from, arrow.to]
                    .into_iter()
                    .any(|end| matches!(end, End::Dot(dot) if is_hollow(&layout.dots[dot])));
                let head = if is_sure { "->>" } else { "-->>" };
                (at, layout.dots[dot].column, (head, format!("{sent} to {at}")))
            }
            End::Lost(column, Fate::Unknown) => (sent, column, ("--)", format!("{sent}"))),
            End::Lost(column, _) => (sent, column, ("-x", format!("{sent}, lost"))),
            End::Below(column) | End::Above(column) => (sent, column, ("-)", format!("{sent}"))),
        };
        let text = words.said(arrow.sent).filter(|_| arrow.subject == Subject::Publish);
        let who = || arrow.author.map_or(String::new(), |author| words.name(author).name);
        let what = match (text, arrow.subject) {
            (Some(text), _) => quoted(text, 60),
            (None, Subject::Join) => format!("{} joins", who()),
            (None, Subject::Leave) => format!("{} leaves", who()),
            (None, subject) => noun(subject).to_owned(),
        };
        let (head, times) = line;
        lines.push((at, format!("    n{from}{head}n{to}: {times}: {}\n", Inert(&what))));
    }
    for dot in &layout.dots {
        if matches!(graph.fact(dot.at).kind, Kind::Opened | Kind::Lost) {
            let (at, what) = (graph.time(dot.at), words.what(dot.at));
            lines.push((at, format!("    Note over n{}: {at}: {}\n", dot.column, Inert(&what))));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    source.extend(lines.into_iter().map(|(_, line)| line));
    source
}

/// A text with nothing left in it that Mermaid, or the HTML it makes, takes for anything but text: all
/// that is no letter, no digit and no space becomes a character code. So does the beginning of the word
/// `end`, which ends things.
struct Inert<'a>(&'a str);

impl fmt::Display for Inert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(c) = rest.chars().next() {
            let is_end = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("end"));
            let is_code =
                c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, ' ' | '.' | ',');
            // The last ones are what Mermaid itself writes for codes while it works.
            if is_end || is_code || matches!(c, '°' | '¶' | 'ß' | 'ﬂ') {
                write!(f, "#{};", u32::from(c))?;
            } else {
                f.write_char(c)?;
            }
            rest = &rest[c.len_utf8()..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_nothing_else() {
        assert_eq!(Inert("Anton 127.0.0.1").to_string(), "Anton 127.0.0.1");
        assert_eq!(Inert("a;b#c%%<br>:").to_string(), "a#59;b#35;c#37;#37;#60;br#62;#58;");
        assert_eq!(Inert("the End").to_string(), "the #69;nd");
        assert_eq!(Inert("ﬂ°60¶ß “é”").to_string(), "#64258;#176;60#182;#223; “é”");
    }
}

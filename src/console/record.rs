//! What a page is told, as JSON: the forms are in docs/console.md.
//!
//! Nothing is escaped here beyond what JSON asks for. A page that shows a name or a text is to show it as
//! one, which is the page's affair.

use crate::causality::{
    Evidence,
    live::{Happening, SERVER},
};
use crate::chat::{Departure, Participant};
use crate::journal::words;
use serde::{Serialize, Serializer};

/// The records of one turn.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The records, with commas between them.
    pub(super) json: String,
    pub(super) records: u64,
    /// How many of them are events.
    pub(super) events: usize,
    /// Those who were introduced, each with the record of it.
    pub(super) nodes: Vec<(u32, String)>,
    /// Those whom anything names.
    pub(super) named: Vec<u32>,
    /// Those who are gone.
    pub(super) left: Vec<u32>,
}

/// How long a delivery has waited in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nobody can tell.
    #[default]
    Unknown,
    /// It is waiting.
    Unread,
    /// At most so many milliseconds.
    Ms(u64),
}

/// What is known of an event beside what happened: of the message that it is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    /// When the server accepted the message, in microseconds since 1970.
    pub(super) wall_us: Option<u64>,
    /// The id of its trace.
    pub(super) trace: Option<&'a str>,
    pub(super) wait: Wait,
    /// True if it is not known to have happened, and will not be.
    pub(super) is_missing: bool,
}

#[derive(Serialize)]
#[serde(tag = "r", rename_all = "lowercase")]
enum Record<'a> {
    Node { id: u32, name: &'a str, address: &'a str, port: u16 },
    Left { id: u32, t: u64, how: &'static str, why: &'a str },
    Gap { missed: u64, why: &'a str },
    Event(Shown<'a>),
}

/// An event. The letters are explained in docs/console.md.
#[derive(Serialize)]
struct Shown<'a> {
    n: u32,
    t: u64,
    k: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<(u32, u64)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<u32>,
    m: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    w: Option<u64>,
    #[serde(skip_serializing_if = "is_unknown")]
    q: Wait,
    #[serde(skip_serializing_if = "Option::is_none")]
    i: Option<&'a str>,
    e: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    f: Option<u32>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_unknown(wait: &Wait) -> bool {
    *wait == Wait::Unknown
}

impl Serialize for Wait {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown | Self::Unread => serializer.serialize_none(),
            Self::Ms(ms) => serializer.serialize_u64(*ms),
        }
    }
}

impl Batch {
    /// Somebody has this number.
    pub(super) fn node(&mut self, id: u32, who: &Participant) {
        let (name, address, port) = (who.name(), who.address(), who.port());
        let start = self.add(&Record::Node { id, name, address, port });
        self.nodes.push((id, self.json[start..].to_owned()));
    }

    /// Somebody's line ends.
    pub(super) fn ended(&mut self, id: u32, time: u64, departure: &Departure) {
        let how = if *departure == Departure::Disconnected { "left" } else { "lost" };
        self.add(&Record::Left { id, t: time, how, why: &departure.to_string() });
        self.left.push(id);
        self.named.push(id);
    }

    /// So many entries of the log are missing here.
    pub(super) fn gap(&mut self, missed: u64, why: &str) {
        self.add(&Record::Gap { missed, why });
    }

    /// Something happened.
    pub(super) fn event(&mut self, it: &Happening, about: &About<'_>) {
        let (k, s) = words(it.kind);
        let evidence = match it.evidence {
            _ if about.is_missing => "unknown",
            Evidence::Recorded => "own",
            Evidence::Implied => "implied",
            Evidence::Placed => "placed",
            Evidence::Assumed => "assumed",
        };
        self.add(&Record::Event(Shown {
            n: it.node,
            t: it.time,
            k,
            s,
            c: it.cause,
            p: it.peer,
            m: it.message,
            a: it.author,
            x: it.text.as_deref(),
            w: about.wall_us,
            q: about.wait,
            i: about.trace,
            e: evidence,
            f: (it.count > 1).then_some(it.count),
        }));
        self.events += 1;
        let names = [Some(it.node), it.peer, it.author];
        self.named.extend(names.into_iter().flatten().filter(|id| *id != SERVER));
    }

    /// Adds a record, and returns where it begins.
    fn add(&mut self, record: &Record<'_>) -> usize {
        if !self.json.is_empty() {
            self.json.push(',');
        }
        let start = self.json.len();
        // Nothing here is a map with keys that are no text, so this does not fail; and what is written is
        // text.
        let mut bytes = std::mem::take(&mut self.json).into_bytes();
        let _ = serde_json::to_writer(&mut bytes, record);
        self.json = String::from_utf8(bytes).unwrap_or_default();
        self.records += 1;
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causality::{Kind, Subject};

    #[test]
    fn records_have_the_documented_form() {
        let mut batch = Batch::default();
        let who = Participant::new("\"<b>", "::1", 40).expect("legal");
        batch.node(3, &who);
        let receive = Happening {
            node: 3,
            time: 14,
            kind: Kind::Received(Subject::Publish),
            cause: Some((0, 13)),
            peer: Some(0),
            message: 12,
            author: Some(2),
            text: Some("Hej".into()),
            evidence: Evidence::Assumed,
            count: 1,
            seat: None,
        };
        batch.event(&receive, &About { wait: Wait::Unread, wall_us: Some(7), ..About::default() });
        let fan =
            Happening { kind: Kind::Sent(Subject::Publish), cause: None, count: 40, ..receive };
        batch.event(&fan, &About { is_missing: true, trace: Some("ab"), ..About::default() });
        batch.ended(3, 18, &Departure::Lost);
        batch.gap(5, "too many");
        let expected = [
            r#"{"r":"node","id":3,"name":"\"<b>","address":"::1","port":40}"#,
            r#"{"r":"event","n":3,"t":14,"k":"receive","s":"publish","c":[0,13],"p":0,"m":12,"a":2,"x":"Hej","w":7,"q":null,"e":"assumed"}"#,
            r#"{"r":"event","n":3,"t":14,"k":"send","s":"publish","p":0,"m":12,"a":2,"x":"Hej","i":"ab","e":"unknown","f":40}"#,
            r#"{"r":"left","id":3,"t":18,"how":"lost","why":"the stream ended without a disconnect message"}"#,
            r#"{"r":"gap","missed":5,"why":"too many"}"#,
        ];
        assert_eq!(batch.json, expected.join(","));
        assert_eq!((batch.records, batch.events, batch.left), (5, 2, vec![3]));
        assert_eq!(batch.nodes, [(3, expected[0].to_owned())]);
    }
}

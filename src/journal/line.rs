//! One line of a journal, as it is written and as it is read: one type for both, so that they agree.
//!
//! Every line is a JSON object whose `kind` says which of the fields it has; docs/journal.md lists them.
//! A field that says nothing is left out. Fields that are not known are passed over: within one version
//! fields may be added, and a reader of today reads the journal of tomorrow.

use crate::causality::{Kind, Subject};
use crate::chat::{Participant, TraceContext};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::SerializeSeq as _,
};
use std::{borrow::Cow, fmt};

/// The version of the form. A reader refuses what is newer.
pub const VERSION: u32 = 1;

/// A line. See the module's text, and docs/journal.md for each field.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Line<'a> {
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub program: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub run: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<bool>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub name: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub address: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub of: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub who: Vec<Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<Who>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_us: Option<u64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Cow<'a, str>>,
}

/// Somebody, as a line names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A number that a `node` line has explained.
    One(u32),
    /// All numbers from the first to the last.
    Run(u32, u32),
    /// Somebody without a number: it never came in.
    Stranger(Box<Stranger>),
}

/// The three fields of a reference.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Stranger {
    pub name: String,
    pub address: String,
    pub port: u16,
}

impl Who {
    /// Somebody who has no number.
    #[must_use]
    pub fn stranger(who: &Participant) -> Self {
        let (name, address) = (who.name().to_owned(), who.address().to_owned());
        Self::Stranger(Box::new(Stranger { name, address, port: who.port() }))
    }

    /// These numbers, in this order, in as few runs as there are.
    #[must_use]
    pub fn runs(ids: impl IntoIterator<Item = u32>) -> Vec<Self> {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for id in ids {
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(id) => *last = id,
                _ => runs.push((id, id)),
            }
        }
        let who =
            |(first, last)| if first == last { Self::One(first) } else { Self::Run(first, last) };
        runs.into_iter().map(who).collect()
    }
}

impl Serialize for Who {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(id) => serializer.serialize_u32(*id),
            Self::Run(first, last) => {
                let mut pair = serializer.serialize_seq(Some(2))?;
                pair.serialize_element(first)?;
                pair.serialize_element(last)?;
                pair.end()
            }
            Self::Stranger(who) => who.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyWho)
    }
}

struct AnyWho;

impl<'de> Visitor<'de> for AnyWho {
    type Value = Who;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, [first, last], or an object with name, address and port")
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Who, E> {
        let id = u32::try_from(id).map_err(|_| E::custom("a number of a node is below 2^32"))?;
        Ok(Who::One(id))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Who, A::Error> {
        let missing = || de::Error::invalid_length(2, &"first and last");
        let first: u32 = pair.next_element()?.ok_or_else(missing)?;
        let last: u32 = pair.next_element()?.ok_or_else(missing)?;
        if pair.next_element::<u32>()?.is_some() || last < first {
            return Err(de::Error::custom("a run is [first, last], and the last is not smaller"));
        }
        Ok(Who::Run(first, last))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Who, A::Error> {
        let fields = de::value::MapAccessDeserializer::new(map);
        Stranger::deserialize(fields).map(|who| Who::Stranger(Box::new(who)))
    }
}

impl Line<'_> {
    /// Writes the line, with the end of it.
    pub fn write(&self, into: &mut Vec<u8>) {
        // Writing to a vector does not fail, and nothing here is a map with keys that are no text.
        let _ = serde_json::to_writer(&mut *into, self);
        into.push(b'\n');
    }
}

/// The words for a kind of event: `kind` and `of`.
#[must_use]
pub fn words(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind {
        Kind::Opened => ("opened", None),
        Kind::Sent(subject) => ("send", Some(subject_word(subject))),
        Kind::Received(subject) => ("receive", Some(subject_word(subject))),
        Kind::Lost => ("lost", None),
    }
}

/// The kind of event that these words stand for.
#[must_use]
pub fn kind_of(kind: &str, of: Option<&str>) -> Option<Kind> {
    match kind {
        "opened" => Some(Kind::Opened),
        "lost" => Some(Kind::Lost),
        "send" => subject_of(of?).map(Kind::Sent),
        "receive" => subject_of(of?).map(Kind::Received),
        _ => None,
    }
}

const SUBJECTS: [(Subject, &str); 8] = [
    (Subject::Connect, "connect"),
    (Subject::Publish, "publish"),
    (Subject::Disconnect, "disconnect"),
    (Subject::Join, "join"),
    (Subject::Leave, "leave"),
    (Subject::Ack, "ack"),
    (Subject::Notice, "notice"),
    (Subject::Unfit, "unfit"),
];

fn subject_word(subject: Subject) -> &'static str {
    SUBJECTS.iter().find(|(one, _)| *one == subject).map_or("unfit", |(_, word)| word)
}

/// The subject that a word stands for.
#[must_use]
pub fn subject_of(word: &str) -> Option<Subject> {
    SUBJECTS.iter().find(|(_, one)| *one == word).map(|(subject, _)| *subject)
}

/// The id of the trace in a `traceparent`, if it has one.
#[must_use]
pub fn trace_id(trace: Option<&TraceContext>) -> Option<&str> {
    let id = trace?.parent.split('-').nth(1)?;
    (id.len() == 32).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_runs() {
        let who = Who::runs([3, 4, 5, 9, 1, 2]);
        assert_eq!(who, [Who::Run(3, 5), Who::One(9), Who::Run(1, 2)]);
        let line = Line { kind: "send".into(), who, ..Line::default() };
        let mut written = Vec::new();
        line.write(&mut written);
        let text = String::from_utf8(written).expect("JSON is text");
        assert_eq!(text, "{\"kind\":\"send\",\"who\":[[3,5],9,[1,2]]}\n");
        assert_eq!(serde_json::from_str::<Line<'_>>(&text).expect("as it was written"), line);
    }

    #[test]
    fn what_is_no_somebody_is_refused() {
        for who in ["-1", "4294967296", "[1]", "[2,1]", "[1,2,3]", "\"a\"", "{\"name\":1}"] {
            let text = format!("{{\"kind\":\"send\",\"who\":[{who}]}}");
            assert!(serde_json::from_str::<Line<'_>>(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_and_kinds_are_one_to_one() {
        for (subject, _) in SUBJECTS {
            for kind in [Kind::Sent(subject), Kind::Received(subject), Kind::Lost, Kind::Opened] {
                let (word, of) = words(kind);
                assert_eq!(kind_of(word, of), Some(kind));
            }
        }
        assert_eq!(kind_of("send", None), None);
        assert_eq!(kind_of("send", Some("nonsense")), None);
    }
}

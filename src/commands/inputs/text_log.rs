//! Log lines as a record: the original's, with its "messgae" and both its spellings of "Lamport time",
//! and ours.
//!
//! A server's log names no causes; a client's leaves out its own sends, but a terminal shows what was
//! typed, and a typed line is a send. What the order of lines gives back is worked out by
//! `causality`.

use crate::causality::{
    Fact, History, Identity, Kind, Medium, Source, Subject,
    fact::{NOBODY, Piece},
};
use crate::chat::{escape::unescaped, imitation::unquoted};
use crate::journal::read::{LineError, next_line};
use std::{collections::BTreeMap, io::BufRead};

const MAX_TEXT: usize = 128;

/// Reads a log into a history.
///
/// # Errors
/// With the first line that is wrong, or if no line is one of a server or a client.
pub(super) fn read(
    history: &mut History,
    file: u32,
    mut input: impl BufRead,
) -> Result<(), LineError> {
    let mut log = Log { file, ..Log::default() };
    let mut bytes = Vec::new();
    for number in 1.. {
        let more = next_line(&mut input, &mut bytes)
            .map_err(|error| LineError::new(number, error.to_string()))?;
        if !more {
            break;
        }
        let line = String::from_utf8_lossy(&bytes);
        log.line(history, number, line.trim_end()).map_err(|why| LineError::new(number, why))?;
    }
    log.finish(history).map_err(|why| LineError::new(1, why))
}

#[derive(Default)]
struct Log {
    file: u32,
    is_server: bool,
    is_client: bool,
    facts: Vec<Fact>,
    /// Whom the latest facts that belong together are about: recipients, or who is lost.
    run: Vec<u32>,
    /// The stay that each participant has at the moment.
    present: BTreeMap<String, u32>,
    /// What the server's next sends are about: the subject, the message's id, and who.
    telling: Option<(Subject, u64, u32)>,
    /// Whose log it is, if it is a client's.
    me: Option<Identity>,
}

impl Log {
    fn line(&mut self, history: &mut History, number: u32, line: &str) -> Result<(), String> {
        let (is_stamped, rest) = match stamp(line) {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let source = Source { file: self.file, line: number };
        let Some((time, name, sentence)) = lamport(rest)? else {
            if is_stamped {
                self.is_client |= rest.starts_with("Connected to the server at port");
                self.is_server |= rest.starts_with("Started server at address");
            } else if self.is_client {
                self.typed(history, source, rest);
            }
            return Ok(());
        };
        match name {
            Some(name) => self.heard(history, source, time, (&unescaped(name), sentence)),
            None => self.said(history, source, time, sentence),
        }
    }

    /// A line that was typed at a client: a send, unless it was not fit to be one.
    fn typed(&mut self, history: &mut History, source: Source, text: &str) {
        let Some(last) = self.facts.last().map(Fact::last) else { return };
        if text.is_empty() || text.chars().count() > MAX_TEXT {
            return;
        }
        let is_exit = text == "exit";
        let subject = if is_exit { Subject::Disconnect } else { Subject::Publish };
        let text = if is_exit { Piece::default() } else { history.pools.keep_text(text) };
        self.send(history, source, last + 1, subject, text);
    }

    fn send(
        &mut self,
        history: &mut History,
        source: Source,
        time: u64,
        subject: Subject,
        text: Piece,
    ) {
        let server = history.person(&Identity::Server);
        let people = history.one(server);
        self.facts.push(Fact { people, text, source, ..Fact::new(Kind::Sent(subject), time) });
    }

    /// A client's line about what it received.
    fn heard(
        &mut self,
        history: &mut History,
        source: Source,
        time: u64,
        (name, sentence): (&str, &str),
    ) -> Result<(), String> {
        self.is_client = true;
        let told = |mark: &str| {
            let (who, at) = sentence.split_once(mark)?;
            let identity = Identity::shown(who)?;
            let is_it =
                matches!(&identity, Identity::Participant { name: its, .. } if **its == *name);
            Some((identity, at.parse::<u64>().ok()?)).filter(|_| is_it)
        };
        let joined = told(" has joined the chat at Lamport time ");
        let left = told(" has left the chat at Lamport time ");
        let (subject, about, message) = match (joined, left) {
            (Some((who, at)), _) => (Subject::Join, Some(who), at),
            (None, Some((who, _))) => (Subject::Leave, Some(who), 0),
            (None, None) if name == "server" => (Subject::Notice, None, 0),
            (None, None) => {
                let (name, address) = (name.into(), "".into());
                (Subject::Publish, Some(Identity::Participant { name, address, port: 0 }), 0)
            }
        };
        if subject == Subject::Join && self.me.is_none() {
            // A newcomer is told of its own join first.
            self.me.clone_from(&about);
        }
        let text = match subject {
            Subject::Publish => history.pools.keep_text(unquoted(&unescaped(sentence))),
            _ => Piece::default(),
        };
        let about = about.map_or(NOBODY, |who| history.person(&who));
        let server = history.person(&Identity::Server);
        let people = history.one(server);
        let kind = Kind::Received(subject);
        self.facts.push(Fact { people, about, message, text, source, ..Fact::new(kind, time) });
        Ok(())
    }

    /// A line of a server, or of a client about what it did itself.
    fn said(
        &mut self,
        history: &mut History,
        source: Source,
        time: u64,
        sentence: &str,
    ) -> Result<(), String> {
        let client = |mark: &str| sentence.strip_prefix(mark);
        let ended = |mark: &str, end: &str| client(mark)?.strip_suffix(end);
        match sentence {
            "Connected to server" => {
                self.is_client = true;
                self.facts.push(Fact { source, ..Fact::new(Kind::Opened, time) });
                return Ok(());
            }
            "Sent connect message to server" => {
                self.send(history, source, time, Subject::Connect, Piece::default());
                return Ok(());
            }
            _ => self.is_server = true,
        }
        if let Some(who) = ended("Client ", " has connected") {
            let stay = history.new_stay(&identity(who)?);
            self.present.insert(who.to_owned(), stay);
            self.received(history, source, time, (Subject::Connect, stay));
            self.telling = Some((Subject::Join, time, stay));
        } else if let Some(who) = client("Received message from client: ")
            .or_else(|| client("Received messgae from client: "))
        {
            let stay = self.stay(history, who)?;
            self.received(history, source, time, (Subject::Publish, stay));
            self.telling = Some((Subject::Publish, time, stay));
        } else if let Some(who) = client("Received disconnect message from client: ") {
            let stay = self.stay(history, who)?;
            self.received(history, source, time, (Subject::Disconnect, stay));
            self.telling = Some((Subject::Leave, time, stay));
        } else if let Some(who) = ended("Client ", " disconnected") {
            let stay = self.stay(history, who)?;
            let message = self.telling.map_or(0, |(_, message, _)| message);
            let people = history.one(stay);
            let kind = Kind::Sent(Subject::Ack);
            self.facts.push(Fact { people, message, source, ..Fact::new(kind, time) });
            self.run.clear();
        } else if let Some(who) = client("Sent message to client: ") {
            let stay = self.stay(history, who)?;
            let (subject, message, about) =
                self.telling.ok_or("a message is sent before anything was received")?;
            let told = Fact { message, about, source, ..Fact::new(Kind::Sent(subject), time) };
            self.one_more(history, told, stay);
        } else if let Some((who, why)) = client("Lost client: ").and_then(|rest| self.because(rest))
        {
            let stay = self.stay(history, who)?;
            let text = history.pools.keep_text(why);
            let lost = Fact { text, message: time, source, ..Fact::new(Kind::Lost, time) };
            if why == "the server stopped" {
                self.one_more(history, lost, stay);
            } else {
                let people = history.one(stay);
                self.facts.push(Fact { people, ..lost });
                self.run.clear();
            }
            self.telling = Some((Subject::Leave, time, stay));
        } else if let Some((who, _)) =
            client("Refused message from client: ").and_then(|rest| self.because(rest))
        {
            let stay = self.stay(history, who).unwrap_or(NOBODY);
            self.received(history, source, time, (Subject::Unfit, stay));
        } else if client("Sent notice to client: ").is_some() {
            self.facts.push(Fact { source, ..Fact::new(Kind::Sent(Subject::Notice), time) });
            self.run.clear();
        } else {
            return Err("no server and no client says this".to_owned());
        }
        Ok(())
    }

    /// A participant and what stands in brackets behind it. A name may have brackets of its own, so the
    /// longest that is somebody present is who it is.
    fn because<'a>(&self, rest: &'a str) -> Option<(&'a str, &'a str)> {
        let rest = rest.strip_suffix(')')?;
        let mut cuts =
            rest.rmatch_indices(" (").map(|(at, cut)| (&rest[..at], &rest[at + cut.len()..]));
        let known = cuts.find(|(who, _)| self.present.contains_key(*who));
        known.or_else(|| rest.split_once(" ("))
    }

    fn received(
        &mut self,
        history: &mut History,
        source: Source,
        time: u64,
        (subject, stay): (Subject, u32),
    ) {
        let people = if stay == NOBODY { Piece::default() } else { history.one(stay) };
        let kind = Kind::Received(subject);
        self.facts.push(Fact { people, message: time, source, ..Fact::new(kind, time) });
        self.run.clear();
    }

    /// Adds to the fact before if that goes on like this: the sends of one message are one fact.
    fn one_more(&mut self, history: &mut History, fact: Fact, who: u32) {
        if let Some(last) = self.facts.last_mut().filter(|last| {
            let is_run = !self.run.is_empty() && last.kind == fact.kind;
            let is_one = last.message == fact.message || fact.kind == Kind::Lost;
            is_run && is_one && last.last() + 1 == fact.time
        }) {
            self.run.push(who);
            last.count += 1;
            last.people = history.pools.keep_people(self.run.iter().map(|one| (*one, *one)));
            return;
        }
        self.run = vec![who];
        let people = history.one(who);
        self.facts.push(Fact { people, ..fact });
    }

    /// The stay of a participant; one that was not seen to come is a new one.
    fn stay(&mut self, history: &mut History, who: &str) -> Result<u32, String> {
        if let Some(stay) = self.present.get(who) {
            return Ok(*stay);
        }
        let stay = history.new_stay(&identity(who)?);
        self.present.insert(who.to_owned(), stay);
        Ok(stay)
    }

    fn finish(self, history: &mut History) -> Result<(), String> {
        let is_delivery =
            |fact: &Fact| matches!(fact.kind, Kind::Sent(Subject::Join | Subject::Publish));
        let (identity, from_start, is_partial) = match (self.is_server, self.is_client) {
            (true, true) => {
                return Err("it is the log of a server and of a client at once".to_owned());
            }
            (false, false) => return Err("no line is one of a server or of a client".to_owned()),
            // The first that a server can receive is a Connect stamped 2.
            (true, false) => {
                let is_start = self.facts.first().is_some_and(|fact| fact.time <= 3);
                (Identity::Server, is_start, !self.facts.iter().any(is_delivery))
            }
            (false, true) => {
                let me = self.me.ok_or("no line says whose log it is: there is no own join")?;
                (me, self.facts.first().is_some_and(|fact| fact.time == 1), true)
            }
        };
        let run = history.files.get(self.file as usize).cloned().unwrap_or_default();
        let track = history.track(&identity, Medium::Text, &run);
        let it = &mut history.tracks[track];
        (it.facts, it.from_start, it.is_partial) = (self.facts, from_start, is_partial);
        Ok(())
    }
}

fn identity(who: &str) -> Result<Identity, String> {
    Identity::shown(who).ok_or_else(|| format!("{who:?} is not of the form Name address:port"))
}

/// What follows a wall time such as `2023/10/29 18:32:06`, if one stands first.
fn stamp(line: &str) -> Option<&str> {
    let (stamp, rest) = line.split_at_checked(19)?;
    let form = "dddd/dd/dd dd:dd:dd";
    let fits = stamp.chars().zip(form.chars()).all(|(is, should)| match should {
        'd' => is.is_ascii_digit(),
        other => is == other,
    });
    fits.then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

/// The Lamport time of a line, the name in it if there is one, and the rest.
#[allow(clippy::type_complexity)]
fn lamport(line: &str) -> Result<Option<(u64, Option<&str>, &str)>, String> {
    let start =
        line.strip_prefix("[Lamport time: ").or_else(|| line.strip_prefix("[Lamport Time: "));
    let Some(start) = start else { return Ok(None) };
    let digits = start.find(|c: char| !c.is_ascii_digit()).unwrap_or(start.len());
    let (time, rest) = start.split_at(digits);
    let time = time.parse::<u64>().ok().filter(|time| *time > 0 && *time < 1 << 63);
    let time = time.ok_or("this is no Lamport time")?;
    if let Some(sentence) = rest.strip_prefix("] ") {
        return Ok(Some((time, None, sentence)));
    }
    let named = rest.strip_prefix(", Name: ").and_then(|rest| rest.split_once("] "));
    let (name, text) = named.ok_or("after the Lamport time stands neither a name nor a bracket")?;
    Ok(Some((time, Some(name), text)))
}

//! Reading a journal back: lines in, facts of a history out.
//!
//! It is strict about what matters and lenient about what a crash does. A line that is half written is
//! passed over if it is the last of its file, or if the journal begins anew right after it; anywhere
//! else it is an error with its number. No line may be longer than [`MAX_LINE`].

use super::line::{Line, Stranger, VERSION, Who, kind_of};
use crate::causality::{
    Fact, Gap, History, Identity, Kind, Medium, Source,
    fact::{NOBODY, Piece},
};
use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read as _},
};
use thiserror::Error;

/// The longest line that is read, in bytes.
pub const MAX_LINE: u64 = 16 << 20;
/// The latest Lamport time there is on the wire.
const LAST: u64 = i64::MAX as u64;

/// Why a line cannot be read.
#[derive(Debug, Error)]
#[error("line {line}: {why}")]
pub struct LineError {
    /// Its number, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub why: String,
}

impl LineError {
    /// Something is wrong with this line.
    #[must_use]
    pub fn new(line: u32, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

/// Reads the next line into `line`, without its end. False if there is none.
///
/// # Errors
/// If it cannot be read, or is longer than [`MAX_LINE`].
pub fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = input.by_ref().take(MAX_LINE + 1).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read as u64 > MAX_LINE {
        let why = format!("it is longer than {MAX_LINE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(read > 0)
}

/// One journal that is being read.
#[derive(Debug)]
pub struct Reader<'a> {
    history: &'a mut History,
    file: u32,
    track: Option<usize>,
    run: String,
    part: u32,
    /// The number of the node whose journal it is.
    at: u32,
    /// The persons that numbers stand for.
    known: BTreeMap<u32, u32>,
    /// Who was present by the last line that said so, until the next event.
    present: Option<Vec<u32>>,
    is_gap: bool,
    /// A line that cannot be read, which is forgiven if the journal begins anew after it.
    torn: Option<LineError>,
}

impl<'a> Reader<'a> {
    /// A reader that adds to a history what stands in this file of it.
    #[must_use]
    pub fn new(history: &'a mut History, file: u32) -> Self {
        Self {
            history,
            file,
            track: None,
            run: String::new(),
            part: 0,
            at: 0,
            known: BTreeMap::new(),
            present: None,
            is_gap: false,
            torn: None,
        }
    }

    /// Reads a whole journal. The files of one run must be read in the order in which they were written.
    ///
    /// # Errors
    /// With the first line that is wrong.
    pub fn read(mut self, mut input: impl BufRead) -> Result<(), LineError> {
        let mut text = Vec::new();
        for number in 1.. {
            let more = next_line(&mut input, &mut text)
                .map_err(|error| LineError::new(number, error.to_string()))?;
            if !more {
                break;
            }
            let line: Result<Line<'_>, _> = serde_json::from_slice(&text);
            match (line, self.torn.take()) {
                (Ok(line), Some(torn)) if line.kind != "journal" => return Err(torn),
                (Ok(line), _) => {
                    self.line(number, &line).map_err(|why| LineError::new(number, why))?;
                }
                (Err(_), Some(torn)) => return Err(torn),
                (Err(error), None) => {
                    let why = format!("this is no line of a journal: {error}");
                    self.torn = Some(LineError::new(number, why));
                }
            }
        }
        match self.track {
            None => {
                Err(self.torn.unwrap_or_else(|| LineError::new(1, "it does not say whose it is")))
            }
            Some(_) => Ok(()),
        }
    }

    fn line(&mut self, number: u32, line: &Line<'_>) -> Result<(), String> {
        if line.kind != "journal" && self.run.is_empty() {
            return Err("a journal begins with a line of the kind `journal`".to_owned());
        }
        match &*line.kind {
            "journal" => self.begin(line)?,
            "node" => self.node(line)?,
            "present" => {
                let people = self.people(&line.who)?;
                self.present = Some(self.history.pools.people(people).collect());
            }
            "gap" => self.is_gap = true,
            "end" => {
                let track = self.track()?;
                self.history.tracks[track].to_end = true;
            }
            kind @ ("opened" | "send" | "receive" | "lost") => {
                let of = line.of.as_deref();
                let kind = kind_of(kind, of).ok_or_else(|| {
                    format!(
                        "a {kind} of {} is no event of version {VERSION}",
                        of.unwrap_or("nothing")
                    )
                })?;
                self.event(number, kind, line)?;
            }
            // A kind that is not known is a later program's, and adds to those that are.
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, line: &Line<'_>) -> Result<(), String> {
        match line.version {
            Some(VERSION) => {}
            Some(other) => return Err(format!("version {other} is not read here, only {VERSION}")),
            None => return Err("the version is missing".to_owned()),
        }
        let run = line.run.as_deref().filter(|run| !run.is_empty()).ok_or("the run is missing")?;
        if !self.run.is_empty() && run != self.run {
            return Err("another run begins in the middle of a file".to_owned());
        }
        run.clone_into(&mut self.run);
        self.at = line.at.ok_or("it does not say `at` which node it is written")?;
        self.part = line.part.unwrap_or_default();
        Ok(())
    }

    fn node(&mut self, line: &Line<'_>) -> Result<(), String> {
        let id = line.id.ok_or("a node has an `id`")?;
        let is_server = line.server == Some(true);
        let identity = if is_server {
            Identity::Server
        } else {
            let (name, address) = (line.name.as_deref(), line.address.as_deref());
            let missing = "a node has name, address and port, or it is the server";
            Identity::Participant {
                name: name.ok_or(missing)?.into(),
                address: address.ok_or(missing)?.into(),
                port: line.port.ok_or(missing)?,
            }
        };
        if id == self.at && self.track.is_none() {
            self.open(&identity);
        }
        // At a server each number is a stay; a participant knows who somebody is and no more.
        let person = if is_server || self.at == id || self.at != 0 {
            self.history.person(&identity)
        } else {
            self.history.stay(&self.run, id, &identity)
        };
        self.known.insert(id, person);
        Ok(())
    }

    /// Finds the track, or begins it.
    fn open(&mut self, identity: &Identity) {
        let track = self.history.track(identity, Medium::Journal, &self.run);
        let it = &mut self.history.tracks[track];
        if it.facts.is_empty() {
            it.from_start = self.part == 0;
            self.is_gap = self.part > 0;
        } else {
            self.is_gap = self.part > it.part + 1;
        }
        it.part = self.part;
        self.track = Some(track);
    }

    fn track(&self) -> Result<usize, String> {
        self.track.ok_or_else(|| format!("no `node` line has explained number {}", self.at))
    }

    fn event(&mut self, number: u32, kind: Kind, line: &Line<'_>) -> Result<(), String> {
        let track = self.track()?;
        let time = line.time.filter(|time| (1..=LAST).contains(time));
        let time = time.ok_or_else(|| format!("an event has a `time` from 1 to {LAST}"))?;
        let people = self.people(&line.who)?;
        let count = match kind {
            Kind::Sent(_) | Kind::Lost => self.history.pools.count(people).max(1),
            Kind::Opened | Kind::Received(_) => 1,
        };
        let about = match &line.about {
            Some(who) => {
                let piece = self.people(std::slice::from_ref(who))?;
                self.history.pools.person(piece, 0).unwrap_or(NOBODY)
            }
            None => NOBODY,
        };
        let text = line.text.as_deref().map(|text| self.history.pools.keep_text(text));
        let it = &mut self.history.tracks[track];
        if std::mem::take(&mut self.is_gap) {
            let before = u32::try_from(it.facts.len()).unwrap_or(u32::MAX);
            it.gaps.push(Gap { before, present: self.present.take() });
        }
        self.present = None;
        it.facts.push(Fact {
            count: u32::try_from(count).map_err(|_| "too many recipients")?,
            cause: line.cause.unwrap_or_default(),
            seen: line.seen.unwrap_or_default(),
            message: line.message.unwrap_or_default(),
            people,
            about,
            text: text.unwrap_or_default(),
            source: Source { file: self.file, line: number },
            ..Fact::new(kind, time)
        });
        Ok(())
    }

    /// People as a line names them.
    fn people(&mut self, who: &[Who]) -> Result<Piece, String> {
        let mut runs = Vec::with_capacity(who.len());
        for one in who {
            let (first, last) = match one {
                Who::One(id) => (*id, *id),
                Who::Run(first, last) => (*first, *last),
                Who::Stranger(who) => {
                    let Stranger { name, address, port } = &**who;
                    let (name, address) = (name.as_str().into(), address.as_str().into());
                    let identity = Identity::Participant { name, address, port: *port };
                    // To a server a stranger may be anybody, whatever it is called.
                    let person = if self.at == 0 {
                        self.history.new_stay(&identity)
                    } else {
                        self.history.person(&identity)
                    };
                    runs.push((person, person));
                    continue;
                }
            };
            let mut next = first;
            for (id, person) in self.known.range(first..=last) {
                if *id != next {
                    break;
                }
                next = next.saturating_add(1);
                match runs.last_mut() {
                    Some((_, end)) if *end + 1 == *person => *end = *person,
                    _ => runs.push((*person, *person)),
                }
            }
            if u64::from(next) != u64::from(last) + 1 && next != u32::MAX {
                return Err(format!("no `node` line has explained number {next}"));
            }
        }
        Ok(self.history.pools.keep_people(runs))
    }
}

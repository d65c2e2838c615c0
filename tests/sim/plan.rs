//! What a seed decides: the world, who comes, what each of them does, and what happens to them.
//!
//! A plan is complete before anything runs, so that it can be printed, and so that nothing which
//! happens during a run changes what is drawn. Only the network's delays are drawn as the run goes, by
//! the simulated network and from the same seed. How plans are drawn stands in `draw`.

/// So long a short delay lasts at most: shorter than a keep-alive's patience, so that nobody may be
/// lost by it.
pub const SHORT: u64 = 900;
/// How long a silent connection is left alone by the server, and how long its answer may take, in
/// milliseconds. As everything here in virtual time.
pub const KEEPALIVE: (u64, u64) = (2_000, 4_000);
/// Within this time after a participant has gone, the others have been told: the keep-alive, and time
/// for messages to travel.
pub const NOTICED: u64 = KEEPALIVE.0 + KEEPALIVE.1 + 2_000;
/// How many bytes a message may have.
pub const FRAME_BYTES: usize = 4_096;

/// Everything that a seed decides.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// How much virtual time passes in one step, in milliseconds.
    pub tick: u64,
    /// The least and the most that a segment is under way, in milliseconds.
    pub latency: (u64, u64),
    /// How many entries the log keeps.
    pub capacity: u64,
    /// How many entries a participant may lie behind.
    pub max_lag: u64,
    pub max_participants: usize,
    pub max_jump: u64,
    pub people: Vec<Person>,
    /// What happens to people and to the server, and when, in order.
    pub happenings: Vec<(u64, Happening)>,
    /// When the room is closed for good: long enough after the last happening for everything that
    /// was said to have arrived.
    pub end: u64,
}

/// One participant, honest or not, on a host of its own.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: String,
    pub address: String,
    pub port: i32,
    /// When it is there for the first time.
    pub arrives: u64,
    /// How many bytes may be sent to it ahead of its reading.
    pub window: u32,
    /// Whether it asks a silent server for signs of life.
    pub with_pings: bool,
    /// Whether it waits for its own join before it speaks.
    pub is_patient: bool,
    pub visits: Vec<Visit>,
}

/// One stay in the room, from dialling to the end of the stream.
#[derive(Clone, Debug)]
pub struct Visit {
    /// How long after the end of the last one, in milliseconds.
    pub pause: u64,
    pub opening: Opening,
    /// What is done, each thing so long after the one before.
    pub steps: Vec<(u64, Step)>,
}

/// What is said first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A Connect with the own reference.
    Connect,
    /// A Connect with the reference of another person of the plan.
    ConnectAs(usize),
    /// Something else.
    Offence(Offence),
    /// The request ends before a word is said.
    Nothing,
    /// These bytes, which are not HTTP/2, on a connection that is then kept for a while.
    Junk(Vec<u8>),
}

/// What somebody does who is in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Say(String),
    /// So many texts in a row, of this many characters.
    Burst(u64, u64),
    /// Stops reading for so long.
    Doze(u64),
    /// The whole process stops for so long: nothing is read from its sockets, nothing written.
    Hang(u64),
    /// Sends what ends the stream.
    Offend(Offence),
    /// Sends no more, and listens.
    HalfClose,
    /// Says goodbye, and waits for the answer.
    Disconnect,
    /// Lets go of the stream without a word.
    Vanish,
}

/// What only a broken or hostile client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offence {
    /// A Publish, to be sent first.
    Publish,
    /// A Disconnect, to be sent first.
    Disconnect,
    /// A Connect, to be sent second.
    Connect,
    UnknownType(i32),
    MissingReference,
    EmptyName,
    LongName,
    NameWithEscape,
    BadPort(i32),
    /// A Publish with the reference of another person of the plan.
    PublishAs(usize),
    /// A Disconnect with the reference of another person of the plan.
    DisconnectAs(usize),
    NegativeTime(i64),
    ClockJump,
    Oversized,
    Undecodable,
}

/// What happens to a person, by its number, or to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The process ends; its host closes its connections.
    Crash(usize),
    /// A new process is started, with another port in its reference.
    Reboot(usize),
    /// Nothing gets through, in neither direction, and what is under way is lost.
    Cut(usize),
    /// Nothing gets from the person to the server.
    CutOut(usize),
    /// Nothing gets from the server to the person.
    CutIn(usize),
    /// The end of a cut, of whatever kind. What was lost is not sent again, so a connection that
    /// lost something stays as it is: dead without a word.
    Mend(usize),
    /// Everything is held back,
    Hold(usize),
    /// and comes now, at once.
    Release(usize),
    /// From now on every segment takes so many milliseconds.
    Slow(usize, u64),
    /// The server's process ends without a word.
    Kill,
    /// The server is told to stop, and does it in good order.
    Drain,
    /// A new server is started.
    Start,
}

impl Plan {
    /// The times between which this person's segments were lost, or held for longer than a keep-alive
    /// waits; or its process was not running.
    pub fn disturbances(&self, person: usize) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for (begun, happening) in &self.happenings {
            let ends = |end: Happening| {
                let mut later = self.happenings.iter().filter(|(at, it)| at > begun && *it == end);
                later.next().map_or(u64::MAX, |(at, _)| *at)
            };
            let over = match happening {
                Happening::Cut(it) | Happening::CutOut(it) | Happening::CutIn(it)
                    if *it == person =>
                {
                    ends(Happening::Mend(person))
                }
                Happening::Hold(it) if *it == person => {
                    let over = ends(Happening::Release(person));
                    if over - begun <= SHORT {
                        continue;
                    }
                    over
                }
                Happening::Crash(it) if *it == person => ends(Happening::Reboot(person)),
                Happening::Kill => ends(Happening::Start),
                _ => continue,
            };
            found.push((*begun, over));
        }
        found
    }

    /// When the server was told to stop, the last time included.
    pub fn drains(&self) -> impl Iterator<Item = u64> {
        let drains = self.happenings.iter().filter(|(_, it)| *it == Happening::Drain);
        drains.map(|(at, _)| *at).chain([self.end])
    }
}

//! Keeps one participant in the room: dials, joins, talks, and comes back when the server was away.
//!
//! It prints nothing and decides nothing about time: the views show its [`Update`]s, and
//! [`Process`] keeps the clock. Words are kept here until a stream takes them, so what is said
//! before the join, or while the server is away, is said once we are in. A word that a stream has
//! taken is not said twice: the protocol does not confirm a Publish, and a doubled message is worse
//! than a lost one.
//!
//! Whoever holds both ends must not wait for one while the other is full: a session waits for its
//! updates to be taken.

use super::{
    Diary, Process, ServerAddress,
    address::AddressFault,
    dial::{NoDial, dial},
    retry::{self, Judgement, Pauses},
};
use crate::causality::{Event, Kind};
use crate::chat::{Participant, Text, TraceContext};
use crate::keys::Credentials;
use crate::telemetry::spans::{Spans, Step};
use crate::wire::participant::{
    self, Delivered, DeliveredKind, Deliveries, Ending, Outgoing, Stamped,
};
use std::{collections::VecDeque, future::Future, pin::pin, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::Status;

pub use super::retry::SessionError;

/// The most words that are kept for a stream to take. While there is a stream, or a first one is
/// being opened, no more commands are read beyond it; while the server is away, more is refused.
pub const MAX_PENDING: usize = 64;
/// The most messages between this session and its connection.
const MAX_OUTGOING: usize = 4;
/// How long a server may take to let us in.
const JOIN: Duration = Duration::from_secs(10);
/// How long a server may take to acknowledge a Disconnect.
const ACK: Duration = Duration::from_secs(5);
/// How long it may take to end the stream then.
const CLOSE: Duration = Duration::from_millis(250);

/// Who joins, and where.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server.
    pub server: ServerAddress,
    /// The participant.
    pub who: Participant,
    /// What the participant brings to prove who it is, and whom it trusts.
    pub credentials: Credentials,
    /// How what it sends and receives is traced: not, unless somebody says otherwise.
    pub spans: Spans,
    /// Where its events are written down: nowhere, unless somebody says otherwise.
    pub diary: Diary,
}

impl Config {
    /// A participant and the address of its server, `host:port` or `http://host:port`.
    ///
    /// # Errors
    /// If the address cannot be read.
    pub fn new(server: &str, who: Participant) -> Result<Self, AddressFault> {
        Ok(Self::at(ServerAddress::parse(server)?, who, Credentials::default()))
    }
}

impl Config {
    /// A participant, where its server is, and what it brings.
    #[must_use]
    pub fn at(server: ServerAddress, who: Participant, credentials: Credentials) -> Self {
        Self { server, who, credentials, spans: Spans::off(), diary: Diary::default() }
    }
}

/// What a session is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say this, as soon as we are in the room.
    Say(Text),
    /// Leave once everything is said. Closing the channel of commands means the same.
    Finish,
    /// Leave: politely if there is a stream, at once if there is none.
    Leave,
}

/// What a session reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// A connection to the server stands.
    Reached,
    /// Something happened at this node; on a receive, with what was received.
    Happened(Event, Option<Delivered>),
    /// We are in the room.
    Joined {
        /// True if we were away before.
        is_back: bool,
    },
    /// The server cannot be reached, or is lost.
    Away {
        /// Why. Escaped.
        why: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// This will not be said, because [`MAX_PENDING`] texts wait already.
    Unsaid(Text),
}

/// How a session ended that was not ended by an error.
#[derive(Clone, Debug)]
pub struct Farewell {
    /// The process, with its clock, for a session that goes on from here.
    pub process: Process,
    /// True if the server acknowledged that we left.
    pub was_acknowledged: bool,
    /// How many texts were kept and never sent.
    pub unsaid: usize,
    /// Why the server is away, if it is.
    pub away: Option<String>,
}

/// Keeps a participant in the room until it is told to leave.
///
/// # Errors
/// With a sentence, if waiting will not mend what went wrong.
pub async fn run(
    config: Config,
    process: Process,
    commands: mpsc::Receiver<Command>,
    updates: mpsc::Sender<Update>,
) -> Result<Farewell, SessionError> {
    let session = Session {
        config,
        process,
        commands,
        updates,
        pending: VecDeque::new(),
        will: Will::Stay,
        away: None,
        is_first_dial: true,
        with_pings: true,
        pauses: Pauses::default(),
    };
    session.run().await
}

struct Session {
    config: Config,
    process: Process,
    commands: mpsc::Receiver<Command>,
    updates: mpsc::Sender<Update>,
    pending: VecDeque<Text>,
    will: Will,
    /// Why the server is away, from the first failure to the next join.
    away: Option<String>,
    is_first_dial: bool,
    with_pings: bool,
    pauses: Pauses,
}

/// What the participant wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Will {
    Stay,
    /// To leave when all is said.
    Finish,
    Leave,
}

/// How one connection ended.
enum Outcome {
    /// We left, acknowledged or not.
    Left(bool),
    /// It is lost, or never stood.
    Lost { why: String },
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Joining,
    Present,
    /// Disconnect is sent.
    Leaving,
}

/// The state of an open stream.
struct Talk {
    stage: Stage,
    /// When we stop waiting for the server, if we wait for it.
    deadline: Option<Instant>,
    /// False once the connection takes nothing any more.
    is_writable: bool,
}

impl Session {
    async fn run(mut self) -> Result<Farewell, SessionError> {
        loop {
            let why = match self.attend().await? {
                Outcome::Left(was_acknowledged) => return Ok(self.farewell(was_acknowledged)),
                Outcome::Lost { why } => why,
            };
            self.away = Some(why.clone());
            if self.has_to_go() {
                return Ok(self.farewell(false));
            }
            let retry_in = self.pauses.draw();
            self.report(Update::Away { why, retry_in }).await;
            if self.unless_leaving(sleep(retry_in)).await.is_none() {
                return Ok(self.farewell(false));
            }
        }
    }

    fn farewell(self, was_acknowledged: bool) -> Farewell {
        Farewell {
            process: self.process,
            was_acknowledged,
            unsaid: self.pending.len(),
            away: self.away,
        }
    }

    /// One connection, from dialling to its end.
    async fn attend(&mut self) -> Result<Outcome, SessionError> {
        let Config { server, credentials, .. } = &self.config;
        let dial = dial(server.clone(), credentials.clone(), self.with_pings);
        let Some(dialled) = self.unless_leaving(dial).await else {
            return Ok(Outcome::Left(false));
        };
        let is_first_dial = std::mem::replace(&mut self.is_first_dial, false);
        let (channel, bearer) = match dialled {
            Ok(dialled) => dialled,
            Err(NoDial::Name(why)) if is_first_dial => {
                let server = self.config.server.to_string();
                return Err(SessionError::Unreachable { server, why });
            }
            Err(NoDial::Trust(why)) if is_first_dial => {
                let server = self.config.server.to_string();
                return Err(SessionError::Untrusted { server, why });
            }
            Err(NoDial::Name(why) | NoDial::Connection(why) | NoDial::Trust(why)) => {
                let why = format!("cannot reach {}: {why}", self.config.server);
                return Ok(Outcome::Lost { why });
            }
        };
        self.report(Update::Reached).await;
        let opened = self.process.open();
        self.config.diary.note(&opened, None, None, None);
        self.report(Update::Happened(opened, None)).await;

        let (outgoing, queue) = mpsc::channel(MAX_OUTGOING);
        let (connect, event) = self.stamp(Outgoing::Connect);
        // The queue is new and empty: this does not wait, and nobody is gone.
        let _ = outgoing.send(connect).await;
        self.report(Update::Happened(event, None)).await;
        let opening = participant::open(channel, bearer, self.config.who.clone(), queue);
        let opening = timeout(JOIN, opening);
        match self.while_obeying(opening).await {
            Err(_) => Ok(self.unanswered()),
            Ok(Err(status)) => self.judge(&status, Stage::Joining),
            Ok(Ok(deliveries)) => self.talk(deliveries, outgoing).await,
        }
    }

    /// Talks over an open stream until it ends.
    async fn talk(
        &mut self,
        mut deliveries: Deliveries,
        outgoing: mpsc::Sender<Stamped>,
    ) -> Result<Outcome, SessionError> {
        let mut talk = Talk {
            stage: Stage::Joining,
            deadline: Some(Instant::now() + JOIN),
            is_writable: true,
        };
        loop {
            let is_going = talk.stage == Stage::Present && self.will != Will::Stay;
            if is_going && talk.deadline.is_none() {
                talk.deadline = Some(Instant::now() + ACK);
            }
            let has_words = talk.stage == Stage::Present && !self.pending.is_empty();
            // Not biased: neither a flood of deliveries nor one of words may starve the other.
            tokio::select! {
                delivered = deliveries.next() => match delivered {
                    Ok((delivered, trace)) => {
                        if self.take_in(delivered, &trace, &mut talk).await? {
                            break;
                        }
                    }
                    Err(ending) => return self.ended(ending, talk.stage),
                },
                permit = outgoing.reserve(), if talk.is_writable && (has_words || is_going) => {
                    match permit {
                        Ok(permit) => self.send_next(permit, &mut talk).await,
                        // The stream has ended; the deliveries will say why.
                        Err(_) => talk.is_writable = false,
                    }
                }
                command = self.commands.recv(), if self.takes_commands() => {
                    self.obey(command).await;
                }
                () = until(talk.deadline) => return Ok(match talk.stage {
                    Stage::Joining => self.unanswered(),
                    Stage::Present | Stage::Leaving => Outcome::Left(false),
                }),
            }
        }
        // Lets the stream end by itself, so that the server sees no reset.
        drop(outgoing);
        let _ = timeout(CLOSE, deliveries.next()).await;
        Ok(Outcome::Left(true))
    }

    /// Sends the next word, or that we leave if there is none.
    async fn send_next(&mut self, permit: mpsc::Permit<'_, Stamped>, talk: &mut Talk) {
        let what = match self.pending.pop_front() {
            Some(text) => Outgoing::Publish(text),
            None => {
                talk.stage = Stage::Leaving;
                talk.deadline = Some(Instant::now() + ACK);
                Outgoing::Disconnect
            }
        };
        let (stamped, event) = self.stamp(what);
        permit.send(stamped);
        self.report(Update::Happened(event, None)).await;
    }

    /// Stamps a message, and traces it.
    fn stamp(&mut self, what: Outgoing) -> (Stamped, Event) {
        let (mut stamped, event) = self.process.send(what);
        if let Kind::Sent(subject) = event.kind
            && let Some(span) =
                self.config.spans.begin(Step::of_send(subject), &TraceContext::default())
        {
            stamped.trace = span.context();
            span.end(&event);
        }
        self.config.diary.note(&event, None, Some(stamped.seen), Some(&stamped.trace));
        (stamped, event)
    }

    /// Takes a delivery in. True if it acknowledges that we left.
    async fn take_in(
        &mut self,
        delivered: Delivered,
        trace: &TraceContext,
        talk: &mut Talk,
    ) -> Result<bool, SessionError> {
        let event = self.process.receive(&delivered).map_err(SessionError::Clock)?;
        if let Some(span) = self.config.spans.begin(Step::Receive, trace) {
            span.end(&event);
        }
        self.config.diary.note(&event, delivered.who.as_ref(), None, Some(trace));
        let kind = delivered.kind;
        self.report(Update::Happened(event, Some(delivered))).await;
        match kind {
            DeliveredKind::Ack => return Ok(true),
            DeliveredKind::Notice => {}
            DeliveredKind::Join | DeliveredKind::Leave | DeliveredKind::Publish => {
                if talk.stage == Stage::Joining {
                    talk.stage = Stage::Present;
                    talk.deadline = None;
                    self.pauses = Pauses::default();
                    let is_back = self.away.take().is_some();
                    self.report(Update::Joined { is_back }).await;
                }
            }
        }
        Ok(false)
    }

    /// What the end of a stream means.
    fn ended(&mut self, ending: Ending, stage: Stage) -> Result<Outcome, SessionError> {
        match ending {
            // We have said that we leave, and all else is said: how the stream ends does not matter.
            _ if stage == Stage::Leaving => Ok(Outcome::Left(false)),
            Ending::Senseless(why) => Err(SessionError::Senseless { why }),
            Ending::Closed => {
                Ok(Outcome::Lost { why: format!("{} ended the session", self.config.server) })
            }
            Ending::Status(status) => self.judge(&status, stage),
        }
    }

    fn judge(&mut self, status: &Status, stage: Stage) -> Result<Outcome, SessionError> {
        let server = &self.config.server;
        match retry::judge(status, server, self.process.has_been_present()) {
            Judgement::Final(error) => Err(error),
            Judgement::Again { why, without_pings } => {
                self.with_pings &= !without_pings;
                let why = match stage {
                    Stage::Joining => format!("cannot join at {server}: {why}"),
                    Stage::Present | Stage::Leaving => format!("lost {server}: {why}"),
                };
                Ok(Outcome::Lost { why })
            }
        }
    }

    fn unanswered(&self) -> Outcome {
        let why = format!("{} does not answer", self.config.server);
        Outcome::Lost { why }
    }

    /// Waits for something and takes commands meanwhile. Nothing comes back if the participant
    /// wants to leave and there is no reason to wait.
    async fn unless_leaving<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        let mut what = pin!(what);
        while !self.has_to_go() {
            tokio::select! {
                // What has come must not be thrown away for a command that came as well.
                biased;
                done = &mut what => return Some(done),
                command = self.commands.recv(), if self.takes_commands() => {
                    self.obey(command).await;
                }
            }
        }
        None
    }

    /// Waits for something and takes commands meanwhile.
    async fn while_obeying<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                biased;
                done = &mut what => return done,
                command = self.commands.recv(), if self.takes_commands() => {
                    self.obey(command).await;
                }
            }
        }
    }

    /// True if nothing is gained by staying without a stream.
    fn has_to_go(&self) -> bool {
        match self.will {
            Will::Stay => false,
            Will::Finish => self.away.is_some() && self.pending.is_empty(),
            Will::Leave => true,
        }
    }

    fn takes_commands(&self) -> bool {
        let has_room = self.pending.len() < MAX_PENDING;
        match self.will {
            Will::Stay => has_room || self.away.is_some(),
            Will::Finish => !self.commands.is_closed(),
            Will::Leave => false,
        }
    }

    async fn obey(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Say(text)) => {
                if self.will == Will::Stay && self.pending.len() < MAX_PENDING {
                    self.pending.push_back(text);
                } else {
                    self.report(Update::Unsaid(text)).await;
                }
            }
            Some(Command::Leave) => self.will = Will::Leave,
            Some(Command::Finish) | None => self.will = Will::Finish,
        }
    }

    /// Tells the view. A view that is gone has nothing against not being told.
    async fn report(&self, update: Update) {
        let _ = self.updates.send(update).await;
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

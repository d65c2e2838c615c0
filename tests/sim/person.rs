//! A participant on its simulated host: dials, says and does what the plan has for it, and writes down
//! what it sees.
//!
//! Its clock is the product's own `Process`, kept over visits, and lost with the process: a new process
//! has another port in its reference, as the original's clients have.

use crate::chronicle::{Ending, Pen, Said, Seen, Sent, Stream, now};
use crate::network::{Dialler, Freezer, PORT, SERVER};
use crate::plan::{Opening, Person, Plan, SHORT, Step, Visit};
use crate::speech::{call, reference, speak, traceparent};
use chittychat::{
    chat::{Participant, message::MAX_TEXT},
    client::Process,
    wire::{participant::from_pb, pb},
};
use std::{cell::Cell, rc::Rc, time::Duration};
use tokio::{
    io::AsyncWriteExt as _,
    select,
    sync::mpsc::{self, UnboundedSender},
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::{Code, Status, Streaming, transport::Channel, transport::Endpoint};
use turmoil::net::TcpStream;

/// How long a connection may take to stand.
const DIAL: Duration = Duration::from_secs(3);
/// How long it is before another is tried.
const REDIAL: Duration = Duration::from_millis(700);
/// How long it may take to be let in.
const JOIN: Duration = Duration::from_secs(8);
/// After how long a silent server is asked for a sign of life, and how long it has for it.
const PINGS: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(4));
/// How often somebody whose reference is taken tries again, who was in the room before.
const GHOSTS: usize = 8;

/// What outlives a person's process.
#[derive(Debug, Default)]
pub struct Soul {
    processes: Cell<i32>,
    visits: Cell<usize>,
}

impl Soul {
    fn next<'a>(&self, person: &'a Person) -> Option<&'a Visit> {
        let visit = person.visits.get(self.visits.get());
        self.visits.set(self.visits.get() + 1);
        visit
    }
}

/// One process of a person, from its start to its end.
pub async fn live(plan: Rc<Plan>, number: usize, pen: Pen, soul: Rc<Soul>) -> turmoil::Result {
    let person = &plan.people[number];
    let who = reference(person, soul.processes.get());
    soul.processes.set(soul.processes.get() + 1);
    let process = Process::new(&who);
    let freezer = Freezer::default();
    let mut body = Body { plan: &plan, number, person, pen, who, process, freezer };
    while let Some(visit) = soul.next(person) {
        sleep(Duration::from_millis(visit.pause)).await;
        for _ in 0..GHOSTS {
            if body.visit(visit).await != Then::Again {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
    Ok(())
}

/// What to do after a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Go,
    Again,
}

struct Body<'a> {
    plan: &'a Plan,
    number: usize,
    person: &'a Person,
    pen: Pen,
    who: Participant,
    process: Process,
    freezer: Freezer,
}

impl Body<'_> {
    async fn visit(&mut self, visit: &Visit) -> Then {
        if let Opening::Junk(bytes) = &visit.opening {
            self.knock_with(bytes).await;
            return Then::Go;
        }
        let Some(channel) = self.dial().await else { return Then::Go };
        let has_been_present = self.process.has_been_present();
        let ending = match &visit.opening {
            Opening::ConnectAs(other) => {
                // For the time of this stream it is another process.
                let who = reference(&self.plan.people[*other], 0);
                let process = Process::new(&who);
                Talk::open(self, who, process, visit, true).run(channel).await.0
            }
            _ => {
                let process = self.process.clone();
                let talk = Talk::open(self, self.who.clone(), process, visit, false);
                let (ending, process) = talk.run(channel).await;
                self.process = process;
                ending
            }
        };
        let is_ghost = matches!(ending, Ending::Status { code: Code::AlreadyExists, .. });
        if is_ghost && has_been_present { Then::Again } else { Then::Go }
    }

    /// A connection, unless nobody is to come any more.
    async fn dial(&self) -> Option<Channel> {
        let uri = format!("http://{SERVER}:{PORT}");
        let mut endpoint = Endpoint::from_shared(uri).unwrap();
        endpoint = endpoint
            .initial_stream_window_size(self.person.window)
            .initial_connection_window_size(1 << 20);
        if self.person.with_pings {
            endpoint = endpoint.http2_keep_alive_interval(PINGS.0).keep_alive_timeout(PINGS.1);
        }
        while !self.pen.is_over() {
            let dialler = Dialler(self.freezer.clone());
            if let Ok(Ok(channel)) = timeout(DIAL, endpoint.connect_with_connector(dialler)).await {
                return Some(channel);
            }
            sleep(REDIAL).await;
        }
        None
    }

    /// Writes what is not HTTP/2, and keeps the connection for a while.
    async fn knock_with(&self, bytes: &[u8]) {
        if let Ok(Ok(mut socket)) = timeout(DIAL, TcpStream::connect((SERVER, PORT))).await {
            let _ = socket.write_all(bytes).await;
            sleep(Duration::from_secs(3)).await;
        }
    }
}

/// One stream, from its opening to its end.
struct Talk<'a> {
    plan: &'a Plan,
    pen: Pen,
    freezer: Freezer,
    who: Participant,
    process: Process,
    visit: &'a Visit,
    id: usize,
    node: std::sync::Arc<str>,
    /// Nothing once no more is to be sent.
    outgoing: Option<UnboundedSender<Vec<u8>>>,
    queue: Option<mpsc::UnboundedReceiver<Vec<u8>>>,
    sent: usize,
    is_in: bool,
    /// Until when nothing is read.
    dozes: Instant,
}

impl<'a> Talk<'a> {
    fn open(
        body: &Body<'a>,
        who: Participant,
        mut process: Process,
        visit: &'a Visit,
        is_intruder: bool,
    ) -> Self {
        let pen = body.pen.clone();
        let mut opened = process.open();
        let (id, node) = {
            let mut chronicle = pen.0.borrow_mut();
            let id = chronicle.streams.len();
            let name = if is_intruder { format!("{who} (stream {id})") } else { who.to_string() };
            let node: std::sync::Arc<str> = name.into();
            let life = chronicle.lives;
            chronicle.streams.push(Stream {
                person: body.number,
                who: who.clone(),
                node: node.clone(),
                life,
                opened: now(),
                dozed_until: 0,
                hung: false,
                is_silent: visit.opening == Opening::Nothing,
            });
            (id, node)
        };
        opened.node = node.clone();
        pen.write(Seen::Opened(id, opened));
        let (outgoing, queue) = mpsc::unbounded_channel();
        let mut talk = Self {
            plan: body.plan,
            freezer: body.freezer.clone(),
            pen,
            who,
            process,
            visit,
            id,
            node,
            outgoing: Some(outgoing),
            queue: Some(queue),
            sent: 0,
            is_in: !body.person.is_patient,
            dozes: Instant::now(),
        };
        match &visit.opening {
            Opening::Offence(offence) => talk.say(Said::Offence(offence.clone())),
            Opening::Nothing => talk.outgoing = None,
            _ => talk.say(Said::Connect),
        }
        talk
    }

    async fn run(mut self, channel: Channel) -> (Ending, Process) {
        let queue = self.queue.take().expect("a stream runs once");
        let ending = match timeout(JOIN, call(channel, queue)).await {
            Err(_) => Ending::LetGo,
            Ok(Err(status)) => ending(status),
            Ok(Ok(deliveries)) => self.talk(deliveries).await,
        };
        self.pen.write(Seen::Ended(self.id, ending.clone()));
        (ending, self.process)
    }

    async fn talk(&mut self, mut deliveries: Streaming<pb::Message>) -> Ending {
        let mut steps = self.visit.steps.iter();
        let mut next = steps.next();
        let mut last = Instant::now();
        let give_up = last + JOIN;
        loop {
            let due =
                next.filter(|_| self.is_in).map(|(pause, _)| last + Duration::from_millis(*pause));
            let is_awake = Instant::now() >= self.dozes;
            select! {
                biased;
                delivered = deliveries.message(), if is_awake => match delivered {
                    Ok(Some(message)) => self.take_in(message),
                    Ok(None) => return Ending::Closed,
                    Err(status) => return ending(status),
                },
                () = sleep_until(due.unwrap_or(last)), if due.is_some() => {
                    let (_, step) = next.expect("it is due");
                    if *step == Step::Vanish {
                        return Ending::LetGo;
                    }
                    self.take(step).await;
                    last = Instant::now();
                    next = steps.next();
                }
                () = sleep_until(self.dozes), if !is_awake => {}
                () = sleep_until(give_up), if !self.is_in => return Ending::LetGo,
            }
        }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Say(text) => self.say(Said::Text(text.clone())),
            Step::Burst(texts, length) => {
                let length = usize::try_from(*length).unwrap().min(MAX_TEXT);
                (0..*texts).for_each(|_| self.say(Said::Text("w".repeat(length))));
            }
            Step::Doze(pause) => self.doze(*pause),
            Step::Hang(pause) => {
                self.doze(*pause);
                self.pen.0.borrow_mut().streams[self.id].hung |= *pause > SHORT;
                self.freezer.freeze();
                sleep(Duration::from_millis(*pause)).await;
                self.freezer.thaw();
                // Long enough for what has come meanwhile to be answered.
                sleep(Duration::from_millis(2 * self.plan.tick)).await;
            }
            Step::Offend(offence) => self.say(Said::Offence(offence.clone())),
            Step::HalfClose => self.outgoing = None,
            Step::Disconnect => self.say(Said::Disconnect),
            Step::Vanish => unreachable!("it ends the talk"),
        }
    }

    fn doze(&mut self, pause: u64) {
        self.dozes = self.dozes.max(Instant::now() + Duration::from_millis(pause));
        let stream = &mut self.pen.0.borrow_mut().streams[self.id];
        stream.dozed_until = stream.dozed_until.max(now() + pause);
    }

    fn say(&mut self, what: Said) {
        let Some(outgoing) = &self.outgoing else { return };
        let trace = traceparent(self.id, self.sent);
        let (bytes, mut event) = speak(&mut self.process, &self.who, &what, trace, self.plan);
        event.node = self.node.clone();
        let time = event.time;
        self.pen.write(Seen::Sent(self.id, Sent { what, time, event }));
        self.sent += 1;
        // If the call has ended, this goes nowhere, as it does on any broken connection.
        let _ = outgoing.send(bytes);
    }

    fn take_in(&mut self, message: pb::Message) {
        let delivered = from_pb(message.clone()).expect("the server sends what can be followed");
        let mut event =
            self.process.receive(&delivered).expect("the server's time can be witnessed");
        event.node = self.node.clone();
        self.is_in |= self.process.has_been_present();
        self.pen.write(Seen::Got(self.id, Box::new(message), event));
    }
}

fn ending(status: Status) -> Ending {
    // A broken connection has a text that tells how, which is the client library's.
    Ending::Status { code: status.code(), text: status.message().to_owned() }
}

/// Whether a text is to be passed on. Written down here once more, so that it is held against what the
/// product does.
pub fn is_fit(text: &str) -> bool {
    (1..=128).contains(&text.chars().count())
        && text.chars().all(|character| character == '\t' || !character.is_control())
}

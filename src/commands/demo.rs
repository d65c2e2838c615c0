//! `chittychat demo`: a server and three participants, over real gRPC on the loopback interface.
//!
//! It plays the second conversation of the original's report: three people join, each says something,
//! and they leave. The next step begins when everybody has received what the last one led to, so the
//! Lamport times come out the same every time. What is shown are the events themselves, the server's
//! worked out from its log and the participants' reported by their sessions; and at the end the clock
//! condition is checked over those events.

mod view;

use super::{Failure, serve::Server};
use crate::causality::{Event, Kind, Replay};
use crate::chat::{Participant, Text, invariant};
use crate::client::{self, Command, Config, Process, Update};
use crate::config::Settings;
use crate::hub::Reader;
use crate::shutdown::{HangUp, Signals};
use crate::telemetry::lines::ServerLine;
use std::{io::IsTerminal as _, net::SocketAddr, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use view::View;

/// How long a step may take before the demo counts as stuck.
const STUCK: Duration = Duration::from_secs(10);
/// How long a person gets to read a step.
const READING: Duration = Duration::from_millis(700);

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit after the conversation, instead of keeping the server for you to join
    #[arg(long)]
    once: bool,
    /// Where the server listens; if that port is taken, on a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// The three people, as the report has them: name and port.
const PEOPLE: [(&str, i32); 3] = [("Anton", 20), ("Bjarke", 40), ("Oliver", 60)];

/// The server's place in the list of nodes: behind the people.
const SERVER: usize = PEOPLE.len();

/// One step of the conversation: who does what.
const STEPS: [(usize, Deed); 9] = [
    (0, Deed::Join),
    (1, Deed::Join),
    (2, Deed::Join),
    (2, Deed::Say("Hi")),
    (1, Deed::Say("Good Morning")),
    (0, Deed::Say("Hello")),
    (0, Deed::Leave),
    (1, Deed::Leave),
    (2, Deed::Leave),
];

#[derive(Clone, Copy)]
enum Deed {
    Join,
    Say(&'static str),
    Leave,
}

/// Plays the conversation and, unless it is asked to stop there, keeps serving.
///
/// # Errors
/// If no port can be bound, the conversation gets stuck, or the clock condition does not hold.
pub async fn run(args: Args) -> Result<(), Failure> {
    let mut signals = Signals::listen(HangUp::Stops).map_err(Failure::signals)?;
    let (settings, server) = start(args.listen).await?;
    let view = View::new();
    view.title(&format!("A server and three participants, over gRPC on {}", server.address))?;

    let mut play = Play::new(&server, view)?;
    let held = tokio::select! {
        held = play.conversation() => held?,
        signal = signals.next() => return Err(Failure::Failed(format!("stopped by {signal}"))),
    };
    play.view.verdict(&held)?;
    if !args.once {
        play.view.invitation(server.address, server.http_address)?;
        tokio::select! {
            signal = signals.next() => play.view.title(&format!("Stopping on {signal}"))?,
            failed = play.show_visitors() => failed?,
        }
    }
    signals.or_exit(server.drain(settings.shutdown.deadline)).await;
    Ok(())
}

/// Starts the server where it was asked for, or else on any free port: a demo is not to fail because
/// another one is running.
async fn start(listen: SocketAddr) -> Result<(Settings, Server), Failure> {
    let mut settings = Settings::default();
    let usual = settings.http.listen.port();
    // A demo that is to listen anywhere is not to take the port of one that is not.
    let http_ports = if listen.port() == 0 { [0, 0] } else { [usual, 0] };
    for http_port in http_ports {
        settings.grpc.listen = listen;
        settings.http.listen = SocketAddr::new(listen.ip(), http_port);
        if let Ok(server) = Server::start(&settings).await {
            return Ok((settings, server));
        }
    }
    settings.grpc.listen.set_port(0);
    let server = Server::start(&settings).await?;
    Ok((settings, server))
}

/// The conversation as it is played.
struct Play {
    view: View,
    people: Vec<Person>,
    happened: mpsc::Receiver<Happened>,
    /// Each node's events so far.
    events: Vec<Vec<Event>>,
}

/// An event, and what is to be shown of it.
struct Happened {
    /// The place in the list of nodes: the people, and the server last.
    node: usize,
    event: Event,
    sentence: String,
}

/// One of the three.
struct Person {
    config: Config,
    is_present: bool,
    commands: mpsc::Sender<Command>,
    /// The session's ends of the channels, until it is started.
    session: Option<(mpsc::Receiver<Command>, mpsc::Sender<Update>)>,
}

impl Play {
    fn new(server: &Server, view: View) -> Result<Self, Failure> {
        let (to_play, happened) = mpsc::channel(1024);
        let address = server.address.to_string();
        let mut people = Vec::new();
        for (place, (name, port)) in PEOPLE.into_iter().enumerate() {
            let who = Participant::new(name, "127.0.0.1", port)
                .map_err(|fault| Failure::Failed(fault.to_string()))?;
            let config =
                Config::new(&address, who).map_err(|fault| Failure::Failed(fault.to_string()))?;
            let (commands, to_session) = mpsc::channel(16);
            let (from_session, updates) = mpsc::channel(1024);
            tokio::spawn(relay(place, updates, to_play.clone()));
            let session = Some((to_session, from_session));
            people.push(Person { config, is_present: false, commands, session });
        }
        // From here on, and not from whenever the task is first run: Anton may be in by then.
        let (reader, present) = server.hub.read_on();
        tokio::spawn(watch_server(reader, Replay::resume(present, true), to_play));
        let events = vec![Vec::new(); PEOPLE.len() + 1];
        Ok(Self { view, people, happened, events })
    }

    /// Plays all steps. Returns over how many events of how many nodes the clock condition held.
    async fn conversation(&mut self) -> Result<Held, Failure> {
        let is_watched = std::io::stdout().is_terminal();
        for (who, deed) in STEPS {
            let step = timeout(STUCK, self.step(who, deed)).await;
            let mut events = step.map_err(|_| stuck(who, deed))??;
            // Within a step this is an order in which everything follows its causes.
            events.sort_by_key(|happened| (happened.event.time, happened.node));
            for happened in &events {
                self.view.event(happened)?;
            }
            if is_watched {
                tokio::time::sleep(READING).await;
            }
        }
        let all: Vec<_> =
            self.events.iter().flatten().map(|event| self.occurrence(event)).collect();
        let events = invariant::clock_condition(&all)
            .map_err(|violation| Failure::Failed(violation.to_string()))?;
        Ok(Held { events, nodes: self.events.len() })
    }

    /// The event for the checker. What a visitor sent who came in meanwhile was not recorded, so
    /// it cannot stand for a cause.
    fn occurrence(&self, event: &Event) -> invariant::Event {
        let mut occurrence = event.occurrence();
        let recorded: Vec<_> = self.events.iter().filter_map(|events| events.first()).collect();
        occurrence.cause.take_if(|(node, _)| recorded.iter().all(|first| first.node != *node));
        occurrence
    }

    /// Lets somebody do something, and collects what happens until everybody has received it.
    async fn step(&mut self, who: usize, deed: Deed) -> Result<Vec<Happened>, Failure> {
        let mut awaited = self.people_present();
        match deed {
            Deed::Join => {
                self.start(who);
                awaited.push(who);
            }
            Deed::Say(text) => {
                let text = Text::new(text).map_err(|fault| Failure::Failed(fault.to_string()))?;
                self.tell(who, Command::Say(text)).await?;
                awaited.retain(|place| *place != who);
            }
            Deed::Leave => {
                self.people[who].is_present = false;
                self.tell(who, Command::Leave).await?;
            }
        }
        // The server has one send for each receive of a participant, and all of them are awaited.
        let mut unseen_sends = awaited.len();
        // And the deed itself, which its own node may report after everybody else has.
        let mut is_done = false;
        let mut events = Vec::new();
        while !is_done || unseen_sends > 0 || !awaited.is_empty() {
            let happened = self.happened.recv().await.ok_or_else(|| stuck(who, deed))?;
            let node = happened.node;
            match happened.event.kind {
                Kind::Received(_) if node != SERVER => awaited.retain(|place| *place != node),
                Kind::Sent(_) if node == who => is_done = true,
                Kind::Sent(_) if node == SERVER => unseen_sends = unseen_sends.saturating_sub(1),
                _ => {}
            }
            self.events[node].push(happened.event.clone());
            events.push(happened);
        }
        Ok(events)
    }

    fn people_present(&self) -> Vec<usize> {
        (0..self.people.len()).filter(|place| self.people[*place].is_present).collect()
    }

    fn start(&mut self, who: usize) {
        let person = &mut self.people[who];
        if let Some((commands, updates)) = person.session.take() {
            let config = person.config.clone();
            let process = Process::new(&config.who);
            person.is_present = true;
            tokio::spawn(client::run(config, process, commands, updates));
        }
    }

    async fn tell(&self, who: usize, command: Command) -> Result<(), Failure> {
        let told = self.people[who].commands.send(command).await;
        told.map_err(|_| Failure::Failed(format!("{} is not in the room any more", PEOPLE[who].0)))
    }

    /// Shows what happens at the server, for as long as there is a server.
    async fn show_visitors(&mut self) -> Result<(), Failure> {
        while let Some(happened) = self.happened.recv().await {
            self.view.event(&happened)?;
        }
        Ok(())
    }
}

/// What the clock condition held over.
struct Held {
    events: usize,
    nodes: usize,
}

fn stuck(who: usize, deed: Deed) -> Failure {
    let deed = match deed {
        Deed::Join => "joined",
        Deed::Say(_) => "spoke",
        Deed::Leave => "left",
    };
    Failure::Failed(format!("the conversation got stuck after {} {deed}", PEOPLE[who].0))
}

/// Passes on the events of one participant.
async fn relay(node: usize, mut updates: mpsc::Receiver<Update>, to_play: mpsc::Sender<Happened>) {
    while let Some(update) = updates.recv().await {
        if let Update::Happened(event, delivered) = update {
            let sentence = view::participant_line(&event, delivered.as_ref());
            if to_play.send(Happened { node, event, sentence }).await.is_err() {
                return;
            }
        }
    }
}

/// Passes on the events of the server, worked out from its log.
async fn watch_server(mut reader: Reader, mut replay: Replay, to_play: mpsc::Sender<Happened>) {
    while let Some(Ok(entry)) = reader.next().await {
        let mut events = Vec::new();
        replay.read(&entry.entry, &mut |event| events.push(event));
        for event in events {
            let sentence = ServerLine(&event).to_string();
            if to_play.send(Happened { node: SERVER, event, sentence }).await.is_err() {
                return;
            }
        }
    }
}

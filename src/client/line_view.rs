//! The plain view: the original client's lines on standard output, words from standard input or
//! from a script.
//!
//! Waiting for a pipe is left to threads of their own, one that reads and one that writes: the
//! session goes on while nobody feeds the one or empties the other, and a reader that never gets
//! another byte does not keep the process alive.

use super::{
    Command, Config, Farewell, Leave, Process, SessionError, Update,
    input::{self, Request},
    retry::Pause,
    script::{Script, Step},
    session,
};
use crate::causality::{Kind, Subject};
use crate::chat::{
    escape::{Bracketed, Escaped},
    imitation::{Quoted, is_servers_name},
};
use crate::telemetry::stamp;
use crate::wire::participant::Delivered;
use std::{
    convert::Infallible,
    io::{self, Write},
    pin::pin,
    thread,
};
use tokio::{
    sync::{mpsc, watch},
    task,
    time::sleep,
};

/// The most commands that wait for the session. A pipe that is faster waits itself.
pub const MAX_COMMANDS: usize = 16;
/// The most updates that wait for the view.
pub const MAX_UPDATES: usize = 256;

/// Where the words come from.
#[derive(Debug)]
pub enum Source {
    /// Standard input, one message a line.
    Stdin {
        /// True if somebody sits there, who is told once what to do.
        with_prompt: bool,
    },
    /// A script.
    Script(Script),
}

/// Runs a participant until it has left.
///
/// # Errors
/// As [`session::run`].
pub async fn run(config: Config, source: Source, leave: Leave) -> Result<Farewell, SessionError> {
    let (updates, shown) = mpsc::channel(MAX_UPDATES);
    let present = watch::Sender::new(false);
    let lines = Lines {
        port: config.server.port(),
        with_prompt: matches!(source, Source::Stdin { with_prompt: true }),
    };
    let printer = task::spawn_blocking({
        let (present, leave) = (present.clone(), leave.clone());
        move || print(lines, shown, &present, &leave)
    });
    let result = match source {
        Source::Script(script) => play(config, &script, updates, &present, &leave).await,
        Source::Stdin { .. } => {
            let (commands, taken) = mpsc::channel(MAX_COMMANDS);
            let words = commands.clone();
            thread::spawn(move || feed(&mut io::stdin().lock(), &mut io::stderr(), &words));
            let process = Process::new(&config.who);
            attend(config, process, (commands, taken), updates, &leave).await
        }
    };
    // Everything that was reported is shown before the end. A panic of the printer has been
    // reported already.
    let _ = printer.await;
    result
}

/// Runs one session, and passes on the wish to leave.
pub(super) async fn attend(
    config: Config,
    process: Process,
    (commands, taken): (mpsc::Sender<Command>, mpsc::Receiver<Command>),
    updates: mpsc::Sender<Update>,
    leave: &Leave,
) -> Result<Farewell, SessionError> {
    let leaving = async {
        leave.asked().await;
        // If this fails, the session is over already.
        let _ = commands.send(Command::Leave).await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        farewell = session::run(config, process, taken, updates) => farewell,
        never = leaving => match never {},
    }
}

/// Plays a script, round by round.
async fn play(
    config: Config,
    script: &Script,
    updates: mpsc::Sender<Update>,
    present: &watch::Sender<bool>,
    leave: &Leave,
) -> Result<Farewell, SessionError> {
    let mut process = Process::new(&config.who);
    loop {
        let (commands, taken) = mpsc::channel(MAX_COMMANDS);
        let words = commands.clone();
        let channel = (commands, taken);
        let mut session = pin!(attend(config.clone(), process, channel, updates.clone(), leave));
        let farewell = tokio::select! {
            farewell = &mut session => farewell?,
            () = perform(script, &words, present.subscribe()) => session.await?,
        };
        present.send_replace(false);
        if !script.repeats || leave.is_asked() {
            return Ok(farewell);
        }
        tokio::select! {
            () = sleep(script.pause) => {}
            () = leave.asked() => return Ok(farewell),
        }
        process = farewell.process;
    }
}

/// Plays one visit.
async fn perform(
    script: &Script,
    words: &mpsc::Sender<Command>,
    mut present: watch::Receiver<bool>,
) {
    loop {
        for step in &script.visit {
            // Nobody is to hear the script's words in a heap when the server comes back.
            if present.wait_for(|&is_present| is_present).await.is_err() {
                return;
            }
            match step {
                Step::Wait(time) => sleep(*time).await,
                // If this fails, the session is over, and its end is what is waited for.
                Step::Say(text) => drop(words.send(Command::Say(text.clone())).await),
            }
        }
        if script.leaves || !script.repeats {
            break;
        }
    }
    let _ = words.send(Command::Finish).await;
}

/// Gives the lines of `input` to the session, until either ends.
fn feed(input: &mut impl io::BufRead, complaints: &mut impl Write, words: &mpsc::Sender<Command>) {
    loop {
        let command = match input::next_request(input) {
            Ok(Some(Ok(Request::Say(text)))) => Command::Say(text),
            Ok(Some(Ok(Request::Nothing))) => continue,
            Ok(Some(Err(unfit))) => {
                // Whoever closed standard error does not want to know.
                let _ = writeln!(complaints, "not sent: {unfit}");
                continue;
            }
            Ok(Some(Ok(Request::Exit)) | None) => Command::Finish,
            Err(error) => {
                let _ = writeln!(complaints, "standard input cannot be read: {error}");
                Command::Finish
            }
        };
        let is_last = command == Command::Finish;
        if words.blocking_send(command).is_err() || is_last {
            return;
        }
    }
}

/// Shows updates until there are no more, or nobody reads them.
fn print(
    mut lines: Lines,
    mut shown: mpsc::Receiver<Update>,
    present: &watch::Sender<bool>,
    leave: &Leave,
) {
    while let Some(update) = shown.blocking_recv() {
        match update {
            Update::Joined { .. } => drop(present.send_replace(true)),
            Update::Away { .. } => drop(present.send_replace(false)),
            Update::Unsaid(_) => {
                let _ = writeln!(io::stderr(), "not sent: too many messages wait for the server");
            }
            _ => {}
        }
        let mut out = io::stdout().lock();
        for line in lines.of(&update) {
            if writeln!(out, "{} {line}", stamp()).and_then(|()| out.flush()).is_err() {
                // Nobody reads what we write, so nobody is there.
                leave.ask();
                return;
            }
        }
    }
}

/// The original's lines, without the wall time that stands before each.
#[derive(Debug)]
struct Lines {
    port: u16,
    /// True until the prompt has been shown.
    with_prompt: bool,
}

impl Lines {
    /// The lines of one update: none, one, or one and the prompt.
    fn of(&mut self, update: &Update) -> Vec<String> {
        match update {
            Update::Reached => vec![format!("Connected to the server at port {}", self.port)],
            Update::Happened(event, delivered) => {
                let time = event.time;
                match (event.kind, delivered) {
                    (Kind::Opened, _) => {
                        vec![format!("[Lamport time: {time}] Connected to server")]
                    }
                    (Kind::Sent(Subject::Connect), _) => {
                        let sent = format!("[Lamport time: {time}] Sent connect message to server");
                        let prompt = std::mem::take(&mut self.with_prompt).then(|| {
                            "Enter the content of the message ('exit' to quit):".to_owned()
                        });
                        std::iter::once(sent).chain(prompt).collect()
                    }
                    (Kind::Received(Subject::Ack), _) | (_, None) => vec![],
                    (Kind::Received(Subject::Publish), Some(Delivered { name, text, .. })) => {
                        let name = Bracketed(name);
                        let (name, text) = (said_by(&name.to_string()), Quoted(text));
                        vec![format!("[Lamport time: {time}, Name: {name}] {text}")]
                    }
                    (_, Some(Delivered { name, text, .. })) => {
                        let (name, text) = (Bracketed(name), Escaped(text));
                        vec![format!("[Lamport time: {time}, Name: {name}] {text}")]
                    }
                }
            }
            Update::Joined { is_back: true } => vec!["Back in the room".to_owned()],
            Update::Joined { is_back: false } | Update::Unsaid(_) => vec![],
            Update::Away { why, retry_in } => {
                vec![format!("Away: {why}; trying again in {}", Pause(*retry_in))]
            }
        }
    }
}

/// A name that somebody speaks under. Our server lets nobody in under its own; if another does, that is
/// marked, since a notice has the server's.
fn said_by(name: &str) -> String {
    if is_servers_name(name) { format!("\"{name}\"") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{LamportTime, Participant};
    use crate::wire::participant::{DeliveredKind, Outgoing};
    use std::time::Duration;

    fn said(process: &mut Process, kind: DeliveredKind, time: u64, text: &str) -> Update {
        let delivered = Delivered {
            kind,
            time: LamportTime::ZERO.after(time),
            accepted: None,
            name: "Bja\x1brke".into(),
            who: None,
            text: text.into(),
            present: Box::default(),
        };
        let event = process.receive(&delivered).expect("an ordinary time");
        Update::Happened(event, Some(delivered))
    }

    fn delivered_name(update: &mut Update, name: &str) {
        let Update::Happened(_, Some(delivered)) = update else { panic!("as it was made") };
        delivered.name = name.into();
    }

    #[test]
    fn the_lines_are_the_originals() {
        let mut lines = Lines { port: 8080, with_prompt: true };
        let mut process = Process::new(&Participant::new("Anton", "", 20).expect("legal"));
        let opened = Update::Happened(process.open(), None);
        let connect = Update::Happened(process.send(Outgoing::Connect).1, None);
        assert_eq!(lines.of(&Update::Reached), ["Connected to the server at port 8080"]);
        assert_eq!(lines.of(&opened), ["[Lamport time: 1] Connected to server"]);
        let prompted = [
            "[Lamport time: 2] Sent connect message to server",
            "Enter the content of the message ('exit' to quit):",
        ];
        assert_eq!(lines.of(&connect), prompted);
        assert_eq!(lines.of(&connect).len(), 1, "the prompt is shown once");

        let hi = said(&mut process, DeliveredKind::Publish, 7, "Hi\nthere");
        assert_eq!(lines.of(&hi), [r"[Lamport time: 8, Name: Bja\u{1b}rke] Hi\nthere"]);
        let own = crate::chat::Text::new("Hello").expect("a legal text");
        let own = Update::Happened(process.send(Outgoing::Publish(own)).1, None);
        assert!(lines.of(&own).is_empty(), "the original does not repeat one's own words");
        let ack = said(&mut process, DeliveredKind::Ack, 12, "");
        assert!(lines.of(&ack).is_empty());
    }

    #[test]
    fn an_imitation_is_in_quotation_marks_and_the_true_line_is_not() {
        let mut lines = Lines { port: 1, with_prompt: false };
        let mut process = Process::new(&Participant::new("Anton", "", 20).expect("legal"));
        let left = "Bjarke 127.0.0.1:20 has left the chat at Lamport time 9";
        let told = said(&mut process, DeliveredKind::Leave, 10, left);
        let name = r"Bja\u{1b}rke";
        assert_eq!(lines.of(&told), [format!("[Lamport time: 11, Name: {name}] {left}")]);
        let imitated = said(&mut process, DeliveredKind::Publish, 12, left);
        assert_eq!(lines.of(&imitated), [format!("[Lamport time: 13, Name: {name}] \"{left}\"")]);
        let mut foreign = said(&mut process, DeliveredKind::Publish, 14, "hi");
        delivered_name(&mut foreign, "Server");
        assert_eq!(lines.of(&foreign), ["[Lamport time: 15, Name: \"Server\"] hi"]);
        delivered_name(&mut foreign, "Bo] x");
        assert_eq!(lines.of(&foreign), [r"[Lamport time: 15, Name: Bo\u{5d} x] hi"]);
    }

    #[test]
    fn absence_has_lines_of_its_own() {
        let mut lines = Lines { port: 1, with_prompt: false };
        let retry_in = Duration::from_millis(640);
        let away = Update::Away { why: "lost localhost:1: reset".into(), retry_in };
        assert_eq!(lines.of(&away), ["Away: lost localhost:1: reset; trying again in 0.6 s"]);
        assert_eq!(lines.of(&Update::Joined { is_back: true }), ["Back in the room"]);
        assert!(lines.of(&Update::Joined { is_back: false }).is_empty());
    }

    #[test]
    fn a_pipe_is_fed_in_order_and_its_end_finishes() {
        let (commands, mut taken) = mpsc::channel(8);
        let mut complaints = Vec::new();
        let long = "x".repeat(129);
        let input = format!("one\n\n{long}\ntwo\nexit\nafter\n");
        feed(&mut input.as_bytes(), &mut complaints, &commands);
        let text = |text| Command::Say(crate::chat::Text::new(text).expect("a legal text"));
        let expected = [text("one"), text("two"), Command::Finish];
        assert_eq!(std::iter::from_fn(|| taken.try_recv().ok()).collect::<Vec<_>>(), expected);
        assert_eq!(
            String::from_utf8_lossy(&complaints),
            "not sent: the text has 129 characters; 1 to 128 are allowed\n"
        );
    }
}

//! How the demo looks: one line an event, one colour a node.
//!
//! The Lamport times stand in a column of their own, since they are what it is about. Colours go
//! when the output is no terminal, or `NO_COLOR` is set.

use super::{Failure, Happened, Held, PEOPLE};
use crate::causality::{Event, Kind, Subject};
use crate::chat::{
    escape::{Escaped, EscapedName},
    imitation::Quoted,
};
use crate::wire::participant::Delivered;
use anstyle::{AnsiColor, Style};
use std::{io::Write as _, net::SocketAddr};

/// The colours of the people, and of the server last.
const COLOURS: [AnsiColor; 4] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Magenta, AnsiColor::Green];
const QUIET: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// The demo's output.
pub(super) struct View;

impl View {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn title(&self, text: &str) -> Result<(), Failure> {
        self.line(&format!("{BOLD}{text}{BOLD:#}"))
    }

    /// Shows an event.
    pub(super) fn event(&self, happened: &Happened) -> Result<(), Failure> {
        let Happened { node, event, sentence } = happened;
        let colour = Style::new().fg_color(Some(COLOURS[*node].into()));
        let name = PEOPLE.get(*node).map_or("server", |(name, _)| *name);
        let time = event.time.to_string();
        self.line(&format!(
            "{colour}{name:>8}{colour:#} {QUIET}[Lamport time:{QUIET:#} {BOLD}{time:>2}{BOLD:#}\
             {QUIET}]{QUIET:#} {colour}{sentence}{colour:#}"
        ))
    }

    pub(super) fn verdict(&self, held: &Held) -> Result<(), Failure> {
        let Held { events, nodes } = held;
        self.title(&format!(
            "The clock condition held over {events} events of {nodes} nodes: whatever happened before has the smaller Lamport time."
        ))
    }

    pub(super) fn invitation(&self, address: SocketAddr, page: SocketAddr) -> Result<(), Failure> {
        self.title(&format!("The server goes on at {address}. Join in from another terminal:"))?;
        let server = match address.port() {
            8080 => String::new(),
            _ => format!(" --server {address}"),
        };
        self.line(&format!("    cargo run --release -- join --name You{server}"))?;
        self.line(&format!("Or watch it, and join, in a browser: http://{page}/"))?;
        self.title("Ctrl-C ends it.")
    }

    fn line(&self, text: &str) -> Result<(), Failure> {
        writeln!(anstream::stdout(), "{text}").map_err(Failure::output)
    }
}

/// A participant's event as a sentence. On a receive, with what was delivered.
pub(super) fn participant_line(event: &Event, delivered: Option<&Delivered>) -> String {
    let detail = Escaped(event.detail.as_deref().unwrap_or_default());
    match (event.kind, delivered) {
        (Kind::Opened, _) => "Connected to server".to_owned(),
        (Kind::Sent(Subject::Connect), _) => "Sent connect message to server".to_owned(),
        (Kind::Sent(Subject::Disconnect), _) => "Sent disconnect message to server".to_owned(),
        (Kind::Sent(_), _) => format!("Sent message to server: {detail}"),
        (Kind::Received(Subject::Ack), _) => "Received the answer: left the chat".to_owned(),
        (Kind::Received(Subject::Publish), Some(from)) => {
            format!("Received from {}: {}", EscapedName(&from.name), Quoted(&from.text))
        }
        (Kind::Received(_), Some(from)) => format!("Received: {}", Escaped(&from.text)),
        (Kind::Received(_), None) => format!("Received: {detail}"),
        (Kind::Lost, _) => "Lost the server".to_owned(),
    }
}

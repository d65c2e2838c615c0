//! The server's events as sentences, the original's where it had one.

use crate::causality::{Event, Kind, Subject};
use crate::chat::escape::Escaped;
use std::fmt;

/// The target of the lines about single deliveries. They are `debug` lines, since there is one for
/// each recipient of each message.
pub const DELIVERY: &str = "chittychat::delivery";

/// A server's event as a sentence.
#[derive(Clone, Copy, Debug)]
pub struct ServerLine<'a>(pub &'a Event);

impl fmt::Display for ServerLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event { kind, peer, detail, .. } = self.0;
        let peer = peer.as_deref().unwrap_or("somebody who is not present");
        let detail = Escaped(detail.as_deref().unwrap_or_default());
        match kind {
            Kind::Opened => f.write_str("Opened a stream"),
            Kind::Received(Subject::Connect) => write!(f, "Client {peer} has connected"),
            Kind::Received(Subject::Disconnect) => {
                write!(f, "Received disconnect message from client: {peer}")
            }
            Kind::Received(Subject::Unfit) => {
                write!(f, "Refused message from client: {peer} ({detail})")
            }
            Kind::Received(_) => write!(f, "Received message from client: {peer}"),
            Kind::Sent(Subject::Ack) => write!(f, "Client {peer} disconnected"),
            Kind::Sent(Subject::Notice) => write!(f, "Sent notice to client: {peer} ({detail})"),
            Kind::Sent(_) => write!(f, "Sent message to client: {peer}"),
            Kind::Lost => write!(f, "Lost client: {peer} ({detail})"),
        }
    }
}

/// True of the events that have a line for each recipient of a message.
#[must_use]
pub fn is_delivery(event: &Event) -> bool {
    matches!(
        event.kind,
        Kind::Sent(Subject::Join | Subject::Publish | Subject::Leave | Subject::Notice)
    )
}

/// Writes a server's event to the log. The participant that it concerns is a field as well, for
/// whoever searches the JSON form.
pub fn log(event: &Event) {
    let lamport_time = event.time.to_wire();
    let participant = event.peer.as_deref();
    let line = ServerLine(event);
    if is_delivery(event) {
        tracing::debug!(target: DELIVERY, lamport_time, participant, "{line}");
    } else if event.kind == Kind::Lost {
        tracing::warn!(lamport_time, participant, "{line}");
    } else {
        tracing::info!(lamport_time, participant, "{line}");
    }
}

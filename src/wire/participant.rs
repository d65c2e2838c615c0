//! The protocol as a participant speaks it: what it sends, and what it takes from any server.
//!
//! It takes what the original's server sends as well: fields above 100 may be absent, and nothing
//! about the text is promised. So whoever shows a [`Delivered`] to a person must escape it.

use super::{encoded::to_reference, from_pb::trace_context, pb};
use crate::chat::{LamportTime, Participant, Text, TraceContext};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

/// What a participant may send.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Let me in.
    Connect,
    /// Tell everyone else.
    Publish(Text),
    /// I am leaving.
    Disconnect,
}

/// A message of a participant with the times that it carries.
#[derive(Clone, Debug)]
pub struct Stamped {
    /// What is sent.
    pub what: Outgoing,
    /// The participant's own time of this send.
    pub time: LamportTime,
    /// The time of the last delivery that it had witnessed before.
    pub seen: LamportTime,
    /// The trace that the message belongs to.
    pub trace: TraceContext,
}

/// Opens a participant's stream: what is put into `outgoing` is sent, until its sender is dropped.
/// `bearer` is shown as the metadata `authorization`.
///
/// The Connect must be in `outgoing` before this is awaited: the original's server sends no headers
/// before it has read a first message.
///
/// # Errors
/// With the status, if the call fails before the first delivery.
pub async fn open(
    channel: Channel,
    bearer: Option<MetadataValue<Ascii>>,
    who: Participant,
    outgoing: mpsc::Receiver<Stamped>,
) -> Result<Deliveries, Status> {
    let messages = ReceiverStream::new(outgoing).map(move |stamped| to_pb(&stamped, &who));
    let mut client = pb::chitty_chat_service_client::ChittyChatServiceClient::new(channel);
    let mut request = Request::new(messages);
    if let Some(bearer) = bearer {
        request.metadata_mut().insert("authorization", bearer);
    }
    let response = client.send_message(request).await?;
    Ok(Deliveries(response.into_inner()))
}

/// What a server delivers to one participant, in its order.
#[derive(Debug)]
pub struct Deliveries(tonic::Streaming<pb::Message>);

impl Deliveries {
    /// The next delivery, and the trace that it belongs to. May be cancelled without losing one.
    ///
    /// # Errors
    /// With what ended the stream. Nothing follows then.
    pub async fn next(&mut self) -> Result<(Delivered, TraceContext), Ending> {
        match self.0.message().await {
            Ok(Some(message)) => {
                let trace = trace_context(&message.traceparent, &message.tracestate);
                from_pb(message).map(|delivered| (delivered, trace)).map_err(Ending::Senseless)
            }
            Ok(None) => Err(Ending::Closed),
            Err(status) => Err(Ending::Status(status)),
        }
    }
}

/// What ends a stream of deliveries.
#[derive(Debug)]
pub enum Ending {
    /// The server ended it without a complaint.
    Closed,
    /// The server, or the transport, ended it with a status.
    Status(Status),
    /// The server sent what cannot be followed; a sentence says what.
    Senseless(String),
}

/// Puts a message of a participant on the wire.
#[must_use]
pub fn to_pb(stamped: &Stamped, who: &Participant) -> pb::Message {
    let Stamped { what, time, seen, trace } = stamped;
    let (kind, text) = match what {
        Outgoing::Connect => (pb::MessageType::Connect, "connect message"),
        Outgoing::Publish(text) => (pb::MessageType::Publish, text.as_str()),
        Outgoing::Disconnect => (pb::MessageType::Disconnect, "disconnect message"),
    };
    pb::Message {
        text: text.to_owned(),
        r#type: kind.into(),
        time: time.to_wire(),
        client_reference: Some(to_reference(who)),
        traceparent: trace.parent.to_string(),
        tracestate: trace.state.to_string(),
        seen: seen.to_wire(),
        ..Default::default()
    }
}

/// What a server delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What it is about.
    pub kind: DeliveredKind,
    /// The server's time of this send.
    pub time: LamportTime,
    /// The message's id, if the server gives one.
    pub accepted: Option<LamportTime>,
    /// The name of the one whose words these are; empty if the server does not say. Not escaped.
    pub name: String,
    /// The whole reference as it is displayed, if the server gave one that is legal.
    pub who: Option<Participant>,
    /// What is said. Not escaped.
    pub text: String,
    /// On one's own join: the names of those present, if the server says. Not escaped.
    pub present: Box<[String]>,
}

/// What a delivery is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveredKind {
    /// Somebody joined.
    Join,
    /// Somebody left.
    Leave,
    /// Somebody said something.
    Publish,
    /// Our leave is taken.
    Ack,
    /// The server speaks to us alone.
    Notice,
}

/// Reads what a server sent.
///
/// # Errors
/// With a sentence if the time is negative or the type unknown: such a server cannot be followed.
pub fn from_pb(message: pb::Message) -> Result<Delivered, String> {
    let time = LamportTime::from_wire(message.time)
        .ok_or_else(|| format!("the server sent the negative time {}", message.time))?;
    let kind = match pb::MessageType::try_from(message.r#type) {
        Ok(pb::MessageType::Connect) => DeliveredKind::Join,
        Ok(pb::MessageType::Disconnect) => DeliveredKind::Leave,
        Ok(pb::MessageType::Publish) => DeliveredKind::Publish,
        Ok(pb::MessageType::Ack) => DeliveredKind::Ack,
        Ok(pb::MessageType::Notice) => DeliveredKind::Notice,
        Err(_) => {
            return Err(format!("the server sent the unknown type {}", message.r#type));
        }
    };
    let reference = message.client_reference.unwrap_or_default();
    let pb::ClientReference { client_name, client_address, client_port } = reference;
    Ok(Delivered {
        kind,
        time,
        accepted: LamportTime::from_wire(message.accepted_time)
            .filter(|id| *id > LamportTime::ZERO),
        who: Participant::recorded(&client_name, &client_address, client_port).ok(),
        name: client_name,
        text: message.text,
        present: message.participants.into_iter().map(|who| who.client_name).collect(),
    })
}

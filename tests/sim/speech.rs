//! What a participant of the simulation puts on the wire, and how it takes what comes.
//!
//! Honest messages are stamped by the product's own `Process` and put into protobuf by its own `to_pb`.
//! What is hostile is made from an honest message by spoiling one thing. Everything is read as it
//! stands on the wire, so that the checks see fields that the product's client passes over.

use crate::chronicle::Said;
use crate::plan::{FRAME_BYTES, Offence, Person, Plan};
use chittychat::{
    causality::Event,
    chat::{Participant, Text},
    client::Process,
    wire::{
        encoded::to_reference,
        participant::{Outgoing, to_pb},
        pb,
    },
};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Request, Status, Streaming,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

/// The reference of a person's so-maniest process: each has a port of its own.
pub fn reference(person: &Person, process: i32) -> Participant {
    Participant::new(&person.name, &person.address, person.port + process).unwrap()
}

/// The trace context of a message: which stream it was sent on, and as which message of that. The
/// server passes it on, and so it tells the checks what came of what.
pub fn traceparent(stream: usize, message: usize) -> String {
    format!("00-{:032x}-{:016x}-00", stream + 1, message + 1)
}

/// The stream and the message that a trace context names, if it names any.
pub fn origin(traceparent: &str) -> Option<(usize, usize)> {
    let mut parts = traceparent.split('-').skip(1);
    let mut number = || usize::from_str_radix(parts.next()?, 16).ok()?.checked_sub(1);
    Some((number()?, number()?))
}

/// Stamps a message and encodes it.
pub fn speak(
    process: &mut Process,
    who: &Participant,
    said: &Said,
    traceparent: String,
    plan: &Plan,
) -> (Vec<u8>, Event) {
    let word = || Outgoing::Publish(Text::new("word").unwrap());
    let outgoing = match said {
        Said::Connect | Said::Offence(Offence::Connect) => Outgoing::Connect,
        Said::Disconnect | Said::Offence(Offence::Disconnect) => Outgoing::Disconnect,
        Said::Text(text) => Text::new(text).map_or_else(|_| word(), Outgoing::Publish),
        Said::Offence(_) => word(),
    };
    let (stamped, event) = process.send(outgoing);
    let mut message = pb::Message { traceparent, ..to_pb(&stamped, who) };
    match said {
        Said::Text(text) => message.text.clone_from(text),
        Said::Offence(offence) => return (spoil(message, offence, plan), event),
        Said::Connect | Said::Disconnect => {}
    }
    (message.encode_to_vec(), event)
}

fn spoil(mut message: pb::Message, offence: &Offence, plan: &Plan) -> Vec<u8> {
    let own = message.client_reference.clone().unwrap_or_default();
    let with_name = |name: String| Some(pb::ClientReference { client_name: name, ..own.clone() });
    let of = |person: usize| Some(to_reference(&reference(&plan.people[person], 0)));
    match offence {
        Offence::Publish | Offence::Disconnect | Offence::Connect => {}
        Offence::UnknownType(number) => message.r#type = *number,
        Offence::MissingReference => message.client_reference = None,
        Offence::EmptyName => message.client_reference = with_name(String::new()),
        Offence::LongName => message.client_reference = with_name("n".repeat(65)),
        Offence::NameWithEscape => message.client_reference = with_name("a\u{1b}[2J".to_owned()),
        Offence::BadPort(port) => {
            message.client_reference = Some(pb::ClientReference { client_port: *port, ..own });
        }
        Offence::PublishAs(person) => message.client_reference = of(*person),
        Offence::DisconnectAs(person) => {
            message.client_reference = of(*person);
            message.r#type = pb::MessageType::Disconnect.into();
        }
        Offence::NegativeTime(time) => message.time = *time,
        // Farther than any plan allows, and not past the end of all clocks.
        Offence::ClockJump => message.time = 1 << 61,
        Offence::Oversized => message.text = "z".repeat(FRAME_BYTES),
        // A length that is longer than what follows.
        Offence::Undecodable => return vec![0x0a, 0x7f, 0x00],
    }
    message.encode_to_vec()
}

/// Opens a stream on which what is put into `queue` is sent.
///
/// # Errors
/// With the status, if the call fails before there is an answer.
pub async fn call(
    channel: Channel,
    queue: mpsc::UnboundedReceiver<Vec<u8>>,
) -> Result<Streaming<pb::Message>, Status> {
    let mut grpc = Grpc::new(channel);
    let lost = |error| Status::unavailable(format!("not ready: {error}"));
    grpc.ready().await.map_err(lost)?;
    let path = PathAndQuery::from_static("/proto.ChittyChatService/SendMessage");
    let request = Request::new(UnboundedReceiverStream::new(queue));
    Ok(grpc.streaming(request, path, Bytes).await?.into_inner())
}

/// Sends bytes, and receives messages.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = pb::Message;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = pb::Message;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<pb::Message>, Status> {
        let decoded = pb::Message::decode(buffer);
        decoded.map(Some).map_err(|error| Status::data_loss(error.to_string()))
    }
}

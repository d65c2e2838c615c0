//! A peer that has never heard of us: generated from the original's own schema, fields 1 to 4, with
//! `type` and `time` as int32. It works in both directions and never sees what was added. The
//! report's conversations between such peers are in `transcripts`.

use super::support::{Process, Server, channel, within};
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::{Code, Request, Response, Status, Streaming};

/// Generated from `tests/legacy/original.proto`.
#[allow(clippy::all, missing_docs)]
pub mod pb {
    include!(concat!(env!("OUT_DIR"), "/legacy/proto.rs"));
}

use pb::{
    ClientReference, Message,
    chitty_chat_service_client::ChittyChatServiceClient,
    chitty_chat_service_server::{ChittyChatService, ChittyChatServiceServer},
};

pub const CONNECT: i32 = 0;
pub const DISCONNECT: i32 = 1;
pub const PUBLISH: i32 = 2;
pub const ACK: i32 = 3;
const NOTICE: i32 = 4;

/// A participant as the original's client is one.
pub struct Legacy {
    who: ClientReference,
    clock: i32,
    /// What the original's client would have printed so far, without the wall time.
    pub lines: Vec<String>,
    outgoing: mpsc::UnboundedSender<Message>,
    incoming: Streaming<Message>,
}

impl Legacy {
    /// Opens a stream and asks to be let in.
    pub async fn join(address: SocketAddr, name: &str, port: u16) -> Self {
        let who = ClientReference {
            client_address: "127.0.0.1".into(),
            client_port: port.into(),
            client_name: name.into(),
        };
        let channel = channel(address).await.expect("the server takes connections");
        let mut client = ChittyChatServiceClient::new(channel);
        let (outgoing, messages) = mpsc::unbounded_channel();
        let call = client.send_message(UnboundedReceiverStream::new(messages));
        let incoming = within("the stream opens", call).await.expect("a stream").into_inner();
        let lines = vec!["[Lamport time: 1] Connected to server".into()];
        let mut peer = Self { who, clock: 1, lines, outgoing, incoming };
        peer.send(CONNECT, "connect message");
        peer.lines.push(format!("[Lamport time: {}] Sent connect message to server", peer.clock));
        peer
    }

    /// Publishes a text.
    pub fn say(&mut self, text: &str) {
        self.send(PUBLISH, text);
    }

    /// Leaves as one should.
    pub async fn leave(&mut self) {
        self.send(DISCONNECT, "disconnect message");
        assert_eq!(self.receive().await.r#type, ACK);
        assert_eq!(self.incoming.message().await.expect("the stream ends well"), None);
    }

    /// Receives the next delivery, and notes the line for it.
    pub async fn hears(&mut self) -> Message {
        let message = self.receive().await;
        let name = message.client_reference.as_ref().map(|who| who.client_name.as_str());
        let name = name.expect("the original's client dies without a reference");
        self.lines.push(format!("[Lamport time: {}, Name: {name}] {}", self.clock, message.text));
        message
    }

    fn send(&mut self, r#type: i32, text: &str) {
        self.clock += 1;
        let client_reference = Some(self.who.clone());
        let message = Message { text: text.into(), r#type, time: self.clock, client_reference };
        self.outgoing.send(message).expect("the stream is open");
    }

    async fn receive(&mut self) -> Message {
        let message = within("a delivery", self.incoming.message()).await.expect("no error");
        let message = message.expect("the stream goes on");
        self.clock = self.clock.max(message.time) + 1;
        message
    }
}

/// A notice has a type that the original does not know; its client shows the text and goes on.
#[tokio::test]
async fn a_legacy_peer_reads_notices_and_statuses() {
    let server = Server::start(&[]).await;
    let mut one = Legacy::join(server.address, "Client1", 40).await;
    one.hears().await;
    one.send(PUBLISH, &"x".repeat(129));
    let notice = one.hears().await;
    assert_eq!((notice.r#type, notice.time), (NOTICE, 8));
    assert!(notice.text.contains("129 characters; 1 to 128 are allowed"), "{notice:?}");
    assert_eq!(notice.client_reference.map(|who| who.client_name), Some("server".into()));

    let mut twin = Legacy::join(server.address, "Client1", 40).await;
    assert_eq!(twin.hears().await.r#type, NOTICE);
    let status = within("a status", twin.incoming.message()).await.expect_err("refused");
    assert_eq!(status.code(), Code::AlreadyExists);
    one.say("still here");
    one.leave().await;
}

/// A server as the original is one: it passes messages on, adds nothing, and sends no headers until
/// it has something to say. For one participant, which is told its own words.
struct OriginalServer;

#[tonic::async_trait]
impl ChittyChatService for OriginalServer {
    type SendMessageStream = ReceiverStream<Result<Message, Status>>;

    async fn send_message(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Self::SendMessageStream>, Status> {
        let mut incoming = request.into_inner();
        // The original answers nothing, not even with headers, before the first message has come.
        let connect = incoming.message().await?.ok_or_else(|| Status::cancelled("no message"))?;
        let (outgoing, messages) = mpsc::channel(16);
        tokio::spawn(async move {
            let mut clock = 0;
            let mut next = Some(connect);
            while let Some(mut message) = next {
                clock = clock.max(message.time) + 1;
                let who = message.client_reference.clone().unwrap_or_default();
                let name =
                    format!("{} {}:{}", who.client_name, who.client_address, who.client_port);
                match message.r#type {
                    CONNECT => {
                        message.text =
                            format!("{name} has joined the chat at Lamport time {clock}");
                    }
                    DISCONNECT => {
                        message = Message { r#type: ACK, ..Message::default() };
                    }
                    _ => {}
                }
                clock += 1;
                message.time = clock;
                if outgoing.send(Ok(message)).await.is_err() {
                    return;
                }
                next = incoming.message().await.unwrap_or_default();
            }
        });
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

/// Our participant with the original's server.
#[tokio::test]
async fn our_participant_joins_a_server_as_the_original_is_one() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port").to_string();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let serving = tonic::transport::Server::builder()
        .add_service(ChittyChatServiceServer::new(OriginalServer))
        .serve_with_incoming(incoming);
    let serving = tokio::spawn(serving);

    let arguments = ["join", "--server", &address, "--name", "Anton", "--port", "20"];
    let mut anton = Process::start(&arguments, &[]);
    anton.out.wait_for(&["[Lamport time: 5, Name: Anton] Anton 127.0.0.1:20 has joined"]).await;
    anton.tell("Hello");
    anton.out.wait_for(&["[Lamport time: 9, Name: Anton] Hello"]).await;
    anton.tell("exit");
    assert_eq!(anton.exit_code().await, 0);
    serving.abort();
}

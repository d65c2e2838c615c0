//! A peer that has never heard of us: generated from the original's own schema, fields 1 to 4, with
//! `type` and `time` as int32. It works in both directions and never sees what was added.

use super::support::{Process, Server, within};
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
use tonic::{Code, Request, Response, Status, Streaming};

/// Generated from `tests/legacy/original.proto`.
#[allow(clippy::all, missing_docs)]
mod pb {
    include!(concat!(env!("OUT_DIR"), "/legacy/proto.rs"));
}

use pb::{
    ClientReference, Message,
    chitty_chat_service_client::ChittyChatServiceClient,
    chitty_chat_service_server::{ChittyChatService, ChittyChatServiceServer},
};

const CONNECT: i32 = 0;
const DISCONNECT: i32 = 1;
const PUBLISH: i32 = 2;
const ACK: i32 = 3;
const NOTICE: i32 = 4;

/// A participant as the original's client is one.
struct Legacy {
    who: ClientReference,
    clock: i32,
    outgoing: mpsc::UnboundedSender<Message>,
    incoming: Streaming<Message>,
}

impl Legacy {
    async fn join(address: SocketAddr, name: &str, port: i32) -> Self {
        let who = ClientReference {
            client_address: "127.0.0.1".into(),
            client_port: port,
            client_name: name.into(),
        };
        let mut client = ChittyChatServiceClient::connect(format!("http://{address}"))
            .await
            .expect("the server takes connections");
        let (outgoing, messages) = mpsc::unbounded_channel();
        let call = client.send_message(UnboundedReceiverStream::new(messages));
        let incoming = within("the stream opens", call).await.expect("a stream").into_inner();
        let mut peer = Self { who, clock: 1, outgoing, incoming };
        peer.send(CONNECT, "connect message");
        peer
    }

    fn send(&mut self, r#type: i32, text: &str) {
        self.clock += 1;
        let client_reference = Some(self.who.clone());
        let message = Message { text: text.into(), r#type, time: self.clock, client_reference };
        self.outgoing.send(message).expect("the stream is open");
    }

    /// What comes next, as `(type, time, name, text)`, and the clock after receiving it.
    async fn hears(&mut self) -> (i32, i32, String, String) {
        let message = within("a delivery", self.incoming.message()).await.expect("no error");
        let message = message.expect("the stream goes on");
        self.clock = self.clock.max(message.time) + 1;
        let name = message.client_reference.map(|who| who.client_name).unwrap_or_default();
        (message.r#type, message.time, name, message.text)
    }
}

fn heard(kind: i32, time: i32, name: &str, text: &str) -> (i32, i32, String, String) {
    (kind, time, name.into(), text.into())
}

/// The report's first conversation, between two legacy peers and our server.
#[tokio::test]
async fn two_legacy_peers_hold_the_first_conversation_with_every_time_equal() {
    let mut server = Server::start(&[]).await;
    let joined1 = "Client1 127.0.0.1:40 has joined the chat at Lamport time 3";
    let joined2 = "Client2 127.0.0.1:20 has joined the chat at Lamport time 5";
    let left1 = "Client1 127.0.0.1:40 has left the chat at Lamport time 18";

    let mut one = Legacy::join(server.address, "Client1", 40).await;
    assert_eq!(one.hears().await, heard(CONNECT, 4, "Client1", joined1));
    let mut two = Legacy::join(server.address, "Client2", 20).await;
    assert_eq!(one.hears().await, heard(CONNECT, 6, "Client2", joined2));
    assert_eq!(two.hears().await, heard(CONNECT, 7, "Client2", joined2));
    assert_eq!((one.clock, two.clock), (7, 8));
    one.send(PUBLISH, "Hello");
    assert_eq!(two.hears().await, heard(PUBLISH, 10, "Client1", "Hello"));
    assert_eq!(two.clock, 11);
    two.send(PUBLISH, "Hi");
    assert_eq!(one.hears().await, heard(PUBLISH, 14, "Client2", "Hi"));
    assert_eq!(one.clock, 15);
    one.send(DISCONNECT, "disconnect message");
    assert_eq!(one.hears().await, heard(ACK, 18, "", ""));
    assert_eq!(one.incoming.message().await.expect("ends well"), None);
    assert_eq!(two.hears().await, heard(DISCONNECT, 19, "Client1", left1));
    assert_eq!(two.clock, 20);
    two.send(DISCONNECT, "disconnect message");
    assert_eq!(two.hears().await, heard(ACK, 23, "", ""));
    assert_eq!(server.stop().await, 0);
}

/// A notice has a type that the original does not know; its client shows the text and goes on.
#[tokio::test]
async fn a_legacy_peer_reads_notices_and_statuses() {
    let server = Server::start(&[]).await;
    let mut one = Legacy::join(server.address, "Client1", 40).await;
    one.hears().await;
    one.send(PUBLISH, &"x".repeat(129));
    let (kind, time, name, text) = one.hears().await;
    assert_eq!((kind, time, name.as_str()), (NOTICE, 8, "server"));
    assert!(text.contains("129 characters; 1 to 128 are allowed"), "{text}");

    let mut twin = Legacy::join(server.address, "Client1", 40).await;
    assert_eq!(twin.hears().await.0, NOTICE);
    let status = within("a status", twin.incoming.message()).await.expect_err("refused");
    assert_eq!(status.code(), Code::AlreadyExists);
    one.send(PUBLISH, "still here");
    one.send(DISCONNECT, "disconnect message");
    assert_eq!(one.hears().await.0, ACK);
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
                let name = format!(
                    "{} {}:{}",
                    who.client_name, who.client_address, who.client_port
                );
                match message.r#type {
                    CONNECT => {
                        message.text = format!("{name} has joined the chat at Lamport time {clock}");
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

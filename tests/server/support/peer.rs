//! A participant as most are: a stock gRPC client that keeps the clock rules.

use super::{Heard, Listener, message, pb, within};
use chittychat::wire::pb::{MessageType, chitty_chat_service_client::ChittyChatServiceClient};
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Request, Status, Streaming,
    transport::{Channel, Endpoint},
};

/// A connection of its own to the server.
pub async fn channel(address: SocketAddr) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("it is a URI");
    within("a connection", endpoint.connect()).await
}

/// One participant's stream. See the module's text. Dropping it cancels the call.
#[derive(Debug)]
pub struct Peer {
    name: String,
    /// Its Lamport clock.
    pub clock: i64,
    /// The time of the latest delivery: they rise.
    pub latest: i64,
    outgoing: Option<mpsc::UnboundedSender<pb::Message>>,
    incoming: Streaming<pb::Message>,
    channel: Channel,
}

impl Peer {
    /// Opens a stream on a connection of its own and says nothing on it.
    pub async fn open(address: SocketAddr, name: &str) -> Self {
        let channel = channel(address).await.expect("the server takes connections");
        Self::open_on(channel, name).await.expect("the server takes streams")
    }

    /// Opens a stream on a connection that there is already.
    pub async fn open_on(channel: Channel, name: &str) -> Result<Self, Status> {
        Self::open_showing(channel, name, None).await
    }

    /// Opens a stream likewise, with this as the metadata `authorization`.
    pub async fn open_showing(
        channel: Channel,
        name: &str,
        authorization: Option<&str>,
    ) -> Result<Self, Status> {
        let (outgoing, messages) = mpsc::unbounded_channel();
        let mut client = ChittyChatServiceClient::new(channel.clone());
        let mut request = Request::new(UnboundedReceiverStream::new(messages));
        if let Some(value) = authorization {
            let value = value.parse().expect("it can stand in metadata");
            request.metadata_mut().insert("authorization", value);
        }
        let call = client.send_message(request);
        let incoming = within("the stream opens", call).await?.into_inner();
        let outgoing = Some(outgoing);
        Ok(Self { name: name.to_owned(), clock: 1, latest: 0, outgoing, incoming, channel })
    }

    /// Sends a message as it is.
    pub fn send(&mut self, message: pb::Message) {
        let outgoing = self.outgoing.as_ref().expect("this side has not closed");
        // The stream may have ended; what was said on it is then heard by reading on.
        let _ = outgoing.send(message);
    }

    /// Ticks, and makes a message of its own.
    pub fn stamped(&mut self, kind: MessageType, text: &str) -> pb::Message {
        self.clock += 1;
        pb::Message { seen: self.latest, ..message(kind, &self.name, text, self.clock) }
    }

    /// Asks to be let in.
    pub fn connect(&mut self) {
        let connect = self.stamped(MessageType::Connect, "connect message");
        self.send(connect);
    }

    /// Publishes a text.
    pub fn say(&mut self, text: &str) {
        let publish = self.stamped(MessageType::Publish, text);
        self.send(publish);
    }

    /// Leaves as one should, and hears that it may go.
    pub async fn leave(mut self) {
        let disconnect = self.stamped(MessageType::Disconnect, "disconnect message");
        self.send(disconnect);
        assert_eq!(self.delivery().await.r#type(), MessageType::Ack);
        assert_eq!(self.end().await.code(), tonic::Code::Ok);
    }

    /// Closes the sending side and keeps listening.
    pub fn half_close(&mut self) {
        self.outgoing = None;
    }

    /// Cancels the call. The connection stays, for as long as what is returned.
    pub fn cancel(self) -> Channel {
        self.channel
    }
}

impl Listener for Peer {
    async fn heard(&mut self) -> Heard {
        let what = format!("{} hears something", self.name);
        match within(&what, self.incoming.message()).await {
            Ok(Some(message)) => {
                assert!(message.time > self.latest, "after {}: {message:?}", self.latest);
                self.latest = message.time;
                self.clock = self.clock.max(message.time) + 1;
                Heard::Message(message.into())
            }
            Ok(None) => Heard::End(Status::ok("")),
            Err(status) => Heard::End(status),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

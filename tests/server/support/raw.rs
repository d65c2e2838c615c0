//! A participant made by hand over HTTP/2, for whatever a stock gRPC client refuses to do: bytes
//! that are no message, resets, and never reading.

use super::{Heard, Listener, message, pb, within};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use chittychat::wire::pb::MessageType;
use h2::{
    Reason, RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use prost::Message as _;
use std::{future::poll_fn, net::SocketAddr};
use tokio::{net::TcpStream, task::JoinHandle};
use tonic::{Code, Status};

/// The bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A message as gRPC frames it.
pub fn frame(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(PREFIX + message.len());
    bytes.put_u8(0);
    bytes.put_u32(message.len().try_into().expect("a message is shorter than 4 GiB"));
    bytes.put_slice(message);
    bytes.freeze()
}

/// An HTTP/2 connection, cut when it is dropped.
#[derive(Debug)]
pub struct Connection {
    requests: SendRequest<Bytes>,
    driver: JoinHandle<()>,
}

impl Connection {
    /// Connects. `window` is how many bytes the server may send ahead on each stream.
    pub async fn open(address: SocketAddr, window: u32) -> Self {
        let socket = within("a connection", TcpStream::connect(address)).await;
        let socket = socket.expect("the server takes connections");
        socket.set_nodelay(true).expect("a socket has this option");
        let mut builder = Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(1 << 24);
        let (requests, driver) =
            within("HTTP/2", builder.handshake(socket)).await.expect("the server speaks HTTP/2");
        // How a connection ends is seen by its streams.
        let driver = tokio::spawn(async move { driver.await.unwrap_or_default() });
        Self { requests, driver }
    }

    /// Waits until it is closed, by whomever.
    pub async fn closed(&mut self) {
        within("the connection is closed", &mut self.driver).await.unwrap_or_default();
    }

    /// Opens a stream.
    pub async fn stream(&self, name: &str) -> RawPeer {
        self.stream_showing(name, None).await
    }

    /// Opens a stream with this as the metadata `authorization`.
    pub async fn stream_showing(&self, name: &str, authorization: Option<&str>) -> RawPeer {
        let mut request = http::Request::post("http://chat/proto.ChittyChatService/SendMessage")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let request = request.body(()).expect("a request");
        let requests = within("room for a stream", self.requests.clone().ready()).await;
        let opened = requests.and_then(|mut requests| requests.send_request(request, false));
        let (response, sending) = opened.expect("the server takes streams");
        let incoming = Incoming::Asked(response);
        RawPeer { name: name.to_owned(), sending, incoming, unread: BytesMut::new(), latest: 0 }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One participant's stream. What it does not read is not given back to flow control.
#[derive(Debug)]
pub struct RawPeer {
    name: String,
    sending: SendStream<Bytes>,
    incoming: Incoming,
    unread: BytesMut,
    latest: i64,
}

#[derive(Debug)]
enum Incoming {
    Asked(ResponseFuture),
    Answered(Option<Status>, RecvStream),
}

impl RawPeer {
    /// Sends bytes as they are, as far as the server takes them: it may end the stream before.
    pub async fn send_bytes(&mut self, mut bytes: Bytes) {
        while !bytes.is_empty() {
            self.sending.reserve_capacity(bytes.len());
            let granted = poll_fn(|cx| self.sending.poll_capacity(cx));
            let Some(Ok(granted)) = within("the server takes bytes", granted).await else { return };
            if self.sending.send_data(bytes.split_to(granted), false).is_err() {
                return;
            }
        }
    }

    /// Sends a message, framed.
    pub async fn send(&mut self, message: &pb::Message) {
        self.send_bytes(frame(&message.encode_to_vec())).await;
    }

    /// Asks to be let in.
    pub async fn connect(&mut self) {
        self.send(&message(MessageType::Connect, &self.name, "connect message", 2)).await;
    }

    /// Publishes a text.
    pub async fn say(&mut self, text: &str) {
        self.send(&message(MessageType::Publish, &self.name, text, self.latest + 1)).await;
    }

    /// Resets the stream: the RST_STREAM frame and nothing else.
    pub fn reset(&mut self, reason: Reason) {
        self.sending.send_reset(reason);
    }

    /// The first message in what has been read, if it is whole.
    fn take_message(&mut self) -> Option<pb::Message> {
        let length = self.unread.get(1..PREFIX)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        if self.unread.len() < PREFIX + length {
            return None;
        }
        self.unread.advance(PREFIX);
        let bytes = self.unread.split_to(length);
        Some(pb::Message::decode(bytes).expect("the server sends messages"))
    }

    /// Reads on until there is a message or the end.
    async fn read(&mut self) -> Heard {
        loop {
            if let Some(message) = self.take_message() {
                assert!(message.time > self.latest, "after {}: {message:?}", self.latest);
                self.latest = message.time;
                return Heard::Message(message.into());
            }
            match &mut self.incoming {
                Incoming::Asked(response) => match response.await {
                    Ok(response) => {
                        let status = Status::from_header_map(response.headers());
                        self.incoming = Incoming::Answered(status, response.into_body());
                    }
                    Err(error) => return Heard::End(Status::unknown(error.to_string())),
                },
                Incoming::Answered(status, body) => match body.data().await {
                    Some(Ok(bytes)) => {
                        let _ = body.flow_control().release_capacity(bytes.len());
                        self.unread.extend_from_slice(&bytes);
                    }
                    Some(Err(error)) => return Heard::End(Status::unknown(error.to_string())),
                    None => {
                        let trailers = body.trailers().await.ok().flatten();
                        let last = trailers.as_ref().and_then(Status::from_header_map);
                        let no_status = || Status::new(Code::Unknown, "no status at all");
                        return Heard::End(last.or(status.take()).unwrap_or_else(no_status));
                    }
                },
            }
        }
    }
}

impl Listener for RawPeer {
    async fn heard(&mut self) -> Heard {
        let what = format!("{} hears something", self.name);
        within(&what, self.read()).await
    }

    fn name(&self) -> &str {
        &self.name
    }
}

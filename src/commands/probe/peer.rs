//! One participant of the probe: a stream in its own hands, for whatever a stock client would not do.
//!
//! It keeps the clock rules as long as nobody asks for anything else, keeps everything that it heard,
//! and waits for nothing without a bound. It reads only while somebody waits for what it hears; the
//! server may be ahead of that by [`WINDOW`] bytes, which is more than any case sends.

use crate::chat::escape::Escaped;
use crate::wire::original::{Message, Reference, kind};
use crate::wire::prefixed::{self, NoMessage};
use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{self, ResponseFuture},
};
use prost::Message as _;
use std::{fmt, io, net::SocketAddr, time::Duration};
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};
use tonic::Status;

/// The one call of the protocol.
const PATH: &str = "proto.ChittyChatService/SendMessage";
/// What the server may send ahead on a stream.
pub(super) const WINDOW: u32 = 2 << 20;
/// What it may send ahead on the connection.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// The largest delivery that is taken: what the probe sends at most may come back.
const MAX_MESSAGE: usize = 8 << 20;
/// The most deliveries that are kept, which is several times what a case has sent to anybody.
const MAX_HEARD: usize = 20_000;
/// How much of a stranger's text is shown.
const SHOWN_CHARS: usize = 80;

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its address.
    pub socket: SocketAddr,
    /// The same as the server is to read it.
    pub authority: String,
    /// How long any one thing may take.
    pub patience: Duration,
}

/// Why something awaited was not heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing of the kind came in time.
    Silence(Duration),
    /// The stream ended before.
    Ended(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence(patience) => write!(f, "nothing came within {patience:?}"),
            Self::Ended(how) => write!(f, "its stream ended: {how}"),
        }
    }
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Peer {
    /// Who it is.
    pub reference: Reference,
    /// Everything that it heard, in order.
    pub heard: Vec<Message>,
    /// How its stream ended, if it has.
    pub ending: Option<String>,
    /// What comes before this in `heard` has been waited for.
    position: usize,
    clock: i32,
    sending: SendStream<Bytes>,
    incoming: Incoming,
    partial: Vec<u8>,
    connection: JoinHandle<()>,
}

#[derive(Debug)]
enum Incoming {
    Asked(ResponseFuture),
    Answered(Option<Status>, RecvStream),
}

impl Peer {
    /// Opens a stream on a connection of its own and says nothing on it. The server may send
    /// `window` bytes before something is read.
    ///
    /// # Errors
    /// With what kept it from opening, as a sentence.
    pub(super) async fn open(
        target: &Target,
        reference: Reference,
        window: u32,
    ) -> Result<Self, String> {
        let opened = timeout(target.patience, Self::dial(target, reference, window)).await;
        match opened {
            Ok(Ok(peer)) => Ok(peer),
            Ok(Err(error)) => Err(format!("no connection: {error}")),
            Err(_) => Err(format!("no connection within {:?}", target.patience)),
        }
    }

    async fn dial(target: &Target, reference: Reference, window: u32) -> io::Result<Self> {
        let socket = TcpStream::connect(target.socket).await?;
        socket.set_nodelay(true)?;
        let mut builder = client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(CONNECTION_WINDOW);
        let (requests, connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
        // How a connection ends is seen by its stream.
        let connection = tokio::spawn(async move { connection.await.unwrap_or_default() });
        let request = http::Request::post(format!("http://{}/{PATH}", target.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", concat!("chittychat-probe/", env!("CARGO_PKG_VERSION")))
            .body(())
            .map_err(io::Error::other)?;
        let mut requests = requests.ready().await.map_err(io::Error::other)?;
        let (response, sending) =
            requests.send_request(request, false).map_err(io::Error::other)?;
        Ok(Self {
            reference,
            heard: Vec::new(),
            ending: None,
            position: 0,
            // A stream that opens is an event.
            clock: 1,
            sending,
            incoming: Incoming::Asked(response),
            partial: Vec::new(),
            connection,
        })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.reference.name
    }

    /// Ticks, and makes a message of its own.
    pub(super) fn stamped(&mut self, kind: i32, text: impl Into<String>) -> Message {
        self.clock = self.clock.saturating_add(1);
        let reference = Some(self.reference.clone());
        Message { text: text.into(), kind, time: self.clock.into(), reference }
    }

    /// Sends a message as it is. If the stream has ended, that is found out by listening.
    pub(super) fn send(&mut self, message: &Message) {
        let mut framed = Vec::with_capacity(message.encoded_len() + 8);
        prefixed::put(&mut framed, &message.encode_to_vec());
        let _ = self.sending.send_data(framed.into(), false);
    }

    /// Asks to be let in.
    pub(super) fn connect(&mut self) {
        let connect = self.stamped(kind::CONNECT, "connect message");
        self.send(&connect);
    }

    /// Publishes a text.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        let publish = self.stamped(kind::PUBLISH, text);
        self.send(&publish);
    }

    /// Closes the sending side.
    pub(super) fn half_close(&mut self) {
        let _ = self.sending.send_data(Bytes::new(), true);
    }

    /// Resets the stream. The connection stays for as long as the peer.
    pub(super) fn reset(&mut self) {
        self.sending.send_reset(Reason::CANCEL);
    }

    /// Closes the socket without a word, as the end of a process does.
    pub(super) async fn cut(self) {
        self.connection.abort();
        // What is waited for is that the task is gone, and the socket with it.
        let _ = self.connection.await;
    }

    /// Leaves as one should: Disconnect, and then the end of the stream, from whichever side.
    pub(super) async fn leave(mut self, patience: Duration) {
        let disconnect = self.stamped(kind::DISCONNECT, "disconnect message");
        let from = self.heard.len();
        self.send(&disconnect);
        let ack =
            |heard: &[Message]| heard.iter().skip(from).find(|it| it.kind == kind::ACK).cloned();
        // Some servers answer nothing, and it leaves all the same.
        let _ = self.until(patience, ack).await;
        self.half_close();
        self.listen(patience).await;
    }

    /// Waits until what was heard so far has something in it, or the stream ends.
    pub(super) async fn until<T>(
        &mut self,
        patience: Duration,
        mut find: impl FnMut(&[Message]) -> Option<T>,
    ) -> Result<T, Missing> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(found) = find(&self.heard) {
                return Ok(found);
            }
            if let Some(how) = &self.ending {
                return Err(Missing::Ended(how.clone()));
            }
            if timeout_at(deadline, self.read()).await.is_err() {
                return Err(Missing::Silence(patience));
            }
        }
    }

    /// Waits for a delivery of this kind, after the one that was waited for last.
    pub(super) async fn hears(
        &mut self,
        patience: Duration,
        is_it: impl Fn(&Message) -> bool,
    ) -> Result<Message, Missing> {
        let from = self.position;
        let at = self.until(patience, |heard| heard[from..].iter().position(&is_it)).await?;
        self.position = from + at + 1;
        Ok(self.heard[from + at].clone())
    }

    /// Waits for a text with this word in it, whatever kind the server has given it.
    pub(super) async fn hears_word(
        &mut self,
        patience: Duration,
        word: &str,
    ) -> Result<Message, Missing> {
        self.hears(patience, |it| it.text.contains(word)).await
    }

    /// Waits for so many deliveries of this kind, of all that it ever heard. Each may take as long as
    /// any one thing.
    ///
    /// # Errors
    /// With how many there were, and why there are no more.
    pub(super) async fn collects(
        &mut self,
        patience: Duration,
        total: usize,
        is_it: impl Fn(&Message) -> bool,
    ) -> Result<(), (usize, Missing)> {
        let mut count = 0;
        while count < total {
            let more = |heard: &[Message]| {
                let now = heard.iter().filter(|message| is_it(message)).count();
                (now > count).then_some(now)
            };
            count = self.until(patience, more).await.map_err(|why| (count, why))?;
        }
        Ok(())
    }

    /// Listens for so long, or until the stream ends, whatever comes.
    pub(super) async fn listen(&mut self, duration: Duration) {
        // Nothing is awaited, so that it is missing says nothing; how the stream ended is kept.
        let _ = self.until(duration, |_| None::<()>).await;
    }

    /// Reads on until there is one more delivery, or the end. May be cancelled without a loss.
    async fn read(&mut self) {
        let before = self.heard.len();
        while self.heard.len() == before && self.ending.is_none() {
            match &mut self.incoming {
                Incoming::Asked(response) => match response.await {
                    Ok(response) if response.status() == http::StatusCode::OK => {
                        let status = Status::from_header_map(response.headers());
                        self.incoming = Incoming::Answered(status, response.into_body());
                    }
                    Ok(response) => {
                        self.ending = Some(format!("HTTP status {}", response.status()));
                    }
                    Err(error) => self.ending = Some(error.to_string()),
                },
                Incoming::Answered(status, body) => match body.data().await {
                    Some(Ok(bytes)) => {
                        let _ = body.flow_control().release_capacity(bytes.len());
                        self.take(&bytes);
                    }
                    Some(Err(error)) => self.ending = Some(error.to_string()),
                    None => {
                        let trailers = body.trailers().await.ok().flatten();
                        let last = trailers.as_ref().and_then(Status::from_header_map);
                        self.ending = Some(match last.or(status.take()) {
                            Some(status) => shown_status(&status),
                            None => "no status at all".to_owned(),
                        });
                    }
                },
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let mut partial = std::mem::take(&mut self.partial);
        let taken = prefixed::take(MAX_MESSAGE, &mut partial, bytes, |message| {
            let message = Message::decode(message).map_err(Senseless::Undecodable)?;
            let time = i32::try_from(message.time).unwrap_or(i32::MAX);
            self.clock = self.clock.max(time).saturating_add(1);
            self.heard.push(message);
            if self.heard.len() < MAX_HEARD { Ok(()) } else { Err(Senseless::TooMany) }
        });
        self.partial = partial;
        if let Err(fault) = taken {
            self.ending = Some(fault.to_string());
        }
    }
}

/// What makes it useless to read on.
#[derive(Debug, thiserror::Error)]
enum Senseless {
    #[error(transparent)]
    Prefix(#[from] NoMessage),
    #[error("it sent what is no message of the protocol: {0}")]
    Undecodable(prost::DecodeError),
    #[error("it sent more than {MAX_HEARD} messages")]
    TooMany,
}

fn shown_status(status: &Status) -> String {
    match status.message() {
        "" => format!("{:?}", status.code()),
        words => format!("{:?} {}", status.code(), quote(words)),
    }
}

/// A stranger's text as it is shown: escaped, in quotes, and not at any length.
pub(super) fn quote(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_CHARS).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", Escaped(&cut))
}

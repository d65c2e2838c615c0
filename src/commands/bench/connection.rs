//! One connection to the server: a socket, what is to be written to it, and what of a frame has come.
//!
//! It knows frames and windows, and nothing of participants: what comes is handed to a function
//! given by the crowd. Nothing here waits.

use super::framing::{self, DEFAULT_WINDOW, Frame, Garbage, MAX_PAYLOAD, WINDOW};
use super::plain::{self, Word};
use super::plan::{Plan, Protocol};
use mio::{Interest, Registry, Token, net::TcpStream};
use std::io::{self, ErrorKind, Read as _, Write as _};

/// What is read at once. One buffer serves all connections, so it can be large.
pub(super) const READ_BYTES: usize = 256 * 1024;
/// How much of a frame can be left over.
pub(super) const REST_BYTES: usize = MAX_PAYLOAD + 64;
/// How often a connection is read before the others get their turn.
const READS_IN_A_ROW: usize = 8;
/// What may wait to be written before no more messages are added.
const OUTBOX_BYTES: usize = 64 * 1024;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Connection {
    protocol: Protocol,
    socket: TcpStream,
    outbox: Vec<u8>,
    /// The beginning of a frame.
    rest: Vec<u8>,
    /// The participant of each stream, in the order of the streams' ids 1, 3, 5, …
    streams: Vec<usize>,
    /// What the server allows to be sent, on the connection and at first on a stream.
    window: i64,
    stream_window: i64,
    /// What has come since the server was last allowed more.
    taken: u32,
    /// HTTP/2's error number (0 over other protocols), and the reason, if the server has said that it closes the connection.
    farewell: Option<(u32, String)>,
}

/// How the reading of a connection came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// There is nothing more for now.
    Drained,
    /// There may be more; it is the others' turn.
    More,
    /// The server has closed the connection.
    Closed,
}

/// What a stream hears, besides its connection.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    /// Something has come: what follows came at this moment. It is for nobody in particular.
    Arrival,
    /// A text, over a protocol that has nothing else.
    Text(&'a [u8]),
    /// The participant is in, over such a protocol.
    Welcome,
    /// Bytes, and what they count for in flow control.
    Data(&'a [u8], u32),
    /// More may be sent.
    Window(i64),
    /// The end; with a code if the server reset it.
    End(Option<u32>),
}

impl Connection {
    /// Begins to connect.
    pub(super) fn open(plan: &Plan, token: Token, registry: &Registry) -> io::Result<Self> {
        let mut socket = TcpStream::connect(plan.server)?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let mut outbox = Vec::new();
        // Over the other protocols nothing but the socket limits what is sent.
        let window = match plan.protocol {
            Protocol::Grpc => {
                framing::open(&mut outbox);
                DEFAULT_WINDOW
            }
            Protocol::Nats => {
                plain::open_nats(&mut outbox, &plan.subject());
                i64::MAX
            }
            Protocol::Tcp => i64::MAX,
        };
        Ok(Self {
            protocol: plan.protocol,
            socket,
            outbox,
            rest: Vec::new(),
            streams: Vec::new(),
            window,
            stream_window: window,
            taken: 0,
            farewell: None,
        })
    }

    /// Opens a stream for a participant, and returns its id and what may be sent on it.
    pub(super) fn stream(&mut self, participant: usize, authority: &str) -> (u32, i64) {
        let id = u32::try_from(self.streams.len() * 2 + 1).unwrap_or(u32::MAX);
        self.streams.push(participant);
        if self.protocol == Protocol::Grpc {
            framing::request(&mut self.outbox, id, authority);
        }
        (id, self.stream_window)
    }

    /// How many bytes may be sent in the next frame.
    pub(super) fn room(&self) -> usize {
        if self.outbox.len() >= OUTBOX_BYTES {
            return 0;
        }
        usize::try_from(self.window).unwrap_or(0).min(MAX_PAYLOAD)
    }

    /// Sends messages. Returns what they count for in the window of their stream.
    pub(super) fn send(&mut self, stream: u32, messages: &[u8], is_last: bool) -> i64 {
        if self.protocol != Protocol::Grpc {
            self.outbox.extend_from_slice(messages);
            return 0;
        }
        let bytes = framing::data(&mut self.outbox, stream, messages, is_last);
        self.window -= bytes;
        bytes
    }

    /// Lets the server send more on a stream.
    pub(super) fn allow(&mut self, stream: u32, bytes: u32) {
        framing::window(&mut self.outbox, stream, bytes);
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match self.socket.write(&self.outbox) {
                Ok(bytes) => _ = self.outbox.drain(..bytes),
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What the server has to say to that is still to be read.
                Err(error) if is_end(&error) => self.outbox.clear(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The socket is connected, or failed to.
    pub(super) fn writable(&mut self) -> io::Result<()> {
        // What the server has said before it closed the connection is still to be read.
        if let Some(error) = self.socket.take_error()?.filter(|error| !is_end(error)) {
            return Err(error);
        }
        // It may be connecting still; then this is for later too.
        let _ = self.socket.set_nodelay(true);
        self.flush()
    }

    /// Reads what has come and hands each stream its own. A read that does not fill the buffer has
    /// emptied the socket, unless the end of the stream `may_be_closed` behind it.
    pub(super) fn read<E: From<Garbage> + From<io::Error>>(
        &mut self,
        buffer: &mut [u8],
        may_be_closed: bool,
        mut each: impl FnMut(&mut Self, usize, u32, Heard<'_>) -> Result<(), E>,
    ) -> Result<Readiness, E> {
        for _ in 0..READS_IN_A_ROW {
            let rest = self.rest.len();
            buffer[..rest].copy_from_slice(&self.rest);
            self.rest.clear();
            let bytes = match self.socket.read(&mut buffer[rest..]) {
                Ok(0) => return Ok(Readiness::Closed),
                Ok(bytes) => bytes,
                Err(error) => {
                    self.rest.extend_from_slice(&buffer[..rest]);
                    match error.kind() {
                        ErrorKind::Interrupted => continue,
                        _ if is_end(&error) => return Ok(Readiness::Closed),
                        _ if is_for_later(&error) => return Ok(Readiness::Drained),
                        _ => return Err(error.into()),
                    }
                }
            };
            let filled = rest + bytes;
            each(self, 0, 0, Heard::Arrival)?;
            let mut at = 0;
            while let Some(length) = self.take_first(&buffer[at..filled], &mut each)? {
                at += length;
            }
            self.rest.extend_from_slice(&buffer[at..filled]);
            if filled < buffer.len() && !may_be_closed {
                return Ok(Readiness::Drained);
            }
        }
        Ok(Readiness::More)
    }

    /// Deals with the first thing in `bytes`, and returns its length if it is whole.
    fn take_first<E: From<Garbage>>(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(&mut Self, usize, u32, Heard<'_>) -> Result<(), E>,
    ) -> Result<Option<usize>, E> {
        let word = match self.protocol {
            Protocol::Grpc => {
                let Some((frame, length)) = framing::read(bytes)? else { return Ok(None) };
                self.take(frame, each)?;
                return Ok(Some(length));
            }
            Protocol::Nats => plain::read_nats(bytes)?,
            Protocol::Tcp => plain::read_tcp(bytes)?,
        };
        let Some((word, length)) = word else { return Ok(None) };
        let heard = match word {
            Word::Text(text) => Heard::Text(text),
            Word::Welcome => Heard::Welcome,
            Word::Ping => {
                self.outbox.extend_from_slice(plain::NATS_PONG);
                return Ok(Some(length));
            }
            Word::Error(reason) => {
                self.farewell = Some((0, String::from_utf8_lossy(reason).into_owned()));
                return Ok(Some(length));
            }
            Word::Other => return Ok(Some(length)),
        };
        // Such a connection has one participant, whose stream is the first.
        each(self, self.streams[0], 1, heard)?;
        Ok(Some(length))
    }

    fn take<E>(
        &mut self,
        frame: Frame<'_>,
        each: &mut impl FnMut(&mut Self, usize, u32, Heard<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (stream, heard) = match frame {
            Frame::Data { stream, bytes, length, is_end } => {
                self.taken += length;
                if self.taken > WINDOW / 2 {
                    framing::window(&mut self.outbox, 0, self.taken);
                    self.taken = 0;
                }
                if is_end && let Some(participant) = self.participant(stream) {
                    each(self, participant, stream, Heard::Data(bytes, length))?;
                    return each(self, participant, stream, Heard::End(None));
                }
                (stream, Heard::Data(bytes, length))
            }
            Frame::End { stream } => (stream, Heard::End(None)),
            Frame::Reset { stream, code } => (stream, Heard::End(Some(code))),
            Frame::Window { stream: 0, more } => {
                self.window += i64::from(more);
                return Ok(());
            }
            Frame::Window { stream, more } => (stream, Heard::Window(i64::from(more))),
            Frame::Settings { window } => {
                framing::settings_taken(&mut self.outbox);
                if let Some(window) = window {
                    let more = i64::from(window) - self.stream_window;
                    self.stream_window += more;
                    for at in 0..self.streams.len() {
                        let id = u32::try_from(at * 2 + 1).unwrap_or(u32::MAX);
                        each(self, self.streams[at], id, Heard::Window(more))?;
                    }
                }
                return Ok(());
            }
            Frame::Ping(payload) => {
                framing::pong(&mut self.outbox, payload);
                return Ok(());
            }
            Frame::GoAway { code, reason } => {
                // A server that closes the connection ends its streams too, which is noticed there.
                self.farewell = Some((code, String::from_utf8_lossy(reason).into_owned()));
                return Ok(());
            }
            Frame::Other => return Ok(()),
        };
        match self.participant(stream) {
            Some(participant) => each(self, participant, stream, heard),
            None => Ok(()),
        }
    }

    fn participant(&self, stream: u32) -> Option<usize> {
        self.streams.get(stream as usize / 2).copied()
    }

    /// What the server said when it closed the connection, in brackets; or nothing.
    pub(super) fn farewell(&self) -> String {
        match &self.farewell {
            Some((code, reason)) => format!(" (error {code}: {reason:?})"),
            None => String::new(),
        }
    }

    /// Whose streams there ever were on this connection.
    pub(super) fn participants(&self) -> &[usize] {
        &self.streams
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

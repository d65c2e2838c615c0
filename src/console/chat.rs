//! A participant in a page: the chat's own protocol over a WebSocket, a message a frame, as JSON.
//!
//! The page is a Lamport process of its own and keeps its clock itself. What is here carries messages
//! between its socket and a conversation such as every stream has; it knows no rule of the room. Nothing is
//! kept for a page that does not read: while a frame waits to be taken, the conversation is not asked for
//! more, and falls behind the log like any other that does not read.
//!
//! A browser gives a WebSocket no header, so the token comes in the first frame, before anything else.

use super::{
    Shared,
    guard::{self, Refused},
};
use crate::chat::Fault;
use crate::grpc::{Entrant, Talk, status};
use crate::keys::Identity;
use crate::wire::{Batch, Inbound, json, prefixed};
use axum::{
    extract::{
        ConnectInfo, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    select,
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_stream::Stream;
use tonic::Status;

/// A batch takes no more messages once it has this many bytes.
const FULL: usize = 15_000;
/// Messages of the page that wait for the conversation to take them.
const AHEAD: usize = 8;
/// How much larger a frame may be than the largest message. What is over that is refused with a status;
/// what is over this ends the connection.
pub const FRAMES_TO_REFUSE: usize = 2;
/// How many pings may come between two times that a page has taken all there was for it. The answers to
/// them wait to be taken; browsers send none.
const PINGS: u32 = 16;
/// What a socket reads into at once.
const READ_BUFFER: usize = 4 << 10;
/// A batch of more bytes is as long as the room is large: it waits until few others are being written.
const LONG: usize = 64 << 10;

/// What the page says first.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello {
    token: Option<String>,
}

/// What the page is told last.
#[derive(Serialize)]
struct Farewell<'a> {
    status: Ending<'a>,
}

#[derive(Serialize)]
struct Ending<'a> {
    code: String,
    message: &'a str,
}

/// Messages from the page, for a conversation.
struct Said(mpsc::Receiver<Inbound>);

impl Stream for Said {
    type Item = Result<Inbound, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|said| said.map(Ok))
    }
}

/// Answers `/console/ws`.
pub(super) async fn answer(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(refusal) = guard::refuse_talker(&shared, &headers) {
        return refusal;
    }
    let Ok(place) = Arc::clone(&shared.chatting).try_acquire_owned() else {
        let why = "as many pages chat as may; try again later\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let Some(entrant) = shared.wicket.enter(peer.ip()) else {
        let why = "there are as many connections as there may be\n";
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let most = shared.wicket.limits().frame_bytes;
    let largest = most.saturating_mul(FRAMES_TO_REFUSE);
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(largest)
        .max_frame_size(largest);
    upgrade.on_upgrade(async move |socket| {
        // A task that can be aborted if nothing comes of it.
        let (known, is_known) = oneshot::channel::<Entrant>();
        let task = tokio::spawn(async move {
            let _place = place;
            if let Ok(entrant) = is_known.await {
                Page::new(socket, peer, &shared).serve(&shared, &entrant).await;
            }
        });
        entrant.is_served_by(task.abort_handle());
        // It waits for just this.
        let _ = known.send(entrant);
    })
}

/// A page's socket.
struct Page {
    /// Where it is.
    peer: SocketAddr,
    sink: SplitSink<WebSocket, Message>,
    ear: Ear,
    /// How long it may be silent before it is asked, and how long the answer may take.
    patience: (Duration, Duration),
    /// When it is asked next whether it is there.
    ask: Instant,
    introductions: Arc<Semaphore>,
}

/// What comes from a page.
struct Ear {
    stream: SplitStream<WebSocket>,
    /// The most bytes of a message.
    most: usize,
    /// When anything came last.
    heard: Instant,
    /// Pings since the page last had taken all there was for it.
    pings: u32,
}

impl Page {
    fn new(socket: WebSocket, peer: SocketAddr, shared: &Shared) -> Self {
        let (sink, stream) = socket.split();
        let limits = shared.wicket.limits();
        let heard = Instant::now();
        let patience = (limits.keepalive_interval, limits.keepalive_timeout);
        let ear = Ear { stream, most: limits.frame_bytes, heard, pings: 0 };
        let introductions = Arc::clone(&shared.introductions);
        Self { peer, sink, ear, patience, ask: heard + patience.0, introductions }
    }

    async fn serve(mut self, shared: &Shared, entrant: &Entrant) {
        let Some(end) = self.come_in(shared, entrant).await else { return };
        // The name of a code is what gRPC calls it, but for its underscores.
        let code = format!("{:?}", end.code());
        let farewell =
            Farewell { status: Ending { code: upper_snake(&code), message: end.message() } };
        // Nothing in it is a map, so it can be written; and whoever is gone need not be told.
        let farewell = serde_json::to_string(&farewell).unwrap_or_default();
        let _ = self.sink.send(Message::text(farewell)).await;
        let _ = self.sink.close().await;
    }

    /// Hears who it is and lets it talk. Returns the status that it ends with; nothing if nobody is left
    /// to be told.
    async fn come_in(&mut self, shared: &Shared, entrant: &Entrant) -> Option<Status> {
        // Whoever says nothing is shown out by the door.
        let hello = self.ear.text().await?;
        let identity = match hello.and_then(|hello| identify(shared, self.peer, &hello)) {
            Ok(identity) => identity,
            Err(status) => return Some(status),
        };
        let (said, inbound) = mpsc::channel(AHEAD);
        let Some(talk) = entrant.talk(identity, Said(inbound)) else {
            return Some(Status::resource_exhausted(
                "this connection has as many streams as it may",
            ));
        };
        self.talk(talk, &said).await
    }

    /// Carries messages both ways, until the conversation ends or the page is gone: then dropping the talk
    /// has the leave announced.
    async fn talk(&mut self, mut talk: Talk<Said>, said: &mpsc::Sender<Inbound>) -> Option<Status> {
        let mut batch = Batch::new(FULL);
        loop {
            // The page first: it gets no further than the channel has room, so all get their turn.
            select! {
                biased;
                heard = self.ear.pass_on(said) => heard?,
                told = talk.next(&mut batch) => {
                    self.send(&mut batch).await?;
                    if let Err(status) = told {
                        return Some(status);
                    }
                }
                () = sleep_until(self.ask) => self.ask().await?,
            }
        }
    }

    /// Sends what is in a batch. Nothing if the page is gone.
    async fn send(&mut self, batch: &mut Batch) -> Option<()> {
        let pieces: Vec<_> = std::iter::from_fn(|| batch.take()).collect();
        let is_long = pieces.iter().map(|piece| piece.len()).sum::<usize>() > LONG;
        let _turn = match is_long {
            true => Some(self.introductions.acquire().await.ok()?),
            false => None,
        };
        let mut messages = Vec::new();
        let taken = prefixed::take(usize::MAX, &mut Vec::new(), &pieces.concat(), |message| {
            messages.push(json::of_encoded(message)?);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
        // What the room encoded can be decoded.
        debug_assert!(taken.is_ok(), "{taken:?}");
        for message in messages {
            self.sink.feed(Message::text(message)).await.ok()?;
        }
        self.sink.flush().await.ok()?;
        self.ear.pings = 0;
        Some(())
    }

    /// Asks whether the page is still there. Nothing if it has not answered for too long.
    async fn ask(&mut self) -> Option<()> {
        let (interval, timeout) = self.patience;
        if self.ear.heard.elapsed() > interval + timeout {
            return None;
        }
        self.ask = Instant::now() + interval;
        self.sink.send(Message::Ping(Vec::new().into())).await.ok()?;
        self.ear.pings = 0;
        Some(())
    }
}

impl Ear {
    /// The next frame that says something; nothing if the page is gone. May be cancelled.
    async fn frame(&mut self) -> Option<Message> {
        loop {
            let message = self.stream.next().await?.ok()?;
            self.heard = Instant::now();
            match message {
                Message::Close(_) => return None,
                Message::Ping(_) if self.pings < PINGS => self.pings += 1,
                // Whoever asks more often means no good.
                Message::Ping(_) => return None,
                Message::Pong(_) => {}
                Message::Text(_) | Message::Binary(_) => return Some(message),
            }
        }
    }

    /// The next text. May be cancelled.
    async fn text(&mut self) -> Option<Result<String, Status>> {
        let text = self.frame().await?.into_text();
        Some(text.map(|text| text.as_str().to_owned()).map_err(|_| not_text()))
    }

    /// Waits for room and then for a message, and passes it on. May be cancelled without losing one.
    async fn pass_on(&mut self, said: &mpsc::Sender<Inbound>) -> Option<()> {
        let room = said.reserve().await.ok()?;
        room.send(match self.frame().await? {
            Message::Text(text) if text.len() > self.most => {
                Err(Fault::Oversized { max_bytes: self.most })
            }
            Message::Text(text) => json::decode(&text),
            _ => Err(Fault::Undecodable("a frame is a text, and no bytes".into())),
        });
        Some(())
    }
}

fn not_text() -> Status {
    Status::invalid_argument("a frame is a text, and no bytes")
}

/// Who a page is, by what it said first.
fn identify(shared: &Shared, peer: SocketAddr, hello: &str) -> Result<Identity, Status> {
    let hello: Hello = serde_json::from_str(hello).map_err(|error| {
        let why = format!("the first frame is {{\"token\":\"…\"}}, or {{\"token\":null}}: {error}");
        Status::invalid_argument(why)
    })?;
    let authorization = hello.token.map(|token| format!("Bearer {token}"));
    guard::identify(shared, peer, authorization.as_deref().map(str::as_bytes)).map_err(
        |Refused { denied, is_within }| match is_within {
            true => status::of_denial(denied),
            false => status::of_too_many_denials(denied),
        },
    )
}

/// `AlreadyExists` as `ALREADY_EXISTS`.
fn upper_snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    #[test]
    fn codes_are_called_as_grpc_calls_them() {
        let name = |code: Code| upper_snake(&format!("{code:?}"));
        assert_eq!(name(Code::AlreadyExists), "ALREADY_EXISTS");
        assert_eq!(name(Code::Ok), "OK");
        assert_eq!(name(Code::InvalidArgument), "INVALID_ARGUMENT");
    }
}

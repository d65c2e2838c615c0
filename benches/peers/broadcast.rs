//! A peer to be compared with: the chat as one would write it over `tokio::sync::broadcast`.
//!
//! A subscriber for each participant, one task for what it sends, tonic's generated server, and a
//! message encoded for each recipient. It checks nothing, bounds nothing and logs nothing, which makes
//! it faster than a service may be.

mod chat;
mod support;

use chat::proto::{Message, chitty_chat_service_server::ChittyChatService};
use chat::{CAPACITY, CONNECT, DISCONNECT, name};
use futures_util::{Stream, StreamExt as _, future};
use std::{
    error::Error,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use tonic::{Request, Response, Status, Streaming};

/// What one participant has to say to the others.
type Said = (u64, Message);

#[derive(Debug)]
struct Chat {
    room: Arc<Room>,
    ids: AtomicU64,
}

#[derive(Debug)]
struct Room {
    clock: Mutex<i32>,
    said: broadcast::Sender<Said>,
}

impl Room {
    fn clock(&self) -> MutexGuard<'_, i32> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of a receive.
    fn witness(&self, time: i32) -> i32 {
        let mut clock = self.clock();
        *clock = time.max(*clock) + 1;
        *clock
    }

    /// The time of a send.
    fn tick(&self) -> i32 {
        let mut clock = self.clock();
        *clock += 1;
        *clock
    }

    /// Passes on what a participant sends, until it leaves or is lost.
    async fn listen(&self, id: u64, mut inbound: Streaming<Message>, who: Message) {
        while let Some(Ok(message)) = inbound.next().await {
            self.witness(message.time);
            if message.r#type == DISCONNECT {
                break;
            }
            // Nobody may be left to hear it.
            let _ = self.said.send((id, message));
        }
        let text = format!("{} has left the chat", name(&who));
        let _ = self.said.send((id, Message { text, r#type: DISCONNECT, ..who }));
    }
}

#[tonic::async_trait]
impl ChittyChatService for Chat {
    type SendMessageStream = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

    async fn send_message(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Self::SendMessageStream>, Status> {
        let mut inbound = request.into_inner();
        let mut connect = inbound.message().await?.ok_or(Status::invalid_argument("no Connect"))?;
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let time = self.room.witness(connect.time);
        connect.text = format!("{} has joined the chat at Lamport time {time}", name(&connect));
        connect.r#type = CONNECT;
        let subscribed = {
            // Nobody's join comes between, so the newcomer's own is the first it hears of.
            let _clock = self.room.clock();
            let subscribed = self.room.said.subscribe();
            let _ = self.room.said.send((id, connect.clone()));
            subscribed
        };
        let room = Arc::clone(&self.room);
        tokio::spawn(async move { room.listen(id, inbound, connect).await });

        let room = Arc::clone(&self.room);
        let deliveries = BroadcastStream::new(subscribed)
            .take_while(move |said| {
                let is_last =
                    matches!(said, Ok((author, it)) if *author == id && it.r#type == DISCONNECT);
                future::ready(!is_last)
            })
            .filter_map(move |said| {
                future::ready(match said {
                    // A participant hears of its own join, and of nothing else that it said.
                    Ok((author, it)) if author == id && it.r#type != CONNECT => None,
                    Ok((_, message)) => Some(Ok(Message { time: room.tick(), ..message })),
                    Err(BroadcastStreamRecvError::Lagged(missed)) => {
                        Some(Err(Status::resource_exhausted(format!("{missed} were missed"))))
                    }
                })
            });
        Ok(Response::new(Box::pin(deliveries)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let room = Room { clock: Mutex::new(0), said: broadcast::Sender::new(CAPACITY) };
    chat::serve(Chat { room: Arc::new(room), ids: AtomicU64::new(0) }).await
}

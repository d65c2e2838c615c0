//! A peer to be compared with: the chat as one would write it with a queue for each participant.
//!
//! A map of senders behind a mutex, as the original has; every message is cloned, stamped and put into
//! the queue of each recipient, and encoded there. It checks nothing and logs nothing.

mod chat;
mod support;

use chat::proto::{Message, chitty_chat_service_server::ChittyChatService};
use chat::{CAPACITY, CONNECT, DISCONNECT, name};
use futures_util::StreamExt as _;
use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

type Queue = mpsc::Sender<Result<Message, Status>>;

#[derive(Debug, Default)]
struct Room {
    clock: i32,
    next: u64,
    clients: BTreeMap<u64, Queue>,
}

impl Room {
    fn witness(&mut self, time: i32) {
        self.clock = time.max(self.clock) + 1;
    }

    /// Tells everybody but one. Whoever has no room left is told no more.
    fn tell(&mut self, message: &Message, but: Option<u64>) {
        let clock = &mut self.clock;
        self.clients.retain(|id, queue| {
            if Some(*id) == but {
                return true;
            }
            *clock += 1;
            queue.try_send(Ok(Message { time: *clock, ..message.clone() })).is_ok()
        });
    }
}

#[derive(Clone, Debug, Default)]
struct Chat(Arc<Mutex<Room>>);

impl Chat {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what a participant sends, until it leaves or is lost.
    async fn listen(self, id: u64, mut inbound: Streaming<Message>, who: Message) {
        while let Some(Ok(message)) = inbound.next().await {
            let mut room = self.room();
            room.witness(message.time);
            if message.r#type == DISCONNECT {
                break;
            }
            room.tell(&message, Some(id));
        }
        let text = format!("{} has left the chat", name(&who));
        let mut room = self.room();
        room.clients.remove(&id);
        room.tell(&Message { text, r#type: DISCONNECT, ..who }, None);
    }
}

#[tonic::async_trait]
impl ChittyChatService for Chat {
    type SendMessageStream = ReceiverStream<Result<Message, Status>>;

    async fn send_message(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Self::SendMessageStream>, Status> {
        let mut inbound = request.into_inner();
        let mut connect = inbound.message().await?.ok_or(Status::invalid_argument("no Connect"))?;
        let (queue, deliveries) = mpsc::channel(CAPACITY);
        let id = {
            let mut room = self.room();
            room.witness(connect.time);
            let time = room.clock;
            connect.text = format!("{} has joined the chat at Lamport time {time}", name(&connect));
            connect.r#type = CONNECT;
            let id = room.next;
            room.next += 1;
            room.clients.insert(id, queue);
            room.tell(&connect, None);
            id
        };
        tokio::spawn(self.clone().listen(id, inbound, connect));
        Ok(Response::new(ReceiverStream::new(deliveries)))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    chat::serve(Chat::default()).await
}

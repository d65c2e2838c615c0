//! A server of the original's protocol that is not ours: a map of queues behind a lock, as one would
//! write it, and correct. Each flaw in [`Flaws`] takes one of its virtues away, so that a case which
//! does not bite would be seen.

use crate::{
    legacy::pb::{
        ClientReference, Message,
        chitty_chat_service_server::{ChittyChatService, ChittyChatServiceServer},
    },
    legacy::{ACK, CONNECT, DISCONNECT, PUBLISH},
};
use std::{net::SocketAddr, sync::Arc, thread};
use tokio::{
    runtime::Builder,
    sync::{Mutex, Notify, mpsc, oneshot},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Server, server::TcpIncoming},
};

/// What it does wrong, all of it by choice.
#[derive(Clone, Copy, Debug)]
pub struct Flaws {
    /// The process ends at a message without a reference, as the original's does.
    pub dies_without_reference: bool,
    /// Nobody is taken out for being lost, and a round ends at the first failed send.
    pub stops_at_failed_send: bool,
    /// A leave that nobody asked for is not announced.
    pub hides_losses: bool,
    /// Whoever half-closes is forgotten, and its stream is left open.
    pub forgets_half_closed: bool,
    /// Whatever comes is passed on: any type, length, character, reference, and from anybody.
    pub believes_everything: bool,
    /// A newcomer is not told of its own join.
    pub hides_own_join: bool,
    /// A text is measured in bytes.
    pub counts_bytes: bool,
    /// It has no clock: every delivery repeats its author's time.
    pub has_no_clock: bool,
    /// It takes a time that cannot be for its own.
    pub lets_its_clock_fall: bool,
    /// Its queues are short, and it waits for room in them.
    pub waits_for_readers: bool,
    /// People are told apart by their reference, and the last one to come has the place.
    pub mixes_up_twins: bool,
    /// More than so many are let in and then told nothing; 0 for as many as come.
    pub seats: usize,
}

impl Flaws {
    /// None at all.
    pub const fn none() -> Self {
        Self {
            dies_without_reference: false,
            stops_at_failed_send: false,
            hides_losses: false,
            forgets_half_closed: false,
            believes_everything: false,
            hides_own_join: false,
            counts_bytes: false,
            has_no_clock: false,
            lets_its_clock_fall: false,
            waits_for_readers: false,
            mixes_up_twins: false,
            seats: 0,
        }
    }
}

/// A running server, ended when the value is dropped.
pub struct Flawed {
    /// Where it listens.
    pub address: SocketAddr,
    end: Arc<Notify>,
}

impl Flawed {
    /// Starts one in a runtime of its own: when it dies, its connections die with it.
    pub async fn start(flaws: Flaws) -> Self {
        let end = Arc::new(Notify::new());
        let (listening, address) = oneshot::channel();
        let dying = Arc::clone(&end);
        thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.expect("threads can be started");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.expect("a free port");
                let _ = listening.send(listener.local_addr().expect("a bound port"));
                let chat = Chat { flaws, room: Arc::default(), end: Arc::clone(&dying) };
                let service = ChittyChatServiceServer::new(chat);
                let most = if flaws.believes_everything { 64 << 20 } else { 4 << 20 };
                let serve = Server::builder()
                    .add_service(service.max_decoding_message_size(most))
                    .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
                tokio::select! {
                    _ = serve => {}
                    () = dying.notified() => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { address: address.await.expect("it listens"), end }
    }
}

impl Drop for Flawed {
    fn drop(&mut self) {
        self.end.notify_one();
    }
}

type Queue = mpsc::Sender<Result<Message, Status>>;

struct Seat {
    key: String,
    id: u64,
    queue: Queue,
}

#[derive(Default)]
struct Room {
    clock: i32,
    next: u64,
    seats: Vec<Seat>,
}

impl Room {
    fn witness(&mut self, time: i32, flaws: Flaws) -> i32 {
        let is_taken = flaws.lets_its_clock_fall && time <= 0;
        self.clock = if is_taken { time } else { self.clock.max(time).wrapping_add(1) };
        self.clock
    }

    async fn tell(&mut self, message: &Message, but: Option<u64>, flaws: Flaws) {
        for seat in self.seats.iter().filter(|seat| Some(seat.id) != but) {
            self.clock = self.clock.wrapping_add(1);
            let time = if flaws.has_no_clock { message.time } else { self.clock };
            let delivery = Ok(Message { time, ..message.clone() });
            let is_sent = if flaws.waits_for_readers {
                seat.queue.send(delivery).await.is_ok()
            } else {
                seat.queue.try_send(delivery).is_ok()
            };
            if !is_sent && flaws.stops_at_failed_send {
                break;
            }
        }
    }
}

#[derive(Clone)]
struct Chat {
    flaws: Flaws,
    room: Arc<Mutex<Room>>,
    end: Arc<Notify>,
}

fn named(who: &ClientReference) -> String {
    format!("{} {}:{}", who.client_name, who.client_address, who.client_port)
}

impl Chat {
    /// What is wrong with a message, if anything.
    fn fault(&self, message: &Message, of: Option<&ClientReference>) -> Option<Status> {
        let Flaws {
            believes_everything,
            counts_bytes,
            dies_without_reference,
            lets_its_clock_fall,
            ..
        } = self.flaws;
        if message.client_reference.is_none() && dies_without_reference {
            self.end.notify_one();
        }
        if believes_everything {
            return None;
        }
        let text = &message.text;
        let length = if counts_bytes { text.len() } else { text.chars().count() };
        let kinds: &[i32] = if of.is_some() { &[PUBLISH, DISCONNECT] } else { &[CONNECT] };
        let is_own = of.is_none_or(|own| message.client_reference.as_ref() == Some(own));
        let is_fit = message.client_reference.is_some()
            && is_own
            && kinds.contains(&message.r#type)
            && length <= 128
            && !text.contains(char::is_control)
            && ((lets_its_clock_fall && message.time < 0) || (0..1 << 30).contains(&message.time));
        (!is_fit).then(|| Status::invalid_argument("that is not allowed"))
    }

    /// Lets somebody in. Returns its number.
    async fn admit(&self, connect: &Message, queue: &Queue) -> Result<u64, Status> {
        let who = connect.client_reference.clone().unwrap_or_default();
        let (mut room, flaws) = (self.room.lock().await, self.flaws);
        let key = named(&who);
        if flaws.mixes_up_twins {
            room.seats.retain(|seat| seat.key != key);
        } else if !flaws.believes_everything && room.seats.iter().any(|seat| seat.key == key) {
            return Err(Status::already_exists("somebody has this reference"));
        }
        let time = room.witness(connect.time, flaws);
        let text = format!("{key} has joined the chat at Lamport time {time}");
        let id = room.next;
        room.next += 1;
        if flaws.seats == 0 || room.seats.len() < flaws.seats {
            room.seats.push(Seat { key, id, queue: queue.clone() });
        }
        let told = Message { text, r#type: CONNECT, ..connect.clone() };
        room.tell(&told, flaws.hides_own_join.then_some(id), flaws).await;
        Ok(id)
    }

    /// Takes somebody out, and tells the others.
    async fn leave(&self, id: u64, who: Option<ClientReference>, is_polite: bool) {
        let (mut room, flaws) = (self.room.lock().await, self.flaws);
        let key = who.as_ref().map(named).unwrap_or_default();
        room.seats.retain(|seat| {
            let is_it = if flaws.mixes_up_twins { seat.key == key } else { seat.id == id };
            !is_it || (flaws.stops_at_failed_send && !is_polite)
        });
        let time = room.clock.wrapping_add(1);
        room.clock = time;
        if is_polite || !flaws.hides_losses {
            let text = format!("{key} has left the chat at Lamport time {time}");
            let told = Message { text, r#type: DISCONNECT, time, client_reference: who };
            room.tell(&told, None, flaws).await;
        }
    }

    /// Everything about one participant, from the message after its Connect.
    async fn serve(
        &self,
        id: u64,
        connect: Message,
        mut incoming: Streaming<Message>,
        queue: Queue,
    ) {
        let who = connect.client_reference;
        let mut is_polite = false;
        let outcome = loop {
            let message = match incoming.message().await {
                Ok(Some(message)) => message,
                Ok(None) if self.flaws.forgets_half_closed => {
                    self.room.lock().await.seats.retain(|seat| seat.id != id);
                    return queue.closed().await;
                }
                Ok(None) => break None,
                Err(status) => break Some(status),
            };
            if let Some(status) = self.fault(&message, who.as_ref()) {
                break Some(status);
            }
            let mut room = self.room.lock().await;
            room.witness(message.time, self.flaws);
            if message.r#type == DISCONNECT {
                is_polite = true;
                break None;
            }
            room.tell(&message, Some(id), self.flaws).await;
        };
        self.leave(id, who, is_polite).await;
        let last = match outcome {
            Some(status) => Err(status),
            None => Ok(Message {
                r#type: ACK,
                time: self.room.lock().await.clock,
                ..Message::default()
            }),
        };
        let _ = queue.try_send(last);
    }
}

#[tonic::async_trait]
impl ChittyChatService for Chat {
    type SendMessageStream = ReceiverStream<Result<Message, Status>>;

    async fn send_message(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Self::SendMessageStream>, Status> {
        let mut incoming = request.into_inner();
        let connect = incoming.message().await?.ok_or_else(|| Status::cancelled("no message"))?;
        if let Some(status) = self.fault(&connect, None) {
            return Err(status);
        }
        let capacity = if self.flaws.waits_for_readers { 4 } else { 1 << 14 };
        let (queue, deliveries) = mpsc::channel(capacity);
        if connect.r#type == CONNECT {
            let id = self.admit(&connect, &queue).await?;
            let chat = self.clone();
            tokio::spawn(async move { chat.serve(id, connect, incoming, queue).await });
        } else {
            self.room.lock().await.tell(&connect, None, self.flaws).await;
        }
        Ok(Response::new(ReceiverStream::new(deliveries)))
    }
}

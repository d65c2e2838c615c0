//! Any bytes as an HTTP/2 connection to the server, in memory, beside two who chat on another.
//!
//! The first byte says what the rest begins with: nothing, HTTP/2's preface, or the preface and a request
//! of the chat's, so that little has to be guessed before it becomes interesting; and whether answers are
//! read. Time is virtual: it moves when nobody has anything to do, and so there is an end to waiting for
//! that, and the same input does the same.

use super::room::{Desk, Room};
use bytes::Bytes;
use chittychat::wire::original::{Message, Reference, kind};
use h2::{RecvStream, SendStream, client};
use prost::Message as _;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

/// What every connection begins with, and no settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The headers of a request of the chat's, on the first stream.
const HEADERS: &[u8] =
    b"\0\0\x4e\x01\x04\0\0\0\x01\x83\x86\x04\x24/proto.ChittyChatService/SendMessage\
    \x01\x04chat\x0f\x10\x10application/grpc\0\x02te\x08trailers";
/// As long as the server takes to get bored of whoever has had nothing to say.
const A_WHILE: Duration = Duration::from_secs(30);
/// How long anything may take between two who behave, in virtual time.
const PROMPT: Duration = Duration::from_secs(5);
/// How much lies in a pipe.
const PIPE: usize = 64 << 10;

/// Attacks with them.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let opening = match first % 3 {
        0 => Vec::new(),
        1 => PREFACE.to_vec(),
        _ => [PREFACE, HEADERS].concat(),
    };
    let is_reading = first & 0x80 == 0;
    Room::visited(async |desk| {
        let mut pair = Pair::join(desk).await;
        let (mut ours, theirs) = tokio::io::duplex(PIPE);
        desk.bring(theirs).await;
        let writing = async {
            // The server may hang up before it has all of it.
            let _ = ours.write_all(&[&opening, rest].concat()).await;
            if is_reading {
                let mut answer = Vec::new();
                let _ = timeout(A_WHILE, ours.read_to_end(&mut answer)).await;
            }
        };
        // Whoever reads nothing may not be able to write either.
        let _ = timeout(A_WHILE, writing).await;
        pair.exchange().await;
        drop(ours);
        sleep(PROMPT).await;
        pair.exchange().await;
    });
}

/// Two participants on one connection.
struct Pair([Seated; 2]);

struct Seated {
    name: &'static str,
    time: i64,
    sending: SendStream<Bytes>,
    body: RecvStream,
    unread: Vec<u8>,
}

impl Pair {
    async fn join(desk: &Desk) -> Self {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        desk.bring(theirs).await;
        let (requests, connection) = client::handshake(ours).await.expect("it speaks HTTP/2");
        tokio::spawn(connection);
        let mut both = Vec::new();
        for name in ["Anton", "Bjarke"] {
            let request = http::Request::post("http://chat/proto.ChittyChatService/SendMessage");
            let request = request.header("content-type", "application/grpc").body(()).expect("it");
            let mut requests = requests.clone().ready().await.expect("room for a stream");
            let (response, sending) = requests.send_request(request, false).expect("a stream");
            let body = timeout(PROMPT, response).await.expect("in time").expect("an answer");
            let body = body.into_body();
            let mut seated = Seated { name, time: 1, sending, body, unread: Vec::new() };
            seated.send(kind::CONNECT, "connect message");
            seated.hears(kind::CONNECT, name, "").await;
            both.push(seated);
        }
        both[0].hears(kind::CONNECT, "Bjarke", "").await;
        Self(both.try_into().unwrap_or_else(|_| unreachable!("there are two")))
    }

    /// Each hears the other, whatever else it hears.
    async fn exchange(&mut self) {
        let [anton, bjarke] = &mut self.0;
        anton.send(kind::PUBLISH, "are you there?");
        bjarke.hears(kind::PUBLISH, "Anton", "are you there?").await;
        bjarke.send(kind::PUBLISH, "yes");
        anton.hears(kind::PUBLISH, "Bjarke", "yes").await;
    }
}

impl Seated {
    fn send(&mut self, kind: i32, text: &str) {
        self.time += 1;
        let name = self.name.to_owned();
        let reference = Some(Reference { address: "127.0.0.1".to_owned(), port: 40, name });
        let message = Message { text: text.to_owned(), kind, time: self.time, reference };
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).expect("it is short").to_be_bytes();
        let bytes = [&[0][..], &length, &message].concat();
        self.sending.send_data(bytes.into(), false).expect("the stream goes on");
    }

    /// Listens up to this.
    async fn hears(&mut self, kind: i32, by: &str, text: &str) {
        let listening = async {
            loop {
                let message = self.next().await;
                assert!(message.time >= self.time, "{message:?} at {}", self.time);
                self.time = message.time + 1;
                let is_by = message.reference.as_ref().is_some_and(|who| who.name == by);
                if message.kind == kind && is_by && message.text.contains(text) {
                    return;
                }
            }
        };
        timeout(PROMPT, listening).await.expect("who behaves is heard");
    }

    async fn next(&mut self) -> Message {
        loop {
            if let Some((prefix, rest)) = self.unread.split_first_chunk::<5>() {
                let [_, length @ ..] = *prefix;
                let length = u32::from_be_bytes(length) as usize;
                if rest.len() >= length {
                    let message = Message::decode(&rest[..length]).expect("a message");
                    self.unread.drain(..prefix.len() + length);
                    return message;
                }
            }
            let data = self.body.data().await.expect("the stream goes on").expect("it is whole");
            let _ = self.body.flow_control().release_capacity(data.len());
            self.unread.extend_from_slice(&data);
        }
    }
}

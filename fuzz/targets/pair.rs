//! Two participants on one connection, who behave, and must be able to chat whatever a third does.

use super::room::{Desk, PIPE};
use bytes::Bytes;
use chittychat::wire::original::{Message, Reference, kind};
use h2::{RecvStream, SendStream, client};
use prost::Message as _;
use std::time::Duration;
use tokio::time::timeout;

/// How long anything may take between two who behave, in virtual time.
pub(super) const PROMPT: Duration = Duration::from_secs(5);

/// See the module's text.
pub(super) struct Pair([Seated; 2]);

struct Seated {
    name: &'static str,
    time: i64,
    sending: SendStream<Bytes>,
    body: RecvStream,
    unread: Vec<u8>,
}

impl Pair {
    /// Both come in.
    pub(super) async fn join(desk: &Desk) -> Self {
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
    pub(super) async fn exchange(&mut self) {
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

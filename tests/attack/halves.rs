//! Requests that are begun and never ended: to health, to reflection, to the chat.

use crate::{
    http2::{CHAT, Connection, WINDOW},
    support::{self, message},
    trial::{Setting, Target, Trial, hold},
};
use bytes::Bytes;
use chittychat::wire::pb::MessageType;
use prost::Message as _;
use std::time::Duration;
use tokio::{task::JoinSet, time::sleep};

/// The path of the health check.
pub const CHECK: &str = "/grpc.health.v1.Health/Check";
/// The path of reflection.
pub const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
/// The bytes before a message that announce four megabytes.
const FOUR_MEBIBYTES: [u8; 5] = [0, 0, 0x40, 0, 0];
/// The bytes before a chat's largest message.
const LARGEST_CHAT: [u8; 5] = [0, 0, 1, 0, 0];

/// What of a request is sent.
#[derive(Clone, Copy)]
struct Half {
    path: &'static str,
    /// The message's length, announced.
    prefix: [u8; 5],
    /// Bytes of the message that follow.
    bytes: usize,
    /// Requests on one connection.
    streams: usize,
    connections: usize,
}

/// Opens as many as are let in, sends that much on each, and holds them. What is ended is begun again.
async fn half(target: Target, half: Half) {
    let mut attacks = JoinSet::new();
    for _ in 0..half.connections {
        attacks.spawn(half_on_one(target.clone(), half));
    }
    while attacks.join_next().await.is_some() {}
    hold(()).await;
}

async fn half_on_one(target: Target, half: Half) {
    let bytes = Bytes::from([&half.prefix[..], &vec![b'x'; half.bytes]].concat());
    while let Some(connection) = Connection::open(&target, WINDOW).await {
        let mut calls = Vec::new();
        while calls.len() < half.streams && target.goes_on() && !connection.is_closed() {
            target.tried();
            match connection.grpc(half.path).await {
                Some(mut call) => {
                    if !call.send(bytes.clone()).await {
                        target.refused();
                    }
                    calls.push(call);
                }
                None => {
                    target.refused();
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
        while target.goes_on() && !connection.is_closed() {
            sleep(Duration::from_millis(20)).await;
        }
        if !connection.is_closed() {
            return hold((connection, calls)).await;
        }
    }
}

pub async fn checks(target: Target) {
    let it = Half {
        path: CHECK,
        prefix: FOUR_MEBIBYTES,
        bytes: (4 << 20) - 1,
        streams: 250,
        connections: 1,
    };
    half(target, it).await;
}

pub async fn announced_checks(target: Target) {
    let it =
        Half { path: CHECK, prefix: FOUR_MEBIBYTES, bytes: 0, streams: 16_000, connections: 1 };
    half(target, it).await;
}

pub async fn reflections(target: Target) {
    let it = Half {
        path: REFLECTION,
        prefix: FOUR_MEBIBYTES,
        bytes: 1 << 20,
        streams: 100,
        connections: 2,
    };
    half(target, it).await;
}

/// Beside a participant on the same connection, so that nobody finds it idle.
pub async fn chats(target: Target) {
    let seated = async {
        let Some(connection) = Connection::open(&target, WINDOW).await else { return };
        let Some(mut seat) = connection.grpc(CHAT).await else { return };
        seat.send(connect("Casper")).await;
        let bytes = Bytes::from([&LARGEST_CHAT[..], &[b'x'; (64 << 10) - 1]].concat());
        let mut calls = Vec::new();
        while calls.len() < 3000 && target.goes_on() && !connection.is_closed() {
            target.tried();
            let Some(mut call) = connection.grpc(CHAT).await else {
                target.refused();
                continue;
            };
            if !call.send(bytes.clone()).await {
                target.refused();
            }
            calls.push(call);
        }
        hold((connection, seat, calls)).await;
    };
    seated.await;
    hold(()).await;
}

/// A Connect, framed.
pub fn connect(name: &str) -> Bytes {
    support::frame(&message(MessageType::Connect, name, "connect message", 2).encode_to_vec())
}

/// Participants who let nothing be sent to them, so that what they send is not read either, and halves of
/// messages beside each.
pub async fn closed_windows(target: Target) {
    let mut attacks = JoinSet::new();
    for number in 0..40 {
        let target = target.clone();
        attacks.spawn(async move {
            let Some(connection) = Connection::open(&target, 0).await else { return };
            let mut calls = Vec::new();
            for stream in 0..64 {
                target.tried();
                let Some(mut call) = connection.grpc(CHAT).await else {
                    target.refused();
                    continue;
                };
                let name = format!("C{number}-{stream}");
                let text = message(MessageType::Publish, &name, "unread", 3).encode_to_vec();
                let texts = support::frame(&text).repeat(60_000 / (text.len() + 5));
                let sent = call.send(connect(&name)).await && call.send(texts.into()).await;
                if !sent {
                    target.refused();
                }
                calls.push(call);
            }
            hold((connection, calls)).await;
        });
    }
    while attacks.join_next().await.is_some() {}
    hold(()).await;
}

/// A server that may not even reserve more than eight gigabytes.
fn narrow() -> Setting {
    Setting { limits: vec!["--as=8589934592"], ..Setting::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn half_a_health_check_holds_little() {
    let trial = Trial::start("half-sent Health/Check, 4 MiB each", narrow()).await;
    trial.attacked(checks).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_announced_is_not_reserved() {
    let trial = Trial::start("16,000 announced Health/Check", narrow()).await;
    trial.attacked(announced_checks).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn half_a_reflection_request_holds_little() {
    let trial = Trial::start("half-sent reflection requests", narrow()).await;
    trial.attacked(reflections).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn half_a_chat_message_holds_little() {
    let trial = Trial::start("half-sent chat frames", narrow()).await;
    trial.attacked(chats).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_not_read_is_bounded() {
    let trial = Trial::start("closed windows, unread DATA", narrow()).await;
    trial.attacked(closed_windows).await.judge();
}

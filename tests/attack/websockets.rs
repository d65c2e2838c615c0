//! Attacks on the page's way in: frames that count as nothing, and messages that never end.

use crate::trial::{Setting, Target, Trial, hold};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

/// Connections that send parts of messages.
const PARTS: usize = 400;
/// The most bytes of a message that is taken in, as it is shipped: four times `limits.frame_bytes`.
const LARGEST: usize = 256 << 10;

mod opcode {
    pub(super) const CONTINUATION: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const PING: u8 = 9;
}

/// A frame as a page sends it, masked with a mask that changes nothing.
fn frame(opcode: u8, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![opcode | if is_final { 0x80 } else { 0 }];
    match payload.len() {
        short @ ..126 => bytes.push(0x80 | short as u8),
        long @ ..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(long as u16).to_be_bytes());
        }
        longer => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(longer as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Opens a WebSocket. Nothing if the server does not want one.
async fn open(target: &Target) -> Option<TcpStream> {
    let mut socket = TcpStream::connect(target.http).await.ok()?;
    let request = format!(
        "GET /console/ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        target.http
    );
    socket.write_all(request.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    head.starts_with(b"HTTP/1.1 101").then_some(socket)
}

/// The same, until there is one or the attack is over.
async fn open_at_last(target: &Target) -> Option<TcpStream> {
    while target.goes_on() {
        target.tried();
        if let Some(socket) = open(target).await {
            return Some(socket);
        }
        target.refused();
        sleep(Duration::from_millis(20)).await;
    }
    None
}

/// Pings, as many as are taken, and reads no answer. `first` is what it says before.
async fn ping(target: Target, first: Vec<u8>) {
    let pings = frame(opcode::PING, true, &[b'x'; 125]).repeat(500);
    while let Some(mut socket) = open_at_last(&target).await {
        let mut is_there = socket.write_all(&first).await.is_ok();
        while is_there && target.goes_on() {
            is_there = socket.write_all(&pings).await.is_ok();
            target.tried();
        }
        if is_there {
            return hold(socket).await;
        }
        target.refused();
    }
    hold(()).await;
}

pub async fn pings_before_the_hello(target: Target) {
    ping(target, Vec::new()).await;
}

pub async fn pings_after_the_hello(target: Target) {
    ping(target, frame(opcode::TEXT, true, br#"{"token":null}"#)).await;
}

/// Messages that are sent up to their last byte, in one frame or in many, before or after the hello.
pub async fn parts(target: Target) {
    let hello = frame(opcode::TEXT, true, br#"{"token":null}"#);
    let mut attacks = JoinSet::new();
    for number in 0..PARTS {
        let (target, hello) = (target.clone(), hello.clone());
        attacks.spawn(async move {
            let Some(mut socket) = open_at_last(&target).await else { return };
            let mut bytes = if number % 2 == 0 { Vec::new() } else { hello };
            if number % 4 < 2 {
                let whole = frame(opcode::TEXT, true, &vec![b'x'; LARGEST]);
                bytes.extend_from_slice(&whole[..whole.len() - 1]);
            } else {
                bytes.extend_from_slice(&frame(opcode::TEXT, false, &[]));
                let part = frame(opcode::CONTINUATION, false, &[b'x'; 1024]);
                bytes.extend_from_slice(&part.repeat(LARGEST / 1024));
            }
            if socket.write_all(&bytes).await.is_err() {
                target.refused();
            }
            hold(socket).await;
        });
    }
    while attacks.join_next().await.is_some() {}
    hold(()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pings_before_a_hello_add_nothing() {
    let trial = Trial::start("WebSocket pings before the hello", Setting::default()).await;
    trial.attacked(pings_before_the_hello).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pings_after_a_hello_add_nothing() {
    let trial = Trial::start("WebSocket pings after the hello", Setting::default()).await;
    trial.attacked(pings_after_the_hello).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn parts_of_messages_add_little() {
    let trial = Trial::start("parts of WebSocket messages", Setting::default()).await;
    trial.attacked(parts).await.judge();
}

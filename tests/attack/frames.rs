//! Frames of HTTP/2 that cost their sender little: tiny ones, empty ones, headers without end.

use crate::{
    http2::{CHAT, Connection, Hand, WINDOW, chat_headers, frame, kind},
    trial::{Setting, Target, Trial, hold},
};
use std::time::Duration;
use tokio::{task::JoinSet, time::sleep};

const END_HEADERS: u8 = 4;
/// Connections of each attack.
const CONNECTIONS: usize = 4;
/// The error code CANCEL.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// Sends `opening`, and then `more` with the numbers of fresh streams again and again, until it is thrown
/// out; and then once more. It reads only if it is to.
async fn flood(
    target: Target,
    is_reading: bool,
    opening: Vec<u8>,
    more: impl Fn(u32) -> Vec<u8> + Send + Sync,
) {
    while let Some(mut hand) = Hand::open(&target).await {
        let mut is_there = hand.write(&opening).await;
        let mut stream = 3;
        while is_there && target.goes_on() {
            target.tried();
            is_there = hand.write(&more(stream)).await && (!is_reading || hand.read().await);
            stream = (stream + 2_000) & 0x7fff_ffff | 1;
        }
        if is_there {
            return hold(hand).await;
        }
        target.refused();
    }
    hold(()).await;
}

async fn on_some(
    target: Target,
    each: impl Fn(Target) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
) {
    let mut attacks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        attacks.spawn(each(target.clone()));
    }
    while attacks.join_next().await.is_some() {}
    hold(()).await;
}

/// DATA of one byte, and of none, of a message that never ends.
pub async fn tiny_data(target: Target) {
    let opening = [
        frame(kind::HEADERS, END_HEADERS, 1, &chat_headers()),
        frame(kind::DATA, 0, 1, &[0, 0, 1, 0, 0]),
    ];
    let tiny = [frame(kind::DATA, 0, 1, b"x"), frame(kind::DATA, 0, 1, b"")].concat().repeat(50);
    on_some(target, |target| {
        let (opening, tiny) = (opening.concat(), tiny.clone());
        Box::pin(flood(target, true, opening, move |_| tiny.clone()))
    })
    .await;
}

/// Questions that want an answer each, and nobody who reads it.
pub async fn unread_answers(target: Target) {
    let ask = [frame(kind::PING, 0, 0, b"12345678"), frame(kind::SETTINGS, 0, 0, &[])];
    let ask = ask.concat().repeat(500);
    on_some(target, |target| {
        let ask = ask.clone();
        Box::pin(flood(target, false, Vec::new(), move |_| ask.clone()))
    })
    .await;
}

/// Requests that are cancelled as soon as they are made.
pub async fn rapid_resets(target: Target) {
    on_some(target, |target| {
        Box::pin(flood(target, true, Vec::new(), |first| {
            let block = chat_headers();
            let both = |number: u32| {
                let stream = first + 2 * number;
                let headers = frame(kind::HEADERS, END_HEADERS, stream, &block);
                [headers, frame(kind::RST_STREAM, 0, stream, &CANCEL)].concat()
            };
            (0..1000).flat_map(both).collect()
        }))
    })
    .await;
}

/// Headers that go on and on.
pub async fn continuations(target: Target) {
    let opening = frame(kind::HEADERS, 0, 1, &chat_headers());
    let header = [&b"\x00\x0ax-attacker\x64"[..], &[b'x'; 100]].concat();
    let more = frame(kind::CONTINUATION, 0, 1, &header.repeat(20));
    on_some(target, |target| {
        let (opening, more) = (opening.clone(), more.clone());
        Box::pin(flood(target, true, opening, move |_| more.clone()))
    })
    .await;
}

/// Requests with as many headers as are let in, held.
pub async fn held_headers(target: Target) {
    let value = "x".repeat(7_500);
    while let Some(connection) = Connection::open(&target, WINDOW).await {
        let mut calls = Vec::new();
        while calls.len() < 16_000 && target.goes_on() && !connection.is_closed() {
            target.tried();
            let headers = [("content-type", "application/grpc"), ("x-attacker", value.as_str())];
            match connection.call(CHAT, &headers).await {
                Some(call) => calls.push(call),
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
    hold(()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn tiny_frames_add_little() {
    let trial = Trial::start("DATA of one byte and of none", Setting::default()).await;
    trial.attacked(tiny_data).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_that_nobody_reads_are_bounded() {
    let trial = Trial::start("pings and settings, never reading", Setting::default()).await;
    trial.attacked(unread_answers).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_cancelled_at_once_add_little() {
    let trial = Trial::start("rapid resets", Setting::default()).await;
    trial.attacked(rapid_resets).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn headers_without_end_add_little() {
    let trial = Trial::start("CONTINUATION without end", Setting::default()).await;
    trial.attacked(continuations).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn headers_that_are_held_are_bounded() {
    let trial = Trial::start("16,000 requests of 7.5 KiB headers", Setting::default()).await;
    trial.attacked(held_headers).await.judge();
}

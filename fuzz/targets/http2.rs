//! Any bytes as an HTTP/2 connection to the server, in memory, beside two who chat on another.
//!
//! The first byte says what the rest begins with: nothing, HTTP/2's preface, or the preface and a request
//! of the chat's, so that little has to be guessed before it becomes interesting; and whether answers are
//! read. Time is virtual: it moves when nobody has anything to do, and so there is an end to waiting for
//! that, and the same input does the same.

use super::{
    pair::{PROMPT, Pair},
    room::{PIPE, Room},
};
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

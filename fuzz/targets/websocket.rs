//! Any bytes as the frames of a page's WebSocket, in memory, beside two who chat.
//!
//! The first byte says what is sent before them: nothing, the hello, or the hello and a Connect; and whether
//! what the server says is read. The upgrade itself is as it should be, since HTTP/1 is hyper's.

use super::{
    pair::{PROMPT, Pair},
    room::{HTTP, PIPE, Room},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::{sleep, timeout},
};

/// Longer than the server waits for whoever has had nothing to say.
const A_WHILE: Duration = Duration::from_secs(30);
const HELLO: &str = r#"{"token":null}"#;
const CONNECT: &str = r#"{"type":"CONNECT","text":"","time":2,"seen":0,"client_reference":
    {"client_name":"Casper","client_address":"127.0.0.1","client_port":60}}"#;

/// Attacks with them.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let said = match first % 3 {
        0 => Vec::new(),
        1 => text(HELLO),
        _ => [text(HELLO), text(CONNECT)].concat(),
    };
    let is_reading = first & 0x80 == 0;
    Room::visited(async |desk| {
        let mut pair = Pair::join(desk).await;
        let (mut ours, theirs) = tokio::io::duplex(PIPE);
        desk.bring_page(theirs);
        timeout(PROMPT, upgrade(&mut ours)).await.expect("it is let in");
        let writing = async {
            // The server may hang up before it has all of it.
            let _ = ours.write_all(&[&said, rest].concat()).await;
            if is_reading {
                let mut answer = Vec::new();
                let _ = ours.read_to_end(&mut answer).await;
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

async fn upgrade(socket: &mut DuplexStream) {
    let request = format!(
        "GET /console/ws HTTP/1.1\r\nHost: {HTTP}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("it is read");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.expect("it is answered"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
}

/// A text in a frame, masked with a mask that changes nothing.
fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("it is short");
    let head = match u8::try_from(length) {
        Ok(short @ ..126) => vec![0x81, 0x80 | short],
        _ => [&[0x81, 0x80 | 126][..], &length.to_be_bytes()].concat(),
    };
    [&head, &[0; 4][..], text.as_bytes()].concat()
}

//! Bytes that are no message, no gRPC frame, or no HTTP/2 at all.

use crate::support::{Connection, Listener, RawPeer, World, frame, message, noise, within};
use bytes::Bytes;
use chittychat::wire::pb::{MessageType, NoticeCode};
use std::io;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::Code;

/// Eight megabytes, far more than the server reads of anything.
const MUCH: usize = 8 << 20;

/// Somebody comes in and sends these bytes on the stream: it is told, it is out, and all that the
/// others hear is that it has left.
async fn ends_the_stay(world: &mut World, bytes: Bytes, words: &str) {
    let (_connection, mut casper) = world.join_raw("Casper").await;
    casper.send_bytes(bytes).await;
    casper.refused(NoticeCode::ProtocolViolation, Code::InvalidArgument, words).await;
    world.hear_leave("Casper").await;
    world.exchange().await;
}

/// The same from somebody who has not connected: the others hear nothing.
async fn ends_before_it_began(world: &mut World, bytes: Bytes, words: &str) {
    let (_connection, mut stranger): (Connection, RawPeer) = world.stranger("Ditte").await;
    stranger.send_bytes(bytes).await;
    stranger.refused(NoticeCode::ProtocolViolation, Code::InvalidArgument, words).await;
    world.exchange().await;
}

#[tokio::test]
async fn an_empty_message_is_a_connect_without_a_reference() {
    let mut world = World::start().await;
    let empty = frame(&[]);
    let words = "every message must carry the sender's own";
    ends_before_it_began(&mut world, empty.clone(), words).await;
    ends_the_stay(&mut world, empty, words).await;
    world.finish().await;
}

#[tokio::test]
async fn eight_megabytes_in_one_frame_are_too_large() {
    let mut world = World::start().await;
    let bytes = frame(&noise(1, MUCH));
    let words = "the message is too large; 65536 bytes are allowed";
    ends_before_it_began(&mut world, bytes.clone(), words).await;
    ends_the_stay(&mut world, bytes, words).await;
    world.finish().await;
}

#[tokio::test]
async fn the_largest_message_that_is_read_is_read() {
    let mut world = World::start().await;
    let limit = 65_536;
    // One field that the server does not know, key and length in five bytes, as long as may be.
    let mut bytes = vec![0xfa, 0x3e];
    prost::encoding::encode_varint(limit - 5, &mut bytes);
    bytes.resize(usize::try_from(limit).unwrap(), b'x');
    let words = "every message must carry the sender's own";
    ends_the_stay(&mut world, frame(&bytes), words).await;
    bytes.push(b'x');
    let words = "the message is too large; 65536 bytes are allowed";
    ends_the_stay(&mut world, frame(&bytes), words).await;
    world.finish().await;
}

#[tokio::test]
async fn eight_megabytes_without_a_frame_are_not_a_message() {
    let mut world = World::start().await;
    // A frame begins with a flag: 0 for plain, 1 for compressed, and nothing else.
    for (flag, words) in [
        (0xff, "the bytes are not a proto.Message"),
        (1, "the bytes are not a proto.Message"),
        (0, "the message is too large; 65536 bytes are allowed"),
    ] {
        let mut bytes = noise(2, MUCH);
        bytes[..2].copy_from_slice(&[flag, 0x80]);
        ends_before_it_began(&mut world, bytes.clone().into(), words).await;
        ends_the_stay(&mut world, bytes.into(), words).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn bytes_that_are_not_protobuf_are_not_a_message() {
    let mut world = World::start().await;
    let words = "the bytes are not a proto.Message";
    // A group that is never closed; a field number of zero; a text longer than the message.
    for bytes in [&b"\x0b\x08\x01"[..], b"\x00\x00", b"\x0a\x7fshort"] {
        ends_the_stay(&mut world, frame(bytes), words).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_text_that_is_not_utf8_is_not_a_message() {
    use prost::Message as _;
    let mut world = World::start().await;
    // The text is the first field: its key, its length, and two bytes that no character has.
    let mut bytes = b"\x0a\x02\xff\xfe".to_vec();
    let rest = message(MessageType::Publish, "Casper", "", 9);
    rest.encode(&mut bytes).unwrap();
    let words = "the bytes are not a proto.Message";
    ends_the_stay(&mut world, frame(&bytes), words).await;
    world.finish().await;
}

#[tokio::test]
async fn a_frame_that_never_ends_holds_nobody_up() {
    let mut world = World::start().await;
    let (connection, mut casper) = world.join_raw("Casper").await;
    casper.send_bytes(Bytes::from_static(b"\x00\x00\x00\x00\x40half of what was promised")).await;
    world.exchange().await;
    drop(connection);
    world.hear_leave("Casper").await;
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_http2_is_hung_up_on() {
    let world = World::start().await;
    for junk in [noise(3, MUCH), b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n".to_vec()] {
        let mut socket = TcpStream::connect(world.server.address).await.expect("a connection");
        // The server may hang up before it has all of it.
        let _ = within("the junk is sent", socket.write_all(&junk)).await;
        let mut answer = Vec::new();
        let end = within("the server hangs up", socket.read_to_end(&mut answer)).await;
        let is_hung_up = match &end {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        };
        assert!(is_hung_up, "{end:?}");
    }
    // Junk may also come behind a preface that is good.
    let mut socket = TcpStream::connect(world.server.address).await.expect("a connection");
    let preface = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &noise(4, MUCH)].concat();
    let _ = within("the junk is sent", socket.write_all(&preface)).await;
    let mut answer = Vec::new();
    let _ = within("the server hangs up", socket.read_to_end(&mut answer)).await;
    world.finish().await;
}

//! The two protocols that peers are measured by: what NATS speaks, and bare frames over TCP.
//!
//! Neither is a chat. There is no clock, nobody is told of joins, and each participant has a connection
//! of its own; but texts, their marks and what is checked of them are the same as over gRPC, so the
//! figures can stand side by side. Nothing here is more of NATS than a subscriber and publisher of one
//! subject needs: <https://docs.nats.io/reference/reference-protocols/nats-protocol>.

use super::framing::{Garbage, MAX_PAYLOAD};
use crate::wire::prefixed::NoMessage;

/// The longest line of NATS that is taken. Its INFO has some hundred bytes.
const MAX_LINE: usize = 8 << 10;
/// The bytes before a bare frame: its length.
const LENGTH: usize = 4;

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// Somebody's text.
    Text(&'a [u8]),
    /// From now on there is something to hear.
    Welcome,
    /// To be answered with [`NATS_PONG`].
    Ping,
    /// Why the server ends the connection.
    Error(&'a [u8]),
    /// Nothing to be done.
    Other,
}

/// Opens a connection to NATS and subscribes to a subject. The server answers the PING when it has
/// taken the subscription.
pub(super) fn open_nats(out: &mut Vec<u8>, subject: &str) {
    out.extend_from_slice(
        b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"lang\":\"rust\"}\r\n",
    );
    out.extend_from_slice(format!("SUB {subject} 1\r\nPING\r\n").as_bytes());
}

/// The answer to NATS's PING.
pub(super) const NATS_PONG: &[u8] = b"PONG\r\n";

/// A text for everybody else, over NATS.
pub(super) fn publish_nats(subject: &str, text: &str) -> Vec<u8> {
    format!("PUB {subject} {}\r\n{text}\r\n", text.len()).into_bytes()
}

/// The same in a bare frame.
pub(super) fn publish_tcp(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or_default();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// The first thing that a NATS server says in `bytes`, and its length; nothing if it has not come to
/// its end.
pub(super) fn read_nats(bytes: &[u8]) -> Result<Option<(Word<'_>, usize)>, Garbage> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() > MAX_LINE {
            Err(NoMessage::TooLong(bytes.len()).into())
        } else {
            Ok(None)
        };
    };
    let (line, after) = (bytes[..end].trim_ascii_end(), end + 1);
    if line.starts_with(b"MSG ") {
        let length = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
        let length: usize = str::from_utf8(length)
            .ok()
            .and_then(|it| it.parse().ok())
            .ok_or(Garbage::ShortFrame)?;
        if length > MAX_PAYLOAD {
            return Err(NoMessage::TooLong(length).into());
        }
        // The text has a line's end too.
        let whole = after + length + 2;
        return Ok(bytes.get(..whole).map(|it| (Word::Text(&it[after..after + length]), whole)));
    }
    let word = match line {
        b"PONG" => Word::Welcome,
        b"PING" => Word::Ping,
        _ if line.starts_with(b"-ERR") => Word::Error(line),
        b"+OK" => Word::Other,
        _ if line.starts_with(b"INFO ") => Word::Other,
        _ => return Err(Garbage::ShortFrame),
    };
    Ok(Some((word, after)))
}

/// The first bare frame in `bytes`, and its length with what stands before it. An empty one is the
/// server's welcome.
pub(super) fn read_tcp(bytes: &[u8]) -> Result<Option<(Word<'_>, usize)>, Garbage> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        return Ok(None);
    };
    match u32::from_be_bytes(*length) as usize {
        0 => Ok(Some((Word::Welcome, LENGTH))),
        length if length > MAX_PAYLOAD => Err(Garbage::LongFrame(length)),
        length => Ok(rest.get(..length).map(|text| (Word::Text(text), LENGTH + length))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nats_says_is_told_apart() {
        let said = b"INFO {}\r\nPONG\r\nMSG chat 1 5\r\nhe\nlo\r\nPING\r\n-ERR 'Slow Consumer'\r\n";
        let (mut at, mut words) = (0, Vec::new());
        while let Some((word, length)) = read_nats(&said[at..]).expect("it is NATS") {
            words.push(word);
            at += length;
        }
        let error = Word::Error(b"-ERR 'Slow Consumer'");
        let text = Word::Text(b"he\nlo");
        assert_eq!(words, [Word::Other, Word::Welcome, text, Word::Ping, error]);
        assert_eq!(at, said.len());
        // Cut anywhere, a text is waited for.
        let text = b"MSG chat 1 5\r\nhello\r\n";
        assert!((0..text.len()).all(|cut| read_nats(&text[..cut]) == Ok(None)));
        assert!(read_nats(b"HTTP/1.1 400 Bad Request\r\n").is_err());
    }

    #[test]
    fn bare_frames_are_read_as_they_are_written() {
        let frame = publish_tcp("hello");
        assert_eq!(read_tcp(&frame), Ok(Some((Word::Text(b"hello"), 9))));
        assert!((0..frame.len()).all(|cut| read_tcp(&frame[..cut]) == Ok(None)));
        assert_eq!(read_tcp(&[0; 4]), Ok(Some((Word::Welcome, 4))));
        assert!(read_tcp(b"HTTP").is_err());
    }
}

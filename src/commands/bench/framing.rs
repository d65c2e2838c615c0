//! HTTP/2 by hand, as much of it as a load generator needs.
//!
//! It writes one kind of request and reads data, and that is all: no header is ever decoded (the one
//! header block of a stream says nothing that is counted, and what a server refuses it says in a
//! notice), there is no priority, and no push. The reason is the cost. A client of tonic spends three
//! to six times what the server spends on a delivery, so a benchmark with it measures the benchmark.

use crate::wire::prefixed::NoMessage;

/// What an HTTP/2 client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The path of the one call of the protocol.
const PATH: &str = "/proto.ChittyChatService/SendMessage";
/// The bytes before a frame's payload.
const HEAD: usize = 9;
/// The largest payload that we allow, which is what the standard starts from.
pub(super) const MAX_PAYLOAD: usize = 16_384;
/// What the server may send ahead, on each stream and on the connection. The generator is to be
/// limited by its sockets, and not by round trips of window updates.
pub(super) const WINDOW: u32 = 1 << 30;
/// What a peer may be sent before it has said otherwise.
pub(super) const DEFAULT_WINDOW: i64 = 65_535;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// On DATA and HEADERS: nothing follows on this stream.
const END_STREAM: u8 = 1;
/// On SETTINGS and PING: this is the answer.
const ACK: u8 = 1;
/// On HEADERS: no continuation.
const END_HEADERS: u8 = 4;
/// On DATA: the payload is padded.
const PADDED: u8 = 8;

const SETTING_PUSH: u16 = 2;
const SETTING_WINDOW: u16 = 4;

/// What a frame from the server means to a load generator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Bytes of a stream. `length` is what they count for in flow control.
    Data { stream: u32, bytes: &'a [u8], length: u32, is_end: bool },
    /// Headers that end a stream.
    End { stream: u32 },
    /// The server does not want a stream any more.
    Reset { stream: u32, code: u32 },
    /// The server's settings: to be acknowledged. The window is what a new stream may send ahead.
    Settings { window: Option<u32> },
    /// To be answered with the same eight bytes.
    Ping([u8; 8]),
    /// More may be sent, on a stream or (0) on the connection.
    Window { stream: u32, more: u32 },
    /// The server closes the connection, and may say why.
    GoAway { code: u32, reason: &'a [u8] },
    /// Nothing to be done.
    Other,
}

/// What makes bytes no HTTP/2 or no gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Garbage {
    #[error("it sent a frame of {0} bytes, which is no HTTP/2 as it was agreed")]
    LongFrame(usize),
    #[error("it sent a frame whose parts do not fit into it")]
    ShortFrame,
    #[error(transparent)]
    Message(#[from] NoMessage),
}

/// The first frame in `bytes` and its length, or nothing if it has not come to its end.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Garbage> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let [high, middle, low, kind, flags, id @ ..] = *head;
    let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    if length > MAX_PAYLOAD {
        return Err(Garbage::LongFrame(length));
    }
    let Some(payload) = rest.get(..length) else {
        return Ok(None);
    };
    let stream = u32::from_be_bytes(id) & !(1 << 31);
    Ok(Some((frame(kind, flags, stream, payload)?, HEAD + length)))
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<Frame<'_>, Garbage> {
    let is_end = flags & END_STREAM != 0;
    Ok(match kind {
        DATA => {
            let bytes = if flags & PADDED == 0 { payload } else { unpadded(payload)? };
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            Frame::Data { stream, bytes, length, is_end }
        }
        HEADERS if is_end => Frame::End { stream },
        RST_STREAM => Frame::Reset { stream, code: number(payload)? },
        SETTINGS if flags & ACK == 0 => Frame::Settings { window: window_in(payload)? },
        PING if flags & ACK == 0 => {
            Frame::Ping(payload.try_into().map_err(|_| Garbage::ShortFrame)?)
        }
        GOAWAY => {
            let (_last_stream, rest) =
                payload.split_first_chunk::<4>().ok_or(Garbage::ShortFrame)?;
            let reason = rest.get(4..).unwrap_or_default();
            Frame::GoAway { code: number(rest)?, reason }
        }
        WINDOW_UPDATE => Frame::Window { stream, more: number(payload)? & !(1 << 31) },
        _ => Frame::Other,
    })
}

fn number(payload: &[u8]) -> Result<u32, Garbage> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or(Garbage::ShortFrame)
}

fn unpadded(payload: &[u8]) -> Result<&[u8], Garbage> {
    let (padding, rest) = payload.split_first().ok_or(Garbage::ShortFrame)?;
    let end = rest.len().checked_sub(usize::from(*padding)).ok_or(Garbage::ShortFrame)?;
    Ok(&rest[..end])
}

fn window_in(settings: &[u8]) -> Result<Option<u32>, Garbage> {
    let mut window = None;
    for setting in settings.chunks(6) {
        let (name, value) = setting.split_first_chunk().ok_or(Garbage::ShortFrame)?;
        if u16::from_be_bytes(*name) == SETTING_WINDOW {
            window = Some(number(value)?);
        }
    }
    Ok(window)
}

fn head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    // All that we write is far shorter than a frame may be.
    let [_, length @ ..] = u32::try_from(length).unwrap_or_default().to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// Opens a connection.
pub(super) fn open(out: &mut Vec<u8>) {
    out.extend_from_slice(PREFACE);
    head(out, 12, SETTINGS, 0, 0);
    for (name, value) in [(SETTING_PUSH, 0), (SETTING_WINDOW, WINDOW)] {
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    window(out, 0, WINDOW - DEFAULT_WINDOW as u32);
}

/// Opens a stream: the headers of the call.
pub(super) fn request(out: &mut Vec<u8>, stream: u32, authority: &str) {
    // Header fields by their number in HPACK's static table; none of them is to be remembered.
    let mut block = vec![0x83, 0x86];
    block.push(0x04);
    literal(&mut block, PATH);
    block.push(0x01);
    literal(&mut block, authority);
    block.extend_from_slice(&[0x0f, 0x10]);
    literal(&mut block, "application/grpc");
    block.push(0x00);
    literal(&mut block, "te");
    literal(&mut block, "trailers");
    block.extend_from_slice(&[0x0f, 0x2b]);
    literal(&mut block, concat!("chittychat-bench/", env!("CARGO_PKG_VERSION")));
    head(out, block.len(), HEADERS, END_HEADERS, stream);
    out.extend_from_slice(&block);
}

/// A string of HPACK, without Huffman's code.
fn literal(block: &mut Vec<u8>, text: &str) {
    const MOST_IN_ONE: usize = 127;
    let mut length = text.len();
    if length < MOST_IN_ONE {
        block.push(length as u8);
    } else {
        block.push(MOST_IN_ONE as u8);
        length -= MOST_IN_ONE;
        while length >= 128 {
            block.push((length % 128) as u8 | 128);
            length /= 128;
        }
        block.push(length as u8);
    }
    block.extend_from_slice(text.as_bytes());
}

/// Sends gRPC messages, [`MAX_PAYLOAD`] bytes at most. Returns what they count for in flow control.
pub(super) fn data(out: &mut Vec<u8>, stream: u32, messages: &[u8], is_last: bool) -> i64 {
    head(out, messages.len(), DATA, if is_last { END_STREAM } else { 0 }, stream);
    out.extend_from_slice(messages);
    messages.len() as i64
}

/// Lets the server send more.
pub(super) fn window(out: &mut Vec<u8>, stream: u32, more: u32) {
    head(out, 4, WINDOW_UPDATE, 0, stream);
    out.extend_from_slice(&more.to_be_bytes());
}

/// Acknowledges the server's settings.
pub(super) fn settings_taken(out: &mut Vec<u8>) {
    head(out, 0, SETTINGS, ACK, 0);
}

/// Answers a ping.
pub(super) fn pong(out: &mut Vec<u8>, payload: [u8; 8]) {
    head(out, 8, PING, ACK, 0);
    out.extend_from_slice(&payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_they_are_written() {
        let mut bytes = Vec::new();
        data(&mut bytes, 7, b"\0\0\0\0\x02hi", true);
        window(&mut bytes, 7, 99);
        let data = Frame::Data { stream: 7, bytes: b"\0\0\0\0\x02hi", length: 7, is_end: true };
        assert_eq!(read(&bytes), Ok(Some((data, 16))));
        assert_eq!(read(&bytes[16..]), Ok(Some((Frame::Window { stream: 7, more: 99 }, 13))));
        for cut in 0..16 {
            assert_eq!(read(&bytes[..cut]), Ok(None));
        }
    }

    #[test]
    fn padding_is_taken_off_and_counted() {
        let bytes = [0, 0, 4, DATA, PADDED, 0, 0, 0, 1, 2, b'x', 0, 0];
        let data = Frame::Data { stream: 1, bytes: b"x", length: 4, is_end: false };
        assert_eq!(read(&bytes), Ok(Some((data, 13))));
        let too_much = [0, 0, 1, DATA, PADDED, 0, 0, 0, 1, 2];
        assert_eq!(read(&too_much), Err(Garbage::ShortFrame));
        assert_eq!(read(b"HTTP/1.1 400"), Err(Garbage::LongFrame(0x0048_5454)));
    }

    #[test]
    fn a_window_is_found_among_settings() {
        let settings = [0, 3, 0, 0, 0, 9, 0, 4, 0, 1, 0, 0];
        assert_eq!(window_in(&settings), Ok(Some(65_536)));
        assert_eq!(window_in(&[]), Ok(None));
        assert_eq!(window_in(&settings[..7]), Err(Garbage::ShortFrame));
    }

    #[test]
    fn a_long_string_has_a_long_length() {
        let mut block = Vec::new();
        literal(&mut block, &"x".repeat(300));
        assert_eq!(block[..3], [127, 173, 1]);
    }
}

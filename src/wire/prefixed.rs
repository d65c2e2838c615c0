//! Messages as gRPC puts them on a stream: a flag, a length, and so many bytes.
//!
//! It is for those who hold a stream in their own hands, the load generator and the probe. The server
//! and the participant have tonic do it.

/// The bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What makes the bytes of a stream no messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMessage {
    /// It is compressed.
    #[error("it sent a compressed message, which nobody had asked for")]
    Compressed,
    /// It is longer than the reader takes.
    #[error("it sent a message of {0} bytes")]
    TooLong(usize),
}

/// Puts a message behind others.
pub fn put(out: &mut Vec<u8>, message: &[u8]) {
    out.push(0);
    out.extend_from_slice(&u32::try_from(message.len()).unwrap_or_default().to_be_bytes());
    out.extend_from_slice(message);
}

/// Takes the gRPC messages out of a stream's bytes, whose pieces come as they like. What is left of
/// one waits in `partial` for the rest. A message may have `most` bytes.
///
/// # Errors
/// If one is too long or compressed, or with what `each` says.
pub fn take<E: From<NoMessage>>(
    most: usize,
    partial: &mut Vec<u8>,
    mut bytes: &[u8],
    mut each: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    while !partial.is_empty() {
        let wanted = match message_length(most, partial)? {
            None => PREFIX,
            Some(length) => PREFIX + length,
        };
        let (now, later) = bytes.split_at(bytes.len().min(wanted - partial.len()));
        partial.extend_from_slice(now);
        bytes = later;
        match message_length(most, partial)? {
            Some(length) if partial.len() == PREFIX + length => {
                let whole = std::mem::take(partial);
                each(&whole[PREFIX..])?;
            }
            // The prefix is whole now, the message is not.
            Some(_) if !bytes.is_empty() => {}
            _ => return Ok(()),
        }
    }
    while let Some(length) = message_length(most, bytes)? {
        let Some(message) = bytes.get(PREFIX..PREFIX + length) else { break };
        each(message)?;
        bytes = &bytes[PREFIX + length..];
    }
    partial.extend_from_slice(bytes);
    Ok(())
}

/// The length of the message that begins here, if its prefix is there.
fn message_length(most: usize, bytes: &[u8]) -> Result<Option<usize>, NoMessage> {
    let Some((prefix, _)) = bytes.split_first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let [is_compressed, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if is_compressed != 0 {
        Err(NoMessage::Compressed)
    } else if length > most {
        Err(NoMessage::TooLong(length))
    } else {
        Ok(Some(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 4 << 20;

    /// Everything that `take` finds if the bytes come in pieces of this size.
    fn found(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let (mut partial, mut found) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            let kept = take(MOST, &mut partial, piece, |message| {
                found.push(message.to_vec());
                Ok::<_, NoMessage>(())
            });
            assert_eq!(kept, Ok(()));
        }
        assert!(partial.is_empty());
        found
    }

    #[test]
    fn messages_are_found_however_they_are_cut() {
        let sent = [&b"one"[..], b"", b"a longer one", b"x"];
        let mut bytes = Vec::new();
        for each in sent {
            put(&mut bytes, each);
        }
        for piece in 1..=bytes.len() {
            assert_eq!(found(&bytes, piece), sent);
        }
    }

    #[test]
    fn what_is_no_grpc_is_named() {
        let take = |bytes: &[u8]| take(MOST, &mut Vec::new(), bytes, |_| Ok(()));
        assert_eq!(take(&[1, 0, 0, 0, 0]), Err(NoMessage::Compressed));
        assert_eq!(take(&[0, 255, 0, 0, 0]), Err(NoMessage::TooLong(255 << 24)));
    }
}

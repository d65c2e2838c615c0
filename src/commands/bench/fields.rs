//! The four fields of a delivery that are measured and checked, found by walking over the rest.
//!
//! This is not a decoder: nothing is copied and nothing allocated, and what is not asked for is
//! stepped over unread. A decoded message costs some 300 ns, a walk some 20.

/// What is seen of a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sighting<'a> {
    /// Field 1: what is said.
    pub text: &'a [u8],
    /// Field 2: what it means.
    pub kind: u64,
    /// Field 3: the server's time of this send.
    pub time: u64,
    /// Field 103: the server's time of the receive; 0 if the server gives none.
    pub accepted: u64,
}

/// Walks over a message. Nothing if it is none.
pub(super) fn walk(mut message: &[u8]) -> Option<Sighting<'_>> {
    let mut sighting = Sighting::default();
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match key & 7 {
            0 => {
                let value = varint(&mut message)?;
                match key >> 3 {
                    2 => sighting.kind = value,
                    3 => sighting.time = value,
                    103 => sighting.accepted = value,
                    _ => {}
                }
            }
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                let bytes = message.split_off(..length)?;
                if key >> 3 == 1 {
                    sighting.text = bytes;
                }
            }
            1 => _ = message.split_off(..8)?,
            5 => _ = message.split_off(..4)?,
            _ => return None,
        }
    }
    Some(sighting)
}

/// The number at the front, which is taken off.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    // Most keys and lengths have one byte.
    let first = *bytes.split_off_first()?;
    if first < 128 {
        return Some(u64::from(first));
    }
    let mut value = u64::from(first & 127);
    for shift in (7..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{LamportTime, Participant, Text};
    use crate::wire::participant::{Outgoing, to_pb};
    use prost::Message as _;

    /// A message with everything in it that an original participant sends.
    fn message() -> Vec<u8> {
        let who = Participant::new("Anton", "127.0.0.1", 20).expect("legal");
        let text = Outgoing::Publish(Text::new("Hello, æøå").expect("legal"));
        let time = LamportTime::ZERO.after(300);
        to_pb(&text, &who, time, LamportTime::ZERO.after(299)).encode_to_vec()
    }

    #[test]
    fn the_fields_are_found_wherever_they_stand() {
        let mut bytes = message();
        let expected =
            Sighting { text: "Hello, æøå".as_bytes(), kind: 2, time: 300, accepted: 0 };
        assert_eq!(walk(&bytes), Some(expected));
        // Field 103 behind the rest, and fields that nobody knows, of every wire type.
        bytes.extend_from_slice(&[0xb8, 0x06, 0xac, 0x02]);
        bytes.extend_from_slice(&[0xc9, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8, 0xcd, 0x3e, 1, 2, 3, 4]);
        assert_eq!(walk(&bytes), Some(Sighting { accepted: 300, ..expected }));
        assert_eq!(walk(&[]), Some(Sighting::default()));
    }

    #[test]
    fn what_is_cut_off_is_no_message() {
        let bytes = message();
        let whole = walk(&bytes);
        // Text, type and time are the first twenty bytes. Between two fields a message may end.
        for cut in 1..20 {
            assert_ne!(walk(&bytes[..cut]), whole, "cut at {cut}");
        }
        assert_eq!(walk(&[0x0a, 5, b'x']), None, "a text longer than the message");
        assert_eq!(walk(&[0x18, 0x80]), None, "a number without an end");
        assert_eq!(walk(&[0x18; 1]), None, "a key without a value");
        assert_eq!(walk(&[0x1b, 0]), None, "a wire type that is no more");
        assert_eq!(walk(&[&[0x18][..], &[0xff; 11]].concat()), None, "a number too long");
    }

    #[test]
    fn a_negative_number_is_a_large_one() {
        let mut bytes = vec![0x18];
        bytes.extend_from_slice(&[0xff; 9]);
        bytes.push(1);
        assert_eq!(walk(&bytes).map(|sighting| sighting.time), Some(u64::MAX));
    }
}

//! The protocol as the original knew it: four fields, and nothing that keeps anybody from filling them
//! with nonsense.
//!
//! The generated types of [`pb`](super::pb) are what our server and our participant speak. These are
//! for speaking to strangers: a field may be absent, negative or unknown, and of a delivery is read
//! what every server of the protocol sends. On the wire the original's int32 is the same as an int64
//! of the same value.

/// What a message means, as the wire numbers it.
pub mod kind {
    /// Let me in, or: somebody has joined.
    pub const CONNECT: i32 = 0;
    /// I am leaving, or: somebody has left.
    pub const DISCONNECT: i32 = 1;
    /// Somebody's words.
    pub const PUBLISH: i32 = 2;
    /// The answer to a Disconnect; the one message that needs no reference.
    pub const ACK: i32 = 3;
}

/// A message of the protocol, in either direction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Message {
    /// What is said.
    #[prost(string, tag = "1")]
    pub text: String,
    /// What it means: see [`kind`].
    #[prost(int32, tag = "2")]
    pub kind: i32,
    /// The sender's Lamport time.
    #[prost(int64, tag = "3")]
    pub time: i64,
    /// Whose words these are.
    #[prost(message, optional, tag = "4")]
    pub reference: Option<Reference>,
}

/// Who a participant is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Reference {
    /// The address that it names.
    #[prost(string, tag = "1")]
    pub address: String,
    /// The port that it names.
    #[prost(int32, tag = "2")]
    pub port: i32,
    /// Its name.
    #[prost(string, tag = "3")]
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb;
    use prost::Message as _;

    #[test]
    fn it_is_what_the_generated_types_read_and_write() {
        let reference = Reference { address: "127.0.0.1".into(), port: 40, name: "Anton".into() };
        let ours = Message { text: "hi".into(), kind: 77, time: -5, reference: Some(reference) };
        let theirs = pb::Message {
            text: "hi".into(),
            r#type: 77,
            time: -5,
            client_reference: Some(pb::ClientReference {
                client_address: "127.0.0.1".into(),
                client_port: 40,
                client_name: "Anton".into(),
            }),
            ..Default::default()
        };
        assert_eq!(ours.encode_to_vec(), theirs.encode_to_vec());
        let more = pb::Message { accepted_time: 9, ..theirs };
        assert_eq!(Message::decode(&*more.encode_to_vec()), Ok(ours));
        assert_eq!(Message::default().encode_to_vec(), Vec::<u8>::new());
    }
}

//! What the tests of the server share: processes, peers and a room with people in it.
//!
//! Nothing here sleeps. Whoever waits, waits for something that can be observed, and says what it
//! was if it does not come within [`PATIENCE`].

mod listener;
mod peer;
mod process;
mod raw;
mod scrape;
mod server;
mod world;

pub use listener::{Heard, Listener};
pub use peer::{Peer, channel};
pub use process::Process;
pub use raw::{Connection, RawPeer, frame};
pub use scrape::Scrape;
pub use server::Server;
pub use world::{World, joined_by, left_by};

use chittychat::wire::pb;
use std::time::Duration;

/// How long anything may take. It is no measure of the server, only the end of hope: generous,
/// because the machine may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `future`, and fails with `what` was awaited if it does not end.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("still waiting after {PATIENCE:?}: {what}"),
    }
}

/// A reference with this name.
pub fn reference(name: &str) -> pb::ClientReference {
    pb::ClientReference {
        client_name: name.to_owned(),
        client_address: "127.0.0.1".to_owned(),
        client_port: 40,
    }
}

/// A message of the participant with this name.
pub fn message(kind: pb::MessageType, name: &str, text: &str, time: i64) -> pb::Message {
    pb::Message {
        r#type: kind.into(),
        text: text.to_owned(),
        time,
        client_reference: Some(reference(name)),
        ..Default::default()
    }
}

/// A lot of bytes that mean nothing, the same for the same seed (xorshift).
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(bytes).collect()
}

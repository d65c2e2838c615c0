//! A server with two well-behaved participants in its room, whom no fault of a third may harm.

use super::{Connection, Listener, Peer, RawPeer, Server, pb};
use chittychat::chat::escape::acts;
use chittychat::wire::pb::{MessageType, NoticeCode};
use tonic::Code;

/// The window of an HTTP/2 stream unless somebody says otherwise.
const WINDOW: u32 = 65_535;

/// See the module's text.
#[derive(Debug)]
pub struct World {
    /// The server.
    pub server: Server,
    /// Joined first.
    pub anton: Peer,
    /// Joined second.
    pub bjarke: Peer,
}

impl World {
    /// A world with the settings as they are.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A world whose server has these variables.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let server = Server::start(variables).await;
        let mut anton = Peer::open(server.address, "Anton").await;
        anton.connect();
        joined_by(&anton.delivery().await, "Anton");
        let mut bjarke = Peer::open(server.address, "Bjarke").await;
        bjarke.connect();
        joined_by(&bjarke.delivery().await, "Bjarke");
        joined_by(&anton.delivery().await, "Bjarke");
        Self { server, anton, bjarke }
    }

    /// The server's clock, as far as these two can tell: the time of what it did last.
    pub fn now(&self) -> i64 {
        self.anton.latest.max(self.bjarke.latest)
    }

    /// A third participant comes in, and everybody hears of it.
    pub async fn join(&mut self, name: &str) -> Peer {
        let mut peer = Peer::open(self.server.address, name).await;
        peer.connect();
        joined_by(&peer.delivery().await, name);
        self.hear_join(name).await;
        peer
    }

    /// A stream made by hand, on which nothing has been said.
    pub async fn stranger(&self, name: &str) -> (Connection, RawPeer) {
        let connection = Connection::open(self.server.address, WINDOW).await;
        let peer = connection.stream(name).await;
        (connection, peer)
    }

    /// A third participant, made by hand, comes in, and everybody hears of it.
    pub async fn join_raw(&mut self, name: &str) -> (Connection, RawPeer) {
        let (connection, mut peer) = self.stranger(name).await;
        peer.connect().await;
        joined_by(&peer.delivery().await, name);
        self.hear_join(name).await;
        (connection, peer)
    }

    /// A third participant comes in and from then on takes no byte: its window is so small that
    /// not even its own join fits.
    pub async fn join_frozen(&mut self, name: &str) -> (Connection, RawPeer) {
        let connection = Connection::open(self.server.address, 16).await;
        let mut peer = connection.stream(name).await;
        peer.connect().await;
        self.hear_join(name).await;
        (connection, peer)
    }

    /// Both hear, next, that somebody has joined.
    pub async fn hear_join(&mut self, name: &str) {
        joined_by(&self.anton.delivery().await, name);
        joined_by(&self.bjarke.delivery().await, name);
    }

    /// Both hear, next, that somebody has left. Returns the Lamport time of that.
    pub async fn hear_leave(&mut self, name: &str) -> i64 {
        let left = left_by(&self.anton.delivery().await, name);
        assert_eq!(left_by(&self.bjarke.delivery().await, name), left);
        left
    }

    /// The two exchange a message both ways, and hear nothing else.
    pub async fn exchange(&mut self) {
        self.anton.say("are you there?");
        self.bjarke.hears("Anton", "are you there?").await;
        self.bjarke.say("yes");
        self.anton.hears("Bjarke", "yes").await;
    }

    /// The end of every test: the two are unharmed and have heard nothing that they should not have,
    /// the server stops as it should, and nothing raw stands in its log. Returns the log.
    pub async fn finish(mut self) -> Vec<String> {
        self.exchange().await;
        self.server.process.signal(nix::sys::signal::Signal::SIGTERM);
        for peer in [&mut self.anton, &mut self.bjarke] {
            peer.refused(NoticeCode::ShuttingDown, Code::Unavailable, "connect again later").await;
        }
        assert_eq!(self.server.process.exit_code().await, 0);
        let log = self.server.process.err.so_far();
        for line in &log {
            let is_raw = |c| acts(c) || c == char::REPLACEMENT_CHARACTER;
            assert!(!line.contains(is_raw), "something raw is in the log: {line:?}");
        }
        log
    }
}

/// Checks that a delivery tells of this participant's join.
pub fn joined_by(delivery: &pb::Message, name: &str) {
    let (kind, by) = (delivery.r#type(), author(delivery));
    assert_eq!((kind, by), (MessageType::Connect, name), "{delivery:?}");
    assert!(delivery.text.contains("has joined the chat at Lamport time"), "{delivery:?}");
}

/// Checks that a delivery tells of this participant's leave, and returns the time it names.
pub fn left_by(delivery: &pb::Message, name: &str) -> i64 {
    let (kind, by) = (delivery.r#type(), author(delivery));
    assert_eq!((kind, by), (MessageType::Disconnect, name), "{delivery:?}");
    let (_, time) = delivery
        .text
        .split_once("has left the chat at Lamport time ")
        .unwrap_or_else(|| panic!("{delivery:?}"));
    time.parse().expect("a Lamport time")
}

fn author(delivery: &pb::Message) -> &str {
    delivery.client_reference.as_ref().map_or("", |who| &who.client_name)
}

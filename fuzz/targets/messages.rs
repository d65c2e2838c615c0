//! Any bytes as messages of some streams, through the decoder and the room, to what everybody is told.
//!
//! The input is a list of steps. The first byte of a step says which of the streams it is about and what
//! happens: a message arrives (a length and that many bytes follow), the participant reads, the stream
//! breaks off, or the room closes.

use chittychat::chat::{Participant, Rules, invariant};
use chittychat::hub::{Bounds, Hub, Reply, Seated};
use chittychat::wire::{
    Batch, decode,
    original::{Message, kind},
    pb,
};
use prost::Message as _;
use std::task::{Context, Poll, Waker};

const STREAMS: usize = 4;
/// Beyond that a run only gets slower.
const STEPS: usize = 200;
/// The most characters of somebody's words.
const CHARACTERS: usize = 128;

#[derive(Default)]
struct Stream {
    seated: Option<Seated>,
    latest: i64,
    /// Refused or left: nothing more is heard on it.
    has_ended: bool,
}

/// Plays the steps.
pub fn run(data: &[u8]) {
    let server = Participant::server("", 0);
    let rules = Rules { max_participants: STREAMS - 1 };
    let hub = Hub::new(rules, Bounds::default(), server);
    let mut streams: [Stream; STREAMS] = Default::default();
    let mut rest = data;
    for _ in 0..STEPS {
        let Some((first, behind)) = rest.split_first() else { break };
        rest = behind;
        let stream = &mut streams[usize::from(*first) % STREAMS];
        match first / STREAMS as u8 {
            0 => *stream = Stream::default(),
            1 => hub.close(),
            2..8 => stream.read(),
            _ => {
                let (length, behind) = rest.split_first().unwrap_or((&0, &[]));
                let (message, behind) = behind.split_at(behind.len().min(usize::from(*length)));
                rest = behind;
                stream.receive(&hub, message);
            }
        }
    }
    hub.close();
    streams.iter_mut().for_each(Stream::read);
    drop(streams);
    assert_eq!(invariant::conservation(&hub.books().account), Ok(()));
    assert_eq!(hub.present(), 0);
}

impl Stream {
    fn receive(&mut self, hub: &Hub, message: &[u8]) {
        if self.has_ended {
            return;
        }
        match hub.receive(self.seated.as_ref().map(Seated::seat), decode(message)) {
            Reply::Joined(seated) => self.seated = Some(seated),
            Reply::Refused { notice, .. } => {
                self.has_ended = true;
                notice.into_iter().for_each(|notice| self.heard(notice));
            }
            Reply::Logged | Reply::Gone => {}
        }
    }

    /// Reads all there is.
    fn read(&mut self) {
        while let Some(seated) = &mut self.seated {
            let mut batch = Batch::new(1);
            match seated.poll_batch(&mut batch, &mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(_)) => self.heard(batch),
                Poll::Ready(Err(_)) => {
                    self.seated = None;
                    self.has_ended = true;
                }
                Poll::Pending => return,
            }
        }
    }

    /// What comes out can be read by any peer, its times rise, and its words are within bounds.
    fn heard(&mut self, mut batch: Batch) {
        let bytes = std::iter::from_fn(|| batch.take()).collect::<Vec<_>>().concat();
        let mut rest = &bytes[..];
        while let Some((prefix, behind)) = rest.split_first_chunk::<5>() {
            let [0, a, b, c, d] = *prefix else { panic!("a compressed message") };
            let (message, behind) = behind.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
            rest = behind;
            let message = Message::decode(message).expect("what goes out can be read");
            assert!(message.time > self.latest, "{} after {}", message.time, self.latest);
            self.latest = message.time;
            let is_known = pb::MessageType::try_from(message.kind).is_ok();
            assert!(is_known, "type {}", message.kind);
            assert!(message.reference.is_some() || message.kind == kind::ACK, "nobody's words");
            if message.kind == kind::PUBLISH {
                assert!(message.text.chars().count() <= CHARACTERS, "{message:?}");
            }
        }
        assert!(rest.is_empty(), "half a message");
    }
}

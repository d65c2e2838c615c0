//! The wicket: a way into the room for participants that come by another transport than gRPC.
//!
//! A page in a browser cannot hold a gRPC stream. What it holds instead is the affair of whoever serves it;
//! here it gets what a stream gets. It is counted at the same door, has the same limits and the same
//! conversation with the room, and so is told, timed out, evicted and measured like anybody else.

use super::{
    conversation::{self, Conversation, Listening, Setting},
    door::Door,
    guest::Guest,
    server::Limits,
};
use crate::hub::Hub;
use crate::keys::{Denied, Identity};
use crate::wire::{Batch, Inbound};
use std::{
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Poll, Waker},
};
use tokio::task::AbortHandle;
use tokio_stream::Stream;
use tonic::Status;

/// See the module's text. Clones are the same.
#[derive(Clone, Debug)]
pub struct Wicket {
    hub: Hub,
    door: Arc<Door>,
}

/// A connection that was let in, for as long as this is kept.
#[derive(Debug)]
pub struct Entrant {
    hub: Hub,
    guest: Arc<Guest>,
}

/// A participant's conversation with the room, whose end is its drop.
#[derive(Debug)]
pub struct Talk<I> {
    listening: Listening<I>,
    conversation: Conversation,
}

impl Wicket {
    pub(super) fn new(hub: Hub, door: Arc<Door>) -> Self {
        Self { hub, door }
    }

    /// What a participant and its connection may ask for.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.door.limits()
    }

    /// Other limits hold from now on, for whoever comes in after this.
    pub fn set_limits(&self, limits: Limits) {
        self.door.set_limits(limits);
    }

    /// Counts and logs that a request from there was refused for what it showed. False if there were too many.
    #[must_use]
    pub fn denied(&self, peer: SocketAddr, denied: Denied) -> bool {
        self.door.denied(peer, denied)
    }

    /// A connection from there; nothing if there are as many as there may be.
    #[must_use]
    pub fn enter(&self, peer: IpAddr) -> Option<Entrant> {
        let guest = self.door.enter(peer).ok()?;
        Some(Entrant { hub: self.hub.clone(), guest })
    }
}

impl Entrant {
    /// Says which task serves the connection. It is aborted if nothing comes of it for too long.
    pub fn is_served_by(&self, task: AbortHandle) {
        self.guest.is_served_by(task);
    }

    /// A conversation with somebody who may have these names and says what comes out of `inbound`; nothing
    /// if the connection has as many as it may have.
    #[must_use]
    pub fn talk<I>(&self, identity: Identity, inbound: I) -> Option<Talk<I>>
    where
        I: Stream<Item = Result<Inbound, Status>> + Unpin,
    {
        let (pass, guest) = (self.guest.pass()?, Arc::clone(&self.guest));
        let setting =
            Setting { hub: self.hub.clone(), guest, pass, identity, intake: Arc::default() };
        // Both halves are polled together.
        let (listening, conversation) =
            conversation::begin(setting, inbound, Waker::noop().clone());
        Some(Talk { listening, conversation })
    }
}

impl<I: Stream<Item = Result<Inbound, Status>> + Unpin> Talk<I> {
    /// Waits until there is something to be said, and puts it into an empty batch, as far as that takes it.
    /// May be cancelled without losing anything.
    ///
    /// # Errors
    /// With the status that ends the conversation, behind what is in the batch then.
    pub async fn next(&mut self, batch: &mut Batch) -> Result<(), Status> {
        poll_fn(|cx| {
            if Pin::new(&mut self.listening).poll(cx).is_ready() {
                return Poll::Ready(Err(Status::cancelled(
                    "nobody has read what there was to say",
                )));
            }
            self.conversation.poll_batch(batch, cx).map_ok(|_| ())
        })
        .await
    }
}

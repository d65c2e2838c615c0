//! One participant's stream, both directions of it: what answers the RPC, or a page's WebSocket.
//!
//! There is no task for a participant besides its connection's: polling the response for what is next
//! also takes in what the participant has sent. So a connection that takes no more bytes is not listened
//! to either, which is the backpressure one wants, and everything about a participant ends when this
//! value is dropped.
//!
//! The rules of fairness: before each batch out, what has come in is looked at; after
//! [`MESSAGES_IN_A_ROW`] messages in, a batch goes out and other tasks get their turn.

use super::{
    gate::Gated,
    guest::{Chair, Guest},
    server::Limits,
    status,
};
use crate::chat::{Act, Draft, Fault};
use crate::hub::{Hub, Left, Reply, Seated, Visit};
use crate::keys::Identity;
use crate::wire::{Batch, Inbound};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::{
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

/// With fewer, what a burst brings each listener is less than a DATA frame holds.
const MESSAGES_IN_A_ROW: u32 = 128;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Conversation<I = Streaming<Inbound>> {
    hub: Hub,
    visit: Visit,
    /// What the participant sends; nothing after it has half-closed.
    inbound: Option<Gated<I>>,
    stage: Stage,
    guest: Arc<Guest>,
    /// The participant's place among those from its address, once there is one.
    chair: Option<Chair>,
    pace: Option<Pace>,
    /// The names that the participant may have.
    identity: Identity,
    max_frame_bytes: usize,
}

/// How far the conversation has come.
#[derive(Debug)]
enum Stage {
    /// Nobody has connected yet.
    Before,
    /// A participant is present.
    During(Box<Seated>),
    /// What is left to say.
    After { notice: Option<Batch>, status: Option<Status> },
}

#[derive(Debug)]
struct Pace {
    limiter: DefaultDirectRateLimiter,
    per_second: u32,
}

impl<I: Stream<Item = Result<Inbound, Status>> + Unpin> Conversation<I> {
    pub(super) fn new(hub: Hub, inbound: I, guest: Arc<Guest>, identity: Identity) -> Self {
        let limits = guest.limits();
        let pace = Pace::new(limits);
        let visit = hub.visit();
        let max_frame_bytes = limits.frame_bytes;
        Self {
            hub,
            inbound: Some(Gated::new(inbound)),
            stage: Stage::Before,
            guest,
            chair: None,
            visit,
            pace,
            identity,
            max_frame_bytes,
        }
    }

    /// Puts what there is to be said into an empty batch, as far as that takes it, and takes in what has
    /// been said.
    ///
    /// Ready with what is left, once something is in the batch; or with the status that ends the stream,
    /// behind whatever is in the batch then.
    pub(super) fn poll_batch(
        &mut self,
        batch: &mut Batch,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Left, Status>> {
        loop {
            // Always, and first: what has come has woken us, and will not do so again.
            if self.poll_inbound(cx).is_ready() {
                continue;
            }
            match &mut self.stage {
                Stage::Before => {
                    ready!(self.visit.poll_closing(cx));
                    self.end(None, Some(status::of_fault(&Fault::Closing)));
                }
                Stage::During(seated) => match ready!(seated.poll_batch(batch, cx)) {
                    Ok(left) => return Poll::Ready(Ok(left)),
                    Err(departure) => self.end(None, status::of_departure(&departure)),
                },
                Stage::After { notice, status } => {
                    if let Some(notice) = notice.take() {
                        batch.append(notice);
                    }
                    return Poll::Ready(Err(status.take().unwrap_or_else(|| Status::ok(""))));
                }
            }
        }
    }

    /// Takes in what has come, a few messages at most. Ready if that has changed the stage.
    fn poll_inbound(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MESSAGES_IN_A_ROW {
            let Some(inbound) = &mut self.inbound else {
                return Poll::Pending;
            };
            let Poll::Ready(next) = Pin::new(inbound).poll_next(cx) else {
                return Poll::Pending;
            };
            let received = match next {
                Some(Ok(received)) => received,
                Some(Err(error)) => match status::fault_of(&error, self.max_frame_bytes) {
                    // Tonic reads no further after an error of its own, so this comes once.
                    Some(fault) => Err(fault),
                    None => {
                        self.end(None, Some(error));
                        return Poll::Ready(());
                    }
                },
                None => {
                    self.inbound = None;
                    if matches!(self.stage, Stage::Before) {
                        let status = status::of_fault(&Fault::NotConnected);
                        self.end(None, Some(status));
                        return Poll::Ready(());
                    }
                    // A participant that has half-closed keeps listening.
                    return Poll::Pending;
                }
            };
            if self.take_in(received) {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Hands a message to the room. True if that has changed the stage.
    fn take_in(&mut self, mut received: Inbound) -> bool {
        if let (Ok(draft), Some(pace)) = (&mut received, &self.pace) {
            pace.hold(draft);
        }
        let mut chair = None;
        let seat = match &self.stage {
            Stage::Before => {
                hold_to(&self.identity, &mut received);
                chair = self.guest.offer_chair(&mut received);
                None
            }
            Stage::During(seated) => Some(seated.seat()),
            Stage::After { .. } => return false,
        };
        self.visit.judged();
        match self.hub.receive(seat, received) {
            Reply::Joined(seated) => {
                if let Some(chair) = &mut chair {
                    chair.taken(seated.seat());
                }
                self.chair = chair;
                self.stage = Stage::During(Box::new(seated));
            }
            Reply::Refused { notice, fault } => self.end(notice, Some(status::of_fault(&fault))),
            // What there is to say to a participant comes out of the log.
            Reply::Logged | Reply::Gone => return false,
        }
        true
    }

    fn end(&mut self, notice: Option<Batch>, status: Option<Status>) {
        self.stage = Stage::After { notice, status };
        self.inbound = None;
        self.chair = None;
    }
}

/// Marks a Connect as not allowed if the name is somebody else's. The room hears of it, and refuses it.
fn hold_to(identity: &Identity, received: &mut Inbound) {
    if let Ok(draft) = received
        && let Ok(Act::Connect(who)) = &draft.act
        && let Err(fault) = identity.may_be(who)
    {
        draft.act = Err(fault);
    }
}

impl Pace {
    /// Nothing if there is no limit.
    fn new(limits: &Limits) -> Option<Self> {
        let rate = NonZeroU32::new(limits.messages_per_second)?;
        let burst = NonZeroU32::new(limits.message_burst).unwrap_or(rate);
        let limiter = RateLimiter::direct(Quota::per_second(rate).allow_burst(burst));
        Some(Self { limiter, per_second: rate.get() })
    }

    /// Marks a publish as too fast if it is.
    fn hold(&self, draft: &mut Draft) {
        if matches!(draft.act, Ok(Act::Publish(..))) && self.limiter.check().is_err() {
            draft.act = Err(Fault::TooFast { per_second: self.per_second });
        }
    }
}

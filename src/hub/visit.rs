//! One stream, from its opening to its drop, whether or not anybody connects on it.
//!
//! It counts the streams, so that a server that stops knows when the last one is gone, and it tells
//! a stream on which nobody has connected yet that the room closes. It is not a reader: strangers
//! are not woken by every message of a conversation that is none of their business.

use super::{Hub, waiters::Slot};
use crate::telemetry::lifecycle;
use std::task::{Context, Poll};

/// See the module's text.
#[derive(Debug)]
pub struct Visit {
    hub: Hub,
    slot: Slot,
    /// True once somebody was let in, or was refused: the end of that is counted elsewhere.
    is_known: bool,
}

impl Visit {
    pub(super) fn new(hub: Hub) -> Self {
        let slot = hub.shared.strangers.enrol();
        hub.shared.visits.send_modify(|visits| {
            *visits += 1;
            lifecycle::stream_opened(&hub.shared.spans, *visits);
        });
        Self { hub, slot, is_known: false }
    }

    /// Notes that what was said first has been judged.
    pub fn judged(&mut self) {
        self.is_known = true;
    }

    /// Ready once the room is closed.
    pub fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.slot.park(cx.waker());
        // Looked at after parking, and set before waking: see `waiters`.
        if self.hub.is_closing() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.hub.shared.strangers.leave(&self.slot);
        if !self.is_known {
            self.hub.shared.metrics.stranger_left();
        }
        self.hub.shared.visits.send_modify(|visits| {
            *visits -= 1;
            // In here, and so before anybody is woken: whoever waits for the last stream to be gone
            // ends the tracing next.
            lifecycle::stream_closed(&self.hub.shared.spans, *visits);
        });
    }
}

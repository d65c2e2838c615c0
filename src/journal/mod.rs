//! The journal: the event record of one process as lines of JSON, written and read.
//!
//! It is the memory of a conversation: what [`causality`](crate::causality) checks and draws later. A
//! server's journal and a participant's have one form ([`mod@line`]); docs/journal.md explains it field by
//! field. A fan-out is one line whatever its audience, because recipients are named by number and
//! neighbours in join order have neighbouring numbers.
//!
//! Nothing that writes here may hold anybody up. The [`server_pen`] turns entries of the log into lines
//! and the [`participant_pen`] a participant's events; a [`Book`] gathers pages and hands them to a
//! thread of its own, through a channel with a bound; the [`keeper`] there writes [`files`] that are as
//! large and as many as was said. What is not written is counted, and the journal says itself where it has a gap.
//!
//! It knows neither the wire nor the hub.

mod book;
mod files;
mod keeper;
mod kind;
pub mod line;
mod participant_pen;
pub mod read;
mod server_pen;

pub use book::Book;
pub use files::{Bounds, OpenError, check};
pub use keeper::missed;
pub use line::{Line, VERSION, Who, trace_id, words};
pub use participant_pen::ParticipantPen;
pub use server_pen::ServerPen;

use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, in microseconds since 1970.
#[must_use]
pub fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// What the journal may hold that is yet to be written: its pages, and some being filled and written.
pub const QUEUE_BYTES: usize = (book::PAGES + 4) * book::PAGE;

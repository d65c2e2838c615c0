//! The chat itself: Lamport clock, identities, messages, the room, its log and the readers' cursors.
//!
//! This is the part that is worth proving, so it is pure. It uses `std` alone and has no async code,
//! no wall clock, no randomness, no protobuf and no logging: input goes in, a result comes out, and
//! the same input gives the same result every time. Everything that waits, encodes or prints stands
//! in another module and calls this one.
//!
//! One message moves one way, and every step changes its type:
//!
//! ```text
//! Draft ── Room::accept ──> Entry ── Log ──> Cursor::stamp ──> Delivery
//! ```
//!
//! Reading order: [`clock`] (the rules of time), [`ident`] and [`message`] (what may be said, and by
//! whom), [`entry`] (one accepted message and the run of times it takes), [`room`] (who is present,
//! and what is accepted), [`log`] (the bounded order), [`cursor`] (one reader's place in it),
//! [`invariant`] (the promises, as predicates that tests and tools share); and, for whoever shows what
//! strangers wrote, [`unseen`], [`escape`] and [`imitation`].

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod clock;
pub mod cursor;
pub mod entry;
pub mod escape;
pub mod fault;
pub mod ident;
pub mod imitation;
pub mod invariant;
pub mod log;
pub mod message;
pub mod room;
pub mod unseen;

pub use clock::{ClockBound, LamportClock, LamportTime};
pub use cursor::{Cursor, Delivery, Part, Step};
pub use entry::{Departure, Entry, FanOut, What};
pub use fault::{Fault, NoticeCode};
pub use ident::{Participant, Seat};
pub use log::{Lag, Log, Position};
pub use message::{Act, Draft, Text, TraceContext};
pub use room::{Outcome, Room, Rules, Settlement, Welcome};

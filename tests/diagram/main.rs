//! `chittychat diagram`: what it draws, what it refuses to draw, and that no name or text is ever more than
//! a name or a text.
//!
//! - [`golden`]: the report's two conversations, byte for byte as they stand in docs/
//! - [`hostile`]: markup, scripts, directives, line ends and piled-up marks in every form
//! - [`places`]: words that never overlap, over random histories
//! - [`story`]: losses, windows, choices, and the vector clocks
//! - [`ticks`]: the trace in which a Lamport tick is a millisecond

#![allow(clippy::unwrap_used, unreachable_pub)]

mod golden;
mod hostile;
mod picture;
mod places;
mod story;
mod support;
mod ticks;

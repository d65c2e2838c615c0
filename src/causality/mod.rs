//! Causality: what happened at which node, when by its Lamport clock, and because of what.
//!
//! Pure like the core: events in, answers out. It knows nothing of gRPC and reads no clock. The
//! server's events need not be recorded as they happen, since they all follow from the log:
//! [`Replay`] works them out, whoever asks for them and at whatever pace.
//!
//! What several processes recorded is put together afterwards:
//!
//! ```text
//! records ──> History ── graph() ──> Graph ──> Cone, Relation, chain
//!                                       ├────> check::check ──> Report
//!                                       └────> assume ──> Layout ──> SVG, Mermaid, ShiViz
//! ```
//!
//! Reading order: [`event`] and [`replay`]; then [`fact`] (an event as it is kept by the million),
//! [`history`] and [`resolve`] (which records are one process), [`graph`] (happened-before), [`cone`]
//! (what may be asked of it) and [`mod@check`] (the promises); then [`mod@assume`], [`layout`] and
//! [`diagram`] (a picture of it).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod assume;
pub mod check;
pub mod cone;
pub mod diagram;
pub mod event;
pub mod fact;
pub mod fate;
pub mod graph;
pub mod history;
mod infer;
pub mod layout;
pub mod live;
mod place;
pub mod replay;
pub mod resolve;

pub use assume::assume;
pub use check::{Promise, Report, check};
pub use cone::{Cone, Relation};
pub use event::{Event, Kind, Subject};
pub use fact::{Evidence, Fact, Identity, Pools, Source};
pub use graph::{At, Gap, Graph, Node, Record};
pub use history::{History, Medium, Track};
pub use layout::{Layout, Window};
pub use replay::Replay;

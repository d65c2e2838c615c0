//! The participant's side: one person, or one script, in a room.
//!
//! A participant is a Lamport process like the server, so its clock stands apart from everything
//! that waits or prints: [`process`] is the clock and what it stamps, [`session`] keeps one process
//! in the room over connections that come and go, and the views show what the session reports.
//! Nothing here knows the server's code; it speaks to any server that speaks the protocol.
//!
//! ```text
//! view ── Command ──> session ── Stamped ──> server
//! view <── Update ─── session <── Delivered ─ server
//! ```
//!
//! Reading order: [`process`], [`address`] and [`dial`], [`retry`] (what may be tried again, and when),
//! [`session`], then the views: [`line_view`] for pipes and scripts ([`script`]), and
//! [`terminal_view`] for people ([`paint`] is how it looks, [`saved_terminal`] how it ends).
//! [`input`] and [`leave`] are what the views wait for; [`diary`] writes down what happened.

pub mod address;
pub mod dial;
pub mod diary;
pub mod input;
pub mod leave;
pub mod line_view;
pub mod paint;
pub mod process;
pub mod retry;
pub mod saved_terminal;
pub mod script;
pub mod session;
pub mod terminal_view;

pub use address::ServerAddress;
pub use diary::Diary;
pub use leave::Leave;
pub use process::Process;
pub use saved_terminal::SavedTerminal;
pub use session::{Command, Config, Farewell, SessionError, Update, run};

//! Who may come in: certificates, private keys and tokens, read from files and judged.
//!
//! The server is given an [`Access`]. It knows how a connection is encrypted, what a peer must show
//! before it is spoken to, and which names are then its own. Without certificate and tokens it is
//! open: everybody may be anybody, in plain text, as the original has it.
//!
//! What is not here: no wire, no statuses, no room. A refusal is a [`Denied`] with a sentence, and a
//! name that is not one's own is the room's own [`Fault`](crate::chat::Fault), because the room hears
//! of that and not of the others. Nothing here is ever printed that is secret: the types that hold
//! secrets have no `Display`, and a `Debug` that says nothing.
//!
//! Reading order: [`Named`] (a file that a setting names), `certificate` (what one says), `server`
//! (how the server shakes hands), [`tokens`], [`access`] (all of it together, and the verdict on a
//! peer), `grants` and `revoked` (who is in, and loses what it came in with), `live` and [`watch`](watch())
//! (what happens when a file changes), [`Credentials`] (what a participant brings).

pub mod access;
mod certificate;
mod credentials;
mod file;
mod grants;
mod live;
mod revoked;
mod server;
pub mod tokens;
mod watch;

pub use access::{Access, Denied, Files};
pub use certificate::Certified;
pub use credentials::{Bearer, Credentials, Loaded};
pub use file::{KeyFault, Named};
pub use grants::{Identity, Withdrawn};
pub use server::{HandshakeFault, Tls};
pub use watch::{Reloaded, reload, watch};

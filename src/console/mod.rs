//! The console: the room as a page in a browser, live.
//!
//! It is one more reader of the log. One task, the [`teller`], reads what happened and keeps it in a
//! bounded [`ring`], written out once however many pages there are; each page follows the ring at its own
//! pace and is told of what it missed. The hub waits for none of them. Whoever chats from the page is a
//! participant like any other and comes in through the same door: see [`chat`].
//!
//! | route | answers |
//! |---|---|
//! | `/` and `/console/…` | the page, its style and its scripts: see [`assets`] |
//! | `/console/info` | what the page needs to know before it asks for more |
//! | `/console/events` | what happened and what happens, as server-sent events: see [`events`] |
//! | `/console/ws` | a participant's way in: see [`chat`] |
//!
//! Who is shown what is judged in [`guard`]. What the page does with it all is written in `page/`, and
//! docs/console.md has the forms in which the two speak with each other.

mod assets;
mod chat;
mod events;
mod guard;
mod pages;
mod pulse;
mod record;
mod ring;
mod teller;
mod waits;

pub use chat::FRAMES_TO_REFUSE;
pub use ring::MOST_BYTES as RING_BYTES;

use crate::grpc::Wicket;
use crate::hub::Hub;
use crate::keys::Access;
use crate::supervise::Companion;
use axum::{Router, middleware, routing::get};
use ring::Ring;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::Semaphore;

/// The most pages that are told of anything at once.
const MOST_PAGES: usize = 64;
/// The part of the port's connections that pages may have to be told of anything, and to chat: the rest is for
/// whoever asks and goes.
const TOLD: usize = 2;
const CHATTING: usize = 4;
/// How many pages at once may be written something that is as long as the room is large: who is present, or
/// who is spoken of. It is made for one page, so this bounds how often it is there.
pub const INTRODUCTIONS: usize = 4;

/// What an operator decides about the console.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the HTTP port listens.
    pub listen: SocketAddr,
    /// Where participants connect, which is the server's name in the picture.
    pub server: SocketAddr,
    /// Whether one may chat from the page where that is safe.
    pub chat: bool,
    /// Where a trace is to be seen: `{trace}` stands for its id. Empty if nowhere.
    pub trace_url: String,
    /// How many connections the HTTP port may have.
    pub connections: usize,
}

/// What every request is answered from.
#[derive(Clone, Debug)]
struct Shared {
    ring: Arc<Ring>,
    access: Access,
    wicket: Wicket,
    options: Arc<Options>,
    pages: Arc<pages::Pages>,
    /// Places of those who chat.
    chatting: Arc<Semaphore>,
    introductions: Arc<Semaphore>,
}

/// The routes, and what has to run for them to have something to tell: of everything from this call on,
/// whenever it is first run, until the log is finished.
pub fn start(
    hub: Hub,
    access: Access,
    wicket: Wicket,
    options: Options,
) -> (Router, impl Companion) {
    let ring = Arc::new(Ring::new());
    let teller = teller::Teller::new(hub, Arc::clone(&ring), options.server);
    let (options, introductions) = (Arc::new(options), Arc::new(Semaphore::new(INTRODUCTIONS)));
    let pages = pages::Pages::new(MOST_PAGES.min((options.connections / TOLD).max(1)));
    let chatting = Arc::new(Semaphore::new((options.connections / CHATTING).max(1)));
    let shared = Shared { ring, access, wicket, options, pages, chatting, introductions };
    let router = assets::router()
        .route("/console/info", get(guard::info))
        .route("/console/events", get(events::answer))
        .route("/console/ws", get(chat::answer))
        .route_layer(middleware::from_fn_with_state(shared.clone(), guard::own_name))
        .with_state(shared);
    (router, teller)
}

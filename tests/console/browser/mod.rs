//! The page in a real browser, against a running server.
//!
//! - `chromium`: the browser;
//! - `picture`: what is drawn is what the journal says, down to each arrow and each cone;
//! - `hands`: everything by keyboard, pausing and going on, and the way to a trace;
//! - `people`: two tabs and a `join` process chat; names and texts that would be more than that are not;
//! - `names`: who poses as whom, and what the page shows of it;
//! - `frames`: how long a frame takes, with much in view and much more in the ring;
//! - `access`: contrast, and names for what can be used;
//! - `looks`: light and dark, from 360 pixels to 4K.

mod access;
mod chromium;
mod frames;
mod hands;
mod looks;
mod names;
mod people;
mod picture;

pub use chromium::{Chromium, Tab};

use crate::peers::{Listener as _, Peer, Server};

/// Where a server's page is.
pub fn page_of(server: &Server) -> String {
    format!("http://{}/", server.http_address)
}

/// A server whose room a tab of a browser shows. All three have to be kept.
async fn watched() -> (Chromium, Server, Tab) {
    let (chromium, server) = (Chromium::start().await, Server::start(&[]).await);
    let tab = chromium.open(&page_of(&server)).await;
    (chromium, server, tab)
}

/// Three who have joined and have heard of each other.
async fn three(server: &Server) -> Vec<Peer> {
    let mut peers = Vec::<Peer>::new();
    for name in ["Anton", "Bjarke", "Casper"] {
        let mut peer = Peer::open(server.address, name).await;
        peer.connect();
        peer.delivery().await;
        for other in &mut peers {
            other.delivery().await;
        }
        peers.push(peer);
    }
    peers
}

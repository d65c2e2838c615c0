//! What the two tonic peers have in common: the original's protocol, and the server around the service.
//!
//! How a message reaches the others is each peer's own.

use crate::support;
use proto::{
    Message,
    chitty_chat_service_server::{ChittyChatService, ChittyChatServiceServer},
};
use std::error::Error;
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

/// The original's protocol, of which a peer uses a part.
#[expect(unreachable_pub, reason = "generated for whoever needs it")]
pub(crate) mod proto {
    include!(concat!(env!("OUT_DIR"), "/legacy/proto.rs"));
}

pub(crate) const CONNECT: i32 = 0;
pub(crate) const DISCONNECT: i32 = 1;
/// Messages that a slow participant may be behind: more than a burst has.
pub(crate) const CAPACITY: usize = 1 << 17;

/// What whoever sent it calls itself.
pub(crate) fn name(message: &Message) -> &str {
    message.client_reference.as_ref().map_or("", |who| who.client_name.as_str())
}

/// Serves until it is killed.
pub(crate) async fn serve(chat: impl ChittyChatService) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(support::address()?).await?;
    support::listening(listener.local_addr()?)?;
    Server::builder()
        .add_service(ChittyChatServiceServer::new(chat))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

//! The chat service: one RPC, which hands its stream to a [`Conversation`].

use super::conversation::Conversation;
use super::server::Limits;
use crate::hub::Hub;
use crate::wire::{
    Inbound,
    pb::room::chitty_chat_service_server::{ChittyChatService, ChittyChatServiceServer},
};
use tonic::{Request, Response, Status, Streaming};

/// The service over one room.
#[derive(Debug)]
pub(super) struct ChatService {
    hub: Hub,
    limits: Limits,
}

impl ChatService {
    pub(super) fn server(hub: Hub, limits: Limits) -> ChittyChatServiceServer<Self> {
        ChittyChatServiceServer::new(Self { hub, limits })
            .max_decoding_message_size(limits.frame_bytes)
    }
}

#[tonic::async_trait]
impl ChittyChatService for ChatService {
    type SendMessageStream = Conversation;

    async fn send_message(
        &self,
        request: Request<Streaming<Inbound>>,
    ) -> Result<Response<Conversation>, Status> {
        let inbound = request.into_inner();
        Ok(Response::new(Conversation::new(self.hub.clone(), inbound, self.limits)))
    }
}

//! The chat service: one RPC, whose stream is handed to a [`Conversation`].
//!
//! It stands where tonic's generated service would. That one gives every stream a buffer which keeps
//! the size of the largest message there ever was, so the list of who is present, sent once to a
//! newcomer, would cost its size for as long as the newcomer stays. Here the response writes itself:
//! see [`response`](super::response). Requests are read by tonic.

use super::{conversation::Conversation, response::Response, server::Limits};
use crate::hub::Hub;
use crate::wire::{RoomDecoder, SERVICE};
use http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE};
use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};
use tonic::{
    Status, Streaming, body::Body, codegen::Service, metadata::GRPC_CONTENT_TYPE,
    server::NamedService,
};

/// Where the RPC is.
const PATH: &str = "/proto.ChittyChatService/SendMessage";
/// How a request says that its messages are compressed.
const ENCODING: &str = "grpc-encoding";
/// How a response says which compressions it would have taken.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// The service over one room.
#[derive(Clone, Debug)]
pub(super) struct ChatService {
    hub: Hub,
    limits: Limits,
}

impl ChatService {
    pub(super) fn new(hub: Hub, limits: Limits) -> Self {
        Self { hub, limits }
    }

    fn answer(&self, request: Request<Body>) -> http::Response<Body> {
        if request.uri().path() != PATH {
            return Status::unimplemented("").into_http();
        }
        if is_compressed(request.headers()) {
            let status = Status::unimplemented("compressed messages are not taken");
            let mut refusal = status.into_http();
            refusal.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            return refusal;
        }
        let most = Some(self.limits.frame_bytes);
        let inbound = Streaming::new_request(RoomDecoder, request.into_body(), None, most);
        let conversation = Conversation::new(self.hub.clone(), inbound, self.limits);
        let mut response = http::Response::new(Body::new(Response::new(conversation)));
        response.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
        response
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(ENCODING).is_some_and(|encoding| encoding != "identity")
}

impl NamedService for ChatService {
    const NAME: &'static str = SERVICE;
}

impl Service<Request<Body>> for ChatService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        ready(Ok(self.answer(request)))
    }
}

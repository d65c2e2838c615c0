//! What answers requests: the chat's one RPC, whose stream is handed to a [`Conversation`], and beside
//! it the services that tonic brings.
//!
//! The chat stands where tonic's generated service would. That one gives every stream a buffer which
//! keeps the size of the largest message there ever was, so the list of who is present, sent once to a
//! newcomer, would cost its size for as long as the newcomer stays. Here the response writes itself:
//! see [`response`](super::response). And it is not behind tonic's router, which boxes bodies three
//! times over: each box is asked for each delivery. Requests are read by tonic.

use super::{conversation::Conversation, outlet::Cork, response::Response, server::Limits};
use crate::hub::Hub;
use crate::wire::RoomDecoder;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE};
use http_body_util::Either;
use hyper::body::Incoming;
use std::{convert::Infallible, future::ready, pin::Pin, sync::Arc};
use tonic::{
    Status, Streaming, body::Body, codegen::Service as _, metadata::GRPC_CONTENT_TYPE,
    service::Routes,
};

/// Where the RPC is.
const PATH: &str = "/proto.ChittyChatService/SendMessage";
/// How a request says that its messages are compressed.
const ENCODING: &str = "grpc-encoding";
/// How a response says which compressions it would have taken.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

type Answer = http::Response<Either<Response, Body>>;

/// All services over one room. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Services {
    hub: Hub,
    limits: Limits,
    others: Routes,
    pub(super) cork: Arc<Cork>,
}

impl Services {
    pub(super) fn new(hub: Hub, limits: Limits, others: Routes) -> Self {
        Self { hub, limits, others, cork: Arc::default() }
    }

    /// The same for one connection, whose streams share what concerns it.
    pub(super) fn on_connection(&self) -> Self {
        Self { cork: Arc::default(), ..self.clone() }
    }

    fn chat(&self, request: Request<Incoming>) -> Answer {
        if is_compressed(request.headers()) {
            let status = Status::unimplemented("compressed messages are not taken");
            let mut refusal = status.into_http();
            refusal.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            return refusal.map(Either::Right);
        }
        let most = Some(self.limits.frame_bytes);
        let inbound = Streaming::new_request(RoomDecoder, request.into_body(), None, most);
        let conversation = Conversation::new(self.hub.clone(), inbound, self.limits);
        let mut answer =
            http::Response::new(Either::Left(Response::new(conversation, Arc::clone(&self.cork))));
        answer.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
        answer
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(ENCODING).is_some_and(|encoding| encoding != "identity")
}

impl hyper::service::Service<Request<Incoming>> for Services {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if request.uri().path() == PATH {
            return Box::pin(ready(Ok(self.chat(request))));
        }
        // Always ready, tonic says.
        let answer = self.others.clone().call(request.map(Body::new));
        Box::pin(answer.map(|answer| answer.map(|answer| answer.map(Either::Right))))
    }
}

//! What answers requests: the chat's one RPC, whose stream is handed to a [`Conversation`], and beside
//! it the services that tonic brings.
//!
//! The chat stands where tonic's generated service would. That one gives every stream a buffer which
//! keeps the size of the largest message there ever was, so the list of who is present, sent once to a
//! newcomer, would cost its size for as long as the newcomer stays. Here the response writes itself:
//! see [`response`](super::response). And it is not behind tonic's router, which boxes bodies three
//! times over: each box is asked for each delivery. Requests are read by tonic.
//!
//! Whoever does not show what the server asks for gets a status and nothing else: no message of theirs is
//! read, no event of the room follows, and reflection is not answered either. The health service is, since
//! who asks it is an orchestrator without a name, and it says no more than yes or no.

use super::{conversation::Conversation, response::Response, server::Limits, status};
use crate::hub::Hub;
use crate::keys::{Access, Certified, Denied, Identity};
use crate::telemetry::metrics::Metrics;
use crate::wire::RoomDecoder;
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderValue, Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::Either;
use hyper::body::Incoming;
use std::{convert::Infallible, future::ready, net::SocketAddr, pin::Pin};
use tonic::{
    Status, Streaming, body::Body, codegen::Service as _, metadata::GRPC_CONTENT_TYPE,
    service::Routes,
};

/// Where the RPC is.
const PATH: &str = "/proto.ChittyChatService/SendMessage";
/// Where everybody may ask.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// How a request says that its messages are compressed.
const ENCODING: &str = "grpc-encoding";
/// How a response says which compressions it would have taken.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

type Answer = http::Response<Either<Response, Body>>;
type Answering = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

/// All services over one room, as one connection has them. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Services {
    hub: Hub,
    limits: Limits,
    access: Access,
    /// Who is at the other end of the connection, for the log.
    peer: Option<SocketAddr>,
    /// What the connection has shown.
    certified: Certified,
    others: Routes,
}

impl Services {
    pub(super) fn new(hub: Hub, limits: Limits, access: Access, others: Routes) -> Self {
        Self { hub, limits, access, peer: None, certified: Certified::Unasked, others }
    }

    /// The same for a connection from there that has shown this.
    pub(super) fn to(&self, peer: SocketAddr, certified: Certified) -> Self {
        Self { peer: Some(peer), certified, ..self.clone() }
    }

    /// Where things are counted.
    pub(super) fn metrics(&self) -> &Metrics {
        self.hub.metrics()
    }

    /// Who a request is from.
    fn judge(&self, request: &Request<Incoming>) -> Result<Identity, Denied> {
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        self.access.judge(&self.certified, authorization).inspect_err(|denied| {
            self.metrics().denied(denied.label());
            let peer = self.peer.map(|peer| format!(" from {peer}")).unwrap_or_default();
            tracing::info!("Refused a request{peer}: {denied}");
        })
    }

    fn chat(&self, request: Request<Incoming>, identity: Identity) -> Answer {
        if is_compressed(request.headers()) {
            let status = Status::unimplemented("compressed messages are not taken");
            let mut refusal = status.into_http();
            refusal.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            return refusal.map(Either::Right);
        }
        let most = Some(self.limits.frame_bytes);
        let inbound = Streaming::new_request(RoomDecoder, request.into_body(), None, most);
        let conversation = Conversation::new(self.hub.clone(), inbound, self.limits, identity);
        let mut answer = http::Response::new(Either::Left(Response::new(conversation)));
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
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if !request.uri().path().starts_with(HEALTH) {
            let answer = match self.judge(&request) {
                Ok(identity) if request.uri().path() == PATH => self.chat(request, identity),
                Ok(_) => return self.others(request),
                Err(denied) => status::of_denial(denied).into_http().map(Either::Right),
            };
            return Box::pin(ready(Ok(answer)));
        }
        self.others(request)
    }
}

impl Services {
    fn others(&self, request: Request<Incoming>) -> Answering {
        // Always ready, tonic says.
        let answer = self.others.clone().call(request.map(Body::new));
        Box::pin(answer.map(|answer| answer.map(|answer| answer.map(Either::Right))))
    }
}

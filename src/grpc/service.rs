//! What answers requests: the chat's one RPC, whose stream is handed to a [conversation], and beside
//! it the services that tonic brings.
//!
//! The chat stands where tonic's generated service would. That one gives every stream a buffer which
//! keeps the size of the largest message there ever was, so the list of who is present, sent once to a
//! newcomer, would cost its size for as long as the newcomer stays. Here the response writes itself:
//! see [`response`](super::response). And it is not behind tonic's router, which boxes bodies three
//! times over: each box is asked for each delivery. Requests are read by tonic.
//!
//! What holds for every request, whoever it is for, is judged here first: that it is gRPC, how large its
//! headers are, and how many there are on its connection. What is no gRPC is none of ours, and least of all
//! what a page in a browser may send to anywhere without being asked who it is: it gets a bare 415. Whoever
//! then does not show what the server asks for gets a status and nothing else: no message of theirs is
//! read, no event of the room follows, and reflection is not answered either. The health service is, since
//! who asks it is an orchestrator without a name, and it says no more than yes or no.

use super::{
    conversation::{self, Setting},
    gate::Gate,
    guest::Guest,
    nursery::Nursery,
    outlet::Flow,
    partial::Partial,
    pass::Pass,
    response::Response,
    services::Others,
    status,
};
use crate::hub::Hub;
use crate::keys::{Access, Certified, Identity};
use crate::telemetry::metrics::Metrics;
use crate::wire::RoomDecoder;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body::{Frame, SizeHint};
use http_body_util::Either;
use hyper::body::Incoming;
use std::{
    convert::Infallible,
    future::ready,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Status, Streaming, body::Body, metadata::GRPC_CONTENT_TYPE};

/// Where the RPC is.
const PATH: &str = "/proto.ChittyChatService/SendMessage";
/// Where everybody may ask.
pub(super) const HEALTH: &str = "/grpc.health.v1.Health/";
/// How a request says that its messages are compressed.
const ENCODING: &str = "grpc-encoding";
/// How a response says which compressions it would have taken.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// The types of a request's body that are gRPC.
const GRPC: &[u8] = b"application/grpc";
const GRPC_PROTO: &[u8] = b"application/grpc+proto";

/// What HTTP/2 adds to the size of each header.
const HEADER_OVERHEAD: usize = 32;

pub(super) type Answer = http::Response<Kept>;
type Answering = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

/// All services over one room. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Services {
    hub: Hub,
    access: Access,
    others: Others,
}

/// All services, for one connection.
#[derive(Clone, Debug)]
pub(super) struct ForGuest {
    services: Services,
    pub(super) guest: Arc<Guest>,
    /// Who is at the other end of the connection, for the log.
    peer: SocketAddr,
    /// What the connection has shown.
    certified: Certified,
    pub(super) flow: Flow,
    pub(super) nursery: Nursery,
}

/// The body of an answer. Where it keeps a pass, its request is under way for as long as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    body: Either<Response, Body>,
    _pass: Option<Pass>,
    /// Who it is for, unless the body sees to that itself.
    identity: Identity,
}

impl Services {
    pub(super) fn new(hub: Hub, access: Access, others: Others) -> Self {
        Self { hub, access, others }
    }

    /// The same for one connection, from there, that has shown this. Its streams share what concerns it.
    pub(super) fn to(
        &self,
        guest: &Arc<Guest>,
        peer: SocketAddr,
        certified: Certified,
    ) -> ForGuest {
        let (services, guest) = (self.clone(), Arc::clone(guest));
        let (flow, nursery) = (Flow::default(), Nursery::default());
        ForGuest { services, guest, peer, certified, flow, nursery }
    }

    /// Where things are counted.
    pub(super) fn metrics(&self) -> &Metrics {
        self.hub.metrics()
    }
}

impl ForGuest {
    /// Who a request is from.
    fn judge(&self, request: &Request<Incoming>) -> Result<Identity, Status> {
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let judged = self.services.access.admit(self.peer, &self.certified, authorization);
        judged.map_err(|denied| match self.guest.denied(self.peer, denied) {
            true => status::of_denial(denied),
            false => status::of_too_many_denials(denied),
        })
    }

    /// The place of a request among those under way, and who it is from; or why it is refused.
    fn admit(&self, request: &Request<Incoming>) -> Result<(Pass, Identity), Status> {
        self.oversized(request)?;
        let path = request.uri().path();
        // Who asks for health is an orchestrator without a name.
        let identity = match path.starts_with(HEALTH) {
            true => Identity::default(),
            false => self.judge(request)?,
        };
        let pass = self.guest.pass().ok_or_else(|| self.one_too_many())?;
        Ok((pass, identity))
    }

    /// Whether a request's headers are larger than they may be.
    fn oversized(&self, request: &Request<Incoming>) -> Result<(), Status> {
        let (bytes, most) = (header_bytes(request), self.guest.limits().header_bytes);
        if bytes <= most as usize {
            return Ok(());
        }
        self.guest.request_refused("headers");
        let text = format!("the headers have {bytes} bytes; {most} are allowed");
        Err(Status::resource_exhausted(text))
    }

    fn one_too_many(&self) -> Status {
        self.guest.request_refused("streams");
        let most = self.guest.limits().streams_per_connection;
        Status::resource_exhausted(format!(
            "this connection has {most} streams, and more are not allowed; open another connection"
        ))
    }

    fn chat(&self, request: Request<Incoming>, pass: Pass, identity: Identity) -> Answer {
        if is_compressed(request.headers()) {
            let status = Status::unimplemented("compressed messages are not taken");
            let mut refusal = status.into_http();
            refusal.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            return refusal.map(|body| Kept::tonic(body, pass));
        }
        let most = self.guest.limits().frame_bytes;
        let body = Partial::new(request.into_body(), Arc::clone(&self.guest), most);
        let inbound = Streaming::new_request(RoomDecoder, body, None, Some(most));
        let gate = Gate::new();
        let setting = Setting {
            hub: self.services.hub.clone(),
            guest: Arc::clone(&self.guest),
            pass,
            identity,
            intake: Arc::clone(&self.flow.intake),
        };
        let (listening, conversation) = conversation::begin(setting, inbound, gate.waker());
        self.nursery.accompany(listening);
        let body = Response::new(conversation, gate, Arc::clone(&self.flow.cork));
        let (body, identity) = (Either::Left(body), Identity::default());
        let mut answer = http::Response::new(Kept { body, _pass: None, identity });
        answer.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
        answer
    }
}

/// Whether a request is one of gRPC over HTTP/2: a POST, of this type, with or without the name of the encoding
/// that is meant anyway, and with any parameters.
fn is_grpc(request: &Request<Incoming>) -> bool {
    let mut types = request.headers().get_all(CONTENT_TYPE).iter();
    let (Some(named), None) = (types.next(), types.next()) else { return false };
    request.method() == Method::POST && is_grpc_type(named.as_bytes())
}

fn is_grpc_type(named: &[u8]) -> bool {
    let kind = named.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [GRPC, GRPC_PROTO].iter().any(|grpc| kind.eq_ignore_ascii_case(grpc))
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// The size of a request's headers as HTTP/2 counts it, but for the method and such, which have one.
fn header_bytes(request: &Request<Incoming>) -> usize {
    let headers = request.headers().iter();
    let sizes = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD);
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let authority = request.uri().authority().map_or(0, |authority| authority.as_str().len());
    sizes.sum::<usize>() + path + authority
}

impl Kept {
    pub(super) fn tonic(body: Body, pass: impl Into<Option<Pass>>) -> Self {
        Self { body: Either::Right(body), _pass: pass.into(), identity: Identity::default() }
    }

    /// The same, for as long as it is for somebody with this identity.
    fn of(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }
}

impl http_body::Body for Kept {
    type Data = Bytes;
    type Error = <Either<Response, Body> as http_body::Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if this.identity.is_proved()
            && let Poll::Ready(withdrawn) = this.identity.poll_withdrawn(cx)
        {
            // Nothing follows the trailers.
            this.identity = Identity::default();
            this.body = Either::Right(Body::empty());
            let mut trailers = HeaderMap::new();
            // A sentence of ours can stand in a header.
            let _ = status::of_withdrawal(withdrawn).add_header(&mut trailers);
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        Pin::new(&mut this.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl hyper::service::Service<Request<Incoming>> for ForGuest {
    type Response = Answer;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if !is_grpc(&request) {
            self.guest.request_refused("not_grpc");
            let mut refusal = http::Response::new(Kept::tonic(Body::empty(), None));
            *refusal.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Box::pin(ready(Ok(refusal)));
        }
        let (pass, identity) = match self.admit(&request) {
            Ok(admitted) => admitted,
            Err(status) => {
                let refusal = status.into_http().map(|body| Kept::tonic(body, None));
                return Box::pin(ready(Ok(refusal)));
            }
        };
        if request.uri().path() == PATH {
            return Box::pin(ready(Ok(self.chat(request, pass, identity))));
        }
        self.nursery.accompany(pass.overseer());
        let answer = self.services.others.clone().answer(request, pass);
        Box::pin(answer.map(|answer| answer.map(|answer| answer.map(|it| it.of(identity)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_has_two_names_and_parameters() {
        for grpc in ["application/grpc", "application/grpc+proto", "APPLICATION/GRPC;charset=utf-8"]
        {
            assert!(is_grpc_type(grpc.as_bytes()), "{grpc}");
        }
        let others =
            ["", "text/plain", "application/grpcx", "application/grpc-web", "application/json"];
        for other in
            others.into_iter().chain(["application/grpc+json", "application/grpc-web+proto"])
        {
            assert!(!is_grpc_type(other.as_bytes()), "{other}");
        }
    }
}

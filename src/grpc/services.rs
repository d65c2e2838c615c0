//! The services beside the chat, health and reflection, as tonic brings them: how much of a request is read
//! for them, and for how long.
//!
//! A request to them is some dozens of bytes, sent at once. So it is read here, up to [`MOST_BYTES`], and
//! handed on when all of it has come; one that is not there in time gets a status. Reflection's requests come
//! on a stream, which tonic reads, with the same bound for each. What may last, a watch of the health and a
//! reflection stream, is counted: such a stream keeps its connection in use, and nobody is behind it who
//! would be missed.

use super::{
    pass::Pass,
    service::{Answer, HEALTH, Kept},
};
use crate::wire::DESCRIPTORS;
use bytes::Bytes;
use http::{HeaderMap, Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::{convert::Infallible, error::Error, future::poll_fn, pin::pin, task::Poll};
use tonic::{Status, body::Body, codegen::Service as _, service::Routes};
use tonic_health::{
    pb::{FILE_DESCRIPTOR_SET as HEALTH_DESCRIPTORS, health_server::HealthServer},
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::Builder as Reflection;

/// The most bytes of a request: the name of a service or of a symbol, and what is around it.
const MOST_BYTES: usize = 512;
/// The one request to the health service whose answer may last.
const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// See the module's text. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Others(Routes);

impl Others {
    /// Health, as told by this reporter, and reflection.
    ///
    /// # Errors
    /// If a descriptor set is not one.
    pub(super) fn new(health: HealthReporter) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let reflection = || {
            Reflection::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(HEALTH_DESCRIPTORS)
        };
        let health = HealthService::from_health_reporter(health);
        let health = HealthServer::new(health).max_decoding_message_size(MOST_BYTES);
        let routes = Routes::new(health)
            // grpcurl up to 1.8 asks in v1alpha, later tools in v1.
            .add_service(reflection().build_v1()?.max_decoding_message_size(MOST_BYTES))
            .add_service(reflection().build_v1alpha()?.max_decoding_message_size(MOST_BYTES))
            .prepare();
        Ok(Self(routes))
    }

    /// Answers a request, once it is there.
    pub(super) async fn answer(
        mut self,
        request: Request<Incoming>,
        pass: Pass,
    ) -> Result<Answer, Infallible> {
        let is_health = request.uri().path().starts_with(HEALTH);
        let may_last = !is_health || request.uri().path() == WATCH;
        let refused = |status: Status| Ok(status.into_http().map(|body| Kept::tonic(body, None)));
        let request = match is_health {
            true => match whole(request, &pass).await {
                Ok(request) => request,
                Err(status) => return refused(status),
            },
            false => request.map(Body::new),
        };
        if may_last && !pass.lasts() {
            pass.refused("services");
            let text =
                "as many health watches and reflection streams are open as may be; try again later";
            return refused(Status::resource_exhausted(text));
        }
        if !may_last {
            pass.is_served();
        }
        // Always ready, tonic says.
        self.0.call(request).await.map(|answer| answer.map(|body| Kept::tonic(body, pass)))
    }
}

/// The request with all that it says, if that is little and comes in time.
async fn whole(request: Request<Incoming>, pass: &Pass) -> Result<Request<Body>, Status> {
    let (mut head, body) = request.into_parts();
    // While it is waited for, only what says which request it is is kept.
    let kind = head.headers.get(CONTENT_TYPE).cloned();
    head.headers = kind.into_iter().map(|kind| (CONTENT_TYPE, kind)).collect::<HeaderMap>();
    let mut body = pin!(Limited::new(body, MOST_BYTES).collect());
    // Whoever is late is woken for it: the pass is polled with every handler.
    let collected = poll_fn(|cx| match body.as_mut().poll(cx) {
        Poll::Pending if pass.is_late() => Poll::Ready(None),
        polled => polled.map(Some),
    });
    let bytes: Bytes = match collected.await {
        Some(Ok(body)) => body.to_bytes(),
        Some(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("the request is too large; {MOST_BYTES} bytes are allowed");
            return Err(Status::resource_exhausted(text));
        }
        Some(Err(error)) => return Err(Status::cancelled(error.to_string())),
        None => return Err(Status::deadline_exceeded("the request has not come in time")),
    };
    Ok(Request::from_parts(head, Body::new(Full::new(bytes))))
}

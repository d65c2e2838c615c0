//! An OTLP collector on a port of its own, which keeps every span that it is sent.

use super::support::within;
use chittychat::chat::{LamportTime, invariant};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind},
};
use std::collections::BTreeMap;
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What the whole process says about itself.
    pub resource: BTreeMap<String, Value>,
    pub name: String,
    pub kind: SpanKind,
    pub trace: String,
    pub id: String,
    /// Empty on the first span of a trace.
    pub parent: String,
    pub attributes: BTreeMap<String, Value>,
    pub is_error: bool,
}

impl Seen {
    fn new(span: Span, resource: &BTreeMap<String, Value>) -> Self {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            resource: resource.clone(),
            kind: span.kind(),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            attributes: table(span.attributes),
            is_error: span.status.is_some_and(|status| status.code == 2),
            name: span.name,
        }
    }

    /// The `traceparent` that names this span.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }

    pub fn text(&self, key: &str) -> &str {
        match self.attributes.get(key).or_else(|| self.resource.get(key)) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{key} of {} is {other:?}", self.name),
        }
    }

    /// An integer: a number in the form of a text would not be found by a search for a range.
    pub fn number(&self, key: &str) -> i64 {
        match self.attributes.get(key) {
            Some(Value::IntValue(number)) => *number,
            other => panic!("{key} of {} is {other:?}", self.name),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.attributes.contains_key(key)
    }

    /// The event that the span stands for, if it stands for one.
    pub fn event(&self) -> Option<invariant::Event> {
        let time = |key| LamportTime::from_wire(self.number(key)).expect("a Lamport time");
        let cause = self.has("lamport.cause.node");
        self.has("lamport.time").then(|| invariant::Event {
            node: self.text("lamport.node").into(),
            time: time("lamport.time"),
            cause: cause
                .then(|| (self.text("lamport.cause.node").into(), time("lamport.cause.time"))),
        })
    }
}

fn table(pairs: Vec<KeyValue>) -> BTreeMap<String, Value> {
    let value = |pair: KeyValue| Some((pair.key, pair.value?.value?));
    pairs.into_iter().filter_map(value).collect()
}

/// See the module's text.
#[derive(Debug)]
pub struct Collector {
    /// Where spans are to be sent.
    pub endpoint: String,
    seen: watch::Receiver<Vec<Seen>>,
    server: AbortHandle,
}

struct Service(watch::Sender<Vec<Seen>>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for process in request.into_inner().resource_spans {
            let resource = table(process.resource.unwrap_or_default().attributes);
            let spans = process.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let spans: Vec<_> = spans.map(|span| Seen::new(span, &resource)).collect();
            self.0.send_modify(|seen| seen.extend(spans));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, seen) = watch::channel(Vec::new());
        let service = TraceServiceServer::new(Service(sender));
        let serving =
            Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async move { serving.await.unwrap() }).abort_handle();
        Self { endpoint, seen, server }
    }

    /// The variables of a process that sends its spans here, and soon.
    pub fn variables(&self) -> [(&str, &str); 2] {
        [("OTEL_EXPORTER_OTLP_ENDPOINT", &self.endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "50")]
    }

    /// Everything so far.
    pub fn so_far(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    /// Waits until there are `count` spans for which `is_meant` holds, and returns those.
    pub async fn wait_for(&self, count: usize, is_meant: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        let mut seen = self.seen.clone();
        let is_enough =
            |seen: &Vec<Seen>| seen.iter().filter(|span| is_meant(span)).count() >= count;
        let found = within(&format!("{count} spans"), seen.wait_for(is_enough)).await;
        let found: Vec<_> = found.unwrap().iter().filter(|span| is_meant(span)).cloned().collect();
        found
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

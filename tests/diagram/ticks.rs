//! The conversation as a trace: in a viewer whose timeline is wall time, a tick is a millisecond.

use crate::support::{conversation, first, fixture, journal};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Output,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, process::Command, time::timeout};
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

/// A collector that keeps each span with the name of its service.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Span)>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for process in request.into_inner().resource_spans {
            let resource = process.resource.unwrap_or_default();
            let service = text(&resource.attributes, "service.name").unwrap();
            let spans = process.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text.clone()),
        other => panic!("{key} is {other:?}"),
    }
}

fn number(span: &Span, key: &str) -> Option<u64> {
    match value(&span.attributes, key)? {
        Value::IntValue(number) => u64::try_from(*number).ok(),
        other => panic!("{key} is {other:?}"),
    }
}

async fn diagram(url: &str, arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_chittychat"));
    program.args(["diagram", "--as-otlp", url]).args(arguments).args(files);
    timeout(Duration::from_secs(60), program.output()).await.unwrap().unwrap()
}

async fn sent(files: &[PathBuf]) -> (Vec<(String, Span)>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::default();
    let service = TraceServiceServer::new(collector.clone());
    let serving = Server::builder().add_service(service);
    let serving = tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    let output = diagram(&url, &[], files).await;
    serving.abort();
    assert!(output.status.success(), "{output:?}");
    let spans = collector.0.lock().unwrap().clone();
    (spans, String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_is_a_millisecond_and_the_order_is_lamports() {
    let journals: Vec<_> = ["server", "anton", "bjarke", "oliver"]
        .map(|name| fixture(&format!("journal/{name}.jsonl")))
        .into();
    for files in [first(), journals] {
        let (spans, said) = sent(&files).await;
        let (wholes, events): (Vec<_>, Vec<_>) =
            spans.iter().partition(|(service, _)| service == "conversation");
        let [(_, whole)] = wholes[..] else { panic!("{} spans hold the others", wholes.len()) };
        assert!(whole.parent_span_id.is_empty());
        let count = spans.len();
        assert!(said.starts_with(&format!("sent {count} spans of ")), "{said}");
        // Lamport time 0 is a whole second, and every event lies as many milliseconds after it.
        let of_first = number(&events[0].1, "lamport.time").unwrap();
        let zero = events[0].1.start_time_unix_nano - of_first * 1_000_000;
        assert_eq!(zero % 1_000_000_000, 0);
        let start = |span: &Span| (span.start_time_unix_nano - zero) / 1_000_000;
        let by_id: BTreeMap<_, _> = spans.iter().map(|(_, span)| (&span.span_id, span)).collect();
        assert_eq!(by_id.len(), count);
        for (service, span) in &events {
            let time = number(span, "lamport.time").unwrap();
            assert_eq!(
                (start(span), span.end_time_unix_nano - span.start_time_unix_nano),
                (time, 1_000_000)
            );
            assert_eq!(text(&span.attributes, "lamport.node").as_ref(), Some(service));
            assert_eq!(span.trace_id, whole.trace_id);
            // Cause before effect: the parent, unless that is the whole, and what it is linked to.
            let parent = by_id[&span.parent_span_id];
            assert!(parent.span_id == whole.span_id || start(parent) < time, "{span:?}");
            if let Some(cause) = number(span, "lamport.cause.time") {
                assert_eq!(start(parent), cause, "the parent of a receive is its send");
            }
            for link in &span.links {
                let before = by_id[&link.span_id];
                assert!(start(before) < time);
                let node = |span: &Span| text(&span.attributes, "lamport.node");
                assert_eq!(node(before), node(span), "a link leads along a node's line");
            }
        }
        // Every event but the first of its process is linked to the one before.
        let services: BTreeSet<_> = events.iter().map(|(service, _)| service).collect();
        let links: usize = events.iter().map(|(_, span)| span.links.len()).sum();
        assert_eq!(links, events.len() - services.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_worked_out_is_marked() {
    let (_folder, files) = journal(&conversation("Anton", "Bjarke", "Hello"));
    let (spans, _) = sent(&files).await;
    for (service, span) in spans.iter().filter(|(service, _)| service != "conversation") {
        let is_marked =
            value(&span.attributes, "lamport.inferred") == Some(&Value::BoolValue(true));
        assert_eq!(is_marked, service != "server", "{span:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = diagram(&url, &[], &first()).await;
    let why = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(why.contains(&format!("cannot send to {url}: ")), "{why}");
    let output = diagram("nonsense", &[], &first()).await;
    let why = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{why}");
    assert!(why.contains("\"nonsense\" is no http:// address"), "{why}");
}

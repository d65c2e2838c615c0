//! The same spans at a collector that knows nothing of us: rotel, which prints whatever it receives.

use super::{
    collector::Seen,
    paths::{converse, is_one_trace_of_six_spans},
    support::{Process, within},
};
use opentelemetry_proto::tonic::{common::v1::any_value::Value, trace::v1::span::SpanKind};
use std::{
    collections::BTreeMap,
    net::TcpListener,
    process::{Command, Stdio},
};

/// An address that is free now.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_foreign_collector_receives_the_same_six_spans() {
    let (grpc, http) = (free(), free());
    let arguments = ["start", "--exporter", "blackhole", "--debug-log", "traces"];
    let child = Command::new("rotel-agent")
        .args(arguments)
        .args(["--debug-log-verbosity", "detailed"])
        .args(["--otlp-grpc-endpoint", &grpc, "--otlp-http-endpoint", &http])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("rotel-agent is installed: pip install rotel, and its folder on the path");
    let rotel = Process::of(child);
    within("rotel listens", async {
        while tokio::net::TcpStream::connect(&grpc).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let endpoint = format!("http://{grpc}");
    converse(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    // The last span that the last process makes.
    rotel.out.wait_for(&["Name           : stop"]).await;
    is_one_trace_of_six_spans(&read(&rotel.out.so_far()));
}

/// The spans in rotel's output.
fn read(lines: &[String]) -> Vec<Seen> {
    let mut spans: Vec<Seen> = Vec::new();
    let mut resource = BTreeMap::new();
    let mut is_resource = false;
    for line in lines {
        if line.starts_with("ResourceSpans") {
            (resource, is_resource) = (BTreeMap::new(), true);
        } else if line.starts_with("Span #") {
            is_resource = false;
            spans.push(Seen {
                resource: resource.clone(),
                name: String::new(),
                kind: SpanKind::Unspecified,
                trace: String::new(),
                id: String::new(),
                parent: String::new(),
                attributes: BTreeMap::new(),
                is_error: false,
            });
        } else if let Some((key, value)) = attribute(line) {
            match spans.last_mut().filter(|_| !is_resource) {
                Some(span) => span.attributes.insert(key, value),
                None => resource.insert(key, value),
            };
        } else if let (Some(span), Some((field, value))) = (spans.last_mut(), line.split_once(':'))
        {
            let value = value.trim().to_owned();
            match field.trim() {
                "Trace ID" => span.trace = value,
                "Parent ID" => span.parent = value,
                "ID" => span.id = value,
                "Name" => span.name = value,
                "Kind" => span.kind = SpanKind::from_str_name(&value).unwrap(),
                _ => {}
            }
        }
    }
    spans
}

/// The attribute in a line such as `     -> lamport.time: Int(13)`.
fn attribute(line: &str) -> Option<(String, Value)> {
    let (key, value) = line.trim_start().strip_prefix("-> ")?.split_once(": ")?;
    let (kind, value) = value.strip_suffix(')')?.split_once('(')?;
    let value = match kind {
        "Int" => Value::IntValue(value.parse().ok()?),
        _ => Value::StringValue(value.to_owned()),
    };
    Some((key.to_owned(), value))
}

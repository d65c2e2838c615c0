//! Where spans are read: OTLP in JSON, as a collector's file exporter writes it, and Jaeger's answers,
//! from a file or from its query port.

use super::{
    http,
    spans::{Span, Spans, Value},
};
use crate::causality::{History, Source};
use crate::journal::read::{LineError, next_line};
use crate::telemetry::names;
use serde::Deserialize;
use std::{collections::BTreeMap, io::BufRead};

/// The largest answer of Jaeger's that is read, in bytes.
const MAX_ANSWER: u64 = 256 << 20;
/// The most traces of a service that Jaeger is asked for.
const MAX_TRACES: u32 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Otlp {
    #[serde(default)]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    #[serde(default)]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
struct ScopeSpans {
    #[serde(default)]
    spans: Vec<OtlpSpan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OtlpSpan {
    trace_id: String,
    span_id: String,
    name: String,
    #[serde(default)]
    start_time_unix_nano: Number,
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    key: String,
    value: AnyValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyValue {
    string_value: Option<String>,
    int_value: Option<Number>,
}

/// Protobuf's JSON writes large numbers as text; some write them as numbers all the same.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Is(i64),
    Text(String),
}

impl Default for Number {
    fn default() -> Self {
        Self::Is(0)
    }
}

impl Number {
    fn get(&self) -> Option<i64> {
        match self {
            Self::Is(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// Reads spans in OTLP's JSON, an export request a line.
///
/// # Errors
/// With the first line that is wrong.
pub(super) fn read_otlp(
    spans: &mut Spans,
    file: u32,
    mut input: impl BufRead,
) -> Result<(), LineError> {
    let mut text = Vec::new();
    for number in 1.. {
        let at_line = |why: String| LineError::new(number, why);
        if !next_line(&mut input, &mut text).map_err(|error| at_line(error.to_string()))? {
            break;
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let otlp: Otlp = match serde_json::from_slice(&text) {
            Ok(otlp) => otlp,
            // Half a line at the end is what a collector leaves that was killed.
            Err(_) if number > 1 && matches!(input.fill_buf(), Ok([])) => break,
            Err(error) => return Err(at_line(format!("this is no OTLP in JSON: {error}"))),
        };
        let scopes = otlp.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let attributes = span.attributes.into_iter().filter_map(|Attribute { key, value }| {
                let text = value.string_value.map(Value::Text);
                let number = || value.int_value.and_then(|number| number.get()).map(Value::Number);
                Some((key, text.or_else(number)?))
            });
            let nanos = span.start_time_unix_nano.get().unwrap_or_default();
            let span = Span {
                id: (span.trace_id, span.span_id),
                name: span.name,
                wall_us: u64::try_from(nanos).unwrap_or_default() / 1000,
                attributes: attributes.collect(),
                source: Source { file, line: number },
            };
            spans.add(&span).map_err(at_line)?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Vec<JaegerTrace>,
}

#[derive(Deserialize)]
struct JaegerTrace {
    #[serde(default)]
    spans: Vec<JaegerSpan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    #[serde(default)]
    start_time: u64,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    value: serde_json::Value,
}

/// Reads an answer of Jaeger's. It has no lines worth the name, so a span's number takes their place.
///
/// # Errors
/// If it is none.
pub(super) fn read_jaeger(
    spans: &mut Spans,
    file: u32,
    input: impl BufRead,
) -> Result<(), LineError> {
    let answer: Answer = serde_json::from_reader(input.take(MAX_ANSWER)).map_err(|error| {
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
        LineError::new(line, format!("this is no answer of Jaeger's: {error}"))
    })?;
    for (number, span) in (1..).zip(answer.data.into_iter().flat_map(|trace| trace.spans)) {
        let attributes: BTreeMap<_, _> = span
            .tags
            .into_iter()
            .filter_map(|Tag { key, value }| match value {
                serde_json::Value::String(text) => Some((key, Value::Text(text))),
                value => value.as_i64().map(|number| (key, Value::Number(number))),
            })
            .collect();
        let span = Span {
            id: (span.trace_id, span.span_id),
            name: span.operation_name,
            wall_us: span.start_time,
            attributes,
            source: Source { file, line: number },
        };
        spans.add(&span).map_err(|why| LineError::new(number, why))?;
    }
    Ok(())
}

/// Asks Jaeger for the traces of the chat's services.
///
/// # Errors
/// If it cannot be asked, or its answer cannot be read.
pub(super) fn ask_jaeger(
    history: &mut History,
    spans: &mut Spans,
    url: &str,
) -> Result<(), String> {
    for service in [names::SERVER, names::CLIENT] {
        let path = format!("/api/traces?service={service}&limit={MAX_TRACES}");
        let file = history.file(format!("{}{path}", url.trim_end_matches('/')));
        let body = http::get(url, &path, MAX_ANSWER)?;
        read_jaeger(spans, file, body.as_slice())
            .map_err(|error| format!("{}:{}: {}", url, error.line, error.why))?;
    }
    Ok(())
}

//! A conversation as a trace: one Lamport tick is one millisecond, and each process is a service.
//!
//! So a viewer of traces, whose timeline knows nothing but wall clocks, shows Lamport's order. Each event
//! is a span one tick long. The parent of a receive is the send that caused it, and what the server sends
//! has the receive that it follows from as its parent; what nothing else caused hangs on the conversation
//! as a whole. To what came before it at its own process an event is linked. So parents and links together
//! are happened-before. Lamport time 0 is the second in which the command was started, since viewers look
//! for what is recent.

use crate::causality::{
    Evidence, Graph, Kind, Layout,
    layout::{Dot, End, words::Words},
};
use crate::commands::Failure;
use crate::journal::line;
use crate::telemetry::names;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{
        IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanExporter as _, SpanLinks,
    },
};
use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    time::{Duration, SystemTime},
};

/// The service of the span that holds all others.
const WHOLE: &str = "conversation";
/// Spans of one request.
const BATCH: usize = 500;
/// The latest Lamport time that can be shown, in ticks: some thirty years of milliseconds.
const MOST_TICKS: u64 = 1_000_000_000_000;

/// Sends the events of a layout, and says what was sent.
///
/// # Errors
/// If the times are too large for a wall clock, or the collector does not take them.
pub(super) async fn send(graph: &Graph, layout: &Layout, url: &str) -> Result<(), Failure> {
    if !url.starts_with("http://") {
        return Err(Failure::Usage(format!("{url:?} is no http:// address; only that is spoken")));
    }
    let times = layout.rows.times();
    let first = times.first().copied().unwrap_or_default();
    let last = times.last().copied().unwrap_or_default();
    if last > MOST_TICKS {
        return Err(Failure::Usage(format!(
            "a trace shows Lamport times up to {MOST_TICKS}, and the last here is {last}: send a part \
             with --to"
        )));
    }
    let now = jiff::Timestamp::now().as_second();
    let seconds = Duration::from_secs(u64::try_from(now).unwrap_or_default());
    let trace = Trace::new(graph, layout, SystemTime::UNIX_EPOCH + seconds);
    let mut services = trace.services();
    let processes = services.len();
    services.push((WHOLE.to_owned(), vec![trace.whole((first, last + 1))]));
    let mut sent = 0;
    for (service, spans) in services {
        let count = export(service, spans, url).await;
        sent += count.map_err(|why| Failure::Failed(format!("cannot send to {url}: {why}")))?;
    }
    let zero = jiff::Timestamp::from_second(now).map(|zero| zero.to_string()).unwrap_or_default();
    let id = trace.id;
    writeln!(
        io::stdout(),
        "sent {sent} spans of {processes} processes as trace {id}; Lamport time 0 is {zero}, and a tick \
         is a millisecond"
    )
    .map_err(Failure::output)
}

/// Sends the spans of one service, and returns how many there were.
async fn export(service: String, mut spans: Vec<SpanData>, url: &str) -> Result<usize, String> {
    let exporter = OtlpExporter::builder().with_tonic().with_endpoint(url).build();
    let mut exporter = exporter.map_err(|error| error.to_string())?;
    let version = KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder_empty().with_service_name(service).with_attribute(version);
    exporter.set_resource(&resource.build());
    let count = spans.len();
    while !spans.is_empty() {
        let rest = spans.split_off(spans.len().min(BATCH));
        exporter.export(spans).await.map_err(|error| error.to_string())?;
        spans = rest;
    }
    Ok(count)
}

/// A trace to be.
struct Trace<'a> {
    graph: &'a Graph,
    layout: &'a Layout,
    words: Words<'a>,
    zero: SystemTime,
    id: TraceId,
    /// The span of the whole, and those of the events.
    root: SpanId,
    spans: Vec<SpanId>,
    /// For each event, the one that it follows from.
    parents: Vec<Option<usize>>,
}

impl<'a> Trace<'a> {
    fn new(graph: &'a Graph, layout: &'a Layout, zero: SystemTime) -> Self {
        let ids = RandomIdGenerator::default();
        let spans = layout.dots.iter().map(|_| ids.new_span_id()).collect();
        Self {
            graph,
            layout,
            words: Words::of(graph),
            zero,
            id: ids.new_trace_id(),
            root: ids.new_span_id(),
            spans,
            parents: parents(graph, layout),
        }
    }

    fn context(&self, span: SpanId) -> SpanContext {
        let state = TraceState::default();
        SpanContext::new(self.id, span, TraceFlags::SAMPLED, true, state)
    }

    fn at(&self, time: u64) -> SystemTime {
        self.zero + Duration::from_millis(time)
    }

    /// The spans of each process, under its name.
    fn services(&self) -> Vec<(String, Vec<SpanData>)> {
        let columns = self.layout.columns.iter();
        let mut services: Vec<_> =
            columns.map(|column| (self.words.full_name(column.node), Vec::new())).collect();
        let mut before: BTreeMap<usize, usize> = BTreeMap::new();
        for (number, dot) in self.layout.dots.iter().enumerate() {
            let previous = before.insert(dot.column, number);
            services[dot.column].1.push(self.span(number, dot, previous));
        }
        services.retain(|(_, spans)| !spans.is_empty());
        services
    }

    fn span(&self, number: usize, dot: &Dot, previous: Option<usize>) -> SpanData {
        let (fact, time) = (self.graph.fact(dot.at), self.graph.time(dot.at));
        let (word, of) = line::words(fact.kind);
        let name = of.map_or(word.to_owned(), |of| format!("{word} {of}"));
        let (kind, event) = match fact.kind {
            Kind::Sent(_) => (SpanKind::Producer, "send"),
            Kind::Received(_) => (SpanKind::Consumer, "receive"),
            Kind::Opened | Kind::Lost => (SpanKind::Internal, "local"),
        };
        let number_of = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let mut attributes = vec![
            KeyValue::new(names::LAMPORT_TIME, number_of(time)),
            KeyValue::new(names::LAMPORT_NODE, self.graph.name(dot.at.node)),
            KeyValue::new(names::LAMPORT_EVENT, event),
            KeyValue::new(names::LAMPORT_SENTENCE, self.words.sentence(dot.at)),
        ];
        if let Some(cause) = self.graph.cause(dot.at) {
            let (node, time) = (self.graph.name(cause.node), self.graph.time(cause));
            attributes.push(KeyValue::new(names::LAMPORT_CAUSE_NODE, node));
            attributes.push(KeyValue::new(names::LAMPORT_CAUSE_TIME, number_of(time)));
        }
        if dot.evidence != Evidence::Recorded {
            attributes.push(KeyValue::new(names::LAMPORT_INFERRED, true));
        }
        let mut links = SpanLinks::default();
        let link = |previous: usize| Link::new(self.context(self.spans[previous]), Vec::new(), 0);
        links.links.extend(previous.map(link));
        let parent = self.parents[number].map_or(self.root, |parent| self.spans[parent]);
        let span = self.data(self.spans[number], name, (time, time + 1));
        SpanData { parent_span_id: parent, span_kind: kind, attributes, links, ..span }
    }

    /// The span that holds all others.
    fn whole(&self, ends: (u64, u64)) -> SpanData {
        self.data(self.root, WHOLE.to_owned(), ends)
    }

    fn data(&self, span: SpanId, name: String, (start, end): (u64, u64)) -> SpanData {
        let scope = InstrumentationScope::builder(names::SCOPE);
        SpanData {
            span_context: self.context(span),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: self.at(start),
            end_time: self.at(end),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: scope.with_version(env!("CARGO_PKG_VERSION")).build(),
        }
    }
}

/// The parent of each event: of a receive its send, if that is drawn and earlier; of what the server sends
/// the receive that it follows from.
fn parents(graph: &Graph, layout: &Layout) -> Vec<Option<usize>> {
    let mut parents = vec![None; layout.dots.len()];
    for arrow in &layout.arrows {
        if let (End::Dot(from), End::Dot(to)) = (arrow.from, arrow.to)
            && layout.dots[from].row < layout.dots[to].row
        {
            parents[to] = Some(from);
        }
    }
    let mut accepted: BTreeMap<u64, usize> = BTreeMap::new();
    for (number, dot) in layout.dots.iter().enumerate().filter(|(_, dot)| dot.at.node == 0) {
        let fact = graph.fact(dot.at);
        match fact.kind {
            Kind::Received(_) | Kind::Lost => {
                accepted.insert(graph.time(dot.at), number);
            }
            Kind::Sent(_) => parents[number] = accepted.get(&fact.message).copied(),
            Kind::Opened => {}
        }
    }
    parents
}

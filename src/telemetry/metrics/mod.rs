//! The server's metrics: handles for those who measure, and the scrape for those who ask.
//!
//! Each room has a recorder of its own; there is none for the whole process, so that several servers
//! can run in one, as tests have them. The handles are made once. What happens on the way of a
//! message is counted once for each message, or once for each batch that is written, and never for
//! each delivery; what is a state, or is booked by somebody else already, is read when it is asked
//! for ([`Readings`]).
//!
//! It decides nothing, and it knows no hub: the hub calls it.

mod process;
mod samples;
mod scrape;
mod table;

pub use samples::{Recent, Samples};
pub use table::{Kind, Metric, TABLE, metrics_table};

use crate::chat::{Departure, Entry, Fault, LamportTime, What, invariant::Account};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How often samples are taken out of the buffers that they are recorded into. What that bounds is
/// the memory they take if nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

const ORIGIN: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// All handles. See the module's text.
#[derive(Debug)]
pub struct Metrics {
    recorder: PrometheusRecorder,
    received: Family,
    rejected: Family,
    closed: Family,
    connections_refused: Family,
    requests_refused: Family,
    deliveries: Family,
    denials: Family,
    streams_revoked: Family,
    handshakes: Family,
    reloads: Family,
    certificate_expiry: Gauge,
    audience: Counter,
    evictions: Counter,
    task_failures: Family,
    log_lines_dropped: Counter,
    journal_missed: Counter,
    spans_dropped: Counter,
    spans_limited: Counter,
    contexts_malformed: Counter,
    connections_timed_out: Counter,
    connections: Gauge,
    http_connections: Gauge,
    http_connections_refused: Family,
    connected: Gauge,
    lamport_time: Gauge,
    lag_max: Gauge,
    recipients: Histogram,
    duration: Histogram,
    latency: Histogram,
    latest: Samples,
    jump: Histogram,
}

/// What is read at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readings<'a> {
    /// How many are present.
    pub present: usize,
    /// The room's Lamport time.
    pub now: LamportTime,
    /// The furthest that anybody lags, in entries.
    pub lag_max: u64,
    /// Where all deliveries went.
    pub account: Account,
    /// Log lines that were not written.
    pub log_lines_dropped: u64,
    /// Entries that are missing from the journal.
    pub journal_missed: u64,
    /// Spans that did not reach the collector.
    pub spans_dropped: u64,
    /// Messages that were not traced for want of spans.
    pub spans_limited: u64,
    /// Messages whose trace context was ignored.
    pub contexts_malformed: u64,
    /// How often each task has failed.
    pub task_failures: &'a [(&'static str, u64)],
}

/// A counter for each value of a label.
#[derive(Debug)]
struct Family(Vec<(&'static str, Counter)>);

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    #[must_use]
    pub fn new() -> Self {
        let recorder = new_recorder();
        gauge(&recorder, &table::BUILD_INFO).set(1.0);
        Self {
            received: Family::new(&recorder, &table::MESSAGES_RECEIVED),
            rejected: Family::new(&recorder, &table::MESSAGES_REJECTED),
            closed: Family::new(&recorder, &table::STREAMS_CLOSED),
            connections_refused: Family::new(&recorder, &table::CONNECTIONS_REFUSED),
            requests_refused: Family::new(&recorder, &table::REQUESTS_REFUSED),
            deliveries: Family::new(&recorder, &table::DELIVERIES),
            denials: Family::new(&recorder, &table::DENIALS_MADE),
            streams_revoked: Family::new(&recorder, &table::STREAMS_REVOKED),
            handshakes: Family::new(&recorder, &table::TLS_HANDSHAKES),
            reloads: Family::new(&recorder, &table::KEY_RELOADS),
            certificate_expiry: gauge(&recorder, &table::CERTIFICATE_EXPIRY),
            audience: counter(&recorder, &table::AUDIENCE),
            evictions: counter(&recorder, &table::EVICTIONS),
            task_failures: Family::new(&recorder, &table::TASK_FAILURES),
            log_lines_dropped: counter(&recorder, &table::LOG_LINES_DROPPED),
            journal_missed: counter(&recorder, &table::JOURNAL_MISSED),
            spans_dropped: counter(&recorder, &table::SPANS_DROPPED),
            spans_limited: counter(&recorder, &table::SPANS_LIMITED),
            contexts_malformed: counter(&recorder, &table::CONTEXTS_MALFORMED),
            connections_timed_out: counter(&recorder, &table::CONNECTIONS_TIMED_OUT),
            connections: gauge(&recorder, &table::CONNECTIONS),
            http_connections: gauge(&recorder, &table::HTTP_CONNECTIONS),
            http_connections_refused: Family::new(&recorder, &table::HTTP_CONNECTIONS_REFUSED),
            connected: gauge(&recorder, &table::CONNECTED_CLIENTS),
            lamport_time: gauge(&recorder, &table::LAMPORT_TIME),
            lag_max: gauge(&recorder, &table::LAG_MAX),
            recipients: histogram(&recorder, &table::FANOUT_RECIPIENTS),
            duration: histogram(&recorder, &table::FANOUT_DURATION),
            latency: histogram(&recorder, &table::DELIVERY_LATENCY),
            latest: Samples::default(),
            jump: histogram(&recorder, &table::LAMPORT_JUMP),
            recorder,
        }
    }

    /// An entry was appended to the log; before the change that it belongs to, the room's clock stood
    /// at `before`.
    pub fn appended(&self, before: LamportTime, entry: &Entry) {
        let is_receive = match &entry.what {
            What::Join { .. } => {
                self.received.add("connect", 1);
                true
            }
            What::Publish { .. } => {
                self.received.add("publish", 1);
                true
            }
            What::Leave { departure, .. } => self.left(departure),
            What::Refusal { sent, fault, .. } => {
                self.turned_down(fault);
                sent.is_some()
            }
            What::Close { .. } => {
                self.closed.add(end(&Departure::Closed), entry.fan.audience.into());
                false
            }
        };
        if is_receive {
            let moved = entry.accepted.to_wire() - before.to_wire();
            self.jump.record(moved as f64);
        }
        if !matches!(entry.what, What::Refusal { .. }) {
            self.recipients.record(entry.fan.audience);
        }
    }

    /// Counts a leave. True if it was asked for in a message.
    fn left(&self, departure: &Departure) -> bool {
        self.closed.add(end(departure), 1);
        match departure {
            Departure::Disconnected => self.received.add("disconnect", 1),
            Departure::Evicted(_) => self.evictions.increment(1),
            // Of a silent fault there is no refusal in the log.
            Departure::Violated(fault) if fault.is_silent() => self.turned_down(fault),
            Departure::Violated(_) | Departure::Lost | Departure::Closed => {}
        }
        *departure == Departure::Disconnected
    }

    /// A stranger's message was refused, and with it the stream.
    pub fn stranger_refused(&self, fault: &Fault) {
        self.closed.add("refused", 1);
        if fault.is_silent() {
            self.turned_down(fault);
        }
    }

    /// A stream ended on which nobody had said anything.
    pub fn stranger_left(&self) {
        self.closed.add("never_connected", 1);
    }

    /// So many connections are open.
    pub fn connections(&self, open: usize) {
        self.connections.set(open as f64);
    }

    /// A connection was not let in. The reasons stand in the table.
    pub fn connection_refused(&self, reason: &'static str) {
        self.connections_refused.add(reason, 1);
    }

    /// So many connections are open on the HTTP port.
    pub fn http_connections(&self, open: usize) {
        self.http_connections.set(open as f64);
    }

    /// A connection was not let in on the HTTP port. The reasons stand in the table.
    pub fn http_connection_refused(&self, reason: &'static str) {
        self.http_connections_refused.add(reason, 1);
    }

    /// So many connections were cut because nothing came of them.
    pub fn connections_timed_out(&self, count: u64) {
        self.connections_timed_out.increment(count);
    }

    /// A request was refused before its service saw it. The reasons stand in the table.
    pub fn request_refused(&self, reason: &'static str) {
        self.requests_refused.add(reason, 1);
    }

    /// A message that was handed to the room at `since` is in the log, and its recipients are awake.
    pub fn fanned_out(&self, since: Instant) {
        self.duration.record(since.elapsed());
    }

    /// A message accepted at `since` was handed to the transport for one recipient.
    pub fn handed_over(&self, since: Instant) {
        let latency = since.elapsed();
        self.latency.record(latency);
        self.latest.add(latency);
    }

    /// The latest samples of that.
    pub fn latest_latencies(&self) -> &Samples {
        &self.latest
    }

    /// A request was refused because of what its sender showed; the label says why.
    pub fn denied(&self, reason: &'static str) {
        self.denials.add(reason, 1);
    }

    /// A stream ends because what it was let in for holds no more. The reasons stand in the table.
    pub fn stream_revoked(&self, reason: &'static str) {
        self.streams_revoked.add(reason, 1);
    }

    /// A TLS handshake ended; the label says how.
    pub fn handshake(&self, outcome: &'static str) {
        self.handshakes.add(outcome, 1);
    }

    /// New certificates or tokens are in force.
    pub fn keys_loaded(&self) {
        self.reloads.add("loaded", 1);
    }

    /// New certificates or tokens could not be put into force.
    pub fn keys_refused(&self) {
        self.reloads.add("refused", 1);
    }

    /// The server's certificate ends then.
    pub fn certificate_expires(&self, end: SystemTime) {
        let since = end.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.certificate_expiry.set(since.as_secs_f64());
    }

    fn turned_down(&self, fault: &Fault) {
        self.received.add("unfit", 1);
        self.rejected.add(reason(fault), 1);
    }

    /// Everything, in the text format of Prometheus. It reads files of the system, so it is nothing
    /// for a thread that has messages to carry.
    #[must_use]
    pub fn scrape(&self, readings: &Readings<'_>) -> String {
        let account = &readings.account;
        self.connected.set(readings.present as f64);
        self.lamport_time.set(readings.now.to_wire() as f64);
        self.lag_max.set(readings.lag_max as f64);
        self.log_lines_dropped.absolute(readings.log_lines_dropped);
        for (task, count) in readings.task_failures {
            self.task_failures.set(task, *count);
        }
        self.journal_missed.absolute(readings.journal_missed);
        self.spans_dropped.absolute(readings.spans_dropped);
        self.spans_limited.absolute(readings.spans_limited);
        self.contexts_malformed.absolute(readings.contexts_malformed);
        self.deliveries.set("sent", account.delivered);
        self.deliveries.set("lagged", account.lagged);
        self.deliveries.set("gone", account.gone);
        self.audience.absolute(account.audience);
        process::read(&self.recorder);
        scrape::tidy(&self.recorder.handle().render())
    }
}

/// Keeps the buffers of samples short, for as long as it is polled.
pub async fn upkeep(metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        metrics.recorder.handle().run_upkeep();
    }
}

/// The label of a fault.
fn reason(fault: &Fault) -> &'static str {
    match fault {
        Fault::Text(_) => "text",
        Fault::TooFast { .. } => "too_fast",
        Fault::Flooding { .. } => "flooding",
        Fault::JoinsTooFast { .. } => "joins_too_fast",
        Fault::NotConnected => "not_connected",
        Fault::SecondConnect => "second_connect",
        Fault::UnknownType(_) => "unknown_type",
        Fault::MissingReference => "missing_reference",
        Fault::BadReference(_) => "bad_reference",
        Fault::Impersonation => "impersonation",
        Fault::NotYourName { .. } => "not_your_name",
        Fault::AlreadyPresent => "already_present",
        Fault::RoomFull { .. } => "room_full",
        Fault::AddressFull { .. } => "address_full",
        Fault::Closing => "closing",
        Fault::Undecodable(_) => "undecodable",
        Fault::Oversized { .. } => "oversized",
        Fault::NegativeTime(_) => "negative_time",
        Fault::ClockJump(_) => "clock_jump",
    }
}

/// The label of a departure.
fn end(departure: &Departure) -> &'static str {
    match departure {
        Departure::Disconnected => "disconnected",
        Departure::Lost => "lost",
        Departure::Violated(_) => "violated",
        Departure::Evicted(_) => "evicted",
        Departure::Closed => "server_stopped",
    }
}

impl Family {
    fn new(recorder: &PrometheusRecorder, metric: &Metric) -> Self {
        let (label, values) = metric.label.unwrap_or_default();
        let of = |value| {
            let key = Key::from_parts(metric.name, vec![Label::new(label, value)]);
            (value, recorder.register_counter(&key, &ORIGIN))
        };
        Self(values.iter().copied().map(of).collect())
    }

    /// The sets are so small that looking through one costs less than hashing would.
    fn of(&self, value: &str) -> Option<&Counter> {
        let found = self.0.iter().find(|(known, _)| *known == value);
        debug_assert!(found.is_some(), "{value} is not in the table");
        found.map(|(_, counter)| counter)
    }

    fn add(&self, value: &str, count: u64) {
        if let Some(counter) = self.of(value) {
            counter.increment(count);
        }
    }

    fn set(&self, value: &str, count: u64) {
        if let Some(counter) = self.of(value) {
            counter.absolute(count);
        }
    }
}

/// A recorder that knows the bounds of the histograms, and the meaning of everything.
///
/// It is told no units. A unit is all that could make a name other than it stands in the table, and
/// there it stands in the name already; `_total` it finds there too.
fn new_recorder() -> PrometheusRecorder {
    let mut builder = PrometheusBuilder::new().with_recommended_naming(true);
    for metric in TABLE {
        if let Kind::Histogram(bounds) = metric.kind {
            let name = Matcher::Full(metric.name.to_owned());
            builder = builder.set_buckets_for_metric(name, bounds).expect("there are bounds");
        }
    }
    let recorder = builder.build_recorder();
    for Metric { name, kind, help, .. } in TABLE {
        let (name, help) = ((*name).into(), (*help).into());
        match kind {
            Kind::Counter => recorder.describe_counter(name, None, help),
            Kind::Gauge | Kind::FractionalCounter => recorder.describe_gauge(name, None, help),
            Kind::Histogram(_) => recorder.describe_histogram(name, None, help),
        }
    }
    recorder
}

fn counter(recorder: &PrometheusRecorder, metric: &Metric) -> Counter {
    recorder.register_counter(&Key::from_static_name(metric.name), &ORIGIN)
}

/// A gauge, or a fractional counter. If it has a label, that has one value.
fn gauge(recorder: &PrometheusRecorder, metric: &Metric) -> Gauge {
    let labels = metric.label.iter().flat_map(|(label, values)| {
        values.iter().map(|value| Label::from_static_parts(label, value))
    });
    let key = Key::from_parts(metric.name, labels.collect::<Vec<_>>());
    recorder.register_gauge(&key, &ORIGIN)
}

fn histogram(recorder: &PrometheusRecorder, metric: &Metric) -> Histogram {
    recorder.register_histogram(&Key::from_static_name(metric.name), &ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ClockBound, Lag, clock::ClockJump, ident::IdentFault, message::TextFault};

    #[test]
    fn every_series_is_there_from_the_start_and_nothing_else() {
        let metrics = Metrics::new();
        let text = metrics.scrape(&Readings::default());
        let declared: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let row = |metric: &Metric| format!("{} {}", metric.name, metric.kind.name());
        // The runtime's are missing where there is no runtime.
        let expected = TABLE.iter().filter(|metric| !metric.name.starts_with("tokio_"));
        assert_eq!(declared, expected.map(row).collect::<Vec<_>>());
        for metric in TABLE {
            let (label, values) = metric.label.unwrap_or_default();
            for value in values {
                let series = format!("\n{}{{{label}=\"{value}\"}} ", metric.name);
                assert!(text.contains(&series), "{series} is missing:\n{text}");
            }
        }
    }

    #[test]
    fn every_fault_and_every_departure_has_a_value_of_its_own() {
        let faults = [
            Fault::Text(TextFault::Empty),
            Fault::TooFast { per_second: 1 },
            Fault::Flooding { per_second: 1 },
            Fault::JoinsTooFast { per_second: 1 },
            Fault::NotConnected,
            Fault::SecondConnect,
            Fault::UnknownType(77),
            Fault::MissingReference,
            Fault::BadReference(IdentFault::NameEmpty),
            Fault::Impersonation,
            Fault::NotYourName { name: "".into(), yours: Arc::default() },
            Fault::AlreadyPresent,
            Fault::RoomFull { participants: 1 },
            Fault::AddressFull { participants: 1 },
            Fault::Closing,
            Fault::Undecodable("".into()),
            Fault::Oversized { max_bytes: 1 },
            Fault::NegativeTime(-1),
            Fault::ClockJump(ClockJump {
                seen: LamportTime::ZERO,
                own: LamportTime::ZERO,
                bound: ClockBound::CLOSED,
            }),
        ];
        let (_, reasons) = table::MESSAGES_REJECTED.label.expect("a label");
        assert_eq!(faults.each_ref().map(reason), reasons);
        let departures = [
            Departure::Disconnected,
            Departure::Lost,
            Departure::Violated(Fault::NotConnected),
            Departure::Evicted(Lag::default()),
            Departure::Closed,
        ];
        let (_, ends) = table::STREAMS_CLOSED.label.expect("a label");
        assert_eq!(departures.each_ref().map(end), ends[..departures.len()]);
    }

    #[test]
    fn a_sample_falls_within_its_bounds() {
        let metrics = Metrics::new();
        metrics.jump.record(7.0);
        let text = metrics.scrape(&Readings::default());
        assert!(text.contains("chittychat_lamport_jump_bucket{le=\"5\"} 0\n"), "{text}");
        assert!(text.contains("chittychat_lamport_jump_bucket{le=\"10\"} 1\n"), "{text}");
    }
}

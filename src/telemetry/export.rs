//! Where spans go: an OTLP collector, over gRPC, through a bounded queue that never holds anybody up.
//!
//! What the standard variables say is read here and nowhere else. Without an endpoint nothing is
//! built. The queue and the sending thread are the SDK's; around them stands a count of its own,
//! because the SDK does not tell how many spans it has dropped. A span is dropped when the queue is
//! full, when the collector does not take its batch, or when the time to flush is over at the end.

use super::{
    names,
    spans::{Policy, Spans},
};
use opentelemetry::{Context, InstrumentationScope, KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData,
        SpanExporter, SpanProcessor,
    },
};
use std::{
    env,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Spans that wait to be sent, at most, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise.
const QUEUE: usize = 2048;
/// What they and those being sent may take.
pub const QUEUE_BYTES: u64 = 2 * QUEUE as u64 * 2048;
/// How often lost spans are worth a line in the log.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many spans of this process were made and never reached a collector.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Whose spans these are.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name, unless a variable gives another.
    pub name: &'static str,
    /// Which process of that name it is.
    pub instance: Option<String>,
}

/// Spans that go where the standard `OTEL_…` variables say: nowhere, without an endpoint.
///
/// Must be called inside the runtime that is to carry the connection.
///
/// # Errors
/// With a sentence, if a variable makes no sense.
pub fn from_environment(service: Service, policy: Policy) -> Result<Spans, String> {
    let get = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let Some(endpoint) = endpoint(&get) else {
        return Ok(Spans::off());
    };
    protocol(&get)?;
    let ratio = sampler(&get)?.unwrap_or(policy.ratio);
    to(&endpoint, service, Policy { ratio, ..policy })
}

/// Spans that go to the collector at this endpoint, `http://host:port`.
///
/// # Errors
/// As [`from_environment`].
pub fn to(endpoint: &str, service: Service, policy: Policy) -> Result<Spans, String> {
    let exporter = OtlpExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("traces cannot be sent to {endpoint}: {error}"))?;
    let queue = env::var("OTEL_BSP_MAX_QUEUE_SIZE").ok().and_then(|size| size.parse().ok());
    let queue = queue.filter(|size| *size > 0).unwrap_or(QUEUE);
    let pending = Arc::new(AtomicUsize::new(0));
    let counting =
        Counting { exporter, pending: Arc::clone(&pending), complained: Mutex::default() };
    let batches = BatchSpanProcessor::builder(counting)
        .with_batch_config(BatchConfigBuilder::default().with_max_queue_size(queue).build())
        .build();
    let bounded = Bounded { batches, pending: Arc::clone(&pending), queue };
    // Whether a message is traced is decided before a span is made for it: see `spans`.
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource(service))
        .with_span_processor(bounded)
        .build();
    let scope = InstrumentationScope::builder(names::SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(names::SCHEMA_URL)
        .build();
    let tracer = provider.tracer_with_scope(scope);
    Ok(Spans::new(Exporting { provider, pending }, tracer, policy))
}

/// The endpoint, if there is one and nothing forbids it.
fn endpoint(get: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let is = |name, word: &str| get(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| get("OTEL_EXPORTER_OTLP_ENDPOINT"))
}

/// Refuses a protocol that is not spoken here. Sending gRPC to a port for another would be silent loss.
fn protocol(get: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let own = get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
    match own.or_else(|| get("OTEL_EXPORTER_OTLP_PROTOCOL")) {
        Some(protocol) if protocol != "grpc" => {
            Err(format!("OTEL_EXPORTER_OTLP_PROTOCOL is {protocol:?}; only grpc is spoken here"))
        }
        _ => Ok(()),
    }
}

/// The ratio that `OTEL_TRACES_SAMPLER` asks for, if it is set. Every sampler counts as a
/// parent-based one: a message that was not chosen where it was published is not chosen later.
fn sampler(get: &impl Fn(&str) -> Option<String>) -> Result<Option<f64>, String> {
    let Some(name) = get("OTEL_TRACES_SAMPLER") else {
        return Ok(None);
    };
    match name.trim_start_matches("parentbased_") {
        "always_on" => Ok(Some(1.0)),
        "always_off" => Ok(Some(0.0)),
        "traceidratio" => {
            let ratio = get("OTEL_TRACES_SAMPLER_ARG").unwrap_or_else(|| "1".into());
            let ratio = ratio.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.map(Some).ok_or_else(|| "OTEL_TRACES_SAMPLER_ARG is not between 0 and 1".into())
        }
        _ => Err(format!(
            "OTEL_TRACES_SAMPLER is {name:?}; always_on, always_off and traceidratio are known, \
            with or without parentbased_"
        )),
    }
}

/// What is said about the process once for all its spans. What the variables say comes first.
fn resource(service: Service) -> Resource {
    let detected = Resource::builder().build();
    let is_unnamed = detected
        .get(&names::SERVICE_NAME.into())
        .is_none_or(|name| name.as_str().starts_with("unknown_service"));
    let has_instance = detected.get(&names::SERVICE_INSTANCE.into()).is_some();
    let mut builder = Resource::builder()
        .with_attribute(KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION")));
    if is_unnamed {
        builder = builder.with_service_name(service.name);
    }
    if let Some(instance) = service.instance.filter(|_| !has_instance) {
        builder = builder.with_attribute(KeyValue::new(names::SERVICE_INSTANCE, instance));
    }
    builder.build()
}

/// The way out: the provider, and the count of what has yet to go.
#[derive(Debug)]
pub(super) struct Exporting {
    provider: SdkTracerProvider,
    pending: Arc<AtomicUsize>,
}

impl Exporting {
    /// Sends what is left, for as long as `deadline`, and says what could not be sent. Blocks.
    pub(super) fn shut_down(&self, deadline: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(deadline) {
            tracing::debug!("the last spans were not sent: {error}");
            DROPPED.fetch_add(self.pending.swap(0, Ordering::Relaxed) as u64, Ordering::Relaxed);
        }
        match dropped() {
            0 => {}
            lost => tracing::warn!("{lost} spans were dropped in all"),
        }
    }
}

/// Bounds the queue, and counts what does not fit.
#[derive(Debug)]
struct Bounded {
    batches: BatchSpanProcessor,
    pending: Arc<AtomicUsize>,
    queue: usize,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.pending.fetch_add(1, Ordering::Relaxed) >= self.queue {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            DROPPED.fetch_add(1, Ordering::Relaxed);
        } else {
            self.batches.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what the collector does not take.
#[derive(Debug)]
struct Counting {
    exporter: OtlpExporter,
    /// Spans in the queue or on their way.
    pending: Arc<AtomicUsize>,
    complained: Mutex<Option<(Instant, u64)>>,
}

impl Counting {
    /// A line in the log, at most one a minute. It is written by the sending thread, so that it
    /// holds up nobody else.
    fn complain(&self, why: Option<&str>) {
        let lost = dropped();
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_due, before) =
            complained.map_or((true, 0), |(at, lost)| (at.elapsed() >= COMPLAIN_EVERY, lost));
        if lost > before && is_due {
            *complained = Some((Instant::now(), lost));
            let why = why.unwrap_or("there were more than the queue holds");
            tracing::warn!("{} spans were dropped: {why}", lost - before);
        }
    }
}

impl SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        // Nothing is left to take off if the end has come meanwhile.
        let take_off = |pending: usize| pending.checked_sub(spans);
        let taken = self.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take_off);
        if exported.is_err() && taken.is_ok() {
            DROPPED.fetch_add(spans as u64, Ordering::Relaxed);
        }
        let why = exported.as_ref().err().map(ToString::to_string);
        self.complain(why.as_deref());
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn nothing_goes_anywhere_unless_an_endpoint_says_where() {
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:2");
        assert_eq!(endpoint(&with(&[])), None);
        assert_eq!(endpoint(&with(&[general])).as_deref(), Some("http://a:1"));
        assert_eq!(endpoint(&with(&[general, own])).as_deref(), Some("http://b:2"));
        assert_eq!(endpoint(&with(&[general, ("OTEL_SDK_DISABLED", "true")])), None);
        assert_eq!(endpoint(&with(&[general, ("OTEL_TRACES_EXPORTER", "none")])), None);
    }

    #[test]
    fn only_grpc_is_spoken() {
        let general = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
        assert_eq!(protocol(&with(&[])), Ok(()));
        assert!(protocol(&with(&[general])).is_err());
        assert_eq!(protocol(&with(&[general, own])), Ok(()));
    }

    #[test]
    fn the_standard_sampler_gives_a_ratio() {
        let ratio = |variables: &[(&str, &str)]| sampler(&with(variables));
        assert_eq!(ratio(&[]), Ok(None));
        assert_eq!(ratio(&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")]), Ok(Some(0.0)));
        let tenth = ("OTEL_TRACES_SAMPLER_ARG", "0.1");
        assert_eq!(ratio(&[("OTEL_TRACES_SAMPLER", "traceidratio"), tenth]), Ok(Some(0.1)));
        let two = ("OTEL_TRACES_SAMPLER_ARG", "2");
        assert!(ratio(&[("OTEL_TRACES_SAMPLER", "traceidratio"), two]).is_err());
        assert!(ratio(&[("OTEL_TRACES_SAMPLER", "jaeger_remote")]).is_err());
    }
}

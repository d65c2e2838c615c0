//! The spans of messages: whether there is one, what it says, and the trace context it hands on.
//!
//! One message is one trace: `publish` where it is said, `process` where it is accepted, `deliver`
//! for each recipient (or once with counts), `receive` where it arrives. Whether a message is traced
//! is decided where its trace begins: by a ratio, and by a [bucket](super::bucket) that bounds what
//! strangers can make this process do. Whatever is decided travels in the flags of the trace context.
//! A message that is not traced costs one check here.
//!
//! These spans use the OpenTelemetry API and not `tracing`, which would cost some 800 ns for a span
//! that is not even recorded. They say what an [`Event`] says, the same record that the log lines and
//! the checks of the clock condition are made of. No span lives as long as a stream.

use super::{bucket::Bucket, export::Exporting, names};
use crate::causality::{Event, Kind, Subject};
use crate::chat::{LamportTime, TraceContext};
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
        TraceFlags, TraceId, TraceState, Tracer as _,
    },
};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SdkTracer, Span};
use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use super::export::dropped;

/// A `traceparent`, which has one length.
pub type Traceparent = [u8; 55];

static LIMITED: AtomicU64 = AtomicU64::new(0);

/// How many messages were to be traced and were not, because the spans of the second were used up.
#[must_use]
pub fn limited() -> u64 {
    LIMITED.load(Ordering::Relaxed)
}

/// How much is traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Of the messages whose trace begins here, this part is traced.
    pub ratio: f64,
    /// How many spans may be made in a second.
    pub spans_per_second: u32,
    /// The largest audience that gets a `deliver` span for each recipient.
    pub max_deliver_spans: u32,
    /// Whether spans may say what was said.
    pub message_text: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { ratio: 1.0, spans_per_second: 1000, max_deliver_spans: 16, message_text: false }
    }
}

/// The steps of a message, each with the name of its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A participant asks to be let in.
    Connect,
    /// A participant says something.
    Publish,
    /// A participant says that it leaves.
    Disconnect,
    /// The server takes a message in.
    Process,
    /// The server tells a recipient.
    Deliver,
    /// A recipient hears of it.
    Receive,
    /// The server notices that a participant is gone.
    Lose,
    /// The room closes.
    Close,
}

impl Step {
    /// The step that a participant takes by sending this.
    #[must_use]
    pub fn of_send(subject: Subject) -> Self {
        match subject {
            Subject::Connect => Self::Connect,
            Subject::Disconnect => Self::Disconnect,
            _ => Self::Publish,
        }
    }

    /// The name of the span, its kind, and the conventions' word for the kind of operation.
    fn terms(self) -> (&'static str, SpanKind, Option<&'static str>) {
        match self {
            Self::Connect => ("connect", SpanKind::Producer, Some("send")),
            Self::Publish => ("publish", SpanKind::Producer, Some("send")),
            Self::Disconnect => ("disconnect", SpanKind::Producer, Some("send")),
            Self::Process => ("process", SpanKind::Consumer, Some("process")),
            Self::Deliver => ("deliver", SpanKind::Producer, Some("send")),
            Self::Receive => ("receive", SpanKind::Consumer, Some("receive")),
            Self::Lose => ("lose", SpanKind::Internal, None),
            Self::Close => ("close", SpanKind::Internal, None),
        }
    }
}

/// A handle on the tracing of this process, off by default. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    exporting: Exporting,
    tracer: SdkTracer,
    policy: Policy,
    bucket: Bucket,
    /// A random number below this chooses a message.
    threshold: u64,
}

impl Spans {
    /// No tracing.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    pub(super) fn new(exporting: Exporting, tracer: SdkTracer, policy: Policy) -> Self {
        let bucket = Bucket::new(policy.spans_per_second);
        // Rounding loses nothing that anybody could count.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let threshold = (policy.ratio.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Self(Some(Arc::new(Recorder { exporting, tracer, policy, bucket, threshold })))
    }

    /// True if spans go anywhere.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The tracer, for what goes through `tracing`.
    pub(super) fn tracer(&self) -> Option<SdkTracer> {
        self.0.as_deref().map(|recorder| recorder.tracer.clone())
    }

    /// Takes a token for a span that belongs to no message. False if there is none.
    #[must_use]
    pub fn admits_one(&self) -> bool {
        self.0.as_deref().is_some_and(Recorder::admit)
    }

    /// Begins the span of a step of a message with this trace context; nothing, if the message is
    /// not traced. Where there is no context the trace begins here, except at a receive: whether a
    /// message is traced is not for its recipients to decide.
    #[must_use]
    pub fn begin(&self, step: Step, trace: &TraceContext) -> Option<MessageSpan> {
        let recorder = self.0.as_ref()?;
        let is_chosen = match trace.parent.as_bytes().last() {
            // The flags are the last byte, in hexadecimal digits, and "sampled" is its lowest bit.
            Some(digit) => char::from(*digit).to_digit(16).is_some_and(|flags| flags & 1 == 1),
            None => step != Step::Receive && recorder.draws(),
        };
        (is_chosen && recorder.admit()).then(|| MessageSpan::start(recorder, step, trace))?
    }

    /// Begins the span of a step of a message that is known to be traced here, and whose spans have
    /// been [reserved](Self::reserve).
    #[must_use]
    pub fn follow(&self, step: Step, trace: &TraceContext) -> Option<MessageSpan> {
        let recorder = self.0.as_ref()?;
        MessageSpan::start(recorder, step, trace)
    }

    /// Takes the tokens of the `deliver` spans of a message that is traced. False if the audience is
    /// too large for a span for each: then one has been reserved that stands for all.
    #[must_use]
    pub fn reserve(&self, audience: u32) -> bool {
        let Some(recorder) = self.0.as_deref() else {
            return true;
        };
        let is_small = audience <= recorder.policy.max_deliver_spans;
        recorder.bucket.charge(if is_small { audience } else { 1 });
        is_small
    }

    /// Sends what is left, within the deadline. To be called while the runtime lives, because the
    /// connection to the collector needs it.
    pub async fn shut_down(&self, deadline: Duration) {
        if let Some(recorder) = self.0.clone() {
            // It blocks. A panic in it would have been the SDK's, and is no reason for ours.
            let flushed =
                tokio::task::spawn_blocking(move || recorder.exporting.shut_down(deadline));
            let _ = flushed.await;
        }
    }
}

impl Recorder {
    fn draws(&self) -> bool {
        let random = RandomIdGenerator::default().new_span_id();
        self.policy.ratio >= 1.0 || u64::from_be_bytes(random.to_bytes()) < self.threshold
    }

    fn admit(&self) -> bool {
        let admits = self.bucket.admits();
        if admits {
            self.bucket.charge(1);
        } else {
            LIMITED.fetch_add(1, Ordering::Relaxed);
        }
        admits
    }
}

/// The span of one step, until the event is known that it stands for.
#[derive(Debug)]
pub struct MessageSpan {
    span: Span,
    /// What is handed on besides the `traceparent`.
    state: Box<str>,
    message_text: bool,
}

impl MessageSpan {
    fn start(recorder: &Recorder, step: Step, trace: &TraceContext) -> Option<Self> {
        let (name, kind, operation) = step.terms();
        let mut attributes = vec![
            KeyValue::new(names::MESSAGING_SYSTEM, names::SYSTEM),
            KeyValue::new(names::MESSAGING_DESTINATION, names::ROOM),
            KeyValue::new(names::MESSAGING_OPERATION, name),
            KeyValue::new(names::RPC_SYSTEM, names::GRPC),
            KeyValue::new(names::RPC_METHOD, names::METHOD),
        ];
        let operation = operation.map(|word| KeyValue::new(names::MESSAGING_OPERATION_TYPE, word));
        attributes.extend(operation);
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        // A new context, so that a span that happens to be current is not taken for the parent.
        let context = Context::new();
        let context = match parent(trace) {
            Some(parent) => context.with_remote_span_context(parent),
            None => context,
        };
        let span = recorder.tracer.build_with_context(builder, &context);
        // After the exporter has been shut down there are no spans, and no ids to hand on.
        let message_text = recorder.policy.message_text;
        let is_real = span.span_context().is_valid();
        is_real.then(|| Self { span, state: trace.state.clone(), message_text })
    }

    /// The `traceparent` that names this span.
    #[must_use]
    pub fn traceparent(&self) -> Traceparent {
        let context = self.span.span_context();
        let mut text = String::with_capacity(55);
        let (trace, span) = (context.trace_id(), context.span_id());
        // Writing to a String does not fail.
        let _ = write!(text, "00-{trace:032x}-{span:016x}-{:02x}", context.trace_flags());
        text.as_bytes().try_into().unwrap_or([b'0'; 55])
    }

    /// The trace context of whatever follows from this step.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        let parent = String::from_utf8_lossy(&self.traceparent()).into();
        TraceContext { parent, state: self.state.clone() }
    }

    /// Notes that the message was refused, and with what word.
    pub fn refused(&mut self, word: &'static str, why: String) {
        self.span.set_attribute(KeyValue::new(names::ERROR_TYPE, word));
        self.span.set_status(Status::error(why));
    }

    /// Ends the span with the event that it stands for.
    pub fn end(mut self, event: &Event) {
        self.describe(event);
        self.span.end();
    }

    /// Ends the span of a message that was no event: it was not witnessed, or came too late.
    pub fn end_without_event(mut self) {
        self.span.end();
    }

    /// Ends a span that stands for all deliveries of a message: `event` is the first of them.
    pub fn end_of_many(mut self, event: &Event, deliveries: u32, last: LamportTime) {
        self.describe(event);
        let count = KeyValue::new(names::MESSAGING_COUNT, i64::from(deliveries));
        let last = KeyValue::new(names::LAMPORT_TIME_LAST, last.to_wire());
        self.span.set_attributes([count, last]);
        self.span.end();
    }

    fn describe(&mut self, event: &Event) {
        let Event { node, time, kind, cause, peer, message, detail } = event;
        let text = |key, value: &str| KeyValue::new(key, value.to_owned());
        let (word, subject) = match kind {
            Kind::Opened => ("local", None),
            Kind::Lost => ("local", Some("lost")),
            Kind::Sent(subject) => ("send", Some(subject_word(*subject))),
            Kind::Received(subject) => ("receive", Some(subject_word(*subject))),
        };
        self.span.set_attributes([
            KeyValue::new(names::LAMPORT_TIME, time.to_wire()),
            text(names::LAMPORT_NODE, node),
            KeyValue::new(names::LAMPORT_EVENT, word),
        ]);
        self.span.set_attributes(subject.map(|word| KeyValue::new(names::MESSAGE_TYPE, word)));
        if let Some((from, sent)) = cause {
            self.span.set_attribute(text(names::LAMPORT_CAUSE_NODE, from));
            self.span.set_attribute(KeyValue::new(names::LAMPORT_CAUSE_TIME, sent.to_wire()));
        }
        self.span.set_attributes(peer.as_deref().map(|peer| text(names::PEER, peer)));
        self.span.set_attributes(message.map(|id| text(names::MESSAGING_ID, &id.to_string())));
        // Elsewhere the detail is not what somebody said.
        let said = detail.as_deref().filter(|_| subject == Some("publish"));
        if let Some(said) = said {
            let size = i64::try_from(said.len()).unwrap_or(i64::MAX);
            self.span.set_attribute(KeyValue::new(names::MESSAGING_BODY_SIZE, size));
            if self.message_text {
                self.span.set_attribute(text(names::MESSAGE_TEXT, said));
            }
        }
    }
}

fn subject_word(subject: Subject) -> &'static str {
    match subject {
        Subject::Connect => "connect",
        Subject::Publish => "publish",
        Subject::Disconnect => "disconnect",
        Subject::Join => "join",
        Subject::Leave => "leave",
        Subject::Ack => "ack",
        Subject::Notice => "notice",
        Subject::Unfit => "unfit",
    }
}

/// The span that a trace context names; nothing if it names none. The form was checked where the
/// message came in.
fn parent(trace: &TraceContext) -> Option<SpanContext> {
    let mut parts = trace.parent.split('-').skip(1);
    let trace_id = TraceId::from_hex(parts.next()?).ok()?;
    let span_id = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    // A state that cannot be read is left out of the span, and passed on all the same.
    let state: TraceState = trace.state.parse().unwrap_or_default();
    Some(SpanContext::new(trace_id, span_id, flags, true, state)).filter(SpanContext::is_valid)
}

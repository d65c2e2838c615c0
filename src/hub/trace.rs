//! The room's part of a message's trace: the spans `process`, `deliver`, `lose` and `close`.
//!
//! The span of a message that is taken in begins before the lock and ends after it. Its trace
//! context replaces the one that came with the draft, so that everything that follows from the
//! message hangs under it. What a span says is worked out from the entry by the same replay as the
//! log lines. Of a message that is not traced nothing here costs more than a check.

use super::Hub;
use crate::causality::{Event, Kind, Replay, event::SERVER, replay};
use crate::chat::{Delivery, Departure, Entry, Fault, NoticeCode, Participant, TraceContext, What};
use crate::telemetry::spans::{MessageSpan, Spans, Step};
use crate::wire::{EncodedEntry, Inbound, Traceparent, Tracing};

/// A message that is traced and is being taken in.
#[derive(Debug)]
pub(super) struct Taking {
    span: MessageSpan,
    context: TraceContext,
    /// The receive. There is none if the room did not witness the message.
    event: Option<Event>,
    fault: Option<Fault>,
}

impl Taking {
    /// Begins the span of a message, if it is to be traced, and has the message carry its context.
    pub(super) fn begin(spans: &Spans, inbound: &mut Inbound) -> Option<Self> {
        let draft = inbound.as_mut().ok()?;
        let span = spans.begin(Step::Process, &draft.trace)?;
        let context = span.context();
        draft.trace = context.clone();
        Some(Self { span, context, event: None, fault: None })
    }

    /// Notes what the room made of the message. True if the first of the entries is about it.
    pub(super) fn note(&mut self, entries: &[Entry]) -> bool {
        let Some(first) = entries.first() else {
            return false;
        };
        self.fault = match &first.what {
            What::Refusal { fault, .. } => Some(fault.clone()),
            What::Leave { departure: Departure::Violated(fault), .. } => Some(fault.clone()),
            _ => None,
        };
        self.event = event_of(first).filter(|event| matches!(event.kind, Kind::Received(_)));
        self.event.is_some()
    }

    /// Ends the span.
    pub(super) fn end(mut self) {
        if let Some(fault) = &self.fault {
            self.span.refused(word(fault), fault.to_string());
        }
        match &self.event {
            Some(event) => self.span.end(event),
            None => self.span.end_without_event(),
        }
    }
}

/// Decides how an entry's deliveries are traced. `is_traced` if its trace goes on here already; else
/// a loss or a closing begins one, under the message that led to it if there was one.
pub(super) fn prepare(
    spans: &Spans,
    entry: &mut Entry,
    is_traced: bool,
    led_to_it: Option<&Taking>,
) -> Tracing {
    if !spans.is_on() || !(is_traced || begin_here(spans, entry, led_to_it)) {
        return Tracing::PassedOn;
    }
    let fan = entry.fan;
    if spans.reserve(fan.audience) {
        return Tracing::Each;
    }
    let Some(span) = spans.follow(Step::Deliver, entry.what.trace()) else {
        return Tracing::Each;
    };
    let traceparent = span.traceparent();
    let event = replay::first_delivery(entry);
    span.end_of_many(&event, fan.audience, fan.base.after(u64::from(fan.audience) - 1));
    Tracing::Together(traceparent)
}

/// Begins the trace of what the room noticed by itself. False if there is none to begin.
fn begin_here(spans: &Spans, entry: &mut Entry, led_to_it: Option<&Taking>) -> bool {
    let step = match &entry.what {
        What::Leave { departure: Departure::Disconnected, .. } => return false,
        What::Leave { .. } => Step::Lose,
        What::Close { .. } => Step::Close,
        What::Join { .. } | What::Publish { .. } | What::Refusal { .. } => return false,
    };
    let none = TraceContext::default();
    let parent = led_to_it.map_or(&none, |taking| &taking.context);
    let (Some(event), Some(span)) = (event_of(entry), spans.begin(step, parent)) else {
        return false;
    };
    *entry.what.trace_mut() = span.context();
    span.end(&event);
    true
}

/// The first event of an entry: the receive, or the loss.
fn event_of(entry: &Entry) -> Option<Event> {
    if let What::Close { left, .. } = &entry.what {
        return Some(Event::new(SERVER.into(), *left, Kind::Lost));
    }
    let mut first = None;
    Replay::resume([], false).read(entry, &mut |event| {
        first.get_or_insert(event);
    });
    first
}

impl Hub {
    /// The span of one delivery, made as it is handed over; nothing, if it has none of its own.
    pub(super) fn deliver(
        &self,
        encoded: &EncodedEntry,
        delivery: &Delivery,
        to: Option<&Participant>,
    ) -> Option<Traceparent> {
        if !encoded.has_own_span(delivery.part) {
            return None;
        }
        let entry = &encoded.entry;
        let span = self.shared.spans.follow(Step::Deliver, entry.what.trace())?;
        let traceparent = span.traceparent();
        span.end(&replay::delivery(entry, delivery, to.map(replay::node)));
        Some(traceparent)
    }
}

/// The word for what was wrong: that of the notice that tells of it.
fn word(fault: &Fault) -> &'static str {
    match fault.notice_code() {
        NoticeCode::BadText => "bad_text",
        NoticeCode::RateLimited => "rate_limited",
        NoticeCode::ProtocolViolation => "protocol_violation",
        NoticeCode::ConnectRefused => "connect_refused",
        NoticeCode::ShuttingDown => "shutting_down",
    }
}

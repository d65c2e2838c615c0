//! The spans that belong to no message: start, stop, and the ends of streams.
//!
//! These go through `tracing`, and reach the collector by the layer that [`super::log`] lays over the
//! log. They are rare, so what `tracing` costs does not matter. A stream has a span at its opening
//! and one at its end, and none in between: one that lasted as long as the stream would be seen by
//! nobody until it is over, and would gather everything that was said.

use super::{names, spans::Spans};
use tracing::Span;

/// The target of these spans: what the layer selects them by.
pub(super) const TARGET: &str = "chittychat::lifecycle";

/// The server binds its ports and starts its parts.
#[must_use]
pub fn start(spans: &Spans) -> Span {
    if spans.is_on() { tracing::info_span!(target: TARGET, "start") } else { Span::none() }
}

/// The server is taken down.
#[must_use]
pub fn stop(spans: &Spans) -> Span {
    if spans.is_on() { tracing::info_span!(target: TARGET, "stop") } else { Span::none() }
}

/// A stream has opened, and now there are this many.
pub fn stream_opened(spans: &Spans, streams: usize) {
    if spans.admits_one() {
        let _span = tracing::info_span!(
            target: TARGET,
            "stream opened",
            { names::RPC_SYSTEM } = names::GRPC,
            { names::RPC_METHOD } = names::METHOD,
            { names::STREAMS } = number(streams),
        );
    }
}

/// A stream has ended, and this many are left.
pub fn stream_closed(spans: &Spans, streams: usize) {
    if spans.admits_one() {
        let _span = tracing::info_span!(
            target: TARGET,
            "stream closed",
            { names::RPC_SYSTEM } = names::GRPC,
            { names::RPC_METHOD } = names::METHOD,
            { names::STREAMS } = number(streams),
        );
    }
}

/// An unsigned number would reach the collector as a text.
fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

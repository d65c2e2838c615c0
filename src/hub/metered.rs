//! The room's metrics: what is read of it when somebody asks, and the handle for those who measure.
//!
//! A scrape takes the room's lock for two numbers and no longer; everything else is counted as it
//! happens, or by the sweeper.

use super::{Hub, sync::atomic::Ordering};
use crate::journal;
use crate::supervise;
use crate::telemetry::{
    export, log,
    metrics::{Metrics, Readings},
    spans,
};
use crate::wire::from_pb::malformed_trace_contexts;
use std::sync::Arc;

impl Hub {
    /// The room's metrics.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.metrics
    }

    /// All metrics in the text format of Prometheus. It may take a while: see [`Metrics::scrape`].
    #[must_use]
    pub fn scrape(&self) -> String {
        let (present, now) = {
            let state = self.lock();
            (state.room.present().len(), state.room.now())
        };
        self.shared.metrics.scrape(&Readings {
            present,
            now,
            lag_max: self.shared.furthest.load(Ordering::Relaxed),
            account: self.books().account,
            log_lines_dropped: log::dropped_lines(),
            journal_missed: journal::missed(),
            spans_dropped: export::dropped(),
            spans_limited: spans::limited(),
            contexts_malformed: malformed_trace_contexts(),
            task_failures: &supervise::failures(),
        })
    }
}

//! The log's two formats and their filter.
//!
//! The text form is the original's: `2023/10/29 18:32:06 [Lamport time: 3] Client … has connected`.
//! Warnings and errors carry their level behind the time; other facts follow the sentence as
//! `name=value`. The JSON form is `tracing-subscriber`'s, one flat object a line. Both go to standard
//! error, so that standard output stays for what a command was asked for.
//!
//! Lines are written by a thread of their own. Whoever has something to say hands it over and goes
//! on; if standard error takes lines too slowly, or not at all, then up to [`BUFFERED_LINES`] wait
//! and what is more is dropped and counted, because a chat must not stop over its log.
//!
//! The layer that sends the spans of [`super::lifecycle`] to a collector stands beside the log, with a
//! filter of its own: what is logged and what is traced are two questions.

use super::{audit::AUDIT, lifecycle, spans::Spans};
use jiff::{Timestamp, tz::TimeZone};
use std::{
    env::VarError,
    fmt::{self, Write as _},
    io::BufWriter,
    sync::{Mutex, OnceLock, PoisonError},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterFn, LevelFilter},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// The most lines that wait to be written. At some two hundred bytes a line that is a few megabytes.
const BUFFERED_LINES: usize = 16_384;

/// Counts the lines that were dropped. There is one log in a process, so there is one of these.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Keeps the log writing. Dropping it writes what is still to be written, for a second at most: if
/// standard error takes nothing any more, the process ends without those lines.
#[derive(Debug)]
#[must_use = "lines that are still to be written are lost with it"]
pub struct Log {
    _writer: WorkerGuard,
}

/// How many lines of this process's log were dropped so far.
#[must_use]
pub fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |dropped| dropped.dropped_lines() as u64)
}

/// The forms of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The original's lines.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The wall time as the original wrote it, `2023/10/29 18:32:06`, in the local time zone.
#[must_use]
pub fn stamp() -> impl fmt::Display {
    /// The latest second that was written, and how. All lines of a second share it: to ask for the time
    /// zone and to write a date costs as much as the rest of a line.
    static LATEST: Mutex<(i64, [u8; STAMP])> = Mutex::new((i64::MIN, [b' '; STAMP]));
    let now = Timestamp::now();
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if latest.0 != now.as_second() {
        let text = now.to_zoned(TimeZone::system()).strftime("%Y/%m/%d %H:%M:%S").to_string();
        // A year of more than four digits is no clock's.
        let bytes = text.as_bytes().first_chunk().copied().unwrap_or([b'?'; STAMP]);
        *latest = (now.as_second(), bytes);
    }
    Stamp(latest.1)
}

/// The bytes of a stamp.
const STAMP: usize = 19;

struct Stamp([u8; STAMP]);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Digits, slashes, colons and a space.
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// Starts the log of this process. `filter` is a directive list such as
/// `info,chittychat::delivery=debug`; without one it is `info`. What goes wrong with `spans` is told
/// in lines of our own; those of the crates that carry them are left out unless the filter asks.
///
/// # Errors
/// If the filter does not parse, or a log has been started already.
pub fn start(format: Format, filter: Option<&str>, spans: &Spans) -> Result<Log, String> {
    let filter = filtered(filter.unwrap_or("info"))?;
    let registry = tracing_subscriber::registry().with(exported(spans));
    // What is there to be written is written at once, and then flushed.
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(BUFFERED_LINES)
        .lossy(true)
        .thread_name("log")
        .finish(BufWriter::new(std::io::stderr()));
    let dropped = writer.error_counter();
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Text => registry.with(layer.event_format(Original).with_filter(filter)).try_init(),
        Format::Json => {
            // Spans are for the collector: a line says what it has to say by itself.
            let layer = layer.json().flatten_event(true);
            let layer = layer.with_current_span(false).with_span_list(false);
            registry.with(layer.with_filter(filter)).try_init()
        }
    }
    .map_err(|error| format!("the log cannot be started: {error}"))?;
    DROPPED.get_or_init(|| dropped);
    Ok(Log { _writer: guard })
}

/// The filter of the log. What the exporter of spans has to say about its troubles is counted and
/// told once a minute, so its own lines are off unless somebody names it.
fn filtered(directives: &str) -> Result<EnvFilter, String> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("CHITTYCHAT_LOG is not a log filter such as info: {error}"))?;
    if directives.contains("opentelemetry") {
        return Ok(filter);
    }
    let quiet = "opentelemetry=off".parse().map_err(|error| format!("no filter: {error}"))?;
    Ok(filter.add_directive(quiet))
}

/// The layer that sends the spans of [`super::lifecycle`] to a collector, if there is one.
fn exported<S>(spans: &Spans) -> Option<impl Layer<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    spans.tracer().map(|tracer| {
        let is_ours = FilterFn::new(|metadata| metadata.target() == lifecycle::TARGET);
        // Where in the source a span begins, and on which thread, is nobody's concern here.
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(is_ours.with_max_level_hint(LevelFilter::INFO))
    })
}

/// Starts the log with the filter that the variable `CHITTYCHAT_LOG` holds.
///
/// # Errors
/// As [`start`], and if the variable is not text.
pub fn start_from_environment(format: Format, spans: &Spans) -> Result<Log, String> {
    match std::env::var("CHITTYCHAT_LOG") {
        Ok(filter) => start(format, Some(&filter), spans),
        Err(VarError::NotPresent) => start(format, None, spans),
        Err(VarError::NotUnicode(_)) => Err("CHITTYCHAT_LOG is not text".into()),
    }
}

/// The original's line.
struct Original;

impl<S, N> FormatEvent<S, N> for Original
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut parts = Parts::default();
        event.record(&mut parts);
        write!(writer, "{} ", stamp())?;
        match *event.metadata().level() {
            Level::ERROR => writer.write_str("ERROR ")?,
            Level::WARN if parts.lamport_time.is_none() => writer.write_str("WARNING ")?,
            _ => {}
        }
        if let Some(time) = parts.lamport_time {
            write!(writer, "[Lamport time: {time}] ")?;
        }
        // The sentence of an audit says it all.
        if event.metadata().target() == AUDIT {
            parts.facts.clear();
        }
        writeln!(writer, "{}{}", parts.sentence, parts.facts)
    }
}

/// An event's fields, sorted out.
#[derive(Default)]
struct Parts {
    lamport_time: Option<i64>,
    sentence: String,
    facts: String,
}

impl Visit for Parts {
    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "lamport_time" {
            self.lamport_time = Some(value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // The ids of a trace would be most of the line.
        if !["trace_id", "span_id"].contains(&field.name()) {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.sentence, "{value:?}"),
            // The sentence names the participant already.
            "participant" => Ok(()),
            name => write!(self.facts, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_the_second_that_it_is_in() {
        let written = |at: Timestamp| {
            at.to_zoned(TimeZone::system()).strftime("%Y/%m/%d %H:%M:%S").to_string()
        };
        let (before, stamped, after) = (Timestamp::now(), stamp().to_string(), Timestamp::now());
        assert!(written(before) <= stamped && stamped <= written(after), "{stamped}");
        assert_eq!(stamped.len(), STAMP);
        assert_eq!(stamp().to_string().len(), STAMP);
    }
}

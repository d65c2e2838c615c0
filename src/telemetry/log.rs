//! The log's two formats and their filter.
//!
//! The text form is the original's: `2023/10/29 18:32:06 [Lamport time: 3] Client … has connected`.
//! Warnings and errors carry their level behind the time; other facts follow the sentence as
//! `name=value`. The JSON form is `tracing-subscriber`'s, one flat object a line. Both go to standard
//! error, so that standard output stays for what a command was asked for.
//!
//! Lines are written by a thread of their own ([`super::log_queue`]). Whoever has something to say hands it
//! over and goes on, because a chat must not stop over its log.
//!
//! The filter is a setting, and may be changed while the process runs ([`Log::refilter`]). The variable
//! `CHITTYCHAT_LOG` goes over it; if it is empty, it says nothing.
//!
//! The layer that sends the spans of [`super::lifecycle`] to a collector stands beside the log, with a
//! filter of its own: what is logged and what is traced are two questions.

use super::{
    audit::AUDIT,
    lifecycle,
    log_queue::{self, Flush},
    spans::Spans,
};
use jiff::{Timestamp, tz::TimeZone};
pub use log_queue::{LOG_QUEUE_BYTES, dropped_lines};
use std::{
    env::VarError,
    fmt::{self, Write as _},
    fs::File,
    io,
    sync::{Mutex, PoisonError},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterFn, LevelFilter},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt as _,
};

/// The variable that goes over the setting.
pub const VARIABLE: &str = "CHITTYCHAT_LOG";
/// The filter if nobody says anything.
pub const DEFAULT_FILTER: &str = "info";

/// Keeps the log writing. Dropping it writes what is still to be written, for a second at most: if
/// standard error takes nothing any more, the process ends without those lines.
#[must_use = "lines that are still to be written are lost with it"]
pub struct Log {
    filter: Box<dyn Filter>,
    _flush: Flush,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
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
/// `info,chittychat::delivery=debug`. What goes wrong with `spans` is told
/// in lines of our own; those of the crates that carry them are left out unless the filter asks.
///
/// # Errors
/// If a filter does not parse, there is no thread to be had, or a log has been started already.
pub fn start(format: Format, filter: &str, spans: &Spans) -> Result<Log, String> {
    let (filter, handle) = reload::Layer::new(filtered(filter)?);
    let registry = tracing_subscriber::registry().with(exported(spans));
    let started = standard_error().and_then(log_queue::start);
    let (queue, flush) = started.map_err(|error| format!("the log cannot be started: {error}"))?;
    let layer = tracing_subscriber::fmt::layer().with_writer(queue);
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
    Ok(Log { filter: Box::new(handle), _flush: flush })
}

impl Log {
    /// Puts another filter into force.
    ///
    /// # Errors
    /// If it does not parse; then the one in force stays.
    pub fn refilter(&self, filter: &str) -> Result<(), String> {
        self.filter.replace(filtered(filter)?)
    }
}

/// The filter in force, whatever it filters for.
trait Filter: Send {
    fn replace(&self, filter: EnvFilter) -> Result<(), String>;
}

impl<S> Filter for reload::Handle<EnvFilter, S> {
    fn replace(&self, filter: EnvFilter) -> Result<(), String> {
        self.reload(filter).map_err(|error| format!("the log has no new filter: {error}"))
    }
}

/// Standard error itself. Rust's own handle takes a closed one for one that takes everything.
#[cfg(unix)]
fn standard_error() -> io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(io::stderr().as_fd().try_clone_to_owned()?.into())
}

#[cfg(not(unix))]
fn standard_error() -> io::Result<io::Stderr> {
    Ok(io::stderr())
}

/// The filter that holds: what the variable says, or else this one.
///
/// # Errors
/// If the variable is not text, or the filter does not parse.
pub fn filter(setting: &str) -> Result<String, String> {
    let variable = match std::env::var(VARIABLE) {
        Ok(filter) => Some(filter).filter(|filter| !filter.trim().is_empty()),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(_)) => return Err(format!("{VARIABLE} is not text")),
    };
    let source = if variable.is_some() { VARIABLE } else { "log.filter" };
    let filter = variable.unwrap_or_else(|| setting.to_owned());
    filtered(&filter).map_err(|error| format!("{source} is {error}"))?;
    Ok(filter)
}

/// Crates whose lines are off unless somebody names them, and why: the exporter's troubles are counted and
/// told once a minute; and what HTTP/2 warns of is a line for each connection that a stranger abuses.
const QUIET: [&str; 2] = ["opentelemetry", "h2"];

fn filtered(directives: &str) -> Result<EnvFilter, String> {
    let filter = EnvFilter::try_new(directives)
        .map_err(|error| format!("not a log filter such as info: {error}"))?;
    QUIET.iter().filter(|name| !directives.contains(**name)).try_fold(filter, |filter, name| {
        let off = format!("{name}=off").parse().map_err(|error| format!("no filter: {error}"))?;
        Ok(filter.add_directive(off))
    })
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

//! What a run has found: as text for people, as JSON for scripts, and two of them side by side.
//!
//! Figures are kept as they were measured, rounded to what they are good for; nothing is judged here.

use super::{
    crowd::Crowd,
    plan::{Load, Plan, Protocol},
    usage::Spent,
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};

/// A generator that used more of its one processor than this was the bottleneck, or near it.
const BUSY: f64 = 0.9;

/// See the module's text.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Report {
    /// The version of the generator.
    pub version: String,
    /// Where the server was, and what it speaks.
    pub server: String,
    pub protocol: Protocol,
    /// What was asked for.
    pub participants: usize,
    pub publishers: usize,
    pub connections: usize,
    pub text_bytes: usize,
    /// Messages a second, in an open loop.
    pub rate: Option<f64>,
    /// Messages of a burst, and how many of them were on their way at once.
    pub burst: Option<u64>,
    pub in_flight: Option<u64>,
    /// Leaves and joins a second that were asked for, and how many there were.
    pub churn: f64,
    pub leaves: u64,
    /// What it took until everybody was in and had heard of everybody.
    pub joining: Joining,
    /// From the start to the last delivery, and at least the duration of an open loop.
    pub seconds: f64,
    /// Messages sent, deliveries of any kind, and how many of these were other people's words.
    pub messages: u64,
    pub deliveries: u64,
    pub foreign: u64,
    pub deliveries_per_second: f64,
    /// From the intended time of sending to each delivery.
    pub latency_us: Percentiles,
    /// From the intended time of sending to the sending: what of the latency is the generator's.
    pub lateness_us: Percentiles,
    /// What the server's process used, and the generator's.
    pub server_process: Option<Spent>,
    pub generator_process: Option<Spent>,
    /// The first thing that was not as promised.
    pub violation: Option<String>,
}

/// How everybody came in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Joining {
    pub seconds: f64,
    /// How often somebody was told of a join.
    pub deliveries: u64,
    /// What the server's process used meanwhile.
    pub server_process: Option<Spent>,
}

impl Joining {
    pub(super) fn new(seconds: f64, deliveries: u64, server_process: Option<Spent>) -> Self {
        Self { seconds: round(seconds), deliveries, server_process }
    }
}

/// A distribution of times, in microseconds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Percentiles {
    fn of(nanoseconds: &Histogram<u64>) -> Self {
        let at = |quantile| round(nanoseconds.value_at_quantile(quantile) as f64 / 1e3);
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: round(nanoseconds.max() as f64 / 1e3),
        }
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max } = self;
        write!(f, "p50 {p50} µs, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}")
    }
}

/// Rounds to a thousandth: more than that no figure here is good for.
fn round(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

impl Report {
    /// What a crowd has counted.
    pub(super) fn new(
        plan: &Plan,
        crowd: &Crowd,
        joining: Joining,
        seconds: f64,
        leaves: u64,
    ) -> Self {
        let tally = &crowd.tally;
        let (rate, burst, in_flight) = match plan.load {
            Load::Rate { per_second, .. } => (Some(per_second), None, None),
            Load::Burst { messages, in_flight } => {
                (None, Some(messages), Some(in_flight).filter(|most| *most < messages))
            }
            Load::Closed { in_flight, .. } => (None, None, Some(in_flight)),
        };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            server: plan.authority.clone(),
            protocol: plan.protocol,
            joining,
            participants: plan.participants,
            publishers: plan.publishers,
            connections: crowd.connections(),
            text_bytes: plan.text_bytes,
            rate,
            burst,
            in_flight,
            churn: plan.churn,
            leaves,
            seconds: round(seconds),
            messages: tally.sent.iter().copied().map(u64::from).sum(),
            deliveries: tally.deliveries,
            foreign: tally.foreign,
            deliveries_per_second: (tally.deliveries as f64 / seconds.max(1e-6)).round(),
            latency_us: Percentiles::of(&tally.latency),
            lateness_us: Percentiles::of(&tally.lateness),
            server_process: None,
            generator_process: None,
            violation: None,
        }
    }

    /// The report as JSON, on lines of its own.
    ///
    /// # Errors
    /// Never, for what a run can measure.
    pub(super) fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// The load in words.
    fn load(&self) -> String {
        match (self.rate, self.burst, self.in_flight) {
            (_, Some(burst), Some(most)) => {
                format!("a burst of {burst} messages, {most} on the way at once")
            }
            (_, Some(burst), None) => format!("a burst of {burst} messages"),
            (None, None, Some(most)) => format!("as many as keep {most} messages on the way"),
            (rate, ..) => format!("{} messages a second", rate.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { participants, publishers, connections, text_bytes, .. } = self;
        writeln!(
            f,
            "{} to {participants} participants on {connections} connections of {}, {publishers} \
             publishing, {text_bytes} bytes a text",
            self.load(),
            self.server
        )?;
        let Joining { seconds, deliveries, server_process } = &self.joining;
        write!(f, "joining    {seconds} s, {deliveries} announcements of joins")?;
        if let Some(spent) = server_process {
            let bytes = spent.rss_after_bytes.saturating_sub(spent.rss_before_bytes);
            let kibibytes = bytes as f64 / 1024.0 / *participants as f64;
            write!(f, ", {kibibytes:.1} KiB resident a participant")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "sent       {} messages, {} deliveries in {} s: {} deliveries/s",
            self.messages, self.deliveries, self.seconds, self.deliveries_per_second
        )?;
        if self.churn > 0.0 {
            writeln!(f, "churn      {} left, and as many came", self.leaves)?;
        }
        if self.foreign > 0 {
            writeln!(f, "others     {} deliveries of what other people said", self.foreign)?;
        }
        writeln!(f, "latency    {}", self.latency_us)?;
        writeln!(f, "sent late  {}", self.lateness_us)?;
        for (name, spent) in
            [("server", &self.server_process), ("generator", &self.generator_process)]
        {
            if let Some(spent) = spent {
                writeln!(f, "{name:<10} {spent}")?;
            }
        }
        let busy =
            self.generator_process.is_some_and(|spent| spent.cpu_seconds > BUSY * self.seconds);
        if busy && self.seconds > 0.1 {
            writeln!(f, "beware     the generator was busy all the time: it was the bottleneck")?;
        }
        match &self.violation {
            None => writeln!(f, "checked    nothing lost, doubled or out of order"),
            Some(violation) => writeln!(f, "violation  {violation}"),
        }
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "{:.3} µs CPU a delivery ({:.3} s), {:.1} → {:.1} MiB resident (peak {:.1}), \
             {} waits, {} interruptions",
            self.cpu_us_per_delivery,
            self.cpu_seconds,
            mebibytes(self.rss_before_bytes),
            mebibytes(self.rss_after_bytes),
            mebibytes(self.rss_peak_bytes),
            self.voluntary_switches,
            self.involuntary_switches
        )
    }
}

/// Two reports side by side, with what the second is of the first.
pub(super) fn compare(first: &Report, second: &Report) -> String {
    let of_server = |report: &Report| report.server_process;
    let of_generator = |report: &Report| report.generator_process;
    let rows = [
        row("deliveries/s", first, second, |it| Some(it.deliveries_per_second)),
        row("latency p50, µs", first, second, |it| Some(it.latency_us.p50)),
        row("latency p90, µs", first, second, |it| Some(it.latency_us.p90)),
        row("latency p99, µs", first, second, |it| Some(it.latency_us.p99)),
        row("latency p99.9, µs", first, second, |it| Some(it.latency_us.p999)),
        row("latency max, µs", first, second, |it| Some(it.latency_us.max)),
        row("joining, s", first, second, |it| Some(it.joining.seconds)),
        row("server CPU, µs a delivery", first, second, |it| {
            of_server(it).map(|spent| spent.cpu_us_per_delivery)
        }),
        row("server resident after, bytes", first, second, |it| {
            of_server(it).map(|spent| spent.rss_after_bytes as f64)
        }),
        row("generator CPU, µs a delivery", first, second, |it| {
            of_generator(it).map(|spent| spent.cpu_us_per_delivery)
        }),
    ];
    let mut table = format!("{:<30}{:>16}{:>16}{:>10}\n", "", "A", "B", "B / A");
    for row in rows.into_iter().flatten() {
        table.push_str(&row);
    }
    if !is_like(first, second) {
        table.push_str("beware: the two runs were not asked for the same\n");
    }
    for (name, report) in [("A", first), ("B", second)] {
        if let Some(violation) = &report.violation {
            // Writing into a string cannot fail.
            _ = writeln!(table, "beware: {name} ended with a violation: {violation}");
        }
    }
    table
}

fn row(
    name: &str,
    first: &Report,
    second: &Report,
    figure: impl Fn(&Report) -> Option<f64>,
) -> Option<String> {
    let (first, second) = (figure(first)?, figure(second)?);
    let ratio = if first > 0.0 { format!("{:.3}", second / first) } else { "–".to_owned() };
    Some(format!("{name:<30}{first:>16.3}{second:>16.3}{ratio:>10}\n"))
}

/// Whether two runs were asked for the same.
fn is_like(first: &Report, second: &Report) -> bool {
    let asked = |it: &Report| {
        let load = (it.protocol, it.rate, it.burst, it.in_flight, it.churn);
        (it.participants, it.publishers, it.connections, it.text_bytes, load)
    };
    asked(first) == asked(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let times = Percentiles { p50: 100.5, p90: 200.0, p99: 300.0, p999: 400.0, max: 500.0 };
        let spent = Spent {
            cpu_seconds: 1.0,
            cpu_us_per_delivery: 0.5,
            rss_before_bytes: 1 << 20,
            rss_after_bytes: 2 << 20,
            rss_peak_bytes: 3 << 20,
            voluntary_switches: 4,
            involuntary_switches: 5,
        };
        Report {
            version: "1.2.3".to_owned(),
            server: "127.0.0.1:8080".to_owned(),
            protocol: Protocol::Grpc,
            joining: Joining::new(0.5, 5050, Some(spent)),
            participants: 100,
            publishers: 2,
            connections: 100,
            text_bytes: 64,
            rate: None,
            burst: Some(1000),
            in_flight: None,
            churn: 0.0,
            leaves: 0,
            seconds: 2.0,
            messages: 1000,
            deliveries: 99_000,
            foreign: 0,
            deliveries_per_second: 49_500.0,
            latency_us: times,
            lateness_us: times,
            server_process: Some(spent),
            generator_process: None,
            violation: None,
        }
    }

    #[test]
    fn a_report_survives_json() {
        for violation in [None, Some("lost: \"that\"".to_owned())] {
            let report = Report { violation, ..report() };
            let json = report.json().expect("numbers and strings");
            assert_eq!(serde_json::from_str::<Report>(&json).ok(), Some(report));
        }
    }

    #[test]
    fn a_comparison_says_what_the_second_is_of_the_first() {
        let mut second = report();
        second.latency_us.p50 = 201.0;
        second.server_process = None;
        let table = compare(&report(), &second);
        let p50 = table.lines().find(|line| line.starts_with("latency p50")).expect("a row");
        assert!(p50.ends_with(" 2.000"), "{p50}");
        assert!(!table.contains("server CPU"), "only one of the two has it: {table}");
        assert!(!table.contains("beware"), "{table}");
        second.text_bytes = 65;
        second.violation = Some("lost".to_owned());
        let table = compare(&report(), &second);
        assert!(table.contains("not asked for the same") && table.contains("B ended with"));
    }

    #[test]
    fn the_text_names_what_was_found() {
        let text = report().to_string();
        assert!(text.contains("0.500 µs CPU a delivery") && text.contains("nothing lost"));
        let violation = Some("lost: message 3".to_owned());
        assert!(Report { violation, ..report() }.to_string().contains("lost: message 3"));
    }
}

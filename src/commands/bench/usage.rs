//! What a process has used so far, as Linux says, and how many files ours may open.
//!
//! Where there is no `/proc` there is nothing to say, and the report says nothing.

use serde::{Deserialize, Serialize};
use std::{fs, path::PathBuf};

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux there is.
const TICKS: f64 = 100.0;

/// What a process has used since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    cpu_seconds: f64,
    resident_bytes: u64,
    peak_resident_bytes: u64,
    voluntary_switches: u64,
    involuntary_switches: u64,
}

/// What a process used in between.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Spent {
    /// Processor time of all its threads.
    pub cpu_seconds: f64,
    /// The same, shared out over the deliveries.
    pub cpu_us_per_delivery: f64,
    /// Memory before.
    pub rss_before_bytes: u64,
    /// Memory after.
    pub rss_after_bytes: u64,
    /// The most memory it ever had.
    pub rss_peak_bytes: u64,
    /// How often its threads waited.
    pub voluntary_switches: u64,
    /// How often they were interrupted.
    pub involuntary_switches: u64,
}

impl Usage {
    /// What the process has used, if it is there.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let status = fs::read_to_string(process.join("status")).ok()?;
        let kibibytes = |name| field(&status, name).unwrap_or(0) * 1024;
        let mut usage = Self {
            cpu_seconds: ticks(&fs::read_to_string(process.join("stat")).ok()?)?,
            resident_bytes: kibibytes("VmRSS:"),
            peak_resident_bytes: kibibytes("VmHWM:"),
            ..Self::default()
        };
        let mut nanoseconds = Some(0);
        for thread in fs::read_dir(process.join("task")).ok()?.flatten() {
            // A thread may end meanwhile.
            let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            usage.voluntary_switches += field(&status, "voluntary_ctxt_switches:").unwrap_or(0);
            usage.involuntary_switches +=
                field(&status, "nonvoluntary_ctxt_switches:").unwrap_or(0);
            let of_thread = fs::read_to_string(thread.path().join("schedstat")).ok();
            let of_thread = of_thread
                .and_then(|times| times.split_ascii_whitespace().next()?.parse::<u64>().ok());
            nanoseconds = nanoseconds.zip(of_thread).map(|(sum, more)| sum + more);
        }
        // The scheduler counts nanoseconds, and for a burst that is needed: a tick is 10 ms. But not
        // every kernel has those counts.
        if let Some(nanoseconds) = nanoseconds.filter(|sum| *sum > 0) {
            usage.cpu_seconds = nanoseconds as f64 / 1e9;
        }
        Some(usage)
    }

    /// What was used since `before`, for this many deliveries.
    pub(super) fn since(&self, before: &Self, deliveries: u64) -> Spent {
        let cpu_seconds = (self.cpu_seconds - before.cpu_seconds).max(0.0);
        Spent {
            cpu_seconds,
            cpu_us_per_delivery: cpu_seconds * 1e6 / deliveries.max(1) as f64,
            rss_before_bytes: before.resident_bytes,
            rss_after_bytes: self.resident_bytes,
            rss_peak_bytes: self.peak_resident_bytes,
            voluntary_switches: self.voluntary_switches.saturating_sub(before.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(before.involuntary_switches),
        }
    }
}

/// The number behind a name in a `status` file.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// User and system time of a `stat` file. The name in it may hold blanks and brackets.
fn ticks(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut times = rest.split_ascii_whitespace().skip(11);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// Sees to it that this many files can be open at once.
///
/// # Errors
/// With a sentence that says how many can, if they are fewer.
#[cfg(unix)]
pub(super) fn allow_files(files: u64) -> Result<(), String> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)
        .map_err(|error| format!("cannot ask how many files may be open: {error}"))?;
    if soft >= files {
        return Ok(());
    }
    if hard < files {
        return Err(format!(
            "this needs {files} open files and the system allows {hard}: raise `ulimit -Hn`, or let \
             participants share connections with --connections shared"
        ));
    }
    setrlimit(Resource::RLIMIT_NOFILE, files, hard)
        .map_err(|error| format!("cannot raise the limit of open files to {files}: {error}"))
}

/// Sees to it that this many files can be open at once: here there is no such limit.
#[cfg(not(unix))]
pub(super) fn allow_files(_files: u64) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_hide_the_times() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(ticks(stat), Some(2.0));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn fields_are_found_by_name() {
        let status = "VmHWM:\t  20 kB\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t7";
        assert_eq!(field(status, "VmHWM:"), Some(20));
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(5));
        assert_eq!(field(status, "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_process_uses_something() {
        let usage = Usage::of(std::process::id()).expect("we are there");
        assert!(usage.resident_bytes > 0 && usage.peak_resident_bytes >= usage.resident_bytes);
        assert!(Usage::of(u32::MAX).is_none());
    }
}

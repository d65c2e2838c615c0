//! Many seeds, on all processors, and what is said of one that fails: what was broken, and the one
//! command that plays it again.

use crate::check::{Tally, check};
use crate::{draw, world};
use std::{
    any::Any,
    cell::Cell,
    fmt::Write as _,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex, Once,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long a campaign may take, if there is a bound. What has begun is played to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    pub time: Option<Duration>,
}

/// What a campaign has seen so far.
#[derive(Debug, Default)]
struct Score {
    tally: Tally,
    seeds: u64,
    /// In milliseconds.
    virtual_time: u64,
    failures: Vec<String>,
}

/// A seed that nobody has played, most likely. Small enough to be typed.
pub fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() * 1_000
}

/// Plays seeds until one fails, and says what that was.
pub fn run(seeds: Range<u64>, budget: &Budget) {
    let begun = Instant::now();
    let (next, score) = (AtomicU64::new(seeds.start), Mutex::<Score>::default());
    let is_time = || budget.time.is_none_or(|time| begun.elapsed() < time);
    let play_on = || {
        while is_time() && score.lock().unwrap().failures.is_empty() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let outcome = play(seed);
            let mut score = score.lock().unwrap();
            score.seeds += 1;
            match outcome {
                Ok((tally, virtual_time)) => {
                    score.tally.add(&tally);
                    score.virtual_time += virtual_time;
                }
                Err(failure) => score.failures.push(failure),
            }
            if score.seeds.is_multiple_of(500) {
                println!("{} seeds, {:.0?}", score.seeds, begun.elapsed());
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(play_on);
        }
    });
    let Score { tally, seeds: played, virtual_time, failures } = score.into_inner().unwrap();
    println!(
        "{played} seeds from {} on: {} events and {} deliveries on {} streams ({} unharmed, {} lost, {} \
         evicted, {} messages refused), {:.1} virtual hours in {:.1?}",
        seeds.start,
        tally.events,
        tally.deliveries,
        tally.streams,
        tally.unharmed,
        tally.lost,
        tally.evicted,
        tally.refused,
        Duration::from_millis(virtual_time).as_secs_f64() / 3_600.0,
        begun.elapsed(),
    );
    assert!(failures.is_empty(), "after {played} seeds:\n{}", failures.join("\n"));
}

/// Plays one seed: what was held over, and how much virtual time passed.
///
/// # Errors
/// With all that whoever mends it needs.
pub fn play(seed: u64) -> Result<(Tally, u64), String> {
    outcome(seed, |_| ())
}

/// Plays one seed, and gives its history too, as far as there is one.
pub fn history(seed: u64) -> (Result<(Tally, u64), String>, String) {
    let mut history = String::new();
    let outcome = outcome(seed, |text| history = text);
    (outcome, history)
}

/// A line that two histories share if they are the same.
pub fn digest(seed: u64, history: &str) -> String {
    // FNV-1a, for a line that people can compare.
    let hash = history.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("seed {seed}: a history of {} bytes, digest {hash:016x}", history.len())
}

fn outcome(seed: u64, mut tell: impl FnMut(String)) -> Result<(Tally, u64), String> {
    count_panics();
    PANICS.set(0);
    let plan = draw::plan(seed);
    let played = panic::catch_unwind(AssertUnwindSafe(|| {
        let chronicle = world::run(&plan)?;
        tell(chronicle.text());
        check(&plan, &chronicle).map_err(|violation| violation.to_string())
    }));
    let outcome = match played {
        Ok(outcome) => outcome,
        Err(panic) => Err(format!("a host panicked: {}", said(&*panic))),
    };
    // A task that panics takes its stream with it and nothing else, and is a fault all the same.
    let outcome = match PANICS.get() {
        0 => outcome,
        panics => Err(format!("{panics} tasks panicked; {outcome:?}")),
    };
    outcome.map(|tally| (tally, plan.end)).map_err(|failure| {
        let mut report = format!("seed {seed} failed: {failure}\nto play it again:\n  ");
        let command = "cargo test --test sim replay -- --nocapture";
        write!(report, "CHITTYCHAT_SIM_SEED={seed} {command}").unwrap();
        report
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

thread_local! {
    /// Panics in this thread. A run has a thread to itself.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            hook(info);
        }));
    });
}

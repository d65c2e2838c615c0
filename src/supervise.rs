//! Supervision: what runs beside the chat is begun again when it fails, and never silently gone.
//!
//! Every part of the server that nobody waits for is a [`Task`], and each has a name in the log, in the
//! metrics and in `/readyz`. One that can go on where it stood, or say what it has missed meanwhile, is
//! a [`Companion`]: if it fails, it is logged, counted and begun again, after a pause that doubles while it
//! goes on failing. One that cannot is [essential](Supervisor::essential): if it ends, so does the process,
//! and whoever started that starts it again.
//!
//! Failures are counted for the process, like lines that the log has dropped. Which tasks are down is a
//! server's own affair.

use futures_util::FutureExt as _;
use std::{
    any::Any,
    collections::BTreeSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task::JoinHandle,
    time,
};

/// The pause before a task is begun again for the first time. It doubles with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a task must have run again not to count as down any more.
const SETTLED: Duration = Duration::from_secs(1);

/// What runs beside the chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Takes connections of participants.
    Grpc,
    /// Answers probes, Prometheus and pages.
    Http,
    /// Evicts laggards.
    Sweeper,
    /// Puts the room's events into log lines.
    Scribe,
    /// Writes the log lines.
    Log,
    /// Writes the journal.
    Journal,
    /// Reads certificates and tokens again.
    Keys,
    /// Keeps the metrics' samples short.
    Upkeep,
    /// Tells the console what happens.
    Console,
    /// Wakes readers at the end of a window.
    WakeUps,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Grpc,
        Self::Http,
        Self::Sweeper,
        Self::Scribe,
        Self::Log,
        Self::Journal,
        Self::Keys,
        Self::Upkeep,
        Self::Console,
        Self::WakeUps,
    ];

    /// Its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::Sweeper => "sweeper",
            Self::Scribe => "scribe",
            Self::Log => "log",
            Self::Journal => "journal",
            Self::Keys => "keys",
            Self::Upkeep => "upkeep",
            Self::Console => "console",
            Self::WakeUps => "wake_ups",
        }
    }
}

static FAILURES: [AtomicU64; Task::ALL.len()] = [const { AtomicU64::new(0) }; Task::ALL.len()];

/// How often each task of this process has failed.
#[must_use]
pub fn failures() -> [(&'static str, u64); Task::ALL.len()] {
    Task::ALL.map(|task| (task.label(), FAILURES[task as usize].load(Ordering::Relaxed)))
}

/// Notes that a task has failed.
fn failed(task: Task, why: &str, then: impl std::fmt::Display) {
    FAILURES[task as usize].fetch_add(1, Ordering::Relaxed);
    tracing::error!("the task {} failed ({why}); {then}", task.label());
}

/// A task that can be begun again.
pub trait Companion: Send + 'static {
    /// Runs until there is nothing left to do. After a failure it is called again, on what that left
    /// behind.
    fn run(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

/// A companion that keeps nothing from one run to the next.
#[derive(Debug)]
pub struct Anew<M>(pub M);

impl<M, F> Companion for Anew<M>
where
    M: FnMut() -> F + Send + 'static,
    F: Future<Output = Result<(), String>> + Send,
{
    fn run(&mut self) -> impl Future<Output = Result<(), String>> + Send {
        (self.0)()
    }
}

/// Looks after the tasks of one server. Clones are the same.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    down: Mutex<BTreeSet<&'static str>>,
    ended: watch::Sender<Option<Task>>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self(Arc::new(Shared { down: Mutex::default(), ended: watch::Sender::new(None) }))
    }
}

impl Supervisor {
    /// Runs a task, again and again if it fails.
    pub fn keep(&self, task: Task, mut companion: impl Companion) -> JoinHandle<()> {
        let supervisor = self.clone();
        tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            while let Err(why) = supervisor.run(task, &mut companion, &mut pause).await {
                supervisor.down().insert(task.label());
                failed(task, &why, format_args!("it is begun again in {pause:?}"));
                time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            supervisor.down().remove(task.label());
        })
    }

    /// Runs a task once, to its end or its failure.
    async fn run(
        &self,
        task: Task,
        companion: &mut impl Companion,
        pause: &mut Duration,
    ) -> Result<(), String> {
        let mut run = pin!(AssertUnwindSafe(companion.run()).catch_unwind());
        let ended = match time::timeout(SETTLED, &mut run).await {
            Ok(ended) => ended,
            Err(_) => {
                *pause = FIRST_PAUSE;
                if self.down().remove(task.label()) {
                    tracing::info!("The task {} runs again", task.label());
                }
                run.await
            }
        };
        ended.unwrap_or_else(|panic| Err(said(&*panic)))
    }

    /// Runs a task that the server cannot do without, and that cannot be begun again: when it ends,
    /// whyever, [`Self::ended`] says so.
    pub fn essential(
        &self,
        task: Task,
        work: impl Future<Output = Result<(), String>> + Send + 'static,
    ) -> JoinHandle<()> {
        let supervisor = self.clone();
        tokio::spawn(async move {
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            if let Err(why) = ended.unwrap_or_else(|panic| Err(said(&*panic))) {
                failed(task, &why, "the server cannot go on");
            }
            supervisor.down().insert(task.label());
            supervisor.0.ended.send_replace(Some(task));
        })
    }

    /// Waits until a task has ended without which the server is none.
    pub async fn ended(&self) {
        // The sender lives in `self`, so waiting does not fail.
        let _ = self.0.ended.subscribe().wait_for(Option::is_some).await;
    }

    /// The names of the tasks that are down.
    #[must_use]
    pub fn tasks_down(&self) -> Vec<&'static str> {
        self.down().iter().copied().collect()
    }

    fn down(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        self.0.down.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does the work of a thread to its end: a panic is logged and counted, and then the work is begun again.
pub fn undying(task: Task, mut work: impl FnMut()) {
    let mut pause = FIRST_PAUSE;
    while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut work)) {
        failed(task, &said(&*panic), format_args!("it is begun again in {pause:?}"));
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Does something that waits for files on a thread of its own. The runtime's pool for that panics if
/// it has no thread and none is to be had.
///
/// # Errors
/// If there is no thread, or the work panics.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    // Work may ask the runtime about itself, as a scrape does.
    let runtime = Handle::current();
    thread::Builder::new().name("files".into()).spawn(move || {
        let _within = runtime.enter();
        // Whoever has asked may be gone.
        let _ = done.send(work());
    })?;
    result.await.map_err(|_| io::Error::other("it panicked"))
}

/// What a panic has said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a panic: {}", text.unwrap_or("it said nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a task had failed by now, in this process.
    fn count(task: Task) -> u64 {
        FAILURES[task as usize].load(Ordering::Relaxed)
    }

    /// Counts on from where it stood, and panics at some of the numbers.
    struct Counting {
        at: u32,
        told: watch::Sender<u32>,
        more: watch::Receiver<u32>,
    }

    impl Companion for Counting {
        async fn run(&mut self) -> Result<(), String> {
            loop {
                let wanted = self.at + 1;
                if self.more.wait_for(|most| *most >= wanted).await.is_err() {
                    return Ok(());
                }
                self.at = wanted;
                self.told.send_replace(self.at);
                match self.at {
                    2 => panic!("two is too much"),
                    3 => return Err("three is no better".into()),
                    _ => {}
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_down_and_counted_and_goes_on_where_it_stood() {
        let supervisor = Supervisor::default();
        let (more, may) = watch::channel(1);
        let (told, mut heard) = watch::channel(0);
        let before = count(Task::Upkeep);
        let keeping = supervisor.keep(Task::Upkeep, Counting { at: 0, told, more: may });
        heard.wait_for(|at| *at == 1).await.expect("it runs");
        assert_eq!(supervisor.tasks_down(), Vec::<&str>::new());
        more.send_replace(4);
        heard.wait_for(|at| *at == 4).await.expect("it goes on");
        assert_eq!(supervisor.tasks_down(), ["upkeep"], "it has only just begun again");
        assert_eq!(count(Task::Upkeep) - before, 2);
        time::sleep(2 * SETTLED).await;
        assert_eq!(supervisor.tasks_down(), Vec::<&str>::new());
        drop(more);
        keeping.await.expect("it has nothing left to do");
    }

    #[tokio::test]
    async fn the_end_of_what_is_essential_is_the_servers() {
        let panics = std::future::poll_fn(|_| panic!("no more"));
        for task in [panics.boxed(), async { Ok(()) }.boxed()] {
            let supervisor = Supervisor::default();
            let running = supervisor.essential(Task::Http, task);
            supervisor.ended().await;
            assert_eq!(supervisor.tasks_down(), ["http"]);
            running.await.expect("the panic was caught");
        }
    }

    #[test]
    fn a_thread_outlives_its_panics() {
        let before = count(Task::WakeUps);
        let mut rounds = 0;
        undying(Task::WakeUps, || {
            rounds += 1;
            assert!(rounds > 2, "not yet");
        });
        assert_eq!((rounds, count(Task::WakeUps) - before), (3, 2));
    }

    #[tokio::test]
    async fn what_is_done_on_a_thread_comes_back_or_is_said_to_have_failed() {
        assert_eq!(blocking(|| 7).await.expect("there is a thread"), 7);
        blocking(|| panic!("no")).await.expect_err("it says that it has failed");
    }
}

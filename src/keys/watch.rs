//! Looks at the files, again and again or when somebody asks, and says what has changed.

use super::{
    access::{Access, Looked},
    file::KeyFault,
    grants::Taken,
    server::{Tls, shown},
    tokens::Tokens,
};
use crate::supervise::blocking;
use crate::telemetry::{audit, metrics::Metrics};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time;

/// How often. What is new is in force one or two of these later.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many streams that are ended at once have a line each in the audit; the others are counted.
const LINES: usize = 100;

/// What became of asking for the files to be read again.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// How many lists and certificates are newly in force.
    pub loaded: usize,
    /// Why others are not.
    pub refused: Vec<KeyFault>,
}

/// Puts new files into force, for as long as it is polled; for ever, unless there are none to look at.
///
/// # Errors
/// If it cannot look.
pub async fn watch(access: Access, metrics: Arc<Metrics>) -> Result<(), String> {
    tell_expiry(&access, &metrics);
    let mut told = None;
    tell_overdue(&access, &mut told);
    if !access.has_files() {
        return Ok(());
    }
    let mut ticks = time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        look(&access, &metrics, false).await?;
        tell_overdue(&access, &mut told);
    }
}

/// Reads all files again now. Whoever asks says that they are as they are meant to be, so what is new is
/// judged at once and what is wrong is said again.
///
/// # Errors
/// If there is no thread to read them in.
pub async fn reload(access: &Access, metrics: &Metrics) -> Result<Reloaded, String> {
    look(access, metrics, true).await
}

async fn look(access: &Access, metrics: &Metrics, is_settled: bool) -> Result<Reloaded, String> {
    let looking = access.clone();
    // Files are read, long lists parsed and everybody weighed: nothing of that is for a thread of the runtime.
    let Looked { tls, tokens, taken } = blocking(move || looking.look(is_settled))
        .await
        .map_err(|error| format!("no thread to look: {error}"))?;
    let mut reloaded = Reloaded::default();
    report("certificates", tls, metrics, &mut reloaded, |tls: &Tls| {
        let until = shown(tls.not_after);
        let revoked = tls.revoked.as_ref().map(|it| format!("; {} are revoked", it.len()));
        format!(
            "New certificates are in force for new connections; valid until {until}{}",
            revoked.unwrap_or_default()
        )
    });
    report("tokens", tokens, metrics, &mut reloaded, |tokens: &Tokens| {
        format!("New tokens are in force for new streams: {}", tokens.len())
    });
    tell_taken(&taken, metrics);
    tell_expiry(access, metrics);
    Ok(reloaded)
}

fn report<T>(
    what: &'static str,
    looked: Option<Result<Arc<T>, KeyFault>>,
    metrics: &Metrics,
    reloaded: &mut Reloaded,
    describe: impl FnOnce(&T) -> String,
) {
    match looked {
        None => {}
        Some(Ok(made)) => {
            metrics.keys_loaded();
            reloaded.loaded += 1;
            audit::reloaded(what, &describe(&made));
        }
        Some(Err(fault)) => {
            metrics.keys_refused();
            audit::not_reloaded(what, &fault);
            reloaded.refused.push(fault);
        }
    }
}

/// Writes down whose streams end.
fn tell_taken(taken: &[Taken], metrics: &Metrics) {
    for (number, Taken { peer, names, by, why }) in taken.iter().enumerate() {
        metrics.stream_revoked(why.label());
        if number < LINES {
            audit::revoked(*peer, &names.join(", "), *by, why.label());
        }
    }
    if taken.len() > LINES {
        audit::more_revoked(taken.len() - LINES);
    }
}

fn tell_expiry(access: &Access, metrics: &Metrics) {
    if let Some(tls) = access.tls() {
        metrics.certificate_expires(tls.not_after);
    }
}

/// Warns of a list of revoked certificates that was to be replaced by now, once each.
fn tell_overdue(access: &Access, told: &mut Option<SystemTime>) {
    let tls = access.tls();
    let due = tls.as_ref().and_then(|tls| tls.revoked.as_ref()?.next_update);
    let Some(due) = due.filter(|due| *due < SystemTime::now() && *told != Some(*due)) else {
        return;
    };
    *told = Some(due);
    let since = shown(due);
    tracing::warn!(
        "a revocation list in `grpc.tls.crl` was to be replaced by {since}; it stays in force"
    );
}

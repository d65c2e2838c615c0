//! Looks at the files, again and again, and says what has changed.

use super::{access::Access, file::KeyFault, server::Tls, server::shown, tokens::Tokens};
use crate::supervise::blocking;
use crate::telemetry::metrics::Metrics;
use std::{sync::Arc, time::Duration};
use tokio::time;

/// How often. What is new is in force one or two of these later.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Puts new files into force, for as long as it is polled; for ever, unless there are none to look at.
///
/// # Errors
/// If it cannot look.
pub async fn watch(access: Access, metrics: Arc<Metrics>) -> Result<(), String> {
    tell_expiry(&access, &metrics);
    if access.live_tls().is_none() && access.live_tokens().is_none() {
        return Ok(());
    }
    let mut ticks = time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        look(&access, &metrics, false).await?;
    }
}

/// Looks at the files now, and judges what they hold at once: whoever asks for that has replaced all of
/// them. What has become of it is told as for every look.
///
/// # Errors
/// If it cannot look.
pub async fn reload(access: &Access, metrics: &Metrics) -> Result<(), String> {
    look(access, metrics, true).await
}

async fn look(access: &Access, metrics: &Metrics, at_once: bool) -> Result<(), String> {
    let looking = access.clone();
    let looked = blocking(move || {
        let tls = looking.live_tls().and_then(|live| live.look(at_once));
        (tls, looking.live_tokens().and_then(|live| live.look(at_once)))
    });
    let (tls, tokens) = looked.await.map_err(|error| format!("no thread to look: {error}"))?;
    report(tls, metrics, |tls: &Tls| {
        let until = shown(tls.not_after);
        format!("New certificates are in force for new connections; valid until {until}")
    });
    report(tokens, metrics, |tokens: &Tokens| {
        format!("New tokens are in force for new streams: {}", tokens.len())
    });
    tell_expiry(access, metrics);
    Ok(())
}

fn report<T>(
    looked: Option<Result<Arc<T>, KeyFault>>,
    metrics: &Metrics,
    describe: impl FnOnce(&T) -> String,
) {
    match looked {
        None => {}
        Some(Ok(made)) => {
            metrics.keys_loaded();
            tracing::info!("{}", describe(&made));
        }
        Some(Err(fault)) => {
            metrics.keys_refused();
            tracing::error!("What was in force stays in force: {fault}");
        }
    }
}

fn tell_expiry(access: &Access, metrics: &Metrics) {
    if let Some(tls) = access.tls() {
        metrics.certificate_expires(tls.not_after);
    }
}

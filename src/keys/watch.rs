//! Looks at the files, again and again, and says what has changed.

use super::{access::Access, file::KeyFault, server::Tls, server::shown, tokens::Tokens};
use crate::telemetry::metrics::Metrics;
use std::{sync::Arc, time::Duration};
use tokio::{task::spawn_blocking, time};

/// How often. What is new is in force one or two of these later.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Puts new files into force, for as long as it is polled; for ever, unless there are none to look at.
pub async fn watch(access: Access, metrics: Arc<Metrics>) {
    tell_expiry(&access, &metrics);
    if access.live_tls().is_none() && access.live_tokens().is_none() {
        return;
    }
    let mut ticks = time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let looking = access.clone();
        let looked = spawn_blocking(move || {
            let tls = looking.live_tls().and_then(|live| live.look());
            (tls, looking.live_tokens().and_then(|live| live.look()))
        });
        // It does not panic; and at the end of everything, nobody is left to be told.
        let Ok((tls, tokens)) = looked.await else { continue };
        report(tls, &metrics, |tls: &Tls| {
            let until = shown(tls.not_after);
            format!("New certificates are in force for new connections; valid until {until}")
        });
        report(tokens, &metrics, |tokens: &Tokens| {
            format!("New tokens are in force for new streams: {}", tokens.len())
        });
        tell_expiry(&access, &metrics);
    }
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

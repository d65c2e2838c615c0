//! The sweeper: finds those who lag too far behind, also when nobody polls their streams.
//!
//! A reader that is polled finds out by itself that the log has overtaken it. One whose connection
//! takes no more bytes is never polled, so somebody has to look.

use super::Hub;
use std::time::Duration;

/// How often the sweeper looks. The log is bounded without it, so this bounds only for how long a
/// participant that no longer reads counts as present.
const EVERY: Duration = Duration::from_millis(100);

/// Evicts laggards for as long as it is polled.
pub async fn sweep(hub: Hub) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        hub.evict_laggards();
    }
}

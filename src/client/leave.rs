//! The wish to leave, which a signal, a key or a closed pipe may express.
//!
//! It is a fact and not an event: once asked for it stays asked for, whoever looks and whenever.

use std::sync::Arc;
use tokio::sync::watch;

/// The wish to leave. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Leave(Arc<watch::Sender<bool>>);

impl Leave {
    /// Asks to leave. True if that had been asked before.
    pub fn ask(&self) -> bool {
        self.0.send_replace(true)
    }

    /// True if it has been asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub async fn asked(&self) {
        // The sender lives in `self`, so this does not fail.
        let _ = self.0.subscribe().wait_for(|&is_asked| is_asked).await;
    }
}

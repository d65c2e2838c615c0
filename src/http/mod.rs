//! The HTTP port: what an operator's tools ask, apart from the port that participants use.
//!
//! | route | answers |
//! |---|---|
//! | `/livez` | 200 for as long as the process runs |
//! | `/readyz` | 200 while new participants are welcome and all of the server runs, else 503 and why |
//! | `/metrics` | every metric, in the text format of Prometheus |

mod patient;
mod port;

pub use port::Port;

use crate::hub::Hub;
use crate::supervise::{Supervisor, blocking};
use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// How many scrapes are made at once.
const SCRAPES: usize = 1;
/// The type of what `/metrics` answers.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes. `ready` says whether new participants are welcome; `hub` is what is measured; the
/// supervisor knows whether anything is down.
pub fn router(ready: watch::Receiver<bool>, hub: Hub, supervisor: Supervisor) -> Router {
    let readyz = move || {
        let (is_ready, down) = (*ready.borrow(), supervisor.tasks_down());
        std::future::ready(match (is_ready, &down[..]) {
            (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            (true, []) => (StatusCode::OK, "ready\n".to_owned()),
            (true, down) => {
                let down = down.join(", ");
                (StatusCode::SERVICE_UNAVAILABLE, format!("not ready; down: {down}\n"))
            }
        })
    };
    let scrapes = Arc::new(Semaphore::new(SCRAPES));
    Router::new()
        .route("/livez", get(|| std::future::ready("live\n")))
        .route("/readyz", get(readyz))
        .route("/metrics", get(move || metrics(hub.clone(), Arc::clone(&scrapes))))
}

/// A scrape reads files of the system, which on a busy machine takes a while: not on a thread that
/// carries messages, and one after the other, since each takes a thread and what it writes.
async fn metrics(hub: Hub, scrapes: Arc<Semaphore>) -> Response {
    let turn = scrapes.acquire_owned().await;
    let scrape = blocking(move || {
        // Kept to the end, also if nobody waits for it any more.
        let _turn = turn;
        hub.scrape()
    });
    match scrape.await {
        Ok(text) => ([(CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

//! The HTTP port: what an operator's tools ask, apart from the port that participants use.
//!
//! | route | answers |
//! |---|---|
//! | `/livez` | 200 for as long as the process runs |
//! | `/readyz` | 200 while new participants are welcome, else 503 |

use axum::{Router, http::StatusCode, routing::get};
use tokio::sync::watch;

/// The routes. `ready` says whether new participants are welcome.
pub fn router(ready: watch::Receiver<bool>) -> Router {
    let readyz = move || {
        let is_ready = *ready.borrow();
        std::future::ready(if is_ready {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        })
    };
    Router::new()
        .route("/livez", get(|| std::future::ready("live\n")))
        .route("/readyz", get(readyz))
}

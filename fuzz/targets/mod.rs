//! What is fuzzed: each target takes any bytes, and panics if something is wrong with what comes of them.
//!
//! They are plain functions. libFuzzer's programs (`bins/`) call them with what it makes up, and
//! `tests/corpus.rs` with what is kept of that in `corpus/`.

pub mod http2;
pub mod journal;
pub mod messages;
mod pair;
pub mod records;
mod room;
pub mod settings;
pub mod websocket;

use chittychat::causality::{Graph, check};

/// Checks what was recorded. What breaks a promise breaks the exact rules too.
fn judge(graph: &Graph) {
    let [lenient, strict] = [false, true].map(|is_strict| check(graph, is_strict));
    assert!(strict.is_broken() || !lenient.is_broken(), "strict, and yet content");
}

//! Any bytes as a journal, to the verdict on it.

use chittychat::causality::History;
use chittychat::journal::read::Reader;

/// Reads and checks it.
pub fn run(data: &[u8]) {
    let mut history = History::default();
    let file = history.file("fuzzed");
    if Reader::new(&mut history, file).read(data).is_err() {
        return;
    }
    if let Ok(graph) = history.graph() {
        super::judge(&graph);
    }
}

//! Any bytes as a record of any form (a log, spans, an answer of Jaeger's), to the verdict on it.

use chittychat::commands::graph_of;

/// Reads and checks it.
pub fn run(data: &[u8]) {
    if let Ok(graph) = graph_of(data) {
        super::judge(&graph);
    }
}

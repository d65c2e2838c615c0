//! Conservation: everybody to whom a message was owed got it, or lagged, or was gone.
//!
//! Whether somebody got it is known if it left a record, or if it said later what it had seen. What is
//! missing at the end of a stay was unread when that ended; what is missing in the middle was lost.

use super::{Ledger, Promise};
use crate::causality::{
    event::Kind,
    fate::{Fate, Fates, for_each_delivery},
    graph::{Graph, is_told},
};

pub(super) fn check(graph: &Graph, ledger: &mut Ledger) {
    let Some(server) = graph.server() else {
        ledger.why_not(Promise::Conservation, "there is no record of a server");
        return;
    };
    let fates = Fates::of(graph);
    let (mut delivered, mut lagged, mut gone, mut unknown) = (0_u64, 0_u64, 0_u64, 0_u64);
    for_each_delivery(graph, server, |fact, time, person| {
        let Kind::Sent(subject) = fact.kind else { return };
        if !is_told(subject) {
            return;
        }
        match fates.fate(graph, time, person) {
            Fate::Delivered => delivered += 1,
            Fate::Evicted => lagged += 1,
            Fate::Gone => gone += 1,
            Fate::Unknown => unknown += 1,
            Fate::Missing { later } => {
                let name = graph.node_of(person).map(|node| graph.name(node)).unwrap_or_default();
                ledger.found(Promise::Conservation, (graph, 0, time), vec![fact.source], || {
                    format!(
                        "message {} was sent to {name} at {time} and never received, though {name} \
                         received what was sent at {later}",
                        fact.message
                    )
                });
            }
        }
    });
    ledger.held(Promise::Conservation, delivered + lagged + gone);
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!("; of {unknown} more no record says what became of them"),
    };
    ledger.note(
        Promise::Conservation,
        format!("{delivered} delivered, {lagged} lagged, {gone} gone{unknown}"),
    );
    ledger.why_not(
        Promise::Conservation,
        "no participant left a record, and none said what it had seen",
    );
}

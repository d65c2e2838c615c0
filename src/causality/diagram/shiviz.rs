//! A layout as a log for ShiViz, which draws space-time diagrams from vector clocks.
//!
//! Nobody in this chat keeps a vector clock. One follows from the messages: the clock of an event counts
//! for each node how many of its events happened before, itself included. It is worked out in the order of
//! Lamport times, in which a cause comes before its effect; a message that breaks the clock condition is
//! left out of account, since with it there would be no order.

use crate::causality::{
    graph::Graph,
    layout::{End, Layout, words::Words},
};
use std::{collections::BTreeSet, fmt::Write as _};

/// What ShiViz's "log parsing regular expression" has to be for these logs. It is the one it begins with.
pub const SHIVIZ_PARSER: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";

/// The log.
#[must_use]
pub fn shiviz(graph: &Graph, layout: &Layout) -> String {
    let words = Words::of(graph);
    let hosts = hosts(layout, &words);
    let mut causes = vec![None; layout.dots.len()];
    for arrow in &layout.arrows {
        if let (End::Dot(from), End::Dot(to)) = (arrow.from, arrow.to) {
            causes[to] = Some(from);
        }
    }
    let mut order: Vec<usize> = (0..layout.dots.len()).collect();
    order.sort_by_key(|dot| (layout.dots[*dot].row, layout.dots[*dot].at));
    let mut lines: Vec<Vec<u32>> = vec![vec![0; hosts.len()]; hosts.len()];
    let mut clocks: Vec<Option<Vec<u32>>> = vec![None; layout.dots.len()];
    let mut log = String::new();
    for number in order {
        let dot = &layout.dots[number];
        let cause = causes[number].and_then(|cause: usize| clocks[cause].clone());
        let clock = &mut lines[dot.column];
        for (own, other) in clock.iter_mut().zip(cause.into_iter().flatten()) {
            *own = (*own).max(other);
        }
        clock[dot.column] += 1;
        let known = hosts.iter().zip(&*clock).filter(|(_, count)| **count > 0);
        let known: Vec<_> = known.map(|(host, count)| format!("\"{host}\":{count}")).collect();
        let (host, time) = (&hosts[dot.column], graph.time(dot.at));
        let what = words.what(dot.at);
        // Writing to a string does not fail.
        let _ = writeln!(log, "{host} {{{}}}\n[{time}] {what}", known.join(","));
        clocks[number] = Some(clock.clone());
    }
    log
}

/// A name for each column: in one word, fit for JSON, and no two alike.
fn hosts(layout: &Layout, words: &Words<'_>) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let columns = layout.columns.iter().map(|column| {
        let name = words.full_name(column.node);
        let is_fit = |c: char| !c.is_whitespace() && !matches!(c, '"' | '\\' | '{' | '}');
        let name: String = name.chars().map(|c| if is_fit(c) { c } else { '_' }).collect();
        let mut host = name.clone();
        for number in 2.. {
            if taken.insert(host.clone()) {
                break;
            }
            host = format!("{name}_{number}");
        }
        host
    });
    columns.collect()
}

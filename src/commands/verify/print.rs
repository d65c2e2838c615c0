//! The outcome of a check, for people and for machines. What strangers wrote has been escaped already.

use crate::causality::{
    Graph, Report, Source,
    check::{Finding, Outcome},
};
use serde_json::json;
use std::fmt::Write as _;

/// For people.
pub(super) fn text(graph: &Graph, report: &Report, remark: Option<&str>) -> String {
    let nodes = graph.nodes.iter().filter(|node| node.events() > 0).count();
    let mut print =
        format!("read {} inputs: {} events of {nodes} nodes\n", graph.files.len(), graph.events());
    if let Some(remark) = remark {
        // Writing to a string does not fail, here and below.
        let _ = writeln!(print, "{remark}");
    }
    for (promise, outcome) in &report.outcomes {
        let name = promise.name();
        let _ = match outcome {
            Outcome::Held { over, note } => {
                let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
                writeln!(print, "  {name:24} held over {over} {}{note}", promise.unit())
            }
            Outcome::NotChecked { why } => writeln!(print, "  {name:24} not checked: {why}"),
            Outcome::Broken { smallest, findings } => {
                let Finding { node, time, what, lines, .. } = smallest;
                let more = match findings - 1 {
                    0 => String::new(),
                    more => format!(" (and {more} more)"),
                };
                let _ = writeln!(print, "  {name:24} BROKEN: ({node}, {time}) {what}{more}");
                lines.iter().try_for_each(|line| writeln!(print, "      {}", shown(graph, *line)))
            }
        };
    }
    print
}

/// For machines.
pub(super) fn json(graph: &Graph, report: &Report, remark: Option<&str>) -> String {
    let promises: Vec<_> = report
        .outcomes
        .iter()
        .map(|(promise, outcome)| match outcome {
            Outcome::Held { over, note } => json!({
                "promise": promise.name(), "outcome": "held", "over": over, "unit": promise.unit(),
                "note": note,
            }),
            Outcome::NotChecked { why } => {
                json!({ "promise": promise.name(), "outcome": "not checked", "why": why })
            }
            Outcome::Broken { smallest, findings } => json!({
                "promise": promise.name(), "outcome": "broken", "findings": findings,
                "node": smallest.node, "time": smallest.time, "what": smallest.what,
                "lines": smallest.lines.iter().map(|line| shown(graph, *line)).collect::<Vec<_>>(),
            }),
        })
        .collect();
    let whole = json!({
        "inputs": graph.files, "events": graph.events(), "remark": remark,
        "nodes": graph.nodes.iter().filter(|node| node.events() > 0).count(),
        "broken": report.is_broken(), "promises": promises,
    });
    format!("{whole:#}\n")
}

/// As a suite of tests, one for each promise.
pub(super) fn junit(graph: &Graph, report: &Report) -> String {
    let count = |is_it: fn(&Outcome) -> bool| {
        report.outcomes.iter().filter(|(_, outcome)| is_it(outcome)).count()
    };
    let failures = count(|outcome| matches!(outcome, Outcome::Broken { .. }));
    let skipped = count(|outcome| matches!(outcome, Outcome::NotChecked { .. }));
    let mut print = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"chittychat verify\" tests=\"{}\" \
         failures=\"{failures}\" skipped=\"{skipped}\">\n",
        report.outcomes.len()
    );
    for (promise, outcome) in &report.outcomes {
        let case = format!("  <testcase classname=\"promises\" name=\"{}\"", promise.name());
        let _ = match outcome {
            Outcome::Held { .. } => writeln!(print, "{case}/>"),
            Outcome::NotChecked { why } => {
                writeln!(print, "{case}><skipped message=\"{}\"/></testcase>", escaped(why))
            }
            Outcome::Broken { smallest, .. } => {
                let Finding { node, time, what, lines, .. } = smallest;
                let lines: Vec<_> = lines.iter().map(|line| shown(graph, *line)).collect();
                let message = escaped(&format!("({node}, {time}) {what}"));
                let lines = escaped(&lines.join("\n"));
                writeln!(
                    print,
                    "{case}><failure message=\"{message}\">{lines}</failure></testcase>"
                )
            }
        };
    }
    print + "</testsuite>\n"
}

fn shown(graph: &Graph, Source { file, line }: Source) -> String {
    let file = graph.files.get(file as usize).map_or("", String::as_str);
    format!("{file}:{line}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

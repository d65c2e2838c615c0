//! The result as people, programs and CI read it: text, JSON, JUnit's XML.

use super::{
    case::{CASES, Case},
    verdict::{Outcome, Verdict},
};
use serde::Serialize;
use std::fmt::Write as _;

/// The columns that a name takes.
const NAME_COLUMNS: usize = {
    let (mut longest, mut at) = (0, 0);
    while at < CASES.len() {
        if CASES[at].name.len() > longest {
            longest = CASES[at].name.len();
        }
        at += 1;
    }
    longest
};

/// One case as a line, as soon as it is known; and what was expected, if it was not met.
pub(super) fn line(outcome: &Outcome) -> String {
    let Outcome { case: Case { name, expects, .. }, finding, .. } = outcome;
    let verdict = finding.verdict;
    let mut line = format!("{verdict:<8}  {name:<NAME_COLUMNS$}  {}\n", finding.evidence);
    if matches!(verdict, Verdict::Failed | Verdict::Unclear) {
        let _ = writeln!(line, "{:<8}  {:<NAME_COLUMNS$}  a correct server: {expects}", "", "");
    }
    line
}

/// How many there are of each verdict.
pub(super) fn counts(outcomes: &[Outcome]) -> String {
    let counts = Verdict::ALL.map(|verdict| format!("{} {verdict}", count(outcomes, verdict)));
    format!("{}\n", counts.join(", "))
}

/// How many have this verdict.
pub(super) fn count(outcomes: &[Outcome], verdict: Verdict) -> usize {
    outcomes.iter().filter(|outcome| outcome.finding.verdict == verdict).count()
}

#[derive(Serialize)]
struct Report<'a> {
    server: &'a str,
    survived: usize,
    failed: usize,
    unclear: usize,
    gone: usize,
    cases: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    does: &'a str,
    expects: &'a str,
    verdict: Verdict,
    evidence: &'a str,
    seconds: f64,
}

/// Everything as JSON.
pub(super) fn json(server: &str, outcomes: &[Outcome]) -> Result<String, serde_json::Error> {
    let cases = outcomes.iter().map(|Outcome { case, finding, took }| Row {
        name: case.name,
        does: case.does,
        expects: case.expects,
        verdict: finding.verdict,
        evidence: &finding.evidence,
        seconds: took.as_secs_f64(),
    });
    let report = Report {
        server,
        survived: count(outcomes, Verdict::Survived),
        failed: count(outcomes, Verdict::Failed),
        unclear: count(outcomes, Verdict::Unclear),
        gone: count(outcomes, Verdict::Gone),
        cases: cases.collect(),
    };
    serde_json::to_string_pretty(&report).map(|json| json + "\n")
}

/// Everything as JUnit has it. What is unclear and what was not run is skipped there.
pub(super) fn junit(server: &str, outcomes: &[Outcome]) -> String {
    let (tests, failures) = (outcomes.len(), count(outcomes, Verdict::Failed));
    let skipped = count(outcomes, Verdict::Unclear) + count(outcomes, Verdict::Gone);
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.took.as_secs_f64()).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        out,
        "  <testsuite name=\"chittychat probe of {}\" tests=\"{tests}\" failures=\"{failures}\" \
         errors=\"0\" skipped=\"{skipped}\" time=\"{seconds:.3}\">",
        xml(server),
    );
    for Outcome { case, finding, took } in outcomes {
        let (name, seconds) = (xml(case.name), took.as_secs_f64());
        let (evidence, expects) = (xml(&finding.evidence), xml(case.expects));
        let body = match finding.verdict {
            Verdict::Survived => format!("<system-out>{evidence}</system-out>"),
            Verdict::Failed => {
                format!("<failure message=\"{evidence}\">a correct server: {expects}</failure>")
            }
            Verdict::Unclear => format!("<skipped message=\"unclear: {evidence}\"/>"),
            Verdict::Gone => format!("<skipped message=\"{evidence}\"/>"),
        };
        let _ = writeln!(
            out,
            "    <testcase classname=\"probe\" name=\"{name}\" time=\"{seconds:.3}\">{body}</testcase>"
        );
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// A text as it may stand in XML, between tags and between quotes. Some characters are not allowed there
/// in any form.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::probe::verdict::Finding;
    use std::time::Duration;

    fn outcomes() -> Vec<Outcome> {
        let finding = [
            Finding::new(Verdict::Survived, "all well"),
            Finding::failed("heard \"<a href='x'>\u{1b}[31m & \u{ffff}\n]]>\""),
            Finding::unclear("who knows"),
            Finding::new(Verdict::Gone, "the server is gone"),
        ];
        let outcome =
            |(case, finding)| Outcome { case, finding, took: Duration::from_millis(1500) };
        CASES.iter().zip(finding).map(outcome).collect()
    }

    #[test]
    fn every_form_says_the_same() {
        let outcomes = outcomes();
        assert_eq!(counts(&outcomes), "1 survived, 1 failed, 1 unclear, 1 gone\n");
        let json = json("h:1", &outcomes).expect("it can be written");
        let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
        let xml = junit("h<1>", &outcomes);
        let document = roxmltree::Document::parse(&xml).expect("it is XML");
        let suite = document.descendants().find(|node| node.has_tag_name("testsuite"));
        let suite = suite.expect("there is one");
        assert_eq!(suite.attribute("name"), Some("chittychat probe of h<1>"));
        let counted = ["tests", "failures", "skipped"].map(|name| suite.attribute(name));
        assert_eq!(counted, [Some("4"), Some("1"), Some("2")]);
        let failure = document.descendants().find(|node| node.has_tag_name("failure"));
        let evidence = failure.and_then(|node| node.attribute("message")).expect("there is one");
        assert_eq!(evidence, r#"heard "<a href='x'>\u{1b}[31m & \u{ffff}\n]]>""#);
        // JSON may hold any character, so it holds the text as it is but for what acts.
        let in_json = json["cases"][1]["evidence"].as_str().expect("a text");
        assert_eq!(in_json.replace('\u{ffff}', r"\u{ffff}"), evidence);
        assert_eq!(json["cases"][3]["verdict"], "gone");
    }

    #[test]
    fn a_line_says_what_was_expected_if_it_was_not_met() {
        let lines: Vec<_> = outcomes().iter().map(line).collect();
        assert_eq!(lines[0], format!("survived  {:<NAME_COLUMNS$}  all well\n", "vanish"));
        let column = "survived".len() + 2 + NAME_COLUMNS + 2;
        let (_, expected) = lines[1].split_once('\n').expect("two lines");
        assert_eq!(expected.find("a correct server: It goes on"), Some(column), "{}", lines[1]);
        assert!(lines.iter().all(|line| !line.trim_end_matches('\n').contains('\u{1b}')));
    }
}

//! What Prometheus knows about the server, asked over its own interface.
//!
//! Every question that the dashboard, the rules and the page for operators ask must have an answer. An
//! alert is asked without its comparison: with it, there is an answer in trouble alone.

use crate::page;
use crate::stack::{Stack, until};
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    time::Duration,
};

/// How long Prometheus may take: a rate over a minute needs some scrapes.
const PATIENCE: Duration = Duration::from_secs(120);

/// The scene: it knows the server, the people in it, and an answer to everything; nothing is wrong.
pub fn knows(_: &Stack) {
    until_value("up{job=\"chittychat\"}", |value| value == 1.0);
    until_value("chittychat_connected_clients", |value| value == 3.0);
    let questions = [of_dashboards(), of_rules(), page::questions()].concat();
    eprintln!("  {} questions", questions.len());
    for question in &questions {
        let what = format!("an answer to {question}");
        until(&what, PATIENCE, || (!answers(question).is_empty()).then_some(()));
    }
    let firing = answers("ALERTS{alertstate=\"firing\"}");
    assert_eq!(firing, Vec::<Value>::new());
}

/// The first value that an expression has now.
pub fn value(question: &str) -> Option<f64> {
    answers(question).first()?["value"][1].as_str()?.parse().ok()
}

/// Waits for a value.
pub fn until_value(question: &str, is_it: impl Fn(f64) -> bool) {
    until(question, PATIENCE, || value(question).filter(|value| is_it(*value)).map(drop));
}

/// What every panel of every dashboard asks.
fn of_dashboards() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/dashboards");
    let mut questions = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let dashboard = fs::read_to_string(file.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
                questions.push(target["expr"].as_str().unwrap().to_owned());
            }
        }
    }
    assert!(!questions.is_empty());
    questions
}

/// What every rule asks, as Prometheus has loaded it. Each alert is to stand on the operators' page.
fn of_rules() -> Vec<String> {
    let rules = api("/api/v1/rules").expect("Prometheus lists its rules");
    let groups = rules["groups"].as_array().unwrap();
    let mut questions = Vec::new();
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let question = rule["query"].as_str().unwrap();
        if rule["type"] == "alerting" {
            let name = rule["name"].as_str().unwrap();
            let runbook = format!("docs/operations.md#{}", name.to_lowercase());
            assert_eq!(rule["annotations"]["runbook"], runbook);
            assert!(page::text().contains(&format!("\n### {name}\n")), "{name} is not explained");
            let comparison = [" > ", " < ", " != ", " == "];
            let end = comparison.iter().filter_map(|sign| question.rfind(sign)).max();
            questions.push(question[..end.expect("an alert compares")].to_owned());
        } else {
            questions.push(question.to_owned());
            questions.push(rule["name"].as_str().unwrap().to_owned());
        }
    }
    assert!(!questions.is_empty());
    questions
}

fn answers(question: &str) -> Vec<Value> {
    let encoded: String = question.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let data = api(&format!("/api/v1/query?query={encoded}"));
    data.and_then(|data| data["result"].as_array().cloned()).unwrap_or_default()
}

fn api(path: &str) -> Option<Value> {
    let answer: Value = serde_json::from_str(&get("127.0.0.1:9090", path)?).ok()?;
    assert_eq!(answer["status"], "success", "{path}: {answer}");
    Some(answer["data"].clone())
}

/// The body that comes back. With HTTP/1.0 it ends when the connection does.
pub fn get(server: &str, path: &str) -> Option<String> {
    let mut connection = ask(server, path)?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some(body.to_owned())
}

/// A connection on which that has been asked.
pub fn ask(server: &str, path: &str) -> Option<TcpStream> {
    let mut connection = TcpStream::connect(server).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(connection, "GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n").ok()?;
    Some(connection)
}

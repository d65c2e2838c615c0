//! Spans as records: from a collector's file, and from Jaeger's query port, which is a stub here.

use crate::support::{Verdict, output, save, verify};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

/// One event as a span: name, node, time, event, type, cause, message.
type Row = (
    &'static str,
    &'static str,
    i64,
    &'static str,
    &'static str,
    Option<(&'static str, i64)>,
    &'static str,
);

const A: &str = "Anton 127.0.0.1:20";
const B: &str = "Bjarke 127.0.0.1:40";

/// Anton and Bjarke come in, and Anton says something.
const ROWS: [Row; 9] = [
    ("connect", A, 2, "send", "connect", None, ""),
    ("process", "server", 3, "receive", "connect", Some((A, 2)), "3"),
    ("receive", A, 5, "receive", "join", Some(("server", 4)), "3"),
    ("connect", B, 2, "send", "connect", None, ""),
    ("process", "server", 5, "receive", "connect", Some((B, 2)), "5"),
    ("publish", A, 8, "send", "publish", None, ""),
    ("process", "server", 9, "receive", "publish", Some((A, 8)), "9"),
    ("deliver", "server", 10, "send", "publish", None, "9"),
    ("receive", B, 11, "receive", "publish", Some(("server", 10)), "9"),
];

/// The attributes of a row: text, or a number.
fn attributes(row: &Row) -> Vec<(&'static str, Value)> {
    let (name, node, time, event, kind, cause, message) = *row;
    let mut all = vec![
        ("lamport.node", json!(node)),
        ("lamport.time", json!(time)),
        ("lamport.event", json!(event)),
        ("chittychat.message.type", json!(kind)),
        ("messaging.message.id", json!(message)),
    ];
    if let Some((from, sent)) = cause {
        all.extend([("lamport.cause.node", json!(from)), ("lamport.cause.time", json!(sent))]);
    }
    if name == "deliver" {
        all.push(("chittychat.peer", json!(B)));
    }
    all
}

fn otlp(rows: &[Row]) -> String {
    let line = |(number, row): (usize, &Row)| {
        let attributes: Vec<_> = attributes(row)
            .into_iter()
            .map(|(key, value)| match value {
                Value::Number(number) => {
                    json!({"key": key, "value": {"intValue": number.to_string()}})
                }
                text => json!({"key": key, "value": {"stringValue": text}}),
            })
            .collect();
        let span = json!({
            "traceId": "t", "spanId": number.to_string(), "name": row.0,
            "startTimeUnixNano": (number * 1_000_000).to_string(), "attributes": attributes,
        });
        json!({"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]})
    };
    rows.iter().enumerate().map(line).map(|line| format!("{line}\n")).collect()
}

fn jaeger(rows: &[Row]) -> String {
    let span = |(number, row): (usize, &Row)| {
        let tags: Vec<_> = attributes(row)
            .into_iter()
            .map(|(key, value)| json!({"key": key, "type": "any", "value": value}))
            .collect();
        json!({"traceID": "t", "spanID": number.to_string(), "operationName": row.0,
            "startTime": number * 1000, "processID": "p1", "tags": tags})
    };
    let spans: Vec<_> = rows.iter().enumerate().map(span).collect();
    let processes = json!({"p1": {"serviceName": "chittychat-server"}});
    json!({"data": [{"traceID": "t", "spans": spans, "processes": processes}]}).to_string()
}

/// Answers two requests as Jaeger would, and returns what was asked for.
fn stub(answer: String) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let answer_one = |_| {
            let (mut socket, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map(Result::unwrap);
            let request = lines.next().unwrap();
            assert!(lines.any(|line| line.is_empty()));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len());
            socket.write_all(head.as_bytes()).unwrap();
            socket.write_all(answer.as_bytes()).unwrap();
            request
        };
        (0..2).map(answer_one).collect()
    });
    (url, asked)
}

fn of_rows(rows: &[Row]) -> [Verdict; 3] {
    let folder = tempfile::tempdir().unwrap();
    let from_otlp = verify(&[], &[save(folder.path(), "spans", &otlp(rows))]);
    let from_file = verify(&[], &[save(folder.path(), "answer", &jaeger(rows))]);
    let (url, asked) = stub(jaeger(rows));
    let from_port = verify(&["--jaeger", &url], &[]);
    let asked = asked.join().unwrap();
    assert!(asked[0].starts_with("GET /api/traces?service=chittychat-server&limit="), "{asked:?}");
    assert!(asked[1].starts_with("GET /api/traces?service=chittychat-client&limit="), "{asked:?}");
    [from_otlp, from_file, from_port]
}

#[test]
fn spans_are_events_wherever_they_are_read() {
    for verdict in of_rows(&ROWS) {
        verdict.is_clean();
        verdict.held("clock condition", 9);
        verdict.held("sender FIFO", 2);
        verdict.not_checked("join told to all", "only spans");
        verdict.not_checked("exact rules", "--strict");
    }
}

#[test]
fn a_span_that_is_too_early_is_found() {
    let mut rows = ROWS;
    rows[8].2 = 10;
    for verdict in of_rows(&rows) {
        assert_eq!(verdict.code, 1, "{:#}", verdict.json);
        let it = verdict.of("clock condition");
        assert_eq!((&it["node"], &it["time"]), (&B.into(), &10.into()), "{it:#}");
    }
}

#[test]
fn a_server_that_was_started_again_has_its_last_run_checked() {
    let folder = tempfile::tempdir().unwrap();
    // The whole of it twice: first for an earlier run, then after a start.
    let first = otlp(&ROWS).replace("\"traceId\":\"t\"", "\"traceId\":\"old\"");
    let start = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "s", "spanId": "1", "name": "start", "startTimeUnixNano": "500000000",
    }]}]}]});
    let second: String = (0..9_usize)
        .map(|number| {
            let line = otlp(&ROWS).lines().nth(number).unwrap().to_owned();
            let old = format!("\"startTimeUnixNano\":\"{}\"", number * 1_000_000);
            line.replace(
                &old,
                &format!("\"startTimeUnixNano\":\"{}\"", 600_000_000 + number * 1_000_000),
            ) + "\n"
        })
        .collect();
    let file = save(folder.path(), "spans", &format!("{first}{start}\n{second}"));
    let verdict = verify(&[], &[file]);
    assert!(
        verdict.json["remark"].as_str().unwrap().starts_with("9 spans are older"),
        "{:#}",
        verdict.json
    );
    assert_eq!(verdict.json["events"], 9);
}

#[test]
fn a_port_that_does_not_answer_is_an_error() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in
        [format!("http://{closed}"), "https://127.0.0.1".to_owned(), "127.0.0.1:1".to_owned()]
    {
        let output = output(&["--jaeger", &url], &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(&url), "{error}");
    }
}

//! The tree's tidiness: imports go one way, every file says what it is, and none outgrows a sitting.
//!
//! These are the rules of docs/architecture.md that a compiler does not know.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The most lines of a source file.
const MOST_LINES: usize = 500;

/// Which of our own modules each module may name. `commands` may name all of them.
const LAYERS: [(&str, &[&str]); 15] = [
    ("chat", &[]),
    ("causality", &["chat"]),
    ("wire", &["chat"]),
    ("telemetry", &["chat", "causality", "supervise"]),
    ("supervise", &[]),
    ("journal", &["chat", "causality", "supervise"]),
    ("hub", &["chat", "causality", "wire", "telemetry", "journal", "supervise"]),
    ("keys", &["chat", "telemetry", "supervise"]),
    ("grpc", &["chat", "wire", "hub", "telemetry", "keys"]),
    ("http", &["chat", "causality", "hub", "telemetry", "grpc", "supervise"]),
    (
        "console",
        &["chat", "causality", "wire", "telemetry", "journal", "hub", "keys", "grpc", "supervise"],
    ),
    ("client", &["chat", "causality", "wire", "telemetry", "journal", "keys"]),
    ("config", &[]),
    ("shutdown", &[]),
    (
        "commands",
        &[
            "chat",
            "causality",
            "wire",
            "telemetry",
            "journal",
            "hub",
            "keys",
            "grpc",
            "http",
            "console",
            "client",
            "config",
            "shutdown",
            "supervise",
        ],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, with its content.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let content = fs::read_to_string(&path).expect("a source file is text");
                files.push((path, content));
            }
        }
    }
    files.sort();
    files
}

fn all_rust_files() -> Vec<(PathBuf, String)> {
    let mut files: Vec<_> = ["src", "tests", "benches"]
        .iter()
        .filter(|folder| root().join(folder).exists())
        .flat_map(|folder| rust_files(folder))
        .collect();
    let build = root().join("build.rs");
    files.push((build.clone(), fs::read_to_string(build).expect("build.rs is text")));
    files
}

/// The layer that a file belongs to: the first name below `src`.
fn layer_of(path: &Path) -> Option<String> {
    let below = path.strip_prefix(root().join("src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_owned())
}

/// What is wrong with the imports of a file in this layer, if anything.
fn import_faults(layer: &str, content: &str) -> Vec<String> {
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return if ["lib", "main"].contains(&layer) {
            Vec::new()
        } else {
            vec![format!("{layer} is in no layer")]
        };
    };
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(content.lines()) {
        if line.contains("super::super") {
            faults.push(format!("line {number}: super::super"));
        }
        for rest in line.split("crate::").skip(1) {
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if name.is_empty() {
                faults.push(format!("line {number}: an import grouped across layers"));
            } else if name != layer && !allowed.contains(&name.as_str()) {
                faults.push(format!("line {number}: {layer} may not name {name}"));
            }
        }
    }
    faults
}

#[test]
fn imports_go_one_way() {
    let mut faults = Vec::new();
    for (path, content) in rust_files("src") {
        let layer = layer_of(&path).expect("a file below src");
        let of_file = import_faults(&layer, &content);
        faults.extend(of_file.into_iter().map(|fault| format!("{}: {fault}", path.display())));
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn an_upward_import_is_found_plain_or_grouped() {
    let found = |layer, content| !import_faults(layer, content).is_empty();
    assert!(found("chat", "use crate::wire::Frame;"));
    assert!(found("hub", "use crate::grpc;"));
    assert!(found("chat", "use crate::{chat::Room, hub::Hub};"));
    assert!(found("hub", "let x = crate::http::router();"));
    assert!(found("chat", "use super::super::wire;"));
    assert!(found("newcomer", ""));
    assert!(!found("hub", "use crate::chat::Room;\nuse crate::wire::Frame;"));
}

#[test]
fn the_core_uses_std_alone() {
    let ours = ["std", "core", "alloc", "super", "crate", "self"];
    for (path, content) in rust_files("src/chat").into_iter().chain(rust_files("src/causality")) {
        // Names of types begin with a capital; only crates and modules are asked for here.
        let names = content.lines().filter_map(|line| line.trim_start().strip_prefix("use "));
        for name in names.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase())) {
            let first = name.split([':', ';', ' ']).next().unwrap_or_default();
            let is_module = content.contains(&format!("mod {first};"));
            assert!(ours.contains(&first) || is_module, "{}: use {name}", path.display());
        }
    }
}

#[test]
fn only_the_edge_knows_the_generated_types() {
    for (path, content) in rust_files("src") {
        let layer = layer_of(&path).expect("a file below src");
        if !["wire", "grpc"].contains(&layer.as_str()) {
            let names_pb = content.contains("wire::pb") || content.contains("wire::{pb");
            assert!(!names_pb, "{} names generated types", path.display());
        }
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    for (path, content) in all_rust_files() {
        assert!(content.starts_with("//! "), "{} has no module doc", path.display());
    }
}

#[test]
fn no_file_outgrows_a_sitting() {
    let page = fs::read_dir(root().join("src/console/page")).expect("the folder is there");
    let page = page.map(|entry| entry.expect("a folder can be listed").path());
    let page = page.map(|path| (path.clone(), fs::read_to_string(path).expect("it is text")));
    for (path, content) in all_rust_files().into_iter().chain(page) {
        let lines = content.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_settings_are_documented_as_they_are() {
    let documented = fs::read_to_string(root().join("docs/settings.md")).expect("it is there");
    let table = chittychat::config::settings_table();
    assert!(documented.contains(&table), "docs/settings.md is to hold this table:\n{table}");
}

#[test]
fn the_metrics_are_documented_as_they_are() {
    let documented = fs::read_to_string(root().join("docs/metrics.md")).expect("it is there");
    let table = chittychat::telemetry::metrics::metrics_table();
    assert!(documented.contains(&table), "docs/metrics.md is to hold this table:\n{table}");
}

#[test]
fn the_cases_of_the_probe_are_documented_as_they_are() {
    let documented = fs::read_to_string(root().join("docs/probe.md")).expect("it is there");
    let table = chittychat::commands::probe::cases_table();
    assert!(documented.contains(&table), "docs/probe.md is to hold this table:\n{table}");
}

#[test]
fn a_metric_is_named_as_prometheus_asks() {
    for metric in chittychat::telemetry::metrics::TABLE {
        let (name, kind) = (metric.name, metric.kind.name());
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(metric.help.ends_with('.'), "{name} is explained in whole sentences");
        let base = name.trim_end_matches("_total");
        for unit in ["seconds", "bytes"] {
            assert_eq!(base.ends_with(unit), metric.unit == unit, "{name} in {}", metric.unit);
        }
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let documents = [
        "README.md",
        "CONTRIBUTING.md",
        "docs/clocks.md",
        "docs/diagram.md",
        "docs/journal.md",
        "docs/verify.md",
        "docs/architecture.md",
        "docs/operations.md",
        "docs/limits.md",
        "docs/metrics.md",
        "docs/names.md",
        "docs/probe.md",
        "docs/settings.md",
        "docs/testing.md",
        "docs/tracing.md",
        "docs/security.md",
        "SECURITY.md",
    ];
    for document in documents {
        let path = root().join(document);
        let text = fs::read_to_string(&path).expect("a document is text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            let is_here = !target.is_empty() && !target.starts_with("http");
            let found = path.parent().is_some_and(|folder| folder.join(target).exists());
            assert!(!is_here || found, "{document} links to {link}, which is not there");
        }
    }
}

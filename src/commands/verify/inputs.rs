//! Reading files: what each one is, told by its content, and in which order they are read.

use super::{spans::Spans, text_log, trace_files};
use crate::causality::History;
use crate::journal::{
    Line,
    read::{LineError, Reader, next_line},
};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

/// How much of a file is looked at to tell what it is, in bytes.
const GLANCE: usize = 64 << 10;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// A journal: which run, and which part of it.
    Journal(String, u32),
    Text,
    Otlp,
    Jaeger,
}

/// Reads all files into a history, the parts of a journal in their order.
///
/// # Errors
/// With file and line of what cannot be read.
pub(super) fn read_all(
    history: &mut History,
    spans: &mut Spans,
    files: &[PathBuf],
) -> Result<(), String> {
    let mut inputs = Vec::new();
    for path in files {
        let named = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        let file = File::open(path).map_err(named)?;
        if file.metadata().map_err(named)?.is_dir() {
            return Err(format!("cannot read {}: it is a folder", path.display()));
        }
        let mut input = BufReader::with_capacity(GLANCE, file);
        let form = recognise(input.fill_buf().map_err(named)?);
        inputs.push((form, path, input));
    }
    inputs.sort_by(|one, other| one.0.cmp(&other.0));
    for (form, path, input) in inputs {
        let file = history.file(path.display().to_string());
        read(history, spans, (form, file), input).map_err(|error| in_file(path, &error))?;
    }
    Ok(())
}

/// Reads what is no file into a history.
pub(super) fn read_bytes(
    history: &mut History,
    spans: &mut Spans,
    bytes: &[u8],
) -> Result<(), LineError> {
    let file = history.file("bytes");
    let glance = &bytes[..bytes.len().min(GLANCE)];
    read(history, spans, (recognise(glance), file), bytes)
}

fn read(
    history: &mut History,
    spans: &mut Spans,
    (form, file): (Form, u32),
    input: impl BufRead,
) -> Result<(), LineError> {
    match form {
        Form::Journal(..) => Reader::new(history, file).read(input),
        Form::Text => text_log::read(history, file, input),
        Form::Otlp => trace_files::read_otlp(spans, file, input),
        Form::Jaeger => trace_files::read_jaeger(spans, file, input),
    }
}

fn in_file(path: &Path, error: &LineError) -> String {
    format!("{}:{}: {}", path.display(), error.line, error.why)
}

/// What a file is that begins so.
fn recognise(glance: &[u8]) -> Form {
    let mut first = Vec::new();
    // What is in memory can be read.
    let _ = next_line(&mut &*glance, &mut first);
    if let Ok(line) = serde_json::from_slice::<Line<'_>>(&first)
        && line.kind == "journal"
    {
        let run = line.run.as_deref().unwrap_or_default().to_owned();
        return Form::Journal(run, line.part.unwrap_or_default());
    }
    let text = String::from_utf8_lossy(glance);
    let is_json = text.trim_start().starts_with(['{', '[']);
    if is_json && text.contains("\"resourceSpans\"") {
        Form::Otlp
    } else if is_json && (text.contains("\"data\"") || text.contains("\"traceID\"")) {
        Form::Jaeger
    } else if is_json {
        // It will say what is wrong with it.
        Form::Journal(String::new(), 0)
    } else {
        Form::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_what_a_file_is() {
        let journal = br#"{"kind":"journal","version":1,"run":"a","part":3,"at":0}"#;
        assert_eq!(recognise(journal), Form::Journal("a".into(), 3));
        assert_eq!(recognise(b"{\"resourceSpans\":[]}\n"), Form::Otlp);
        assert_eq!(recognise(b" {\n \"data\": ["), Form::Jaeger);
        assert_eq!(recognise(b"2023/10/29 18:31:56 Started server"), Form::Text);
        assert_eq!(recognise(b""), Form::Text);
    }
}

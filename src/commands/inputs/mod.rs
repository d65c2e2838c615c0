//! What `verify` and `diagram` read: any mix of records, put together into one graph.
//!
//! What a file is, is told by its content, and the parts of a journal are read in their order. A graph of
//! no records is no error here; the command line asks for at least one.

mod http;
mod spans;
mod text_log;
mod trace_files;

use crate::causality::{Graph, History};
use crate::journal::{
    Line,
    read::{LineError, Reader, next_line},
};
use spans::Spans;
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

/// Records to be read together.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Inputs {
    /// Records to be read together
    #[arg(value_name = "FILE", required_unless_present = "jaeger")]
    files: Vec<PathBuf>,
    /// Also the spans of the chat's services at Jaeger's query port, such as http://127.0.0.1:16686
    #[arg(long, value_name = "URL")]
    jaeger: Option<String>,
}

impl Inputs {
    /// The graph of all of it, and what is to be said about the reading, if anything.
    ///
    /// # Errors
    /// With file and line of what cannot be read, or if it is no one history.
    pub(super) fn read(&self) -> Result<(Graph, Option<String>), String> {
        let mut history = History::default();
        let mut spans = Spans::default();
        read_all(&mut history, &mut spans, &self.files)?;
        if let Some(url) = &self.jaeger {
            trace_files::ask_jaeger(&mut history, &mut spans, url)?;
        }
        let remark = spans.put_into(&mut history);
        let graph = history.graph().map_err(|error| error.to_string())?;
        Ok((graph, remark))
    }
}

/// Reads all files into a history, the parts of a journal in their order.
///
/// # Errors
/// With file and line of what cannot be read.
fn read_all(history: &mut History, spans: &mut Spans, files: &[PathBuf]) -> Result<(), String> {
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

/// What one record in memory says, whichever form it has.
///
/// # Errors
/// With the line that cannot be read, or if it is no one history.
pub fn graph_of(record: &[u8]) -> Result<Graph, String> {
    let mut history = History::default();
    let mut spans = Spans::default();
    let file = history.file("record");
    let form = recognise(&record[..record.len().min(GLANCE)]);
    read(&mut history, &mut spans, (form, file), record).map_err(|error| error.to_string())?;
    // What is missing is a remark for people.
    let _ = spans.put_into(&mut history);
    history.graph().map_err(|error| error.to_string())
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

//! docs/operations.md, run: each `sh` block as it stands, and the `text` block after it, if there is
//! one, line for line in what came back, figures aside. Lines that come back and are not on the page
//! are no fault: people talk.

use crate::stack::{Stack, command};
use std::{
    fs,
    path::Path,
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a block may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The page.
pub fn text() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    fs::read_to_string(page).unwrap()
}

/// The questions to Prometheus that the page suggests.
pub fn questions() -> Vec<String> {
    let blocks = blocks(&text());
    let questions: Vec<_> =
        blocks.into_iter().filter(|(kind, _)| kind == "promql").map(|(_, block)| block).collect();
    assert!(!questions.is_empty());
    questions
}

/// The scene: everything that the page tells to type, in its order.
pub fn runs(stack: &Stack) {
    // The page is about bots at the beginning of their scripts, all of them present.
    stack.recreate();
    crate::is_inhabited(stack);
    let blocks = blocks(&text());
    let mut count = 0;
    for (index, (kind, block)) in blocks.iter().enumerate() {
        if kind == "sh" {
            let output = shell(block);
            if let Some((_, expected)) = blocks.get(index + 1).filter(|(kind, _)| kind == "text") {
                compare(block, expected, &output);
            }
            count += 1;
        }
    }
    eprintln!("  {count} blocks");
    assert!(count > 0);
}

/// The fenced blocks of a document: what they are, and what stands in them.
fn blocks(document: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_inside = false;
    for line in document.lines() {
        match line.strip_prefix("```") {
            Some(_) if is_inside => is_inside = false,
            Some(kind) => {
                is_inside = true;
                blocks.push((kind.to_owned(), String::new()));
            }
            None if is_inside => {
                let (_, block) = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}

fn shell(block: &str) -> String {
    // Into a file, because a pipe that nobody reads fills up.
    let mut output = tempfile::tempfile().unwrap();
    let mut child = command("sh", &["-eu", "-c", block])
        .stdout(output.try_clone().unwrap())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("not done within {PATIENCE:?}:\n{block}\n{}", read(&mut output));
        }
        sleep(Duration::from_millis(100));
    };
    let output = read(&mut output);
    assert!(status.success(), "{status}:\n{block}\n{output}");
    output
}

fn read(file: &mut fs::File) -> String {
    use std::io::{Read as _, Seek as _};
    let mut text = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn compare(block: &str, expected: &str, output: &str) {
    let came: Vec<_> = output.lines().map(without_figures).collect();
    for line in expected.lines() {
        let wanted = without_figures(line);
        let is_there = came.iter().any(|line| line.contains(&wanted));
        assert!(is_there, "nothing like this came back:\n{line}\n\n{block}\n{output}");
    }
}

/// Every run of digits as one sign.
fn without_figures(line: &str) -> String {
    let mut text = String::new();
    for sign in line.trim_end().chars() {
        let sign = if sign.is_ascii_digit() { '#' } else { sign };
        if sign != '#' || !text.ends_with('#') {
            text.push(sign);
        }
    }
    text
}

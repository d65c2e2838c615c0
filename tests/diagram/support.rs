//! Running `chittychat diagram`, and writing the journals that it reads.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn run(arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_chittychat"));
    program.arg("diagram").args(arguments).args(files).output().unwrap()
}

/// What is drawn.
#[track_caller]
pub fn drawn(arguments: &[&str], files: &[PathBuf]) -> String {
    let output = run(arguments, files);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*error), (Some(0), ""));
    String::from_utf8(output.stdout).unwrap()
}

/// Why nothing is drawn: exit code and sentence.
pub fn refused(arguments: &[&str], files: &[PathBuf]) -> (i32, String) {
    let output = run(arguments, files);
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

pub fn first() -> Vec<PathBuf> {
    reports(&["first-server", "first-client1", "first-client2"])
}

pub fn second() -> Vec<PathBuf> {
    reports(&["second-server", "second-client1", "second-client2", "second-client3"])
}

fn reports(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| fixture(&format!("report/{name}.log"))).collect()
}

/// A folder with one journal in it.
pub fn journal(lines: &str) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.journal");
    std::fs::write(&path, lines).unwrap();
    (folder, vec![path])
}

/// A server's journal in which Anton and Bjarke, under other names and in other words if these are
/// given, join and Anton says something.
pub fn conversation(anton: &str, bjarke: &str, text: &str) -> String {
    let (anton, bjarke, text) = (json(anton), json(bjarke), json(text));
    format!(
        r#"{{"kind":"journal","version":1,"program":"test","run":"a","part":0,"at":0,"wall_us":1}}
{{"kind":"node","id":0,"server":true}}
{{"kind":"present"}}
{{"kind":"node","id":1,"name":{anton},"address":"127.0.0.1","port":20}}
{{"kind":"receive","of":"connect","time":3,"who":[1],"cause":2,"message":3,"wall_us":1}}
{{"kind":"send","of":"join","time":4,"who":[1],"message":3,"about":1,"wall_us":1}}
{{"kind":"node","id":2,"name":{bjarke},"address":"127.0.0.1","port":40}}
{{"kind":"receive","of":"connect","time":5,"who":[2],"cause":2,"message":5,"wall_us":1}}
{{"kind":"send","of":"join","time":6,"who":[[1,2]],"message":5,"about":2,"wall_us":1}}
{{"kind":"receive","of":"publish","time":9,"who":[1],"cause":8,"seen":6,"message":9,"text":{text},"wall_us":1}}
{{"kind":"send","of":"publish","time":10,"who":[2],"message":9,"about":1,"wall_us":1}}
"#
    )
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

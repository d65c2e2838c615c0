//! Running `chittychat verify`, and reading what it prints.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// What one check came to.
pub struct Verdict {
    pub code: i32,
    pub json: Value,
    pub error: String,
}

impl Verdict {
    /// The part of the report about a promise.
    pub fn of(&self, promise: &str) -> &Value {
        let all = self.json["promises"].as_array().unwrap();
        all.iter().find(|one| one["promise"] == promise).unwrap()
    }

    /// Checks that nothing is broken.
    #[track_caller]
    pub fn is_clean(&self) {
        assert_eq!((self.code, &*self.error), (0, ""), "{:#}", self.json);
    }

    /// Checks that a promise held over so many.
    #[track_caller]
    pub fn held(&self, promise: &str, over: u64) {
        let it = self.of(promise);
        assert_eq!((&it["outcome"], &it["over"]), (&"held".into(), &over.into()), "{it:#}");
    }

    /// Checks that a promise was not checked, for this reason.
    #[track_caller]
    pub fn not_checked(&self, promise: &str, why: &str) {
        let it = self.of(promise);
        assert_eq!(it["outcome"], "not checked", "{it:#}");
        assert!(it["why"].as_str().unwrap().contains(why), "{it:#}");
    }
}

pub fn verify(arguments: &[&str], files: &[PathBuf]) -> Verdict {
    let output = output(&[&["--format", "json"], arguments].concat(), files);
    let error = String::from_utf8(output.stderr).unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let error = error.replace("error: a promise is broken\n", "");
    Verdict { code: output.status.code().unwrap(), json, error }
}

pub fn output(arguments: &[&str], files: &[PathBuf]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_chittychat"));
    program.arg("verify").args(arguments).args(files).output().unwrap()
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A journal that can be spoilt: its lines.
#[derive(Clone)]
pub struct Journal(pub Vec<Value>);

impl Journal {
    pub fn load(name: &str) -> Self {
        let text = fs::read_to_string(fixture(&format!("journal/{name}.jsonl"))).unwrap();
        Self(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// The place of the event at this time.
    pub fn at(&self, time: u64) -> usize {
        self.0.iter().position(|line| line["time"] == time).unwrap()
    }

    pub fn text(&self) -> String {
        self.0.iter().map(|line| format!("{line}\n")).collect()
    }

    pub fn save(&self, folder: &Path, name: &str) -> PathBuf {
        save(folder, name, &self.text())
    }
}

pub fn save(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

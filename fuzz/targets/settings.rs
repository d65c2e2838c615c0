//! Any bytes as a settings file and an environment, through the loader.
//!
//! Up to the first NUL it is the file; behind that, between NULs, the variables. What is taken must come
//! back the same from what `--print-config` prints of it; what is refused must be said in one line each,
//! with nothing in it that a terminal would obey.

use chittychat::config::{Settings, Sources};
use std::{cell::RefCell, collections::BTreeMap, fs};
use tempfile::TempDir;

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().expect("a folder"));
}

/// Loads them.
pub fn run(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let environment: BTreeMap<_, _> = parts
        .filter_map(|variable| {
            let text = String::from_utf8_lossy(variable).into_owned();
            text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    FOLDER.with_borrow(|folder| {
        let path = folder.path().join("given.toml");
        fs::write(&path, file).expect("a file");
        let sources = Sources { file: Some(path.clone()), environment, ..Sources::default() };
        let loaded = match Settings::load(&sources) {
            Ok(loaded) => loaded,
            Err(error) => {
                let said = error.to_string();
                let is_inert = |it: char| it == '\n' || !it.is_control();
                assert!(said.chars().all(is_inert), "it is not inert: {said:?}");
                return;
            }
        };
        let printed = loaded.to_toml();
        fs::write(&path, &printed).expect("a file");
        let again = Settings::load(&Sources { file: Some(path), ..Sources::default() });
        let again = again.unwrap_or_else(|error| panic!("{error}\nof\n{printed}"));
        assert_eq!(loaded.settings, again.settings, "{printed}");
    });
}

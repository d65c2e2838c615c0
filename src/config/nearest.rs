//! What a mistyped key was meant to be.
//!
//! This only words a hint; nothing is ever set by resemblance. Dots, dashes and underscores count
//! as the same, because mixing them up is the commonest mistake of all.

use super::table::{SETTINGS, Setting};

/// The setting whose key is close to what was written, or that alone has its last part.
pub(super) fn nearest(written: &str) -> Option<&'static Setting> {
    let written = levelled(written);
    let distance = |setting: &Setting| strsim::levenshtein(&written, &levelled(setting.key));
    let closest = SETTINGS.iter().min_by_key(|setting| distance(setting))?;
    if distance(closest) * 3 <= written.chars().count() {
        return Some(closest);
    }
    let last = written.rsplit('.').next();
    let mut namesakes = SETTINGS.iter().filter(|setting| setting.key.rsplit('.').next() == last);
    namesakes.next().filter(|_| namesakes.next().is_none())
}

/// In small letters, with one dot for whatever separates.
fn levelled(key: &str) -> String {
    let small = key.to_lowercase();
    let parts = small.split(['.', '-', '_', '"', ' ']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(".")
}

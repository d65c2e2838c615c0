//! What a mistyped key was meant to be.
//!
//! This only words a hint; nothing is ever set by resemblance. Dots, dashes and underscores count
//! as the same, because mixing them up is the commonest mistake of all.

use super::table::{SETTINGS, Setting};

/// The setting whose key is close to what was written, or that alone has its last part.
pub(super) fn nearest(written: &str) -> Option<&'static Setting> {
    let written = levelled(written);
    let (distance, closest) = SETTINGS
        .iter()
        .map(|setting| (distance(&written, &levelled(setting.key)), setting))
        .min_by_key(|(distance, _)| *distance)?;
    if distance * 3 <= written.chars().count() {
        return Some(closest);
    }
    let last = written.rsplit('.').next()?;
    let mut namesakes =
        SETTINGS.iter().filter(|setting| setting.key.rsplit('.').next() == Some(last));
    match (namesakes.next(), namesakes.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// In small letters, with one dot for whatever separates.
fn levelled(key: &str) -> String {
    let small = key.to_lowercase();
    let parts: Vec<_> =
        small.split(['.', '-', '_', '"', ' ']).filter(|part| !part.is_empty()).collect();
    parts.join(".")
}

/// How many characters must be put in, taken out or changed to get from one to the other
/// (Levenshtein), with one row of the usual table at a time.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (taken, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = taken + 1;
        for (column, b) in to.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_levenshteins() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("capacty", "capacity", 1),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        for (written, meant) in [
            ("room.capacty", Some("room.capacity")),
            ("room.max-lag", Some("room.max_lag")),
            ("ROOM_MAX_LAG", Some("room.max_lag")),
            ("\"room.capacity\"", Some("room.capacity")),
            ("capacity", Some("room.capacity")),
            ("server.deadline", Some("shutdown.deadline")),
            ("listen", None),
            ("trace.ratio", None),
            ("", None),
        ] {
            assert_eq!(nearest(written).map(|s| s.key), meant, "{written}");
        }
    }
}

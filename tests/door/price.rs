//! What it costs to refuse somebody: the same with however many tokens, and nothing to those who are let in.

use chittychat::keys::{Access, Certified, Denied, Files};
use std::{
    fmt::Write as _,
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

/// As many as a list may have.
const MANY: usize = 16_384;
/// How much more a refusal may cost with so many tokens than with two.
const MOST_TIMES: f64 = 3.0;

/// A list of so many tokens that nobody holds.
pub fn list(tokens: usize) -> String {
    // Numbers that are spread over all hashes there are.
    (0..tokens).fold(String::new(), |mut list, number| {
        let spread = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        writeln!(list, "Anton sha256:{spread:016x}{:048x}", number).expect("a string takes text");
        list
    })
}

fn guarded(tokens: usize) -> Access {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, list(tokens)).unwrap();
    let access = Access::load(Files { tokens: Some(file), ..Files::default() });
    let access = access.expect("the list is good");
    assert_eq!(access.tokens().expect("they are asked for").len(), tokens);
    access
}

/// The least time that a hundred refusals took: whatever else the machine does makes them only longer.
fn price(access: &Access) -> Duration {
    let guess = format!("Bearer chittychat_{}", "0".repeat(64));
    let round = || {
        let start = Instant::now();
        for _ in 0..100 {
            let judged = access.judge(&Certified::Unasked, Some(black_box(guess.as_bytes())));
            assert_eq!(judged.err(), Some(Denied::UnknownToken));
        }
        start.elapsed()
    };
    (0..50).map(|_| round()).min().expect("there were some")
}

#[test]
fn a_refusal_costs_the_same_however_many_tokens_there_are() {
    let (few, many) = (price(&guarded(2)), price(&guarded(MANY)));
    let times = many.as_secs_f64() / few.as_secs_f64();
    println!("100 refusals: {few:?} with 2 tokens, {many:?} with {MANY}: {times:.2} times");
    assert!(times <= MOST_TIMES, "{times:.2} times: {few:?} with 2, {many:?} with {MANY}");
}

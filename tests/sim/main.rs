//! The whole chat under faults, in virtual time: server and participants over real HTTP/2, on a network
//! that is not there. docs/testing.md says how to run thousands of seeds, and what they have caught.
//!
//! - `random`, `plan`, `draw`: what a seed decides, before anything runs;
//! - `world`: a run of a plan, the hosts and what happens to them;
//! - `host`: the server on its host;
//! - `person`, `speech`: a participant on its host, honest or not, and what it puts on the wire;
//! - `network`: sockets, as both sides want them;
//! - `chronicle`: what was seen, where it was seen;
//! - `check`: the six promises and the rules of the room, held over all of it;
//! - `campaign`: many seeds, and what is said of one that fails.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]

mod campaign;
mod check;
mod chronicle;
mod draw;
mod host;
mod network;
mod person;
mod plan;
mod random;
mod speech;
mod world;

use campaign::{Budget, digest, history, play};
use std::{env, process::Command, time::Duration};

/// What every change is held against.
const FIXED: std::ops::Range<u64> = 0..24;
/// Where the seeds begin that are played beyond those, if nobody says.
const FURTHER: u64 = 1_000;

/// Seeds that failed once, each by the name of what it found.
/// All of these found that the checks took for granted what a closing server does not promise.
const REGRESSIONS: [(&str, u64); 6] = [
    ("an offence to a server that is closing", 315),
    ("somebody who dozes past the end of the server", 1529),
    ("a stranger without a word to a server that is closing", 8021),
    ("the books of one who lags when the server closes", 11262),
    ("somebody who comes when an empty server has been told to stop", 3391),
    ("an eviction, and what is read in the same millisecond", 1982),
];

/// The value of a variable, if it is set.
fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is to be a number, and is {value}")))
}

#[test]
fn a_fixed_set_of_seeds() {
    campaign::run(FIXED, &Budget::default());
}

#[test]
fn seeds_that_failed_once() {
    for (name, seed) in REGRESSIONS {
        println!("{name}");
        campaign::run(seed..seed + 1, &Budget::default());
    }
}

/// As many seeds as the variables say: from `CHITTYCHAT_SIM_FIRST` on (or from where the clock says),
/// `CHITTYCHAT_SIM_SEEDS` of them, for at most `CHITTYCHAT_SIM_SECONDS`.
#[test]
fn further_seeds() {
    let (seeds, seconds) = (variable("CHITTYCHAT_SIM_SEEDS"), variable("CHITTYCHAT_SIM_SECONDS"));
    let is_asked_for = seeds.is_some() || seconds.is_some();
    let first = variable("CHITTYCHAT_SIM_FIRST");
    let first = first.unwrap_or_else(|| if is_asked_for { campaign::fresh() } else { FURTHER });
    let seeds = seeds.unwrap_or(if is_asked_for { u64::MAX - first } else { 2 });
    campaign::run(first..first + seeds, &Budget { time: seconds.map(Duration::from_secs) });
}

/// Plays one seed, `CHITTYCHAT_SIM_SEED`, and prints its plan and all that happened.
#[test]
fn replay() {
    let asked = variable("CHITTYCHAT_SIM_SEED");
    let seed = asked.unwrap_or(FIXED.start);
    let (outcome, history) = history(seed);
    if asked.is_some() {
        println!("{:#?}\n{history}", draw::plan(seed));
    }
    println!("{}", digest(seed, &history));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in [3, 7, 11] {
        let (first, second) = (history(seed).1, history(seed).1);
        assert!(!first.is_empty());
        assert!(first == second, "seed {seed} has two histories");
    }
}

#[test]
fn another_process_sees_the_same_history() {
    let seed = 5;
    let here = digest(seed, &history(seed).1);
    let there = Command::new(env::current_exe().unwrap())
        .args(["replay", "--exact", "--nocapture"])
        .env("CHITTYCHAT_SIM_SEED", seed.to_string())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&there.stdout);
    assert!(output.lines().any(|line| line == here), "it is to say: {here}");
}

#[test]
fn two_seeds_are_two_worlds() {
    assert_ne!(history(1).1, history(2).1);
    assert!(play(1).is_ok());
}

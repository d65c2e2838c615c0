//! What only time or numbers show: clients killed at random for minutes, a room with coming and going
//! for half an hour, a flood of connections.
//!
//! In each of them some participants, the witnesses, chat from beginning to end. What they heard is
//! held against each other at the end, to the last message: see `audit`. Each test prints its figures.
//!
//! - `audit`: what the witnesses heard, and whether it is what they should have;
//! - `witness`: one of them;
//! - `kills`: `kill -9` of clients, at random, under load;
//! - `soak`: mixed load with joins, losses and evictions; memory and files of the server;
//! - `flood`: twenty thousand connections that nothing comes of.
//!
//! `cargo test --release --features endurance --test endurance -- --test-threads 1 --nocapture`. How
//! long they take is in `ENDURANCE_SECONDS` (20 unless that is set); with `ENDURANCE_JOURNAL=FILE` the
//! server keeps a journal there, and `chittychat verify FILE` has to find nothing in it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, unreachable_pub, clippy::print_stdout)]

mod audit;
mod flood;
mod kills;
mod soak;
#[allow(dead_code, unused_imports)]
#[path = "../server/support/mod.rs"]
mod support;
mod witness;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{env, time::Duration};
use support::{Process, Server};

/// How long a test may take that goes on for a while.
fn duration() -> Duration {
    let seconds = env::var("ENDURANCE_SECONDS").unwrap_or_else(|_| "20".into());
    Duration::from_secs(seconds.parse().expect("ENDURANCE_SECONDS is a number of seconds"))
}

/// A server that may hold as many connections as the system lets it, and its journal if there is one.
async fn server(variables: &[(&str, &str)]) -> (Server, Option<String>) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let journal = env::var("ENDURANCE_JOURNAL").ok();
    let arguments = journal.as_deref().map(|file| ["--journal", file]);
    let server = Server::start_with(arguments.as_ref().map_or(&[], |it| it.as_slice()), variables);
    (server.await, journal)
}

/// Stops the server, as it should stop, and has its journal checked.
async fn stop(mut server: Server, journal: Option<String>) {
    assert_eq!(server.stop().await, 0);
    if let Some(file) = journal {
        let mut verify = Process::start(&["verify", &file], &[]);
        let code = verify.exit_code().await;
        println!("{}", verify.out.so_far().join("\n"));
        assert_eq!(code, 0, "{:#?}", verify.err.so_far());
    }
}

/// Numbers that look random (xorshift), the same for the same seed.
struct Chance(u64);

impl Chance {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

//! The program, started by another one that gives it limits, or under another account.

use crate::support::{Listener as _, Peer, Process, Server, World, joined_by};
use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

/// What `serve` is told in every test: any free ports.
pub const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];

/// The program with these arguments, started by a shell that does `first` before.
pub fn after(first: &str, arguments: &[&str]) -> Process {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]);
    let program = shell.arg(env!("CARGO_BIN_EXE_chittychat")).args(arguments);
    start(program.current_dir(env!("CARGO_TARGET_TMPDIR")))
}

/// Whatever this is, started as a process whose lines are kept.
pub fn start(command: &mut Command) -> Process {
    let command = command.env_remove("CHITTYCHAT_LOG");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process::of(piped.spawn().expect("it can be started"))
}

/// A program that has ended: its exit code, and what it has said.
pub async fn ended(mut process: Process) -> (i32, String) {
    let code = process.exit_code().await;
    (code, process.err.so_far().join("\n"))
}

/// A server that is starting, and two who talk.
pub async fn world(process: Process) -> World {
    let server = Server::of(process).await;
    let mut anton = Peer::open(server.address, "Anton").await;
    anton.connect();
    joined_by(&anton.delivery().await, "Anton");
    let mut bjarke = Peer::open(server.address, "Bjarke").await;
    bjarke.connect();
    joined_by(&bjarke.delivery().await, "Bjarke");
    joined_by(&anton.delivery().await, "Bjarke");
    World { server, anton, bjarke }
}

/// The path as an argument.
pub fn text(path: &(impl AsRef<OsStr> + ?Sized)) -> &str {
    path.as_ref().to_str().expect("a path for a test is text")
}

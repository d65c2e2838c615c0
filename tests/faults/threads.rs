//! A system that has no more threads. An account may have so many, but for root's own: so if the tests run as
//! root, the server runs as nobody.

use crate::program::{SERVE, start, text};
use crate::support::{Listener as _, Peer, Process, Scrape, Server, channel, joined_by, within};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};
use tonic::Code;

/// Nobody's number, on every Linux there is.
const NOBODY: u32 = 65_534;
const FAILURES: &str = "chittychat_task_failures_total{task=\"keys\"}";

/// The program and its tokens where anybody can read them, and the server started from there.
fn serve(folder: &Path, tokens: &Path) -> Process {
    let program = folder.join("chittychat");
    fs::copy(env!("CARGO_BIN_EXE_chittychat"), &program).unwrap();
    for (path, mode) in [(folder, 0o755), (&program, 0o755), (tokens, 0o644)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(program);
    command.args(SERVE).env("CHITTYCHAT__AUTH__TOKENS", tokens).current_dir(folder);
    start(as_nobody(&mut command))
}

/// With another account than root's, which has as many threads as it likes.
fn as_nobody(command: &mut Command) -> &mut Command {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root { command.uid(NOBODY).gid(NOBODY) } else { command }
}

/// Sets how many threads the server's account may have, for the server: one, or as many as ever.
fn allow(server: &Server, is_one: bool) {
    let (_, most) = getrlimit(Resource::RLIMIT_NPROC).unwrap();
    let limit = match is_one {
        true => "--nproc=1:".to_owned(),
        false if most == RLIM_INFINITY => "--nproc=unlimited:".to_owned(),
        false => format!("--nproc={most}:"),
    };
    let pid = server.process.pid().to_string();
    let mut prlimit = Command::new("prlimit");
    let status = as_nobody(prlimit.args(["--pid", &pid, &limit]).current_dir("/")).status();
    assert!(status.expect("prlimit is there").success());
}

#[tokio::test]
async fn without_a_thread_for_a_while_a_token_that_was_struck_out_is_refused_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut lines = Vec::new();
    for name in ["Anton", "Bjarke"] {
        let mut process = Process::start(&["token", name, "--out", text(&path(name))], &[]);
        assert_eq!(process.exit_code().await, 0);
        lines.extend(process.out.so_far());
    }
    let token = |name: &str| format!("Bearer {}", fs::read_to_string(path(name)).unwrap().trim());
    let tokens = path("tokens");
    fs::write(&tokens, lines.join("\n")).unwrap();
    let server = Server::of(serve(folder.path(), &tokens)).await;
    let open = async |name: &str| {
        let channel = channel(server.address).await.expect("the server takes connections");
        Peer::open_showing(channel, name, Some(&token(name))).await
    };
    let mut anton = open("Anton").await.expect("it is in force");
    anton.connect();
    joined_by(&anton.delivery().await, "Anton");
    let mut bjarke = open("Bjarke").await.expect("it is in force");
    bjarke.connect();
    joined_by(&bjarke.delivery().await, "Bjarke");
    joined_by(&anton.delivery().await, "Bjarke");
    let before = Scrape::of(&server).await.get(FAILURES);

    allow(&server, true);
    fs::write(&tokens, &lines[0]).unwrap();
    let log = server.process.err.clone();
    log.wait_for(&["ERROR the task keys failed", "no thread to look"]).await;
    assert_eq!(server.get("/readyz").await, (503, "not ready; down: keys\n".to_owned()));
    // Nobody who talks notices.
    for round in 0..100 {
        let text = format!("round {round}");
        anton.say(&text);
        bjarke.hears("Anton", &text).await;
    }

    allow(&server, false);
    log.wait_for(&["New tokens are in force for new streams: 1"]).await;
    let refused = open("Bjarke").await.expect_err("it is struck out");
    assert_eq!(refused.code(), Code::Unauthenticated);
    within("it is ready again", async { while server.get("/readyz").await.0 != 200 {} }).await;
    assert!(Scrape::of(&server).await.get(FAILURES) > before);
}

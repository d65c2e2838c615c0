//! What may become of the journal's file.

use crate::program::{SERVE, after, ended, text, world};
use crate::support::{Listener as _, Process, Scrape, Server, World, within};
use std::{fs, os::unix::net::UnixListener, path::Path, process::Command, time::Duration};

const MISSED: &str = "chittychat_journal_missed_total";

/// A server with a journal here, and two who talk.
async fn with_journal(file: &Path) -> World {
    world(Process::start(&[&SERVE[..], &["--journal", text(file)]].concat(), &[])).await
}

/// The two go on talking until something is so.
async fn talk_until(world: &mut World, what: &str, mut is_so: impl FnMut() -> bool) {
    let talking = async {
        while !is_so() {
            world.exchange().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within(what, talking).await;
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// What `verify` says of these files: its exit code, and everything.
async fn verify(files: &[&Path]) -> (i32, String) {
    let files: Vec<_> = files.iter().map(|file| text(*file)).collect();
    let mut process = Process::start(&[&["verify"], &files[..]].concat(), &[]);
    let code = process.exit_code().await;
    let said = [process.out.so_far(), process.err.so_far()].concat();
    (code, said.join("\n"))
}

#[tokio::test]
async fn what_is_no_ordinary_file_is_refused_by_its_kind_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    let _socket = UnixListener::bind(path("socket")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    std::os::unix::fs::symlink(path("pipe"), path("link")).unwrap();
    let cases = [
        (path("pipe"), "it is a pipe"),
        (path("link"), "it is a pipe"),
        (path("socket"), "it is a socket"),
        (path("folder"), "it is a folder"),
        ("/dev/full".into(), "it is a device"),
        (path("nowhere/journal"), "there is no folder "),
    ];
    for (file, why) in cases {
        let journal = ["--journal", text(&file)];
        let expected = format!("error: cannot write the journal {}: {why}", file.display());
        let serve = [&SERVE[..], &journal].concat();
        let join = [&["join", "--server", "127.0.0.1:1"], &journal[..]].concat();
        for arguments in [serve.clone(), join] {
            let (code, said) = ended(Process::start(&arguments, &[])).await;
            assert!(code == 1 && said.starts_with(&expected), "{arguments:?}: {code} {said}");
        }
        let check = [&serve[..], &["--check-config"]].concat();
        let (code, said) = ended(Process::start(&check, &[])).await;
        assert!(code == 2 && said.starts_with(&expected), "{code} {said}");
    }
}

#[tokio::test]
async fn a_second_server_is_refused_the_first_ones_journal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let world = with_journal(&file).await;
    let (code, said) =
        ended(Process::start(&[&SERVE[..], &["--journal", text(&file)]].concat(), &[])).await;
    let expected = format!(
        "error: cannot write the journal {}: another process is writing it",
        file.display()
    );
    assert!(code == 1 && said.starts_with(&expected), "{code} {said}");
    world.finish().await;
    let (code, said) = verify(&[&file]).await;
    assert_eq!(code, 0, "{said}");
}

/// A limit of the process, as `ulimit -f` and systemd's `LimitFSIZE=` set it: by itself it ends whoever
/// writes on.
#[tokio::test]
async fn a_file_that_may_not_grow_is_a_gap_and_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let arguments = [&SERVE[..], &["--journal", text(&file)]].concat();
    // In blocks of 512 bytes.
    let mut world = world(after("ulimit -f 32", &arguments)).await;
    let second = folder.path().join("journal.1");
    talk_until(&mut world, "the second file is full", || second.exists()).await;
    let gap =
        || read(&file).contains("\"kind\":\"gap\"") || read(&second).contains("\"kind\":\"gap\"");
    talk_until(&mut world, "the journal has said what it misses", gap).await;
    assert!(Scrape::of(&world.server).await.get(MISSED) > 0.0);
    assert_eq!(world.server.get("/readyz").await.0, 200);
    let log = world.finish().await;
    let said = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    assert!(
        said("the journal has a gap, since it cannot be written: File too large") > 0,
        "{log:?}"
    );
    assert!(said("the journal is written again") > 0, "{log:?}");
    let (code, said) = verify(&[&second, &file]).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_followed_by_the_next_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let (file, moved) = (folder.path().join("journal"), folder.path().join("old"));
    let mut world = with_journal(&file).await;
    world.exchange().await;
    fs::rename(&file, &moved).unwrap();
    world.anton.say("is this kept?");
    world.bjarke.hears("Anton", "is this kept?").await;
    // By itself, without another word.
    within("the next is begun", async {
        while !read(&file).contains("\"kind\":\"present\"") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    world.server.process.err.wait_for(&["the file of the journal was moved away"]).await;
    let scrape = Scrape::of(&world.server).await;
    world.finish().await;
    assert_eq!(scrape.get(MISSED), 0.0);
    let both = read(&moved) + &read(&file);
    assert!(both.contains("is this kept?") && !both.contains("\"kind\":\"gap\""), "{both}");
    let (code, said) = verify(&[&moved, &file]).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_file_that_is_removed_is_made_again_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let mut world = with_journal(&file).await;
    world.exchange().await;
    fs::remove_file(&file).unwrap();
    talk_until(&mut world, "it is there again", || read(&file).contains("\"publish\"")).await;
    world.server.process.err.wait_for(&["the file of the journal was removed"]).await;
    let missed = Scrape::of(&world.server).await.get(MISSED);
    world.finish().await;
    let text = read(&file);
    assert!(
        text.starts_with("{\"kind\":\"journal\"") && text.contains("\"kind\":\"end\""),
        "{text}"
    );
    assert_eq!(missed > 0.0, text.contains("\"kind\":\"gap\""), "{missed} missed: {text}");
    let (code, said) = verify(&[&file]).await;
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_journal_is_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal");
    let arguments = [&SERVE[..], &["--journal", text(&file)]].concat();
    let mut server = Server::of(after("umask 0", &arguments)).await;
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(server.stop().await, 0);
}

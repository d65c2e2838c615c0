//! What signals mean to a server and to a participant, and whether a server would start.

use crate::program::{SERVE, after, ended, text, world};
use crate::support::{Listener as _, Process, World, joined_by, left_by};
use nix::sys::signal::Signal;
use std::{fs, path::Path};

/// A server with this file of settings, and two who talk.
async fn with_settings(file: &Path) -> World {
    world(Process::start(&[&SERVE[..], &["--config", text(file)]].concat(), &[])).await
}

#[tokio::test]
async fn signals_that_mean_nothing_end_nothing() {
    let mut world = World::start().await;
    for (signal, name) in [(Signal::SIGUSR1, "SIGUSR1"), (Signal::SIGUSR2, "SIGUSR2")] {
        world.server.process.signal(signal);
        world.server.process.err.wait_for(&[name, "asks for nothing here"]).await;
        world.exchange().await;
    }
    for signal in [Signal::SIGPIPE, Signal::SIGXFSZ] {
        world.server.process.signal(signal);
        world.exchange().await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_hang_up_puts_new_settings_into_force_and_says_which_wait() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    fs::write(&file, "[room]\ncapacity = 1000\n").unwrap();
    let mut world = with_settings(&file).await;
    let log = world.server.process.err.clone();
    let deliveries = "Sent message to client: Bjarke";
    world.exchange().await;
    assert_eq!(log.count(&[deliveries]), 0);

    let filter = "filter = \"info,chittychat::delivery=debug\"";
    fs::write(&file, format!("[room]\ncapacity = 2000\n\n[log]\n{filter}\n")).unwrap();
    world.server.process.signal(Signal::SIGHUP);
    log.wait_for(&[
        "Read settings again; in force: log.filter; these wait for a restart: room.capacity",
    ])
    .await;
    world.exchange().await;
    log.wait_for(&[deliveries]).await;

    for (bad, why) in [("[room", "line 1"), ("[room]\ncapacity = 1\n", "`room.capacity` is 1")] {
        fs::write(&file, bad).unwrap();
        world.server.process.signal(Signal::SIGHUP);
        log.wait_for(&["ERROR What was in force stays in force: ", why]).await;
        world.exchange().await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_hang_up_has_tokens_read_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut lines = Vec::new();
    for name in ["Anton", "Bjarke"] {
        let mut process = Process::start(&["token", name, "--out", text(&path(name))], &[]);
        assert_eq!(process.exit_code().await, 0);
        lines.extend(process.out.so_far());
    }
    fs::write(path("tokens"), &lines[0]).unwrap();
    let tokens = path("tokens");
    let process = Process::start(&SERVE, &[("CHITTYCHAT__AUTH__TOKENS", text(&tokens))]);
    let mut server = crate::support::Server::of(process).await;
    fs::write(&tokens, lines.join("\n")).unwrap();
    server.process.signal(Signal::SIGHUP);
    server.process.err.wait_for(&["New tokens are in force for new streams: 2"]).await;
    fs::write(&tokens, "nonsense").unwrap();
    server.process.signal(Signal::SIGHUP);
    server.process.err.wait_for(&["What was in force stays in force: `auth.tokens`"]).await;
    assert_eq!(server.stop().await, 0);
}

#[tokio::test]
async fn a_participant_leaves_on_a_hang_up_unless_it_was_to_ignore_it() {
    let mut world = World::start().await;
    let server = world.server.address.to_string();
    let join = ["join", "--server", &server, "--name", "Casper"];

    let mut casper = Process::start(&join, &[]);
    joined_by(&world.anton.delivery().await, "Casper");
    joined_by(&world.bjarke.delivery().await, "Casper");
    casper.signal(Signal::SIGUSR1);
    casper.tell("still here");
    world.anton.hears("Casper", "still here").await;
    world.bjarke.hears("Casper", "still here").await;
    casper.signal(Signal::SIGHUP);
    left_by(&world.anton.delivery().await, "Casper");
    left_by(&world.bjarke.delivery().await, "Casper");
    assert_eq!(casper.exit_code().await, 0);
    assert_eq!(world.server.process.err.count(&["Lost client: Casper"]), 0);

    // As `nohup` starts it.
    let mut casper = after("trap '' HUP", &join);
    joined_by(&world.anton.delivery().await, "Casper");
    joined_by(&world.bjarke.delivery().await, "Casper");
    casper.signal(Signal::SIGHUP);
    casper.tell("still here");
    world.anton.hears("Casper", "still here").await;
    world.bjarke.hears("Casper", "still here").await;
    casper.signal(Signal::SIGTERM);
    left_by(&world.anton.delivery().await, "Casper");
    left_by(&world.bjarke.delivery().await, "Casper");
    assert_eq!(casper.exit_code().await, 0);
    world.finish().await;
}

#[tokio::test]
async fn whether_it_would_start_is_said_without_starting_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let journal = path("journal");
    let check = ["serve", "--check-config", "--journal", text(&journal)];
    let mut process = Process::start(&check, &[]);
    assert_eq!((process.exit_code().await, process.out.so_far()), (0, vec!["ok".to_owned()]));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");

    fs::write(path("tokens"), "nonsense").unwrap();
    let (tokens, away) = (path("tokens"), path("away.toml"));
    for (arguments, variables, why) in [
        (vec![], vec![("CHITTYCHAT__AUTH__TOKENS", text(&tokens))], "`auth.tokens` names"),
        (vec![], vec![("CHITTYCHAT__ROOM__CAPACITY", "1")], "`room.capacity` is 1"),
        (vec![], vec![("CHITTYCHAT__LOG__FILTER", "a=b=c")], "`log.filter` is a=b=c"),
        (vec![], vec![("CHITTYCHAT_LOG", "a=b=c")], "CHITTYCHAT_LOG is not a log filter"),
        (vec!["--config", text(&away)], vec![], "cannot read"),
    ] {
        let arguments = [&["serve", "--check-config"], &arguments[..]].concat();
        let (code, said) = ended(Process::start(&arguments, &variables)).await;
        assert!(code == 2 && said.contains(why), "{why}: {code} {said}");
    }
}

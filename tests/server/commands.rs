//! The command line itself: help, completions, settings, and what a mistake is answered with.

use super::support::Process;

/// What a command printed, and its exit code.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut process = Process::start(arguments, variables);
    let code = process.exit_code().await;
    Ran { code, out: process.out.so_far().join("\n"), err: process.err.so_far().join("\n") }
}

#[tokio::test]
async fn every_command_has_help_and_a_version() {
    let version = run(&["--version"], &[]).await;
    assert_eq!(version.out, concat!("chittychat ", env!("CARGO_PKG_VERSION")));
    let help = run(&["--help"], &[]).await;
    for command in ["demo", "serve", "join", "probe", "healthcheck", "completions"] {
        assert!(help.out.contains(&format!("\n  {command} ")), "{command} in {}", help.out);
        let own = run(&[command, "--help"], &[]).await;
        assert_eq!(own.code, 0);
        assert!(own.out.contains("Usage: chittychat"), "{}", own.out);
    }
}

#[tokio::test]
async fn completions_know_the_commands_and_their_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell], &[]).await;
        assert_eq!(script.code, 0);
        for word in ["serve", "join", "http-listen", "script"] {
            assert!(script.out.contains(word), "{word} in the script for {shell}");
        }
    }
    let other = run(&["completions", "tcsh"], &[]).await;
    assert_eq!(other.code, 2);
    assert!(other.err.contains("[possible values: bash, zsh, fish]"), "{}", other.err);
}

#[tokio::test]
async fn the_settings_in_force_are_shown_with_their_sources() {
    let variables = [("CHITTYCHAT__ROOM__CAPACITY", "1000")];
    let flags = ["serve", "--listen", "127.0.0.1:9", "--print-config"];
    let shown = run(&flags, &variables).await;
    assert_eq!((shown.code, shown.err.as_str()), (0, ""));
    let has = |setting: &str, source: &str| {
        let line = shown.out.lines().find(|line| line.starts_with(setting));
        assert!(line.is_some_and(|line| line.ends_with(source)), "{setting} in {}", shown.out);
    };
    has("capacity = 1000", "# environment CHITTYCHAT__ROOM__CAPACITY");
    has("listen = \"127.0.0.1:9\"", "# flag --listen");
    has("deadline = \"10s\"", "# default");
}

#[tokio::test]
async fn a_mistake_in_the_settings_is_named_before_any_port_is_opened() {
    let unknown = [("CHITTYCHAT__ROOM__CAPACTY", "1000"), ("CHITTYCHAT_LISTEN", "x")];
    let refused = run(&["serve"], &unknown).await;
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    for part in ["room.capacty", "CHITTYCHAT__ROOM__CAPACTY", "room.capacity", "CHITTYCHAT_LISTEN"]
    {
        assert!(refused.err.contains(part), "{part} in {}", refused.err);
    }
    let wrong = run(&["serve", "--listen", "everywhere"], &[]).await;
    assert_eq!(wrong.code, 2);
    for part in ["grpc.listen", "everywhere", "--listen"] {
        assert!(wrong.err.contains(part), "{part} in {}", wrong.err);
    }
    let filter = run(&["serve", "--listen", "127.0.0.1:0"], &[("CHITTYCHAT_LOG", "a=b=c")]).await;
    assert_eq!(filter.code, 2);
    assert!(filter.err.contains("CHITTYCHAT_LOG is not a log filter"), "{}", filter.err);
}

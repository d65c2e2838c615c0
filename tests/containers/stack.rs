//! The stack of docker-compose.yml under a name of its own, and waiting for what one can see of it.

use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// What is started: all but Grafana, and but what is started on demand.
const SERVICES: [&str; 6] = ["server", "anton", "bjarke", "oliver", "jaeger", "prometheus"];
/// The name of the stack, so that one that somebody works with keeps its own volumes.
const PROJECT: &str = "chittychat-test";

/// The stack. When it is dropped, it is gone; what it had to say is printed if that is in a panic.
pub struct Stack(());

impl Stack {
    /// Nothing yet, and nothing left of another time.
    pub fn none() -> Self {
        let stack = Self(());
        stack.down();
        stack
    }

    /// Runs a command of Compose, which is to succeed. Returns what it prints.
    pub fn compose(&self, arguments: &[&str]) -> String {
        let arguments = [&["compose"], arguments].concat();
        docker(&arguments)
    }

    /// Starts what is not running, and waits until it is healthy.
    pub fn up(&self) {
        self.compose(&[&["up", "--wait", "-d"], &SERVICES[..]].concat());
    }

    /// Starts everything afresh, so that every bot is at the beginning of its script.
    pub fn recreate(&self) {
        self.compose(&[&["up", "--wait", "-d", "--force-recreate"], &SERVICES[..]].concat());
    }

    /// Leaves nothing.
    pub fn down(&self) {
        self.compose(&["--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout=20"]);
    }

    /// Everything that a service has printed.
    pub fn log(&self, service: &str) -> String {
        run("docker", &["compose", "logs", "--no-log-prefix", service]).all
    }

    /// How a service's container has ended.
    pub fn exit_code(&self, service: &str) -> String {
        let container = self.compose(&["ps", "--all", "--quiet", service]);
        docker(&["inspect", "--format={{.State.ExitCode}}", container.trim()]).trim().to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", run("docker", &["compose", "ps", "--all"]).all);
            eprintln!("{}", run("docker", &["compose", "logs", "--tail=15"]).all);
        }
        run("docker", &["compose", "--profile", "*", "down", "--volumes", "--timeout=20"]);
    }
}

/// What came of a command.
pub struct Ran {
    /// True if it succeeded.
    pub ok: bool,
    /// Its output.
    pub out: String,
    /// Its output, and after that its errors.
    pub all: String,
}

/// A command with the stack's name in its environment, at the root of the repository.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("COMPOSE_PROJECT_NAME", PROJECT)
        .env("COMPOSE_ANSI", "never")
        .env("COMPOSE_PROGRESS", "plain")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end, whatever that is.
pub fn run(program: &str, arguments: &[&str]) -> Ran {
    let output = command(program, arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = out.clone() + &String::from_utf8_lossy(&output.stderr);
    Ran { ok: output.status.success(), out, all }
}

/// Runs a command of Docker, which is to succeed. Returns what it prints.
pub fn docker(arguments: &[&str]) -> String {
    let ran = run("docker", arguments);
    assert!(ran.ok, "docker {}:\n{}", arguments.join(" "), ran.all);
    ran.out
}

/// Looks until there is something to see, for no longer than it may take.
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "not seen within {patience:?}: {what}");
        sleep(Duration::from_millis(250));
    }
}

//! A process of our binary, ended when the value is dropped, with every line it writes kept.

use super::within;
use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use std::{
    env,
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
};
use tokio::sync::watch;

/// A running `chittychat`. See the module's text.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Its standard output.
    pub out: Lines,
    /// Its standard error.
    pub err: Lines,
    /// What of its standard error nobody reads: open, so that it fills up.
    _unread: Option<BufReader<ChildStderr>>,
}

impl Process {
    /// Starts `chittychat` with these arguments, and of its own variables with only these.
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::of(spawn(arguments, variables))
    }

    /// Takes over a child whose output is piped.
    pub fn of(mut child: Child) -> Self {
        let out = Lines::of(child.stdout.take().expect("it is piped"));
        let err = Lines::of(child.stderr.take().expect("it is piped"));
        Self { child, out, err, _unread: None }
    }

    /// Starts it likewise, reads its standard error up to a line with `last` in it, and no more.
    pub fn start_unread(arguments: &[&str], variables: &[(&str, &str)], last: &str) -> Self {
        let mut child = spawn(arguments, variables);
        let out = Lines::of(child.stdout.take().expect("it is piped"));
        let mut unread = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut lines: Vec<String> = Vec::new();
        while !lines.last().is_some_and(|line| line.contains(last)) {
            let mut line = String::new();
            let bytes = unread.read_line(&mut line).expect("its standard error can be read");
            assert!(bytes > 0, "it ended before {last:?}: {lines:#?}");
            lines.push(line.trim_end().to_owned());
        }
        let err = Lines(watch::channel(lines).1);
        Self { child, out, err, _unread: Some(unread) }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process id is positive"));
        signal::kill(pid, signal).expect("a child that has not been waited for can be signalled");
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{line}").expect("it reads its standard input");
    }

    /// Waits until it exits, and returns its code.
    pub async fn exit_code(&mut self) -> i32 {
        within("the process exits", async {
            self.out.ended().await;
            self.err.ended().await;
        })
        .await;
        let status = self.child.wait().expect("a child can be waited for");
        status.code().unwrap_or_else(|| panic!("it did not exit by itself: {status}"))
    }
}

fn spawn(arguments: &[&str], variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chittychat"));
    let names = env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| is_ours(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .envs(variables.iter().copied())
        // Not where a settings file may lie.
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have exited by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that a process has written so far.
#[derive(Clone, Debug)]
pub struct Lines(watch::Receiver<Vec<String>>);

impl Lines {
    /// Reads in a thread of its own, so that the process is never held up.
    fn of(source: impl Read + Send + 'static) -> Self {
        let (lines, receiver) = watch::channel(Vec::new());
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while source.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                // Only the line's end is taken off: what else is raw must be seen.
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                let text = String::from_utf8_lossy(text).into_owned();
                lines.send_modify(|lines| lines.push(text));
                line.clear();
            }
        });
        Self(receiver)
    }

    /// Everything so far.
    pub fn so_far(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// How many lines so far hold all these parts.
    pub fn count(&self, parts: &[&str]) -> usize {
        self.0.borrow().iter().filter(|line| holds(line, parts)).count()
    }

    /// Waits for a line that holds all these parts.
    pub async fn wait_for(&self, parts: &[&str]) -> String {
        let is_there = |lines: &[String]| lines.iter().any(|line| holds(line, parts));
        self.wait_until(&format!("a line with {parts:?}"), is_there).await;
        self.so_far().into_iter().find(|line| holds(line, parts)).unwrap_or_default()
    }

    /// Waits until all lines together are so.
    pub async fn wait_until(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        let mut lines = self.0.clone();
        let found = within(what, lines.wait_for(|lines| is_so(lines))).await.is_ok();
        assert!(found, "not {what}: {:#?}", self.so_far());
    }

    /// Waits until there can be no more.
    async fn ended(&self) {
        // The error is what is waited for: the reading thread is done.
        let _ = self.0.clone().wait_for(|_| false).await;
    }
}

/// Whether a variable would change what a test starts: a setting, or where traces go.
fn is_ours(name: &str) -> bool {
    name.starts_with("CHITTYCHAT") || name.starts_with("OTEL_")
}

fn holds(line: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| line.contains(part))
}

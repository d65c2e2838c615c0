//! Real processes that keep journals.

use crate::support::verify;
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

/// A running `chittychat`, ended with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn chittychat(arguments: &[&str], variables: &[(&str, &str)]) -> Process {
    let mut program = Command::new(env!("CARGO_BIN_EXE_chittychat"));
    program.args(arguments).envs(variables.iter().copied());
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Process(program.spawn().unwrap())
}

/// A server with a journal, and its address, which it says on standard error. The rest of what it says
/// is returned when it has ended.
struct Server {
    process: Process,
    address: String,
    log: thread::JoinHandle<Vec<String>>,
}

fn serve(journal: &Path, variables: &[(&str, &str)]) -> Server {
    let listen = ["serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--journal"];
    let mut process = chittychat(&[&listen[..], &[journal.to_str().unwrap()]].concat(), variables);
    let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("Started server at address: ")).unwrap();
    let (_, place) = line.split_once(" at address: ").unwrap();
    let address = place.replace(" and at port: ", ":");
    Server { process, address, log: thread::spawn(move || lines.collect()) }
}

impl Server {
    fn stop(self) -> Vec<String> {
        let Self { mut process, log, .. } = self;
        let id = nix::unistd::Pid::from_raw(i32::try_from(process.0.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(process.0.wait().unwrap().success());
        log.join().unwrap()
    }
}

/// A participant, of whom the test waits for lines.
struct Guest {
    process: Process,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Guest {
    fn join(server: &str, name: &str, journal: Option<&Path>) -> Self {
        let mut arguments = vec!["join", "--server", server, "--name", name];
        let journal = journal.map(|journal| journal.to_str().unwrap());
        arguments.extend(journal.into_iter().flat_map(|journal| ["--journal", journal]));
        let mut process = chittychat(&arguments, &[]);
        let lines = BufReader::new(process.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut guest = Self { process, lines: Box::new(lines) };
        guest.hears(&format!("{name} 127.0.0.1:0 has joined"));
        guest
    }

    fn say(&mut self, text: &str) {
        writeln!(self.process.0.stdin.as_mut().unwrap(), "{text}").unwrap();
    }

    fn hears(&mut self, text: &str) {
        assert!(self.lines.any(|line| line.contains(text)), "the output ended before {text:?}");
    }

    fn leave(mut self) {
        drop(self.process.0.stdin.take());
        assert!(self.process.0.wait().unwrap().success());
    }
}

fn journals(folder: &Path, name: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(name)).collect()
}

#[test]
fn a_real_conversation_keeps_every_promise() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let server = serve(&file("server"), &[]);
    let mut anton = Guest::join(&server.address, "Anton", Some(&file("anton")));
    let mut bjarke = Guest::join(&server.address, "Bjarke", Some(&file("bjarke")));
    // Oliver leaves no record but what he says he has seen.
    let mut oliver = Guest::join(&server.address, "Oliver", None);
    anton.hears("Oliver 127.0.0.1:0 has joined");
    bjarke.hears("Oliver 127.0.0.1:0 has joined");
    for round in 0..3 {
        anton.say(&format!("Anton's {round}"));
        oliver.hears(&format!("Anton's {round}"));
        oliver.say(&format!("Oliver's {round}"));
        anton.hears(&format!("Oliver's {round}"));
        bjarke.hears(&format!("Oliver's {round}"));
    }
    // Comes back as another process: its clock begins anew.
    bjarke.leave();
    anton.hears("Bjarke 127.0.0.1:0 has left");
    let bjarke = Guest::join(&server.address, "Bjarke", Some(&file("bjarke-again")));
    oliver.hears("Bjarke 127.0.0.1:0 has joined");
    oliver.say("Welcome back");
    anton.hears("Welcome back");
    // Dies without a word.
    drop(bjarke);
    anton.hears("Bjarke 127.0.0.1:0 has left");
    anton.leave();
    server.stop();
    drop(oliver);
    let files = journals(folder.path(), "");
    assert_eq!(files.len(), 4);
    let verdict = verify(&["--strict"], &files);
    verdict.is_clean();
    verdict.held("publish reaches everyone", 7);
    verdict.held("join told to all", 4);
    let alone = verify(&["--strict"], &[file("server")]);
    alone.is_clean();
    assert_eq!(alone.of("conservation")["outcome"], "held", "{:#}", alone.json);
}

#[test]
fn a_rotated_journal_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(
        &folder.path().join("server"),
        &[("CHITTYCHAT__JOURNAL__MAX_BYTES", "65536"), ("CHITTYCHAT__JOURNAL__FILES", "100")],
    );
    let arguments =
        ["bench", "--server", &server.address, "--participants", "5", "--burst", "1000"];
    let bench = chittychat(&arguments, &[]);
    let mut bench = bench;
    assert!(bench.0.wait().unwrap().success());
    server.stop();
    let mut files = journals(folder.path(), "server");
    assert!(files.len() > 3, "{files:?}");
    // In whatever order they are given.
    files.reverse();
    let verdict = verify(&["--strict"], &files);
    verdict.is_clean();
    verdict.held("publish reaches everyone", 1000);
    // With one left out, the rest is checked all the same.
    files.sort();
    files.remove(2);
    let verdict = verify(&["--strict"], &files);
    verdict.is_clean();
    let held = verdict.of("publish reaches everyone")["over"].as_u64().unwrap();
    assert!((500..1000).contains(&held), "{held}");
}

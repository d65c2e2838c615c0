//! The program on a pipe: its lines, its exit codes, and its manners towards signals.

use crate::room::{Guest, PATIENCE, nowhere, serve, who};
use chittychat::{causality::Subject, client::Command};
use std::{
    io::Write as _,
    net::SocketAddr,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command as Program},
    time::timeout,
};

fn join(server: impl ToString, arguments: &[&str]) -> Program {
    let mut program = Program::new(env!("CARGO_BIN_EXE_chittychat"));
    program
        .args(["join", "--server", &server.to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    program
}

/// Feeds the program and waits for its end.
async fn run(mut program: Program, input: &[u8]) -> Output {
    let mut child = program.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).await.unwrap();
    end(child).await
}

async fn end(child: Child) -> Output {
    timeout(PATIENCE, child.wait_with_output()).await.expect("the program ends").unwrap()
}

/// What was printed, without the wall time that stands before each line.
fn lines(printed: &[u8]) -> Vec<String> {
    let printed = String::from_utf8_lossy(printed);
    printed.lines().map(|line| line.get(20..).unwrap_or_default().to_owned()).collect()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn greeting(address: SocketAddr) -> Vec<String> {
    vec![
        format!("Connected to the server at port {}", address.port()),
        "[Lamport time: 1] Connected to server".into(),
        "[Lamport time: 2] Sent connect message to server".into(),
        "[Lamport time: 5, Name: Anton] Anton 127.0.0.1:20 has joined the chat at Lamport time 3"
            .into(),
    ]
}

const ANTON: &[&str] = &["--name", "Anton", "--port", "20"];

#[tokio::test]
async fn the_end_of_the_input_leaves_politely() {
    let server = serve(None).await;
    let output = run(join(server.address, ANTON), b"Hello\n\nhow are you").await;
    assert_eq!(lines(&output.stdout), greeting(server.address));
    assert_eq!((error(&output).as_str(), output.status.code()), ("", Some(0)));
}

#[tokio::test]
async fn what_the_server_would_refuse_is_refused_here_and_the_rest_is_said() {
    let server = serve(None).await;
    let mut listener = Guest::start(server.address, who("Listener", 1));
    listener.joined().await;
    let mut input = b"one\n\xff\xfe\nred \x1b[31m\n".to_vec();
    writeln!(input, "{}\n{}\ntwo\nexit\nnever", "x".repeat(129), "y".repeat(70_000)).unwrap();
    let output = run(join(server.address, ANTON), &input).await;
    assert_eq!(listener.heard().await, "one");
    assert_eq!(listener.heard().await, "two");
    listener.received(Subject::Leave).await;
    let error = error(&output);
    let complaints: Vec<_> = error.lines().collect();
    assert_eq!(complaints.len(), 4, "{error}");
    assert!(complaints.iter().all(|line| line.starts_with("not sent: ")), "{error}");
    assert_eq!(output.status.code(), Some(0));
}

#[tokio::test]
async fn a_thousand_lines_at_once_are_all_said() {
    let server = serve(None).await;
    let mut listener = Guest::start(server.address, who("Listener", 1));
    listener.joined().await;
    let input: String = (0..1000).map(|number| format!("{number}\n")).collect();
    let hear = async {
        for number in 0..1000 {
            assert_eq!(listener.heard().await, number.to_string());
        }
    };
    let (output, ()) = tokio::join!(run(join(server.address, ANTON), input.as_bytes()), hear);
    assert_eq!((error(&output).as_str(), output.status.code()), ("", Some(0)));
}

#[tokio::test]
async fn a_mistake_is_one_sentence() {
    let long = "n".repeat(65);
    let mistakes: [(&[&str], &str); 4] = [
        (&["--name", &long], "error: the name has 65 characters; 1 to 64 are allowed\n"),
        (&["--port", "-1"], "error: the port is -1; 0 to 65535 are allowed\n"),
        (
            &["--server", "localhost"],
            "error: \"localhost\" is not the address of a server: the port is missing; allowed are host:port, http://host:port and https://host:port\n",
        ),
        (
            &["--script", "no-such-script"],
            "error: cannot read the script no-such-script: No such file or directory (os error 2)\n",
        ),
    ];
    for (arguments, sentence) in mistakes {
        let mut program = Program::new(env!("CARGO_BIN_EXE_chittychat"));
        program.arg("join").args(arguments).stdin(Stdio::null());
        let output = timeout(PATIENCE, program.output()).await.unwrap().unwrap();
        assert_eq!(error(&output), sentence);
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(1)));
    }
}

/// The input stays open here: nothing but the end of the session ends the program.
#[tokio::test]
async fn an_end_for_good_does_not_wait_for_the_input() {
    let server = serve(None).await;
    let mut holder = Guest::start(server.address, who("Anton", 20));
    holder.joined().await;
    let mut child = join(server.address, ANTON).spawn().unwrap();
    let input = child.stdin.take();
    let output = end(child).await;
    drop(input);
    assert!(error(&output).starts_with("error: the server refused us: somebody with this name"));
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn nobody_waits_for_an_absent_server_with_nothing_to_say() {
    let address = nowhere().await;
    let output = run(join(address, ANTON), b"").await;
    assert!(error(&output).starts_with(&format!("error: never joined: cannot reach {address}: ")));
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_script_is_played_from_the_join_on() {
    let server = serve(None).await;
    let mut listener = Guest::start(server.address, who("Listener", 1));
    listener.joined().await;
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), "say Hello\nwait 20ms\nsay Bye\nleave\nwait 20ms\nrepeat\n")
        .unwrap();
    let path = script.path().to_str().unwrap();
    let child = join(server.address, &[ANTON, &["--script", path]].concat()).spawn().unwrap();
    for _ in 0..3 {
        listener.received(Subject::Join).await;
        assert_eq!(listener.heard().await, "Hello");
        assert_eq!(listener.heard().await, "Bye");
        listener.received(Subject::Leave).await;
    }
    drop(child);
    listener.tell(Command::Leave).await;
    listener.end().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_leaves_politely() {
    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };
    let server = serve(None).await;
    let mut witness = Guest::start(server.address, who("Bjarke", 40));
    witness.joined().await;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut child = join(server.address, ANTON).spawn().unwrap();
        let input = child.stdin.take();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        while let Some(line) = timeout(PATIENCE, printed.next_line()).await.unwrap().unwrap() {
            if line.contains("Anton 127.0.0.1:20 has joined") {
                break;
            }
        }
        let pid = i32::try_from(child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
        let output = end(child).await;
        drop(input);
        witness.received(Subject::Leave).await;
        assert_eq!((error(&output).as_str(), output.status.code()), ("", Some(0)));
    }
}

/// The server takes the connection and says nothing, so a polite leave has something to wait for.
#[cfg(unix)]
#[tokio::test]
async fn a_second_signal_ends_at_once() {
    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut child = join(mute.local_addr().unwrap(), ANTON).spawn().unwrap();
    let _input = child.stdin.take();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = timeout(PATIENCE, printed.next_line()).await.unwrap().unwrap() {
        if line.contains("Sent connect message") {
            break;
        }
    }
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    // Signals that come close together are one signal, so they are sent until they have been two.
    let status = loop {
        kill(pid, Signal::SIGINT).unwrap();
        if let Ok(status) = timeout(Duration::from_millis(50), child.wait()).await {
            break status.unwrap();
        }
    };
    assert_eq!(status.code(), Some(130));
}

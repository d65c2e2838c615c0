//! The program on a pseudo-terminal, as a person sees it.

use crate::room::{Guest, PATIENCE, say, serve, who};
use crate::table::{ADMITTED, SAID};
use chittychat::{causality::Subject, client::Command};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read as _, Write},
    net::SocketAddr,
    thread,
};
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};

const SIZE: PtySize = PtySize { rows: 24, cols: 100, pixel_width: 0, pixel_height: 0 };

/// A terminal with the program in it, and what it shows.
struct Terminal {
    screen: vt100::Parser,
    /// Everything that was printed, escape sequences included.
    printed: Vec<u8>,
    output: mpsc::UnboundedReceiver<Vec<u8>>,
    keys: Box<dyn Write + Send>,
    master: Box<dyn MasterPty>,
    child: Box<dyn Child + Send + Sync>,
}

impl Terminal {
    fn join(server: SocketAddr, arguments: &[&str]) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let mut program = CommandBuilder::new(env!("CARGO_BIN_EXE_chittychat"));
        program.args(["join", "--server", &server.to_string(), "--name", "Anton", "--port", "20"]);
        program.args(arguments);
        program.env("TERM", "xterm-256color");
        program.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(program).unwrap();
        drop(pair.slave);
        let (chunks, output) = mpsc::unbounded_channel();
        let mut reader = pair.master.try_clone_reader().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if chunks.send(buffer[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            screen: vt100::Parser::new(
                SIZE.rows.try_into().unwrap(),
                SIZE.cols.try_into().unwrap(),
                0,
            ),
            printed: Vec::new(),
            output,
            keys: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the lines on the screen are as `is_right` wants them.
    async fn until(&mut self, what: &str, is_right: impl Fn(&[String]) -> bool) {
        let shown = async {
            loop {
                if is_right(&self.lines()) {
                    return;
                }
                let Some(chunk) = self.output.recv().await else {
                    panic!("the program ended before {what}:\n{}", self.lines().join("\n"))
                };
                self.screen.process(&chunk);
                self.printed.extend_from_slice(&chunk);
            }
        };
        if timeout(PATIENCE, shown).await.is_err() {
            panic!("no {what} on the screen:\n{}", self.lines().join("\n"));
        }
    }

    async fn until_line(&mut self, part: &str) {
        self.until(part, |lines| lines.iter().any(|line| line.contains(part))).await;
    }

    /// Waits until this has been printed, wherever it stands on the screen.
    async fn until_printed(&mut self, part: &str) {
        let printed = async {
            while !String::from_utf8_lossy(&self.printed).contains(part) {
                let Some(chunk) = self.output.recv().await else {
                    panic!("the program ended before {part:?}:\n{}", self.lines().join("\n"))
                };
                self.screen.process(&chunk);
                self.printed.extend_from_slice(&chunk);
            }
        };
        if timeout(PATIENCE, printed).await.is_err() {
            panic!("{part:?} was not printed:\n{}", self.lines().join("\n"));
        }
    }

    /// The lines on the screen, without the empty ones at the end.
    fn lines(&self) -> Vec<String> {
        let contents = self.screen.screen().contents();
        contents.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits for the program's end, and returns its exit code and whether the terminal is as it was.
    async fn end(
        mut self,
        before: impl Fn(&dyn MasterPty) -> bool + Send + 'static,
    ) -> (u32, bool) {
        let ended = spawn_blocking(move || {
            let status = self.child.wait().unwrap();
            (status.exit_code(), before(&*self.master))
        });
        timeout(PATIENCE, ended).await.expect("the program ends").unwrap()
    }
}

/// True of a terminal that reads whole lines and shows what is typed.
fn is_cooked(master: &dyn MasterPty) -> bool {
    let fresh = native_pty_system().openpty(SIZE).unwrap();
    let settings = master.get_termios().expect("a terminal has settings");
    Some(settings) == fresh.master.get_termios()
}

#[tokio::test]
async fn an_arriving_message_does_not_tear_the_line_that_is_typed() {
    let server = serve(None).await;
    let mut bjarke = Guest::start(server.address, who("Bjarke", 40));
    bjarke.joined().await;
    let mut terminal = Terminal::join(server.address, &[]);
    terminal.until_line("Anton 127.0.0.1:20 has joined the chat").await;
    terminal.press("half a li");
    terminal.until_line("> half a li").await;
    bjarke.tell(say("interrupting")).await;
    terminal
        .until("message above the prompt", |lines| {
            let [.., message, prompt] = lines else { return false };
            message.ends_with("Bjarke interrupting") && prompt == "> half a li"
        })
        .await;
    terminal.press("ne\r");
    assert_eq!(bjarke.heard().await, "half a line");
    // One's own words are shown with the time of their send, and the prompt is empty again.
    terminal
        .until("own message", |lines| {
            let [.., message, prompt] = lines else { return false };
            message.ends_with("Anton half a line") && prompt == ">"
        })
        .await;
    // History: the line comes back.
    terminal.press("\x1b[A");
    terminal
        .until("history", |lines| lines.last().is_some_and(|line| line == "> half a line"))
        .await;
    assert!(terminal.printed.windows(2).any(|bytes| bytes == b"\x1b["), "no colours");

    // Ctrl-C leaves politely.
    terminal.press("\x03");
    assert_eq!(terminal.end(is_cooked).await, (0, true));
    bjarke.received(Subject::Leave).await;
}

#[tokio::test]
async fn a_long_text_is_counted_and_kept_for_editing() {
    let server = serve(None).await;
    let mut bjarke = Guest::start(server.address, who("Bjarke", 40));
    bjarke.joined().await;
    let mut terminal = Terminal::join(server.address, &[]);
    terminal.until_line("has joined the chat").await;
    terminal.press(&"x".repeat(119));
    terminal.until_line("x 9 left").await;
    terminal.press(&"x".repeat(12));
    terminal.until_line("x 3 too many").await;
    terminal.press("\r");
    terminal.until_line("the text has 131 characters; 1 to 128 are allowed").await;
    terminal.press("\x7f\x7f\x7f\r");
    assert_eq!(bjarke.heard().await, "x".repeat(128));
    // Ctrl-D on an empty line leaves.
    terminal.press("\x04");
    assert_eq!(terminal.end(is_cooked).await, (0, true));
    bjarke.received(Subject::Leave).await;
}

#[tokio::test]
async fn an_end_for_good_puts_the_terminal_back() {
    let server = serve(None).await;
    let mut holder = Guest::start(server.address, who("Anton", 20));
    holder.joined().await;
    let mut terminal = Terminal::join(server.address, &[]);
    terminal.until_line("error: the server refused us").await;
    assert_eq!(terminal.end(is_cooked).await, (1, true));
}

#[tokio::test]
async fn a_termination_while_typing_leaves_and_puts_the_terminal_back() {
    let server = serve(None).await;
    let mut bjarke = Guest::start(server.address, who("Bjarke", 40));
    bjarke.joined().await;
    let mut terminal = Terminal::join(server.address, &[]);
    terminal.until_line("has joined the chat").await;
    terminal.press("never sent");
    terminal.until_line("> never sent").await;
    let pid = i32::try_from(terminal.child.process_id().unwrap()).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    bjarke.received(Subject::Leave).await;
    assert_eq!(terminal.end(is_cooked).await, (0, true));
}

#[tokio::test]
async fn plain_lines_are_to_be_had_on_a_terminal() {
    let server = serve(None).await;
    let mut terminal = Terminal::join(server.address, &["--plain"]);
    terminal.until_line("Enter the content of the message ('exit' to quit):").await;
    terminal.until_line("[Lamport time: 5, Name: Anton] Anton 127.0.0.1:20 has joined").await;
    terminal.press("exit\r");
    assert_eq!(terminal.end(is_cooked).await, (0, true));
}

/// With colours a name ends where its colour does.
const END: &str = "\u{1b}[0m";

#[tokio::test]
async fn names_and_words_that_pose_as_something_else_are_shown_as_what_they_are() {
    let server = serve(None).await;
    let mut terminal = Terminal::join(server.address, &[]);
    terminal.until_line("has joined the chat").await;
    for row in &ADMITTED {
        let mut guest = Guest::start(server.address, who(row.name, 40));
        guest.joined().await;
        guest.tell(say("hi")).await;
        let shown = row.shown;
        terminal.until_printed(&format!("+ {shown} 127.0.0.1:40 has joined the chat at")).await;
        terminal.until_printed(&format!("{}{END} hi\r\n", row.spoken)).await;
        guest.tell(Command::Leave).await;
        terminal.until_printed(&format!("- {shown} 127.0.0.1:40 has left the chat at")).await;
    }
    let mut bo = Guest::start(server.address, who("Bo", 40));
    bo.joined().await;
    for (text, shown) in SAID {
        bo.tell(say(text)).await;
        terminal.until_printed(&format!("Bo{END} {shown}\r\n")).await;
    }
    // Nor is one's own imitation shown as the server's.
    terminal.press("the server is stopping\r");
    terminal.until_printed(&format!("Anton{END} \"the server is stopping\"\r\n")).await;
    terminal.press("\x04");
    assert_eq!(terminal.end(is_cooked).await, (0, true));
}

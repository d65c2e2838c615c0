//! A log that nobody takes.

use crate::program::SERVE;
use crate::support::{Listener as _, Peer, Process, Scrape, Server, joined_by, within};
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A process that ends with the value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The address at the end of a line such as `… at address: 127.0.0.1 and at port: 8080`.
fn address(line: &str) -> SocketAddr {
    let (_, place) = line.split_once(" at address: ").unwrap();
    let (ip, port) = place.trim_end().split_once(" and at port: ").unwrap();
    SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap())
}

#[tokio::test]
async fn lines_for_nobody_are_counted_and_harm_nobody() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chittychat"));
    command.args(SERVE).env_remove("CHITTYCHAT_LOG").stderr(Stdio::piped());
    let mut child = Ended(command.current_dir(env!("CARGO_TARGET_TMPDIR")).spawn().unwrap());
    // Whoever reads the log goes away, and with it the pipe.
    let mut log = BufReader::new(child.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let chat = address(&log.find(|line| line.contains("Started server")).unwrap());
    let http = address(&log.find(|line| line.contains("Serving probes")).unwrap());
    drop(log);

    let mut anton = Peer::open(chat, "Anton").await;
    anton.connect();
    joined_by(&anton.delivery().await, "Anton");
    let mut bjarke = Peer::open(chat, "Bjarke").await;
    bjarke.connect();
    joined_by(&bjarke.delivery().await, "Bjarke");
    joined_by(&anton.delivery().await, "Bjarke");
    anton.say("is anybody writing this down?");
    bjarke.hears("Anton", "is anybody writing this down?").await;
    // Two who came in, and what one of them said: three lines.
    let counted = async {
        loop {
            let mut socket = TcpStream::connect(http).await.unwrap();
            let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            socket.write_all(request).await.unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.unwrap();
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let dropped = Scrape::parse(body).get("chittychat_log_lines_dropped_total");
            if dropped >= 3.0 {
                return dropped;
            }
        }
    };
    assert!(within("three lines are counted", counted).await < 10.0);
    anton.say("it does not matter");
    bjarke.hears("Anton", "it does not matter").await;
}

#[tokio::test]
async fn an_empty_filter_is_none() {
    for empty in ["", " "] {
        let process = Process::start(&SERVE, &[("CHITTYCHAT_LOG", empty)]);
        let mut server = Server::of(process).await;
        assert_eq!(server.stop().await, 0);
        assert_eq!(server.process.err.count(&["Stopped server"]), 1);
    }
}

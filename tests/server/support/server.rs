//! The server as a process: where it listens, what it uses, what it says.

use super::{Process, within};
use nix::sys::signal::Signal;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux there is.
#[cfg(target_os = "linux")]
const TICKS: f64 = 100.0;

/// A server on whatever ports are free.
const SERVE: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];

/// A running `chittychat serve` on free ports.
#[derive(Debug)]
pub struct Server {
    /// The process.
    pub process: Process,
    /// Where participants connect.
    pub address: SocketAddr,
    /// Where probes ask.
    pub http_address: SocketAddr,
}

impl Server {
    /// Starts a server with these variables, and waits until it says where it listens.
    pub async fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with(&[], variables).await
    }

    /// Starts a server with more arguments, and these variables.
    pub async fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::of(Process::start(&[&SERVE[..], arguments].concat(), variables)).await
    }

    /// Starts a server whose log is read as far as where it listens, and then no further.
    pub async fn start_unread(variables: &[(&str, &str)]) -> Self {
        let last = "Serving probes at address: ";
        Self::of(Process::start_unread(&SERVE, variables, last)).await
    }

    /// A server that is starting, once it says where it listens.
    pub async fn of(process: Process) -> Self {
        let address = address_in(&process.err.wait_for(&["Started server at address: "]).await);
        let http = address_in(&process.err.wait_for(&["Serving probes at address: "]).await);
        Self { process, address, http_address: http }
    }

    /// Asks it to stop, and returns its exit code.
    pub async fn stop(&mut self) -> i32 {
        self.process.signal(Signal::SIGTERM);
        self.process.exit_code().await
    }

    /// The body and status of a plain HTTP GET on the probes' port.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let ask = async {
            let mut socket = TcpStream::connect(self.http_address).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n");
            socket.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = within(path, ask).await.expect("the probes' port answers");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (status.unwrap_or_else(|| panic!("not HTTP: {answer}")), body.to_owned())
    }
}

/// What it uses, as Linux says.
#[cfg(target_os = "linux")]
impl Server {
    /// How much memory it holds now.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it has held.
    pub fn peak_resident_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// How much CPU time it has used.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        // The fields are counted behind the name, which is in brackets and may hold anything.
        let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
    }

    fn memory(&self, row: &str) -> u64 {
        let status = self.proc("status");
        let kilobytes = status.lines().find_map(|line| line.strip_prefix(row));
        let kilobytes = kilobytes.and_then(|row| row.trim().strip_suffix(" kB"));
        let kilobytes: u64 = kilobytes.and_then(|row| row.parse().ok()).expect("memory in kB");
        kilobytes * 1024
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.pid()))
            .expect("it is running")
    }
}

/// The address in a line such as `… at address: 127.0.0.1 and at port: 8080`. If the line is JSON,
/// more follows.
fn address_in(line: &str) -> SocketAddr {
    let (_, place) = line.split_once(" at address: ").expect("the line names an address");
    let (ip, port) = place.split_once(" and at port: ").expect("the line names a port");
    let port = port.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    SocketAddr::new(ip.parse().expect("an IP address"), port.parse().expect("a port"))
}

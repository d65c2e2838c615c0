//! One attack on one server, with bystanders, and what came of it.
//!
//! The server is the real binary with the settings that are shipped. An attack is a future that attacks
//! for as long as the [`Target`] says, and then goes on holding what it holds: whether the server lives,
//! is healthy and lets a newcomer in is asked while it does. It is ended by being dropped.

use crate::{
    bystanders::{Account, Bystanders, NAMES},
    memory::{self, Bound},
    shipped::{Profile, Shipped},
    support::{Heard, Listener as _, Peer, Process, Server, within},
};
use chittychat::wire::pb::MessageType;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    env, fmt, io,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::{Request, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// What an attack may add to the memory that the server holds.
const MOST_MEMORY: u64 = 64 << 20;
/// What 99 of 100 deliveries to bystanders take at most.
const PROMPT: Duration = Duration::from_millis(50);
/// How long a newcomer may have to try.
const NEWCOMER: Duration = Duration::from_secs(5);
/// How long a probe may take.
const PROBE: Duration = Duration::from_secs(1);
/// How long the bystanders chat before the attack.
const QUIET: Duration = Duration::from_secs(1);
/// Lines that the server may log in a second beside those of the bystanders' messages: as many as one
/// participant may cause by talking, and as many for everything else.
const MOST_LINES: u64 = 100;
/// And how many at once: a class that comes in is written down.
const LINES_AT_ONCE: u64 = 300;

/// How long each attack goes on.
pub fn duration() -> Duration {
    let seconds = env::var("ATTACK_SECONDS").unwrap_or_else(|_| "5".into());
    Duration::from_secs(seconds.parse().expect("ATTACK_SECONDS is a number of seconds"))
}

/// Holds something for as long as an attack is let.
pub async fn hold<T>(held: T) {
    let _held = held;
    std::future::pending::<()>().await;
}

/// Whom an attack is on, and what it has done so far. Clones are the same.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the chat listens.
    pub chat: SocketAddr,
    /// Where the HTTP port listens.
    pub http: SocketAddr,
    ends: Instant,
    attempts: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl Target {
    /// Whether the attack is to go on.
    pub fn goes_on(&self) -> bool {
        Instant::now() < self.ends
    }

    /// Something was tried.
    pub fn tried(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Something that was tried was refused.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How much was tried and refused so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.attempts.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// How a server is started.
#[derive(Debug)]
pub struct Setting {
    /// What is shipped.
    pub profile: Profile,
    /// Settings over those that are shipped.
    pub variables: Vec<(&'static str, String)>,
    /// Options of `prlimit`, such as `--nofile=128`.
    pub limits: Vec<&'static str>,
    /// Whether it gets the memory that is shipped, and no more.
    pub is_bound: bool,
    /// What the bystanders show.
    pub authorizations: [Option<String>; 2],
}

impl Default for Setting {
    fn default() -> Self {
        let (variables, limits) = (Vec::new(), Vec::new());
        let authorizations = [None, None];
        Self { profile: Profile::Compose, variables, limits, is_bound: false, authorizations }
    }
}

/// A server with bystanders, before it is attacked.
pub struct Trial {
    name: &'static str,
    /// The server.
    pub server: Server,
    /// What it is given.
    pub shipped: Shipped,
    bound: Option<Bound>,
    bystanders: Bystanders,
    authorization: Option<String>,
    before: u64,
    lines_before: u64,
}

/// What came of an attack.
#[derive(Debug)]
pub struct Outcome {
    name: &'static str,
    attempts: u64,
    refused: u64,
    before: u64,
    peak: u64,
    threads: u64,
    lines: u64,
    accounts: Vec<Account>,
    /// What should not have been, in a sentence each.
    pub faults: Vec<String>,
}

impl Trial {
    /// Starts the server; the bystanders join and chat for a while.
    pub async fn start(name: &'static str, setting: Setting) -> Self {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit");
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("it may be raised to there");
        let shipped = setting.profile.read();
        let bound = setting.is_bound.then(|| Bound::new(shipped.memory)).flatten();
        let child = command(&setting, &shipped, bound.as_ref()).spawn().expect("the binary starts");
        let server = Server::of(Process::of(child)).await;
        let authorization = setting.authorizations[0].clone();
        let bystanders = Bystanders::start(server.address, setting.authorizations);
        sleep(QUIET).await;
        Self {
            name,
            before: 0,
            lines_before: lines(&server),
            server,
            shipped,
            bound,
            bystanders,
            authorization,
        }
    }

    /// Attacks it, and asks meanwhile and afterwards what has become of it.
    pub async fn attacked<F>(self, attack: impl FnOnce(Target) -> F) -> Outcome
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.attacked_and(attack, async |_, _| {}).await
    }

    /// The same, with more to be asked while the attack still holds what it holds.
    pub async fn attacked_and<F>(
        mut self,
        attack: impl FnOnce(Target) -> F,
        ask: impl AsyncFnOnce(&Target, &mut Vec<String>),
    ) -> Outcome
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let pid = self.server.process.pid();
        self.before = memory::resident(pid);
        memory::forget_peak(pid);
        self.bystanders.attack_begins();
        let target = Target {
            chat: self.server.address,
            http: self.server.http_address,
            ends: Instant::now() + duration(),
            attempts: Arc::default(),
            refused: Arc::default(),
        };
        let attacking = tokio::spawn(attack(target.clone()));
        let mut threads = 0;
        while target.goes_on() && memory::is_alive(pid) {
            threads = threads.max(memory::threads(pid));
            sleep_until(target.ends.min(Instant::now() + PROBE / 4)).await;
        }
        let mut faults = Vec::new();
        let lines = lines(&self.server) - self.lines_before;
        if memory::is_alive(pid) {
            self.look(&target, &mut faults).await;
            ask(&target, &mut faults).await;
        } else {
            faults.push("the server is gone".to_owned());
        }
        attacking.abort();
        if attacking.await.is_err_and(|error| error.is_panic()) {
            faults.push("the attack itself failed".to_owned());
        }
        self.outcome(&target, (threads, lines), faults).await
    }

    async fn outcome(
        self,
        target: &Target,
        (threads, lines): (u64, u64),
        mut faults: Vec<String>,
    ) -> Outcome {
        let pid = self.server.process.pid();
        let bystanders = self.bystanders;
        let ending = tokio::task::spawn_blocking(move || bystanders.end());
        let accounts = within("the bystanders end", ending).await.expect("bystanders do not fail");
        let is_alive = memory::is_alive(pid);
        let peak = if is_alive { memory::peak(pid) } else { 0 };
        if !is_alive {
            faults.push(format!("the server died: {:?}", self.server.process.err.so_far().last()));
        }
        if let Some(kills) = self.bound.as_ref().map(Bound::kills).filter(|kills| *kills > 0) {
            faults.push(format!("{kills} processes were killed for their memory"));
        }
        let (attempts, refused) = target.counts();
        let (name, before) = (self.name, self.before);
        Outcome { name, attempts, refused, before, peak, threads, lines, accounts, faults }
    }

    /// Asks for its health, its life, and for a seat.
    async fn look(&self, target: &Target, faults: &mut Vec<String>) {
        if let Err(why) = newcomer(target.chat, self.authorization.as_deref()).await {
            faults.push(format!("no newcomer was let in within {NEWCOMER:?}: {why}"));
        }
        match timeout(NEWCOMER, health(target.chat)).await {
            Ok(Ok(1)) => {}
            other => faults.push(format!("its health is not SERVING: {other:?}")),
        }
        match timeout(PROBE, livez(target.http)).await {
            Ok(Ok(true)) => {}
            other => faults.push(format!("/livez does not answer within {PROBE:?}: {other:?}")),
        }
    }
}

/// What the server has logged, but for the bystanders' messages, and for those that were let through: these
/// are as many as the limits say.
fn lines(server: &Server) -> u64 {
    let lines = server.process.err.so_far();
    let is_theirs = |line: &&String| {
        NAMES.iter().any(|name| line.contains(name))
            || line.contains("Received message from client")
    };
    lines.iter().filter(|line| !is_theirs(line)).count() as u64
}

/// The server under what bounds it.
fn command(setting: &Setting, shipped: &Shipped, bound: Option<&Bound>) -> Command {
    let binary = env::var("ATTACK_SERVER");
    let binary = binary.as_deref().unwrap_or(env!("CARGO_BIN_EXE_chittychat"));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
    let mut words = vec!["prlimit".to_owned()];
    words.extend(setting.limits.iter().map(|it| (*it).to_owned()));
    words.extend(["--".to_owned(), binary.to_owned()]);
    words.extend(serve.map(str::to_owned));
    if let Some(bound) = bound {
        let script = r#"echo $$ > "$0" && exec "$@""#;
        let group = bound.procs().display().to_string();
        words.splice(0..0, ["sh".to_owned(), "-c".to_owned(), script.to_owned(), group]);
    } else if setting.limits.is_empty() {
        words.drain(..2);
    }
    let mut command = Command::new(&words[0]);
    for (name, _) in
        env::vars().filter(|(name, _)| name.starts_with("CHITTYCHAT") || name.starts_with("OTEL_"))
    {
        command.env_remove(name);
    }
    command
        .args(&words[1..])
        .envs(shipped.variables.iter().cloned())
        .envs(setting.variables.iter().cloned())
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Tries to come in until it is let in.
async fn newcomer(chat: SocketAddr, authorization: Option<&str>) -> Result<(), String> {
    let end = Instant::now() + NEWCOMER;
    let mut why = "no answer at all".to_owned();
    while Instant::now() < end {
        let left = end - Instant::now();
        match timeout(left, come_in(chat, authorization)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => why = error,
            Err(_) => {}
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(why)
}

async fn come_in(chat: SocketAddr, authorization: Option<&str>) -> Result<(), String> {
    let endpoint = Endpoint::from_shared(format!("http://{chat}")).expect("it is a URI");
    let channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
    // A bystander's name, if a token goes with it; its port tells the two apart.
    let name = if authorization.is_some() { "Anton" } else { "Newcomer" };
    let opened = Peer::open_showing(channel, name, authorization).await;
    let mut peer = opened.map_err(|status| status.to_string())?;
    let mut connect = peer.stamped(MessageType::Connect, "connect message");
    if let Some(who) = &mut connect.client_reference {
        who.client_port = 41;
    }
    peer.send(connect);
    match peer.heard().await {
        Heard::Message(message) if message.r#type() == MessageType::Connect => Ok(()),
        Heard::Message(message) => Err(message.text),
        Heard::End(status) => Err(status.to_string()),
    }
}

/// What the health service says: 1 is SERVING.
async fn health(chat: SocketAddr) -> Result<i32, String> {
    let endpoint = Endpoint::from_shared(format!("http://{chat}")).expect("it is a URI");
    let channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
    let request = Request::new(HealthCheckRequest { service: String::new() });
    let answer = HealthClient::new(channel).check(request).await;
    answer.map(|answer| answer.into_inner().status).map_err(|status| status.to_string())
}

/// Whether the process says that it lives.
pub async fn livez(http: SocketAddr) -> io::Result<bool> {
    let mut socket = TcpStream::connect(http).await?;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

impl Outcome {
    /// Prints the figures. Fails if anything is not as it should be.
    pub fn judge(mut self) {
        let p99 =
            self.accounts.iter().map(|it| it.during.value_at_quantile(0.99)).max().unwrap_or(0);
        if u128::from(p99) >= PROMPT.as_micros() {
            self.faults.push(format!("99 of 100 deliveries took {p99} us"));
        }
        self.judge_within(MOST_MEMORY);
    }

    /// The same with another bound on the memory that the attack added, and none on latencies: all attackers
    /// together leave the server little of a machine that they share with it.
    pub fn judge_within(mut self, most_memory: u64) {
        let added = self.peak.saturating_sub(self.before);
        if added > most_memory {
            self.faults.push(format!("{} MiB of memory were added", added >> 20));
        }
        if self.lines > LINES_AT_ONCE + MOST_LINES * duration().as_secs() {
            self.faults.push(format!("{} lines were logged", self.lines));
        }
        for account in &self.accounts {
            if let Some(how) = &account.ended {
                self.faults.push(format!("{} was put out: {how}", account.name));
            }
            if account.missed > 0 {
                self.faults.push(format!("{} missed {} messages", account.name, account.missed));
            }
        }
        println!("{self}");
        assert!(self.faults.is_empty(), "{}: {:#?}", self.name, self.faults);
    }

    /// The most that the server held, in bytes.
    pub fn peak(&self) -> u64 {
        self.peak
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebi = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let added = mebi(self.peak) - mebi(self.before);
        let percentile = |quantile| {
            let of_both = self.accounts.iter().map(|it| it.during.value_at_quantile(quantile));
            of_both.max().unwrap_or_default() as f64 / 1000.0
        };
        let quiet = self.accounts.iter().map(|it| it.before.value_at_quantile(0.99)).max();
        write!(
            f,
            "{:<34} attempts {:>8}, refused {:>8}; {:>7.1} MiB over {:.1}; p50 {:.1}, p99 {:.1}, longest \
             {:.1} ms (p99 before: {:.1}); {} threads, {} lines",
            self.name,
            self.attempts,
            self.refused,
            added,
            mebi(self.before),
            percentile(0.5),
            percentile(0.99),
            percentile(1.0),
            quiet.unwrap_or_default() as f64 / 1000.0,
            self.threads,
            self.lines,
        )?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n    FAULT: {fault}"))
    }
}

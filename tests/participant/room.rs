//! A server in this process, and sessions that a test drives and watches.

use chittychat::{
    causality::{Kind, Subject},
    chat::{Participant, Text},
    client::{self, Command, Config, Farewell, Process, SessionError, Update},
    commands::serve::Server,
    config::{Flag, Settings, Sources},
};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// How long anything may take that is bound to come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server on ports of its own, or on the one given.
pub async fn serve(address: Option<SocketAddr>) -> Server {
    let listen = address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let sources = Sources {
        file: None,
        directory: std::env::temp_dir().join("chittychat-has-no-settings-here"),
        environment: BTreeMap::new(),
        flags: vec![
            Flag::new("grpc.listen", listen, "--listen"),
            Flag::new("http.listen", "127.0.0.1:0", "--http-listen"),
        ],
    };
    let settings = Settings::load(&sources).expect("the settings are legal").settings;
    Server::start(&settings).await.expect("a free port can be bound")
}

/// An address at which nothing listens.
pub async fn nowhere() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

pub fn who(name: &str, port: i32) -> Participant {
    Participant::new(name, "127.0.0.1", port).unwrap()
}

pub fn say(text: &str) -> Command {
    Command::Say(Text::new(text).unwrap())
}

/// A running session.
pub struct Guest {
    pub commands: mpsc::Sender<Command>,
    updates: mpsc::Receiver<Update>,
    session: JoinHandle<Result<Farewell, SessionError>>,
}

impl Guest {
    pub fn start(address: impl ToString, who: Participant) -> Self {
        let process = Process::new(&who);
        Self::go_on(address, who, process)
    }

    pub fn go_on(address: impl ToString, who: Participant, process: Process) -> Self {
        let config = Config::new(&address.to_string(), who).unwrap();
        let (commands, taken) = mpsc::channel(8);
        let (reported, updates) = mpsc::channel(256);
        let session = tokio::spawn(client::run(config, process, taken, reported));
        Self { commands, updates, session }
    }

    pub async fn tell(&self, command: Command) {
        self.commands.send(command).await.unwrap();
    }

    /// Waits for the first update that `pick` picks, and passes over all others.
    pub async fn until<T>(&mut self, pick: impl Fn(&Update) -> Option<T>) -> T {
        let next = async {
            loop {
                let update = self.updates.recv().await.expect("the session goes on");
                if let Some(picked) = pick(&update) {
                    return picked;
                }
            }
        };
        timeout(PATIENCE, next).await.expect("the update comes")
    }

    /// Waits for an event of this kind, and returns its Lamport time and that of its cause.
    pub async fn event(&mut self, kind: Kind) -> (i64, Option<i64>) {
        self.until(|update| match update {
            Update::Happened(event, _) if event.kind == kind => {
                let cause = event.cause.as_ref().map(|(_, time)| time.to_wire());
                Some((event.time.to_wire(), cause))
            }
            _ => None,
        })
        .await
    }

    pub async fn received(&mut self, subject: Subject) -> (i64, Option<i64>) {
        self.event(Kind::Received(subject)).await
    }

    pub async fn joined(&mut self) -> bool {
        self.until(|update| match update {
            Update::Joined { is_back } => Some(*is_back),
            _ => None,
        })
        .await
    }

    pub async fn away(&mut self) -> String {
        self.until(|update| match update {
            Update::Away { why, .. } => Some(why.clone()),
            _ => None,
        })
        .await
    }

    /// Waits for the next text that somebody says.
    pub async fn heard(&mut self) -> String {
        self.until(|update| match update {
            Update::Happened(event, Some(delivered))
                if event.kind == Kind::Received(Subject::Publish) =>
            {
                Some(delivered.text.clone())
            }
            _ => None,
        })
        .await
    }

    /// Waits for the end, and passes over all updates until then.
    pub async fn end(mut self) -> Result<Farewell, SessionError> {
        let end = async {
            while self.updates.recv().await.is_some() {}
            self.session.await.expect("the session does not panic")
        };
        timeout(PATIENCE, end).await.expect("the session ends")
    }
}

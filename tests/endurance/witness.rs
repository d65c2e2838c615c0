//! A witness: a participant that is there from beginning to end, says something every so often, and
//! keeps all that it hears.
//!
//! Everybody's texts are the same for that: a number, which counts the author's messages from 0, and
//! the microseconds since the test began, from which the latency is known. The last text of a witness
//! says so, and a witness goes when it has heard the last of all others: it has heard all before it.

use crate::support::{Listener as _, Peer, Server, joined_by};
use chittychat::wire::pb::{Message, MessageType};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{self, Instant},
};

/// What is at the end of a witness's last text.
const LAST: &str = " last";

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its place in the total order.
    pub accepted: i64,
    /// What it was.
    pub kind: MessageType,
    /// Whose.
    pub author: Arc<str>,
    /// Which of the author's messages, if it was one.
    pub number: u64,
}

/// What one witness heard and said.
#[derive(Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// How many messages it has published.
    pub said: u64,
    /// Everything from its own join on.
    pub heard: Vec<Heard>,
    /// When a message was sent, and how long it took, in microseconds.
    pub latencies: Vec<(u64, u64)>,
}

/// Witnesses at work.
pub struct Witnesses {
    epoch: Instant,
    is_talking: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Account>>,
}

/// Going politely while others go on talking.
pub trait Go {
    /// Says goodbye, and hears others out until that has been heard.
    async fn go(self);
}

impl Go for Peer {
    async fn go(mut self) {
        let disconnect = self.stamped(MessageType::Disconnect, "disconnect message");
        self.send(disconnect);
        while self.delivery().await.r#type() != MessageType::Ack {}
    }
}

/// A text. See the module's.
pub fn text(number: u64, epoch: Instant) -> String {
    format!("{number} {}", epoch.elapsed().as_micros())
}

impl Witnesses {
    /// So many join, one after the other, and begin to talk: each once in `every`.
    pub async fn start(server: &Server, count: usize, every: Duration) -> Self {
        let epoch = Instant::now();
        let is_talking = watch::Sender::new(true);
        let mut tasks = Vec::new();
        for number in 0..count {
            let name = format!("W{number}");
            let mut peer = Peer::open(server.address, &name).await;
            peer.connect();
            let welcome = peer.delivery().await;
            joined_by(&welcome, &name);
            let account = Account { name, said: 0, heard: Vec::new(), latencies: Vec::new() };
            let begin = epoch + every.mul_f64(number as f64 / count as f64);
            let others = count - 1;
            let talk = attend(peer, account, others, (epoch, begin, every), is_talking.subscribe());
            tasks.push(tokio::spawn(talk));
        }
        Self { epoch, is_talking, tasks }
    }

    /// What all times are counted from.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// They fall silent, and go when they have heard everything.
    pub async fn end(self) -> Vec<Account> {
        self.is_talking.send_replace(false);
        let mut accounts = Vec::new();
        for task in self.tasks {
            accounts.push(task.await.expect("a witness stays to the end"));
        }
        accounts
    }
}

async fn attend(
    mut peer: Peer,
    mut account: Account,
    mut others: usize,
    (epoch, begin, every): (Instant, Instant, Duration),
    talking: watch::Receiver<bool>,
) -> Account {
    let mut names = BTreeMap::new();
    let mut ticks = time::interval_at(begin.max(Instant::now()), every);
    let mut is_talking = true;
    while others > 0 || is_talking {
        tokio::select! {
            delivery = peer.delivery() => {
                account.hear(&delivery, epoch, &mut names);
                others -= usize::from(delivery.text.ends_with(LAST));
            }
            _ = ticks.tick(), if is_talking => {
                is_talking = *talking.borrow();
                let last = if is_talking { "" } else { LAST };
                peer.say(&format!("{}{last}", text(account.said, epoch)));
                account.said += 1;
            }
        }
    }
    // It has said its last, and the server is to have that before the stream ends.
    peer.go().await;
    account
}

impl Account {
    /// Notes a delivery.
    fn hear(&mut self, delivery: &Message, epoch: Instant, names: &mut BTreeMap<String, Arc<str>>) {
        let name = &delivery.client_reference.as_ref().expect("all have an author").client_name;
        let author = names.entry(name.clone()).or_insert_with(|| name.as_str().into());
        let author = Arc::clone(author);
        let kind = delivery.r#type();
        let mut number = 0;
        if kind == MessageType::Publish {
            let (count, sent) = delivery.text.split_once(' ').expect("two numbers");
            let sent = sent.trim_end_matches(LAST);
            number = count.parse().expect("a number");
            let sent: u64 = sent.parse().expect("a time");
            let now = u64::try_from(epoch.elapsed().as_micros()).unwrap();
            self.latencies.push((sent, now.saturating_sub(sent)));
        }
        self.heard.push(Heard { accepted: delivery.accepted_time, kind, author, number });
    }
}

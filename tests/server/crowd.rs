//! A thousand participants at once, one message from each: 999,000 deliveries, all of them counted.
//!
//! Nothing is sampled. Every recipient checks every delivery: its times strictly rise, messages come
//! in the order of their acceptance, which is the same for all, and each message comes once.

use crate::support::{Connection, Listener, RawPeer, Server, joined_by};
use chittychat::wire::pb::{MessageType, NoticeCode};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::sync::Arc;
use tokio::{sync::Barrier, task::JoinSet, time::Instant};
use tonic::Code;

const CROWD: usize = 1000;
/// Open files that both this process and the server need for a connection each.
const FILES: u64 = 2 * CROWD as u64;
/// Connections where the system does not allow as many files.
const FEW_CONNECTIONS: usize = 20;
/// Bytes that the server may send ahead on a stream.
const WINDOW: u32 = 1 << 20;

/// A thousand clients in one process are slow ones: on a busy machine a ping may wait behind more
/// deliveries than they get through in the ten seconds that a client has to answer it.
const PATIENT: (&str, &str) = ("CHITTYCHAT__KEEPALIVE__TIMEOUT", "5m");

/// What one participant heard.
struct Account {
    number: usize,
    joins: usize,
    /// When the message of each participant was accepted, by number.
    accepted: Vec<Option<i64>>,
}

/// How many connections the crowd may have: one each, unless the system is short of files. The
/// server inherits the limit.
fn connections() -> usize {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("there is a limit on open files");
    if hard < FILES {
        return FEW_CONNECTIONS;
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(FILES), hard).expect("it may be raised to there");
    CROWD
}

fn name(number: usize) -> String {
    format!("P{number}")
}

/// A participant's part: comes in, waits for the others, says one thing, hears all the rest, and
/// hears the server stop.
async fn attend(mut peer: RawPeer, number: usize, phases: Arc<[Barrier; 2]>) -> Account {
    peer.connect().await;
    let welcome = peer.delivery().await;
    joined_by(&welcome, &name(number));
    // Those who came earlier are in the list; of all who came later it hears.
    let later = CROWD - welcome.participants.len();
    let mut account = Account { number, joins: 1, accepted: vec![None; CROWD] };
    phases[0].wait().await;
    peer.say(&format!("{number}")).await;
    let mut latest = welcome.accepted_time;
    for _ in 0..later + CROWD - 1 {
        let delivery = peer.delivery().await;
        assert!(delivery.accepted_time > latest, "after {latest}: {delivery:?}");
        latest = delivery.accepted_time;
        match delivery.r#type() {
            MessageType::Connect => account.joins += 1,
            MessageType::Publish => {
                let author: usize = delivery.text.parse().expect("each says its number");
                let who = delivery.client_reference.expect("a message has an author");
                assert_eq!(who.client_name, name(author));
                let before = account.accepted[author].replace(latest);
                assert_eq!(before, None, "{author} was heard twice");
            }
            _ => panic!("nobody left, and nothing was refused: {delivery:?}"),
        }
    }
    phases[1].wait().await;
    let words = "connect again later";
    peer.refused(NoticeCode::ShuttingDown, Code::Unavailable, words).await;
    account
}

/// Waits until everybody has come to the end of a phase. Nobody may be done before.
async fn all_at(phase: &Barrier, participants: &mut JoinSet<Account>) {
    tokio::select! {
        _ = phase.wait() => {}
        done = participants.join_next() => {
            panic!("a participant is out: {:?}", done.map(|account| account.err()))
        }
    }
}

/// Checks all accounts, in the order of their numbers, against each other.
fn audit(accounts: &[Account]) {
    let joins: usize = accounts.iter().map(|account| account.joins).sum();
    assert_eq!(joins, CROWD * (CROWD + 1) / 2, "each join, by all who were there");
    let heard = |account: &Account| account.accepted.iter().flatten().count();
    assert_eq!(accounts.iter().map(heard).sum::<usize>(), CROWD * (CROWD - 1));
    let mut all = vec![None; CROWD];
    for (number, account) in accounts.iter().enumerate() {
        assert_eq!(account.number, number);
        assert_eq!(account.accepted[number], None, "{number} was told what it said itself");
        for (author, accepted) in account.accepted.iter().enumerate() {
            if author != number {
                assert!(accepted.is_some(), "{number} missed what {author} said");
                let known = all[author].get_or_insert(*accepted);
                assert_eq!(known, accepted, "one message, one time of acceptance");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_participants_hear_a_thousand_messages() {
    let start = Instant::now();
    let per_connection = CROWD / connections();
    let mut server = Server::start(&[PATIENT]).await;
    let phases = Arc::new([Barrier::new(CROWD + 1), Barrier::new(CROWD + 1)]);
    let mut connections = Vec::new();
    let mut participants = JoinSet::new();
    for number in 0..CROWD {
        if number % per_connection == 0 {
            connections.push(Connection::open(server.address, WINDOW).await);
        }
        let peer = connections[connections.len() - 1].stream(&name(number)).await;
        participants.spawn(attend(peer, number, phases.clone()));
    }
    all_at(&phases[0], &mut participants).await;
    let (joined, joined_cpu) = (start.elapsed(), server.cpu_seconds());
    all_at(&phases[1], &mut participants).await;
    let (heard, cpu) = (start.elapsed() - joined, server.cpu_seconds() - joined_cpu);
    println!("{CROWD} joined on {} connections in {joined:.1?}", connections.len());
    println!("{} deliveries in {heard:.1?}, server {cpu:.1} s CPU", CROWD * (CROWD - 1));
    println!("server at its peak: {} MiB", server.peak_resident_bytes() >> 20);
    assert_eq!(server.stop().await, 0);
    let mut accounts = participants.join_all().await;
    accounts.sort_by_key(|account| account.number);
    audit(&accounts);
}

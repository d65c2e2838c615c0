//! Participants that come and go as fast as they can, and those who talk too much or count too far.

use crate::{
    http2::{CHAT, Connection, WINDOW},
    support::{self, message},
    trial::{Setting, Target, Trial, hold},
};
use bytes::Bytes;
use chittychat::wire::pb::{self, MessageType};
use prost::Message as _;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Stays that are under way at once on one connection.
const AT_ONCE: usize = 64;
/// Connections of a storm on many.
const CONNECTIONS: usize = 32;

/// Whose name and address are short or as long as may be.
#[derive(Clone, Copy)]
enum Names {
    Short,
    Longest,
}

impl Names {
    fn reference(self, number: u64) -> pb::ClientReference {
        let (client_name, client_address) = match self {
            Self::Short => (format!("S{number}"), "127.0.0.1".to_owned()),
            Self::Longest => {
                // 64 characters of four bytes each.
                let digit = |place: u32| {
                    let digit = u32::try_from(number >> (4 * place) & 15).unwrap_or_default();
                    char::from_u32(0x1d400 + digit).unwrap_or('?')
                };
                ((0..64).map(|place| digit(place % 16)).collect(), "ø".repeat(255))
            }
        };
        pb::ClientReference { client_name, client_address, client_port: 50 }
    }

    /// A Connect and, behind it, a Disconnect.
    fn stay(self, number: u64) -> Bytes {
        let both = [(MessageType::Connect, 2), (MessageType::Disconnect, 3)].map(|(kind, time)| {
            let reference = Some(self.reference(number));
            let message =
                pb::Message { client_reference: reference, ..message(kind, "", "", time) };
            support::frame(&message.encode_to_vec())
        });
        both.concat().into()
    }
}

/// Stays on one connection after the other, as many at once as there are turns.
async fn storm(target: Target, names: Names, numbers: Arc<AtomicU64>, most: usize) {
    while let Some(connection) = Connection::open(&target, WINDOW).await {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut stays = JoinSet::new();
        let mut count = 0;
        while count < most && target.goes_on() && !connection.is_closed() {
            let turn = Arc::clone(&turns).acquire_owned().await.expect("nobody closes it");
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            count += 1;
            let Some(mut call) = connection.grpc(CHAT).await else { continue };
            let target = target.clone();
            stays.spawn(async move {
                target.tried();
                let is_sent = call.send_last(names.stay(number));
                if !is_sent || call.status().await != Some(0) {
                    target.refused();
                }
                drop(turn);
            });
            while stays.try_join_next().is_some() {}
        }
        let ending = async { while stays.join_next().await.is_some() {} };
        // Whoever is not answered is left behind.
        let _ = timeout(Duration::from_millis(500), ending).await;
        stays.shutdown().await;
    }
    hold(()).await;
}

async fn storms(target: Target, names: Names, connections: usize, most: usize) {
    let numbers = Arc::new(AtomicU64::new(0));
    let mut attacks = JoinSet::new();
    for _ in 0..connections {
        attacks.spawn(storm(target.clone(), names, Arc::clone(&numbers), most));
    }
    while attacks.join_next().await.is_some() {}
    hold(()).await;
}

pub async fn on_one_connection(target: Target) {
    storms(target, Names::Short, 1, usize::MAX).await;
}

pub async fn on_many_connections(target: Target) {
    storms(target, Names::Short, CONNECTIONS, 1).await;
}

pub async fn of_longest_names(target: Target) {
    storms(target, Names::Longest, 4, usize::MAX).await;
}

/// Comes in once and sends what `more` says, again and again. `more` is told the message's number.
async fn talk(target: Target, name: &'static str, pause: Duration, time: impl Fn(i64) -> i64) {
    while let Some(connection) = Connection::open(&target, WINDOW).await {
        let Some(mut call) = connection.grpc(CHAT).await else { continue };
        let mut is_there = call.send(crate::halves::connect(name)).await;
        let mut number = 1;
        while is_there && target.goes_on() && !connection.is_closed() {
            target.tried();
            let said =
                message(MessageType::Publish, name, "what nobody wants to hear", time(number));
            is_there = call.send(support::frame(&said.encode_to_vec())).await;
            number += 1;
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
        if is_there && !connection.is_closed() {
            return hold((connection, call)).await;
        }
        target.refused();
        sleep(Duration::from_millis(20)).await;
    }
    hold(()).await;
}

/// Messages as fast as they are taken, from a participant that reads nothing.
pub async fn messages(target: Target) {
    talk(target, "Flooder", Duration::ZERO, |number| number + 2).await;
}

/// Each message as far ahead as the one before was not refused for.
pub async fn jumps(target: Target) {
    let far = |number: i64| number.saturating_mul((1 << 32) - 100_000);
    talk(target, "Jumper", Duration::from_millis(21), far).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn joins_on_one_connection_put_nobody_out() {
    let trial = Trial::start("join storm, one connection", Setting::default()).await;
    trial.attacked(on_one_connection).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn joins_on_many_connections_put_nobody_out() {
    let trial = Trial::start("join storm, many connections", Setting::default()).await;
    trial.attacked(on_many_connections).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn joins_of_longest_names_put_nobody_out() {
    let trial = Trial::start("join storm, longest names", Setting::default()).await;
    trial.attacked(of_longest_names).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_talks_too_much_is_in_nobodys_way() {
    let trial = Trial::start("message flood", Setting::default()).await;
    trial.attacked(messages).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_counts_too_far_keeps_nobody_out() {
    let trial = Trial::start("clock jumps", Setting::default()).await;
    trial.attacked(jumps).await.judge();
}

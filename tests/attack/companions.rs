//! Streams of the services beside the chat that try to hold every connection there may be.

use crate::{
    halves::{CHECK, REFLECTION},
    http2::{Connection, WINDOW},
    support,
    trial::{Setting, Target, Trial, hold},
};
use bytes::Bytes;
use std::time::Duration;
use tokio::{task::JoinSet, time::sleep};

/// The path of a watch on health.
const WATCH: &str = "/grpc.health.v1.Health/Watch";
/// Connections that there may be in these tests, and those that are tried: some for everybody.
const CONNECTIONS: &str = "256";
const TRIED: usize = 300;
/// How long a connection may be of no use: less than a newcomer has, since one that is of none counts too.
const IDLE: &str = "2s";

/// Opens a stream of this kind on each connection that is to be had, with this said on it, and holds it.
async fn held(target: Target, path: &'static str, said: Option<Bytes>) {
    let mut attacks = JoinSet::new();
    for _ in 0..TRIED {
        let (target, said) = (target.clone(), said.clone());
        attacks.spawn(async move {
            while let Some(connection) = Connection::open(&target, WINDOW).await {
                target.tried();
                let mut call = connection.grpc(path).await;
                if let (Some(call), Some(said)) = (&mut call, &said) {
                    call.send(said.clone()).await;
                }
                while target.goes_on() && !connection.is_closed() {
                    sleep(Duration::from_millis(20)).await;
                }
                if !connection.is_closed() {
                    return hold((connection, call)).await;
                }
                target.refused();
            }
        });
    }
    while attacks.join_next().await.is_some() {}
    hold(()).await;
}

pub async fn watches(target: Target) {
    // An empty request is about the server as a whole.
    held(target, WATCH, Some(support::frame(&[]))).await;
}

pub async fn reflections(target: Target) {
    // `list_services`, the seventh field, of anything.
    held(target, REFLECTION, Some(support::frame(b"\x3a\x01*"))).await;
}

/// Health checks that are never asked.
pub async fn silent_checks(target: Target) {
    held(target, CHECK, None).await;
}

fn few_connections() -> Setting {
    let variables = vec![
        ("CHITTYCHAT__LIMITS__CONNECTIONS", CONNECTIONS.to_owned()),
        ("CHITTYCHAT__LIMITS__IDLE_TIMEOUT", IDLE.to_owned()),
    ];
    Setting { variables, ..Setting::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watches_leave_room_for_participants() {
    let trial = Trial::start("Health/Watch on all connections", few_connections()).await;
    trial.attacked(watches).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reflection_leaves_room_for_participants() {
    let trial = Trial::start("reflection on all connections", few_connections()).await;
    trial.attacked(reflections).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn checks_that_ask_nothing_leave_room_for_participants() {
    let trial = Trial::start("silent Health/Check on all", few_connections()).await;
    trial.attacked(silent_checks).await.judge();
}

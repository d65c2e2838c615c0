//! Requests that are not let in: with wrong tokens, and in something else than gRPC.

use crate::{
    http2::{CHAT, Connection, WINDOW},
    trial::{Setting, Target, Trial, hold},
};
use ring::digest::{SHA256, digest};
use std::{fmt::Write as _, fs, sync::Arc};
use tokio::{sync::Semaphore, task::JoinSet};

/// Lines in the list: as many as there may be.
const TOKENS: usize = 16_384;
/// Requests under way at once.
const AT_ONCE: usize = 64;
/// The most of them on one connection.
const REQUESTS: usize = 20_000;

/// Asks with these headers, as fast as it is answered. Whoever is not answered `wanted` counts as let in.
async fn ask(target: Target, headers: Vec<(&'static str, &'static str)>, wanted: u16) {
    while let Some(connection) = Connection::open(&target, WINDOW).await {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut requests = JoinSet::new();
        for _ in 0..REQUESTS {
            if !target.goes_on() || connection.is_closed() {
                break;
            }
            let turn = Arc::clone(&turns).acquire_owned().await.expect("nobody closes it");
            let Some(mut call) = connection.call(CHAT, &headers).await else { continue };
            let target = target.clone();
            requests.spawn(async move {
                target.tried();
                call.send_last(bytes::Bytes::new());
                if call.status().await.is_none_or(|status| status == wanted) {
                    target.refused();
                }
                drop(turn);
            });
            while requests.try_join_next().is_some() {}
        }
        // Whatever is under way is answered, or its connection has ended.
        let answered = async { while requests.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), answered).await;
    }
    hold(()).await;
}

/// UNAUTHENTICATED is 16.
pub async fn wrong_tokens(target: Target) {
    let token =
        "Bearer chittychat_0000000000000000000000000000000000000000000000000000000000000000";
    ask(target, vec![("content-type", "application/grpc"), ("authorization", token)], 16).await;
}

pub async fn other_content(target: Target) {
    ask(target, vec![("content-type", "text/plain"), ("origin", "http://attacker.example")], 415)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn refusing_tokens_costs_little() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let names = ["Anton", "Bjarke"];
    let token = |name: &str| format!("chittychat_{name}");
    let mut lines = String::new();
    for name in names {
        let hash = digest(&SHA256, token(name).as_bytes());
        let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(lines, "{name} sha256:{hex}").unwrap();
    }
    for number in 2..TOKENS {
        writeln!(lines, "P{number} sha256:{number:064x}").unwrap();
    }
    fs::write(&path, lines).unwrap();
    let authorizations = names.map(|name| Some(format!("Bearer {}", token(name))));
    let variables = vec![("CHITTYCHAT__AUTH__TOKENS", path.display().to_string())];
    let setting = Setting { variables, authorizations, ..Setting::default() };
    let trial = Trial::start("wrong tokens at 16,384 lines", setting).await;
    trial.attacked(wrong_tokens).await.judge();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_not_grpc_is_refused() {
    let trial = Trial::start("text/plain from a foreign page", Setting::default()).await;
    let ask = async |target: &Target, faults: &mut Vec<String>| {
        let (attempts, refused) = target.counts();
        if refused < attempts {
            faults.push(format!("{} of {attempts} were not answered 415", attempts - refused));
        }
    };
    trial.attacked_and(other_content, ask).await.judge();
}

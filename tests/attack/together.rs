//! Everything at once, under the memory that is shipped.

use crate::{
    comings, companions, frames, halves,
    shipped::Profile,
    strangers,
    trial::{Setting, Target, Trial, hold},
    web, websockets,
};
use tokio::task::JoinSet;

/// All attacks beside each other.
async fn all(target: Target) {
    let mut attacks = JoinSet::new();
    macro_rules! begin {
        ($($attack:path),* $(,)?) => { $(attacks.spawn($attack(target.clone()));)* };
    }
    begin![
        websockets::pings_before_the_hello,
        websockets::pings_after_the_hello,
        websockets::parts,
        halves::checks,
        halves::announced_checks,
        halves::reflections,
        halves::chats,
        halves::closed_windows,
        frames::tiny_data,
        frames::unread_answers,
        frames::rapid_resets,
        frames::continuations,
        frames::held_headers,
        web::scrapes,
        web::half_requests,
        web::stalled_readers,
        companions::watches,
        companions::reflections,
        companions::silent_checks,
        comings::on_one_connection,
        comings::on_many_connections,
        comings::of_longest_names,
        comings::messages,
        comings::jumps,
        strangers::wrong_tokens,
        strangers::other_content,
    ];
    while let Some(ended) = attacks.join_next().await {
        ended.expect("an attack does not fail");
    }
    hold(()).await;
}

async fn everything_at_once(name: &'static str, profile: Profile) {
    let setting = Setting { profile, is_bound: true, ..Setting::default() };
    let trial = Trial::start(name, setting).await;
    let memory = trial.shipped.memory;
    let mut outcome = trial.attacked(all).await;
    if outcome.peak() >= memory {
        outcome.faults.push(format!("it held {} MiB at its peak", outcome.peak() >> 20));
    }
    outcome.judge_within(memory);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn everything_at_once_in_the_compose_stack() {
    everything_at_once("everything at once, compose", Profile::Compose).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn everything_at_once_in_kubernetes() {
    everything_at_once("everything at once, Kubernetes", Profile::Kubernetes).await;
}

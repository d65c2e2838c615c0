//! A conversation of twenty, all of it traced: the clock condition holds over what the spans say.

use super::{collector::Collector, support::within};
use chittychat::{
    chat::{Participant, Text, invariant},
    client::{self, Command, Config, Process, Update},
    commands::serve::Server,
    config::Settings,
    telemetry::{
        export::{self, Service},
        spans::{Policy, Spans, dropped},
    },
};
use tokio::{sync::mpsc, task::JoinSet};

const PEOPLE: usize = 20;
const TEXTS: usize = 3;

/// Everything is traced, and each delivery by itself.
fn spans(collector: &Collector, name: &'static str) -> Spans {
    let policy =
        Policy { spans_per_second: 1_000_000, max_deliver_spans: 100, ..Policy::default() };
    export::to(&collector.endpoint, Service { name, instance: None }, policy).unwrap()
}

/// One participant: joins, waits until all are there, says its texts, waits until it has heard
/// everybody else's, and leaves.
async fn take_part(number: usize, address: String, spans: Spans) {
    let who = Participant::new(&format!("P{number}"), "127.0.0.1", 40).unwrap();
    let mut config = Config::new(&address, who.clone()).unwrap();
    config.spans = spans.clone();
    let (commands, to_session) = mpsc::channel(TEXTS + 1);
    let (from_session, mut updates) = mpsc::channel(1024);
    let session = tokio::spawn(client::run(config, Process::new(&who), to_session, from_session));
    let (mut present, mut heard) = (0, 0);
    while let Some(update) = updates.recv().await {
        let Update::Happened(_, Some(delivered)) = update else { continue };
        if delivered.text.contains("has joined") {
            let listed = delivered.present.len();
            present = if listed > 0 { listed } else { present + 1 };
            if present == PEOPLE {
                for text in 0..TEXTS {
                    let text = Text::new(&format!("text {text}")).unwrap();
                    commands.send(Command::Say(text)).await.unwrap();
                }
            }
        } else if delivered.text.starts_with("text ") {
            heard += 1;
            if heard == TEXTS * (PEOPLE - 1) {
                commands.send(Command::Finish).await.unwrap();
            }
        }
    }
    assert!(session.await.unwrap().unwrap().was_acknowledged);
    spans.shut_down(super::support::PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_condition_holds_over_the_spans_of_a_conversation_of_twenty() {
    let collector = Collector::start().await;
    let of_server = spans(&collector, "server");
    let mut settings = Settings::default();
    settings.grpc.listen.set_port(0);
    settings.http.listen.set_port(0);
    let server = Server::start_traced(&settings, of_server.clone()).await.unwrap();
    let mut people = JoinSet::new();
    for number in 0..PEOPLE {
        let spans = spans(&collector, "client");
        people.spawn(take_part(number, server.address.to_string(), spans));
    }
    within("everybody has left", people.join_all()).await;
    server.drain(settings.shutdown.deadline).await;
    of_server.shut_down(super::support::PATIENCE).await;

    let mut events: Vec<_> =
        collector.so_far().iter().filter_map(super::collector::Seen::event).collect();
    events.sort_by(|a, b| (&a.node, a.time).cmp(&(&b.node, b.time)));
    // Each message is sent and accepted; each delivery is sent and received.
    let joins = 2 * PEOPLE + PEOPLE * (PEOPLE + 1);
    let publishes = PEOPLE * TEXTS * (2 + 2 * (PEOPLE - 1));
    let leaves = 4 * PEOPLE + PEOPLE * (PEOPLE - 1);
    assert_eq!(dropped(), 0);
    assert_eq!(invariant::clock_condition(&events), Ok(joins + publishes + leaves));
}

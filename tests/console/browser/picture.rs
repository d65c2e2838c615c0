//! What the page draws is what the journal says.

use super::{Chromium, Tab, page_of, three};
use crate::peers::{Listener as _, Peer, Server, within};
use chittychat::causality::{At, Graph, Kind, Layout, Relation, Window, assume, layout::Seating};
use chittychat::commands::graph_of;
use chittychat::wire::pb::MessageType;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};
use tempfile::TempDir;

/// A server with a journal, and three who have said a few things: one of them does not say what it saw.
async fn conversation(journal: &Path) -> (Server, Vec<Peer>) {
    let server = Server::start_with(&["--journal", journal.to_str().unwrap()], &[]).await;
    let mut peers = three(&server).await;
    for round in 0..4_usize {
        let author = round % 3;
        let text = format!("round {round}");
        let mut message = peers[author].stamped(MessageType::Publish, &text);
        if author == 2 {
            message.seen = 0;
        }
        peers[author].send(message);
        for (other, peer) in peers.iter_mut().enumerate() {
            if other != author {
                peer.delivery().await;
            }
        }
    }
    (server, peers)
}

/// The graph of the journal, once it has this many messages.
async fn graph(journal: &Path, messages: usize) -> Graph {
    let read = async {
        loop {
            let text = std::fs::read(journal).unwrap();
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            if let Ok(graph) = graph_of(&text[..whole]) {
                let said = graph.server().map_or(0, |server| {
                    let kinds = server.facts.iter().map(|fact| fact.kind);
                    kinds.filter(|kind| is_publish(*kind)).count()
                });
                if said == messages {
                    return assume(graph, &(0..=u64::MAX));
                }
            }
            tokio::task::yield_now().await;
        }
    };
    within("the journal has it all", read).await
}

fn is_publish(kind: Kind) -> bool {
    matches!(kind, Kind::Sent(subject) if subject == chittychat::causality::Subject::Publish)
}

/// The number that the page has for a node of the graph: the server is 0, others by their names.
async fn numbers(tab: &Tab, graph: &Graph) -> Vec<u64> {
    let mut numbers = Vec::new();
    for node in 0..u32::try_from(graph.nodes.len()).unwrap() {
        let name = graph.name(node);
        let name = name.split(' ').next().unwrap();
        let number = tab
            .eval(&format!(
                "[...chittychat.model.nodes.values()].find(n => n.name === '{name}').id"
            ))
            .await;
        numbers.push(number.as_u64().unwrap());
    }
    numbers
}

fn all(graph: &Graph) -> Vec<At> {
    let nodes = (0..).zip(&graph.nodes);
    nodes.flat_map(|(node, it)| (0..it.events()).map(move |place| At { node, place })).collect()
}

/// The first four numbers of each in a list.
fn fours(value: &Value) -> Vec<[u64; 4]> {
    let four = |one: &Value| [0, 1, 2, 3].map(|place| one[place].as_u64().unwrap());
    value.as_array().unwrap().iter().map(four).collect()
}

fn pairs(value: &Value) -> BTreeSet<(u64, u64)> {
    let pair = |pair: &Value| (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap());
    value.as_array().unwrap().iter().map(pair).collect()
}

/// A conversation, its journal's graph, and a tab that shows all of it.
struct Drawn {
    tab: Tab,
    graph: Graph,
    /// What has to stay for as long as that is looked at.
    _around: (TempDir, Chromium, Server, Vec<Peer>),
}

impl Drawn {
    async fn wait() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let chromium = Chromium::start().await;
        let (server, peers) = conversation(&journal).await;
        let tab = chromium.open(&page_of(&server)).await;
        let graph = graph(&journal, 4).await;
        tab.until(&format!("chittychat.dots().length === {}", all(&graph).len())).await;
        Self { tab, graph, _around: (folder, chromium, server, peers) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrows_places_and_cones_are_the_journals() {
    let Drawn { tab, graph, .. } = &Drawn::wait().await;
    let events = all(graph);
    let numbers = numbers(tab, graph).await;
    let named = |at: At| (numbers[at.node as usize], graph.time(at));

    let drawn = tab.eval("chittychat.arrows()").await;
    let drawn: BTreeSet<_> = fours(&drawn).into_iter().collect();
    let edges: BTreeSet<[u64; 4]> = events
        .iter()
        .filter_map(|at| graph.cause(*at).map(|cause| (named(cause), named(*at))))
        .map(|((from, sent), (to, received))| [from, sent, to, received])
        .collect();
    assert_eq!(drawn, edges);
    assert!(edges.len() > 15, "{}", edges.len());

    // The same layout as on paper: the same columns, and the same rows.
    let layout = Layout::of(graph, &Window { seating: Seating::Outward, ..Window::default() });
    let layout = layout.unwrap();
    let dots = tab.eval("chittychat.dots()").await;
    let dots: BTreeSet<_> = fours(&dots).into_iter().collect();
    let on_paper: BTreeSet<[u64; 4]> = layout
        .dots
        .iter()
        .map(|dot| {
            let (node, time) = named(dot.at);
            [node, time, dot.column as u64, dot.row as u64]
        })
        .collect();
    assert_eq!(dots, on_paper);

    for at in &events {
        let (node, time) = named(*at);
        let (past, future) = (graph.past(*at), graph.future(*at));
        let of = |cone: &chittychat::causality::Cone| -> BTreeSet<_> {
            events.iter().filter(|one| cone.contains(**one)).map(|one| named(*one)).collect()
        };
        let told = tab.eval(&format!("chittychat.past({node},{time})")).await;
        assert_eq!(pairs(&told), of(&past), "the past of {node}@{time}");
        let told = tab.eval(&format!("chittychat.future({node},{time})")).await;
        assert_eq!(pairs(&told), of(&future), "the future of {node}@{time}");
    }
    for a in &events {
        let (node, time) = named(*a);
        let others = events.iter().map(|b| named(*b)).map(|(n, t)| format!("[{n},{t}]"));
        let ask = format!(
            "[{}].map(([n,t]) => chittychat.relation({node},{time},n,t))",
            others.collect::<Vec<_>>().join(",")
        );
        let told = tab.eval(&ask).await;
        for (b, told) in events.iter().zip(told.as_array().unwrap()) {
            let word = match graph.relation(*a, *b) {
                Relation::Same => "same",
                Relation::Before => "before",
                Relation::After => "after",
                Relation::Concurrent => "concurrent",
            };
            assert_eq!(told, word, "{:?} and {:?}", named(*a), named(*b));
        }
    }
    assert_eq!(tab.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clicks_tell_how_two_events_lie_to_each_other_and_why() {
    let Drawn { tab, graph, .. } = &Drawn::wait().await;
    // Of the first message: its send, the server's receive, and what is concurrent with that.
    let send = graph.nodes.iter().position(|node| node.facts.iter().any(|it| is_publish(it.kind)));
    assert_eq!(send, Some(0));
    let anton = tab.eval("[...chittychat.model.nodes.values()].find(n => n.name === 'Anton').id");
    let anton = anton.await.as_u64().unwrap();
    let arrows = tab.eval("chittychat.arrows()").await;
    let arrows = fours(&arrows);
    let up = arrows.iter().filter(|[from, _, to, _]| (*from, *to) == (anton, 0)).nth(1).unwrap();
    let down = arrows.iter().find(|[from, sent, ..]| *from == 0 && *sent > up[3]).unwrap();
    tab.click_event(up[0], up[1]).await;
    tab.until("document.getElementById('details').textContent.includes('round 0')").await;
    tab.click_event(down[2], down[3]).await;
    tab.until("/happened before/.test(document.getElementById('relation').textContent)").await;
    let chain =
        tab.eval(&format!("chittychat.chain({},{},{},{})", up[0], up[1], down[2], down[3])).await;
    let chain = chain.as_array().unwrap();
    let end = |pair: &Value| (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap());
    assert_eq!(end(&chain[0]), (up[0], up[1]));
    assert_eq!(end(chain.last().unwrap()), (down[2], down[3]));
    for step in chain.windows(2) {
        let (a, b) = (end(&step[0]), end(&step[1]));
        let is_message = arrows.contains(&[a.0, a.1, b.0, b.1]);
        assert!((a.0 == b.0 && a.1 < b.1) || is_message, "{a:?} to {b:?} is no step");
    }
    tab.press("Escape", 27).await;
    tab.until("document.getElementById('relation').textContent.trim() === ''").await;
    assert_eq!(tab.faults(), Vec::<String>::new());
}

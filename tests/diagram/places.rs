//! Words do not overlap, whatever happened: over histories in which anybody may send to anybody, skip any
//! number of ticks, and be called anything.

use crate::picture;
use chittychat::causality::{
    Fact, Graph, Identity, Kind, Layout, Node, Pools, Record, Subject, Window,
    diagram::svg,
    layout::{Seating, labels},
};
use proptest::prelude::*;

/// Something that happens: at whom, after how many ticks, and what is received, if anything.
#[derive(Clone, Debug)]
struct Step {
    node: usize,
    ticks: u64,
    kind: usize,
    which: usize,
    text: String,
}

fn step(nodes: usize) -> impl Strategy<Value = Step> {
    let ticks = prop_oneof![8 => 1..3_u64, 1 => Just(1 << 40), 1 => Just(0)];
    let text = prop_oneof!["[ -~]{0,40}", "\\PC{0,20}", ".{0,128}"];
    let step = (0..nodes, ticks, 0..12_usize, any::<prop::sample::Index>(), text);
    step.prop_map(|(node, ticks, kind, which, text)| Step {
        node,
        ticks,
        kind,
        which: which.index(1000),
        text,
    })
}

fn histories() -> impl Strategy<Value = (Vec<String>, Vec<Step>, bool)> {
    let names = prop::collection::vec(prop_oneof!["[a-zA-Z]{1,12}", ".{1,64}"], 1..6);
    names.prop_flat_map(|names| {
        let steps = prop::collection::vec(step(names.len() + 1), 0..40);
        (Just(names), steps, any::<bool>())
    })
}

const SUBJECTS: [Subject; 8] = [
    Subject::Connect,
    Subject::Publish,
    Subject::Disconnect,
    Subject::Join,
    Subject::Leave,
    Subject::Ack,
    Subject::Notice,
    Subject::Unfit,
];

/// The graph of it. Without a server, node 0 is a participant like the others.
fn graph(names: &[String], steps: &[Step], has_server: bool) -> Graph {
    let count = u32::try_from(names.len() + 1).unwrap();
    let mut pools = Pools::default();
    let mut clocks = vec![0; names.len() + 1];
    let mut facts = vec![Vec::new(); names.len() + 1];
    let mut sends: Vec<(u32, u64)> = Vec::new();
    for step in steps {
        clocks[step.node] += step.ticks;
        let (node, time) = (u32::try_from(step.node).unwrap(), clocks[step.node]);
        let other = u32::try_from(step.which).unwrap() % count;
        let people = pools.keep_people([(other, other)]);
        let text = pools.keep_text(&step.text);
        let subject = SUBJECTS[step.kind % SUBJECTS.len()];
        let fact = match step.kind {
            11 => Fact { people, ..Fact::new(Kind::Lost, time) },
            10 => Fact::new(Kind::Opened, time),
            _ if step.which.is_multiple_of(2) || sends.is_empty() => {
                sends.push((node, time));
                Fact { people, text, message: time, ..Fact::new(Kind::Sent(subject), time) }
            }
            _ => {
                let (from, cause) = sends[step.which % sends.len()];
                let people = pools.keep_people([(from, from)]);
                Fact { people, text, cause, ..Fact::new(Kind::Received(subject), time) }
            }
        };
        facts[step.node].push(fact);
    }
    let nodes = facts.into_iter().enumerate().map(|(n, facts)| {
        let identity = match n.checked_sub(1) {
            None if has_server => Identity::Server,
            named => Identity::Participant {
                name: names[named.unwrap_or_default()].as_str().into(),
                address: "127.0.0.1".into(),
                port: u16::try_from(n).unwrap(),
            },
        };
        let record = Record { is_own: n % 3 != 2, is_whole: true, ..Record::default() };
        Node::new(identity, 0, facts, record)
    });
    Graph::new(nodes.collect(), pools, (0..count).collect(), Vec::new())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn words_never_overlap((names, steps, has_server) in histories(), outward in any::<bool>()) {
        let graph = graph(&names, &steps, has_server);
        let seating = if outward { Seating::Outward } else { Seating::Reading };
        for window in [
            Window { seating, ..Window::default() },
            Window { seating, from: 3, to: 9, ..Window::default() },
            Window { seating, only: Some([1].into()), ..Window::default() },
        ] {
            let layout = Layout::of(&graph, &window).unwrap();
            let placed = labels::place(&graph, &layout);
            for (place, label) in placed.labels.iter().enumerate() {
                let edge = label.bounds.left + label.bounds.width;
                prop_assert!(edge <= placed.width, "{:?} leaves {}", label, placed.width);
                for other in &placed.labels[place + 1..] {
                    prop_assert!(!label.bounds.overlaps(&other.bounds), "{:?} {:?}", label, other);
                }
            }
            let svg = svg(&graph, &layout);
            picture::is_legible(&svg);
            picture::is_ours(&svg);
        }
    }

    #[test]
    fn what_is_assumed_breaks_no_clock((names, steps, _) in histories()) {
        let graph = chittychat::causality::assume(graph(&names, &steps, true), &(0..=u64::MAX));
        for node in graph.nodes.iter().filter(|node| !node.record.is_own) {
            let assumed = |fact: &&Fact| fact.evidence == chittychat::causality::Evidence::Assumed;
            for fact in node.facts.iter().filter(assumed) {
                prop_assert!(fact.time > fact.cause, "{:?}", fact);
                prop_assert_eq!(node.facts.iter().filter(|other| other.time == fact.time).count(), 1);
            }
        }
    }
}

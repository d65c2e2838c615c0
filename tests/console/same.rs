//! The live events are those that the journal leads to: over random conversations, with those who say what
//! they saw and those who do not, the picture that grows piece by piece ends as the one that is drawn
//! afterwards.

use chittychat::causality::{
    Evidence, Graph, Kind, assume,
    live::{Happening, Live, News},
};
use chittychat::chat::{
    Act, ClockBound, Draft, LamportTime, Outcome, Participant, Room, Rules, Seat, Text,
    TraceContext,
};
use chittychat::commands::graph_of;
use chittychat::journal::ServerPen;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What somebody does next.
#[derive(Clone, Debug)]
enum Step {
    Join {
        says_what_it_saw: bool,
    },
    /// Reads so many of its deliveries.
    Hear {
        who: usize,
        count: usize,
    },
    Say {
        who: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<bool>().prop_map(|says_what_it_saw| Step::Join { says_what_it_saw }),
        4 => (any::<usize>(), 1..6_usize).prop_map(|(who, count)| Step::Hear { who, count }),
        3 => any::<usize>().prop_map(|who| Step::Say { who }),
    ]
}

/// A participant, as it really is.
struct Person {
    seat: Seat,
    who: Participant,
    clock: u64,
    seen: u64,
    says_what_it_saw: bool,
    /// Times of deliveries that are on their way to it.
    coming: VecDeque<u64>,
}

struct Stage {
    room: Room,
    live: Live,
    news: Vec<News>,
    pen: ServerPen,
    journal: Vec<u8>,
    people: Vec<Person>,
}

impl Stage {
    fn new() -> Self {
        let mut journal = Vec::new();
        let pen = ServerPen::resume([]);
        pen.head("run", 0, 1, &mut journal);
        let live = Live::resume([], u32::MAX, &mut |_| {});
        let room = Room::new(Rules::default());
        Self { room, live, news: Vec::new(), pen, journal, people: Vec::new() }
    }

    /// Hands a draft to the room, and what follows to everybody.
    fn hand_in(&mut self, from: Option<Seat>, sent: u64, seen: u64, act: Act) -> Option<Seat> {
        let time = |ticks| LamportTime::ZERO.after(ticks);
        let draft = Draft {
            sent: time(sent),
            seen: time(seen),
            trace: TraceContext::default(),
            act: Ok(act),
        };
        let mut entries = Vec::new();
        let outcome = self.room.accept(from, draft, ClockBound::OPEN, &mut entries);
        let joined = match outcome {
            Outcome::Joined(welcome) => Some(welcome.cursor.seat()),
            _ => None,
        };
        for entry in &entries {
            self.pen.write(entry, None, 1, &mut self.journal);
            self.live.read(entry, &mut |news| self.news.push(news));
            let others: Vec<_> =
                (0..self.people.len()).filter(|n| Some(self.people[*n].seat) != from).collect();
            for place in entry.fan.places() {
                // A newcomer is the last in join order, and is not among the people yet.
                if let Some(person) = others.get(place as usize) {
                    self.people[*person].coming.push_back(entry.fan.time_of(place).ticks());
                }
            }
            if let Some(seat) = joined {
                let who = Participant::new(&format!("P{}", self.people.len()), "::1", 1).unwrap();
                let own = entry.fan.time_of(entry.fan.audience - 1).ticks();
                let coming = VecDeque::from([own]);
                let says_what_it_saw = true;
                self.people.push(Person {
                    seat,
                    who,
                    clock: sent,
                    seen: 0,
                    says_what_it_saw,
                    coming,
                });
            }
        }
        joined
    }

    fn act(&mut self, step: &Step) {
        match step {
            Step::Join { says_what_it_saw } => {
                let who = Participant::new(&format!("P{}", self.people.len()), "::1", 1).unwrap();
                self.hand_in(None, 2, 0, Act::Connect(who)).unwrap();
                self.people.last_mut().unwrap().says_what_it_saw = *says_what_it_saw;
            }
            Step::Hear { who, count } => {
                let count = *count;
                let Some(person) = self.person(*who) else { return };
                for time in person.coming.drain(..count.min(person.coming.len())) {
                    person.clock = person.clock.max(time) + 1;
                    person.seen = time;
                }
            }
            Step::Say { who } => {
                let Some(person) = self.person(*who) else { return };
                person.clock += 1;
                let seen = if person.says_what_it_saw { person.seen } else { 0 };
                let (seat, sent) = (person.seat, person.clock);
                let act = Act::Publish(person.who.clone(), Ok(Text::new("text").unwrap()));
                self.hand_in(Some(seat), sent, seen, act);
            }
        }
    }

    fn person(&mut self, who: usize) -> Option<&mut Person> {
        let count = self.people.len();
        self.people.get_mut(who.checked_rem(count)?)
    }
}

/// An event as both know it: node, time, kind, cause and how it is known.
type Known = String;

fn known(at: (&str, u64), kind: Kind, cause: Option<(&str, u64)>, evidence: Evidence) -> Known {
    let (node, time) = at;
    let cause = cause.map(|(node, time)| format!(" of {node}@{time}")).unwrap_or_default();
    format!("{node}@{time} {kind:?}{cause} {evidence:?}")
}

fn of_live(news: &[News]) -> BTreeSet<Known> {
    let mut names = BTreeMap::from([(0, "server".to_owned())]);
    let mut latest: BTreeMap<(u32, Kind2, u64), &Happening> = BTreeMap::new();
    for one in news {
        match one {
            News::Node { id, who } => {
                names.insert(*id, who.name().to_owned());
            }
            News::Event(it) => {
                // A receive at a participant is known by its cause, and what is said last holds.
                let key = match (it.node, it.cause) {
                    (0, _) | (_, None) => (it.node, Kind2::Once, it.time),
                    (_, Some((_, cause))) => (it.node, Kind2::Receive, cause),
                };
                latest.insert(key, it);
            }
            News::Missing(_) | News::Ended { .. } => panic!("nobody leaves"),
        }
    }
    let name = |node: u32| names[&node].as_str();
    let known = |it: &&Happening| {
        let cause = it.cause.map(|(node, time)| (name(node), time));
        known((name(it.node), it.time), it.kind, cause, it.evidence)
    };
    latest.values().map(known).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind2 {
    Once,
    Receive,
}

fn of_graph(graph: &Graph) -> BTreeSet<Known> {
    let name = |node: u32| graph.name(node).split(' ').next().unwrap_or_default().to_owned();
    let mut all = BTreeSet::new();
    for (n, node) in (0..).zip(&graph.nodes) {
        for place in 0..node.events() {
            let at = chittychat::causality::At { node: n, place };
            let cause = graph.cause(at).map(|cause| (name(cause.node), graph.time(cause)));
            let (fact, of) = (graph.fact(at), name(n));
            let cause = cause.as_ref().map(|(node, time)| (node.as_str(), *time));
            all.insert(known((&of, graph.time(at)), fact.kind, cause, fact.evidence));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_told_live_is_what_is_drawn_afterwards(steps in prop::collection::vec(step(), 0..80)) {
        let mut stage = Stage::new();
        steps.iter().for_each(|step| stage.act(step));
        // Whoever says what it saw does so from the first message on, or else has said nothing.
        let graph = assume(graph_of(&stage.journal).unwrap(), &(0..=u64::MAX));
        let (live, drawn) = (of_live(&stage.news), of_graph(&graph));
        let (more, less): (Vec<_>, Vec<_>) =
            (live.difference(&drawn).collect(), drawn.difference(&live).collect());
        prop_assert!(more.is_empty() && less.is_empty(), "told live: {more:#?}\ndrawn: {less:#?}");
    }
}

//! The hand-over between threads, in every order: who appends, who reads, who wakes whom.
//!
//! Shuttle runs the hub's own code (see [`sync`](super::sync)) with one thread at a time, and at each
//! lock and atomic chooses which thread goes on: at random, by the rule that finds bugs of few
//! preemptions soonest (Burckhardt and others, 2010), and, where there are few enough orders, in all of
//! them. A wake-up that is lost is a thread that waits for ever, which shuttle reports.
//!
//! What it does not try is a processor that shows writes in another order than they were made: to
//! shuttle each atomic is sequentially consistent. The hand-over's are (`waiters` says why), and the
//! books' sums are not part of it. Loom, which would try that, takes `SeqCst` for less than it is and
//! finds lost wake-ups that cannot be. See docs/testing.md for how to run this.

use super::{Bounds, Hub, Reply, Seated};
use crate::chat::{
    Act, Departure, Draft, Lag, LamportTime, Participant, Rules, Seat, Text, TraceContext,
    invariant,
};
use crate::wire::{
    Batch,
    original::{Message, kind},
};
use prost::Message as _;
use shuttle::{check_dfs, check_pct, check_random, future::block_on, thread};
use std::future::poll_fn;

/// How many orders are tried of each scene, by each of the two ways of choosing them.
const ORDERS: usize = 2_000;
/// At how many points a thread is preempted that would have gone on.
const PREEMPTIONS: usize = 3;

fn try_orders(scene: fn()) {
    check_random(scene, ORDERS);
    check_pct(scene, ORDERS, PREEMPTIONS);
}

fn who(name: &str) -> Participant {
    Participant::new(name, "127.0.0.1", 1).expect("a legal reference")
}

fn hub(capacity: u64) -> Hub {
    let bound = Lag { entries: capacity, bytes: u64::MAX };
    let bounds = Bounds { capacity: bound, max_lag: bound, ..Bounds::default() };
    Hub::new(Rules::default(), bounds, Participant::server("127.0.0.1", 1))
}

fn receive(hub: &Hub, seat: Option<Seat>, act: Act) -> Reply {
    let (sent, seen) = (LamportTime::ZERO, LamportTime::ZERO);
    hub.receive(seat, Ok(Draft { sent, seen, trace: TraceContext::default(), act: Ok(act) }))
}

fn join(hub: &Hub, name: &str) -> Seated {
    match receive(hub, None, Act::Connect(who(name))) {
        Reply::Joined(seated) => seated,
        other => panic!("{name} was not let in: {other:?}"),
    }
}

/// `name` says so many words.
fn talk(hub: &Hub, seat: Seat, name: &str, words: usize) {
    (0..words).for_each(|word| assert!(say(hub, seat, name, word), "{name} is gone"));
}

/// Says a word. False if whoever sits there has been taken out.
fn say(hub: &Hub, seat: Seat, name: &str, word: usize) -> bool {
    let text = Text::new(&format!("{name}{word}")).expect("a legal text");
    match receive(hub, Some(seat), Act::Publish(who(name), Ok(text))) {
        Reply::Logged => true,
        Reply::Gone => false,
        reply => panic!("{reply:?}"),
    }
}

/// Reads until there are so many messages, or until the stream ends.
fn read(seated: &mut Seated, most: usize) -> (Vec<Message>, Option<Departure>) {
    let mut messages = Vec::new();
    while messages.len() < most {
        let mut batch = Batch::new(1);
        match block_on(poll_fn(|cx| seated.poll_batch(&mut batch, cx))) {
            Ok(_) => messages.append(&mut decoded(batch)),
            Err(departure) => return (messages, Some(departure)),
        }
    }
    (messages, None)
}

fn decoded(mut batch: Batch) -> Vec<Message> {
    let bytes = std::iter::from_fn(|| batch.take()).collect::<Vec<_>>().concat();
    let (mut rest, mut messages) = (&bytes[..], Vec::new());
    while let Some((prefix, behind)) = rest.split_first_chunk::<5>() {
        let [0, a, b, c, d] = *prefix else { panic!("a message that is compressed") };
        let (message, behind) = behind.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
        messages.push(Message::decode(message).expect("a message"));
        rest = behind;
    }
    messages
}

fn assert_rising(messages: &[Message]) {
    for pair in messages.windows(2) {
        assert!(pair[0].time < pair[1].time, "not in the order of their times: {pair:?}");
    }
}

fn said_by<'a>(messages: &'a [Message], name: &str) -> Vec<&'a str> {
    let words = messages.iter().filter(|message| message.kind == kind::PUBLISH);
    words.map(|message| message.text.as_str()).filter(|text| text.starts_with(name)).collect()
}

/// Two talk at once, and a third hears every word of both, in the order of the times.
#[test]
fn whoever_stays_hears_everything_in_order() {
    try_orders(|| {
        let hub = hub(1000);
        let (anton, bjarke, mut oliver) = (join(&hub, "A"), join(&hub, "B"), join(&hub, "O"));
        let talkers = [("A", anton.seat()), ("B", bjarke.seat())].map(|(name, seat)| {
            let hub = hub.clone();
            thread::spawn(move || talk(&hub, seat, name, 2))
        });
        // Its own join, and four messages.
        let (messages, end) = read(&mut oliver, 5);
        assert_eq!((messages.len(), end), (5, None));
        assert_rising(&messages);
        assert_eq!(said_by(&messages, "A"), ["A0", "A1"]);
        assert_eq!(said_by(&messages, "B"), ["B0", "B1"]);
        for talker in talkers {
            talker.join().expect("talking does not panic");
        }
        drop((anton, bjarke, oliver));
        assert_eq!(invariant::conservation(&hub.books().account), Ok(()));
    });
}

/// Somebody comes and goes while another talks, and who stays is told of it once each.
#[test]
fn comings_and_goings_are_told_once_each() {
    try_orders(|| {
        let hub = hub(1000);
        let (anton, mut bjarke) = (join(&hub, "A"), join(&hub, "B"));
        let talker = {
            let (hub, seat) = (hub.clone(), anton.seat());
            thread::spawn(move || talk(&hub, seat, "A", 2))
        };
        let visitor = {
            let hub = hub.clone();
            thread::spawn(move || drop(join(&hub, "V")))
        };
        let (messages, end) = read(&mut bjarke, 5);
        assert_eq!((messages.len(), end), (5, None));
        assert_rising(&messages);
        let of = |wanted| {
            let named = messages.iter().filter(move |message| message.kind == wanted);
            named.filter(|message| message.text.contains('V')).count()
        };
        assert_eq!((of(kind::CONNECT), of(kind::DISCONNECT)), (1, 1), "{messages:?}");
        assert_eq!(said_by(&messages, "A"), ["A0", "A1"]);
        talker.join().expect("talking does not panic");
        visitor.join().expect("visiting does not panic");
        drop((anton, bjarke));
        assert_eq!(invariant::conservation(&hub.books().account), Ok(()));
        assert_eq!(hub.present(), 0);
    });
}

/// One reads slowly, one talks and reads nothing, and the sweeper looks: whoever is evicted has heard a
/// beginning of what was said, and the books have each delivery once.
#[test]
fn an_eviction_closes_the_books_once() {
    try_orders(|| {
        let hub = hub(3);
        let (anton, mut slow) = (join(&hub, "A"), join(&hub, "S"));
        let talker = {
            let (hub, seat) = (hub.clone(), anton.seat());
            thread::spawn(move || {
                let words = (0..4).take_while(|word| say(&hub, seat, "A", *word)).count();
                hub.close();
                words
            })
        };
        let sweeper = {
            let hub = hub.clone();
            thread::spawn(move || hub.evict_laggards())
        };
        let (messages, end) = read(&mut slow, usize::MAX);
        let words = talker.join().expect("talking does not panic");
        sweeper.join().expect("sweeping does not panic");
        assert_rising(&messages);
        let heard = said_by(&messages, "A");
        assert_eq!(heard, ["A0", "A1", "A2", "A3"][..heard.len()], "a gap");
        match end {
            Some(Departure::Closed) => {
                assert_eq!(heard.len(), words, "whoever stays misses nothing")
            }
            end => assert!(matches!(end, Some(Departure::Evicted(_))), "{end:?}"),
        }
        drop((anton, slow));
        assert_eq!(invariant::conservation(&hub.books().account), Ok(()));
    });
}

/// Whoever waits when the room closes is told so and let go, also one who comes in meanwhile.
#[test]
fn nobody_is_left_waiting_when_the_room_closes() {
    try_orders(|| {
        let hub = hub(1000);
        let mut anton = join(&hub, "A");
        let newcomer = {
            let hub = hub.clone();
            thread::spawn(move || {
                let mut visit = hub.visit();
                if let Reply::Joined(mut seated) = receive(&hub, None, Act::Connect(who("N"))) {
                    let (_, end) = read(&mut seated, usize::MAX);
                    assert_eq!(end, Some(Departure::Closed));
                } else {
                    block_on(poll_fn(|cx| visit.poll_closing(cx)));
                }
            })
        };
        let closer = {
            let hub = hub.clone();
            thread::spawn(move || hub.close())
        };
        let (messages, end) = read(&mut anton, usize::MAX);
        assert_rising(&messages);
        assert_eq!(end, Some(Departure::Closed));
        newcomer.join().expect("the newcomer does not panic");
        closer.join().expect("closing does not panic");
        drop(anton);
        assert_eq!(invariant::conservation(&hub.books().account), Ok(()));
    });
}

/// All orders there are of one who waits at the end of the log and one who ends it.
#[test]
fn the_end_of_the_log_is_heard_in_any_order() {
    check_dfs(
        || {
            let hub = hub(1000);
            let (mut reader, _) = hub.read_on();
            let ender = {
                let hub = hub.clone();
                thread::spawn(move || hub.finish())
            };
            assert!(block_on(reader.next()).is_none(), "nothing was said");
            ender.join().expect("ending does not panic");
        },
        None,
    );
}

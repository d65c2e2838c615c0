//! The room at run time, without a network: the books, eviction, and hand-over between threads.

use super::{Bounds, Hub, Reply, Seated};
use crate::chat::{
    Act, Departure, Draft, Fault, Lag, LamportTime, Participant, Rules, Seat, Text, TraceContext,
    invariant,
};
use crate::wire::Batch;
use std::{
    future::poll_fn,
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::timeout;

fn who(name: &str) -> Participant {
    Participant::new(name, "127.0.0.1", 1).expect("a legal reference")
}

fn hub(capacity: u64) -> Hub {
    let bound = Lag { entries: capacity, bytes: u64::MAX };
    Hub::new(
        Rules::default(),
        Bounds { capacity: bound, max_lag: bound, ..Bounds::default() },
        Participant::server("127.0.0.1", 1),
    )
}

fn draft(act: Act) -> Draft {
    Draft {
        sent: LamportTime::ZERO,
        seen: LamportTime::ZERO,
        trace: TraceContext::default(),
        act: Ok(act),
    }
}

fn join(hub: &Hub, name: &str) -> Seated {
    match hub.receive(None, Ok(draft(Act::Connect(who(name))))) {
        Reply::Joined(seated) => seated,
        other => panic!("{name} was not let in: {other:?}"),
    }
}

fn publish(hub: &Hub, seat: Seat, name: &str) {
    let text = Text::new("text").expect("a legal text");
    let reply = hub.receive(Some(seat), Ok(draft(Act::Publish(who(name), Ok(text)))));
    assert!(matches!(reply, Reply::Logged), "{reply:?}");
}

/// Waits for one message more, or returns why there is none.
async fn next(seated: &mut Seated) -> Result<(), Departure> {
    let mut batch = Batch::new(1);
    let message = timeout(Duration::from_secs(10), poll_fn(|cx| seated.poll_batch(&mut batch, cx)));
    message.await.expect("a message, or an end, within ten seconds").map(|_| ())
}

#[tokio::test]
async fn the_books_balance_once_everybody_is_gone() {
    let hub = hub(1000);
    let (mut anton, bjarke, mut oliver) = (join(&hub, "A"), join(&hub, "B"), join(&hub, "O"));
    (0..10).for_each(|_| publish(&hub, bjarke.seat(), "B"));
    // Anton reads all there is for him, Oliver only his own join, Bjarke nothing.
    for _ in 0..13 {
        assert_eq!(next(&mut anton).await, Ok(()));
    }
    assert_eq!(next(&mut oliver).await, Ok(()));
    drop((anton, oliver, bjarke));
    let books = hub.books();
    // Joins 1 + 2 + 3, publishes 10 x 2, leaves 2 + 1 + 0.
    assert_eq!(books.account.audience, 29);
    assert_eq!(books.account.delivered, 14);
    assert_eq!(books.account.lagged, 0);
    assert_eq!(invariant::conservation(&books.account), Ok(()));
    assert_eq!(hub.present(), 0);
}

#[tokio::test]
async fn what_a_participant_has_used_of_the_clock_goes_with_it() {
    let hub = hub(100);
    let anton = join(&hub, "A");
    let text = Act::Publish(who("A"), Text::new("text"));
    let ahead = Draft { sent: hub.now().after(10), ..draft(text) };
    let before = hub.now();
    hub.receive(Some(anton.seat()), Ok(ahead));
    assert_eq!((hub.now(), hub.lock().clock_use.seats()), (before.after(11), 1));
    drop(anton);
    assert_eq!(hub.lock().clock_use.seats(), 0);
}

#[tokio::test]
async fn who_is_never_polled_is_evicted_and_the_others_are_told() {
    let hub = hub(16);
    let (mut anton, frozen) = (join(&hub, "A"), join(&hub, "Frozen"));
    for _ in 0..2 {
        assert_eq!(next(&mut anton).await, Ok(()));
    }
    (0..16).for_each(|_| publish(&hub, anton.seat(), "A"));
    // Anton is told nothing of what he says himself, but he has read it.
    let mut batch = Batch::new(1);
    let polled = anton.poll_batch(&mut batch, &mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    hub.evict_laggards();
    assert_eq!(hub.present(), 1, "seventeen entries behind, of sixteen allowed");
    // Its stream may go on for ever; what it was owed is in the books from now on.
    assert_eq!((hub.books().evicted, hub.books().account.lagged), (1, 17));
    assert_eq!(next(&mut anton).await, Ok(()), "Anton is told of the leave");
    drop(frozen);
    drop(anton);
    let books = hub.books();
    assert_eq!((books.evicted, books.account.lagged), (1, 17));
    assert_eq!(invariant::conservation(&books.account), Ok(()));
}

#[tokio::test]
async fn who_is_overtaken_by_the_log_is_evicted_without_the_sweeper() {
    let hub = hub(4);
    let (anton, mut slow) = (join(&hub, "A"), join(&hub, "Slow"));
    (0..9).for_each(|_| publish(&hub, anton.seat(), "A"));
    let end = next(&mut slow).await;
    assert_eq!(end, Err(Departure::Evicted(Lag { entries: 10, bytes: end_bytes(&end) })));
    assert_eq!(hub.present(), 1);
}

fn end_bytes(end: &Result<(), Departure>) -> u64 {
    match end {
        Err(Departure::Evicted(lag)) => lag.bytes,
        other => panic!("expected an eviction, got {other:?}"),
    }
}

#[tokio::test]
async fn closing_ends_every_reader_and_lets_nobody_in() {
    let hub = hub(100);
    let mut anton = join(&hub, "A");
    assert_eq!(next(&mut anton).await, Ok(()));
    hub.close();
    assert_eq!(next(&mut anton).await, Ok(()), "the notice");
    assert_eq!(next(&mut anton).await, Err(Departure::Closed));
    let reply = hub.receive(None, Ok(draft(Act::Connect(who("B")))));
    assert!(matches!(reply, Reply::Refused { notice: Some(_), fault: Fault::Closing }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wake_up_is_lost_between_threads() {
    const MESSAGES: usize = 20_000;
    let hub = hub(1 << 20);
    let author = join(&hub, "Author");
    let readers: Vec<_> = (0..8)
        .map(|n| {
            let mut reader = join(&hub, &format!("R{n}"));
            // Its own join, those of the later readers, and every message.
            let expected = (8 - n) + MESSAGES;
            tokio::spawn(async move {
                for _ in 0..expected {
                    next(&mut reader).await.expect("nobody leaves");
                }
                reader
            })
        })
        .collect();
    let (publisher, seat) = (hub.clone(), author.seat());
    let publishing = tokio::task::spawn_blocking(move || {
        (0..MESSAGES).for_each(|_| publish(&publisher, seat, "Author"));
    });
    publishing.await.expect("publishing does not panic");
    let mut all = Vec::new();
    for reader in readers {
        all.push(reader.await.expect("a reader that waits in vain has timed out"));
    }
    drop((all, author));
    assert_eq!(invariant::conservation(&hub.books().account), Ok(()));
    assert_eq!(hub.books().account.lagged, 0);
}

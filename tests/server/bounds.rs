//! A reader that never reads: it costs the server a bounded amount of memory and nobody else
//! anything, and past its bound it is evicted.

use crate::support::{Heard, Listener, Peer, World, left_by};
use chittychat::wire::pb::NoticeCode;
use tonic::Code;

/// Messages of the large test: fewer than the log keeps, so that nobody is evicted.
const MANY: usize = 60_000;
/// How much more memory the server may hold at its peak.
const GROWTH_BYTES: u64 = 64 << 20;
/// How many messages the publisher is ahead of the one who reads.
const AHEAD: usize = 200;

/// Sixty-four bytes that say which message it is.
fn text(number: usize) -> String {
    format!("{number:064}")
}

#[tokio::test]
async fn sixty_thousand_messages_unread_by_one_reach_the_other_and_stay_within_bounds() {
    let mut world = World::start().await;
    let (connection, mut laggard) = world.join_raw("Laggard").await;
    let before = world.server.resident_bytes();
    let World { anton, bjarke, .. } = &mut world;
    (0..MANY).for_each(|number| anton.say(&text(number)));
    for number in 0..MANY {
        bjarke.hears("Anton", &text(number)).await;
    }
    let growth = world.server.peak_resident_bytes().saturating_sub(before);
    println!("{MANY} messages unread: {} KiB more at the peak", growth / 1024);
    assert!(growth < GROWTH_BYTES, "{growth} bytes more");
    // It has not been evicted: it was late, and all of it is still there to be read.
    for number in 0..MANY {
        laggard.hears("Anton", &text(number)).await;
    }
    drop(connection);
    world.hear_leave("Laggard").await;
    world.finish().await;
}

/// Publishes on until the reader hears of somebody's leave, never far ahead of the reader.
async fn talk_until_left(author: &mut Peer, reader: &mut Peer, name: &str) {
    let mut said = 0;
    for heard in 0..MANY {
        while said < heard + AHEAD {
            author.say(&text(said));
            said += 1;
        }
        let delivery = reader.delivery().await;
        if delivery.text != text(heard) {
            left_by(&delivery, name);
            for number in heard..said {
                reader.hears("Anton", &text(number)).await;
            }
            return;
        }
    }
    panic!("{name} was to be evicted; {MANY} messages were published");
}

#[tokio::test]
async fn whoever_lags_too_far_behind_is_evicted_and_told_so_when_it_reads() {
    let mut world = World::start_with(&[("CHITTYCHAT__ROOM__CAPACITY", "1000")]).await;
    let (_connection, mut laggard) = world.join_raw("Laggard").await;
    talk_until_left(&mut world.anton, &mut world.bjarke, "Laggard").await;
    left_by(&world.anton.delivery().await, "Laggard");
    world.exchange().await;

    // What was on its way is delivered, in order and without a gap, and then it is told.
    let mut read = 0;
    let status = loop {
        match laggard.heard().await {
            Heard::Message(message) => {
                assert_eq!(message.text, text(read));
                read += 1;
            }
            Heard::End(status) => break status,
        }
    };
    assert!(read > 0, "the connection held some of it");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let told = |words| status.message().contains(words);
    assert!(told(" entries and ") && told("behind; read faster"), "{status:?}");

    let log = world.finish().await;
    let lost = |line: &&String| line.contains("Lost client: Laggard 127.0.0.1:40 (evicted, ");
    let lost: Vec<_> = log.iter().filter(lost).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    let lag = lost[0].split("(evicted, ").nth(1).and_then(|rest| rest.split(' ').next());
    let lag: u64 = lag.and_then(|lag| lag.parse().ok()).expect("the line names the lag");
    assert!(lag > 1000, "evicted at a lag of {lag}");
}

#[tokio::test]
async fn one_who_falls_behind_and_reads_on_in_time_stays() {
    let mut world = World::start_with(&[("CHITTYCHAT__ROOM__CAPACITY", "1000")]).await;
    let (_connection, mut slow) = world.join_raw("Slow").await;
    let World { anton, bjarke, .. } = &mut world;
    (0..900).for_each(|number| anton.say(&text(number)));
    for number in 0..900 {
        bjarke.hears("Anton", &text(number)).await;
    }
    for number in 0..900 {
        slow.hears("Anton", &text(number)).await;
    }
    world.server.process.signal(nix::sys::signal::Signal::SIGTERM);
    slow.refused(NoticeCode::ShuttingDown, Code::Unavailable, "connect again later").await;
}

/// As many messages as a stock client can send, each in a DATA frame of its own: flow control holds
/// the sender back. HTTP/2's guard against floods of small frames must not cut it off.
#[tokio::test]
async fn a_publisher_that_is_faster_than_the_server_is_held_back_and_not_cut_off() {
    const FLOOD: usize = 30_000;
    let mut world = World::start().await;
    let (connection, mut fast) = world.join_raw("Fast").await;
    let flood = tokio::spawn(async move {
        for number in 0..FLOOD {
            fast.say(&text(number)).await;
        }
        fast
    });
    for number in 0..FLOOD {
        world.anton.hears("Fast", &text(number)).await;
        world.bjarke.hears("Fast", &text(number)).await;
    }
    let fast = flood.await.expect("nobody fails while sending");
    drop((fast, connection));
    world.hear_leave("Fast").await;
    world.finish().await;
}

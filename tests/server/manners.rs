//! What a person may do wrong, and stays: it is told so in a notice, and the session goes on. And
//! what looks odd and is right.

use crate::support::{Heard, Listener, Peer, World};
use chittychat::wire::pb::{MessageType, NoticeCode};
use std::time::Duration;

/// Somebody says this, is told why not, and the conversation goes on with all three.
async fn is_turned_down(text: &str, words: &str) {
    let mut world = World::start().await;
    let mut casper = world.join("Casper").await;
    casper.say(text);
    casper.notice(NoticeCode::BadText, words).await;
    casper.say("sorry");
    world.anton.hears("Casper", "sorry").await;
    world.bjarke.hears("Casper", "sorry").await;
    world.exchange().await;
    casper.hears("Anton", "are you there?").await;
    casper.hears("Bjarke", "yes").await;
    casper.leave().await;
    world.hear_leave("Casper").await;
    let log = world.finish().await;
    let refused = format!("Refused message from client: Casper 127.0.0.1:40 ({words}");
    assert!(log.iter().any(|line| line.contains(&refused)), "{log:#?}");
}

#[tokio::test]
async fn an_empty_text_is_turned_down() {
    is_turned_down("", "the text is empty; 1 to 128 characters are allowed").await;
}

#[tokio::test]
async fn a_text_of_129_letters_is_turned_down() {
    is_turned_down(&"a".repeat(129), "the text has 129 characters; 1 to 128 are allowed").await;
}

#[tokio::test]
async fn a_text_that_colours_the_terminal_is_turned_down() {
    let words = r"the text holds the control character \u{1b}; of these only tab is allowed";
    is_turned_down("\u{1b}[31mred", words).await;
}

#[tokio::test]
async fn a_text_of_two_lines_is_turned_down() {
    let words = r"the text holds the control character \u{a}; of these only tab is allowed";
    is_turned_down("one\ntwo", words).await;
}

#[tokio::test]
async fn a_text_of_128_four_byte_characters_is_fine() {
    let mut world = World::start().await;
    let text = "\u{1f600}".repeat(128);
    world.anton.say(&text);
    let heard = world.bjarke.hears("Anton", &text).await;
    assert_eq!((heard.text.len(), heard.text.as_bytes()), (512, text.as_bytes()));
    world.finish().await;
}

#[tokio::test]
async fn what_turns_text_around_reaches_people_as_written_and_the_log_escaped() {
    let mut world = World::start().await;
    let name = "Cas\tper\\t";
    let mut casper = world.join(name).await;
    casper.say("a\tb\u{2066}c\u{200b}");
    world.anton.hears(name, "a\tb\u{2066}c\u{200b}").await;
    world.bjarke.hears(name, "a\tb\u{2066}c\u{200b}").await;
    casper.leave().await;
    world.hear_leave(name).await;
    let log = world.finish().await;
    let shown = r"Client Cas\tper\u{5c}t 127.0.0.1:40 has connected";
    assert!(log.iter().any(|line| line.contains(shown)), "{log:#?}");
}

#[tokio::test]
async fn a_name_of_64_four_byte_characters_is_fine() {
    let mut world = World::start().await;
    let name = "\u{1f600}".repeat(64);
    let casper = world.join(&name).await;
    casper.leave().await;
    world.hear_leave(&name).await;
    world.finish().await;
}

/// What came of something that Casper said: true if it was passed on.
async fn is_passed_on(world: &mut World, casper: &mut Peer) -> bool {
    tokio::select! {
        heard = casper.heard() => {
            let Heard::Message(notice) = heard else { panic!("the session goes on: {heard:?}") };
            let told = (notice.r#type(), notice.notice_code());
            assert_eq!(told, (MessageType::Notice, NoticeCode::RateLimited), "{notice:?}");
            assert!(notice.text.contains("5 a second are allowed"), "{notice:?}");
            false
        }
        message = world.anton.delivery() => {
            world.bjarke.hears("Casper", &message.text).await;
            true
        }
    }
}

#[tokio::test]
async fn whoever_talks_too_fast_is_slowed_down_and_stays() {
    const BURST: usize = 50;
    let mut world = World::start_with(&[("CHITTYCHAT__LIMITS__MESSAGES_PER_SECOND", "5")]).await;
    let mut casper = world.join("Casper").await;
    (0..BURST).for_each(|_| casper.say("me, me, me!"));
    let mut passed = 0;
    for _ in 0..BURST {
        passed += usize::from(is_passed_on(&mut world, &mut casper).await);
    }
    // Five at once, the Connect being one of them, and then one for each fifth of a second that the burst
    // took: not all of them.
    assert!((4..BURST).contains(&passed), "{passed} of {BURST} were passed on");

    // Asked again, as often as it may speak, it is let through in the end.
    let mut turns = tokio::time::interval(Duration::from_secs(1) / 5);
    loop {
        turns.tick().await;
        casper.say("may I now?");
        if is_passed_on(&mut world, &mut casper).await {
            break;
        }
    }
    // Others have limits of their own, and leaving is never too fast.
    world.exchange().await;
    casper.hears("Anton", "are you there?").await;
    casper.hears("Bjarke", "yes").await;
    casper.leave().await;
    world.hear_leave("Casper").await;
    world.finish().await;
}

#[tokio::test]
async fn whoever_does_not_heed_that_is_shown_out() {
    let mut world = World::start_with(&[("CHITTYCHAT__LIMITS__MESSAGES_PER_SECOND", "5")]).await;
    let mut casper = world.join("Casper").await;
    (0..1000).for_each(|_| casper.say("me, me, me!"));
    // Whoever is no person is told a hundred times, and then once more.
    let mut notices = 0;
    let status = loop {
        match casper.heard().await {
            Heard::Message(notice) => {
                assert_eq!(notice.notice_code(), NoticeCode::RateLimited, "{notice:?}");
                notices += 1;
            }
            Heard::End(status) => break status,
        }
    };
    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains("slow down and connect again"), "{status:?}");
    assert!((101..500).contains(&notices), "{notices} notices");
    while !world.anton.delivery().await.text.contains("has left") {}
    while !world.bjarke.delivery().await.text.contains("has left") {}
    world.exchange().await;
    world.finish().await;
}

//! What each participant got: word for word what the log owes it, in its order, and an end for which
//! there is a reason.
//!
//! Whatever became of a connection, what came out of it is the beginning of what is owed. On a
//! connection that nothing harmed it is all of it.

use super::{
    Tally, broken,
    facts::{Facts, StreamFacts},
    room::{Due, Form, Story},
    table::{Meaning, meaning},
};
use crate::chronicle::Ending;
use crate::host;
use crate::plan::NOTICED;
use chittychat::chat::{Departure, Entry, What, invariant::Violation};
use chittychat::wire::{encoded::to_reference, pb};
use tonic::Code;

/// For so long something may be under way.
const UNDER_WAY: u64 = 3_000;

/// Checks one stream against its story.
///
/// # Errors
/// With the first rule that is broken.
pub fn check(
    facts: &Facts<'_>,
    stream: &StreamFacts<'_>,
    story: Option<&Story>,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let nothing = Story::default();
    let story = story.unwrap_or(&nothing);
    tally.streams += 1;
    tally.deliveries += stream.got.len() as u64;
    for (place, got) in stream.got.iter().map(|got| got.message).enumerate() {
        let Some(due) = story.dues.get(place) else {
            return broken("nobody gets what it is not owed", format!("{}: {got:?}", name(stream)));
        };
        let entry = &facts.lives[stream.it.life - 1].entries[due.entry].1.entry;
        let is_due = expected(entry, due);
        let is_it = same(got, &is_due);
        if !is_it {
            let evidence = format!("{} got {got:?}\n  instead of {is_due:?}", name(stream));
            return broken("everybody gets what it is owed, as it is owed", evidence);
        }
    }
    is_noticed(facts, stream, story)?;
    if stream.is_harmed {
        return Ok(());
    }
    tally.unharmed += 1;
    match stream.ending {
        // Whoever has not looked since the end has not seen it.
        None if stream.is_slow => Ok(()),
        None => broken("a stream ends with its server", name(stream)),
        Some((_, Ending::LetGo)) => Ok(()),
        Some((at, ending)) => ended_well(facts, stream, story, (at, ending)),
    }
}

fn name(stream: &StreamFacts<'_>) -> String {
    format!("stream {} of {} (person {})", stream.id, stream.it.who, stream.it.person)
}

/// What is to be on the wire.
fn expected(entry: &Entry, due: &Due) -> pb::Message {
    use pb::MessageType::{Ack, Connect, Disconnect, Notice, Publish};
    let mut message = pb::Message {
        time: due.time.to_wire(),
        accepted_time: entry.accepted.to_wire(),
        traceparent: entry.what.trace().parent.to_string(),
        ..Default::default()
    };
    if let Form::Notice(code) = due.form {
        message.r#type = Notice.into();
        message.notice_code = code.into();
        message.client_reference = Some(to_reference(&host::reference()));
        return message;
    }
    let (kind, who, sent, text) = match &entry.what {
        What::Join { who, sent, .. } => {
            let text = format!("{who} has joined the chat at Lamport time {}", entry.accepted);
            (Connect, who, sent, text)
        }
        What::Publish { who, sent, text, .. } => (Publish, who, sent, text.as_str().to_owned()),
        What::Leave { who, sent, left, .. } => {
            let text = format!("{who} has left the chat at Lamport time {left}");
            (Disconnect, who, sent, text)
        }
        What::Refusal { .. } | What::Close { .. } => unreachable!("these are notices"),
    };
    message.origin_time = sent.to_wire();
    if matches!(due.form, Form::Ack) {
        message.r#type = Ack.into();
        return message;
    }
    message.r#type = kind.into();
    message.text = text;
    message.client_reference = Some(to_reference(who));
    if let Form::Welcome(roster) = &due.form {
        message.participants.clone_from(roster);
    }
    message
}

/// Equal, but that a notice may say what it has to say in its own words.
fn same(got: &pb::Message, due: &pb::Message) -> bool {
    if due.r#type != i32::from(pb::MessageType::Notice) {
        return got == due;
    }
    !got.text.is_empty() && pb::Message { text: String::new(), ..got.clone() } == *due
}

/// Whoever is gone is soon announced as gone, whatever became of its connection.
fn is_noticed(facts: &Facts<'_>, stream: &StreamFacts<'_>, story: &Story) -> Result<(), Violation> {
    let (Some(over), Some(joined)) = (stream.over(), story.joined) else { return Ok(()) };
    let life = &facts.lives[stream.it.life - 1];
    let joined = life.entries[joined].0;
    let bound = over.max(joined) + NOTICED;
    // A server that was killed said nothing more.
    let lasted = match life.books {
        Some(_) => u64::MAX,
        None => life.entries.last().map_or(0, |(at, _)| *at),
    };
    let left = story.left.as_ref().map_or(u64::MAX, |(at, _, _)| *at);
    if left > bound && lasted > bound {
        let evidence = format!("{} was over at {over} and left at {left}", name(stream));
        return broken("a loss is noticed in time", evidence);
    }
    Ok(())
}

/// Holds the end of a stream that nothing harmed against the reason for it.
fn ended_well(
    facts: &Facts<'_>,
    stream: &StreamFacts<'_>,
    story: &Story,
    (at, ending): (u64, &Ending),
) -> Result<(), Violation> {
    let life = &facts.lives[stream.it.life - 1];
    let ended = |is_due: Code| {
        let is = match ending {
            Ending::Closed => Code::Ok,
            Ending::Status { code, .. } => *code,
            Ending::LetGo => return Ok(()),
        };
        if is == is_due {
            return Ok(());
        }
        let evidence =
            format!("{} ended at {at} with {ending:?} instead of {is_due:?}", name(stream));
        broken("a stream ends with the status of the table", evidence)
    };
    // Whoever had not read everything when the server's patience was over did not get the end.
    if stream.is_slow && life.closing.is_some_and(|closing| at >= closing) {
        return Ok(());
    }
    let Some((_, _, departure)) = &story.left else {
        return match (story.code, meaning(facts.plan, stream, 0)) {
            (Some(code), _) => whole(stream, story).and_then(|()| ended(code)),
            // A room that is closing has no word for strangers.
            _ if life.closing.is_some_and(|closing| at >= closing)
                && ended(Code::Unavailable).is_ok() =>
            {
                Ok(())
            }
            (None, Some(Meaning::Silent(code))) => ended(code),
            (None, None) if stream.it.is_silent => ended(Code::FailedPrecondition),
            _ => broken("whoever knocks is heard", name(stream)),
        };
    };
    match departure {
        Departure::Lost => {
            let evidence = format!("{} ended at {at} with {ending:?}", name(stream));
            broken("nobody is lost without a reason", evidence)
        }
        Departure::Evicted(_) => ended(Code::ResourceExhausted),
        Departure::Disconnected => whole(stream, story).and_then(|()| ended(Code::Ok)),
        Departure::Violated(_) | Departure::Closed => {
            whole(stream, story)?;
            is_heard(stream, story)?;
            ended(story.code.unwrap_or(Code::Unavailable))
        }
    }
}

/// Everything that was owed has come.
fn whole(stream: &StreamFacts<'_>, story: &Story) -> Result<(), Violation> {
    if stream.got.len() == story.dues.len() {
        return Ok(());
    }
    let missing = &story.dues[stream.got.len()];
    let evidence = format!("{} never got {missing:?}", name(stream));
    broken("nobody who stays misses anything", evidence)
}

/// Everything that was said long enough before the end has been taken in.
fn is_heard(stream: &StreamFacts<'_>, story: &Story) -> Result<(), Violation> {
    let left = story.left.as_ref().map_or(0, |(at, _, _)| *at);
    let is_late = |(at, _): &&(u64, _)| at + UNDER_WAY > left;
    let unheard = stream.sent.get(story.heard).filter(|sent| !is_late(&&(sent.0, ())));
    let is_attentive = !stream.is_slow && stream.it.dozed_until == 0;
    match unheard.filter(|_| is_attentive && story.code == Some(Code::Unavailable)) {
        None => Ok(()),
        Some((at, sent)) => {
            let evidence = format!("{}: what was sent at {at}: {sent:?}", name(stream));
            broken("what is said is heard", evidence)
        }
    }
}

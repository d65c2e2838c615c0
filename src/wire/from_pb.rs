//! What came in, turned into the core's types.
//!
//! Nothing is refused here but times that have no meaning. What else is wrong with a message travels
//! on as a value, since the room must witness the message before it refuses it.

use super::pb;
use crate::chat::{Act, Draft, Fault, LamportTime, Participant, Text, TraceContext};
use std::sync::atomic::{AtomicU64, Ordering};

/// How often a `traceparent` was ignored because it was malformed.
static MALFORMED: AtomicU64 = AtomicU64::new(0);

/// How many malformed `traceparent`s this process has been sent and has ignored.
#[must_use]
pub fn malformed_trace_contexts() -> u64 {
    MALFORMED.load(Ordering::Relaxed)
}

/// The length of a `traceparent` of version 00, the only one that is passed on.
const TRACEPARENT_BYTES: usize = 55;
/// The most of a `tracestate` that W3C asks anybody to pass on.
const TRACESTATE_BYTES: usize = 512;

/// Reads a message of a participant.
///
/// # Errors
/// [`Fault::NegativeTime`]. A negative `seen` counts as not said.
pub fn draft(message: pb::Message) -> Result<Draft, Fault> {
    let sent = LamportTime::from_wire(message.time).ok_or(Fault::NegativeTime(message.time))?;
    let seen = LamportTime::from_wire(message.seen).unwrap_or_default();
    let trace = trace_context(&message.traceparent, &message.tracestate);
    Ok(Draft { sent, seen, trace, act: act(&message) })
}

fn act(message: &pb::Message) -> Result<Act, Fault> {
    use pb::MessageType::{Ack, Connect, Disconnect, Notice, Publish};
    let kind = pb::MessageType::try_from(message.r#type)
        .ok()
        .filter(|kind| !matches!(kind, Ack | Notice))
        .ok_or(Fault::UnknownType(message.r#type))?;
    let reference = message.client_reference.as_ref().ok_or(Fault::MissingReference)?;
    let pb::ClientReference { client_name, client_address, client_port } = reference;
    // What a name looks like is judged once: later it has to be the one that came in.
    let judge = if kind == Connect { Participant::new } else { Participant::recorded };
    let who = judge(client_name, client_address, *client_port).map_err(Fault::BadReference)?;
    Ok(match kind {
        Connect => Act::Connect(who),
        Disconnect => Act::Disconnect(who),
        Publish | Ack | Notice => Act::Publish(who, Text::new(&message.text)),
    })
}

/// A trace context worth passing on: anything else is dropped, as the W3C text asks of a malformed
/// one, and counted.
pub(super) fn trace_context(parent: &str, state: &str) -> TraceContext {
    let is_tracestate =
        state.len() <= TRACESTATE_BYTES && state.bytes().all(|b| matches!(b, 0x20..=0x7e));
    if !is_traceparent(parent) {
        // To send none at all is no mistake.
        MALFORMED.fetch_add(u64::from(!parent.is_empty()), Ordering::Relaxed);
        return TraceContext::default();
    }
    TraceContext {
        parent: parent.into(),
        state: if is_tracestate { state.into() } else { "".into() },
    }
}

/// Whether this is a `traceparent` of version 00: `00-<trace id>-<parent id>-<flags>` in small
/// hexadecimal digits, with neither id all zeros.
fn is_traceparent(text: &str) -> bool {
    let is_id = |id: &str, digits| {
        id.len() == digits
            && id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
            && id.bytes().any(|b| b != b'0')
    };
    let is_flags = |flags: &str| {
        flags.len() == 2 && flags.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = text.split('-');
    text.len() == TRACEPARENT_BYTES
        && parts.next() == Some("00")
        && parts.next().is_some_and(|id| is_id(id, 32))
        && parts.next().is_some_and(|id| is_id(id, 16))
        && parts.next().is_some_and(is_flags)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::message::TextFault;

    fn message(r#type: i32, text: &str) -> pb::Message {
        let reference = pb::ClientReference { client_name: "Anton".into(), ..Default::default() };
        pb::Message {
            r#type,
            text: text.into(),
            client_reference: Some(reference),
            ..Default::default()
        }
    }

    fn fault(message: pb::Message) -> Fault {
        match draft(message) {
            Err(fault) => fault,
            Ok(draft) => draft.act.expect_err("the test sends what is not fit"),
        }
    }

    #[test]
    fn an_empty_message_is_a_connect_without_a_reference() {
        assert_eq!(fault(pb::Message::default()), Fault::MissingReference);
    }

    #[test]
    fn only_what_a_participant_sends_has_a_meaning() {
        for number in [3, 4, 77, -1] {
            assert_eq!(fault(message(number, "x")), Fault::UnknownType(number));
        }
    }

    #[test]
    fn an_unfit_text_is_not_an_unfit_message() {
        let act = draft(message(2, "")).map(|draft| draft.act);
        assert!(matches!(act, Ok(Ok(Act::Publish(_, Err(TextFault::Empty))))));
        let connect = draft(message(0, &"x".repeat(999))).map(|draft| draft.act);
        assert!(matches!(connect, Ok(Ok(Act::Connect(_)))), "the text of a Connect is ignored");
    }

    #[test]
    fn negative_times_are_refused_and_a_negative_seen_is_ignored() {
        let negative = pb::Message { time: -5, ..message(2, "x") };
        assert_eq!(fault(negative), Fault::NegativeTime(-5));
        let unseen = draft(pb::Message { seen: -5, ..message(2, "x") });
        assert_eq!(unseen.map(|draft| draft.seen), Ok(LamportTime::ZERO));
    }

    #[test]
    fn only_a_well_formed_trace_context_is_passed_on() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let good = trace_context(parent, "vendor=1");
        assert_eq!((&*good.parent, &*good.state), (parent, "vendor=1"));
        for malformed in [
            "00-xyz",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331-01",
            "-------------------------------------------------------",
        ] {
            let before = malformed_trace_contexts();
            assert_eq!(trace_context(malformed, "vendor=1"), TraceContext::default());
            assert!(malformed_trace_contexts() > before, "{malformed} was counted");
        }
        assert_eq!(&*trace_context(parent, "a\nb").state, "");
        assert_eq!(&*trace_context(parent, &"x".repeat(513)).state, "");
    }
}

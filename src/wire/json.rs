//! The wire's messages as JSON, for participants that have no protobuf: pages in a browser.
//!
//! It is the same message, field by field and by the same names; what is left out has protobuf's default.
//! Kinds and codes go by their names. It is not protobuf's own JSON mapping, which makes texts of all
//! 64-bit numbers: JavaScript reads Lamport times up to 2^53 exactly, and the server's clock cannot be pushed
//! beyond (see `hub::clock_limits`).

use super::{Inbound, from_pb, pb};
use crate::chat::Fault;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Spoken<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    text: Cow<'a, str>,
    #[serde(skip_serializing_if = "is_zero")]
    time: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    client_reference: Option<Reference<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    origin_time: i64,
    #[serde(skip_serializing_if = "is_zero")]
    accepted_time: i64,
    #[serde(skip_serializing_if = "is_zero")]
    seen: i64,
    #[serde(borrow, skip_serializing_if = "Vec::is_empty")]
    participants: Vec<Reference<'a>>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    notice_code: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    traceparent: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "str::is_empty")]
    tracestate: Cow<'a, str>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Reference<'a> {
    #[serde(borrow)]
    client_address: Cow<'a, str>,
    client_port: i32,
    #[serde(borrow)]
    client_name: Cow<'a, str>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// What a page has sent.
///
/// # Errors
/// With what makes it no message of a participant.
pub fn decode(text: &str) -> Inbound {
    let undecodable = |why: String| Fault::Undecodable(why.into());
    let spoken: Spoken<'_> =
        serde_json::from_str(text).map_err(|error| undecodable(error.to_string()))?;
    let kind = pb::MessageType::from_str_name(&spoken.r#type).ok_or_else(|| {
        undecodable(format!(
            "no type is called {:?}; a participant sends CONNECT, PUBLISH or DISCONNECT",
            spoken.r#type
        ))
    })?;
    from_pb::draft(pb::Message {
        text: spoken.text.into_owned(),
        r#type: kind.into(),
        time: spoken.time,
        client_reference: spoken.client_reference.map(|reference| pb::ClientReference {
            client_address: reference.client_address.into_owned(),
            client_port: reference.client_port,
            client_name: reference.client_name.into_owned(),
        }),
        seen: spoken.seen,
        traceparent: spoken.traceparent.into_owned(),
        tracestate: spoken.tracestate.into_owned(),
        ..pb::Message::default()
    })
}

/// An encoded message of the server's, for a page.
///
/// # Errors
/// If these are not the bytes of a message.
pub fn of_encoded(message: &[u8]) -> Result<String, serde_json::Error> {
    let message = pb::Message::decode(message).map_err(serde::ser::Error::custom)?;
    let notice_code = match message.notice_code() {
        pb::NoticeCode::Unspecified => "",
        code => code.as_str_name(),
    };
    serde_json::to_string(&Spoken {
        r#type: message.r#type().as_str_name().into(),
        text: message.text.as_str().into(),
        time: message.time,
        client_reference: message.client_reference.as_ref().map(reference),
        origin_time: message.origin_time,
        accepted_time: message.accepted_time,
        seen: message.seen,
        participants: message.participants.iter().map(reference).collect(),
        notice_code: notice_code.into(),
        traceparent: message.traceparent.as_str().into(),
        tracestate: message.tracestate.as_str().into(),
    })
}

fn reference(reference: &pb::ClientReference) -> Reference<'_> {
    Reference {
        client_address: reference.client_address.as_str().into(),
        client_port: reference.client_port,
        client_name: reference.client_name.as_str().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Act;

    #[test]
    fn what_a_page_says_is_what_a_stream_says() {
        let text = r#"{"type":"PUBLISH","text":"Hej","time":4,"seen":3,
            "client_reference":{"client_address":"console","client_port":40,"client_name":"Anton"}}"#;
        let draft = decode(text).expect("a message");
        assert_eq!((draft.sent.ticks(), draft.seen.ticks()), (4, 3));
        let Ok(Act::Publish(who, Ok(said))) = draft.act else { panic!("{draft:?}") };
        assert_eq!((who.to_string().as_str(), said.as_str()), ("Anton console:40", "Hej"));
    }

    #[test]
    fn what_is_no_message_says_why() {
        for (text, why) in [
            ("", "EOF while parsing"),
            ("{}", "no type is called \"\"; a participant sends CONNECT, PUBLISH or DISCONNECT"),
            (r#"{"type":"SHOUT"}"#, "no type is called \"SHOUT\""),
            (r#"{"type":"PUBLISH","volume":11}"#, "unknown field `volume`"),
            (r#"{"type":"PUBLISH","time":9223372036854775808}"#, "invalid value"),
        ] {
            let Err(Fault::Undecodable(reason)) = decode(text) else { panic!("{text}") };
            assert!(reason.contains(why), "{text}: {reason}");
        }
    }

    #[test]
    fn what_the_server_says_keeps_every_field() {
        let anton = pb::ClientReference {
            client_name: "Anton".into(),
            client_address: "::1".into(),
            client_port: 7,
        };
        let message = pb::Message {
            text: "\"<b>\u{202e}".into(),
            r#type: pb::MessageType::Notice.into(),
            time: 9,
            client_reference: Some(anton.clone()),
            origin_time: 3,
            accepted_time: 5,
            participants: vec![anton],
            notice_code: pb::NoticeCode::RateLimited.into(),
            ..pb::Message::default()
        };
        let json = of_encoded(&message.encode_to_vec()).expect("a message");
        let anton = r#"{"client_address":"::1","client_port":7,"client_name":"Anton"}"#;
        assert_eq!(
            json,
            format!(
                "{{\"type\":\"NOTICE\",\"text\":\"\\\"<b>\u{202e}\",\"time\":9,\"client_reference\":{anton},\
                 \"origin_time\":3,\"accepted_time\":5,\"participants\":[{anton}],\
                 \"notice_code\":\"RATE_LIMITED\"}}"
            )
        );
    }
}

//! Who is shown the room, and who may chat from the page.
//!
//! Both are no more than what the chat's own port gives to the same person, and less where HTTP cannot
//! tell who that is:
//!
//! | participants must show | the page is shown the room | one may chat from it |
//! |---|---|---|
//! | nothing | always | where the HTTP port is this machine's own |
//! | a token | with a token | with a token |
//! | a certificate (and a token) | where the HTTP port is this machine's own (with a token) | never |
//!
//! A page of somebody else's can send requests from the browser of whoever looks at it. What it asks for in
//! its own name it cannot read, and a way into the room is open to the console's own pages alone. What is
//! left is that its name comes to mean this machine while it is open (DNS rebinding): so, on a port of
//! this machine's own, requests have to ask for it by a name of its own.

use super::{Options, Shared, ring::MOST_EVENTS, teller::MOST_SINGLY};
use crate::chat::{ident::MAX_NAME, message::MAX_TEXT};
use crate::keys::{Access, Certified, Denied, Identity};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

#[derive(Serialize)]
struct Info<'a> {
    version: u32,
    server: Server,
    trace_url: Option<&'a str>,
    chat: bool,
    chat_refused: Option<&'static str>,
    needs_token: bool,
    text_limit: usize,
    name_limit: usize,
    ring: usize,
    fan_limit: u32,
}

#[derive(Serialize)]
struct Server {
    name: &'static str,
    address: String,
    port: u16,
}

/// Answers `/console/info`.
pub(super) async fn info(State(shared): State<Shared>) -> Response {
    let Options { server, trace_url, .. } = &*shared.options;
    let refused = chat_refused(&shared.options, &shared.access);
    Json(Info {
        version: 1,
        server: Server { name: "server", address: server.ip().to_string(), port: server.port() },
        trace_url: Some(trace_url.as_str()).filter(|url| !url.is_empty()),
        chat: refused.is_none(),
        chat_refused: refused,
        needs_token: shared.access.tokens().is_some(),
        text_limit: MAX_TEXT,
        name_limit: MAX_NAME,
        ring: MOST_EVENTS,
        fan_limit: MOST_SINGLY,
    })
    .into_response()
}

/// Why one may not chat from the page; nothing if one may.
fn chat_refused(options: &Options, access: &Access) -> Option<&'static str> {
    if !options.chat {
        return Some("chatting from this page is switched off (console.chat)");
    }
    if asks_for_certificates(access) {
        return Some("participants of this room must show a certificate, and a page has none");
    }
    if access.tokens().is_none() && !is_own(options) {
        return Some(
            "whoever can reach this page could chat, so it takes auth.tokens, or http.listen on \
             this machine's own address",
        );
    }
    None
}

fn asks_for_certificates(access: &Access) -> bool {
    access.tls().is_some_and(|tls| tls.asks_for_certificates())
}

/// Whether the HTTP port is open to this machine alone.
fn is_own(options: &Options) -> bool {
    options.listen.ip().to_canonical().is_loopback()
}

/// Who may read what is said in the room, or what the request is answered if it may not.
pub(super) fn admit_reader(
    shared: &Shared,
    peer: SocketAddr,
    headers: &HeaderMap,
) -> Result<Identity, Box<Response>> {
    if asks_for_certificates(&shared.access) && !is_own(&shared.options) {
        let why = "participants of this room must show a certificate, and a page has none\n";
        return Err(Box::new((StatusCode::FORBIDDEN, why).into_response()));
    }
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    identify(shared, peer, authorization).map_err(|Refused { denied, is_within }| {
        let why = format!("{denied}\n");
        Box::new(if is_within {
            let how = [(header::WWW_AUTHENTICATE, "Bearer")];
            (StatusCode::UNAUTHORIZED, how, why).into_response()
        } else {
            let when = [(header::RETRY_AFTER, "5")];
            (StatusCode::TOO_MANY_REQUESTS, when, why).into_response()
        })
    })
}

/// Why somebody is refused, and whether they were refused no more often than anybody may be.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) denied: Denied,
    pub(super) is_within: bool,
}

/// Who somebody is, by the value that a header `authorization` would have. Denials are counted and logged
/// with those of the chat's own port.
pub(super) fn identify(
    shared: &Shared,
    peer: SocketAddr,
    authorization: Option<&[u8]>,
) -> Result<Identity, Refused> {
    // Without tokens there is nothing that it would have to be.
    let judged = shared.access.admit(peer, &Certified::Unasked, authorization);
    judged.map_err(|denied| Refused { denied, is_within: shared.wicket.denied(peer, denied) })
}

/// What a request is answered that may not come in from a page; nothing if it may.
pub(super) fn refuse_talker(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    if let Some(why) = chat_refused(&shared.options, &shared.access) {
        return Some((StatusCode::FORBIDDEN, format!("{why}\n")).into_response());
    }
    if !is_same_origin(headers) {
        let why = "only this server's own page may chat\n";
        return Some((StatusCode::FORBIDDEN, why).into_response());
    }
    None
}

/// Whether a request comes from a page of this server's own. Only a browser says where it comes from;
/// whoever is none could say anything.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let of = |value: &HeaderValue| value.to_str().ok()?.parse::<Uri>().ok()?.authority().cloned();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    of(origin).is_some_and(|origin| host.is_some_and(|host| host == origin))
}

/// Turns away requests that ask this machine's own port for a name that is not this machine's own.
pub(super) async fn own_name(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if is_own(&shared.options) && !host.is_some_and(is_own_name) {
        let why = "ask for this page as localhost, or by an address of this machine\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    next.run(request).await
}

/// Whether a host is one that nobody else can have: `localhost`, or an address and no name.
fn is_own_name(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &str) -> Options {
        let server = "127.0.0.1:8080".parse().expect("an address");
        let listen = listen.parse().expect("an address");
        Options { listen, server, chat: true, trace_url: String::new(), connections: 8 }
    }

    #[test]
    fn nobody_chats_from_elsewhere_without_a_token() {
        let open = Access::default();
        let refused = |listen| chat_refused(&options(listen), &open).is_some();
        assert!(!refused("127.0.0.1:1") && !refused("[::1]:1") && !refused("[::ffff:127.0.0.1]:1"));
        assert!(refused("0.0.0.0:1") && refused("10.0.0.1:1") && refused("[::]:1"));
        let off = Options { chat: false, ..options("127.0.0.1:1") };
        assert!(chat_refused(&off, &open).is_some_and(|why| why.contains("console.chat")));
    }

    #[test]
    fn only_names_that_nobody_else_can_have_are_own() {
        for own in ["localhost", "LOCALHOST:8081", "127.0.0.1:8081", "[::1]:8081", "10.0.0.1"] {
            assert!(is_own_name(own), "{own}");
        }
        for other in
            ["", "example.org", "localhost.example.org:8081", "127.0.0.1.example.org", "a b"]
        {
            assert!(!is_own_name(other), "{other}");
        }
    }

    #[test]
    fn an_origin_is_the_same_or_it_is_another() {
        let headers = |origin: Option<&str>, host: &str| {
            let value = |text: &str| HeaderValue::from_str(text).expect("a value");
            let origin = origin.map(|origin| (header::ORIGIN, value(origin)));
            origin.into_iter().chain([(header::HOST, value(host))]).collect::<HeaderMap>()
        };
        let own = "localhost:8081";
        assert!(is_same_origin(&headers(Some("http://localhost:8081"), own)));
        assert!(is_same_origin(&headers(None, own)), "no browser");
        for other in ["http://localhost:8082", "http://example.org", "null", "http://localhost"] {
            assert!(!is_same_origin(&headers(Some(other), own)), "{other}");
        }
    }
}

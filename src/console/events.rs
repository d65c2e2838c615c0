//! What a page is told: the ring from some record on, and then what comes, as server-sent events.
//!
//! A page is a follower of the ring and takes from it as fast as its connection takes bytes. When it is
//! slower than the ring turns, it is told how many records it missed, and goes on with what is left. The
//! bytes are the ring's own: nothing is written for one page.

use super::{
    Shared, guard,
    pages::Place,
    ring::{Next, Ring, event},
};
use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use std::{
    collections::VecDeque, convert::Infallible, future::poll_fn, net::SocketAddr, sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep_until},
};

/// How long the stream may be silent before it says that it is still there.
const SILENCE: Duration = Duration::from_secs(10);

const TOO_SLOW: &str = "this page was slower than what happened";
const OTHER_NUMBERS: &str = "what is kept begins anew";

/// See the module's text.
struct Follower {
    ring: Arc<Ring>,
    /// The number of the next record to be told.
    at: u64,
    /// What is to be sent before anything else.
    first: VecDeque<Bytes>,
    head: watch::Receiver<u64>,
    people: watch::Receiver<Bytes>,
    gauges: watch::Receiver<Bytes>,
    place: Place,
    /// Kept until what is as long as the room is large has been taken.
    introduction: Option<OwnedSemaphorePermit>,
    introductions: Arc<Semaphore>,
}

/// Answers `/console/events`, optionally with `?from=N`: the first record that the page does not have.
pub(super) async fn answer(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let identity = match guard::admit_reader(&shared, peer, &headers) {
        Ok(identity) => identity,
        Err(refusal) => return *refusal,
    };
    let from = match query.as_deref().map(|query| query.strip_prefix("from=").map(str::parse)) {
        None => None,
        Some(Some(Ok(from))) => Some(from),
        Some(_) => {
            let why = "the only parameter is from, the number of a record, as in ?from=42\n";
            return (StatusCode::BAD_REQUEST, why).into_response();
        }
    };
    let Some(place) = shared.pages.enter() else {
        let most = shared.pages.most;
        let why = format!("{most} pages are open, and more are not allowed\n");
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    };
    let follower = Follower::new(&shared.ring, from, place, shared.introductions).await;
    let events = stream::unfold((follower, identity), async |(mut follower, identity)| {
        let event = tokio::select! {
            biased;
            // A page that asks again is then told why it may not see any more.
            _ = poll_fn(|cx| identity.poll_withdrawn(cx)) => return None,
            event = follower.next() => event?,
        };
        Some((Ok::<_, Infallible>(event), (follower, identity)))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (kind, Body::from_stream(events)).into_response()
}

impl Follower {
    async fn new(
        ring: &Arc<Ring>,
        from: Option<u64>,
        place: Place,
        introductions: Arc<Semaphore>,
    ) -> Self {
        let mut first =
            VecDeque::from([event("boot", None, format_args!("{{\"boot\":\"{}\"}}", ring.boot()))]);
        let mut introduction = None;
        let at = match from {
            Some(from) if ring.begins_at(from) => from,
            _ => {
                introduction = Arc::clone(&introductions).acquire_owned().await.ok();
                let (begin, nodes) = ring.begin();
                if from.is_some() {
                    first.push_back(event(
                        "reset",
                        None,
                        format_args!("{{\"why\":\"{OTHER_NUMBERS}\"}}"),
                    ));
                }
                first.push_back(nodes);
                begin
            }
        };
        let ring = Arc::clone(ring);
        let (head, people, gauges) =
            (ring.subscribe(), ring.people.subscribe(), ring.gauges.subscribe());
        Self { ring, at, first, head, people, gauges, place, introduction, introductions }
    }

    /// The next piece; nothing once nothing will follow.
    async fn next(&mut self) -> Option<Bytes> {
        let silence = Instant::now() + SILENCE;
        loop {
            if let Some(first) = self.first.pop_front() {
                if first.is_empty() {
                    continue;
                }
                return Some(first);
            }
            self.introduction = None;
            // Looked at before the ring is, so that what comes after that is not missed.
            self.head.mark_unchanged();
            match self.ring.next(self.at) {
                Next::Chunk(chunk, after) => {
                    self.at = after;
                    return Some(chunk);
                }
                Next::Dropped { .. } => {
                    // It is never closed.
                    let introduction = Arc::clone(&self.introductions).acquire_owned().await.ok();
                    // More may have been dropped while this waited.
                    if let Next::Dropped { missed, first, nodes } = self.ring.next(self.at) {
                        self.at = first;
                        let gap = format_args!("{{\"missed\":{missed},\"why\":\"{TOO_SLOW}\"}}");
                        self.first.extend([event("gap", None, gap), nodes]);
                        self.introduction = introduction;
                    }
                    continue;
                }
                Next::Over => return None,
                Next::Wait => {}
            }
            tokio::select! {
                biased;
                () = self.place.is_to_go.notified() => return None,
                // The ring outlives its followers, so no sender is ever gone.
                _ = self.head.changed() => {}
                _ = self.people.changed() => return Some(self.people.borrow_and_update().clone()),
                _ = self.gauges.changed() => return Some(self.gauges.borrow_and_update().clone()),
                () = sleep_until(silence) => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::{pages::Pages, record::Batch, ring::MOST_EVENTS};

    fn turn(ring: &Ring, events: usize) {
        ring.push(Batch { json: "{}".into(), records: 1, events, ..Batch::default() });
    }

    #[tokio::test]
    async fn a_page_that_is_too_slow_is_told_what_it_missed() {
        let ring = Arc::new(Ring::new());
        let mut introduction = Batch { json: "{}".into(), records: 1, ..Batch::default() };
        introduction.nodes.push((1, "{\"r\":\"node\"}".into()));
        ring.push(introduction);
        let place = Pages::new(1).enter().expect("it is free");
        let introductions = Arc::new(Semaphore::new(1));
        let mut follower = Follower::new(&ring, None, place, introductions).await;
        let mut told = Vec::new();
        for _ in 0..2 {
            told.push(follower.next().await.expect("it goes on"));
        }
        // It takes nothing while the ring turns over.
        for _ in 0..3 {
            turn(&ring, MOST_EVENTS);
        }
        ring.finish();
        while let Some(event) = follower.next().await {
            told.push(event);
        }
        let names: Vec<_> = told
            .iter()
            .map(|event| std::str::from_utf8(event).expect("text").lines().next().expect("a name"))
            .collect();
        let expected = ["boot", "records", "gap", "records", "records"];
        assert_eq!(names, expected.map(|name| format!("event: {name}")));
        assert!(
            told[2].ends_with(
                b"\"missed\":2,\"why\":\"this page was slower than what happened\"}\n\n"
            )
        );
        // Who was introduced in what is gone is introduced again, under no number.
        assert_eq!(told[3], "event: records\ndata: [{\"r\":\"node\"}]\n\n");
        assert!(told[4].starts_with(b"event: records\nid: 3\n"));
    }
}

//! What may be tried again, when, and with which sentence a session ends for good.
//!
//! A participant that loses its server tries again for ever, because servers are restarted and
//! networks come back. A Lamport time that the server refuses is tried again as well: physical time
//! catches up with any clock, and the clock cannot be set back without using times twice. What will not
//! get better by waiting ends the session: somebody else has our name, or this is no chat server. The pauses grow from half a second to [`LONGEST`] and are drawn
//! at random, so that a room full of participants does not come back in one instant.

use super::ServerAddress;
use crate::chat::{
    clock::{ClockJump, TOO_FAR_AHEAD},
    escape::Escaped,
};
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use std::{error::Error, fmt, time::Duration};
use tonic::{Code, Status};

/// The shortest pause before another attempt.
pub const SHORTEST: Duration = Duration::from_millis(500);
/// The longest pause before another attempt.
pub const LONGEST: Duration = Duration::from_secs(15);
/// The most characters of a server's sentence that are shown.
const MAX_SHOWN: usize = 400;

/// Why a session ended for good. Everything that strangers wrote is escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The server's name does not resolve.
    #[error("cannot reach {server}: {why}; check --server")]
    Unreachable {
        /// Where the server was to be.
        server: String,
        /// What came of it.
        why: String,
    },
    /// The server has not proved to be the one we trust.
    #[error("{server} is not to be trusted: {why}; check --tls-ca and --server")]
    Untrusted {
        /// Where the server was to be.
        server: String,
        /// What is wrong with what it showed.
        why: String,
    },
    /// Something else listens there.
    #[error("{server} is not a chat server ({why}); check --server, and whether it wants --tls-ca")]
    NotAChat {
        /// Where the server was to be.
        server: String,
        /// What it answered.
        why: String,
    },
    /// The server does not want this participant.
    #[error("the server refused us: {why}{advice}")]
    Refused {
        /// What the server said.
        why: String,
        /// What to do about it; empty if the server says so itself.
        advice: &'static str,
    },
    /// The server sent what has no meaning.
    #[error("the server cannot be followed: {why}")]
    Senseless {
        /// What it sent.
        why: String,
    },
    /// The server's time cannot be witnessed.
    #[error(
        "the server's Lamport time {} lies beyond what any clock takes (our clock stands at {}); the server is broken",
        .0.seen,
        .0.own
    )]
    Clock(ClockJump),
}

/// What to do about a status that ended a stream, or kept it from opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Try again after a pause.
    Again {
        /// What happened, as part of a sentence.
        why: String,
        /// True if the server complained about our keep-alive pings.
        without_pings: bool,
    },
    /// End for good.
    Final(SessionError),
}

/// Judges a status. `has_been_present` tells a first join from a return.
#[must_use]
pub fn judge(status: &Status, server: &ServerAddress, has_been_present: bool) -> Judgement {
    let why = describe(status);
    let refused = |advice| {
        let why = why.clone();
        Judgement::Final(SessionError::Refused { why, advice })
    };
    match status.code() {
        // The server may not have noticed yet that our last stream is gone: what stands in our way
        // is ourselves.
        Code::AlreadyExists if has_been_present => again(status, why),
        Code::InvalidArgument if why.contains(TOO_FAR_AHEAD) => {
            again(status, format!("the server refused our clock: {why}"))
        }
        Code::AlreadyExists => refused(" (--name, --address and --port together are who you are)"),
        Code::InvalidArgument | Code::FailedPrecondition => refused(""),
        Code::PermissionDenied | Code::Unauthenticated => refused("; ask whoever runs the server"),
        Code::Unimplemented => Judgement::Final(not_a_chat(server, why)),
        // A peer that does not speak HTTP/2 at all shows as a broken connection. If we have talked
        // to it before, it is the network that is broken.
        _ if !has_been_present && is_foreign(status) => Judgement::Final(not_a_chat(server, why)),
        _ => again(status, why),
    }
}

fn again(status: &Status, why: String) -> Judgement {
    // A Go server takes pings more often than every five minutes for abuse, and says so with this.
    let without_pings = chain(status).any(|cause| {
        let cause = cause.to_string();
        cause.contains("too_many_pings") || cause.contains("excessive load")
    });
    Judgement::Again { why, without_pings }
}

fn not_a_chat(server: &ServerAddress, why: String) -> SessionError {
    SessionError::NotAChat { server: server.to_string(), why }
}

/// True if what came back was not HTTP/2.
fn is_foreign(status: &Status) -> bool {
    status.source().is_some()
        && chain(status).any(|cause| {
            let cause = cause.to_string();
            cause.contains("frame with invalid size") || cause.contains("unspecific protocol error")
        })
}

/// What happened, in the words of whoever knows best: the innermost cause, or else the server.
#[must_use]
pub fn describe(status: &Status) -> String {
    match root_cause(status) {
        Some(cause) => shown(&cause.to_string()),
        None if status.message().is_empty() => shown(status.code().description()),
        None => shown(status.message()),
    }
}

/// The innermost cause of an error, if there is one within it.
pub fn root_cause(error: &dyn Error) -> Option<&(dyn Error + 'static)> {
    chain(error).last()
}

fn chain(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// Escaped, and no longer than anybody reads.
#[must_use]
pub fn shown(text: &str) -> String {
    let text: String = text.chars().take(MAX_SHOWN).collect();
    Escaped(&text).to_string()
}

/// The pauses between attempts.
#[derive(Debug)]
pub struct Pauses(ExponentialBackoff);

impl Default for Pauses {
    fn default() -> Self {
        // Jitter adds up to once the pause again: so half of the longest is where it stops growing.
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(SHORTEST)
            .with_max_delay(LONGEST / 2)
            .without_max_times();
        Self(pauses.build())
    }
}

impl Pauses {
    /// Draws the next pause.
    pub fn draw(&mut self) -> Duration {
        self.0.next().unwrap_or(LONGEST).min(LONGEST)
    }
}

/// A pause as it is shown: to a tenth of a second.
#[derive(Clone, Copy, Debug)]
pub struct Pause(pub Duration);

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{ClockBound, Fault, LamportTime};

    fn judged(code: Code, has_been_present: bool) -> Judgement {
        let server = ServerAddress::parse("localhost:8080").expect("a legal address");
        judge(&Status::new(code, "why\x1b[2J"), &server, has_been_present)
    }

    fn is_again(judgement: &Judgement) -> bool {
        matches!(judgement, Judgement::Again { .. })
    }

    #[test]
    fn what_waiting_may_mend_is_tried_again() {
        for code in [
            Code::Unavailable,
            Code::ResourceExhausted,
            Code::Internal,
            Code::Unknown,
            Code::Cancelled,
        ] {
            assert!(is_again(&judged(code, false)), "{code:?}");
            assert!(is_again(&judged(code, true)), "{code:?}");
        }
    }

    #[test]
    fn what_waiting_will_not_mend_ends_with_an_escaped_sentence() {
        for code in [
            Code::AlreadyExists,
            Code::InvalidArgument,
            Code::PermissionDenied,
            Code::FailedPrecondition,
            Code::Unauthenticated,
            Code::Unimplemented,
        ] {
            let Judgement::Final(error) = judged(code, false) else {
                panic!("{code:?} was to be final")
            };
            let sentence = error.to_string();
            assert!(sentence.contains(r"why\u{1b}[2J") && !sentence.ends_with('.'), "{sentence}");
        }
    }

    #[test]
    fn a_return_may_find_its_own_ghost() {
        assert!(is_again(&judged(Code::AlreadyExists, true)));
        assert!(!is_again(&judged(Code::InvalidArgument, true)));
    }

    #[test]
    fn a_clock_that_is_refused_is_brought_again() {
        let jump = ClockBound::CLOSED.check(LamportTime::ZERO, LamportTime::ZERO.after(40));
        let fault = Fault::ClockJump(jump.expect_err("forty ahead of nothing"));
        let server = ServerAddress::parse("localhost:8080").expect("a legal address");
        for has_been_present in [false, true] {
            let status = Status::new(Code::InvalidArgument, fault.to_string());
            let why = "the server refused our clock: time 40 lies too far ahead of the server's clock 0; \
                       at most 0 ahead is allowed"
                .to_owned();
            let again = Judgement::Again { why, without_pings: false };
            assert_eq!(judge(&status, &server, has_been_present), again);
        }
    }

    fn broken(cause: &str) -> Judgement {
        let server = ServerAddress::parse("localhost:8080").expect("a legal address");
        let status = Status::from_error(Box::new(Outer(std::io::Error::other(cause.to_owned()))));
        judge(&status, &server, false)
    }

    #[derive(Debug, thiserror::Error)]
    #[error("transport error")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_server_that_dislikes_pings_is_pinged_no_more() {
        let calm = "connection error received: detected excessive load generating behavior";
        assert!(matches!(broken(calm), Judgement::Again { without_pings: true, .. }));
        let reset = broken("connection reset");
        let why = "connection reset".to_owned();
        assert_eq!(reset, Judgement::Again { why, without_pings: false });
    }

    #[test]
    fn what_does_not_speak_http2_is_no_chat_server() {
        let foreign = broken("connection error detected: frame with invalid size");
        assert!(matches!(foreign, Judgement::Final(SessionError::NotAChat { .. })), "{foreign:?}");
    }

    #[test]
    fn pauses_grow_with_jitter_and_are_bounded() {
        let mut pauses = Pauses::default();
        let first = pauses.draw();
        assert!((SHORTEST..=2 * SHORTEST).contains(&first), "{first:?}");
        let later: Vec<_> = std::iter::repeat_with(|| pauses.draw()).skip(10).take(50).collect();
        assert!(later.iter().all(|pause| (LONGEST / 2..=LONGEST).contains(pause)), "{later:?}");
        assert!(later.iter().any(|pause| *pause != later[0]), "no jitter");
    }
}

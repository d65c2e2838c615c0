//! The list of faults. Each is one case: what it does, what a correct server does, and how that is found
//! out.

use super::{
    crowd, identity, losses, messages, presence, scene::Scene, texts, times, verdict::Seen,
};
use futures_util::future::LocalBoxFuture;
use std::{fmt, fmt::Write as _};

/// One fault.
pub(super) struct Case {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// What it does to the server.
    pub does: &'static str,
    /// What a correct server does then.
    pub expects: &'static str,
    /// Does it, with two bystanders there.
    pub run: for<'s> fn(&'s mut Scene<'_>) -> LocalBoxFuture<'s, Seen>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All cases, in the order in which they are run. The largest time is last: it leaves the server's
/// clock there.
pub(super) const CASES: [Case; 21] = [
    Case {
        name: "vanish",
        does: "A participant's connection is cut; no Disconnect was sent.",
        expects: "The others talk on, and miss nothing.",
        run: |scene| Box::pin(losses::vanish(scene)),
    },
    Case {
        name: "half-close",
        does: "A participant closes its sending side without a Disconnect.",
        expects: "It goes on listening, or is taken as gone; the others talk on.",
        run: |scene| Box::pin(losses::half_close(scene)),
    },
    Case {
        name: "reset",
        does: "A participant resets its stream (RST_STREAM); its connection stays.",
        expects: "The others talk on, and miss nothing.",
        run: |scene| Box::pin(losses::reset(scene)),
    },
    Case {
        name: "oversized-message",
        does: "A participant publishes a text of more than 4 MiB.",
        expects: "It is not passed on; the others talk on.",
        run: |scene| Box::pin(messages::oversized(scene)),
    },
    Case {
        name: "empty-message",
        does: "A message of no bytes at all, from a stranger and from a participant.",
        expects: "It is refused or ignored; nobody gets a delivery without a reference.",
        run: |scene| Box::pin(messages::empty(scene)),
    },
    Case {
        name: "missing-reference",
        does: "A Connect and a Publish without a client_reference.",
        expects: "They are refused, or passed on with the sender's own reference.",
        run: |scene| Box::pin(messages::missing_reference(scene)),
    },
    Case {
        name: "unknown-type",
        does: "A participant sends a message of type 77.",
        expects: "It is refused or ignored, and not passed on.",
        run: |scene| Box::pin(messages::unknown_type(scene)),
    },
    Case {
        name: "publish-before-connect",
        does: "A stranger publishes without having connected.",
        expects: "It is refused or ignored, and not passed on.",
        run: |scene| Box::pin(messages::publish_before_connect(scene)),
    },
    Case {
        name: "zero-time",
        does: "A participant publishes at Lamport time 0.",
        expects: "It is passed on at a time of the server's own, later than all before.",
        run: |scene| Box::pin(times::zero(scene)),
    },
    Case {
        name: "negative-time",
        does: "A participant publishes at Lamport time -5.",
        expects: "It is refused, or passed on; the server's own times go on rising.",
        run: |scene| Box::pin(times::negative(scene)),
    },
    Case {
        name: "impersonation",
        does: "A participant publishes with somebody else's reference.",
        expects: "It is refused, or passed on as its sender's own words.",
        run: |scene| Box::pin(identity::impersonation(scene)),
    },
    Case {
        name: "duplicate-reference",
        does: "Somebody connects with the reference of one who is present, and leaves again.",
        expects: "The first one goes on hearing and being heard.",
        run: |scene| Box::pin(identity::duplicate(scene)),
    },
    Case {
        name: "long-text",
        does: "A participant publishes 129 characters.",
        expects: "They are not passed on: a text has at most 128.",
        run: |scene| Box::pin(texts::long(scene)),
    },
    Case {
        name: "two-byte-text",
        does: "A participant publishes 65 characters of two bytes each.",
        expects: "They are passed on as they are: 128 is a number of characters, not of bytes.",
        run: |scene| Box::pin(texts::two_byte(scene)),
    },
    Case {
        name: "control-characters",
        does: "A participant publishes a line break and an ANSI escape sequence.",
        expects: "They are refused or taken out: they would act on the others' terminals.",
        run: |scene| Box::pin(texts::control(scene)),
    },
    Case {
        name: "never-reading",
        does: "A participant never reads, while 4000 messages are published.",
        expects: "All of them reach all others in order.",
        run: |scene| Box::pin(crowd::never_reading(scene)),
    },
    Case {
        name: "concurrent-publishers",
        does: "8 participants publish 25 messages each at the same time.",
        expects: "Everybody else hears each once, in its sender's order, at rising times (R3).",
        run: |scene| Box::pin(crowd::concurrent_publishers(scene)),
    },
    Case {
        name: "join-announced",
        does: "Somebody joins.",
        expects: "All are told so, the newcomer included (R6).",
        run: |scene| Box::pin(presence::join_announced(scene)),
    },
    Case {
        name: "leave-on-loss",
        does: "A participant's connection is cut; no Disconnect was sent.",
        expects: "All who remain are told, once, that it has left (R8).",
        run: |scene| Box::pin(presence::leave_on_loss(scene)),
    },
    Case {
        name: "join-storm",
        does: "50 join at the same time, speak, listen, and leave at the same time.",
        expects: "All get in: each is heard, and hears.",
        run: |scene| Box::pin(presence::join_storm(scene)),
    },
    Case {
        name: "largest-time",
        does: "A participant publishes at Lamport time 2147483647, the last of an int32.",
        expects: "It is refused, or passed on; the server's own times neither wrap nor fall.",
        run: |scene| Box::pin(times::largest(scene)),
    },
];

/// The cases as a Markdown table: what `probe --list` prints and docs/probe.md holds.
#[must_use]
pub fn cases_table() -> String {
    let mut table =
        "| case | what it does | what a correct server does |\n|---|---|---|\n".to_owned();
    for Case { name, does, expects, .. } in &CASES {
        let _ = writeln!(table, "| `{name}` | {does} | {expects} |");
    }
    table
}

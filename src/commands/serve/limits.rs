//! The limits of a server: as its settings have them, as far as the system grants what they take, and as long
//! as all that they let strangers hold stays within `limits.memory`.

use super::{
    files::{self, Granted},
    memory::Sum,
};
use crate::commands::Failure;
use crate::config::Settings;
use crate::grpc::Limits;

/// The limits that can change while the server runs, for whatever comes in after that.
pub(super) const CHANGEABLE: &[&str] = &[
    "limits.participants_per_address",
    "limits.connections",
    "limits.connections_per_address",
    "limits.attempts_per_second",
    "limits.joins_per_second",
    "limits.joins_per_second_per_address",
    "limits.join_burst",
    "limits.idle_timeout",
    "limits.streams_per_connection",
    "limits.pending_streams",
    "limits.service_streams",
    "limits.header_bytes",
    "limits.messages_per_second",
    "limits.message_burst",
    "limits.frame_bytes",
    "limits.inbound_bytes",
    "keepalive.interval",
    "keepalive.timeout",
];

/// How many connections there are files for, if these settings keep to their memory.
///
/// # Errors
/// If they do not.
pub(super) fn judge(settings: &Settings) -> Result<Granted, Failure> {
    let granted = granted(settings);
    match Sum::of(settings, granted).fault(settings.limits.memory) {
        Some(fault) => Err(Failure::Usage(fault)),
        None => Ok(granted),
    }
}

/// Warns if there are fewer files than are wanted.
pub(super) fn tell(settings: &Settings, granted: Granted) {
    let limits = &settings.limits;
    let of = [
        ("limits.connections", limits.connections, granted.chat),
        ("limits.http_connections", limits.http_connections, granted.http),
    ];
    for (key, wanted, granted) in of.into_iter().filter(|(_, wanted, granted)| granted < wanted) {
        tracing::warn!(
            "at most {granted} connections at once, and not {wanted} ({key}): the system grants no more \
             open files; raise `ulimit -Hn`"
        );
    }
}

/// How many connections there are files for, of those that are wanted.
pub(super) fn granted(settings: &Settings) -> Granted {
    let limits = &settings.limits;
    files::granted(limits.connections, limits.http_connections)
}

/// What the chat's port allows. `connections` is how many there are files for.
pub(super) fn of(settings: &Settings, connections: usize) -> Limits {
    let limits = &settings.limits;
    Limits {
        frame_bytes: limits.frame_bytes,
        header_bytes: limits.header_bytes,
        streams_per_connection: limits.streams_per_connection,
        messages_per_second: limits.messages_per_second,
        message_burst: limits.message_burst,
        participants_per_address: limits.participants_per_address,
        connections,
        connections_per_address: limits.connections_per_address,
        attempts_per_second: limits.attempts_per_second,
        joins_per_second: limits.joins_per_second,
        joins_per_second_per_address: limits.joins_per_second_per_address,
        join_burst: limits.join_burst,
        pending_streams: limits.pending_streams,
        service_streams: limits.service_streams,
        inbound_bytes: limits.inbound_bytes,
        idle_timeout: limits.idle_timeout,
        keepalive_interval: settings.keepalive.interval,
        keepalive_timeout: settings.keepalive.timeout,
    }
}

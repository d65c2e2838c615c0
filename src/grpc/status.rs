//! The table of statuses: what ends a stream, and with which code.
//!
//! A client can act on the code (try again later, choose another name, mend the program), and a
//! person on the text, which is the fault's own sentence.

use crate::chat::{Departure, Fault};
use crate::keys::{Denied, Withdrawn};
use std::time::Duration;
use tonic::{Code, Status};

/// The code that a fault ends a stream with. What is forgiven ends none; it has a code all the same,
/// so that the table is whole.
#[must_use]
pub fn code(fault: &Fault) -> Code {
    match fault {
        Fault::NotConnected => Code::FailedPrecondition,
        Fault::Impersonation | Fault::NotYourName { .. } => Code::PermissionDenied,
        Fault::AlreadyPresent => Code::AlreadyExists,
        Fault::RoomFull { .. }
        | Fault::AddressFull { .. }
        | Fault::TooFast { .. }
        | Fault::Flooding { .. }
        | Fault::JoinsTooFast { .. } => Code::ResourceExhausted,
        Fault::Closing => Code::Unavailable,
        Fault::Text(_)
        | Fault::SecondConnect
        | Fault::UnknownType(_)
        | Fault::MissingReference
        | Fault::BadReference(_)
        | Fault::Undecodable(_)
        | Fault::Oversized { .. }
        | Fault::NegativeTime(_)
        | Fault::ClockJump(_) => Code::InvalidArgument,
    }
}

/// The status that a fault ends a stream with.
#[must_use]
pub fn of_fault(fault: &Fault) -> Status {
    Status::new(code(fault), fault.to_string())
}

/// The status of a request that is not listened to, because of who sent it. It is told before
/// anything is read, so there is no notice with it.
#[must_use]
pub fn of_denial(denied: Denied) -> Status {
    Status::unauthenticated(denied.to_string())
}

/// The status of a stream on which nobody has connected for so long.
#[must_use]
pub fn of_lateness(timeout: Duration) -> Status {
    Status::deadline_exceeded(format!("nobody has connected on this stream within {timeout:?}"))
}

/// The same of one too many.
#[must_use]
pub fn of_too_many_denials(denied: Denied) -> Status {
    Status::resource_exhausted(format!(
        "too many requests were refused; wait a while before the next: {denied}"
    ))
}

/// The status of a stream that was let in for something that holds no more.
#[must_use]
pub fn of_withdrawal(withdrawn: Withdrawn) -> Status {
    Status::unauthenticated(withdrawn.to_string())
}

/// The status that a departure ends a stream with; nothing if it ends well.
#[must_use]
pub fn of_departure(departure: &Departure) -> Option<Status> {
    match departure {
        Departure::Disconnected => None,
        Departure::Violated(fault) => Some(of_fault(fault)),
        Departure::Evicted(lag) => Some(Status::resource_exhausted(format!(
            "you were {lag} behind; read faster, and connect again"
        ))),
        Departure::Closed => Some(of_fault(&Fault::Closing)),
        Departure::Lost => Some(Status::cancelled(departure.to_string())),
    }
}

/// What an error of tonic's own about an incoming message means here. Nothing, if the stream itself
/// is broken: nobody is left to be told.
#[must_use]
pub fn fault_of(error: &Status, max_bytes: usize) -> Option<Fault> {
    match error.code() {
        Code::OutOfRange => Some(Fault::Oversized { max_bytes }),
        // A frame header that makes no sense, or a compression that was never agreed on.
        Code::Internal | Code::Unimplemented | Code::InvalidArgument
            if std::error::Error::source(error).is_none() =>
        {
            Some(Fault::Undecodable(error.message().into()))
        }
        _ => None,
    }
}

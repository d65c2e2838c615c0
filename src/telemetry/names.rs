//! Every name that a span carries: span names, attribute keys, and the values with a fixed meaning.
//!
//! The `messaging.*`, `rpc.*`, `service.*` and `error.*` names are those of the OpenTelemetry semantic
//! conventions, version 1.45.0 (`rpc.*` and `error.*` are stable there, `messaging.*` is in
//! development). They stand here as text, and not in a dependency, because that would pin a version
//! of its own and put most of these names behind an unstable feature. `lamport.*` and `chittychat.*`
//! are ours; they are part of what operators search by, so a change here is a change of interface.

/// The schema that the conventional names belong to.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.45.0";

/// The instrumentation scope of all spans.
pub const SCOPE: &str = "chittychat";
/// `service.name` of a server, unless `OTEL_SERVICE_NAME` says otherwise.
pub const SERVER: &str = "chittychat-server";
/// `service.name` of a participant, unless `OTEL_SERVICE_NAME` says otherwise.
pub const CLIENT: &str = "chittychat-client";
/// Which process of the service this is: for a participant, who it is.
pub const SERVICE_INSTANCE: &str = "service.instance.id";
/// The version of the program.
pub const SERVICE_VERSION: &str = "service.version";
/// The key of the service's name.
pub const SERVICE_NAME: &str = "service.name";

/// The Lamport time of the event, an integer.
pub const LAMPORT_TIME: &str = "lamport.time";
/// The node at which it happened: `server`, or a participant.
pub const LAMPORT_NODE: &str = "lamport.node";
/// `send`, `receive` or `local`.
pub const LAMPORT_EVENT: &str = "lamport.event";
/// On a receive: the node that sent.
pub const LAMPORT_CAUSE_NODE: &str = "lamport.cause.node";
/// On a receive: the Lamport time of the send there.
pub const LAMPORT_CAUSE_TIME: &str = "lamport.cause.time";
/// On a span that stands for many deliveries: the Lamport time of the last.
pub const LAMPORT_TIME_LAST: &str = "lamport.time.last";
/// On a span of a replayed conversation: true if the node did not record the event itself.
pub const LAMPORT_INFERRED: &str = "lamport.inferred";
/// On a span of a replayed conversation: what happened, in words. It has what was said.
pub const LAMPORT_SENTENCE: &str = "lamport.sentence";

/// The node at the other end.
pub const PEER: &str = "chittychat.peer";
/// What the message is about: `connect`, `publish`, `join`, `notice` and so on.
pub const MESSAGE_TYPE: &str = "chittychat.message.type";
/// What was said: only if the operator asks for it.
pub const MESSAGE_TEXT: &str = "chittychat.message.text";
/// How many streams there are, this one included.
pub const STREAMS: &str = "chittychat.streams";

/// The messaging system: [`SYSTEM`].
pub const MESSAGING_SYSTEM: &str = "messaging.system";
/// The name of the operation, which is the span's name too.
pub const MESSAGING_OPERATION: &str = "messaging.operation.name";
/// Its kind: `send`, `receive` or `process`.
pub const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
/// Where messages go: [`ROOM`].
pub const MESSAGING_DESTINATION: &str = "messaging.destination.name";
/// The message's id: the server's Lamport time of accepting it, as text.
pub const MESSAGING_ID: &str = "messaging.message.id";
/// The size of the text in bytes.
pub const MESSAGING_BODY_SIZE: &str = "messaging.message.body.size";
/// How many deliveries a span stands for.
pub const MESSAGING_COUNT: &str = "messaging.batch.message_count";

/// The RPC system: `grpc`.
pub const RPC_SYSTEM: &str = "rpc.system.name";
/// The RPC that carries all messages: [`METHOD`].
pub const RPC_METHOD: &str = "rpc.method";
/// What went wrong, as a word of a closed set.
pub const ERROR_TYPE: &str = "error.type";

/// The value of [`MESSAGING_SYSTEM`].
pub const SYSTEM: &str = "chittychat";
/// The value of [`MESSAGING_DESTINATION`]: there is one room.
pub const ROOM: &str = "room";
/// The value of [`RPC_SYSTEM`].
pub const GRPC: &str = "grpc";
/// The value of [`RPC_METHOD`].
pub const METHOD: &str = "proto.ChittyChatService/SendMessage";

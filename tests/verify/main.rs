//! `chittychat verify` from outside: the binary itself, on records good and bad.
//!
//! - `support`: running it, and what it prints;
//! - `report`: the logs of the original's report;
//! - `corruptions`: a good journal, spoilt in fourteen ways, each to be named rightly;
//! - `records`: torn lines, gaps, rotated files, and what cannot be read;
//! - `spans`: Jaeger and OTLP;
//! - `million`: how long it takes;
//! - `live`: real processes that keep journals, and a disk that takes no more.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod corruptions;
#[cfg(unix)]
mod live;
#[cfg(feature = "scale")]
mod million;
mod records;
mod report;
mod spans;
mod support;

//! The subcommands, one file each: arguments in, exit code out.

pub mod join;

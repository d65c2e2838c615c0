//! The `chittychat` program: reads the arguments and calls the command.

fn main() {}

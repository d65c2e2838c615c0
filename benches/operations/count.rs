//! One operation, so many times, for callgrind to count the instructions of: see `budget.py`.
//!
//! `operations NAME TIMES [--plant]`. With `--plant` each time costs an allocation more.

mod world;

use bytes::BytesMut;
use std::{env, error::Error, hint::black_box};
use world::{Planted, World, accept, decode, drafts, encode, frames, messages, stamp};

/// An allocation, as a careless change would add it.
fn an_allocation() {
    drop(black_box(Vec::<u8>::with_capacity(black_box(64))));
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (name, times, planted) = match &arguments[..] {
        [name, times] => (name, times.parse()?, (|| {}) as Planted),
        [name, times, plant] if plant == "--plant" => {
            (name, times.parse()?, an_allocation as Planted)
        }
        _ => return Err("usage: operations accept|stamp|encode|decode TIMES [--plant]".into()),
    };
    let mut world = World::new(times);
    match name.as_str() {
        "accept" => accept(world.hub(), world.speaker(), drafts(times), planted),
        "decode" => decode(&messages(times), planted),
        "stamp" => {
            world.say(times);
            assert_eq!(stamp(world.listener(), planted), times, "one for each message");
        }
        "encode" => {
            world.say(times);
            let frames = frames(world.listener());
            let bytes = frames.iter().map(|frame| frame.size_hint()).sum();
            encode(&frames, &mut BytesMut::with_capacity(bytes), planted);
        }
        _ => return Err(format!("there is no operation {name}").into()),
    }
    Ok(())
}

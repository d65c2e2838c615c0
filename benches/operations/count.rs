//! One operation, so many times, for callgrind to count the instructions of: see `budget.py`.
//!
//! `operations NAME TIMES [--plant]`. With `--plant` each time costs an allocation more.

mod world;

use chittychat::wire::Batch;
use std::{env, error::Error, hint::black_box};
use world::{
    Planted, World, accept, decode, deliver, drafts, encode, entries, kept, messages, stamp,
};

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
        _ => {
            return Err(
                "usage: operations accept|stamp|encode|deliver|decode TIMES [--plant]".into()
            );
        }
    };
    let mut world = World::new(times);
    match name.as_str() {
        "accept" => accept(world.hub(), world.speaker(), drafts(times), planted),
        "decode" => decode(&messages(times), planted),
        "stamp" => {
            let (mut cursor, entries) = entries(times);
            let deliveries = stamp(&mut cursor, &entries, planted);
            assert_eq!(deliveries.len(), entries.len(), "one for each message");
        }
        "encode" => {
            let (mut cursor, entries) = entries(times);
            let deliveries = stamp(&mut cursor, &entries, || {});
            let entries = kept(entries);
            let mut batch = Batch::new(usize::MAX);
            batch.expect(times.into(), entries[0].size_hint());
            encode(&entries, &deliveries, &mut batch, planted);
        }
        "deliver" => {
            world.say(times);
            deliver(world.listener(), &mut Batch::new(15_000), planted);
        }
        _ => return Err(format!("there is no operation {name}").into()),
    }
    Ok(())
}

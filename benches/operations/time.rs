//! How long the server's operations take, by criterion: `cargo bench --bench operations`.

mod world;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use world::{World, accept, decode, drafts, encode, frames, messages, stamp};

/// How often an operation is done in one measurement.
const TIMES: u32 = 1000;

fn nothing() {}

fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("operations");
    group.throughput(Throughput::Elements(u64::from(TIMES)));
    group.bench_function("accept", |bencher| {
        let world = World::new(TIMES);
        let speaker = world.speaker();
        let routine = |drafts| accept(world.hub(), speaker, drafts, nothing);
        bencher.iter_batched(|| drafts(TIMES), routine, BatchSize::LargeInput);
    });
    group.bench_function("stamp", |bencher| {
        let mut world = World::new(TIMES);
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    world.say(TIMES);
                    let begun = std::time::Instant::now();
                    stamp(world.listener(), nothing);
                    begun.elapsed()
                })
                .sum()
        });
    });
    group.bench_function("encode", |bencher| {
        let mut world = World::new(TIMES);
        world.say(TIMES);
        let frames = frames(world.listener());
        let bytes = frames.iter().map(|frame| frame.size_hint()).sum();
        let mut buffer = BytesMut::with_capacity(bytes);
        bencher.iter(|| {
            buffer.clear();
            encode(&frames, &mut buffer, nothing);
        });
    });
    group.bench_function("decode", |bencher| {
        let messages = messages(TIMES);
        bencher.iter(|| decode(&messages, nothing));
    });
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);

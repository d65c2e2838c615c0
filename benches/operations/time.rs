//! How long the server's operations take, by criterion: `cargo bench --bench operations`.

mod world;

use chittychat::wire::Batch;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use world::{World, accept, decode, deliver, drafts, encode, entries, kept, messages, stamp};

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
        let (cursor, entries) = entries(TIMES);
        bencher.iter(|| stamp(&mut cursor.clone(), &entries, nothing));
    });
    group.bench_function("encode", |bencher| {
        let (mut cursor, entries) = entries(TIMES);
        let deliveries = stamp(&mut cursor, &entries, nothing);
        let entries = kept(entries);
        bencher.iter(|| {
            let mut batch = Batch::new(usize::MAX);
            batch.expect(TIMES.into(), entries[0].size_hint());
            encode(&entries, &deliveries, &mut batch, nothing);
        });
    });
    group.bench_function("deliver", |bencher| {
        let mut world = World::new(TIMES);
        let mut batch = Batch::new(15_000);
        bencher.iter_custom(|rounds| {
            (0..rounds)
                .map(|_| {
                    world.say(TIMES);
                    let begun = std::time::Instant::now();
                    deliver(world.listener(), &mut batch, nothing);
                    begun.elapsed()
                })
                .sum()
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

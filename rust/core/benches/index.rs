//! Finding ids, the order of an epoch, and the random words of an item.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot be set up should stop"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ironbatch_core::index::{Ids, Index};
use ironbatch_core::order::Order;
use ironbatch_core::random::item_stream;
use std::hint::black_box;

const N_IDS: i64 = 1_000_000;
const N_WANTED: usize = 1_000;

/// Ids that are no range, in no order.
fn scattered() -> Vec<i64> {
    (0..N_IDS)
        .map(|i| i.wrapping_mul(0x5851_F42D_4C95_7F2D))
        .collect()
}

fn bench_index(criterion: &mut Criterion) {
    let ids = scattered();
    let wanted: Vec<i64> = ids.iter().step_by(997).take(N_WANTED).copied().collect();
    let index = Index::new(Ids::from_ints(ids.clone())).expect("the ids are fine");
    let mut found = vec![0; wanted.len()];
    let mut group = criterion.benchmark_group("a million scattered ids");
    group.sample_size(20);
    group.bench_function("build", |bencher| {
        bencher.iter(|| Index::new(Ids::from_ints(ids.clone())));
    });
    group.throughput(Throughput::Elements(wanted.len() as u64));
    group.bench_function("find", |bencher| {
        bencher.iter(|| index.find_ints(black_box(&wanted), &mut found));
    });
}

fn bench_order(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("order of an epoch, 1,024 places");
    for n in [60_000, 1_000_000, 1_000_000_000] {
        let order = Order::new([1, 2], n).expect("the size is fine");
        let mut places = vec![0; 1_024];
        group.throughput(Throughput::Elements(places.len() as u64));
        group.bench_function(n.to_string(), |bencher| {
            bencher.iter(|| order.positions(black_box(3), 0, &mut places));
        });
    }
}

fn bench_stream(criterion: &mut Criterion) {
    criterion.bench_function("first word of an item", |bencher| {
        bencher.iter(|| item_stream([1, 2], 3, black_box(4), 0, 0).next_u64());
    });
}

criterion_group!(benches, bench_index, bench_order, bench_stream);
criterion_main!(benches);

//! Moving items of columns, on all threads of the pool, and what a buffer costs.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot be set up should stop"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ironbatch_core::column::{Number, Span, cast, gather, pack};
use ironbatch_core::memory::Buffer;
use std::hint::black_box;

const ITEM_BYTES: usize = 3 * 64 * 64;
const N_ITEMS: usize = 20_000;

fn filled(len: usize) -> Buffer {
    let buffer = Buffer::uninitialised(len).expect("enough memory");
    // SAFETY: the buffer has `len` bytes and is ours.
    unsafe { buffer.as_ptr().write_bytes(7, len) };
    buffer
}

fn bench_gather(criterion: &mut Criterion) {
    let source = filled(N_ITEMS * ITEM_BYTES);
    let mut group = criterion.benchmark_group("gather of 12 KB items");
    for n in [64_usize, 256, 1_024] {
        let positions: Vec<i64> = (0..n).map(|i| (i * 7_919 % N_ITEMS) as i64).collect();
        group.throughput(Throughput::Bytes((n * ITEM_BYTES) as u64));
        group.bench_function(n.to_string(), |bencher| {
            bencher.iter(|| {
                let target = Buffer::uninitialised(n * ITEM_BYTES).expect("enough memory");
                // SAFETY: the buffers have these sizes.
                unsafe {
                    gather(
                        source.as_ptr(),
                        N_ITEMS,
                        ITEM_BYTES,
                        positions.as_ptr(),
                        n,
                        target.as_ptr(),
                    )
                }
                .expect("positions are in range");
                target
            });
        });
    }
}

fn bench_pack(criterion: &mut Criterion) {
    let parts: Vec<Buffer> = (0..8).map(|_| filled(256 * ITEM_BYTES)).collect();
    let spans: Vec<Span> = parts
        .iter()
        .map(|part| Span {
            source: part.as_ptr(),
            len: part.len(),
        })
        .collect();
    let total = 8 * 256 * ITEM_BYTES;
    let mut group = criterion.benchmark_group("pack");
    group.throughput(Throughput::Bytes(total as u64));
    group.bench_function("8 parts of 3 MB", |bencher| {
        bencher.iter(|| {
            let target = Buffer::uninitialised(total).expect("enough memory");
            // SAFETY: the target has the size of all parts.
            unsafe { pack(&spans, target.as_ptr()) }.expect("nothing fails");
            target
        });
    });
}

fn bench_cast(criterion: &mut Criterion) {
    let n = 256 * ITEM_BYTES;
    let source = filled(n);
    let mut group = criterion.benchmark_group("cast");
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function("u8 to f32", |bencher| {
        bencher.iter(|| {
            let target = Buffer::uninitialised(n * 4).expect("enough memory");
            // SAFETY: both buffers have `n` values.
            unsafe { cast(source.as_ptr(), Number::U8, target.as_ptr(), Number::F32, n) }
                .expect("nothing fails");
            target
        });
    });
}

fn bench_buffer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("buffer made and dropped");
    for len in [512_usize, 800_000, 12 << 20] {
        group.bench_function(len.to_string(), |bencher| {
            bencher.iter(|| Buffer::uninitialised(black_box(len)));
        });
    }
}

criterion_group!(benches, bench_gather, bench_pack, bench_cast, bench_buffer);
criterion_main!(benches);

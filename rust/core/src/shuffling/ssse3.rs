//! With the byte shuffle of SSSE3.

use std::arch::x86_64::{
    __m128i, _mm_loadu_si128, _mm_or_si128, _mm_shuffle_epi8, _mm_storeu_si128,
};

/// Where each byte of a register comes from; negative for zero.
type Order = [i8; 16];

/// Of 16 groups in three registers: the bytes of register `register` that are number `channel` of
/// their group, at the place of their group.
const fn split_order(register: usize, channel: usize) -> Order {
    let mut order = [-1; 16];
    let mut byte = 0;
    while byte < 16 {
        let place = register * 16 + byte;
        if place % 3 == channel {
            order[place / 3] = byte as i8;
        }
        byte += 1;
    }
    order
}

/// The way back: what of plane `channel` belongs into register `register`.
const fn join_order(register: usize, channel: usize) -> Order {
    let mut order = [-1; 16];
    let mut byte = 0;
    while byte < 16 {
        let place = register * 16 + byte;
        if place % 3 == channel {
            order[byte] = (place / 3) as i8;
        }
        byte += 1;
    }
    order
}

const SPLIT: [[Order; 3]; 3] = [
    [split_order(0, 0), split_order(1, 0), split_order(2, 0)],
    [split_order(0, 1), split_order(1, 1), split_order(2, 1)],
    [split_order(0, 2), split_order(1, 2), split_order(2, 2)],
];

const JOIN: [[Order; 3]; 3] = [
    [join_order(0, 0), join_order(0, 1), join_order(0, 2)],
    [join_order(1, 0), join_order(1, 1), join_order(1, 2)],
    [join_order(2, 0), join_order(2, 1), join_order(2, 2)],
];

/// Of 16 groups in reverse: what register `register` has of register `from`.
const fn reverse_order(register: usize, from: usize) -> Order {
    let mut order = [-1; 16];
    let mut byte = 0;
    while byte < 16 {
        let place = register * 16 + byte;
        let source = 45 - place / 3 * 3 + place % 3;
        if source / 16 == from {
            order[byte] = (source % 16) as i8;
        }
        byte += 1;
    }
    order
}

const REVERSE: [[Order; 3]; 3] = [
    [
        reverse_order(0, 0),
        reverse_order(0, 1),
        reverse_order(0, 2),
    ],
    [
        reverse_order(1, 0),
        reverse_order(1, 1),
        reverse_order(1, 2),
    ],
    [
        reverse_order(2, 0),
        reverse_order(2, 1),
        reverse_order(2, 2),
    ],
];

#[target_feature(enable = "ssse3")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: 16 bytes are read.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "ssse3")]
fn store(bytes: &mut [u8; 16], value: __m128i) {
    // SAFETY: 16 bytes are written.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), value) };
}

#[target_feature(enable = "ssse3")]
fn order(order: &Order) -> __m128i {
    // SAFETY: 16 bytes are read.
    unsafe { _mm_loadu_si128(order.as_ptr().cast()) }
}

#[target_feature(enable = "ssse3")]
fn parts(block: &[u8; 48]) -> [__m128i; 3] {
    let (parts, _) = block.as_chunks::<16>();
    [load(&parts[0]), load(&parts[1]), load(&parts[2])]
}

/// Three registers, each of which has a part of three others.
#[target_feature(enable = "ssse3")]
fn mixed(parts: [__m128i; 3], orders: &[[Order; 3]; 3]) -> [__m128i; 3] {
    let mut made = parts;
    for (made, orders) in made.iter_mut().zip(orders) {
        // Not by a function that takes a closure: it would be one without these instructions.
        let a = _mm_shuffle_epi8(parts[0], order(&orders[0]));
        let b = _mm_shuffle_epi8(parts[1], order(&orders[1]));
        let c = _mm_shuffle_epi8(parts[2], order(&orders[2]));
        *made = _mm_or_si128(_mm_or_si128(a, b), c);
    }
    made
}

#[target_feature(enable = "ssse3")]
pub(super) fn split(source: &[u8], target: &mut [u8]) {
    let (blocks, rest) = source.as_chunks::<48>();
    let (first, others) = target.split_at_mut(source.len() / 3);
    let (second, third) = others.split_at_mut(source.len() / 3);
    let (a, _) = first.as_chunks_mut::<16>();
    let (b, _) = second.as_chunks_mut::<16>();
    let (c, _) = third.as_chunks_mut::<16>();
    for (((block, a), b), c) in blocks.iter().zip(a).zip(b).zip(c) {
        let planes = mixed(parts(block), &SPLIT);
        store(a, planes[0]);
        store(b, planes[1]);
        store(c, planes[2]);
    }
    if rest.is_empty() {
        return;
    }
    // The last block once more, if there is one: what it shares with the one before stays the same.
    if let (Some(block), Some(a), Some(b), Some(c)) = (
        source.last_chunk::<48>(),
        first.last_chunk_mut(),
        second.last_chunk_mut(),
        third.last_chunk_mut(),
    ) {
        let planes = mixed(parts(block), &SPLIT);
        store(a, planes[0]);
        store(b, planes[1]);
        store(c, planes[2]);
        return;
    }
    let (groups, _) = rest.as_chunks::<3>();
    for (((group, a), b), c) in groups.iter().zip(first).zip(second).zip(third) {
        (*a, *b, *c) = (group[0], group[1], group[2]);
    }
}

#[target_feature(enable = "ssse3")]
pub(super) fn join(source: &[u8], target: &mut [u8]) {
    let (first, others) = source.split_at(source.len() / 3);
    let (second, third) = others.split_at(source.len() / 3);
    let (a, _) = first.as_chunks::<16>();
    let (b, _) = second.as_chunks::<16>();
    let (c, _) = third.as_chunks::<16>();
    let (blocks, rest) = target.as_chunks_mut::<48>();
    for (((block, a), b), c) in blocks.iter_mut().zip(a).zip(b).zip(c) {
        put(block, mixed([load(a), load(b), load(c)], &JOIN));
    }
    if rest.is_empty() {
        return;
    }
    // As in `split`.
    if let (Some(block), Some(a), Some(b), Some(c)) = (
        target.last_chunk_mut::<48>(),
        first.last_chunk(),
        second.last_chunk(),
        third.last_chunk(),
    ) {
        put(block, mixed([load(a), load(b), load(c)], &JOIN));
        return;
    }
    let (groups, _) = target.as_chunks_mut::<3>();
    for (((group, a), b), c) in groups.iter_mut().zip(first).zip(second).zip(third) {
        *group = [*a, *b, *c];
    }
}

#[target_feature(enable = "ssse3")]
fn reversed(block: &[u8; 48]) -> [__m128i; 3] {
    mixed(parts(block), &REVERSE)
}

#[target_feature(enable = "ssse3")]
fn put(block: &mut [u8; 48], values: [__m128i; 3]) {
    let (parts, _) = block.as_chunks_mut::<16>();
    for (part, value) in parts.iter_mut().zip(values) {
        store(part, value);
    }
}

#[target_feature(enable = "ssse3")]
pub(super) fn reverse(source: &[u8], target: &mut [u8]) {
    let (blocks, rest) = source.as_chunks::<48>();
    if !rest.is_empty() {
        // As in `split`.
        if let (Some(block), Some(place)) = (source.last_chunk(), target.first_chunk_mut()) {
            put(place, reversed(block));
        } else {
            let (groups, _) = rest.as_chunks::<3>();
            let (places, _) = target.as_chunks_mut::<3>();
            for (place, group) in places.iter_mut().zip(groups.iter().rev()) {
                *place = *group;
            }
        }
    }
    let (_, places) = target.as_rchunks_mut::<48>();
    // From both ends at once, both read before one is written: with both arrays at the same place of
    // a page the processor would take what is read for what has just been written, and wait.
    let n = blocks.len().min(places.len());
    for number in 0..n.div_ceil(2) {
        let (left, right) = (reversed(&blocks[number]), reversed(&blocks[n - 1 - number]));
        put(&mut places[n - 1 - number], left);
        put(&mut places[number], right);
    }
}

//! One operation over a window that moves on by one.

/// Windows up to this length are joined of shorter ones.
const MOST_JOINED: usize = 32;

/// Set row `i` of `target` to an operation over the rows `i..i + size` of `source`.
///
/// Nothing is ever taken back, so that sums neither drift nor keep what has left the window, NaN
/// included. An element takes the same time for all windows that are not short.
pub(crate) fn running(
    source: &[f64],
    inner: usize,
    size: usize,
    target: &mut [f64],
    scratch: &mut Vec<f64>,
    operation: impl Fn(f64, f64) -> f64 + Copy,
) {
    if size <= MOST_JOINED {
        joined(source, inner, size, target, scratch, operation);
    } else {
        in_blocks(source, inner, size, target, scratch, operation);
    }
}

/// Windows of 1, 2, 4, ... rows, each made of two of the ones before, of which those make up the
/// window whose lengths sum to its own.
fn joined(
    source: &[f64],
    inner: usize,
    size: usize,
    target: &mut [f64],
    scratch: &mut Vec<f64>,
    operation: impl Fn(f64, f64) -> f64 + Copy,
) {
    scratch.clear();
    scratch.resize(2 * source.len(), 0.0);
    let (mut next, mut windows) = scratch.split_at_mut(source.len());
    windows.copy_from_slice(source);
    let (mut length, mut done) = (1, 0);
    loop {
        if size & length != 0 {
            let part = &windows[done * inner..];
            if done == 0 {
                target.copy_from_slice(&part[..target.len()]);
            } else {
                for (target, &value) in target.iter_mut().zip(part) {
                    *target = operation(*target, value);
                }
            }
            done += length;
        }
        if done == size {
            return;
        }
        let pairs = windows.iter().zip(&windows[length * inner..]);
        for (next, (&value, &behind)) in next.iter_mut().zip(pairs) {
            *next = operation(value, behind);
        }
        (next, windows) = (windows, next);
        length *= 2;
    }
}

/// The way of M. van Herk, Pattern Recognition Letters 13(7), 1992: the window is the end of one
/// block of `size` rows and the beginning of the next one.
fn in_blocks(
    source: &[f64],
    inner: usize,
    size: usize,
    target: &mut [f64],
    scratch: &mut Vec<f64>,
    operation: impl Fn(f64, f64) -> f64 + Copy,
) {
    // Operations of each row with the ones behind it in the block, and of the rows of the next
    // block that the window has reached.
    scratch.clear();
    scratch.resize((size + 1) * inner, 0.0);
    let (ends, reached) = scratch.split_at_mut(size * inner);
    for (number, target) in target.chunks_mut(size * inner).enumerate() {
        let first = number * size * inner;
        let (block, next) = source[first..].split_at(size * inner);
        ends.copy_from_slice(block);
        if inner == 1 {
            // One value needs no memory in between.
            let mut sum = ends[size - 1];
            for end in ends[..size - 1].iter_mut().rev() {
                sum = operation(*end, sum);
                *end = sum;
            }
            target[0] = ends[0];
            let mut sum = None;
            for ((target, &end), &value) in target[1..].iter_mut().zip(&ends[1..]).zip(next) {
                let reached = sum.map_or(value, |sum| operation(sum, value));
                *target = operation(end, reached);
                sum = Some(reached);
            }
            continue;
        }
        for row in (0..size - 1).rev() {
            let (ends, behind) = ends[row * inner..].split_at_mut(inner);
            for (end, &behind) in ends.iter_mut().zip(&*behind) {
                *end = operation(*end, behind);
            }
        }
        target[..inner].copy_from_slice(&ends[..inner]);
        let rows = target
            .chunks_exact_mut(inner)
            .zip(ends.chunks_exact(inner))
            .skip(1);
        for (number, ((target, ends), next)) in rows.zip(next.chunks_exact(inner)).enumerate() {
            if number == 0 {
                reached.copy_from_slice(next);
            } else {
                for (reached, &value) in reached.iter_mut().zip(next) {
                    *reached = operation(*reached, value);
                }
            }
            for ((target, &end), &reached) in target.iter_mut().zip(ends).zip(&*reached) {
                *target = operation(end, reached);
            }
        }
    }
}

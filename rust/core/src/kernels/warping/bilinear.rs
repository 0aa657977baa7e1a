//! Images, between four neighbours.

use super::super::geometry::borders::Border;
use super::places::{Places, within};
use super::{Blend, Image};
use std::hint::black_box;
use std::ops::Range;

/// Fill `target`, which has rows of `width` elements.
pub(super) fn bilinear<T: Blend>(
    image: &Image<'_, T>,
    places: &Places,
    target: &mut [T],
    width: usize,
    border: Border,
    fill: T,
) {
    let step = places.steps();
    let bounds = [image.lengths[0] as i64, image.lengths[1] as i64];
    let blend = inside_of(image.channels);
    let mut read = 0..0;
    for (row, target) in target.chunks_exact_mut(width * image.channels).enumerate() {
        let [x, y, _] = places.row(row, 0).map(|at| at + T::ROUNDING);
        let span = |low: i64, beyond: i64| -> Range<usize> {
            let [along_x, along_y] = [(x, 0), (y, 1)].map(|(start, axis)| {
                within(
                    start,
                    step[axis],
                    low << 32..(bounds[axis] + beyond) << 32,
                    width,
                )
            });
            let start = along_x.start.max(along_y.start);
            start..along_x.end.min(along_y.end).max(start)
        };
        // Elements with a neighbour in the image, and those with all four.
        let near = if border == Border::Constant {
            span(-1, 0)
        } else {
            0..width
        };
        let inner = span(0, -1);
        let inner = if inner.is_empty() {
            near.start..near.start
        } else {
            inner
        };
        let n = image.channels;
        target[..near.start * n].fill(fill);
        target[near.end * n..].fill(fill);
        for part in [near.start..inner.start, inner.end..near.end] {
            for number in part {
                let at = [x + number as i64 * step[0], y + number as i64 * step[1]];
                at_border(
                    image,
                    at,
                    border,
                    fill,
                    &mut target[number * n..(number + 1) * n],
                );
            }
        }
        if inner.is_empty() {
            continue;
        }
        let first = inner.start as i64;
        let mut at = [x + first * step[0], y + first * step[1]];
        let last = y + (inner.end as i64 - 1) * step[1];
        read_ahead(
            image,
            &mut read,
            at[1].min(last) >> 32,
            at[1].max(last) >> 32,
        );
        let target = &mut target[inner.start * n..inner.end * n];
        let done = T::blend_row(image, at, step, target);
        at = [at[0] + done as i64 * step[0], at[1] + done as i64 * step[1]];
        blend(image, at, step, &mut target[done * n..]);
    }
}

/// How many rows are read before they are needed.
const AHEAD: i64 = 8;
/// Bytes that come from memory together.
const LINE: usize = 64;

/// Bring the rows from `low` to `high` and some around them close to the processor.
///
/// A rotated row crosses many rows of the image. Their parts would come from memory one by one; row
/// after row they come in a stream.
fn read_ahead<T: Copy>(image: &Image<'_, T>, read: &mut Range<usize>, low: i64, high: i64) {
    let height = image.lengths[1] as i64;
    let row = image.lengths[0] * image.channels;
    let needed = (low - AHEAD).max(0) as usize..(high + 2 + AHEAD).min(height) as usize;
    let step = (LINE / size_of::<T>()).max(1);
    let touch = |rows: Range<usize>| {
        if rows.start < rows.end {
            for &element in image.elements[rows.start * row..rows.end * row]
                .iter()
                .step_by(step)
            {
                black_box(element);
            }
        }
    };
    let is_apart = read.start >= read.end || needed.end < read.start || read.end < needed.start;
    if is_apart {
        touch(needed.clone());
        *read = needed;
        return;
    }
    touch(needed.start..read.start);
    touch(read.end..needed.end);
    *read = needed.start.min(read.start)..needed.end.max(read.end);
}

/// One element, some of whose neighbours may lie beyond the image.
fn at_border<T: Blend>(image: &Image<'_, T>, at: [i64; 2], border: Border, fill: T, out: &mut [T]) {
    let neighbours = |at: i64, axis: usize| {
        let length = image.lengths[axis] as i64;
        [
            border.place(at >> 32, length),
            border.place((at >> 32) + 1, length),
        ]
    };
    let (x, y) = (neighbours(at[0], 0), neighbours(at[1], 1));
    let weights = T::weights(at[0], at[1]);
    for (channel, out) in out.iter_mut().enumerate() {
        let value = |x: Option<usize>, y: Option<usize>| match (x, y) {
            (Some(x), Some(y)) => image.at([x, y, 0])[channel],
            _ => fill,
        };
        let values = [
            value(x[0], y[0]),
            value(x[1], y[0]),
            value(x[0], y[1]),
            value(x[1], y[1]),
        ];
        *out = T::blend(weights, values);
    }
}

/// Blends elements of a row all of whose neighbours lie in the image.
type Inside<T> = fn(&Image<'_, T>, [i64; 2], [i64; 2], &mut [T]);

fn inside_of<T: Blend>(channels: usize) -> Inside<T> {
    match channels {
        1 => inside::<1, T>,
        2 => inside::<2, T>,
        3 => inside::<3, T>,
        4 => inside::<4, T>,
        _ => inside_of_any,
    }
}

pub(super) fn inside<const N: usize, T: Blend>(
    image: &Image<'_, T>,
    [mut x, mut y]: [i64; 2],
    step: [i64; 2],
    out: &mut [T],
) {
    let (elements, _) = image.elements.as_chunks::<N>();
    let (out, _) = out.as_chunks_mut::<N>();
    let width = image.lengths[0];
    for out in out {
        let first = (y >> 32) as usize * width + (x >> 32) as usize;
        let (top, bottom) = (
            &elements[first..first + 2],
            &elements[first + width..first + width + 2],
        );
        let weights = T::weights(x, y);
        for channel in 0..N {
            let values = [top[0], top[1], bottom[0], bottom[1]].map(|element| element[channel]);
            out[channel] = T::blend(weights, values);
        }
        x += step[0];
        y += step[1];
    }
}

fn inside_of_any<T: Blend>(
    image: &Image<'_, T>,
    [mut x, mut y]: [i64; 2],
    step: [i64; 2],
    out: &mut [T],
) {
    for out in out.chunks_exact_mut(image.channels) {
        let (column, row) = ((x >> 32) as usize, (y >> 32) as usize);
        let neighbours = [(0, 0), (1, 0), (0, 1), (1, 1)]
            .map(|(right, down)| image.at([column + right, row + down, 0]));
        let weights = T::weights(x, y);
        for (channel, out) in out.iter_mut().enumerate() {
            *out = T::blend(weights, neighbours.map(|element| element[channel]));
        }
        x += step[0];
        y += step[1];
    }
}

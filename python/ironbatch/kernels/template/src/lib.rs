//! The kernels of my_kernels. Each is a function of one item.

use ironbatch_kernel::{kernel, table};
use ndarray::{ArrayView1, ArrayViewMut1, Zip, s};

/// Replace spikes: samples further than `threshold` from the mean of their two neighbours.
///
/// The mean takes their place. The first and the last sample have one neighbour and stay.
#[kernel]
fn despike(x: ArrayView1<f32>, mut out: ArrayViewMut1<f32>, #[default(3.0)] threshold: f32) {
    out.assign(&x);
    if x.len() < 3 {
        return;
    }
    Zip::from(out.slice_mut(s![1..-1]))
        .and(x.slice(s![..-2]))
        .and(x.slice(s![1..-1]))
        .and(x.slice(s![2..]))
        .for_each(|target, &before, &sample, &after| {
            let mean = (before + after) * 0.5;
            *target = if (sample - mean).abs() > threshold {
                mean
            } else {
                sample
            };
        });
}

table![despike];

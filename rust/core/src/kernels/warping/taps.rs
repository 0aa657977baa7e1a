//! Images and volumes, by weights along each axis, in double precision.

use super::super::Number;
use super::super::geometry::borders::Border;
use super::super::resampling::Interpolation;
use super::Image;
use super::blend::fraction;
use super::places::Places;

/// The `a` of bicubic interpolation, as OpenCV has it.
const A: f64 = -0.75;

/// Elements along an axis and their weights.
struct Taps {
    places: [Option<usize>; 4],
    weights: [f64; 4],
    count: usize,
}

impl Taps {
    fn new(at: i64, length: usize, interpolation: Interpolation, border: Border) -> Self {
        let (first, rest) = (at >> 32, fraction(at));
        // How many neighbours lie before the place.
        let before = if interpolation == Interpolation::Bicubic {
            2
        } else {
            1
        };
        let mut taps = Self {
            places: [None; 4],
            weights: [0.0; 4],
            count: 2 * before,
        };
        for number in 0..taps.count {
            let distance = number as i64 - (before as i64 - 1);
            taps.places[number] = border.place(first + distance, length as i64);
            taps.weights[number] = interpolation.weight(distance as f64 - rest, A);
        }
        taps
    }

    /// Those that count.
    fn iter(&self) -> impl Iterator<Item = (Option<usize>, f64)> + '_ {
        self.places[..self.count]
            .iter()
            .copied()
            .zip(self.weights)
            .filter(|(_, weight)| *weight != 0.0)
    }
}

/// Fill `target`, of lengths `to`, with means of the elements around each place.
pub(super) fn weighted<T: Number>(
    image: &Image<'_, T>,
    places: &Places,
    target: &mut [T],
    to: [usize; 3],
    (interpolation, border, fill): (Interpolation, Border, T),
) {
    let fills = vec![fill; image.channels];
    let mut sums = vec![0.0; image.channels];
    for (row, target) in target.chunks_exact_mut(to[0] * image.channels).enumerate() {
        let mut at = places.row(row % to[1], row / to[1]);
        for target in target.chunks_exact_mut(image.channels) {
            let [x, y, z] = [0, 1, 2]
                .map(|axis| Taps::new(at[axis], image.lengths[axis], interpolation, border));
            sums.fill(0.0);
            for (z, weight_z) in z.iter() {
                for (y, weight_y) in y.iter() {
                    for (x, weight_x) in x.iter() {
                        let values = match (x, y, z) {
                            (Some(x), Some(y), Some(z)) => image.at([x, y, z]),
                            _ => &fills,
                        };
                        let weight = weight_x * weight_y * weight_z;
                        for (sum, value) in sums.iter_mut().zip(values) {
                            *sum += weight * value.to_f64();
                        }
                    }
                }
            }
            for (target, &sum) in target.iter_mut().zip(&sums) {
                *target = T::from_f64(sum);
            }
            places.step(&mut at);
        }
    }
}

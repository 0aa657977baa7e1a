//! From a matrix to places, which are numbers of fixed point.

use ironbatch_kernel::{Error, Result};
use std::ops::Range;

/// Half an element.
pub(super) const HALF: i64 = 1 << 31;
/// One element.
pub(super) const ONE: f64 = 4_294_967_296.0;
/// How far from the origin of an item places may be, in elements.
const FARTHEST: f64 = 1_073_741_824.0;

/// How many axes a matrix is about; it has a row for each of them and a column more.
pub(super) fn axes_of(matrix: &[f64]) -> usize {
    if matrix.len() == 12 { 3 } else { 2 }
}

/// Where the elements of the result come from.
pub(super) struct Places {
    /// For x, y and z: how they change with x, y and z of the result, and their values at its first
    /// element.
    rows: [[f64; 4]; 3],
    steps: [i64; 3],
}

impl Places {
    /// From a matrix that leads from the result, of lengths `to`, to the item.
    pub(super) fn new(matrix: &[f64], to: [usize; 3]) -> Result<Self> {
        let n_axes = axes_of(matrix);
        let mut rows = [[0.0; 4]; 3];
        for (row, given) in rows.iter_mut().zip(matrix.chunks_exact(n_axes + 1)) {
            row[..n_axes].copy_from_slice(&given[..n_axes]);
            row[3] = given[n_axes];
        }
        for row in &rows {
            let reach: f64 = row
                .iter()
                .zip(to)
                .map(|(factor, length)| factor.abs() * length as f64)
                .sum();
            let reach = reach + row[3].abs();
            if reach.is_nan() || reach >= FARTHEST {
                return Err(Error::new(format!(
                    "matrix takes elements from {reach} elements away: {FARTHEST} is the farthest"
                )));
            }
        }
        Ok(Self {
            rows,
            steps: rows.map(|row| fixed(row[0])),
        })
    }

    /// The place of the first element of a row.
    pub(super) fn row(&self, y: usize, z: usize) -> [i64; 3] {
        self.rows
            .map(|row| fixed(row[1] * y as f64 + row[2] * z as f64 + row[3]))
    }

    /// From one element of a row to the next.
    #[inline]
    pub(super) fn step(&self, at: &mut [i64; 3]) {
        for (at, step) in at.iter_mut().zip(self.steps) {
            *at += step;
        }
    }

    /// How x and y change along a row.
    pub(super) fn steps(&self) -> [i64; 2] {
        [self.steps[0], self.steps[1]]
    }
}

fn fixed(place: f64) -> i64 {
    (place * ONE).round_ties_even() as i64
}

/// Which of `count` numbers, the first of which is `start`, lie in `bounds`.
pub(super) fn within(start: i64, step: i64, bounds: Range<i64>, count: usize) -> Range<usize> {
    // The first number of which on `start + number * step` is at least the bound, for steps up.
    let reaches = |start: i64, step: i64, bound: i64| {
        let number = if bound <= start {
            0
        } else {
            (bound - start - 1) / step + 1
        };
        usize::try_from(number).unwrap_or(usize::MAX).min(count)
    };
    match step {
        0 if bounds.contains(&start) => 0..count,
        0 => 0..0,
        1.. => reaches(start, step, bounds.start)..reaches(start, step, bounds.end),
        // The same of the numbers with their signs changed.
        _ => reaches(-start, -step, 1 - bounds.end)..reaches(-start, -step, 1 - bounds.start),
    }
}

/// The matrix that leads back, by Cramer's rule; for two axes or three.
pub(crate) fn inverted(matrix: &[f64]) -> Result<Vec<f64>> {
    let n = axes_of(matrix);
    let at = |row: usize, column: usize| matrix[(row % n) * (n + 1) + column % n];
    // Signed determinants of what remains without a row and a column; cyclic indexes have the signs
    // in them.
    let cofactor = |row: usize, column: usize| {
        if n == 2 {
            let sign = if row == column { 1.0 } else { -1.0 };
            sign * at(row + 1, column + 1)
        } else {
            at(row + 1, column + 1) * at(row + 2, column + 2)
                - at(row + 1, column + 2) * at(row + 2, column + 1)
        }
    };
    let determinant: f64 = (0..n)
        .map(|column| at(0, column) * cofactor(0, column))
        .sum();
    let mut found = Vec::with_capacity(matrix.len());
    for row in 0..n {
        let factors: Vec<f64> = (0..n)
            .map(|column| cofactor(column, row) / determinant)
            .collect();
        let shift: f64 = (0..n)
            .map(|column| factors[column] * matrix[column * (n + 1) + n])
            .sum();
        found.extend(factors);
        found.push(0.0 - shift);
    }
    if determinant == 0.0 || found.iter().any(|number| !number.is_finite()) {
        return Err(Error::new(format!(
            "matrix cannot be inverted: its determinant is {determinant}"
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_row_that_lie_within_bounds() {
        for step in -7..=7_i64 {
            for start in -20..20_i64 {
                for (low, high) in [(-3, 9), (0, 1), (5, 30), (2, 2)] {
                    let found = within(start, step, low..high, 12);
                    for number in 0..12 {
                        let value = start + step * number as i64;
                        assert_eq!(found.contains(&number), (low..high).contains(&value));
                    }
                }
            }
        }
    }

    #[test]
    fn an_inverse_leads_back() {
        for matrix in [
            vec![2.0, 1.0, 5.0, -1.0, 3.0, 0.5],
            vec![1.0, 2.0, 0.0, 4.0, 0.5, -3.0, 1.0, 5.0, 2.0, 0.0, 1.5, 6.0],
        ] {
            let n = axes_of(&matrix);
            let back = inverted(&matrix).unwrap();
            let place = [3.0, -4.0, 7.0];
            let apply = |matrix: &[f64], place: &[f64]| -> Vec<f64> {
                matrix
                    .chunks_exact(n + 1)
                    .map(|row| (0..n).map(|k| row[k] * place[k]).sum::<f64>() + row[n])
                    .collect()
            };
            let again = apply(&back, &apply(&matrix, &place[..n]));
            for (found, expected) in again.iter().zip(place) {
                assert!((found - expected).abs() < 1e-12, "{again:?}");
            }
        }
        assert!(inverted(&[1.0, 2.0, 0.0, 2.0, 4.0, 0.0]).is_err());
    }
}

//! Which elements each place of the result is made of.

use ironbatch_kernel::{Error, Result};
use std::f64::consts::PI;

/// What lies between elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interpolation {
    Nearest,
    Bilinear,
    Bicubic,
    Lanczos,
    Area,
}

impl Interpolation {
    /// By the name that users give.
    pub(crate) fn from_name(name: &str) -> Result<Self> {
        match name {
            "nearest" => Ok(Self::Nearest),
            "bilinear" => Ok(Self::Bilinear),
            "bicubic" => Ok(Self::Bicubic),
            "lanczos" => Ok(Self::Lanczos),
            "area" => Ok(Self::Area),
            other => Err(Error::new(format!(
                "interpolation has to be 'nearest', 'bilinear', 'bicubic', 'lanczos' or 'area', \
                 not '{other}'"
            ))),
        }
    }

    /// How far the filter reaches to either side.
    fn support(self) -> f64 {
        match self {
            Self::Nearest | Self::Area => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// Weight at a distance. Bicubic is that of R. G. Keys (1981), whose `a` Pillow sets to -0.5
    /// and OpenCV to -0.75.
    pub(crate) fn weight(self, distance: f64, a: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Nearest | Self::Area => f64::from(distance > -0.5 && distance <= 0.5),
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * a,
            Self::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Bicubic | Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x > 0.0 {
        (PI * x).sin() / (PI * x)
    } else {
        1.0
    }
}

/// For each place of the result, elements and their weights, which sum to 1.
pub(crate) struct Weights {
    starts: Vec<usize>,
    bounds: Vec<usize>,
    factors: Vec<f64>,
}

impl Weights {
    /// From `n` elements to `m`; both above 0.
    pub(crate) fn new(n: usize, m: usize, interpolation: Interpolation, antialias: bool) -> Self {
        let mut made = Self {
            starts: Vec::with_capacity(m),
            bounds: vec![0],
            factors: Vec::new(),
        };
        let scale = n as f64 / m as f64;
        for place in 0..m {
            match (interpolation, antialias) {
                (Interpolation::Nearest, _) => {
                    let at = ((place as f64 + 0.5) * scale) as usize;
                    made.push(at.min(n - 1), [1.0]);
                }
                (Interpolation::Area, false) => made.push_covered(place, scale, n),
                (_, true) => made.push_filtered(place, scale, n, interpolation),
                (_, false) => made.push_interpolated(place, scale, n, interpolation),
            }
        }
        made
    }

    /// Elements and weights of a place.
    pub(crate) fn of(&self, place: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let weights = &self.factors[self.bounds[place]..self.bounds[place + 1]];
        (self.starts[place]..).zip(weights.iter().copied())
    }

    fn push(&mut self, start: usize, weights: impl IntoIterator<Item = f64>) {
        self.starts.push(start);
        let first = self.factors.len();
        self.factors.extend(weights);
        let sum: f64 = self.factors[first..].iter().sum();
        self.factors[first..]
            .iter_mut()
            .for_each(|weight| *weight /= sum);
        self.bounds.push(self.factors.len());
    }

    /// As Pillow: the filter is as wide as an element of the result, and cut at the ends.
    fn push_filtered(&mut self, place: usize, scale: f64, n: usize, interpolation: Interpolation) {
        let width = scale.max(1.0);
        let reach = interpolation.support() * width;
        let center = (place as f64 + 0.5) * scale;
        let start = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(n);
        let weight = |at: usize| interpolation.weight((at as f64 - center + 0.5) / width, -0.5);
        self.push(start, (start..end).map(weight));
    }

    /// As OpenCV: the filter is as wide as an element of the item, whose ends are repeated.
    fn push_interpolated(
        &mut self,
        place: usize,
        scale: f64,
        n: usize,
        interpolation: Interpolation,
    ) {
        let center = (place as f64 + 0.5) * scale - 0.5;
        let reach = interpolation.support() as i64;
        let base = center.floor() as i64;
        let inside = |at: i64| at.clamp(0, n as i64 - 1) as usize;
        let (start, end) = (inside(base - reach + 1), inside(base + reach));
        let mut weights = vec![0.0; end - start + 1];
        for at in base - reach + 1..=base + reach {
            weights[inside(at) - start] += interpolation.weight(at as f64 - center, -0.75);
        }
        self.push(start, weights);
    }

    /// By how much of each element an element of the result covers.
    fn push_covered(&mut self, place: usize, scale: f64, n: usize) {
        let (from, to) = (
            place as f64 * scale,
            ((place + 1) as f64 * scale).min(n as f64),
        );
        let start = (from as usize).min(n - 1);
        let end = (to.ceil() as usize).clamp(start + 1, n);
        let covered = |at: usize| (to.min(at as f64 + 1.0) - from.max(at as f64)).max(0.0);
        self.push(start, (start..end).map(covered));
    }
}

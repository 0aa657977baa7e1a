//! What stands in a pixel, and how one becomes another.

use ironbatch_kernel::{Error, Result};

/// Channels of a pixel, by the names that Pillow has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// `L`: grey.
    Grey,
    /// `LA`: grey and opacity.
    GreyAlpha,
    /// `RGB`.
    Rgb,
    /// `RGBA`: with opacity.
    Rgba,
    /// `CMYK`: inks.
    Cmyk,
}

impl Colour {
    const ALL: [Self; 5] = [
        Self::Grey,
        Self::GreyAlpha,
        Self::Rgb,
        Self::Rgba,
        Self::Cmyk,
    ];

    /// Pillow's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "L",
            Self::GreyAlpha => "LA",
            Self::Rgb => "RGB",
            Self::Rgba => "RGBA",
            Self::Cmyk => "CMYK",
        }
    }

    /// The colour of a name of Pillow.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|colour| colour.name() == name);
        found.ok_or_else(|| {
            Error::new(format!(
                "mode has to be None, 'L', 'LA', 'RGB', 'RGBA' or 'CMYK', not '{name}'"
            ))
        })
    }

    /// How many channels a pixel has.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// Convert pixels of 8 bits a channel, as Pillow's `Image.convert` does.
///
/// Opacity that an image does not have is 255, and one that is not wanted is left out.
pub(super) fn convert(source: &[u8], from: Colour, to: Colour, target: &mut [u8]) {
    macro_rules! each {
        ($from:literal, $to:literal, $pixel:expr) => {{
            let (pixels, _) = source.as_chunks::<$from>();
            let (places, _) = target.as_chunks_mut::<$to>();
            let pixel: fn(&[u8; $from]) -> [u8; $to] = $pixel;
            for (place, source) in places.iter_mut().zip(pixels) {
                *place = pixel(source);
            }
        }};
    }
    use Colour::{Cmyk, Grey, GreyAlpha, Rgb, Rgba};
    match (from, to) {
        (Grey, GreyAlpha) => each!(1, 2, |&[l]| [l, 255]),
        (Grey, Rgb) => each!(1, 3, |&[l]| [l, l, l]),
        (Grey, Rgba) => each!(1, 4, |&[l]| [l, l, l, 255]),
        (GreyAlpha, Grey) => each!(2, 1, |&[l, _]| [l]),
        (GreyAlpha, Rgb) => each!(2, 3, |&[l, _]| [l, l, l]),
        (GreyAlpha, Rgba) => each!(2, 4, |&[l, a]| [l, l, l, a]),
        (Rgb, Grey) => each!(3, 1, |&[r, g, b]| [grey(r, g, b)]),
        (Rgb, GreyAlpha) => each!(3, 2, |&[r, g, b]| [grey(r, g, b), 255]),
        (Rgb, Rgba) => each!(3, 4, |&[r, g, b]| [r, g, b, 255]),
        (Rgba, Grey) => each!(4, 1, |&[r, g, b, _]| [grey(r, g, b)]),
        (Rgba, GreyAlpha) => each!(4, 2, |&[r, g, b, a]| [grey(r, g, b), a]),
        (Rgba, Rgb) => each!(4, 3, |&[r, g, b, _]| [r, g, b]),
        (Cmyk, Rgb) => each!(4, 3, of_inks),
        (Cmyk, Rgba) => each!(4, 4, |inks| {
            let [r, g, b] = of_inks(inks);
            [r, g, b, 255]
        }),
        (Cmyk, Grey) => each!(4, 1, |inks| {
            let [r, g, b] = of_inks(inks);
            [grey(r, g, b)]
        }),
        (Cmyk, GreyAlpha) => each!(4, 2, |inks| {
            let [r, g, b] = of_inks(inks);
            [grey(r, g, b), 255]
        }),
        // The same, or one that `Picture::output` refuses.
        (Grey, Grey | Cmyk)
        | (GreyAlpha, GreyAlpha | Cmyk)
        | (Rgb, Rgb | Cmyk)
        | (Rgba, Rgba | Cmyk)
        | (Cmyk, Cmyk) => target.copy_from_slice(&source[..target.len()]),
    }
}

/// Luma of ITU-R 601-2, in Pillow's whole numbers.
fn grey(r: u8, g: u8, b: u8) -> u8 {
    let sum = u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471;
    ((sum + 0x8000) >> 16) as u8
}

/// What is left of white light, as Pillow counts it.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "pixels are chunks of a slice"
)]
fn of_inks(&[c, m, y, k]: &[u8; 4]) -> [u8; 3] {
    let light = 255 - u32::from(k);
    [c, m, y].map(|ink| {
        let product = u32::from(ink) * light + 128;
        let taken = (product + (product >> 8)) >> 8;
        light.saturating_sub(taken) as u8
    })
}

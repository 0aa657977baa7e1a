//! Pixels to files.

use super::colour::Colour;
use ironbatch_kernel::{Element, Error, Result};
use libjpeg_turbo_rs as jpeg;
use std::io::Write;

/// Kinds of files that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PNG, which loses nothing.
    Png,
    /// JPEG of a quality from 1 to 100.
    Jpeg(u8, Subsampling),
}

/// How much coarser than brightness colours are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsampling {
    /// As fine: 4:4:4.
    None,
    /// In pairs of columns: 4:2:2.
    Columns,
    /// In squares of two by two: 4:2:0.
    Squares,
}

/// Elements of pictures that are written.
pub trait Samples: Element {
    /// Bits of a channel in a PNG.
    const DEPTH: png::BitDepth;

    /// Elements as bytes, if that is what they are.
    fn bytes(samples: &[Self]) -> Option<&[u8]>;

    /// Elements in the byte order of a PNG.
    fn stored(samples: &[Self]) -> Vec<u8>;
}

impl Samples for u8 {
    const DEPTH: png::BitDepth = png::BitDepth::Eight;

    fn bytes(samples: &[Self]) -> Option<&[u8]> {
        Some(samples)
    }

    fn stored(samples: &[Self]) -> Vec<u8> {
        samples.to_vec()
    }
}

impl Samples for u16 {
    const DEPTH: png::BitDepth = png::BitDepth::Sixteen;

    fn bytes(_samples: &[Self]) -> Option<&[u8]> {
        None
    }

    fn stored(samples: &[Self]) -> Vec<u8> {
        samples.iter().flat_map(|one| one.to_be_bytes()).collect()
    }
}

/// Write a picture as a file.
///
/// Fails if the kind of file does not hold such pictures, or `target` takes no more.
pub fn encode<T: Samples>(
    samples: &[T],
    (height, width): (usize, usize),
    colour: Colour,
    format: Format,
    mut target: impl Write,
) -> Result<()> {
    if height == 0 || width == 0 {
        return Err(Error::new(format!(
            "an image of {height} x {width} pixels has nothing to write"
        )));
    }
    match format {
        Format::Png => {
            let kind = match colour {
                Colour::Grey => png::ColorType::Grayscale,
                Colour::GreyAlpha => png::ColorType::GrayscaleAlpha,
                Colour::Rgb => png::ColorType::Rgb,
                Colour::Rgba => png::ColorType::Rgba,
                Colour::Cmyk => return Err(Error::new("a PNG holds no CMYK")),
            };
            let stored;
            let bytes = if let Some(bytes) = T::bytes(samples) {
                bytes
            } else {
                stored = T::stored(samples);
                &stored
            };
            write_png((height, width), kind, T::DEPTH, bytes, target)
        }
        Format::Jpeg(quality, subsampling) => {
            let kind = match colour {
                Colour::Grey => jpeg::PixelFormat::Grayscale,
                Colour::Rgb => jpeg::PixelFormat::Rgb,
                other => {
                    return Err(Error::new(format!(
                        "a JPEG holds grey or RGB, not {}; 'png' does",
                        other.name()
                    )));
                }
            };
            let bytes = T::bytes(samples).ok_or_else(|| {
                Error::new(format!("a JPEG holds uint8, not {}; 'png' does", T::DTYPE))
            })?;
            // The limit of the IJG's library, which is a bit less than what 16 bits hold.
            if height.max(width) > 65_500 {
                return Err(Error::new(format!(
                    "an image of {height} x {width} pixels is more than a JPEG holds, 65500 on a \
                     side"
                )));
            }
            let file = jpeg::Encoder::new(bytes, width, height, kind)
                .quality(quality)
                // Coarse tables have to fit a byte, or few programs read the file.
                .force_baseline(true)
                .subsampling(match subsampling {
                    Subsampling::None => jpeg::Subsampling::S444,
                    Subsampling::Columns => jpeg::Subsampling::S422,
                    Subsampling::Squares => jpeg::Subsampling::S420,
                })
                .encode()
                .map_err(|error| Error::new(error.to_string()))?;
            target
                .write_all(&file)
                .map_err(|error| Error::new(error.to_string()))
        }
    }
}

fn write_png(
    (height, width): (usize, usize),
    kind: png::ColorType,
    depth: png::BitDepth,
    bytes: &[u8],
    target: impl Write,
) -> Result<()> {
    let side = |length: usize| {
        u32::try_from(length).map_err(|_| Error::new("an image with more pixels than a PNG holds"))
    };
    let mut encoder = png::Encoder::new(target, side(width)?, side(height)?);
    encoder.set_color(kind);
    encoder.set_depth(depth);
    let write = || -> std::result::Result<(), png::EncodingError> {
        let mut writer = encoder.write_header()?;
        writer.write_image_data(bytes)?;
        writer.finish()
    };
    write().map_err(|error| Error::new(error.to_string()))
}

//! JPEG, by `libjpeg-turbo-rs`: the same pixels as the library that Pillow and `OpenCV` have.

use super::colour::Colour;
use super::{Kind, Picture};
use ironbatch_kernel::{Error, Result};
use libjpeg_turbo_rs::{Decoder, PixelFormat};

/// How files begin.
pub(super) const SIGNATURE: [u8; 3] = [0xFF, 0xD8, 0xFF];

/// How pixels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Where the first scan begins.
    scan: usize,
}

impl Header {
    /// Bytes that a file has at least: each block of the first component takes a bit.
    pub(super) fn least_bytes(height: u64, width: u64) -> u64 {
        height.div_ceil(8) * width.div_ceil(8) / 8
    }
}

fn truncated() -> Error {
    Error::new("truncated: the header of a JPEG ends too early")
}

/// Read markers up to the first scan.
pub(super) fn read(file: &[u8]) -> Result<Picture> {
    let mut place = 2;
    let mut frame = None;
    loop {
        let marker = next_marker(file, &mut place)?;
        // A restart, a start or what a program has made up for itself: nothing behind it.
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            continue;
        }
        if marker == 0xD9 {
            return Err(Error::new("a JPEG without an image"));
        }
        let length = file.get(place..place + 2).ok_or_else(truncated)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let segment = file.get(place + 2..place + length).ok_or_else(truncated)?;
        match marker {
            // Baseline, extended and progressive, the last two with arithmetic codes too.
            0xC0..=0xC2 | 0xC9 | 0xCA => frame = Some(frame_of(segment)?),
            0xC4 | 0xC8 | 0xCC => {}
            0xC3 | 0xC5..=0xCF => {
                return Err(Error::new(format!(
                    "a JPEG of a kind that is not decoded here (lossless or hierarchical: frame \
                     {marker:#X})"
                )));
            }
            0xDA => {
                let picture: Picture =
                    frame.ok_or_else(|| Error::new("a JPEG whose scan has no frame"))?;
                let kind = Kind::Jpeg(Header { scan: place });
                return Ok(Picture { kind, ..picture });
            }
            _ => {}
        }
        place += length;
    }
}

fn next_marker(file: &[u8], place: &mut usize) -> Result<u8> {
    let rest = file.get(*place..).ok_or_else(truncated)?;
    let start = rest.iter().position(|&byte| byte == 0xFF);
    let start = start.ok_or_else(truncated)?;
    let marker = rest[start..].iter().position(|&byte| byte != 0xFF);
    let marker = start + marker.ok_or_else(truncated)?;
    *place += marker + 1;
    Ok(rest[marker])
}

/// What a frame declares; the kind is filled in later.
fn frame_of(segment: &[u8]) -> Result<Picture> {
    let (&[bits, h0, h1, w0, w1, n], components) =
        segment.split_first_chunk::<6>().ok_or_else(truncated)?;
    let (height, width) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([w0, w1]));
    if bits != 8 {
        return Err(Error::new(format!(
            "a JPEG of {bits} bits a channel is not decoded here"
        )));
    }
    if height == 0 || width == 0 {
        return Err(Error::new(format!("an image of {height} x {width} pixels")));
    }
    let colour = match n {
        1 => Colour::Grey,
        3 => Colour::Rgb,
        4 => Colour::Cmyk,
        _ => {
            return Err(Error::new(format!(
                "a JPEG of {n} components is not decoded here"
            )));
        }
    };
    let (components, _) = components.as_chunks::<3>();
    let mut factors = components.iter().map(|&[_, factors, _]| factors);
    if n == 4 && !factors.all(|factors| factors == 0x11) {
        return Err(Error::new(
            "a JPEG of inks that are stored coarser than pixels is not decoded here",
        ));
    }
    let picture = Picture {
        height: usize::from(height),
        width: usize::from(width),
        colour,
        deep: false,
        kind: Kind::Jpeg(Header { scan: 0 }),
    };
    Ok(picture)
}

/// Decode: grey, RGB, or inks as Pillow has them.
pub(super) fn decode(file: &[u8], header: Header, picture: &Picture, out: &mut [u8]) -> Result<()> {
    // The end of a thumbnail stands before the first scan.
    let scans = file.get(header.scan..).unwrap_or_default();
    if !scans.windows(2).rev().any(|pair| pair == [0xFF, 0xD9]) {
        return Err(Error::new("truncated: a JPEG without its end"));
    }
    let wrong = |error| Error::new(format!("damaged or truncated: {error}"));
    let mut decoder = Decoder::new(file).map_err(wrong)?;
    let found = decoder.header();
    if (found.height, found.width) != (picture.height as u16, picture.width as u16) {
        return Err(Error::new("damaged: a JPEG with two frames"));
    }
    decoder.set_output_format(match picture.colour {
        Colour::Grey => PixelFormat::Grayscale,
        Colour::Cmyk => PixelFormat::Cmyk,
        _ => PixelFormat::Rgb,
    });
    decoder.decode_image_into(out).map_err(wrong)?;
    if picture.colour == Colour::Cmyk {
        // Inks are stored as what is left of light, as Adobe's programs do and Pillow expects.
        for ink in out {
            *ink = 255 - *ink;
        }
    }
    Ok(())
}

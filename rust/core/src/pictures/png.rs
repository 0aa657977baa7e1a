//! PNG, by `png`.

use super::colour::Colour;
use super::{Kind, Picture};
use ironbatch_kernel::{Error, Result};
use png::{BitDepth, Limits, Transformations};
use std::io::Cursor;

/// How files begin.
pub(super) const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n'];
/// Memory for anything but pixels.
const LIMIT: usize = 64 << 20;
/// No deflated byte stands for more than this many.
const RATIO: u64 = 1032;

/// How pixels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bits of a pixel.
    bits: u64,
    /// Bits of a channel.
    depth: u8,
    has_palette: bool,
}

impl Header {
    /// Bytes that a file has at least.
    pub(super) fn least_bytes(&self, height: u64, width: u64) -> u64 {
        let row = (width * self.bits).div_ceil(8) + 1;
        height.saturating_mul(row) / RATIO
    }
}

fn truncated() -> Error {
    Error::new("truncated: the header of a PNG ends too early")
}

/// Read chunks up to the first one with pixels, as far as they say what pixels are.
pub(super) fn read(file: &[u8]) -> Result<Picture> {
    let mut rest = &file[SIGNATURE.len()..];
    let (name, header) = next_chunk(&mut rest)?;
    let Some(&[w0, w1, w2, w3, h0, h1, h2, h3, depth, kind, ..]) =
        header.first_chunk::<13>().filter(|_| name == *b"IHDR")
    else {
        return Err(Error::new(
            "damaged: a PNG that does not begin with its header",
        ));
    };
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    if width == 0 || height == 0 {
        return Err(Error::new(format!("an image of {height} x {width} pixels")));
    }
    let (channels, colour) = match kind {
        0 => (1, Colour::Grey),
        2 => (3, Colour::Rgb),
        // What a palette has decides.
        3 if has_chunk(rest, *b"tRNS") => (1, Colour::Rgba),
        3 => (1, Colour::Rgb),
        4 => (2, Colour::GreyAlpha),
        6 => (4, Colour::Rgba),
        other => return Err(Error::new(format!("damaged: a PNG of colour type {other}"))),
    };
    if !matches!(
        (kind, depth),
        (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) | (2 | 4 | 6, 8 | 16)
    ) {
        return Err(Error::new(format!(
            "damaged: a PNG of colour type {kind} with {depth} bits a channel"
        )));
    }
    Ok(Picture {
        height: height as usize,
        width: width as usize,
        colour,
        deep: depth == 16,
        kind: Kind::Png(Header {
            bits: u64::from(depth) * channels,
            depth,
            has_palette: kind == 3,
        }),
    })
}

/// Name and content of a chunk, whose check sum is left to the decoder.
fn next_chunk<'a>(rest: &mut &'a [u8]) -> Result<([u8; 4], &'a [u8])> {
    let (&[l0, l1, l2, l3, n0, n1, n2, n3], behind) =
        rest.split_first_chunk::<8>().ok_or_else(truncated)?;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let content = behind.get(..length).ok_or_else(truncated)?;
    *rest = behind
        .get(length.saturating_add(4)..)
        .ok_or_else(truncated)?;
    Ok(([n0, n1, n2, n3], content))
}

fn has_chunk(mut rest: &[u8], wanted: [u8; 4]) -> bool {
    while let Ok((name, _)) = next_chunk(&mut rest) {
        if name == wanted {
            return true;
        }
        if name == *b"IDAT" {
            break;
        }
    }
    false
}

/// Decode: palettes as colours, fewer than 8 bits as 8, and of 16 bits the upper byte first.
pub(super) fn decode(
    file: &[u8],
    header: &Header,
    picture: &Picture,
    out: &mut [u8],
) -> Result<()> {
    let wrong = |error: png::DecodingError| match error {
        png::DecodingError::IoError(_) => Error::new("truncated: a PNG ends too early"),
        error => Error::new(format!("damaged or truncated: {error}")),
    };
    let limits = Limits {
        bytes: LIMIT.saturating_add(out.len()),
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // It would make opacity of a colour that grey and RGB images say is see-through.
    decoder.set_transformations(if header.has_palette {
        Transformations::EXPAND
    } else {
        Transformations::IDENTITY
    });
    let mut reader = decoder.read_info().map_err(wrong)?;
    let is_packed = header.depth < 8 && !header.has_palette;
    let row = (picture.width * header.bits as usize).div_ceil(8);
    let expected = if is_packed {
        row * picture.height
    } else {
        out.len()
    };
    if reader.output_buffer_size() != Some(expected) {
        return Err(Error::new(
            "damaged: a PNG whose chunks contradict each other",
        ));
    }
    // Packed rows go to the end of the memory and are unpacked from there.
    let start = out.len() - expected;
    let frame = reader.next_frame(&mut out[start..]).map_err(wrong)?;
    if (frame.width as usize, frame.height as usize) != (picture.width, picture.height)
        || (frame.bit_depth == BitDepth::Sixteen) != picture.deep
    {
        return Err(Error::new(
            "damaged: a PNG whose first frame is a part of it",
        ));
    }
    if is_packed {
        unpack(out, start, row, picture.width, header.depth);
    }
    Ok(())
}

/// Spread pixels of fewer than 8 bits, from `start` on, over the whole memory.
fn unpack(out: &mut [u8], start: usize, row: usize, width: usize, depth: u8) {
    let (per_byte, most) = (8 / usize::from(depth), u8::MAX >> (8 - depth));
    let scale = u8::MAX / most;
    for y in 0..out.len() / width {
        for x in 0..width {
            // What is read lies at the place of what is written or behind it.
            let byte = out[start + y * row + x / per_byte];
            let shift = 8 - usize::from(depth) * (x % per_byte + 1);
            out[y * width + x] = ((byte >> shift) & most) * scale;
        }
    }
}

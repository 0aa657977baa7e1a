//! Pictures in memory as they stand in files: what they declare, and their pixels.
//!
//! [`Picture::read`] looks at headers alone, so that whoever takes memory knows before how much it
//! is to be. Codecs are other people's: `libjpeg-turbo-rs` and `png`.

mod colour;
mod encode;
mod jpeg;
mod png;

pub use colour::Colour;
pub use encode::{Format, Samples, Subsampling, encode};

use ironbatch_kernel::{Error, Result};

/// The kind of a file, with what its header says about how pixels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Jpeg(jpeg::Header),
    Png(png::Header),
}

/// What a file declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// What stands in a pixel.
    pub colour: Colour,
    /// Whether a channel has 16 bits; otherwise it has 8, or is stored in fewer.
    pub deep: bool,
    kind: Kind,
}

impl Picture {
    /// Read the header of a file. Fails if it is neither PNG nor JPEG, or of a kind of them that is
    /// not decoded here.
    pub fn read(file: &[u8]) -> Result<Self> {
        if file.starts_with(&png::SIGNATURE) {
            png::read(file)
        } else if file.starts_with(&jpeg::SIGNATURE) {
            jpeg::read(file)
        } else {
            Err(Error::new(match file.len() {
                0 => "there are no bytes".to_owned(),
                n => format!("{n} bytes that are neither PNG nor JPEG"),
            }))
        }
    }

    /// Refuse a file whose pixels would take more than `max_bytes`, or that is so short that they
    /// cannot be in it.
    pub fn check(&self, file: &[u8], wanted: Output, max_bytes: u64) -> Result<()> {
        let channels = wanted.colour.channels().max(self.colour.channels()) as u64;
        let size = 1 + u64::from(self.deep);
        let (height, width) = (self.height as u64, self.width as u64);
        let bytes = u128::from(height) * u128::from(width) * u128::from(channels * size);
        let what = || format!("an image of {height} x {width} pixels takes {bytes} bytes");
        if bytes > u128::from(max_bytes) {
            return Err(Error::new(format!(
                "{}, which is more than max_bytes={max_bytes}",
                what()
            )));
        }
        let least = match &self.kind {
            Kind::Jpeg(_) => jpeg::Header::least_bytes(height, width),
            Kind::Png(header) => header.least_bytes(height, width),
        };
        if (file.len() as u64) < least {
            return Err(Error::new(format!(
                "truncated: {}, which cannot be in a file of {}",
                what(),
                file.len()
            )));
        }
        Ok(())
    }

    /// What decoding gives: as it is in the file, or converted to a colour of 8 bits.
    pub fn output(&self, wanted: Option<Colour>) -> Result<Output> {
        let Some(colour) = wanted else {
            return Ok(Output {
                colour: self.colour,
                deep: self.deep,
            });
        };
        if colour == Colour::Cmyk && self.colour != Colour::Cmyk {
            return Err(Error::new(format!(
                "an image of {} is not converted to CMYK",
                self.colour.name()
            )));
        }
        Ok(Output {
            colour,
            deep: false,
        })
    }

    /// Decode to 8 bits a channel; `out` has room for exactly that. `spare` is memory to work in.
    pub fn decode(
        &self,
        file: &[u8],
        colour: Colour,
        out: &mut [u8],
        spare: &mut Vec<u8>,
    ) -> Result<()> {
        let count = self.height * self.width;
        if out.len() != count * colour.channels() {
            return Err(Error::new("memory of another size than the image has"));
        }
        if colour == self.colour && !self.deep {
            return self.stored(file, out);
        }
        let bytes = count * self.colour.channels() * (1 + usize::from(self.deep));
        spare.clear();
        spare
            .try_reserve_exact(bytes)
            .map_err(|_| Error::new(format!("there is no memory for {bytes} bytes")))?;
        spare.resize(bytes, 0);
        self.stored(file, spare)?;
        if self.deep {
            // The upper byte stands first.
            let count = bytes / 2;
            for place in 0..count {
                spare[place] = spare[2 * place];
            }
            spare.truncate(count);
        }
        colour::convert(spare, self.colour, colour, out);
        Ok(())
    }

    /// Decode an image of 16 bits a channel, as it is in the file.
    pub fn decode_deep(&self, file: &[u8], out: &mut [u16]) -> Result<()> {
        if !self.deep || out.len() != self.height * self.width * self.colour.channels() {
            return Err(Error::new("memory of another size than the image has"));
        }
        self.stored(file, bytemuck::cast_slice_mut(out))?;
        for sample in out {
            *sample = u16::from_be(*sample);
        }
        Ok(())
    }

    /// Decode as stored: colours of the file, and of 16 bits the upper byte first.
    fn stored(&self, file: &[u8], out: &mut [u8]) -> Result<()> {
        match &self.kind {
            Kind::Jpeg(header) => jpeg::decode(file, *header, self, out),
            Kind::Png(header) => png::decode(file, header, self, out),
        }
    }
}

/// What decoding gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// What stands in a pixel.
    pub colour: Colour,
    /// Whether a channel has 16 bits.
    pub deep: bool,
}

#[cfg(test)]
mod tests;

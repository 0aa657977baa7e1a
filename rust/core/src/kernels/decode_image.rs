//! `decode_image`: pictures out of the bytes of files.

use crate::pictures::{Colour, Output, Picture};
use ironbatch_kernel::{Dtype, Element, Error, Result, Spec, kernel};
use ndarray::{ArrayView1, ArrayViewMutD};

/// Decode PNG and JPEG files that are in memory.
///
/// What a file declares is checked before memory is taken. JPEG may be baseline or progressive, grey,
/// YCbCr, RGB, CMYK or YCCK, of 8 bits; PNG anything of the standard, of which the first image is taken.
/// The orientation that EXIF tells of is not applied, as in Pillow; `flip` and `transpose` do so.
///
/// Pixels are those of Pillow (with libjpeg-turbo), all of them, but for two things: colours of 16 bits
/// stay uint16 where Pillow keeps the upper 8 bits, and grey of 1 bit is 0 and 255 rather than booleans.
///
/// Parameters
/// ----------
/// x : array of uint8 with 1 axis
///     The file: an item of `Bytes`, of a ragged or of a dense component; ``bytes`` do too.
/// mode : 'L', 'LA', 'RGB', 'RGBA', 'CMYK' or None
///     What pixels are converted to, by Pillow's names and formulas: grey is
///     ``0.299 R + 0.587 G + 0.114 B`` (ITU-R 601-2). None leaves what is in the file: grey, colours
///     (those of a palette), with opacity if there is some, or inks. All items need to have the same
///     number of axes and dtype then. 16 bits become the upper 8 of them.
/// max_bytes : int
///     Most memory for the pixels of an item.
///
/// Returns
/// -------
/// array of uint8, or uint16 for a PNG of 16 bits a channel and ``mode=None``
///     Of shape (height, width), with channels behind unless it is grey.
///
/// Raises
/// ------
/// ValueError
///     If an item is neither PNG nor JPEG, truncated or damaged, of a kind that is not decoded (JPEG that
///     is lossless, of 12 bits, or of inks that are stored coarser than pixels), or takes more than
///     `max_bytes`; CMYK of other colours.
#[kernel(T = [u8, u16], shapes = shapes, check = check)]
pub(crate) fn decode_image<T: Pixel>(
    x: ArrayView1<'_, u8>,
    mut out: ArrayViewMutD<'_, T>,
    spare: &mut Vec<u8>,
    mode: Option<&str>,
    #[default(1_073_741_824)] max_bytes: i64,
) -> Result<()> {
    let file = x.to_slice_or_vec();
    let picture = Picture::read(&file)?;
    let wanted = picture.output(mode.map(Colour::parse).transpose()?)?;
    picture.check(&file, wanted, u64::try_from(max_bytes).unwrap_or(0))?;
    let outcome = if let Some(pixels) = out.as_slice_mut() {
        T::decode(&picture, &file, wanted, pixels, spare)
    } else {
        let mut pixels = vec![T::ZERO; out.len()];
        T::decode(&picture, &file, wanted, &mut pixels, spare).map(|()| {
            for (target, &pixel) in out.iter_mut().zip(&pixels) {
                *target = pixel;
            }
        })
    };
    // A worker keeps it for its next item, but not without end.
    if spare.capacity() > KEPT {
        *spare = Vec::new();
    }
    outcome
}

/// Bytes of memory that a worker keeps between items.
const KEPT: usize = 16 << 20;

/// Elements of decoded pictures.
pub(crate) trait Pixel: Element {
    const ZERO: Self;

    fn decode(
        picture: &Picture,
        file: &[u8],
        wanted: Output,
        pixels: &mut [Self],
        spare: &mut Vec<u8>,
    ) -> Result<()>;
}

impl Pixel for u8 {
    const ZERO: Self = 0;

    fn decode(
        picture: &Picture,
        file: &[u8],
        wanted: Output,
        pixels: &mut [Self],
        spare: &mut Vec<u8>,
    ) -> Result<()> {
        picture.decode(file, wanted.colour, pixels, spare)
    }
}

impl Pixel for u16 {
    const ZERO: Self = 0;

    fn decode(
        picture: &Picture,
        file: &[u8],
        _wanted: Output,
        pixels: &mut [Self],
        _spare: &mut Vec<u8>,
    ) -> Result<()> {
        picture.decode_deep(file, pixels)
    }
}

fn check(plan: &decode_image::Plan) -> Result<()> {
    if let Some(mode) = &plan.mode {
        Colour::parse(mode)?;
    }
    if plan.max_bytes < 0 {
        return Err(Error::new(format!(
            "max_bytes has to be at least 0, not {}",
            plan.max_bytes
        )));
    }
    Ok(())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "how `shapes` of a kernel is called"
)]
fn shapes(x: ArrayView1<'_, u8>, plan: &decode_image::Plan) -> Result<Vec<Spec>> {
    let file = x.to_slice_or_vec();
    let picture = Picture::read(&file)?;
    let wanted = picture.output(plan.mode.as_deref().map(Colour::parse).transpose()?)?;
    picture.check(&file, wanted, u64::try_from(plan.max_bytes).unwrap_or(0))?;
    let mut shape = vec![picture.height as i64, picture.width as i64];
    if wanted.colour.channels() > 1 {
        shape.push(wanted.colour.channels() as i64);
    }
    let dtype = if wanted.deep { Dtype::U16 } else { Dtype::U8 };
    Ok(vec![Spec { dtype, shape }])
}

/// The bytes of a file, copied only if they do not lie end to end.
trait ToSliceOrVec<'a> {
    fn to_slice_or_vec(self) -> std::borrow::Cow<'a, [u8]>;
}

impl<'a> ToSliceOrVec<'a> for ArrayView1<'a, u8> {
    fn to_slice_or_vec(self) -> std::borrow::Cow<'a, [u8]> {
        match self.to_slice() {
            Some(bytes) => bytes.into(),
            None => self.to_vec().into(),
        }
    }
}

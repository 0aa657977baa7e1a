//! `encode_image`: pictures as the bytes of files.

use crate::pictures::{Colour, Format, Samples, Subsampling, encode};
use ironbatch_kernel::{Error, Growing, Result, kernel};
use ndarray::ArrayViewD;

/// Encode pictures as PNG or JPEG files in memory.
///
/// JPEG has the tables of quantization of ITU-T T.81 (Annex K), scaled to a quality as the library of the
/// IJG does. The pixels that come back are those of what Pillow (with libjpeg-turbo) writes.
///
/// Parameters
/// ----------
/// x : array of uint8 or uint16
///     Rows and columns, maybe with 1 to 4 channels behind: grey, grey and opacity, RGB, RGB and opacity.
///     JPEG holds uint8, grey or RGB.
/// format : 'png', 'jpeg' or 'jpg'
///     In small letters or large ones.
/// quality : int or None
///     From 1 to 100, for JPEG alone; None is 75. For all items, or one value for each.
/// subsampling : '4:2:0', '4:2:2', '4:4:4' or None
///     How coarse the colours of a JPEG are; None is '4:2:0', half of both rows and columns.
///
/// Returns
/// -------
/// bytes
///     The file. Of a batch, a component of `Bytes`.
///
/// Raises
/// ------
/// ValueError
///     If an item is no picture, or one that the format does not hold; if `format`, `quality` or
///     `subsampling` are others, or given for PNG, which loses nothing.
#[kernel(T = [u8, u16], check = check)]
pub(crate) fn encode_image<T: Samples>(
    x: ArrayViewD<'_, T>,
    #[bytes] out: &mut Growing<u8>,
    format: &str,
    quality: Option<i64>,
    subsampling: Option<&str>,
) -> Result<()> {
    let (height, width, channels) = match *x.shape() {
        [height, width] => (height, width, 1),
        [height, width, channels] => (height, width, channels),
        ref other => {
            return Err(Error::new(format!(
                "a picture has rows and columns, maybe with channels behind; this has shape \
                 {other:?}"
            )));
        }
    };
    let colour = match channels {
        1 => Colour::Grey,
        2 => Colour::GreyAlpha,
        3 => Colour::Rgb,
        4 => Colour::Rgba,
        other => {
            return Err(Error::new(format!(
                "a picture has 1 to 4 channels; this has {other} (channels are behind)"
            )));
        }
    };
    let format = chosen(format, quality, subsampling)?;
    let x = x.as_standard_layout();
    let samples = x.as_slice().unwrap_or_default();
    encode(samples, (height, width), colour, format, out)
}

fn chosen(format: &str, quality: Option<i64>, subsampling: Option<&str>) -> Result<Format> {
    match format.to_ascii_lowercase().as_str() {
        "png" if quality.is_some() || subsampling.is_some() => Err(Error::new(
            "a PNG loses nothing: quality and subsampling are for format='jpeg'",
        )),
        "png" => Ok(Format::Png),
        "jpeg" | "jpg" => {
            let quality = quality.unwrap_or(75);
            let known = u8::try_from(quality)
                .ok()
                .filter(|quality| (1..=100).contains(quality));
            let quality = known.ok_or_else(|| {
                Error::new(format!("quality has to be from 1 to 100, not {quality}"))
            })?;
            let subsampling = match subsampling.unwrap_or("4:2:0") {
                "4:4:4" => Subsampling::None,
                "4:2:2" => Subsampling::Columns,
                "4:2:0" => Subsampling::Squares,
                other => {
                    return Err(Error::new(format!(
                        "subsampling has to be '4:2:0', '4:2:2' or '4:4:4', not '{other}'"
                    )));
                }
            };
            Ok(Format::Jpeg(quality, subsampling))
        }
        _ => Err(Error::new(format!(
            "format has to be 'png' or 'jpeg', not '{format}'"
        ))),
    }
}

fn check(plan: &encode_image::Plan) -> Result<()> {
    chosen(&plan.format, plan.quality, plan.subsampling.as_deref()).map(drop)
}

//! Images with up to four channels, by `fast_image_resize`.

use super::{Interpolation, Method, bilinear};
use crate::instructions::InstructionSet;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{
    F32, F32x2, F32x3, F32x4, InnerPixel, U8, U8x2, U8x3, U8x4, U16, U16x2, U16x3, U16x4,
};
use fast_image_resize::{CpuExtensions, FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use ironbatch_kernel::{Error, F16, Result};
use std::ops::Range;

/// What a worker keeps between items.
#[derive(Default)]
pub(crate) struct Scratch {
    resizer: Resizer,
    pub(super) values: Vec<f64>,
    pub(super) next: Vec<f64>,
    /// An image of bytes between its two axes.
    between: Vec<u8>,
    bilinear: bilinear::Scratch,
}

/// Height and width.
pub(super) type Size = (usize, usize);

/// Element types, some of which `fast_image_resize` knows.
pub(crate) trait FastResize: Sized {
    /// Resize an image with its channels together; false if it is not one that is known.
    fn resize(
        _source: &[Self],
        _from: Size,
        _target: &mut [Self],
        _steps: &[Size],
        _channels: usize,
        _options: &ResizeOptions,
        _scratch: &mut Scratch,
    ) -> Result<bool> {
        Ok(false)
    }

    /// Resize an image of bytes, bilinear; false if it is another one.
    fn resize_bilinear(
        _source: &[Self],
        _from: Size,
        _target: &mut [Self],
        _to: Size,
        _channels: usize,
        _antialias: bool,
        _scratch: &mut Scratch,
    ) -> bool {
        false
    }
}

impl FastResize for i16 {}
impl FastResize for F16 {}
impl FastResize for f64 {}

macro_rules! fast_resizes {
    ($($type:ty: $one:ty, $two:ty, $three:ty, $four:ty $({ $($bilinear:item)* })?);*) => {
        $(
            impl FastResize for $type {
                fn resize(
                    source: &[Self],
                    from: Size,
                    target: &mut [Self],
                    steps: &[Size],
                    channels: usize,
                    options: &ResizeOptions,
                    scratch: &mut Scratch,
                ) -> Result<bool> {
                    let source = bytemuck::cast_slice(source);
                    let target = bytemuck::cast_slice_mut(target);
                    match channels {
                        1 => run::<$one>(source, from, target, steps, options, scratch)?,
                        2 => run::<$two>(source, from, target, steps, options, scratch)?,
                        3 => run::<$three>(source, from, target, steps, options, scratch)?,
                        4 => run::<$four>(source, from, target, steps, options, scratch)?,
                        _ => return Ok(false),
                    }
                    Ok(true)
                }

                $($($bilinear)*)?
            }
        )*
    };
}

fast_resizes!(
    u8: U8, U8x2, U8x3, U8x4 {
        fn resize_bilinear(
            source: &[Self],
            from: Size,
            target: &mut [Self],
            to: Size,
            channels: usize,
            antialias: bool,
            scratch: &mut Scratch,
        ) -> bool {
            let kept = &mut scratch.bilinear;
            bilinear::resize(source, from, target, to, channels, antialias, kept)
        }
    };
    u16: U16, U16x2, U16x3, U16x4;
    f32: F32, F32x2, F32x3, F32x4
);

/// Resize to the sizes of `steps`, one after the other; the target has the last.
fn run<P: InnerPixel + PixelTrait>(
    source: &[u8],
    from: Size,
    target: &mut [u8],
    steps: &[Size],
    options: &ResizeOptions,
    scratch: &mut Scratch,
) -> Result<()> {
    match *steps {
        [to] => step::<P>(source, from, target, to, options, &mut scratch.resizer),
        [first, last] => {
            let between = &mut scratch.between;
            between.resize(first.0 * first.1 * size_of::<P>(), 0);
            step::<P>(source, from, between, first, options, &mut scratch.resizer)?;
            step::<P>(between, first, target, last, options, &mut scratch.resizer)
        }
        _ => Err(Error::new("an image is resized in one step or two")),
    }
}

fn step<P: InnerPixel + PixelTrait>(
    source: &[u8],
    from: Size,
    target: &mut [u8],
    to: Size,
    options: &ResizeOptions,
    resizer: &mut Resizer,
) -> Result<()> {
    let failed =
        |error: &dyn std::fmt::Display| Error::new(format!("the image cannot be resized: {error}"));
    let side = |length: usize| {
        u32::try_from(length).map_err(|_| Error::new("the image is too large to be resized"))
    };
    let source = TypedImageRef::<P>::from_buffer(side(from.1)?, side(from.0)?, source)
        .map_err(|error| failed(&error))?;
    let mut target = TypedImage::<P>::from_buffer(side(to.1)?, side(to.0)?, target)
        .map_err(|error| failed(&error))?;
    // SAFETY: the processor has the instructions of the set.
    unsafe { resizer.set_cpu_extensions(extensions(InstructionSet::in_use())) };
    resizer
        .resize_typed(&source, &mut target, options)
        .map_err(|error| failed(&error))
}

/// What the library calls a set of instructions, or the best one below it that it knows.
fn extensions(set: InstructionSet) -> CpuExtensions {
    match set {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Sse41 => CpuExtensions::Sse4_1,
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 | InstructionSet::Avx512 => CpuExtensions::Avx2,
        #[cfg(target_arch = "aarch64")]
        InstructionSet::Neon => CpuExtensions::Neon,
        _ => CpuExtensions::None,
    }
}

/// Resize an item that is an image, or planes of one; false if it is neither.
pub(super) fn resize<T: FastResize>(
    source: &[T],
    from: &[usize],
    target: &mut [T],
    to: &[usize],
    axes: Range<usize>,
    method: Method,
    scratch: &mut Scratch,
) -> Result<bool> {
    let filter = match method.interpolation {
        Interpolation::Bilinear => FilterType::Bilinear,
        Interpolation::Bicubic => FilterType::CatmullRom,
        Interpolation::Lanczos => FilterType::Lanczos3,
        Interpolation::Nearest | Interpolation::Area => FilterType::Box,
    };
    let algorithm = match (method.interpolation, method.antialias) {
        (Interpolation::Nearest, _) => ResizeAlg::Nearest,
        (_, true) => ResizeAlg::Convolution(filter),
        (Interpolation::Bilinear, false) => ResizeAlg::Interpolation(filter),
        // Its other interpolations differ from OpenCV's at the ends.
        _ => return Ok(false),
    };
    if axes.len() != 2 || from.len() > 3 {
        return Ok(false);
    }
    let (height, width) = (axes.start, axes.start + 1);
    let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false);
    let (old, new) = ((from[height], from[width]), (to[height], to[width]));
    // Filters that overshoot are cut off between the axes, so that their order counts; for bytes
    // the library takes the other one than Pillow.
    let overshoots = matches!(
        method.interpolation,
        Interpolation::Bicubic | Interpolation::Lanczos
    );
    let in_steps = overshoots && size_of::<T>() == 1 && old.0 != new.0 && old.1 != new.1;
    let steps = if in_steps {
        vec![(old.0, new.1), new]
    } else {
        vec![new]
    };
    let is_bilinear = method.interpolation == Interpolation::Bilinear;
    let antialias = method.antialias;
    let mut one = |source: &[T], target: &mut [T], channels: usize| {
        if is_bilinear && T::resize_bilinear(source, old, target, new, channels, antialias, scratch)
        {
            return Ok(true);
        }
        T::resize(source, old, target, &steps, channels, &options, scratch)
    };
    if method.channels_first && from.len() == 3 {
        let planes = source
            .chunks_exact(old.0 * old.1)
            .zip(target.chunks_exact_mut(new.0 * new.1));
        for (source, target) in planes {
            if !one(source, target, 1)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let channels = if from.len() == 3 { from[2] } else { 1 };
    one(source, target, channels)
}

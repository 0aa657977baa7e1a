//! `affine`: scaled, sheared, rotated and shifted.

use super::geometry::borders::Border;
use super::geometry::{check_channels, check_numbers, resized, sized_axes};
use super::warping::{Blend, Method, interpolation as known_interpolation, inverted, warp};
use ironbatch_kernel::abi::{NESTED, Operand, PER_ITEM, ParamKind};
use ironbatch_kernel::{Error, F16, Param, PerAxis, Result, Spec, Value, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Map an image or a volume by an affine transform.
///
/// What is at ``(x, y)`` of the item comes to ``(a x + b y + c, d x + e y + f)`` of the result, as
/// in OpenCV's ``warpAffine`` without ``WARP_INVERSE_MAP``. ``x`` counts columns, ``y`` rows; places
/// are those of the centers of elements. To compute it the matrix is inverted. For
/// ``scipy.ndimage.affine_transform``, which takes the inverse with rows first, see the examples.
///
/// Places are computed to 32 binary digits. Bytes are blended in integers, with weights of 14 binary
/// digits, all else in double precision.
///
/// Parameters
/// ----------
/// x : array of uint8, int16, uint16, float16, float32 or float64
/// matrix : sequence of float
///     ``[[a, b, c], [d, e, f]]``, or the six numbers one after the other; or the three rows of four
///     for the ``x``, ``y`` and ``z`` of volumes, whose axes are depth, height and width. For all
///     items, or one sequence of six or twelve numbers for each.
/// interpolation : 'nearest', 'bilinear' or 'bicubic'
///     Bilinear weighs the nearest elements along each axis. Bicubic is that of R. G. Keys, IEEE
///     Transactions on Acoustics, Speech, and Signal Processing 29(6), 1981, with ``a = -0.75``.
/// border : 'constant', 'edge', 'reflect' or 'wrap'
///     What lies beyond the item: `fill`, the nearest element, the elements mirrored at the nearest
///     one, or those from the other end. It is part of what is blended.
/// fill : float
///     For 'constant', converted to the dtype as `scale_shift` does. For all items, or one value
///     for each.
/// size : int or sequence of int, optional
///     Height and width of the result, or depth, height and width, one number for all of them; those
///     of the item if left out. For all items, or one for each.
/// channels : 'last' or 'first'
///     Whether these are the first axes of an item or its last ones.
///
/// Returns
/// -------
/// array of the dtype of `x`
///     Integers are rounded and kept within the dtype. NaN and infinities spread as far as they have
///     weight.
///
/// Raises
/// ------
/// ValueError
///     If `matrix` has not 6 or 12 numbers, all of them finite, or cannot be inverted; or the item
///     has fewer axes.
///
/// Examples
/// --------
/// >>> import numpy as np
/// >>> from ironbatch import kernels
/// >>> kernels.affine(np.uint8([[1, 2, 3]]), matrix=[[1, 0, 1], [0, 1, 0]])
/// array([[0, 1, 2]], dtype=uint8)
///
/// The matrix for SciPy, of rows first and from the result to the item:
///
/// >>> matrix = np.array([[2.0, 0.5, 1.0], [0.0, 1.0, 3.0]])
/// >>> whole = np.linalg.inv([*matrix, [0, 0, 1]])
/// >>> for_scipy = whole[[1, 0]][:, [1, 0, 2]]
#[kernel(T = [u8, i16, u16, F16, f32, f64], infer = infer, check = check)]
pub(crate) fn affine<T: Blend>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, T>,
    matrix: &Matrix,
    #[default("bilinear")] interpolation: &str,
    #[default("constant")] border: &str,
    #[default(0.0)] fill: f64,
    #[expect(unused_variables, reason = "it chose the shape of `out`")] size: Option<&PerAxis<i64>>,
    #[default("last")] channels: &str,
) -> Result<()> {
    let Matrix(matrix) = matrix;
    check_matrix(matrix)?;
    let method = Method {
        interpolation: known_interpolation(interpolation)?,
        border: Border::from_name("border", border)?,
        fill,
        channels,
    };
    warp(&x, &mut out, &inverted(matrix)?, method)
}

/// The numbers of a matrix, row by row.
#[derive(Clone)]
pub(crate) struct Matrix(Vec<f64>);

impl Param for Matrix {
    const KIND: ParamKind = ParamKind::Floats;
    const FLAGS: u32 = PER_ITEM | NESTED;

    fn from_value(value: Value) -> Result<Self> {
        Vec::from_value(value).map(Self)
    }

    unsafe fn at(operand: &Operand, item: usize) -> Result<Option<Self>> {
        // SAFETY: the caller promises the same for sequences of numbers.
        Ok(unsafe { Vec::at(operand, item) }?.map(Self))
    }
}

fn check_matrix(matrix: &[f64]) -> Result<()> {
    if matrix.len() != 6 && matrix.len() != 12 {
        return Err(Error::new(format!(
            "matrix has to have 2 x 3 numbers, or 3 x 4 for volumes, not {}",
            matrix.len()
        )));
    }
    match matrix.iter().find(|number| !number.is_finite()) {
        Some(number) => Err(Error::new(format!(
            "matrix has to be finite, but has a {number}"
        ))),
        None => Ok(()),
    }
}

fn check(plan: &affine::Plan) -> Result<()> {
    check_channels(&plan.channels)?;
    known_interpolation(&plan.interpolation)?;
    Border::from_name("border", &plan.border)?;
    if let Some(size) = &plan.size {
        check_numbers("size", size.numbers(), 1)?;
    }
    if !plan.is_per_item("matrix") {
        check_matrix(&plan.matrix.0)?;
        inverted(&plan.matrix.0)?;
    }
    Ok(())
}

fn infer(inputs: &[Spec], plan: &affine::Plan) -> Result<Vec<Spec>> {
    check_matrix(&plan.matrix.0)?;
    let n_axes = if plan.matrix.0.len() == 12 { 3 } else { 2 };
    let axes = sized_axes(inputs[0].shape.len(), n_axes, &plan.channels, "a place")?;
    match &plan.size {
        None => Ok(inputs.to_vec()),
        Some(PerAxis::One(size)) => {
            check_numbers("size", &[*size], 1)?;
            Ok(vec![resized(&inputs[0], axes, vec![*size; n_axes])])
        }
        Some(PerAxis::Each(size)) if size.len() == n_axes => {
            check_numbers("size", size, 1)?;
            Ok(vec![resized(&inputs[0], axes, size.iter().copied())])
        }
        Some(PerAxis::Each(size)) => Err(Error::new(format!(
            "size has {} numbers, and matrix is one for {n_axes} axes",
            size.len()
        ))),
    }
}

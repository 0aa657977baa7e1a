//! `one_hot`: numbers of classes as vectors.

use ironbatch_kernel::{Dtype, Element, Error, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMutD};

/// Turn class numbers into vectors: ``np.eye(classes, dtype=np.uint8)[x]``.
///
/// Parameters
/// ----------
/// x : array of an integer dtype
///     Class numbers, from 0.
/// classes : int
///     How many classes there are.
///
/// Returns
/// -------
/// array of uint8
///     Of the shape of `x` with an axis of length `classes` behind: 1 at the class, 0 elsewhere.
///
/// Raises
/// ------
/// ValueError
///     If an element is no number of a class, or `classes` is not above 0.
#[kernel(T = [i8, u8, i16, u16, i32, u32, i64], infer = infer, check = check)]
pub(crate) fn one_hot<T: Element + Into<i64>>(
    x: ArrayViewD<'_, T>,
    mut out: ArrayViewMutD<'_, u8>,
    classes: i64,
) -> Result<()> {
    out.fill(0);
    let of = |class: T| {
        let class: i64 = class.into();
        if (0..classes).contains(&class) {
            Ok(class as usize)
        } else {
            Err(Error::new(format!(
                "{class} is no number of {classes} classes, which count from 0"
            )))
        }
    };
    if let Some(out) = out.as_slice_mut() {
        for (vector, &class) in out.chunks_exact_mut(classes as usize).zip(&x) {
            vector[of(class)?] = 1;
        }
        return Ok(());
    }
    for (mut vector, &class) in out.rows_mut().into_iter().zip(&x) {
        vector[of(class)?] = 1;
    }
    Ok(())
}

fn check(plan: &one_hot::Plan) -> Result<()> {
    if plan.is_per_item("classes") {
        Ok(())
    } else {
        check_classes(plan.classes)
    }
}

fn check_classes(classes: i64) -> Result<()> {
    if classes > 0 {
        return Ok(());
    }
    Err(Error::new(format!(
        "classes has to be above 0, not {classes}"
    )))
}

fn infer(inputs: &[Spec], plan: &one_hot::Plan) -> Result<Vec<Spec>> {
    check_classes(plan.classes)?;
    let mut shape = inputs[0].shape.clone();
    shape.push(plan.classes);
    Ok(vec![Spec {
        dtype: Dtype::U8,
        shape,
    }])
}

//! Dtypes and shapes of items, as the host asks for those of results.

use crate::abi::{self, Operand, OperandSpec, RunCall};
use crate::call::{Call, copy, run};
use crate::{Dtype, Error, Result};

/// Dtype and shape of one item of an operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Element type.
    pub dtype: Dtype,
    /// Lengths, -1 where they vary from item to item.
    pub shape: Vec<i64>,
}

/// Read the specs of inputs.
///
/// # Safety
/// `specs` holds `count` pointers to specs.
pub unsafe fn read_specs(specs: *const *const OperandSpec, count: usize) -> Result<Vec<Spec>> {
    (0..count)
        .map(|number| {
            // SAFETY: promised by the caller.
            let spec = unsafe { copy(*specs.add(number)) };
            let dtype = Dtype::from_code(spec.dtype).ok_or_else(|| Error::new("unknown dtype"))?;
            let shape = spec
                .shape
                .get(..spec.rank as usize)
                .ok_or_else(|| Error::new("too many axes"))?;
            Ok(Spec {
                dtype,
                shape: shape.to_vec(),
            })
        })
        .collect()
}

/// Dtype and shape of item `item` of an operand.
///
/// # Safety
/// The operand has that item.
unsafe fn spec_of_item(operand: &Operand, item: usize) -> Result<Spec> {
    let rank = operand.rank as usize;
    let dtype = Dtype::from_code(operand.dtype).ok_or_else(|| Error::new("unknown dtype"))?;
    let shape = if operand.kind == abi::RAGGED {
        // SAFETY: the host gives a shape for each item.
        (0..rank)
            .map(|axis| unsafe { *operand.shapes.add(item * rank + axis) })
            .collect()
    } else {
        let shape = operand.shape.get(..rank);
        shape.ok_or_else(|| Error::new("too many axes"))?.to_vec()
    };
    Ok(Spec { dtype, shape })
}

/// Work out the outputs of each item of a range: `infer` tells those of one item from the specs of
/// its inputs.
///
/// # Safety
/// `call`, `specs` and `shapes` come from the host and fit the kernel.
pub unsafe fn infer_items(
    call: *const RunCall,
    (n_inputs, n_outputs): (usize, usize),
    specs: *const *mut OperandSpec,
    shapes: *const *mut i64,
    mut infer: impl FnMut(&Call, usize, &[Spec]) -> Result<Vec<Spec>>,
) -> i32 {
    let body =
        |call: &Call| {
            let operands: Vec<_> = (0..n_inputs).map(|number| call.input(number)).collect();
            let first = call.raw.start;
            call.each(|item| {
            // SAFETY: the host asks for items that it has.
            let inputs = operands.iter().map(|operand| unsafe { spec_of_item(operand, item) });
            let outputs = infer(call, item, &inputs.collect::<Result<Vec<_>>>()?)?;
            if item == first {
                // SAFETY: promised by the caller.
                unsafe { write_specs(specs, n_outputs, &outputs)? };
            }
            if outputs.len() != n_outputs {
                return Err(Error::new("the wrong number of outputs"));
            }
            for (number, output) in outputs.iter().enumerate() {
                // SAFETY: as above, with room for a shape of each item.
                let (spec, place) = unsafe {
                    let spec = &**specs.add(number);
                    (spec, (*shapes.add(number)).add((item - first) * abi::MAX_RANK))
                };
                if spec.dtype != output.dtype as u32 || spec.rank as usize != output.shape.len() {
                    return Err(Error::new(
                        "its result differs from that of other items in dtype or number of axes",
                    ));
                }
                for (axis, &length) in output.shape.iter().enumerate() {
                    // SAFETY: `write_specs` has checked the number of axes.
                    unsafe { place.add(axis).write(length) };
                }
            }
            Ok(())
        })
        };
    // SAFETY: promised by the caller.
    unsafe { run(call, body) }
}

/// Write the specs of outputs.
///
/// # Safety
/// `specs` holds `count` pointers to specs of the host.
pub unsafe fn write_specs(
    specs: *const *mut OperandSpec,
    count: usize,
    values: &[Spec],
) -> Result<()> {
    if values.len() != count {
        return Err(Error::new(format!(
            "{} outputs inferred, not {count}",
            values.len()
        )));
    }
    for (number, value) in values.iter().enumerate() {
        if value.shape.len() > abi::MAX_RANK {
            return Err(Error::new(format!(
                "an output of {} axes",
                value.shape.len()
            )));
        }
        // SAFETY: promised by the caller.
        let spec = unsafe { &mut **specs.add(number) };
        spec.kind = abi::DENSE;
        spec.dtype = value.dtype as u32;
        spec.rank = value.shape.len() as u32;
        spec.shape[..value.shape.len()].copy_from_slice(&value.shape);
    }
    Ok(())
}

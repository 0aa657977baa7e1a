//! Columns that kernels read and write.

use crate::error::to_python;
use crate::executor;
use crate::kernel_plan::NativePlan;
use ironbatch_core::kernel::{Dtype, Grown, Layout, RaggedLayout};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
/// Values, offsets, shapes.
pub(crate) type RaggedTuple<'py> = (
    Bound<'py, PyUntypedArray>,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray2<'py, i64>,
);
/// An array, and offsets and shapes if it is ragged.
pub(crate) type OutputTuple<'py> = (Bound<'py, PyUntypedArray>, Lists<'py>);
pub(crate) type Lists<'py> = Option<(Bound<'py, PyArray1<i64>>, Bound<'py, PyArray2<i64>>)>;

/// The items of an input.
#[derive(FromPyObject)]
pub enum Column<'py> {
    /// An array whose first axis counts items.
    #[pyo3(transparent)]
    Dense(Bound<'py, PyUntypedArray>),
    /// Items of differing shapes.
    #[pyo3(transparent)]
    Ragged(RaggedTuple<'py>),
}

impl Column<'_> {
    /// A checked copy of where ragged items lie.
    pub(crate) fn layout(&self) -> PyResult<Option<RaggedLayout>> {
        let Self::Ragged((values, offsets, shapes)) = self else {
            return Ok(None);
        };
        let rank = shapes.shape()[1];
        let (offsets, shapes) = (offsets.as_slice()?.to_vec(), shapes.as_slice()?.to_vec());
        RaggedLayout::new(offsets, shapes, rank, values.len())
            .map(Some)
            .map_err(to_python)
    }
}

/// Make the memory of an output.
pub(crate) fn allocate_output<'py>(
    py: Python<'py>,
    layout: &Layout,
    n_items: usize,
    allocate: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let shape = match layout {
        Layout::Same(spec) => {
            let lengths = spec.shape.iter().map(|&length| length as usize);
            std::iter::once(n_items).chain(lengths).collect()
        }
        Layout::Varying(_, ragged) => {
            vec![ragged.offsets().last().map_or(0, |&end| end as usize)]
        }
        Layout::Growing(_) => vec![0],
    };
    allocated(py, layout.dtype(), shape, allocate)
}

fn allocated<'py>(
    py: Python<'py>,
    dtype: Dtype,
    shape: Vec<usize>,
    allocate: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let shape = PyTuple::new(py, shape)?;
    Ok(allocate
        .call1((dtype.name(), shape))?
        .cast_into::<PyUntypedArray>()?)
}

/// Put an output that has grown into a ragged column.
pub(crate) fn collected<'py>(
    py: Python<'py>,
    plan: &NativePlan,
    grown: Grown,
    allocate: &Bound<'py, PyAny>,
) -> PyResult<OutputTuple<'py>> {
    let offsets = grown.offsets();
    let total = offsets.last().map_or(0, |&end| end as usize);
    let array = allocated(py, grown.dtype(), vec![total], allocate)?;
    let target = plan.memory_of(&array, true, 0)?;
    executor::run(py, move || grown.write_to(&target))?;
    let lengths: Vec<_> = offsets.windows(2).map(|ends| ends[1] - ends[0]).collect();
    let n_items = lengths.len();
    let shapes = PyArray1::from_vec(py, lengths).reshape([n_items, 1])?;
    Ok((array, Some((PyArray1::from_vec(py, offsets), shapes))))
}

/// Offsets and shapes of an output, if it is ragged.
pub(crate) fn lists_of<'py>(
    py: Python<'py>,
    layout: &Layout,
    n_items: usize,
) -> PyResult<Lists<'py>> {
    Ok(match layout {
        Layout::Same(_) | Layout::Growing(_) => None,
        Layout::Varying(_, ragged) => Some((
            PyArray1::from_slice(py, ragged.offsets()),
            PyArray1::from_slice(py, ragged.shapes()).reshape([n_items, ragged.rank()])?,
        )),
    })
}

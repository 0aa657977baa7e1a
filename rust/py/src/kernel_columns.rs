//! Columns that kernels read and write.

use crate::error::to_python;
use ironbatch_core::kernel::{Layout, RaggedLayout};
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
    let (dtype, shape) = match layout {
        Layout::Same(spec) => {
            let lengths = spec.shape.iter().map(|&length| length as usize);
            (
                spec.dtype,
                std::iter::once(n_items).chain(lengths).collect(),
            )
        }
        Layout::Varying(dtype, ragged) => (
            *dtype,
            vec![ragged.offsets().last().map_or(0, |&end| end as usize)],
        ),
    };
    let shape = PyTuple::new(py, shape)?;
    Ok(allocate
        .call1((dtype.name(), shape))?
        .cast_into::<PyUntypedArray>()?)
}

/// Offsets and shapes of an output, if it is ragged.
pub(crate) fn lists_of<'py>(
    py: Python<'py>,
    layout: &Layout,
    n_items: usize,
) -> PyResult<Lists<'py>> {
    Ok(match layout {
        Layout::Same(_) => None,
        Layout::Varying(_, ragged) => Some((
            PyArray1::from_slice(py, ragged.offsets()),
            PyArray1::from_slice(py, ragged.shapes()).reshape([n_items, ragged.rank()])?,
        )),
    })
}

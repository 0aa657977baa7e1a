//! Kernels that follow one another, in one call.

#![expect(
    clippy::needless_pass_by_value,
    reason = "arguments from Python are owned"
)]

use crate::error::to_python;
use crate::executor;
use crate::kernel_columns::{Column, OutputTuple, allocate_output, lists_of};
use crate::kernel_plan::{
    Arrays, Failure, NativePlan, RandomTuple, failure, limits, random_source, told,
};
use ironbatch_core::kernel::{Chain, Layout, Limits, Link};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
/// Plans, values per item of their parameters, random streams, and which items they are for.
pub(crate) type LinkTuple<'py> = (
    Bound<'py, NativePlan>,
    Arrays<'py>,
    Option<RandomTuple<'py>>,
    Option<PyReadonlyArray1<'py, bool>>,
);

/// Run kernels of which each takes what the one before it gives, item by item; as `run_columns`.
///
/// `rows` says at which places of the inputs the items are, if these hold others too.
#[pyfunction]
#[pyo3(signature = (
    links, n_items, inputs, allocate, *, rows=None, n_workers=None, timeout=None
))]
#[expect(clippy::too_many_arguments, reason = "called by keyword")]
pub fn run_kernel_chain<'py>(
    py: Python<'py>,
    links: Vec<LinkTuple<'py>>,
    n_items: usize,
    inputs: Vec<Column<'py>>,
    allocate: &Bound<'py, PyAny>,
    rows: Option<PyReadonlyArray1<'py, i64>>,
    n_workers: Option<usize>,
    timeout: Option<f64>,
) -> PyResult<(Failure, Vec<OutputTuple<'py>>)> {
    let limits = limits(n_workers, timeout);
    with_chain(
        &links,
        n_items,
        &inputs,
        rows.as_ref(),
        limits,
        |chain, first| {
            let found = match executor::run(py, || Ok(chain.layouts()))? {
                Ok(found) => found,
                Err(error) => {
                    return told(Err::<(), _>(error))
                        .map_err(to_python)
                        .map(|(failure, _)| (failure, vec![]));
                }
            };
            let Some(last) = found.last() else {
                return Ok((None, vec![]));
            };
            let array = allocate_output(py, last, n_items, allocate)?;
            let output = first.output(&array, last)?;
            let (failure, _) = failure(executor::run(py, || Ok(told(chain.run(&found, output)))))?;
            Ok((failure, vec![(array, lists_of(py, last, n_items)?)]))
        },
    )
}

/// Dtype and number of axes of what the last kernel of a chain gives; nothing is computed.
#[pyfunction]
#[pyo3(signature = (links, n_items, inputs, *, rows=None))]
pub fn kernel_chain_result<'py>(
    py: Python<'py>,
    links: Vec<LinkTuple<'py>>,
    n_items: usize,
    inputs: Vec<Column<'py>>,
    rows: Option<PyReadonlyArray1<'py, i64>>,
) -> PyResult<(Failure, Option<(&'static str, usize)>)> {
    let limits = Limits::default();
    with_chain(
        &links,
        n_items,
        &inputs,
        rows.as_ref(),
        limits,
        |chain, _| match executor::run(py, || Ok(chain.layouts()))? {
            Ok(found) => Ok((
                None,
                found.last().map(|layout| match layout {
                    Layout::Same(spec) => (spec.dtype.name(), spec.shape.len()),
                    Layout::Varying(dtype, ragged) => (dtype.name(), ragged.rank()),
                    Layout::Growing(dtype) => (dtype.name(), 1),
                }),
            )),
            Err(error) => told(Err::<(), _>(error))
                .map_err(to_python)
                .map(|(failure, _)| (failure, None)),
        },
    )
}

/// Hand on a chain as the core has it, and its first kernel.
fn with_chain<'py, T>(
    links: &[LinkTuple<'py>],
    n_items: usize,
    inputs: &[Column<'py>],
    rows: Option<&PyReadonlyArray1<'py, i64>>,
    limits: Limits,
    body: impl FnOnce(&Chain<'_>, &NativePlan) -> PyResult<T>,
) -> PyResult<T> {
    let Some((first, ..)) = links.first() else {
        return Err(PyValueError::new_err("a chain has at least one kernel"));
    };
    let first = first.get();
    let (layouts, random, params) = (
        inputs
            .iter()
            .map(Column::layout)
            .collect::<PyResult<Vec<_>>>()?,
        links
            .iter()
            .map(|(_, _, random, _)| random.as_ref().map(random_source).transpose())
            .collect::<PyResult<Vec<_>>>()?,
        links
            .iter()
            .map(|(plan, params, ..)| plan.get().memories(params))
            .collect::<PyResult<Vec<_>>>()?,
    );
    let inputs = inputs
        .iter()
        .zip(&layouts)
        .enumerate()
        .map(|(number, (column, layout))| first.column(column, layout.as_ref(), number))
        .collect::<PyResult<Vec<_>>>()?;
    // A copy, as Python may change what it holds.
    let rows: Option<Vec<usize>> = rows
        .map(|rows| {
            let rows = rows.as_slice()?.iter();
            rows.map(|&row| usize::try_from(row))
                .collect::<Result<_, _>>()
                .map_err(|_| PyIndexError::new_err("a row below 0"))
        })
        .transpose()?;
    let applied: Vec<Option<Vec<bool>>> = links
        .iter()
        .map(|(.., applied)| {
            let list = applied.as_ref().map(|list| list.as_slice());
            Ok(list.transpose()?.map(<[bool]>::to_vec))
        })
        .collect::<PyResult<_>>()?;
    let chained: Vec<_> = links
        .iter()
        .zip(&params)
        .zip(random)
        .zip(&applied)
        .map(|((((plan, ..), params), random), applied)| Link {
            plan: &plan.get().0,
            params,
            random,
            applied: applied.as_deref(),
        })
        .collect();
    let chain = Chain {
        links: &chained,
        n_items,
        inputs: &inputs,
        rows: rows.as_deref(),
        limits,
    };
    body(&chain, first)
}

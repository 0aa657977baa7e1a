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
use ironbatch_core::kernel::{Chain, Link};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
/// Plans, values per item of their parameters, and random streams.
pub(crate) type LinkTuple<'py> = (
    Bound<'py, NativePlan>,
    Arrays<'py>,
    Option<RandomTuple<'py>>,
);

/// Run kernels of which each takes what the one before it gives, item by item; as `run_columns`.
#[pyfunction]
#[pyo3(signature = (links, n_items, inputs, allocate, *, n_workers=None, timeout=None))]
pub fn run_kernel_chain<'py>(
    py: Python<'py>,
    links: Vec<LinkTuple<'py>>,
    n_items: usize,
    inputs: Vec<Column<'py>>,
    allocate: &Bound<'py, PyAny>,
    n_workers: Option<usize>,
    timeout: Option<f64>,
) -> PyResult<(Failure, Vec<OutputTuple<'py>>)> {
    let Some((first, _, _)) = links.first() else {
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
            .map(|(_, _, random)| random.as_ref().map(random_source).transpose())
            .collect::<PyResult<Vec<_>>>()?,
        links
            .iter()
            .map(|(plan, params, _)| plan.get().memories(params))
            .collect::<PyResult<Vec<_>>>()?,
    );
    let inputs = inputs
        .iter()
        .zip(&layouts)
        .enumerate()
        .map(|(number, (column, layout))| first.column(column, layout.as_ref(), number))
        .collect::<PyResult<Vec<_>>>()?;
    let chained: Vec<_> = links
        .iter()
        .zip(&params)
        .zip(random)
        .map(|(((plan, _, _), params), random)| Link {
            plan: &plan.get().0,
            params,
            random,
        })
        .collect();
    let chain = Chain {
        links: &chained,
        n_items,
        inputs: &inputs,
        limits: limits(n_workers, timeout),
    };
    let found = match executor::run(py, || Ok(chain.layouts()))? {
        Ok(found) => found,
        Err(error) => {
            return told(Err(error))
                .map_err(to_python)
                .map(|failure| (failure, vec![]));
        }
    };
    let Some(last) = found.last() else {
        return Ok((None, vec![]));
    };
    let array = allocate_output(py, last, n_items, allocate)?;
    let output = first.output(&array, last)?;
    let failure = failure(executor::run(py, || Ok(told(chain.run(&found, output)))))?;
    Ok((failure, vec![(array, lists_of(py, last, n_items)?)]))
}

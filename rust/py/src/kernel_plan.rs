//! A kernel with its parameters: run on arrays and on columns.

#![expect(
    clippy::needless_pass_by_value,
    reason = "arguments from Python are owned"
)]

use crate::error::to_python;
use crate::executor;
use crate::kernel_columns::{Column, OutputTuple, allocate_output, collected, lists_of};
use crate::kernel_values::known_dtype;
use ironbatch_core::Error;
use ironbatch_core::kernel::{
    self, Dtype, Layout, Limits, Memory, Plan, RaggedLayout, RandomSource, Request, Spec,
};
use ironbatch_kernel::abi::MAX_RANK;
use numpy::npyffi::NPY_ARRAY_WRITEABLE;
use numpy::{PyArrayDescr, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::time::Duration;
/// Position of the failing item, the kind of failure, what the kernel said.
pub(crate) type Failure = Option<(usize, &'static str, String)>;
pub(crate) type Arrays<'py> = Vec<Bound<'py, PyUntypedArray>>;
pub(crate) type Words<'py> = PyReadonlyArray1<'py, u64>;
/// Key, operation, origins, epochs, operations, blocks.
pub(crate) type RandomTuple<'py> = (
    [u64; 2],
    u64,
    Words<'py>,
    Option<Words<'py>>,
    Option<Words<'py>>,
    Option<Words<'py>>,
);

/// A kernel bound to parameters.
#[pyclass(frozen, module = "ironbatch._core")]
pub struct NativePlan(pub(crate) Plan);

#[pymethods]
impl NativePlan {
    /// Dtype and shape of each output of an item, from those of its inputs.
    fn infer(
        &self,
        inputs: Vec<(Bound<'_, PyArrayDescr>, Vec<i64>)>,
    ) -> PyResult<Vec<(String, Vec<i64>)>> {
        let inputs = inputs
            .into_iter()
            .enumerate()
            .map(|(number, (dtype, shape))| {
                Ok(Spec {
                    dtype: self.dtype(&dtype, number)?,
                    shape,
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let outputs = self.0.infer(&inputs).map_err(to_python)?;
        Ok(outputs
            .into_iter()
            .map(|spec| (spec.dtype.name().to_owned(), spec.shape))
            .collect())
    }

    /// Run on arrays whose first axis counts items; tells the lowest failing item, if any.
    #[pyo3(signature = (
        n_items, inputs, outputs, params, *, random=None, n_workers=None, timeout=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "called by keyword")]
    fn run(
        &self,
        py: Python<'_>,
        n_items: usize,
        inputs: Arrays<'_>,
        outputs: Arrays<'_>,
        params: Arrays<'_>,
        random: Option<RandomTuple<'_>>,
        n_workers: Option<usize>,
        timeout: Option<f64>,
    ) -> PyResult<Failure> {
        let (inputs, outputs, params) = (
            self.memories(&inputs)?,
            self.memories(&outputs)?,
            self.memories(&params)?,
        );
        let random = random.as_ref().map(random_source).transpose()?;
        let request = Request {
            n_items,
            inputs: &inputs,
            outputs: &outputs,
            params: &params,
            random,
            limits: limits(n_workers, timeout),
        };
        let (failure, _) = failure(executor::run(py, || Ok(told(self.0.run(&request)))))?;
        Ok(failure)
    }

    /// Run on columns, dense (an array) or ragged (values, offsets, shapes).
    ///
    /// `allocate(dtype, shape)` makes the memory of each output: of all items if they are alike,
    /// else of all values. Gives the failing item, if any, and the outputs: an array, and offsets
    /// and shapes if it is ragged.
    #[pyo3(signature = (
        n_items, inputs, params, allocate, *, random=None, n_workers=None, timeout=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "called by keyword")]
    fn run_columns<'py>(
        &self,
        py: Python<'py>,
        n_items: usize,
        inputs: Vec<Column<'py>>,
        params: Arrays<'py>,
        allocate: &Bound<'py, PyAny>,
        random: Option<RandomTuple<'py>>,
        n_workers: Option<usize>,
        timeout: Option<f64>,
    ) -> PyResult<(Failure, Vec<OutputTuple<'py>>)> {
        let random = random.as_ref().map(random_source).transpose()?;
        let params = self.memories(&params)?;
        let layouts = inputs
            .iter()
            .map(Column::layout)
            .collect::<PyResult<Vec<_>>>()?;
        let inputs = inputs
            .iter()
            .zip(&layouts)
            .enumerate()
            .map(|(number, (column, layout))| self.column(column, layout.as_ref(), number))
            .collect::<PyResult<Vec<_>>>()?;
        let request = Request {
            n_items,
            inputs: &inputs,
            outputs: &[],
            params: &params,
            random,
            limits: limits(n_workers, timeout),
        };
        let found = executor::run(py, || match self.0.layouts(&request) {
            Ok(layouts) => Ok(Ok(layouts)),
            Err(error) => Ok(Err(error)),
        })?;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                return told(Err::<(), _>(error))
                    .map_err(to_python)
                    .map(|(failure, _)| (failure, vec![]));
            }
        };
        let fixed = || {
            found
                .iter()
                .filter(|layout| !matches!(layout, Layout::Growing(_)))
        };
        let arrays = fixed()
            .map(|layout| allocate_output(py, layout, n_items, allocate))
            .collect::<PyResult<Vec<_>>>()?;
        let outputs = fixed()
            .zip(&arrays)
            .map(|(layout, array)| self.output(array, layout))
            .collect::<PyResult<Vec<_>>>()?;
        let request = Request {
            outputs: &outputs,
            ..request
        };
        let (failure, grown) = failure(executor::run(py, || {
            Ok(told(self.0.run_laid_out(&request, &found)))
        }))?;
        if failure.is_some() {
            return Ok((failure, vec![]));
        }
        let (mut arrays, mut grown) = (arrays.into_iter(), grown.unwrap_or_default().into_iter());
        let made = found.iter().filter_map(|layout| match layout {
            Layout::Growing(_) => grown
                .next()
                .map(|grown| collected(py, self, grown, allocate)),
            _ => arrays
                .next()
                .map(|array| Ok((array, lists_of(py, layout, n_items)?))),
        });
        let made = made.collect::<PyResult<Vec<_>>>()?;
        Ok((failure, made))
    }

    /// Run on items of different shapes: the arrays of each item; values per item of parameters.
    ///
    /// `outputs` leaves out those that grow. Gives the failing item, if any, and what has grown.
    #[pyo3(signature = (
        inputs, outputs, params, allocate, *, random=None, n_workers=None, timeout=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "called by keyword")]
    fn run_each<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<Arrays<'_>>,
        outputs: Vec<Arrays<'_>>,
        params: Arrays<'_>,
        allocate: &Bound<'py, PyAny>,
        random: Option<RandomTuple<'_>>,
        n_workers: Option<usize>,
        timeout: Option<f64>,
    ) -> PyResult<(Failure, Vec<OutputTuple<'py>>)> {
        let random = random.as_ref().map(random_source).transpose()?;
        let ones = |items: &[Arrays<'_>]| {
            items
                .iter()
                .map(|arrays| {
                    arrays
                        .iter()
                        .map(|array| self.memory(array, false))
                        .collect()
                })
                .collect::<PyResult<Vec<Vec<_>>>>()
        };
        let (inputs, outputs, params) = (ones(&inputs)?, ones(&outputs)?, self.memories(&params)?);
        if inputs.len() != outputs.len() {
            return Err(PyValueError::new_err(
                "as many inputs as outputs are needed",
            ));
        }
        let requests: Vec<_> = inputs
            .iter()
            .zip(&outputs)
            .map(|(inputs, outputs)| Request {
                n_items: 1,
                inputs,
                outputs,
                params: &[],
                random,
                limits: Limits::default(),
            })
            .collect();
        let limits = limits(n_workers, timeout);
        let (failure, grown) = failure(executor::run(py, || {
            Ok(told(self.0.run_each(&requests, &params, limits)))
        }))?;
        let grown = grown.unwrap_or_default().into_iter();
        let made = grown.map(|grown| collected(py, self, grown, allocate));
        Ok((failure, made.collect::<PyResult<_>>()?))
    }
}

impl NativePlan {
    pub(crate) fn output<'a>(
        &self,
        array: &Bound<'_, PyUntypedArray>,
        layout: &'a Layout,
    ) -> PyResult<Memory<'a>> {
        match layout {
            Layout::Same(_) | Layout::Growing(_) => self.memory(array, true),
            Layout::Varying(_, ragged) => self.ragged(array, ragged, 0),
        }
    }

    fn dtype(&self, dtype: &Bound<'_, PyArrayDescr>, number: usize) -> PyResult<Dtype> {
        known_dtype(dtype).ok_or_else(|| {
            let kernel = self.0.kernel();
            let input = kernel.inputs.get(number);
            PyTypeError::new_err(format!(
                "{}: {} has to be {}, got {dtype}; its signature is {}",
                kernel.name,
                input.map_or("an array", |input| input.name.as_str()),
                input.map_or_else(String::new, kernel::OperandType::describe),
                kernel.signature()
            ))
        })
    }

    pub(crate) fn memories(
        &self,
        arrays: &[Bound<'_, PyUntypedArray>],
    ) -> PyResult<Vec<Memory<'static>>> {
        arrays
            .iter()
            .map(|array| self.memory(array, true))
            .collect()
    }

    /// Describe an array; `counts` tells whether its first axis counts items.
    fn memory(&self, array: &Bound<'_, PyUntypedArray>, counts: bool) -> PyResult<Memory<'static>> {
        self.memory_of(array, counts, 0)
    }

    pub(crate) fn column<'a>(
        &self,
        column: &Column<'_>,
        layout: Option<&'a RaggedLayout>,
        number: usize,
    ) -> PyResult<Memory<'a>> {
        match (column, layout) {
            (Column::Ragged((values, _, _)), Some(layout)) => self.ragged(values, layout, number),
            (Column::Ragged((array, _, _)) | Column::Dense(array), _) => {
                self.memory_of(array, true, number)
            }
        }
    }

    /// Describe values that a layout divides into items.
    fn ragged<'a>(
        &self,
        values: &Bound<'_, PyUntypedArray>,
        layout: &'a RaggedLayout,
        number: usize,
    ) -> PyResult<Memory<'a>> {
        let dtype = self.dtype(&values.dtype(), number)?;
        let end = layout.offsets().last().map_or(0, |&end| end as usize);
        let is_plain = values.ndim() == 1
            && (values.len() <= 1 || values.strides()[0] == dtype.size() as isize);
        if !is_plain || values.len() < end {
            return Err(PyValueError::new_err(format!(
                "{}: the values of a ragged column have to lie end to end, {end} of them",
                self.0.kernel().name
            )));
        }
        // SAFETY: the pointer is that of a live array object.
        let (data, flags) = unsafe {
            let raw = values.as_array_ptr();
            ((*raw).fields.data.cast::<u8>(), (*raw).fields.flags)
        };
        // SAFETY: the array has as many values as the layout was checked for.
        Ok(unsafe { Memory::of_ragged(data, dtype, layout, flags & NPY_ARRAY_WRITEABLE != 0) })
    }

    pub(crate) fn memory_of(
        &self,
        array: &Bound<'_, PyUntypedArray>,
        counts: bool,
        number: usize,
    ) -> PyResult<Memory<'static>> {
        let dtype = self.dtype(&array.dtype(), number)?;
        // SAFETY: the pointer is that of a live array object.
        let (data, flags) = unsafe {
            let raw = array.as_array_ptr();
            ((*raw).fields.data.cast::<u8>(), (*raw).fields.flags)
        };
        let (shape, strides) = (array.shape(), array.strides());
        let writable = flags & NPY_ARRAY_WRITEABLE != 0;
        // SAFETY: NumPy vouches for its arrays' strides, and the caller holds the array while the
        // plan runs.
        let memory = unsafe {
            if counts {
                Memory::of_items(data, dtype, shape, strides, writable)
            } else {
                Memory::of_one(data, dtype, shape, strides, writable)
            }
        };
        memory.ok_or_else(|| {
            PyValueError::new_err(format!(
                "{}: an array of {} axes; kernels take items of at most {MAX_RANK}",
                self.0.kernel().name,
                shape.len()
            ))
        })
    }
}

pub(crate) fn random_source<'a>(tuple: &'a RandomTuple<'_>) -> PyResult<RandomSource<'a>> {
    let (key, operation, origins, epochs, operations, blocks) = tuple;
    let list =
        |words: &'a Option<Words<'_>>| words.as_ref().map(|words| words.as_slice()).transpose();
    Ok(RandomSource {
        key: *key,
        operation: *operation,
        origins: origins.as_slice()?,
        epochs: list(epochs)?,
        operations: list(operations)?,
        blocks: list(blocks)?,
    })
}

pub(crate) fn limits(n_workers: Option<usize>, timeout: Option<f64>) -> Limits {
    // More seconds than a `Duration` holds is no limit.
    let timeout = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Limits { n_workers, timeout }
}

/// A failing item, if any, and what was made if there is none.
pub(crate) type Told<T> = (Failure, Option<T>);

/// Keep a failing item apart from errors of the whole call.
pub(crate) fn told<T>(outcome: ironbatch_core::Result<T>) -> Result<Told<T>, Error> {
    match outcome {
        Ok(made) => Ok((None, Some(made))),
        Err(Error::Item { position, source }) => {
            let kind = match *source {
                Error::Panic(_) => "panic",
                Error::Type(_) => "type",
                Error::Timeout(_) => "timeout",
                _ => "value",
            };
            Ok((Some((position, kind, source.to_string())), None))
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn failure<T>(outcome: PyResult<Result<Told<T>, Error>>) -> PyResult<Told<T>> {
    outcome?.map_err(to_python)
}

//! Handles on kernels and plans.

#![expect(
    clippy::needless_pass_by_value,
    reason = "arguments from Python are owned"
)]

use crate::error::to_python;
use crate::executor;
use crate::leaving::detach;
use ironbatch_core::Error;
use ironbatch_core::kernel::{
    self, ArrayValue, Dtype, Kernel, Layout, Library, Limits, Memory, Plan, RaggedLayout,
    RandomSource, Request, Spec, Value,
};
use ironbatch_kernel::abi::{CAPSULE, KernelTable, MAX_RANK};
use numpy::npyffi::NPY_ARRAY_WRITEABLE;
use numpy::{
    PyArray1, PyArray2, PyArrayDescr, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1,
    PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyImportError, PyTypeError, PyValueError};
use pyo3::ffi::c_str;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyCapsule, PyCapsuleMethods, PyDict, PyFloat, PyInt, PyString, PyTuple};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A kernel: what it is called, what it takes, and how to bind it.
#[pyclass(frozen, module = "ironbatch._core")]
pub struct NativeKernel(Arc<Kernel>);

#[pymethods]
impl NativeKernel {
    /// Name.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Documentation.
    #[getter]
    fn doc(&self) -> &str {
        &self.0.doc
    }

    /// The signature as Python code.
    #[getter]
    fn signature(&self) -> String {
        self.0.signature()
    }

    /// Names of the inputs.
    #[getter]
    fn inputs(&self) -> Vec<&str> {
        self.0
            .inputs
            .iter()
            .map(|input| input.name.as_str())
            .collect()
    }

    /// Names of the outputs.
    #[getter]
    fn outputs(&self) -> Vec<&str> {
        self.0
            .outputs
            .iter()
            .map(|output| output.name.as_str())
            .collect()
    }

    /// Whether each element is treated by itself.
    #[getter]
    fn elementwise(&self) -> bool {
        self.0.is_elementwise()
    }

    /// Whether one run takes items of differing shapes.
    #[getter]
    fn takes_ragged(&self) -> bool {
        self.0.takes_ragged()
    }

    /// Whether shapes of outputs depend on what is in the items.
    #[getter]
    fn varying(&self) -> bool {
        self.0.is_varying()
    }

    /// Whether random numbers are drawn.
    #[getter]
    fn random(&self) -> bool {
        self.0.is_random()
    }

    /// For each parameter: name, type, dtype and axes of values per item, whether it has a default,
    /// default.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Vec<ParamTuple<'py>>> {
        self.0
            .params
            .iter()
            .map(|param| {
                let mut kind = param.type_name().to_owned();
                if param.nullable {
                    kind.push_str(" | None");
                }
                let default = to_object(py, param.default.as_ref().unwrap_or(&Value::None))?;
                let per_item = param
                    .item_dtype()
                    .map(|dtype| (dtype.name(), param.item_rank()));
                Ok((
                    param.name.clone(),
                    kind,
                    per_item,
                    param.default.is_some(),
                    default,
                ))
            })
            .collect()
    }

    /// Parse constant parameters; those in `per_item` get their values with each run.
    fn bind(&self, params: &Bound<'_, PyDict>, per_item: Vec<String>) -> PyResult<NativePlan> {
        let given = params
            .iter()
            .map(|(name, value)| Ok((name.extract()?, to_value(&value)?)))
            .collect::<PyResult<Vec<(String, Value)>>>()?;
        self.0
            .bind(&given, &per_item)
            .map(NativePlan)
            .map_err(to_python)
    }
}

type ParamTuple<'py> = (
    String,
    String,
    Option<(&'static str, usize)>,
    bool,
    Bound<'py, PyAny>,
);
/// Position of the failing item, the kind of failure, what the kernel said.
type Failure = Option<(usize, &'static str, String)>;
type Arrays<'py> = Vec<Bound<'py, PyUntypedArray>>;
/// Values, offsets, shapes.
type RaggedTuple<'py> = (
    Bound<'py, PyUntypedArray>,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray2<'py, i64>,
);
/// An array, and offsets and shapes if it is ragged.
type OutputTuple<'py> = (
    Bound<'py, PyUntypedArray>,
    Option<(Bound<'py, PyArray1<i64>>, Bound<'py, PyArray2<i64>>)>,
);

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
    fn layout(&self) -> PyResult<Option<RaggedLayout>> {
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

type Words<'py> = PyReadonlyArray1<'py, u64>;
/// Key, operation, origins, epochs, operations, blocks.
type RandomTuple<'py> = (
    [u64; 2],
    u64,
    Words<'py>,
    Option<Words<'py>>,
    Option<Words<'py>>,
    Option<Words<'py>>,
);

/// A kernel bound to parameters.
#[pyclass(frozen, module = "ironbatch._core")]
pub struct NativePlan(Plan);

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
        failure(executor::run(py, || Ok(told(self.0.run(&request)))))
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
                return told(Err(error))
                    .map_err(to_python)
                    .map(|failure| (failure, vec![]));
            }
        };
        let arrays = found
            .iter()
            .map(|layout| {
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
            })
            .collect::<PyResult<Vec<_>>>()?;
        let outputs = found
            .iter()
            .zip(&arrays)
            .map(|(layout, array)| match layout {
                Layout::Same(_) => self.memory(array, true),
                Layout::Varying(_, ragged) => self.ragged(array, ragged, 0),
            })
            .collect::<PyResult<Vec<_>>>()?;
        let request = Request {
            outputs: &outputs,
            ..request
        };
        let failure = failure(executor::run(py, || {
            Ok(told(self.0.run_laid_out(&request, &found)))
        }))?;
        let made = found.iter().zip(arrays).map(|(layout, array)| {
            let lists = match layout {
                Layout::Same(_) => None,
                Layout::Varying(_, ragged) => Some((
                    PyArray1::from_slice(py, ragged.offsets()),
                    PyArray1::from_slice(py, ragged.shapes()).reshape([n_items, ragged.rank()])?,
                )),
            };
            Ok((array, lists))
        });
        let made = made.collect::<PyResult<Vec<_>>>()?;
        Ok((failure, made))
    }

    /// Run on items of different shapes: the arrays of each item; values per item of parameters.
    #[pyo3(signature = (inputs, outputs, params, *, random=None, n_workers=None, timeout=None))]
    #[expect(clippy::too_many_arguments, reason = "called by keyword")]
    fn run_each(
        &self,
        py: Python<'_>,
        inputs: Vec<Arrays<'_>>,
        outputs: Vec<Arrays<'_>>,
        params: Arrays<'_>,
        random: Option<RandomTuple<'_>>,
        n_workers: Option<usize>,
        timeout: Option<f64>,
    ) -> PyResult<Failure> {
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
        failure(executor::run(py, || {
            Ok(told(self.0.run_each(&requests, &params, limits)))
        }))
    }
}

impl NativePlan {
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

    fn memories(&self, arrays: &[Bound<'_, PyUntypedArray>]) -> PyResult<Vec<Memory<'static>>> {
        arrays
            .iter()
            .map(|array| self.memory(array, true))
            .collect()
    }

    /// Describe an array; `counts` tells whether its first axis counts items.
    fn memory(&self, array: &Bound<'_, PyUntypedArray>, counts: bool) -> PyResult<Memory<'static>> {
        self.memory_of(array, counts, 0)
    }

    fn column<'a>(
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

    fn memory_of(
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

fn random_source<'a>(tuple: &'a RandomTuple<'_>) -> PyResult<RandomSource<'a>> {
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

fn known_dtype(dtype: &Bound<'_, PyArrayDescr>) -> Option<Dtype> {
    match (dtype.kind(), dtype.itemsize()) {
        _ if !dtype.is_native_byteorder().unwrap_or(true) => None,
        (b'b', 1) => Some(Dtype::Bool),
        (b'i', 1) => Some(Dtype::I8),
        (b'u', 1) => Some(Dtype::U8),
        (b'i', 2) => Some(Dtype::I16),
        (b'u', 2) => Some(Dtype::U16),
        (b'i', 4) => Some(Dtype::I32),
        (b'u', 4) => Some(Dtype::U32),
        (b'i', 8) => Some(Dtype::I64),
        (b'u', 8) => Some(Dtype::U64),
        (b'f', 2) => Some(Dtype::F16),
        (b'f', 4) => Some(Dtype::F32),
        (b'f', 8) => Some(Dtype::F64),
        _ => None,
    }
}

fn limits(n_workers: Option<usize>, timeout: Option<f64>) -> Limits {
    // More seconds than a `Duration` holds is no limit.
    let timeout = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Limits { n_workers, timeout }
}

/// Keep a failing item apart from errors of the whole call.
fn told(outcome: ironbatch_core::Result<()>) -> Result<Failure, Error> {
    match outcome {
        Ok(()) => Ok(None),
        Err(Error::Item { position, source }) => {
            let kind = match *source {
                Error::Panic(_) => "panic",
                Error::Type(_) => "type",
                Error::Timeout(_) => "timeout",
                _ => "value",
            };
            Ok(Some((position, kind, source.to_string())))
        }
        Err(error) => Err(error),
    }
}

fn failure(outcome: PyResult<Result<Failure, Error>>) -> PyResult<Failure> {
    outcome?.map_err(to_python)
}

fn to_value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if object.is_none() {
        return Ok(Value::None);
    }
    if object.is_instance_of::<PyBool>() {
        return object.extract().map(Value::Bool);
    }
    if object.is_instance_of::<PyInt>() {
        return object.extract().map(Value::Int);
    }
    if object.is_instance_of::<PyFloat>() {
        return object.extract().map(Value::Float);
    }
    if object.is_instance_of::<PyString>() {
        return object.extract().map(Value::Text);
    }
    if let Ok(array) = object.cast::<PyUntypedArray>() {
        return array_value(array);
    }
    if let Ok(numbers) = object.extract::<Vec<i64>>() {
        return Ok(Value::Ints(numbers));
    }
    object
        .extract::<Vec<f64>>()
        .map(Value::Floats)
        .map_err(|_| PyTypeError::new_err(format!("{object} cannot be a parameter of a kernel")))
}

/// Copy an array that lies in C order.
fn array_value(array: &Bound<'_, PyUntypedArray>) -> PyResult<Value> {
    let refuse = || PyTypeError::new_err(format!("{array} cannot be a parameter of a kernel"));
    let dtype = known_dtype(&array.dtype()).ok_or_else(refuse)?;
    if !array.is_c_contiguous() {
        return Err(refuse());
    }
    let n_bytes = array.len() * dtype.size();
    let bytes: &[u8] = if n_bytes == 0 {
        &[]
    } else {
        // SAFETY: the array is alive, lies end to end, and has that many bytes.
        unsafe {
            let data = (*array.as_array_ptr()).fields.data.cast::<u8>();
            std::slice::from_raw_parts(data, n_bytes)
        }
    };
    ArrayValue::new(dtype, array.shape().to_vec(), bytes)
        .map(Value::Array)
        .ok_or_else(refuse)
}

fn to_object<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::None => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::Int(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => number.into_pyobject(py)?.into_any(),
        Value::Text(text) => text.into_pyobject(py)?.into_any(),
        Value::Ints(numbers) => numbers.into_pyobject(py)?.into_any(),
        Value::Floats(numbers) => numbers.into_pyobject(py)?.into_any(),
        Value::Dtype(dtype) => dtype.name().into_pyobject(py)?.into_any(),
        // Tables have no defaults that are arrays.
        Value::Array(array) => array.shape().to_vec().into_pyobject(py)?.into_any(),
    })
}

type LibraryTuple = (String, String, Vec<NativeKernel>);

fn tuple(library: Library) -> LibraryTuple {
    let kernels = library.kernels.into_iter().map(NativeKernel).collect();
    (library.name, library.version, kernels)
}

/// The kernels that come with ironbatch.
#[pyfunction]
pub fn built_in_kernels() -> PyResult<Vec<NativeKernel>> {
    let kernels = kernel::built_in().map_err(to_python)?;
    Ok(kernels
        .iter()
        .map(|kernel| NativeKernel(Arc::clone(kernel)))
        .collect())
}

/// Load a shared library: its name, version and kernels.
#[pyfunction]
pub fn load_kernel_library(py: Python<'_>, path: PathBuf) -> PyResult<LibraryTuple> {
    // Initialisers of the library may take their time.
    detach(py, || kernel::load(&path))
        .map(tuple)
        .map_err(to_python)
}

/// Read the table in a capsule: name, version and kernels of its library.
#[pyfunction]
pub fn read_kernel_capsule(capsule: &Bound<'_, PyAny>, origin: &str) -> PyResult<LibraryTuple> {
    let refuse = |what: String| PyImportError::new_err(format!("{origin}: {what}"));
    let capsule = capsule
        .cast::<PyCapsule>()
        .map_err(|_| refuse(format!("__kernel_table__() gave no capsule but {capsule}")))?;
    debug_assert_eq!(CAPSULE, "ironbatch.kernel_table.v1");
    let table = capsule
        .pointer_checked(Some(c_str!("ironbatch.kernel_table.v1")))
        .map_err(|_| {
            refuse(format!(
                "the capsule of __kernel_table__() is not named {CAPSULE}"
            ))
        })?;
    // The table's memory is the capsule's: neither may go while kernels point into it.
    std::mem::forget(capsule.clone().unbind());
    // SAFETY: the name says that this is a table of kernels, kept alive above.
    unsafe { kernel::read_table(table.as_ptr().cast::<KernelTable>(), origin) }
        .map(tuple)
        .map_err(to_python)
}

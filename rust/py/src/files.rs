//! Reading and writing the files of a batch: `ironbatch._core.read_files` and its siblings.

#![expect(
    clippy::needless_pass_by_value,
    reason = "what Python passes is converted into values"
)]

use ironbatch_core::io::codec::Compression;
use ironbatch_core::io::column::{Column, Kind, Spec};
use ironbatch_core::io::dtype::DType;
use ironbatch_core::io::write::Options;
use ironbatch_core::io::{Layout, probe, read, write};
use ironbatch_core::{Error, Result};
use numpy::npyffi::flags::{NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_WRITEABLE};
use numpy::{PyArrayDescrMethods, PyReadonlyArray1, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::ffi::OsString;
use std::path::PathBuf;

pyo3::create_exception!(
    ironbatch._core,
    FileFailure,
    PyException,
    "A file failed: (position, kind, errno or None, message or path); made into what users see."
);

/// What a file declares: name, kind, dtype, shape.
type Declared = (String, u8, String, Vec<u64>);

/// Make the failure of one file an exception that says which; others stay what they are.
fn failed(error: Error) -> PyErr {
    let Error::Item { position, source } = error else {
        return crate::error::to_python(error);
    };
    let (kind, errno, message) = match *source {
        Error::Io { context, source } => match source.raw_os_error() {
            Some(errno) => ("io", Some(errno), context),
            None => ("format", None, format!("{context}: {source}")),
        },
        Error::Format(message) => ("format", None, message),
        Error::Differs(message) => ("differs", None, message),
        Error::Unsupported(message) => ("unsupported", None, message),
        other => return crate::error::to_python(other),
    };
    FileFailure::new_err((position, kind, errno, message))
}

fn run<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    // What one file did is kept apart from what stopped all of them, such as Ctrl-C.
    let outcome = crate::executor::run(py, || match work() {
        Err(error @ Error::Item { .. }) => Ok(Err(error)),
        outcome => outcome.map(Ok),
    })?;
    outcome.map_err(failed)
}

fn to_paths(paths: Vec<OsString>) -> Vec<PathBuf> {
    paths.into_iter().map(PathBuf::from).collect()
}

/// One component: its name, kind and dtype, its memory, and one shape for all items or an offset
/// (in elements) and a shape for each.
#[derive(FromPyObject)]
pub struct Memory<'py>(
    String,
    u8,
    String,
    Bound<'py, PyUntypedArray>,
    Option<Vec<u64>>,
    Option<PyReadonlyArray1<'py, i64>>,
    Option<PyReadonlyArray1<'py, i64>>,
);

impl Memory<'_> {
    fn bytes(&self, write: bool) -> PyResult<(*mut u8, usize)> {
        let array = self.3.as_array_ptr();
        // SAFETY: a live array's own fields, read while attached.
        let (flags, start) = unsafe { ((*array).fields.flags, (*array).fields.data) };
        let needed = NPY_ARRAY_C_CONTIGUOUS | if write { NPY_ARRAY_WRITEABLE } else { 0 };
        if flags & needed != needed {
            return Err(PyValueError::new_err(
                "the memory of a component must be C-contiguous, and writeable to be read into",
            ));
        }
        Ok((start.cast(), self.3.len() * self.3.dtype().itemsize()))
    }

    fn column(&self, n_items: usize, write: bool) -> PyResult<Column> {
        let Self(name, kind, dtype, _, shape, offsets, shapes) = self;
        let kind = Kind::from_byte(*kind)
            .ok_or_else(|| PyValueError::new_err(format!("unknown kind {kind}")))?;
        let dtype = DType::parse(dtype).ok_or_else(|| {
            PyTypeError::new_err(format!(
                "component {name:?}: elements of type {dtype} cannot be in such files"
            ))
        })?;
        let (start, bytes) = self.bytes(write)?;
        let column = match (shape, offsets, shapes) {
            (Some(shape), None, None) => {
                let spec = Spec {
                    kind,
                    dtype,
                    shape: shape.clone(),
                };
                // SAFETY: the array is held by the caller, and checked to be contiguous.
                unsafe { Column::dense(name.clone(), spec, start, bytes, n_items) }
            }
            (None, Some(offsets), Some(shapes)) => {
                // Copied: Python may write to its arrays after they were checked.
                let (offsets, shapes) = (offsets.as_slice()?.to_vec(), shapes.as_slice()?.to_vec());
                if offsets.len().checked_sub(1) != Some(n_items) {
                    return Err(PyValueError::new_err("there must be n + 1 offsets"));
                }
                let ndim = shapes.len().checked_div(n_items).unwrap_or(0);
                // SAFETY: as above.
                unsafe {
                    Column::ragged(
                        name.clone(),
                        kind,
                        dtype,
                        start,
                        bytes,
                        offsets,
                        shapes,
                        ndim,
                    )
                }
            }
            _ => {
                return Err(PyValueError::new_err(
                    "give one shape, or offsets and shapes",
                ));
            }
        };
        column.map_err(crate::error::to_python)
    }
}

fn columns(memory: &[Memory<'_>], n_items: usize, write: bool) -> PyResult<Vec<Column>> {
    memory
        .iter()
        .map(|each| each.column(n_items, write))
        .collect()
}

/// What each file declares, checked against its size and the limit.
#[pyfunction]
pub fn probe_files(
    py: Python<'_>,
    paths: Vec<OsString>,
    layout: &str,
    names: Option<Vec<String>>,
    max_bytes: u64,
) -> PyResult<Vec<Vec<Declared>>> {
    let (paths, layout) = (to_paths(paths), to_layout(layout)?);
    let found = run(py, || {
        probe::probe_files(&paths, layout, names.as_deref(), max_bytes)
    })?;
    let declared = |(name, spec): (String, Spec)| {
        let dtype = spec.dtype.as_str().to_owned();
        (name, spec.kind as u8, dtype, spec.shape)
    };
    Ok(found
        .into_iter()
        .map(|specs| specs.into_iter().map(declared).collect())
        .collect())
}

fn to_layout(layout: &str) -> PyResult<Layout> {
    Layout::parse(layout).map_err(crate::error::to_python)
}

/// Read one file for each item into the memory of its components.
#[pyfunction]
pub fn read_files(
    py: Python<'_>,
    paths: Vec<OsString>,
    layout: &str,
    memory: Vec<Memory<'_>>,
    max_bytes: u64,
) -> PyResult<()> {
    let (paths, layout) = (to_paths(paths), to_layout(layout)?);
    let columns = columns(&memory, paths.len(), true)?;
    // SAFETY: the arrays live until this function returns; the caller has just made them and
    // shown them to nobody.
    run(py, || unsafe {
        read::read_files(&paths, layout, &columns, max_bytes)
    })
}

/// Write one file for each of these items, each all or nothing.
#[pyfunction]
#[expect(
    clippy::too_many_arguments,
    reason = "called from one place, by position"
)]
pub fn write_files(
    py: Python<'_>,
    paths: Vec<OsString>,
    items: Vec<usize>,
    n_items: usize,
    layout: &str,
    memory: Vec<Memory<'_>>,
    codec: &str,
    level: i64,
    shuffle: &str,
    sync: bool,
) -> PyResult<()> {
    let (paths, layout) = (to_paths(paths), to_layout(layout)?);
    let compression = Compression::new(codec, level, shuffle).map_err(crate::error::to_python)?;
    let options = Options { compression, sync };
    let columns = columns(&memory, n_items, false)?;
    if let Some(item) = items.iter().find(|&&item| item >= n_items) {
        return Err(PyValueError::new_err(format!("there is no item {item}")));
    }
    // SAFETY: the arrays live until this function returns; they are only read, and a writer in
    // another thread can spoil no more than the bytes it writes.
    run(py, || unsafe {
        write::write_files(&paths, &items, layout, &columns, options)
    })
}

//! Orders and random streams of the core.

use ironbatch_core::order::{Order, VERSION};
use ironbatch_core::random;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::error::to_python;
use crate::leaving::detach;
use crate::memory::filled;

/// Parts up to this long are computed without letting go of the GIL.
const QUICK: usize = 4096;

/// The order of `n` items in each epoch, as a function of a key.
#[pyclass(frozen, name = "Order", module = "ironbatch._core")]
pub struct PyOrder(Order);

#[pymethods]
impl PyOrder {
    #[new]
    fn new(key: (u64, u64), n: u64) -> PyResult<Self> {
        Order::new([key.0, key.1], n).map(Self).map_err(to_python)
    }

    /// Version of the algorithm.
    #[classattr]
    fn version() -> u32 {
        VERSION
    }

    fn __len__(&self) -> usize {
        self.0.len() as usize
    }

    #[getter]
    fn key(&self) -> (u64, u64) {
        self.0.key().into()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, ((u64, u64), u64)) {
        let order = &slf.get().0;
        (slf.get_type().into_any(), (order.key().into(), order.len()))
    }

    /// Positions of `count` places from `start` on, looked up in `of` if that is given.
    #[pyo3(signature = (epoch, start, count, of=None))]
    fn positions<'py>(
        &self,
        py: Python<'py>,
        epoch: u64,
        start: u64,
        count: usize,
        of: Option<PyReadonlyArray1<'py, i64>>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        if count as u64 > self.0.len() {
            return Err(PyIndexError::new_err(format!(
                "an order of {} items has no {count} places",
                self.0.len()
            )));
        }
        let mut out = filled(count, 0)?;
        if count <= QUICK {
            self.0.positions(epoch, start, &mut out)
        } else {
            detach(py, || self.0.positions(epoch, start, &mut out))
        }
        .map_err(to_python)?;
        if let Some(of) = of {
            let of = of.as_slice()?;
            for place in &mut out {
                *place = *of.get(*place as usize).ok_or_else(|| {
                    PyIndexError::new_err("the order is longer than what it is looked up in")
                })?;
            }
        }
        Ok(PyArray1::from_vec(py, out))
    }
}

/// Stable 64-bit origin of a string or bytes id.
#[pyfunction]
pub fn origin_of(id: &[u8]) -> u64 {
    random::origin_of_bytes(id)
}

/// Stable 64-bit name of the `ordinal`-th call within the action at `path`.
#[pyfunction]
pub fn operation_hash(path: &str, ordinal: u64) -> u64 {
    random::operation_hash(path, ordinal)
}

/// Counter word that joins an operation with an item's occurrence.
#[pyfunction]
pub fn operation_word(operation: u64, occurrence: u64) -> u64 {
    random::operation_word(operation, occurrence)
}

/// The first `n` words of an item's stream in an operation.
#[pyfunction]
pub fn item_words(
    py: Python<'_>,
    key: (u64, u64),
    operation: u64,
    origin: u64,
    epoch: u64,
    occurrence: u64,
    n: usize,
) -> PyResult<Bound<'_, PyArray1<u64>>> {
    let mut stream = random::item_stream([key.0, key.1], operation, origin, epoch, occurrence);
    let mut words = filled(n, 0)?;
    words.fill_with(|| stream.next_u64());
    Ok(PyArray1::from_vec(py, words))
}

//! `Ids`: the handle of an index of the core.

// PyO3 hands arguments over by value.
#![allow(clippy::needless_pass_by_value)]

use ironbatch_core::index::{Ids, Index, Strings, check_positions};
use numpy::ndarray::ArrayView1;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use numpy::{PyUntypedArrayMethods, ToPyArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyRange, PyRangeMethods, PyString};

use crate::error::to_python;
use crate::leaving::detach;
use crate::memory::filled;

/// Immutable column of ids with its position table.
#[pyclass(frozen, name = "Ids", module = "ironbatch._core")]
pub struct PyIds(Index);

/// Positions, and the place of the first id that has none or -1.
type Found<'py> = (Bound<'py, PyArray1<i64>>, i64);

impl PyIds {
    fn of(ids: Ids) -> PyResult<Self> {
        Index::new(ids).map(Self).map_err(to_python)
    }

    fn found<'py>(&self, py: Python<'py>, wanted: &[i64]) -> Found<'py> {
        let mut out = vec![0; wanted.len()];
        let unknown = detach(py, || self.0.find_ints(wanted, &mut out)).err();
        (
            PyArray1::from_vec(py, out),
            unknown.map_or(-1, |place| place as i64),
        )
    }
}

#[pymethods]
impl PyIds {
    /// From a range with step 1, int64s, a list of str, or a 2-D array of UTF-32 characters.
    #[new]
    fn new(py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(range) = ids.cast::<PyRange>() {
            if range.step()? != 1 {
                return Err(PyValueError::new_err("a range of ids must have step 1"));
            }
            let (start, stop) = (range.start()? as i64, range.stop()? as i64);
            let Some(len) = stop.max(start).checked_sub(start) else {
                return Err(PyValueError::new_err(format!(
                    "a range of ids from {start} to {stop} is too long"
                )));
            };
            let len = len as usize;
            Self::of(Ids::Range { start, len })
        } else if let Ok(list) = ids.cast::<PyList>() {
            let mut strings = Strings::with_capacity(list.len());
            for id in list.iter() {
                let id = id.cast::<PyString>()?.to_str()?;
                if id.ends_with('\0') {
                    return Err(PyValueError::new_err("an id ends with a NUL character"));
                }
                strings.push(id);
            }
            Self::of(Ids::Str(strings))
        } else if let Ok(ints) = ids.extract::<PyReadonlyArray1<'_, i64>>() {
            let ints = ints.as_slice()?;
            detach(py, || Self::of(Ids::from_ints(ints.to_vec())))
        } else if let Ok(chars) = ids.extract::<PyReadonlyArray2<'_, u32>>() {
            let (width, chars) = (chars.shape()[1], chars.as_slice()?);
            let n = chars.len().checked_div(width).unwrap_or(0);
            detach(py, || {
                let mut strings = Strings::with_capacity(n);
                for text in chars.chunks_exact(width.max(1)) {
                    let used = text
                        .iter()
                        .rposition(|&c| c != 0)
                        .map_or(0, |last| last + 1);
                    if !text[..used].iter().all(|&c| char::from_u32(c).is_some()) {
                        return Err(PyValueError::new_err("an id holds an invalid character"));
                    }
                    strings.push_chars(text[..used].iter().filter_map(|&c| char::from_u32(c)));
                }
                Self::of(Ids::Str(strings))
            })
        } else {
            Err(PyTypeError::new_err(
                "ids must be a range, int64s, strings or characters",
            ))
        }
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>,))> {
        let py = slf.py();
        let data = match slf.get().0.ids() {
            Ids::Range { start, len } => {
                PyRange::new(py, *start as isize, *start as isize + *len as isize)?.into_any()
            }
            Ids::Int(ids) => ids.to_pyarray(py).into_any(),
            Ids::Str(ids) => {
                let text: Vec<_> = ids.iter().map(String::from_utf8_lossy).collect();
                PyList::new(py, text)?.into_any()
            }
        };
        Ok((slf.get_type().into_any(), (data,)))
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// 'range', 'int' or 'str'.
    #[getter]
    fn kind(&self) -> &'static str {
        match self.0.ids() {
            Ids::Range { .. } => "range",
            Ids::Int(_) => "int",
            Ids::Str(_) => "str",
        }
    }

    /// Bytes held by the ids and by the table, if it has been built.
    #[getter]
    fn nbytes(&self) -> usize {
        self.0.nbytes()
    }

    /// First id of a range.
    #[getter]
    fn start(&self) -> Option<i64> {
        match self.0.ids() {
            Ids::Range { start, .. } => Some(*start),
            _ => None,
        }
    }

    /// Positions whose id has occurred before. Builds the table.
    fn duplicates<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        detach(py, || self.0.duplicates()).to_pyarray(py)
    }

    /// Whether no id repeats. Builds the table.
    #[getter]
    fn unique(&self, py: Python<'_>) -> bool {
        detach(py, || self.0.duplicates().is_empty())
    }

    /// How often each position's id has occurred before, or None if none repeats.
    fn occurrences<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<u64>>> {
        detach(py, || self.0.occurrences()).map(|counts| PyArray1::from_vec(py, counts))
    }

    /// Position of an integer id, or -1.
    fn find_int(&self, id: i64) -> i64 {
        self.0.find_int(id).map_or(-1, |position| position as i64)
    }

    /// Position of a string id, or -1.
    fn find_str(&self, id: &str) -> i64 {
        self.0
            .find_str(id.as_bytes())
            .map_or(-1, |position| position as i64)
    }

    /// Positions of many integer ids, and the place of the first unknown one or -1.
    fn find_ints<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'py, PyArray1<i64>>,
    ) -> PyResult<Found<'py>> {
        // Copied: Python may write to the array while it is looked at without the GIL.
        let wanted = ids.readonly().as_slice()?.to_vec();
        Ok(self.found(py, &wanted))
    }

    /// Positions of a list of ids, and the place of the first unknown one or -1.
    ///
    /// None if they are not all of the kind of this column.
    fn find_list<'py>(&self, ids: &Bound<'py, PyList>) -> Option<Found<'py>> {
        let py = ids.py();
        if self.kind() != "str" {
            let mut wanted = Vec::with_capacity(ids.len());
            for id in ids.iter() {
                match id
                    .cast_exact::<PyInt>()
                    .ok()
                    .and_then(|id| id.extract().ok())
                {
                    Some(id) => wanted.push(id),
                    None => return None,
                }
            }
            return Some(self.found(py, &wanted));
        }
        let mut out = vec![0; ids.len()];
        for (place, (id, to)) in ids.iter().zip(&mut out).enumerate() {
            let id = id.cast::<PyString>().ok()?.to_str().ok()?;
            match self.0.find_str(id.as_bytes()) {
                Some(position) => *to = position as i64,
                None => return Some((PyArray1::from_vec(py, out), place as i64)),
            }
        }
        Some((PyArray1::from_vec(py, out), -1))
    }

    /// All integer ids, without a copy unless they are a range.
    fn all_ints<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let py = slf.py();
        let out = match slf.get().0.ids() {
            Ids::Range { start, len } => {
                let mut ids = filled(*len, 0)?;
                for (to, id) in ids.iter_mut().zip(*start..) {
                    *to = id;
                }
                PyArray1::from_vec(py, ids)
            }
            Ids::Int(ids) => {
                let view = ArrayView1::from(ids.as_slice());
                // SAFETY: the ids are never changed or freed while the handle lives, the array
                // keeps the handle alive, and it is made read-only below before anyone sees it.
                unsafe { PyArray1::borrow_from_array(&view, slf.clone().into_any()) }
            }
            Ids::Str(_) => return Err(PyTypeError::new_err("the ids are strings")),
        };
        out.readwrite().make_nonwriteable();
        Ok(out)
    }

    /// Integer ids at some positions.
    fn ints<'py>(
        &self,
        py: Python<'py>,
        positions: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let positions = positions.as_slice()?;
        let mut out = vec![0; positions.len()];
        self.0
            .ids()
            .gather_ints(positions, &mut out)
            .map_err(to_python)?;
        Ok(PyArray1::from_vec(py, out))
    }

    /// Number of characters of the longest string id.
    #[getter]
    fn width(&self) -> usize {
        match self.0.ids() {
            Ids::Str(ids) => ids.longest(),
            _ => 0,
        }
    }

    /// String ids (all of them, or those at some positions) as rows of UTF-32 characters.
    #[pyo3(signature = (width, positions=None))]
    fn chars<'py>(
        &self,
        py: Python<'py>,
        width: usize,
        positions: Option<PyReadonlyArray1<'py, i64>>,
    ) -> PyResult<Bound<'py, PyArray2<u32>>> {
        let Ids::Str(ids) = self.0.ids() else {
            return Err(PyTypeError::new_err("the ids are not strings"));
        };
        let positions = positions.as_ref().map(|p| p.as_slice()).transpose()?;
        if let Some(positions) = positions {
            check_positions(positions, ids.len()).map_err(to_python)?;
        }
        let n = positions.map_or(ids.len(), <[i64]>::len);
        let mut chars = filled(n.saturating_mul(width), 0)?;
        if width > 0 {
            for (row, to) in chars.chunks_exact_mut(width).enumerate() {
                ids.write_utf32(positions.map_or(row, |p| p[row] as usize), to);
            }
        }
        PyArray1::from_vec(py, chars).reshape([n, width])
    }

    /// Origins of all items, or of those at some positions.
    #[pyo3(signature = (positions=None))]
    fn origins<'py>(
        &self,
        py: Python<'py>,
        positions: Option<PyReadonlyArray1<'py, i64>>,
    ) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let ids = self.0.ids();
        let Some(positions) = positions else {
            let mut out = filled(ids.len(), 0)?;
            detach(py, || {
                for (position, to) in out.iter_mut().enumerate() {
                    *to = ids.origin(position);
                }
            });
            return Ok(PyArray1::from_vec(py, out));
        };
        let positions = positions.as_slice()?;
        check_positions(positions, ids.len()).map_err(to_python)?;
        let out = positions.iter().map(|&p| ids.origin(p as usize)).collect();
        Ok(PyArray1::from_vec(py, out))
    }

    /// The ids at some positions as a column of their own.
    fn take(&self, py: Python<'_>, positions: PyReadonlyArray1<'_, i64>) -> PyResult<Self> {
        // Copied: Python may write to the array after the positions were checked.
        let positions = positions.as_slice()?.to_vec();
        Self::of(detach(py, || self.0.ids().take(&positions)).map_err(to_python)?)
    }
}

/// Place of the first `position` among `positions`, or -1.
#[pyfunction]
pub fn place_of(positions: PyReadonlyArray1<'_, i64>, position: i64) -> PyResult<i64> {
    let place = positions.as_slice()?.iter().position(|&p| p == position);
    Ok(place.map_or(-1, |place| place as i64))
}

//! Columns as NumPy arrays: what Python passes in is looked at here and moved by the core.
//!
//! Every function gives `None` where the arrays are not of the kind that the core moves (objects,
//! other memory layouts, dtypes that differ): the caller then does it with NumPy.

use crate::error::to_python;
use crate::leaving::detach;
use crate::memory::{array_class, is_plain, new_array};
use ironbatch_core::Result as CoreResult;
use ironbatch_core::column::{self, Number, Pieces, Span};
use numpy::npyffi::{NPY_ARRAY_ALIGNED, NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_WRITEABLE, npy_intp};
use numpy::{
    PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods, npyffi::PY_ARRAY_API,
};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple, PyType};

/// Releasing the GIL costs more than copies of fewer bytes.
const DETACH_BYTES: usize = 64 << 10;
// What is done while attached must not reach the executor's threads.
const _: () = assert!(column::is_small(DETACH_BYTES));

type Array<'py> = Bound<'py, PyUntypedArray>;

pub fn data(array: &Array<'_>) -> *mut u8 {
    // SAFETY: `array` is a live array object.
    unsafe { (*array.as_array_ptr()).fields.data.cast() }
}

/// Values of an array that [`integers`] has let pass.
fn int64_data(array: &Array<'_>) -> *mut i64 {
    data(array).cast::<std::ffi::c_void>().cast()
}

pub fn has_flags(array: &Array<'_>, flags: i32) -> bool {
    // SAFETY: `array` is a live array object.
    unsafe { (*array.as_array_ptr()).fields.flags & flags == flags }
}

fn dims<'a>(array: &'a Array<'_>) -> &'a [npy_intp] {
    let pointer = array.as_array_ptr();
    // SAFETY: an array object has `nd` dimensions; NumPy leaves the pointer null when there are none.
    unsafe {
        let n = (*pointer).fields.nd as usize;
        if n == 0 {
            &[]
        } else {
            std::slice::from_raw_parts((*pointer).fields.dimensions, n)
        }
    }
}

fn same_dtype(one: &Array<'_>, other: &Array<'_>) -> bool {
    // SAFETY: both are live array objects, which have a dtype.
    unsafe {
        let (one, other) = (
            (*one.as_array_ptr()).fields.descr,
            (*other.as_array_ptr()).fields.descr,
        );
        one == other || PY_ARRAY_API.PyArray_EquivTypes(other_py(), one, other) != 0
    }
}

/// The interpreter that the caller, who holds a `Bound`, is attached to.
fn other_py<'py>() -> Python<'py> {
    // SAFETY: only called by functions that hold a `Bound`.
    unsafe { Python::assume_attached() }
}

fn product(dims: &[npy_intp]) -> usize {
    dims.iter().map(|&extent| extent as usize).product()
}

/// The array, if it is one of items without gaps whose bytes are all there is to them.
fn plain<'a, 'py>(object: &'a Bound<'py, PyAny>) -> Option<&'a Array<'py>> {
    let array = object.cast::<PyUntypedArray>().ok()?;
    (has_flags(array, NPY_ARRAY_C_CONTIGUOUS) && is_plain(&array.dtype())).then_some(array)
}

/// The array, if it is a vector of native int64.
pub fn integers<'a, 'py>(object: &'a Bound<'py, PyAny>) -> Option<&'a Array<'py>> {
    let array = object.cast::<PyUntypedArray>().ok()?;
    let dtype = array.dtype();
    (array.ndim() == 1
        && has_flags(array, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED)
        && dtype.kind() == b'i'
        && dtype.itemsize() == 8
        && dtype.is_native_byteorder() != Some(false))
    .then_some(array)
}

fn overlap(one: &Array<'_>, other: &Array<'_>) -> bool {
    let range = |array: &Array<'_>| {
        let start = data(array).addr();
        start..start + product(dims(array)) * array.dtype().itemsize()
    };
    let (one, other) = (range(one), range(other));
    one.start < other.end && other.start < one.end
}

/// A pointer that a closure without the GIL takes along.
#[derive(Clone, Copy)]
struct Address<T>(*mut T);

// SAFETY: the functions below hold references to the arrays that their addresses lie in until the
// closure is done.
unsafe impl<T> Send for Address<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Address<T> {}

impl<T> Address<T> {
    fn get(self) -> *mut T {
        self.0
    }
}

/// Move bytes, without the GIL when there are many.
fn moving<T: Send>(
    py: Python<'_>,
    nbytes: usize,
    work: impl FnOnce() -> CoreResult<T> + Send,
) -> PyResult<T> {
    if nbytes > DETACH_BYTES {
        detach(py, work)
    } else {
        work()
    }
    .map_err(to_python)
}

/// Copy items `positions` of `source`, into `out` or into a new array of class `class`.
#[pyfunction]
#[pyo3(signature = (source, positions, out, class, /))]
pub fn gather<'py>(
    source: &Bound<'py, PyAny>,
    positions: &Bound<'py, PyAny>,
    out: Option<&Bound<'py, PyAny>>,
    class: &Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = source.py();
    let (Some(source), Some(positions)) = (plain(source), integers(positions)) else {
        return Ok(None);
    };
    let Some((&n_source, item_dims)) = dims(source).split_first() else {
        return Ok(None);
    };
    let n = dims(positions)[0];
    let mut out_dims = vec![n];
    out_dims.extend_from_slice(item_dims);
    // `class` may run Python code, which may reshape arrays in place: sizes are read before.
    let item_bytes = product(item_dims) * source.dtype().itemsize();
    let target = match out {
        None => new_array(&out_dims, source.dtype(), class)?,
        Some(out) => {
            let Some(out) = plain(out).filter(|out| {
                has_flags(out, NPY_ARRAY_WRITEABLE)
                    && dims(out) == out_dims
                    && same_dtype(out, source)
                    && !overlap(out, source)
                    && !overlap(out, positions)
            }) else {
                return Ok(None);
            };
            out.clone()
        }
    };
    let (from, index, to) = (
        Address(data(source)),
        Address(int64_data(positions)),
        Address(data(&target)),
    );
    let (n, n_source) = (n as usize, n_source as usize);
    moving(py, n * item_bytes, || {
        // SAFETY: sizes are those of the arrays, which are held here and do not overlap; positions
        // are aligned.
        unsafe { column::gather(from.get(), n_source, item_bytes, index.get(), n, to.get()) }
    })?;
    Ok(Some(target.into_any()))
}

/// Write the items of `source` to `positions` of `target`; says whether it was done.
#[pyfunction]
#[pyo3(signature = (target, positions, source, /))]
pub fn scatter(
    target: &Bound<'_, PyAny>,
    positions: &Bound<'_, PyAny>,
    source: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let py = target.py();
    let (Some(target), Some(index), Some(source)) =
        (plain(target), integers(positions), plain(source))
    else {
        return Ok(false);
    };
    let (Some((&n_target, item_dims)), Some((&n, source_dims))) =
        (dims(target).split_first(), dims(source).split_first())
    else {
        return Ok(false);
    };
    if !has_flags(target, NPY_ARRAY_WRITEABLE)
        || item_dims != source_dims
        || dims(index) != [n]
        || !same_dtype(target, source)
        || overlap(target, source)
    {
        return Ok(false);
    }
    let item_bytes = product(item_dims) * source.dtype().itemsize();
    let positions: Vec<i64> = (0..n as usize)
        // SAFETY: the index has `n` aligned values.
        .map(|place| unsafe { int64_data(index).add(place).read_volatile() })
        .collect();
    let (from, to) = (Address(data(source)), Address(data(target)));
    moving(py, positions.len() * item_bytes, || {
        // SAFETY: sizes are those of the arrays, which are held here and do not overlap.
        unsafe {
            column::scatter(
                from.get(),
                item_bytes,
                &positions,
                to.get(),
                n_target as usize,
            )
        }
    })?;
    Ok(true)
}

/// What the arrays of a list have in common.
struct Alike<'py> {
    arrays: Vec<Array<'py>>,
    dtype: Bound<'py, PyArrayDescr>,
    itemsize: usize,
}

impl<'py> Alike<'py> {
    /// Look at a list of arrays; `None` if they are not all plain and of one dtype.
    fn of(list: &Bound<'py, PyList>) -> Option<Self> {
        // Held until the copy is done: the list may change while the GIL is released.
        let arrays: Vec<Array<'py>> = list
            .iter()
            .map(|object| object.cast_into::<PyUntypedArray>().ok())
            .collect::<Option<_>>()?;
        let first = arrays.first()?;
        let dtype = first.dtype();
        if !is_plain(&dtype)
            || !arrays
                .iter()
                .all(|array| has_flags(array, NPY_ARRAY_C_CONTIGUOUS) && same_dtype(array, first))
        {
            return None;
        }
        let itemsize = dtype.itemsize();
        Some(Self {
            arrays,
            dtype,
            itemsize,
        })
    }

    /// Copy all of them one after another into an array of these dimensions.
    fn pack(
        self,
        dims_out: &[npy_intp],
        class: &Bound<'py, PyType>,
    ) -> PyResult<Bound<'py, PyAny>> {
        // Read before `class` may run Python code, which may change an array's dtype in place.
        let spans: Vec<Span> = self
            .arrays
            .iter()
            .map(|array| Span {
                source: data(array),
                len: product(dims(array)) * self.itemsize,
            })
            .collect();
        let nbytes = product(dims_out) * self.itemsize;
        let target = new_array(dims_out, self.dtype, class)?;
        let to = Address(data(&target));
        // SAFETY: the spans are the arrays' bytes, and the target, which is new, has as many.
        moving(class.py(), nbytes, || unsafe {
            column::pack(&spans, to.get())
        })?;
        Ok(target.into_any())
    }
}

/// Copy arrays of one shape and dtype into a new array with one more dimension in front.
#[pyfunction]
#[pyo3(signature = (arrays, class, /))]
pub fn stack<'py>(
    arrays: &Bound<'py, PyList>,
    class: &Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(alike) = Alike::of(arrays) else {
        return Ok(None);
    };
    let item_dims = dims(&alike.arrays[0]);
    if alike.arrays.iter().any(|array| dims(array) != item_dims) {
        return Ok(None);
    }
    let mut dims_out = vec![alike.arrays.len() as npy_intp];
    dims_out.extend_from_slice(item_dims);
    alike.pack(&dims_out, class).map(Some)
}

/// Copy arrays of one item shape and dtype one after another into a new array.
#[pyfunction]
#[pyo3(signature = (arrays, class, /))]
pub fn concatenate<'py>(
    arrays: &Bound<'py, PyList>,
    class: &Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(alike) = Alike::of(arrays) else {
        return Ok(None);
    };
    let mut dims_out = dims(&alike.arrays[0]).to_vec();
    if dims_out.is_empty() {
        return Ok(None);
    }
    dims_out[0] = 0;
    for array in &alike.arrays {
        match dims(array).split_first() {
            Some((&n, item_dims)) if item_dims == &dims_out[1..] => dims_out[0] += n,
            _ => return Ok(None),
        }
    }
    alike.pack(&dims_out, class).map(Some)
}

/// Copy the values of arrays of one dtype, whatever their shapes, into a new flat array.
#[pyfunction]
#[pyo3(signature = (arrays, /))]
pub fn pack<'py>(arrays: &Bound<'py, PyList>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(alike) = Alike::of(arrays) else {
        return Ok(None);
    };
    let total: usize = alike.arrays.iter().map(|array| product(dims(array))).sum();
    let class = array_class(arrays.py());
    alike.pack(&[total as npy_intp], &class).map(Some)
}

/// Copy items `positions` of a ragged column: gives their values and offsets.
#[pyfunction]
#[pyo3(signature = (values, offsets, positions, /))]
pub fn ragged_gather<'py>(
    values: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    positions: &Bound<'py, PyAny>,
) -> PyResult<Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let py = values.py();
    let (Some(values), Some(offsets), Some(positions)) =
        (plain(values), integers(offsets), integers(positions))
    else {
        return Ok(None);
    };
    let [n_values] = *dims(values) else {
        return Ok(None);
    };
    let (n_offsets, n) = (dims(offsets)[0] as usize, dims(positions)[0]);
    let (starts, index) = (Address(int64_data(offsets)), Address(int64_data(positions)));
    let (n_items, n_source) = (n as usize, n_offsets.saturating_sub(1));
    let pieces = moving(py, n_items, || {
        // SAFETY: both are vectors of aligned int64 of these lengths, held here.
        unsafe {
            Pieces::look_up(
                starts.get(),
                n_source,
                n_values as usize,
                index.get(),
                n_items,
            )
        }
    })?;
    let class = array_class(py);
    let dtype = values.dtype();
    let itemsize = dtype.itemsize();
    let target = new_array(&[pieces.n_values() as npy_intp], dtype, &class)?;
    let new_offsets = new_array(&[n + 1], offsets.dtype(), &class)?;
    let (from, to) = (Address(data(values)), Address(data(&target)));
    // SAFETY: the array has one value more than there are pieces.
    unsafe { pieces.write_offsets(int64_data(&new_offsets)) };
    moving(py, pieces.n_values() * itemsize + n_items, || {
        // SAFETY: the pieces were looked up in these values, which are held here; the target is new.
        unsafe { pieces.gather(from.get(), itemsize, to.get()) }
    })?;
    Ok(Some((target.into_any(), new_offsets.into_any())))
}

/// Copy the items of a ragged column into blocks of shape `largest`, with `filler` behind them.
#[pyfunction]
#[pyo3(signature = (values, offsets, shapes, largest, filler, /))]
pub fn ragged_pad<'py>(
    values: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    shapes: &Bound<'py, PyAny>,
    largest: &Bound<'py, PyTuple>,
    filler: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = values.py();
    let (Some(values), Some(offsets), Some(shapes), Some(filler)) = (
        plain(values),
        integers(offsets),
        integers(shapes),
        plain(filler),
    ) else {
        return Ok(None);
    };
    let n_offsets = dims(offsets)[0] as usize;
    let ([n_values], []) = (dims(values), dims(filler)) else {
        return Ok(None);
    };
    if !same_dtype(values, filler) || n_offsets == 0 {
        return Ok(None);
    }
    let n = n_offsets - 1;
    let extents: Vec<usize> = largest.extract()?;
    let mut dims_out = vec![n as npy_intp];
    dims_out.extend(extents.iter().map(|&extent| extent as npy_intp));
    let dtype = values.dtype();
    let itemsize = dtype.itemsize();
    let positions: Vec<i64> = (0..n as i64).collect();
    // SAFETY: offsets are aligned int64, and there are `n + 1`.
    let pieces = unsafe {
        Pieces::look_up(
            int64_data(offsets),
            n,
            *n_values as usize,
            positions.as_ptr(),
            n,
        )
    }
    .map_err(to_python)?;
    let target = new_array(&dims_out, dtype, &array_class(py))?;
    let copy = |array: &Array<'_>, len: usize| -> Vec<u8> {
        // SAFETY: the array has that many bytes.
        (0..len)
            .map(|at| unsafe { data(array).add(at).read_volatile() })
            .collect()
    };
    let filler = copy(filler, itemsize);
    let n_shapes = dims(shapes)[0] as usize;
    let shapes: Vec<i64> = (0..n_shapes)
        // SAFETY: the array has that many aligned values.
        .map(|at| unsafe { int64_data(shapes).add(at).read_volatile() })
        .collect();
    let (from, to) = (Address(data(values)), Address(data(&target)));
    moving(py, product(&dims_out) * itemsize + n, || {
        // SAFETY: the pieces were looked up in these values, which are held here; the target is new
        // and has one block for each.
        unsafe { pieces.pad(from.get(), &shapes, &extents, &filler, to.get()) }
    })?;
    Ok(Some(target.into_any()))
}

fn number(dtype: &Bound<'_, PyArrayDescr>) -> Option<Number> {
    if dtype.is_native_byteorder() == Some(false) {
        return None;
    }
    Some(match (dtype.kind(), dtype.itemsize()) {
        (b'b', 1) => Number::Bool,
        (b'i', 1) => Number::I8,
        (b'u', 1) => Number::U8,
        (b'i', 2) => Number::I16,
        (b'u', 2) => Number::U16,
        (b'i', 4) => Number::I32,
        (b'u', 4) => Number::U32,
        (b'i', 8) => Number::I64,
        (b'u', 8) => Number::U64,
        (b'f', 4) => Number::F32,
        (b'f', 8) => Number::F64,
        _ => return None,
    })
}

/// Convert numbers as `astype` does, into a new array.
#[pyfunction]
#[pyo3(signature = (source, dtype, class, /))]
pub fn cast<'py>(
    source: &Bound<'py, PyAny>,
    dtype: &Bound<'py, PyArrayDescr>,
    class: &Bound<'py, PyType>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = source.py();
    let Some(source) = plain(source) else {
        return Ok(None);
    };
    let (Some(from), Some(to)) = (number(&source.dtype()), number(dtype)) else {
        return Ok(None);
    };
    if !column::can_cast(from, to) {
        return Ok(None);
    }
    let n = product(dims(source));
    let target = new_array(dims(source), dtype.clone(), class)?;
    let (values, results) = (Address(data(source)), Address(data(&target)));
    moving(py, n * from.size().max(to.size()), || {
        // SAFETY: both arrays have `n` values of these types and are held here; the target is new.
        unsafe { column::cast(values.get(), from, results.get(), to, n) }
    })?;
    Ok(Some(target.into_any()))
}

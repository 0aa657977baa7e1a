//! One item of a batch: reads and writes of its attributes are those of the batch's components.

use crate::batch::{BatchBase, Found, generic_get, look_up, no_attribute};
use crate::leaving::guard_thread;
use pyo3::exceptions::{PyKeyError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyString, PyTuple};
use pyo3::{ffi, intern};

/// The item of a component at a position.
fn item_at<'py>(component: &Bound<'py, PyAny>, position: usize) -> PyResult<Bound<'py, PyAny>> {
    guard_thread();
    // SAFETY: `component` is a live object and the GIL is held; the call returns a new reference or
    // null with an exception set. A position fits isize because a component has that many items.
    unsafe {
        Bound::from_owned_ptr_or_err(
            component.py(),
            ffi::PySequence_GetItem(component.as_ptr(), position as isize),
        )
    }
}

/// One item of a batch, addressed by its id: reads and writes go through to the batch.
#[pyclass(frozen, module = "ironbatch._core")]
pub struct Item {
    batch: Py<BatchBase>,
    position: usize,
}

#[pymethods]
impl Item {
    #[new]
    pub fn new(batch: Py<BatchBase>, position: usize) -> Self {
        Self { batch, position }
    }

    /// The batch that the item belongs to.
    #[getter(_batch)]
    fn batch(&self, py: Python<'_>) -> Py<BatchBase> {
        self.batch.clone_ref(py)
    }

    /// Position of the item in its batch.
    #[getter(_position)]
    fn position(&self) -> usize {
        self.position
    }

    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let batch = this.batch.bind(py);
        let is_component = matches!(batch.borrow().find(name), Found::Component(_));
        if !is_component {
            return generic_get(slf.as_any(), name);
        }
        let component = look_up(batch, name)?;
        if component.is_none() {
            return Ok(component);
        }
        item_at(&component, this.position)
    }

    /// What `__getattribute__` has not found is no component.
    fn __getattr__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Err(no_attribute(slf.get().batch.bind(slf.py()), name))
    }

    /// Give the components of the item by name; all of them unless some are named.
    #[pyo3(signature = (components = None))]
    fn as_dict<'py>(
        slf: &Bound<'py, Self>,
        components: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        guard_thread();
        let batch = slf.get().batch.bind(slf.py());
        batch.call_method1(intern!(slf.py(), "_item_parts"), (slf, components))
    }

    /// Give the components of the item in order; all of them unless some are named.
    #[pyo3(signature = (components = None))]
    fn as_tuple<'py>(
        slf: &Bound<'py, Self>,
        components: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let parts = Self::as_dict(slf, components)?;
        slf.py()
            .get_type::<PyTuple>()
            .call1((parts.call_method0(intern!(slf.py(), "values"))?,))?
            .cast_into()
            .map_err(Into::into)
    }

    fn __setattr__(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        guard_thread();
        this.batch
            .bind(py)
            .call_method1(intern!(py, "_assign_item"), (name, this.position, value))?;
        Ok(())
    }

    #[expect(
        clippy::unused_self,
        reason = "the slot of a Python type takes the object"
    )]
    fn __delattr__(&self, name: &Bound<'_, PyString>) -> PyResult<()> {
        Err(PyTypeError::new_err(format!(
            "an item's component cannot be deleted: {name}"
        )))
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let names = slf
            .get()
            .batch
            .bind(slf.py())
            .as_any()
            .getattr(intern!(slf.py(), "components"))?;
        if let Ok(name) = key.cast::<PyString>() {
            if names.contains(name)? {
                return Self::__getattribute__(slf, name);
            }
            return Err(PyKeyError::new_err(format!(
                "the batch has no component '{name}'; its components are {names}"
            )));
        }
        let name = names.get_item(key)?;
        Self::__getattribute__(slf, name.cast::<PyString>()?)
    }

    // What an item is kept in may be kept by the batch. There is nothing to clear: whatever else is
    // in the circle can let go.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.batch)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.batch.bind(py).borrow().n_slots()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let batch = slf.get().batch.bind(py);
        let first: isize = slf.get().position.try_into()?;
        let id = batch
            .as_any()
            .getattr("indices")?
            .get_item(PySlice::new(py, first, first + 1, 1))?
            .call_method0("tolist")?
            .get_item(0)?;
        Ok(format!(
            "<item {} of {}>",
            id.repr()?,
            batch.get_type().name()?
        ))
    }
}

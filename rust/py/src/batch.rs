//! The part of a batch that every attribute access passes through.
//!
//! # What it promises
//! `batch.images` costs about as much as any attribute, a component's name wins over a method of the
//! same name (new methods never break a user), components may be added at any time, and a subclass whose
//! constructor forgets `super().__init__()` still works. A Python `__getattr__` or class-level
//! descriptors would give up one of these.
//!
//! # How
//! [`BatchBase`] keeps a short list of (name, value) slots and implements attribute look-up itself: names
//! are interned, so a look-up compares pointers. What a value means, how it is checked and converted is
//! decided in Python (`ironbatch.batch`), through two methods that subclasses of this class define:
//! `_fill_component(name)`, called when a slot is read before it holds anything, and
//! `_assign_component(name, value)`, called on assignment.
//!
//! # What it does not do
//! No Python code runs while the slots are borrowed, so attribute access can never fail with a borrow error.

use crate::item::Item;
use crate::leaving::guard_thread;
use pyo3::exceptions::{PyAttributeError, PyKeyError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple, PyType};
use pyo3::{ffi, intern};

/// One component: its name and the value Python reads, empty until it is set or loaded.
struct Slot {
    name: Py<PyString>,
    value: Option<Py<PyAny>>,
}

/// Base class of `ironbatch.Batch`: component slots and the attribute look-up over them.
#[pyclass(subclass, dict, weakref, module = "ironbatch._core")]
pub struct BatchBase {
    slots: Vec<Slot>,
    /// The tuple that `batch.components` gives, or `None` when the batch has no components.
    components: Option<Py<PyTuple>>,
    /// The index for which `places` was made, and the place of each id in it.
    places: Option<(Py<PyAny>, Py<PyDict>)>,
    /// What the constructor got, kept until `Batch.__init__` has run.
    pending: Option<(Py<PyTuple>, Option<Py<PyDict>>)>,
    /// Why an attribute was not found, on its way from `__getattribute__` to `__getattr__`.
    missed: Option<PyErr>,
}

/// Where a name leads.
pub enum Found {
    Component(usize),
    Components,
    Elsewhere,
}

impl BatchBase {
    /// Where a name leads, by what it says: no Python code runs, not even for a subclass of str.
    pub fn find(&self, name: &Bound<'_, PyString>) -> Found {
        let py = name.py();
        let pointer = name.as_ptr();
        for (position, slot) in self.slots.iter().enumerate() {
            if slot.name.as_ptr() == pointer {
                return Found::Component(position);
            }
        }
        if intern!(py, "components").as_ptr() == pointer {
            return Found::Components;
        }
        if is_interned(name) {
            return Found::Elsewhere;
        }
        // Names made at run time (`getattr(batch, 'im' + 'ages')`) are not interned.
        let Ok(text) = name.to_str() else {
            return Found::Elsewhere;
        };
        for (position, slot) in self.slots.iter().enumerate() {
            if slot.name.bind(py).to_str().is_ok_and(|known| known == text) {
                return Found::Component(position);
            }
        }
        if text == "components" {
            return Found::Components;
        }
        Found::Elsewhere
    }

    /// Number of components.
    pub fn n_slots(&self) -> usize {
        self.slots.len()
    }

    /// Name the components, for messages.
    fn component_list(&self, py: Python<'_>) -> String {
        if self.slots.is_empty() {
            return "it has no components".to_owned();
        }
        let names: Vec<String> = self
            .slots
            .iter()
            .map(|slot| slot.name.bind(py).to_string())
            .collect();
        format!("its components are {}", names.join(", "))
    }

    fn slot_position(&self, name: &Bound<'_, PyString>) -> PyResult<usize> {
        match self.find(name) {
            Found::Component(position) => Ok(position),
            _ => Err(PyKeyError::new_err(name.clone().unbind())),
        }
    }
}

fn is_interned(name: &Bound<'_, PyString>) -> bool {
    // SAFETY: `name` is a live str object, and every str object starts with a PyASCIIObject.
    unsafe { (*name.as_ptr().cast::<ffi::PyASCIIObject>()).interned() != 0 }
}

fn interned<'py>(name: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    name.to_str()
        .map_or_else(|_| name.clone(), |text| PyString::intern(name.py(), text))
}

/// Read a component or another attribute; completes a batch whose constructor has not called
/// `super()`.
pub fn look_up<'py>(
    slf: &Bound<'py, BatchBase>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let this = slf.borrow();
    match this.find(name) {
        Found::Component(position) => {
            if let Some(value) = &this.slots[position].value {
                return Ok(value.bind(py).clone());
            }
            drop(this);
            guard_thread();
            slf.call_method1(intern!(py, "_fill_component"), (name,))
        }
        Found::Components if this.pending.is_none() => Ok(this.components.as_ref().map_or_else(
            || py.None().into_bound(py),
            |names| names.bind(py).clone().into_any(),
        )),
        _ => {
            let pending = this.pending.is_some();
            drop(this);
            if pending && declares(slf, name)? {
                complete(slf)?;
                return slf.as_any().getattr(name);
            }
            match generic_get(slf.as_any(), name) {
                Err(error) if pending && error.is_instance_of::<PyAttributeError>(py) => {
                    complete(slf)?;
                    slf.as_any().getattr(name)
                }
                Err(error)
                    if error.is_instance_of::<PyAttributeError>(py)
                        && !slf.get_type().hasattr(name)? =>
                {
                    Err(no_attribute(slf, name))
                }
                found => found,
            }
        }
    }
}

/// What to say of a name that is neither a component nor another attribute.
pub fn no_attribute(slf: &Bound<'_, BatchBase>, name: &Bound<'_, PyString>) -> PyErr {
    let own = slf
        .get_type()
        .name()
        .map_or_else(|_| "batch".to_owned(), |name| name.to_string());
    let names = slf.borrow().component_list(slf.py());
    PyAttributeError::new_err(format!(
        "{own} has no component or attribute '{name}'; {names}"
    ))
}

/// Attribute look-up as `object` does it.
pub fn generic_get<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are live objects and the GIL is held; the call returns a new reference or null
    // with an exception set, which is what `from_owned_ptr_or_err` expects.
    unsafe {
        Bound::from_owned_ptr_or_err(
            object.py(),
            ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr()),
        )
    }
}

/// Attribute assignment (or deletion, without a value) as `object` does it.
fn generic_set(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), Bound::as_ptr);
    // SAFETY: all are live objects and the GIL is held; a null value deletes the attribute.
    let status = unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value) };
    if status == 0 {
        Ok(())
    } else {
        Err(PyErr::fetch(object.py()))
    }
}

#[pymethods]
impl BatchBase {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            slots: Vec::new(),
            components: None,
            places: None,
            pending: Some((args.clone().unbind(), kwargs.map(|k| k.clone().unbind()))),
            missed: None,
        }
    }

    /// Any attribute: a component's name leads to the component.
    fn __getattribute__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = look_up(slf, name);
        if let Err(error) = &found {
            let error = error.clone_ref(slf.py());
            let old = slf.borrow_mut().missed.replace(error);
            drop(old);
        }
        found
    }

    /// Without it the slot would put an error of the bare name in the place of the real one.
    fn __getattr__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let missed = slf.borrow_mut().missed.take();
        Err(missed.unwrap_or_else(|| no_attribute(slf, name)))
    }

    fn __setattr__<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let this = slf.borrow();
        let found = this.find(name);
        let late = this.pending.is_some();
        drop(this);
        match found {
            Found::Component(_) => {
                guard_thread();
                slf.call_method1(intern!(py, "_assign_component"), (name, value))?;
                Ok(())
            }
            Found::Components => {
                guard_thread();
                slf.call_method1(intern!(py, "_set_components"), (value,))?;
                Ok(())
            }
            // A constructor that assigns a component before (or without) `super().__init__()`.
            Found::Elsewhere if late && declares(slf, name)? => {
                complete(slf)?;
                slf.as_any().setattr(name, value)
            }
            Found::Elsewhere => generic_set(slf.as_any(), name, Some(value)),
        }
    }

    fn __delattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> PyResult<()> {
        let found = slf.borrow().find(name);
        match found {
            Found::Component(_) => Self::slot_clear(slf, name),
            _ => generic_set(slf.as_any(), name, None),
        }
    }

    fn __getitem__<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if is_plain_id(key)?
            && slf.borrow().components.is_some()
            && let Some(places) = places_of(slf)?
            && let Some(place) = places.get_item(key)?
        {
            let item = Item::new(slf.clone().unbind(), place.extract()?);
            return Ok(Bound::new(py, item)?.into_any());
        }
        guard_thread();
        slf.call_method1(intern!(py, "_find"), (key,))
    }

    /// What the constructor was called with, the first time; nothing afterwards.
    #[pyo3(name = "_take_pending")]
    fn take_pending(slf: &Bound<'_, Self>) -> Option<(Py<PyTuple>, Option<Py<PyDict>>)> {
        slf.borrow_mut().pending.take()
    }

    /// Declare the component names, keeping the values of those already there.
    #[pyo3(name = "_slot_declare")]
    fn slot_declare(slf: &Bound<'_, Self>, names: Option<&Bound<'_, PyTuple>>) -> PyResult<()> {
        let py = slf.py();
        let mut slots = Vec::new();
        if let Some(names) = names {
            for name in names.iter_borrowed() {
                let name = name.cast::<PyString>()?;
                let value = match slf.borrow().find(&name) {
                    Found::Component(position) => slf.borrow().slots[position]
                        .value
                        .as_ref()
                        .map(|v| v.clone_ref(py)),
                    _ => None,
                };
                slots.push(Slot {
                    name: interned(&name).unbind(),
                    value,
                });
            }
        }
        let names = names.map(|names| names.clone().unbind());
        // Dropping the old values may run Python code, so it happens after the borrow has ended.
        let old = {
            let mut this = slf.borrow_mut();
            (
                std::mem::replace(&mut this.slots, slots),
                std::mem::replace(&mut this.components, names),
            )
        };
        drop(old);
        Ok(())
    }

    /// The value of a component, or `None` where it holds none.
    #[pyo3(name = "_slot_get")]
    fn slot_get(&self, py: Python<'_>, name: &Bound<'_, PyString>) -> PyResult<Option<Py<PyAny>>> {
        let position = self.slot_position(name)?;
        Ok(self.slots[position]
            .value
            .as_ref()
            .map(|value| value.clone_ref(py)))
    }

    /// Put a value into a component that is declared.
    #[pyo3(name = "_slot_set")]
    fn slot_set(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let old = {
            let mut this = slf.borrow_mut();
            let position = this.slot_position(name)?;
            this.slots[position].value.replace(value.clone().unbind())
        };
        drop(old);
        Ok(())
    }

    /// Put a value into a component unless it holds one already; what it holds then is the result.
    ///
    /// Several threads may load the same component at once; all of them go on with one value.
    #[pyo3(name = "_slot_fill")]
    fn slot_fill<'py>(
        slf: &Bound<'py, Self>,
        name: &Bound<'py, PyString>,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut this = slf.borrow_mut();
        let position = this.slot_position(name)?;
        let slot = &mut this.slots[position].value;
        if let Some(held) = slot {
            Ok(held.bind(slf.py()).clone())
        } else {
            *slot = Some(value.clone().unbind());
            Ok(value)
        }
    }

    /// Empty a component that is declared.
    #[pyo3(name = "_slot_clear")]
    fn slot_clear(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> PyResult<()> {
        let old = {
            let mut this = slf.borrow_mut();
            let position = this.slot_position(name)?;
            this.slots[position].value.take()
        };
        drop(old);
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for slot in &self.slots {
            visit.call(&slot.value)?;
        }
        if let Some((index, places)) = &self.places {
            visit.call(index)?;
            visit.call(places)?;
        }
        visit.call(&self.components)?;
        if let Some((args, kwargs)) = &self.pending {
            visit.call(args)?;
            visit.call(kwargs)?;
        }
        Ok(())
    }

    fn __clear__(&mut self) {
        for slot in &mut self.slots {
            slot.value = None;
        }
        self.places = None;
        self.pending = None;
    }
}

/// Whether a key is of a type whose equality is that of ids: int, str, and NumPy's scalars of them.
fn is_plain_id(key: &Bound<'_, PyAny>) -> PyResult<bool> {
    static INT64: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(key.is_exact_instance_of::<PyInt>()
        || key.is_instance_of::<PyString>()
        || key.get_type().is(INT64.import(key.py(), "numpy", "int64")?))
}

/// The place of each id, made at first use and again when the batch has another index.
///
/// `None` where a dictionary would not do: the index itself is asked then.
fn places_of<'py>(slf: &Bound<'py, BatchBase>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = slf.py();
    let index = generic_get(slf.as_any(), intern!(py, "index"))?;
    if let Some((made_for, places)) = &slf.borrow().places
        && made_for.is(&index)
    {
        return Ok(Some(places.bind(py).clone()));
    }
    guard_thread();
    let made = slf.call_method0(intern!(py, "_make_places"))?;
    if made.is_none() {
        return Ok(None);
    }
    let places = made.cast_into::<PyDict>()?;
    let old = slf
        .borrow_mut()
        .places
        .replace((index.unbind(), places.clone().unbind()));
    drop(old);
    Ok(Some(places))
}

/// Do what `Batch.__init__` would have done, for a constructor that has not called it.
fn complete(slf: &Bound<'_, BatchBase>) -> PyResult<()> {
    guard_thread();
    slf.call_method0(intern!(slf.py(), "_complete"))?;
    Ok(())
}

/// Whether the class names this component.
fn declares(slf: &Bound<'_, BatchBase>, name: &Bound<'_, PyString>) -> PyResult<bool> {
    let names = slf.get_type().getattr(intern!(slf.py(), "components"))?;
    if names.is_none() {
        return Ok(false);
    }
    if names.is_instance_of::<PyString>() {
        names.eq(name.as_any())
    } else {
        names.contains(name)
    }
}

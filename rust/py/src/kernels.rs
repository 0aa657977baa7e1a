//! Handles on kernels, and where they come from.

#![expect(
    clippy::needless_pass_by_value,
    reason = "arguments from Python are owned"
)]

use crate::error::to_python;
use crate::kernel_plan::NativePlan;
use crate::kernel_values::{to_object, to_value};
use crate::leaving::detach;
use ironbatch_core::instructions::InstructionSet;
use ironbatch_core::kernel::{self, Kernel, Library, Owner, Value};
use ironbatch_kernel::abi::{CAPSULE, KernelTable};
use pyo3::exceptions::PyImportError;
use pyo3::ffi::c_str;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyCapsuleMethods, PyDict};
use std::path::PathBuf;
use std::sync::Arc;
/// A kernel: what it is called, what it takes, and how to bind it.
#[pyclass(frozen, module = "ironbatch._core")]
pub struct NativeKernel(pub(crate) Arc<Kernel>);

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

    /// For each output whose length is known only after the work, whether it is bytes; None for
    /// others.
    #[getter]
    fn growing(&self) -> Vec<Option<bool>> {
        let outputs = self.0.outputs.iter();
        outputs
            .map(|output| output.growing.then_some(output.bytes))
            .collect()
    }

    /// Whether random numbers are drawn.
    #[getter]
    fn random(&self) -> bool {
        self.0.is_random()
    }

    /// For each parameter: name, type, what values per item are (dtype, axes, whether numbers do for
    /// sequences), whether it has a default, default.
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
                    .map(|dtype| (dtype.name(), param.item_rank(), param.number));
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

pub(crate) type ParamTuple<'py> = (
    String,
    String,
    Option<(&'static str, usize, bool)>,
    bool,
    Bound<'py, PyAny>,
);
pub(crate) type LibraryTuple = (String, String, Vec<NativeKernel>);

pub(crate) fn tuple(library: Library) -> LibraryTuple {
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
///
/// The owner keeps what the table points to; it lives as long as a kernel or a plan.
#[pyfunction]
pub fn read_kernel_capsule(
    capsule: &Bound<'_, PyAny>,
    origin: &str,
    owner: Py<PyAny>,
) -> PyResult<LibraryTuple> {
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
    // The table's memory may be the capsule's.
    let owner: Owner = Arc::new((capsule.clone().unbind(), owner));
    // SAFETY: the name says that this is a table of kernels, and its kernels keep the owner.
    unsafe { kernel::read_table(table.as_ptr().cast::<KernelTable>(), origin, Some(owner)) }
        .map(tuple)
        .map_err(to_python)
}

/// Names of the vector instructions that kernels use, and of all that this processor has.
#[pyfunction]
pub fn instruction_sets() -> (&'static str, Vec<&'static str>) {
    let available = InstructionSet::available().map(InstructionSet::name);
    (InstructionSet::in_use().name(), available.collect())
}

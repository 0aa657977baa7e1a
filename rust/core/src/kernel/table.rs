//! Reading a table that somebody else compiled.

use super::definition::{Kernel, OperandType, Owner, Parameter};
use crate::{Error, Result};
use ironbatch_kernel::abi::{self, KernelInfo, KernelTable, OperandInfo, ParamInfo, Text};
use ironbatch_kernel::call::{Sized0, copy};
use ironbatch_kernel::{Dtype, Value};
use std::sync::Arc;

/// Kernels that came together.
#[derive(Debug)]
pub struct Library {
    /// Name that the library gives itself.
    pub name: String,
    /// Version that the library gives itself.
    pub version: String,
    /// Its kernels.
    pub kernels: Vec<Arc<Kernel>>,
}

/// More than any library has; a larger count means that the table is none.
const MOST: usize = 1 << 16;

/// Reads one table; `origin` is where it came from, for messages; `owner` keeps its memory.
pub(super) struct Reader<'a> {
    pub origin: &'a str,
    pub owner: Option<Owner>,
}

impl Reader<'_> {
    fn refuse<T>(&self, what: impl std::fmt::Display) -> Result<T> {
        Err(Error::Library(format!("{}: {what}", self.origin)))
    }

    /// Check and copy a table.
    ///
    /// # Safety
    /// The pointer is null, or leads to memory that is what it says as far as it is a table.
    pub unsafe fn library(&self, table: *const KernelTable) -> Result<Library> {
        if table.is_null() || !table.is_aligned() {
            return self.refuse("gave no kernel table");
        }
        // Fields are read in the order in which they vouch for each other.
        // SAFETY: promised by the caller.
        unsafe {
            let magic = (&raw const (*table).magic).read();
            if magic != abi::MAGIC {
                return self.refuse(format_args!(
                    "is not a library of kernels (its table starts with {magic:#018x}, \
                     expected {:#018x})",
                    abi::MAGIC
                ));
            }
            let (major, minor) = (
                (&raw const (*table).major).read(),
                (&raw const (*table).minor).read(),
            );
            if major != abi::MAJOR {
                return self.refuse(format_args!(
                    "was built for version {major}.{minor} of the kernel interface; this \
                     ironbatch takes {}.x (it has {}.{}): build it again with the SDK that \
                     comes with it",
                    abi::MAJOR,
                    abi::MAJOR,
                    abi::MINOR
                ));
            }
            let size = (&raw const (*table).struct_size).read();
            if size < abi::first::KERNEL_TABLE {
                return self.refuse(format_args!(
                    "has a table of {size} bytes, the first version had {}",
                    abi::first::KERNEL_TABLE
                ));
            }
            let table = table.read();
            let kernels = self
                .list(
                    table.kernels,
                    table.n_kernels,
                    abi::first::KERNEL_INFO,
                    "kernels",
                )?
                .iter()
                .map(|&info| {
                    let mut info = info;
                    if minor < 2 {
                        // Nobody had filled it, and what it takes has changed.
                        info.infer_items = None;
                    }
                    self.kernel(&info).map(Arc::new)
                })
                .collect::<Result<_>>()?;
            Ok(Library {
                name: self.text(table.name)?,
                version: self.text(table.version)?,
                kernels,
            })
        }
    }

    /// Copy the structs of an array of pointers.
    ///
    /// # Safety
    /// See [`Self::library`].
    unsafe fn list<T: Sized0>(
        &self,
        pointers: *const *const T,
        count: usize,
        smallest: usize,
        what: &str,
    ) -> Result<Vec<T>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        if pointers.is_null() || !pointers.is_aligned() || count > MOST {
            return self.refuse(format_args!("has a broken list of {what}"));
        }
        (0..count)
            .map(|number| {
                // SAFETY: promised by the caller.
                let pointer = unsafe { pointers.add(number).read() };
                if pointer.is_null() || !pointer.is_aligned() {
                    return self.refuse(format_args!("has a broken list of {what}"));
                }
                // SAFETY: as above; each struct starts with its size.
                let size = unsafe { pointer.cast::<usize>().read() };
                if size < smallest {
                    return self.refuse(format_args!(
                        "describes {what} in {size} bytes, the first version took {smallest}"
                    ));
                }
                // SAFETY: as above.
                Ok(unsafe { copy(pointer) })
            })
            .collect()
    }

    /// # Safety
    /// See [`Self::library`].
    unsafe fn text(&self, text: Text) -> Result<String> {
        if text.length == 0 {
            return Ok(String::new());
        }
        if text.data.is_null() || text.length > 1 << 20 {
            return self.refuse("has a broken text");
        }
        // SAFETY: promised by the caller.
        let bytes = unsafe { std::slice::from_raw_parts(text.data, text.length) };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => self.refuse("has a text that is not UTF-8"),
        }
    }

    /// # Safety
    /// See [`Self::library`].
    unsafe fn kernel(&self, info: &KernelInfo) -> Result<Kernel> {
        // SAFETY: promised by the caller.
        unsafe {
            let name = self.text(info.name)?;
            let is_identifier = name.chars().all(|c| c == '_' || c.is_alphanumeric())
                && name.chars().next().is_some_and(|c| !c.is_numeric());
            if !is_identifier {
                return self.refuse(format_args!("names a kernel {name:?}"));
            }
            let unknown =
                info.flags & !(abi::ELEMENTWISE | abi::RANDOM | abi::VARYING | abi::STRIDED);
            if unknown != 0 {
                return self.refuse(format_args!(
                    "kernel {name} needs a newer ironbatch (flags {unknown:#x})"
                ));
            }
            if info.prepare.is_none()
                || info.drop_plan.is_none()
                || info.infer.is_none()
                || (info.flags & abi::VARYING != 0 && info.infer_items.is_none())
                || info.run.is_none()
                || info.new_state.is_some() != info.drop_state.is_some()
            {
                return self.refuse(format_args!("kernel {name} lacks a function"));
            }
            let operands = |pointers, count, is_output| {
                self.list(pointers, count, abi::first::OPERAND_INFO, "operands")?
                    .iter()
                    .map(|operand| self.operand(operand, &name, is_output))
                    .collect::<Result<Vec<_>>>()
            };
            let inputs = operands(info.inputs, info.n_inputs, false)?;
            let outputs = operands(info.outputs, info.n_outputs, true)?;
            if inputs.is_empty() || outputs.is_empty() {
                return self.refuse(format_args!("kernel {name} has no inputs or no outputs"));
            }
            let params = self
                .list(
                    info.params,
                    info.n_params,
                    abi::first::PARAM_INFO,
                    "parameters",
                )?
                .iter()
                .map(|param| self.param(param, &name))
                .collect::<Result<Vec<_>>>()?;
            let doc = self.text(info.doc)?;
            let kernel = Kernel::new(name, doc, *info, inputs, outputs, params);
            Ok(kernel.owned_by(self.owner.clone()))
        }
    }

    /// # Safety
    /// See [`Self::library`].
    unsafe fn operand(
        &self,
        info: &OperandInfo,
        kernel: &str,
        is_output: bool,
    ) -> Result<OperandType> {
        // SAFETY: promised by the caller.
        let name = unsafe { self.text(info.name) }?;
        let dtypes: Vec<_> = Dtype::ALL
            .into_iter()
            .filter(|dtype| info.dtypes & dtype.bit() != 0)
            .collect();
        let (growing, bytes) = (info.kinds & abi::GROWING != 0, info.kinds & abi::BYTES != 0);
        let is_known = if growing {
            is_output
                && info.kinds & (abi::DENSE | abi::RAGGED) == 0
                && (info.min_rank, info.max_rank) == (1, 1)
                && (!bytes || dtypes == [Dtype::U8])
        } else {
            info.kinds & abi::DENSE != 0 && !bytes
        };
        if dtypes.is_empty() || !is_known || info.min_rank > info.max_rank {
            return self.refuse(format_args!(
                "kernel {kernel}, operand {name}: of a kind that this ironbatch does not know"
            ));
        }
        Ok(OperandType {
            name,
            dtypes,
            type_variable: info.type_variable,
            min_rank: info.min_rank as usize,
            max_rank: (info.max_rank as usize).min(abi::MAX_RANK),
            ragged: info.kinds & abi::RAGGED != 0,
            growing,
            bytes,
        })
    }

    /// # Safety
    /// See [`Self::library`].
    unsafe fn param(&self, info: &ParamInfo, kernel: &str) -> Result<Parameter> {
        // SAFETY: promised by the caller.
        let name = unsafe { self.text(info.name) }?;
        let Some(kind) = Parameter::kind_of(info.kind) else {
            return self.refuse(format_args!(
                "kernel {kernel}, parameter {name}: unknown kind"
            ));
        };
        let has_default = info.flags & abi::HAS_DEFAULT != 0;
        // SAFETY: promised by the caller.
        let own_type_name = unsafe { self.text(info.type_name) }?;
        // SAFETY: promised by the caller.
        let default = match unsafe { Value::read(&info.default) } {
            Ok(value) => has_default.then_some(value),
            Err(error) => {
                return self.refuse(format_args!("kernel {kernel}, parameter {name}: {error}"));
            }
        };
        let parameter = Parameter {
            name,
            kind,
            nullable: info.flags & abi::NULLABLE != 0,
            per_item: info.flags & abi::PER_ITEM != 0,
            nested: info.flags & abi::NESTED != 0,
            number: info.flags & abi::NUMBER != 0,
            own_type_name,
            default,
        };
        match &parameter.default {
            Some(value) => match parameter.coerce(value.clone()) {
                Ok(value) => Ok(Parameter {
                    default: Some(value),
                    ..parameter
                }),
                Err(_) => self.refuse(format_args!(
                    "kernel {kernel}, parameter {}: a default of another type",
                    parameter.name
                )),
            },
            None => Ok(parameter),
        }
    }
}

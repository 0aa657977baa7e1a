//! Where tables come from.

use super::definition::Owner;
use super::table::{Library, Reader};
use crate::{Error, Result};
use ironbatch_kernel::abi::{self, GetTable, KernelTable};
use std::error::Error as _;
use std::path::Path;

/// Load the kernels of a shared library.
///
/// The library stays loaded for the rest of the process: kernels, plans and docstrings point into
/// it. Loading runs its initialisers, so a path is to be trusted like a program.
pub fn load(path: &Path) -> Result<Library> {
    let refuse = |what: String| Error::Library(format!("{}: {what}", path.display()));
    if !path.is_file() {
        return Err(refuse("no such file".to_owned()));
    }
    // A bare name would be searched for in system directories.
    let absolute = std::path::absolute(path).map_err(|error| refuse(error.to_string()))?;
    // SAFETY: the user asks to run this library's code.
    let library = unsafe { libloading::Library::new(&absolute) }.map_err(|error| {
        refuse(format!(
            "is not a library that can be loaded: {}",
            reason(&error)
        ))
    })?;
    let table = {
        // SAFETY: the name belongs to the kernel interface, which gives it this type.
        let symbol = unsafe { library.get::<GetTable>(abi::SYMBOL.as_bytes()) }.map_err(|_| {
            refuse(format!(
                "has no function {}, which a library of kernels for version {}.x of the \
                 interface exports (with `ironbatch_kernel::table!`)",
                abi::SYMBOL,
                abi::MAJOR
            ))
        })?;
        // SAFETY: as above.
        unsafe { symbol() }
    };
    std::mem::forget(library);
    // SAFETY: the library says that this is its table, and it is never unloaded.
    unsafe { read_table(table, &path.display().to_string(), None) }
}

/// Check and copy a table; `origin` says in messages where it came from.
///
/// # Safety
/// The pointer is null or leads to a table that lives as long as the owner, which all its kernels
/// keep, or as long as the process if there is none.
pub unsafe fn read_table(
    table: *const KernelTable,
    origin: &str,
    owner: Option<Owner>,
) -> Result<Library> {
    // SAFETY: promised by the caller.
    unsafe { Reader { origin, owner }.library(table) }
}

/// What the system says, rather than which function said it.
fn reason(error: &libloading::Error) -> String {
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

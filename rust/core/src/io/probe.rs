//! What files declare about themselves, before memory is taken for them.

use super::column::{Kind, Spec};
use super::dtype::DType;
use super::file::{at, open, read_at, read_more, size};
use super::scratch::with_scratch;
use super::{Layout, container, npy};
use crate::executor::try_parallel_for;
use crate::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes that are read of a file at first.
const FIRST_READ: usize = 4096;

/// Name the file in what its reader has to say about it.
pub fn about(path: &Path) -> impl Fn(Error) -> Error + '_ {
    move |error| match error {
        Error::Format(what) => Error::Format(format!("{}: {what}", path.display())),
        Error::Differs(what) => Error::Differs(format!("{}: {what}", path.display())),
        Error::Unsupported(what) => Error::Unsupported(format!("{}: {what}", path.display())),
        other => other,
    }
}

/// What a file holds: one array of each name asked for, all of them if `names` is `None`.
///
/// # Errors
/// [`Error::Format`] if the file is not sound, has no such array, or declares more than `max_bytes`
/// bytes.
pub fn probe_file(
    path: &Path,
    layout: Layout,
    names: Option<&[String]>,
    max_bytes: u64,
) -> Result<Vec<(String, Spec)>> {
    let file = open(path)?;
    let file_bytes = size(&file, path)?;
    let found = match layout {
        Layout::Raw => raw(file_bytes, max_bytes),
        Layout::Npy => npy(&file, path, file_bytes, max_bytes),
        Layout::Blosc => {
            blosc(&file, path, file_bytes, max_bytes).and_then(|entries| choose(entries, names))
        }
    };
    found.map_err(about(path))
}

/// What each of many files holds, in parallel; see [`probe_file`].
pub fn probe_files(
    paths: &[PathBuf],
    layout: Layout,
    names: Option<&[String]>,
    max_bytes: u64,
) -> Result<Vec<Vec<(String, Spec)>>> {
    let found: Vec<Mutex<Vec<(String, Spec)>>> = paths.iter().map(|_| Mutex::default()).collect();
    try_parallel_for(paths.len(), 8, &|item| {
        let specs = probe_file(&paths[item], layout, names, max_bytes)?;
        *found[item].lock().unwrap_or_else(PoisonError::into_inner) = specs;
        Ok(())
    })?;
    Ok(found
        .into_iter()
        .map(|specs| specs.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect())
}

fn limited(bytes: u64, max_bytes: u64) -> Result<()> {
    if bytes > max_bytes {
        return Err(Error::Format(format!(
            "it declares {bytes} bytes; at most {max_bytes} are read, or what max_bytes= says"
        )));
    }
    Ok(())
}

fn raw(file_bytes: u64, max_bytes: u64) -> Result<Vec<(String, Spec)>> {
    limited(file_bytes, max_bytes)?;
    let spec = Spec {
        kind: Kind::Array,
        dtype: DType::bytes(),
        shape: vec![file_bytes],
    };
    Ok(vec![(String::new(), spec)])
}

fn npy(file: &File, path: &Path, file_bytes: u64, max_bytes: u64) -> Result<Vec<(String, Spec)>> {
    with_scratch(|scratch| {
        let start = &mut scratch.file;
        start.clear();
        read_more(file, start, FIRST_READ).map_err(at(path))?;
        let header = npy_header(file, path, start, file_bytes)?;
        // Both sizes were checked to be numbers when the header was read.
        limited(header.spec.memory().unwrap_or(u64::MAX), max_bytes)?;
        let bytes = header.spec.bytes().unwrap_or(u64::MAX);
        npy_size(&header, bytes, file_bytes)?;
        Ok(vec![(String::new(), header.spec)])
    })
}

/// Read the header of an open npy file whose first bytes are in `start`.
pub(super) fn npy_header(
    file: &File,
    path: &Path,
    start: &mut Vec<u8>,
    file_bytes: u64,
) -> Result<npy::Header> {
    let length = npy::header_length(start)?;
    complete(file, path, start, length, file_bytes)?;
    npy::parse(start)
}

/// Compare what an npy header declares with the size of the file.
pub(super) fn npy_size(header: &npy::Header, bytes: u64, file_bytes: u64) -> Result<()> {
    let declared = bytes.saturating_add(header.length as u64);
    if declared == file_bytes {
        return Ok(());
    }
    Err(Error::Format(format!(
        "it has {file_bytes} bytes where its header declares {declared} (an array of {} {:?})",
        header.spec.dtype, header.spec.shape
    )))
}

fn blosc(
    file: &File,
    path: &Path,
    file_bytes: u64,
    max_bytes: u64,
) -> Result<Vec<container::Entry>> {
    with_scratch(|scratch| {
        let start = &mut scratch.file;
        start.clear();
        read_more(file, start, FIRST_READ).map_err(at(path))?;
        blosc_header(file, path, start, file_bytes, max_bytes)
    })
}

/// Read the header of an open container whose first bytes are in `start`.
pub(super) fn blosc_header(
    file: &File,
    path: &Path,
    start: &mut Vec<u8>,
    file_bytes: u64,
    max_bytes: u64,
) -> Result<Vec<container::Entry>> {
    let length = container::header_length(start)?;
    complete(file, path, start, length, file_bytes)?;
    container::parse(start, file_bytes, max_bytes)
}

/// Have at least `length` bytes of the file in `start`, if there are so many.
fn complete(
    file: &File,
    path: &Path,
    start: &mut Vec<u8>,
    length: usize,
    file_bytes: u64,
) -> Result<()> {
    let have = start.len();
    if length > have && file_bytes >= length as u64 {
        read_at(file, start, length - have, have as u64).map_err(at(path))?;
    }
    Ok(())
}

fn choose(entries: Vec<container::Entry>, names: Option<&[String]>) -> Result<Vec<(String, Spec)>> {
    let Some(names) = names else {
        return Ok(entries
            .into_iter()
            .map(|entry| (entry.name, entry.spec))
            .collect());
    };
    names
        .iter()
        .map(|name| find(&entries, name).map(|entry| (name.clone(), entry.spec.clone())))
        .collect()
}

/// The array of this name.
pub(super) fn find<'a>(
    entries: &'a [container::Entry],
    name: &str,
) -> Result<&'a container::Entry> {
    entries
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| {
            let there: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            Error::Format(format!("it holds no array named {name:?}, only {there:?}"))
        })
}

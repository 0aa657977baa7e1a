//! Reading the files of a batch, in parallel, straight into the memory of its components.

use super::column::{Column, Place};
use super::each::each_item;
use super::file::{at, open, read_at, read_more, read_scattered, size};
use super::probe::{about, blosc_header, find, npy_header, npy_size};
use super::scratch::{Scratch, with_scratch};
use super::{Layout, codec, container, npy};
use crate::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Compressed files up to this size are read at once.
const WHOLE_FILE: usize = 256 << 10;

/// Work worth handing to another thread, in bytes of file.
const BYTES_PER_GRAIN: usize = 128 << 10;

/// How many items one thread should take at a time.
pub(super) fn grain(columns: &[Column], n_items: usize) -> usize {
    let bytes: usize = columns
        .iter()
        .map(|column| column.typical_bytes(n_items))
        .sum();
    // Opening a file costs about as much as reading this much of it.
    (BYTES_PER_GRAIN / (bytes + (16 << 10))).clamp(1, 8)
}

/// Bytes of all items, near enough.
pub(super) fn total_bytes(columns: &[Column], n_items: usize) -> usize {
    columns
        .iter()
        .map(|column| column.typical_bytes(n_items).saturating_mul(n_items))
        .sum()
}

/// Read one file for each item.
///
/// Files of the layouts `Raw` and `Npy` hold one array, so there must be one column; a container
/// holds an array for each column, found by its name.
///
/// # Safety
/// The columns must have room for `paths.len()` items, and nothing else may use their memory.
///
/// # Errors
/// [`Error::Item`] with the lowest position whose file could not be read: [`Error::Io`],
/// [`Error::Format`], or [`Error::Differs`] if a sound file holds another shape or type.
pub unsafe fn read_files(
    paths: &[PathBuf],
    layout: Layout,
    columns: &[Column],
    max_bytes: u64,
) -> Result<()> {
    let single = || match columns {
        [column] => Ok(column),
        _ => Err(Error::Value(
            "a file of this format holds one array, so one component".into(),
        )),
    };
    let grain = grain(columns, paths.len());
    let bytes = total_bytes(columns, paths.len());
    match layout {
        Layout::Raw => {
            let column = single()?;
            each_item(paths.len(), grain, bytes, &|item| {
                let path = &paths[item];
                // SAFETY: as the caller promises; each item is read by one thread.
                unsafe { read_raw(path, column.place(item)) }.map_err(about(path))
            })
        }
        Layout::Npy => {
            let column = single()?;
            each_item(paths.len(), grain, bytes, &|item| {
                let path = &paths[item];
                // SAFETY: as above.
                unsafe { read_npy(path, column, item) }.map_err(about(path))
            })
        }
        Layout::Blosc => each_item(paths.len(), grain, bytes, &|item| {
            let path = &paths[item];
            with_scratch(|scratch| {
                // SAFETY: as above.
                unsafe { read_blosc(path, columns, item, max_bytes, scratch) }
            })
            .map_err(about(path))
        }),
    }
}

/// # Safety
/// The place must be valid for writing, and used by nothing else.
unsafe fn read_raw(path: &Path, place: Place) -> Result<()> {
    let file = open(path)?;
    // SAFETY: as the caller promises.
    let count =
        unsafe { read_scattered(&file, &mut [], place.start, place.bytes) }.map_err(at(path))?;
    if count == place.bytes {
        return Ok(());
    }
    Err(Error::Differs(format!(
        "it has {} bytes where {} are expected",
        size(&file, path)?,
        place.bytes
    )))
}

/// # Safety
/// The column's memory must be valid for writing, and the item used by nothing else.
unsafe fn read_npy(path: &Path, column: &Column, item: usize) -> Result<()> {
    let file = open(path)?;
    let place = column.place(item);
    let mut start = [0; npy::USUAL_HEADER];
    // SAFETY: as the caller promises.
    let count =
        unsafe { read_scattered(&file, &mut start, place.start, place.bytes) }.map_err(at(path))?;
    let usual =
        count == start.len() + place.bytes && npy::header_length(&start)? == npy::USUAL_HEADER;
    let header = if usual {
        npy::parse(&start)?
    } else {
        let file_bytes = size(&file, path)?;
        let mut longer = start[..count.min(start.len())].to_vec();
        let header = npy_header(&file, path, &mut longer, file_bytes)?;
        npy_size(&header, header.spec.bytes().unwrap_or(u64::MAX), file_bytes)?;
        header
    };
    column.expect(item, &header.spec)?;
    let transposed = header.fortran_order && header.spec.shape.len() > 1;
    if usual && !transposed {
        return Ok(());
    }
    with_scratch(|scratch| {
        scratch.file.clear();
        let offset = header.length as u64;
        read_at(&file, &mut scratch.file, place.bytes, offset).map_err(at(path))?;
        let put = |offset: usize, element: &[u8]| {
            // SAFETY: the array has exactly the bytes of the place, as `expect` has checked.
            unsafe {
                place
                    .start
                    .add(offset)
                    .copy_from_nonoverlapping(element.as_ptr(), element.len());
            }
        };
        if transposed {
            let itemsize = header.spec.dtype.itemsize();
            npy::transpose(&scratch.file, &header.spec.shape, itemsize, put);
        } else {
            put(0, &scratch.file);
        }
        Ok(())
    })
}

/// # Safety
/// The columns' memory must be valid for writing, and the item used by nothing else.
unsafe fn read_blosc(
    path: &Path,
    columns: &[Column],
    item: usize,
    max_bytes: u64,
    scratch: &mut Scratch,
) -> Result<()> {
    let file = open(path)?;
    let start = &mut scratch.file;
    start.clear();
    read_more(&file, start, WHOLE_FILE).map_err(at(path))?;
    let file_bytes = if start.len() < WHOLE_FILE {
        start.len() as u64
    } else {
        size(&file, path)?
    };
    let entries = blosc_header(&file, path, start, file_bytes, max_bytes)?;
    let header_bytes = container::header_length(start)? as u64;
    for column in columns {
        let entry = find(&entries, column.name())?;
        column.expect(item, &entry.spec)?;
        let before: u64 = entries
            .iter()
            .take_while(|other| other.name != entry.name)
            .map(container::Entry::compressed)
            .sum();
        let mut chunks = Chunks {
            file: &file,
            path,
            start,
            spare: &mut scratch.chunk,
            offset: header_bytes + before,
        };
        // SAFETY: as the caller promises; `expect` has compared the sizes.
        unsafe { chunks.unpack(entry, column.place(item)) }?;
    }
    Ok(())
}

/// The chunks of a container, from the part that is in memory or from the file.
struct Chunks<'a> {
    file: &'a File,
    path: &'a Path,
    start: &'a [u8],
    spare: &'a mut Vec<u8>,
    offset: u64,
}

impl Chunks<'_> {
    /// # Safety
    /// The place must be valid for writing and have the size that the entry declares.
    unsafe fn unpack(&mut self, entry: &container::Entry, place: Place) -> Result<()> {
        let mut done = 0;
        for chunk in &entry.chunks {
            let compressed = self.next(chunk.bytes as usize)?;
            if container::checksum(compressed) != chunk.checksum {
                return Err(Error::Format(format!(
                    "array {:?} is damaged (a checksum differs)",
                    entry.name
                )));
            }
            let bytes = entry.chunk_bytes.min(place.bytes - done);
            // SAFETY: `done + bytes` is at most the size of the place.
            unsafe { codec::decompress(compressed, place.start.add(done), bytes) }?;
            done += bytes;
        }
        if done == place.bytes {
            Ok(())
        } else {
            Err(Error::Format(format!(
                "array {:?} lacks chunks",
                entry.name
            )))
        }
    }

    fn next(&mut self, bytes: usize) -> Result<&[u8]> {
        let offset = self.offset;
        self.offset += bytes as u64;
        let inside = usize::try_from(offset)
            .ok()
            .and_then(|from| self.start.get(from..from.checked_add(bytes)?));
        if let Some(chunk) = inside {
            return Ok(chunk);
        }
        self.spare.clear();
        read_at(self.file, self.spare, bytes, offset).map_err(at(self.path))?;
        Ok(self.spare)
    }
}

//! Writing the files of a batch, in parallel, each of them all or nothing.

use super::codec::{self, Compression};
use super::column::{Column, Spec};
use super::container::{self, CHUNK_BYTES, Chunk, Entry};
use super::each::each_item;
use super::file::{Replacement, sync_folder};
use super::read::{grain, total_bytes};
use super::scratch::{Scratch, with_scratch};
use super::{Layout, npy};
use crate::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Compressed bytes that are kept before they are written.
const FLUSH_BYTES: usize = 8 << 20;

/// How files are written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For containers.
    pub compression: Compression,
    /// Wait until the disk has each file before it takes its name.
    pub sync: bool,
}

/// Write one file for each item in `items`, whose path is at the same place in `paths`.
///
/// # Safety
/// The columns' memory must be valid for reading, for every position in `items`.
///
/// # Errors
/// [`Error::Item`] with the lowest place in `items` whose file could not be written; files written
/// before stay.
pub unsafe fn write_files(
    paths: &[PathBuf],
    items: &[usize],
    layout: Layout,
    columns: &[Column],
    options: Options,
) -> Result<()> {
    if paths.len() != items.len() || (layout != Layout::Blosc && columns.len() != 1) {
        return Err(Error::Value(
            "there must be one path for each item, and one component unless files are containers"
                .into(),
        ));
    }
    let bytes = total_bytes(columns, paths.len());
    each_item(
        paths.len(),
        grain(columns, paths.len()),
        bytes,
        &|position| {
            with_scratch(|scratch| {
                let (path, item) = (&paths[position], items[position]);
                let mut file = Replacement::new(path)?;
                // SAFETY: as the caller promises.
                unsafe {
                    match layout {
                        Layout::Raw => write_plain(&mut file, &columns[0], item, false, scratch),
                        Layout::Npy => write_plain(&mut file, &columns[0], item, true, scratch),
                        Layout::Blosc => {
                            write_blosc(&mut file, columns, item, options.compression, scratch)
                        }
                    }
                }?;
                file.commit(options.sync)
            })
        },
    )?;
    if options.sync {
        let folders: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
        folders.into_iter().try_for_each(sync_folder)?;
    }
    Ok(())
}

/// # Safety
/// The item must be valid for reading.
unsafe fn write_plain(
    file: &mut Replacement<'_>,
    column: &Column,
    item: usize,
    header: bool,
    scratch: &mut Scratch,
) -> Result<()> {
    let buffer = &mut scratch.file;
    buffer.clear();
    if header {
        npy::build(column.dtype(), column.shape(item), buffer)?;
    }
    let place = column.place(item);
    let mut done = 0;
    loop {
        // Copied first: somebody may be writing to the array, so it is never borrowed.
        let bytes = (place.bytes - done).min(FLUSH_BYTES);
        let used = buffer.len();
        buffer.reserve(bytes);
        // SAFETY: `bytes` bytes of the item, into room that was reserved for them.
        unsafe {
            buffer
                .as_mut_ptr()
                .add(used)
                .copy_from_nonoverlapping(place.start.add(done), bytes);
            buffer.set_len(used + bytes);
        }
        file.write(buffer)?;
        buffer.clear();
        done += bytes;
        if done == place.bytes {
            return Ok(());
        }
    }
}

/// # Safety
/// The item must be valid for reading.
unsafe fn write_blosc(
    file: &mut Replacement<'_>,
    columns: &[Column],
    item: usize,
    compression: Compression,
    scratch: &mut Scratch,
) -> Result<()> {
    let mut entries: Vec<Entry> = columns
        .iter()
        .map(|column| Entry {
            name: column.name().to_owned(),
            spec: Spec {
                kind: column.kind(),
                dtype: column.dtype().clone(),
                shape: column.shape(item).collect(),
            },
            chunk_bytes: CHUNK_BYTES,
            chunks: Vec::new(),
        })
        .collect();
    let n_chunks = |column: &Column| column.place(item).bytes.div_ceil(CHUNK_BYTES);
    let length = container::built_length(
        entries
            .iter()
            .zip(columns)
            .map(|(entry, column)| (entry.name.as_str(), &entry.spec, n_chunks(column))),
    );
    let buffer = &mut scratch.file;
    buffer.clear();
    // The table of chunks comes first in the file, but is known last.
    buffer.resize(length, 0);
    let mut flushed = false;
    for (entry, column) in entries.iter_mut().zip(columns) {
        let place = column.place(item);
        let mut done = 0;
        while done < place.bytes {
            let bytes = CHUNK_BYTES.min(place.bytes - done);
            let used = buffer.len();
            let itemsize = column.dtype().itemsize();
            // SAFETY: within the item, which the caller vouches for.
            let count = unsafe {
                codec::compress(place.start.add(done), bytes, itemsize, compression, buffer)
            }?;
            entry.chunks.push(Chunk {
                bytes: count as u32,
                checksum: container::checksum(&buffer[used..]),
            });
            done += bytes;
            if buffer.len() > FLUSH_BYTES {
                file.write(buffer)?;
                buffer.clear();
                flushed = true;
            }
        }
    }
    scratch.chunk.clear();
    container::build(&entries, &mut scratch.chunk)?;
    if flushed {
        file.write(buffer)?;
        file.write_at_start(&scratch.chunk)
    } else {
        buffer[..length].copy_from_slice(&scratch.chunk);
        file.write(buffer)
    }
}

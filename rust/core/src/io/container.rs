//! The header of the blosc container: a versioned file of named, typed, compressed arrays.
//!
//! All numbers are little-endian. A file is a prefix, one entry for each array, and the chunks of
//! all arrays in the order of the entries, with nothing between or behind them.
//!
//! | prefix (32 bytes) | |
//! |---|---|
//! | 0..8 | magic: `89 49 52 4F 4E 42 0D 0A` (`\x89IRONB\r\n`) |
//! | 8..10 | version, 1 |
//! | 10..12 | reserved, 0 |
//! | 12..16 | number of arrays |
//! | 16..20 | bytes before the first chunk: prefix and entries |
//! | 20..24 | reserved, 0 |
//! | 24..32 | XXH3-64 of bytes 0..24 and of the entries |
//!
//! | entry | |
//! |---|---|
//! | `u8` | kind: 0 array, 1 text (UTF-8), 2 bytes, 3 pickle |
//! | `u8` | number of dimensions, at most 32 |
//! | `u8` | length of the name |
//! | `u8` | length of the dtype |
//! | `u32` | number of chunks |
//! | `u64` | uncompressed bytes of every chunk but the last |
//! | `u64` each | length along each dimension |
//! | UTF-8 | name |
//! | ASCII | dtype as NumPy spells it (`\|u1` for the kinds 1 to 3) |
//! | each chunk | `u32` bytes of the chunk, `u64` XXH3-64 of them |
//!
//! A chunk is one C-Blosc 1 buffer. What is declared is checked against the size of the file and the
//! caller's limit when the header is read, so memory taken for a file is never more than the limit.

use super::codec::MAX_CHUNK;
use super::column::{Kind, MAX_DIMENSIONS, Spec};
use super::dtype::DType;
use crate::{Error, Result};
use std::collections::HashSet;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What every file begins with.
pub const MAGIC: &[u8; 8] = b"\x89IRONB\r\n";

/// The version that is written, and the only one so far.
pub const VERSION: u16 = 1;

/// Bytes before the first entry.
pub const PREFIX: usize = 32;

/// Uncompressed bytes of a chunk when there is more than one.
pub const CHUNK_BYTES: usize = 4 << 20;

/// Longest header that is read.
const MAX_HEADER: usize = 64 << 20;

/// Most arrays in one file: what is kept of each is far larger than the 16 bytes it may take there.
const MAX_ARRAYS: usize = 1 << 16;

/// One chunk of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its compressed bytes.
    pub bytes: u32,
    /// XXH3-64 of them.
    pub checksum: u64,
}

/// One array of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the component.
    pub name: String,
    /// Kind, type and shape.
    pub spec: Spec,
    /// Uncompressed bytes of every chunk but the last.
    pub chunk_bytes: usize,
    /// Its chunks, in order.
    pub chunks: Vec<Chunk>,
}

impl Entry {
    /// Compressed bytes of all chunks.
    pub fn compressed(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum()
    }
}

/// The checksum of a chunk.
pub fn checksum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

fn format<T>(message: impl Into<String>) -> Result<T> {
    Err(Error::Format(message.into()))
}

/// Length of the whole header, from the first [`PREFIX`] bytes.
///
/// # Errors
/// [`Error::Format`] unless these are the first bytes of a container of a known version.
pub fn header_length(start: &[u8]) -> Result<usize> {
    if !start.starts_with(MAGIC) {
        return format("it is not a blosc container of ironbatch (the first 8 bytes are others)");
    }
    let Some(prefix) = start.get(..PREFIX) else {
        return format("it is cut off in its header");
    };
    let mut fields = Fields { rest: &prefix[8..] };
    let version = fields.u16()?;
    if version != VERSION {
        return format(format!(
            "it is a container of version {version}; this release reads version {VERSION}"
        ));
    }
    let reserved = fields.u16()?;
    let arrays = fields.u32()? as usize;
    let length = fields.u32()? as usize;
    if reserved != 0 || fields.u32()? != 0 {
        return format("a reserved field of its header is in use");
    }
    if length > MAX_HEADER {
        return format(format!(
            "its header claims {length} bytes; at most {MAX_HEADER} are read"
        ));
    }
    // An entry takes 16 bytes at least.
    if length < PREFIX || arrays > ((length - PREFIX) / 16).min(MAX_ARRAYS) {
        return format(format!(
            "its header claims {arrays} arrays in {length} bytes"
        ));
    }
    Ok(length)
}

/// Read a whole header, for a file of `file_bytes` bytes.
///
/// # Errors
/// [`Error::Format`] for whatever is damaged, contradicts itself or the size of the file, or whose
/// arrays take more than `max_bytes` bytes together.
pub fn parse(header: &[u8], file_bytes: u64, max_bytes: u64) -> Result<Vec<Entry>> {
    let length = header_length(header)?;
    let Some(header) = header.get(..length) else {
        return format("it is cut off in its header");
    };
    let mut fields = Fields {
        rest: &header[12..],
    };
    let arrays = fields.u32()?;
    fields.take(8)?;
    if fields.u64()? != header_checksum(header) {
        return format("its header is damaged (the checksum differs)");
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut names = HashSet::new();
    let mut total = 0_u64;
    let mut end = length as u64;
    for _ in 0..arrays {
        let entry = fields.entry()?;
        if !names.insert(entry.name.clone()) {
            return format(format!("it holds two arrays named {:?}", entry.name));
        }
        // `Fields::entry` has checked that the size is a number.
        total = total.saturating_add(entry.spec.memory().unwrap_or(u64::MAX));
        end = end.saturating_add(entry.compressed());
        entries.push(entry);
    }
    if !fields.rest.is_empty() {
        return format("its header is longer than its entries");
    }
    if total > max_bytes {
        return format(format!(
            "it declares {total} bytes of arrays; at most {max_bytes} are read, or what max_bytes= says"
        ));
    }
    if end != file_bytes {
        return format(format!(
            "it has {file_bytes} bytes where its header declares {end}"
        ));
    }
    Ok(entries)
}

/// Append the header of these arrays to `out`.
///
/// # Errors
/// [`Error::Value`] if a name, a dtype, a dimension count or the header itself is too long.
pub fn build(entries: &[Entry], out: &mut Vec<u8>) -> Result<()> {
    if entries.len() > MAX_ARRAYS {
        return Err(Error::Value(format!(
            "{} arrays are too many for one file, which holds at most {MAX_ARRAYS}",
            entries.len()
        )));
    }
    let start = out.len();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 16]);
    for entry in entries {
        let dtype = entry.spec.dtype.as_str();
        let too_long =
            |what: &str| Error::Value(format!("array {:?}: its {what} too long", entry.name));
        let name_length = u8::try_from(entry.name.len()).map_err(|_| too_long("name is"))?;
        let dtype_length = u8::try_from(dtype.len()).map_err(|_| too_long("dtype is"))?;
        if entry.spec.shape.len() > MAX_DIMENSIONS {
            return Err(too_long("shape is"));
        }
        out.extend_from_slice(&[
            entry.spec.kind as u8,
            entry.spec.shape.len() as u8,
            name_length,
            dtype_length,
        ]);
        out.extend_from_slice(&(entry.chunks.len() as u32).to_le_bytes());
        out.extend_from_slice(&(entry.chunk_bytes as u64).to_le_bytes());
        for length in &entry.spec.shape {
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(dtype.as_bytes());
        for chunk in &entry.chunks {
            out.extend_from_slice(&chunk.bytes.to_le_bytes());
            out.extend_from_slice(&chunk.checksum.to_le_bytes());
        }
    }
    let header = &mut out[start..];
    if header.len() > MAX_HEADER {
        return Err(Error::Value("the arrays are too large for one file".into()));
    }
    let length = header.len() as u32;
    header[16..20].copy_from_slice(&length.to_le_bytes());
    let checksum = header_checksum(header);
    header[24..32].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Length that [`build`] will give these arrays.
pub fn built_length<'a>(arrays: impl Iterator<Item = (&'a str, &'a Spec, usize)>) -> usize {
    arrays
        .map(|(name, spec, chunks)| {
            16 + 8 * spec.shape.len() + name.len() + spec.dtype.as_str().len() + 12 * chunks
        })
        .sum::<usize>()
        + PREFIX
}

fn header_checksum(header: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&header[..24]);
    hash.update(&header[PREFIX..]);
    hash.digest()
}

/// What is left of a header, read from the front.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => format("its header ends within an entry"),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self, length: u8) -> Result<&'a str> {
        match std::str::from_utf8(self.take(usize::from(length))?) {
            Ok(text) => Ok(text),
            Err(_) => format("a name in its header is no UTF-8"),
        }
    }

    fn entry(&mut self) -> Result<Entry> {
        let [kind, ndim, name_length, dtype_length] = self.array()?;
        let n_chunks = self.u32()?;
        let chunk_bytes = self.u64()?;
        let Some(kind) = Kind::from_byte(kind) else {
            return format(format!("its header names an unknown kind of array, {kind}"));
        };
        if usize::from(ndim) > MAX_DIMENSIONS {
            return format(format!("its header claims {ndim} dimensions"));
        }
        let shape = (0..ndim).map(|_| self.u64()).collect::<Result<Vec<_>>>()?;
        let name = self.text(name_length)?.to_owned();
        let dtype = self.text(dtype_length)?;
        let Some(dtype) = DType::parse(dtype) else {
            return format(format!(
                "array {name:?} has the element type {dtype:?}, which no such file may have"
            ));
        };
        let spec = Spec { kind, dtype, shape };
        let (Some(bytes), Some(_)) = (spec.bytes(), spec.memory()) else {
            return format(format!(
                "array {name:?} claims the shape {:?}, more than fits into memory",
                spec.shape
            ));
        };
        if kind != Kind::Array && (spec.shape.len() != 1 || spec.dtype != DType::bytes()) {
            return format(format!("array {name:?} is no string of bytes"));
        }
        let fits = bytes == 0 || (1..=MAX_CHUNK as u64).contains(&chunk_bytes);
        if !fits
            || u64::from(n_chunks)
                != bytes.checked_div(chunk_bytes.max(1)).map_or(0, |full| {
                    full + u64::from(!bytes.is_multiple_of(chunk_bytes.max(1)))
                })
        {
            return format(format!(
                "array {name:?} claims {n_chunks} chunks of {chunk_bytes} bytes for its {bytes} bytes"
            ));
        }
        // The table itself limits how many there can be.
        let table = self.take((n_chunks as usize).saturating_mul(12))?;
        let chunks = table
            .chunks_exact(12)
            .map(|record| {
                let mut record = Fields { rest: record };
                Ok(Chunk {
                    bytes: record.u32()?,
                    checksum: record.u64()?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Entry {
            name,
            spec,
            chunk_bytes: chunk_bytes as usize,
            chunks,
        })
    }
}

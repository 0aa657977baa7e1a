//! The C-Blosc library: one chunk in, one chunk out, in the calling thread.

use crate::{Error, Result};
use std::ffi::CStr;
use std::ffi::c_int;

/// How chunks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    codec: &'static CStr,
    level: c_int,
    shuffle: c_int,
}

const CODECS: [(&str, &CStr); 4] = [
    ("blosclz", c"blosclz"),
    ("lz4", c"lz4"),
    ("lz4hc", c"lz4hc"),
    ("zstd", c"zstd"),
];

const SHUFFLES: [(&str, u32); 3] = [
    ("none", blosc_src::BLOSC_NOSHUFFLE),
    ("byte", blosc_src::BLOSC_SHUFFLE),
    ("bit", blosc_src::BLOSC_BITSHUFFLE),
];

impl Compression {
    /// A codec, a level from 0 (none) to 9, and how bytes are shuffled before.
    ///
    /// # Errors
    /// [`Error::Value`] that lists what is allowed.
    pub fn new(codec: &str, level: i64, shuffle: &str) -> Result<Self> {
        let names = |all: &mut dyn Iterator<Item = &str>| all.collect::<Vec<_>>().join(", ");
        let Some((_, codec)) = CODECS.iter().find(|(name, _)| *name == codec) else {
            return Err(Error::Value(format!(
                "unknown codec {codec:?}; there are {}",
                names(&mut CODECS.iter().map(|entry| entry.0))
            )));
        };
        let Some((_, shuffle)) = SHUFFLES.iter().find(|(name, _)| *name == shuffle) else {
            return Err(Error::Value(format!(
                "unknown shuffle {shuffle:?}; there are {}",
                names(&mut SHUFFLES.iter().map(|entry| entry.0))
            )));
        };
        if !(0..=9).contains(&level) {
            return Err(Error::Value(format!("level must be 0 to 9, got {level}")));
        }
        Ok(Self {
            codec,
            level: level as c_int,
            shuffle: *shuffle as c_int,
        })
    }
}

/// Most bytes that one chunk may hold.
pub const MAX_CHUNK: usize = 1 << 30;

const OVERHEAD: usize = blosc_src::BLOSC_MAX_OVERHEAD as usize;

/// Append the compressed form of some bytes to `out`.
///
/// # Safety
/// `start` must be valid for reading `bytes` bytes. They may change meanwhile: then what is written
/// is some mix of old and new.
///
/// # Errors
/// [`Error::Value`] if there are too many bytes or the library fails.
pub unsafe fn compress(
    start: *const u8,
    bytes: usize,
    itemsize: usize,
    compression: Compression,
    out: &mut Vec<u8>,
) -> Result<usize> {
    if bytes > MAX_CHUNK {
        return Err(Error::Value(format!(
            "a chunk of {bytes} bytes is too large"
        )));
    }
    let room = bytes + OVERHEAD;
    out.reserve(room);
    let used = out.len();
    // SAFETY: the library reads `bytes` bytes from `start`, which the caller vouches for, and
    // writes at most `room` bytes behind those in use, which `reserve` has made room for.
    let count = unsafe {
        blosc_src::blosc_compress_ctx(
            compression.level,
            compression.shuffle,
            itemsize.clamp(1, 255),
            bytes,
            start.cast(),
            out.as_mut_ptr().add(used).cast(),
            room,
            compression.codec.as_ptr(),
            0,
            1,
        )
    };
    match usize::try_from(count) {
        Ok(count) if count > 0 && count <= room => {
            // SAFETY: the library has written `count` bytes there.
            unsafe { out.set_len(used + count) };
            Ok(count)
        }
        _ => Err(Error::Value(format!(
            "C-Blosc could not compress {bytes} bytes (code {count})"
        ))),
    }
}

/// Decompress a chunk that must give exactly `bytes` bytes.
///
/// # Safety
/// `start` must be valid for writing `bytes` bytes, which nothing else uses meanwhile.
///
/// # Errors
/// [`Error::Format`] if the chunk declares another size or is damaged.
pub unsafe fn decompress(chunk: &[u8], start: *mut u8, bytes: usize) -> Result<()> {
    check(chunk, bytes)?;
    // SAFETY: `check` has made sure that the library reads no further than the chunk's end; it
    // writes at most `bytes` bytes, which the caller vouches for.
    let count =
        unsafe { blosc_src::blosc_decompress_ctx(chunk.as_ptr().cast(), start.cast(), bytes, 1) };
    if usize::try_from(count) == Ok(bytes) {
        Ok(())
    } else {
        Err(Error::Format("a chunk of it is damaged".into()))
    }
}

/// Compare what a chunk declares with what it is expected to be.
fn check(chunk: &[u8], bytes: usize) -> Result<()> {
    let mut declared = 0;
    // SAFETY: the library looks at no more than `chunk.len()` bytes.
    let valid = unsafe {
        blosc_src::blosc_cbuffer_validate(chunk.as_ptr().cast(), chunk.len(), &raw mut declared)
    };
    if valid != 0 || chunk.len() < blosc_src::BLOSC_MIN_HEADER_LENGTH as usize {
        return Err(Error::Format("a chunk of it is no blosc chunk".into()));
    }
    if declared != bytes {
        return Err(Error::Format(format!(
            "a chunk of it declares {declared} bytes where its header says {bytes}"
        )));
    }
    Ok(())
}

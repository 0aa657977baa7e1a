//! What is handed over: the layout of a column, its memory, and who owns that.

use crate::{Error, Result};
use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::Arc;

/// What keeps the memory of a column alive.
pub type Owner = Arc<dyn Send + Sync>;

/// Bytes of a column, wherever they lie.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Where they begin; null for a buffer that is left out.
    pub address: *const c_void,
    /// How many there are.
    pub nbytes: usize,
}

// SAFETY: an address is not read here but by `Column::check`; the owner of the memory goes along.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer that is left out, as that of validity bits when no item is null.
    pub const NONE: Self = Self {
        address: ptr::null(),
        nbytes: 0,
    };

    /// The memory of values.
    pub fn of<T: Copy>(values: &[T]) -> Self {
        Self {
            address: values.as_ptr().cast(),
            nbytes: size_of_val(values),
        }
    }
}

/// A column: type, length, buffers, and columns inside of it.
#[derive(Clone)]
pub struct Column {
    /// The type, as a format string of the interface.
    pub format: CString,
    /// Its name; empty where it has none.
    pub name: CString,
    /// Whether items may be null.
    pub nullable: bool,
    /// Number of items.
    pub length: usize,
    /// Number of items that are null.
    pub null_count: usize,
    /// Validity bits, and what the type has beside them.
    pub buffers: Vec<Buffer>,
    /// The columns that it is made of.
    pub children: Vec<Column>,
    /// What keeps the buffers alive.
    pub owner: Option<Owner>,
}

impl Column {
    /// Check that the buffers are as large as type and length say.
    ///
    /// # Errors
    /// [`Error::Value`] if one is too small, if a buffer or a child is missing, or if the type is
    /// none of those that are handed over.
    pub fn check(&self) -> Result<()> {
        let format = self.format.to_bytes();
        let bits = self.length.div_ceil(8);
        let sizes = match format {
            b"b" => vec![bits],
            b"c" | b"C" => vec![self.length],
            b"s" | b"S" | b"e" => vec![self.bytes(2)?],
            b"i" | b"I" | b"f" | b"tdD" => vec![self.bytes(4)?],
            b"l" | b"L" | b"g" | b"tDs" | b"tDm" | b"tDu" | b"tDn" | b"tss:" | b"tsm:"
            | b"tsu:" | b"tsn:" => vec![self.bytes(8)?],
            b"U" | b"Z" => vec![self.offsets()?, self.last_offset()?],
            b"+L" => {
                let size = self.offsets()?;
                self.require_child(0, self.last_offset()?)?;
                vec![size]
            }
            b"+s" => {
                (0..self.children.len()).try_for_each(|at| self.require_child(at, self.length))?;
                vec![]
            }
            _ => {
                let extent = std::str::from_utf8(format)
                    .ok()
                    .and_then(|text| text.strip_prefix("+w:")?.parse::<usize>().ok());
                let Some(extent) = extent else {
                    return Err(self.wrong("its type is not one that is handed over"));
                };
                let total = self.length.checked_mul(extent);
                self.require_child(0, total.ok_or_else(|| self.wrong("its length overflows"))?)?;
                vec![]
            }
        };
        if self.buffers.len() != sizes.len() + 1 {
            return Err(self.wrong("it has another number of buffers than its type"));
        }
        let validity = self.buffers[0];
        if validity.address.is_null() {
            if self.null_count > 0 {
                return Err(self.wrong("it has nulls but no bits that say which"));
            }
        } else if validity.nbytes < bits {
            return Err(self.wrong("its validity bits are too few"));
        }
        for (buffer, size) in self.buffers[1..].iter().zip(sizes) {
            if buffer.nbytes < size || (buffer.address.is_null() && size > 0) {
                return Err(self.wrong("a buffer is smaller than its length"));
            }
        }
        self.children.iter().try_for_each(Self::check)
    }

    fn bytes(&self, itemsize: usize) -> Result<usize> {
        self.length
            .checked_mul(itemsize)
            .ok_or_else(|| self.wrong("its length overflows"))
    }

    /// Bytes of the offsets.
    fn offsets(&self) -> Result<usize> {
        self.length
            .checked_add(1)
            .and_then(|n| n.checked_mul(size_of::<i64>()))
            .ok_or_else(|| self.wrong("its length overflows"))
    }

    /// Where the last item ends.
    fn last_offset(&self) -> Result<usize> {
        let size = self.offsets()?;
        let Some(offsets) = self
            .buffers
            .get(1)
            .filter(|buffer| buffer.nbytes >= size && !buffer.address.is_null())
        else {
            return Err(self.wrong("it has too few offsets"));
        };
        // SAFETY: the buffer holds `length + 1` offsets, by what was checked above.
        let last = unsafe {
            offsets
                .address
                .cast::<i64>()
                .add(self.length)
                .read_unaligned()
        };
        usize::try_from(last).map_err(|_| self.wrong("its last offset is negative"))
    }

    fn require_child(&self, at: usize, length: usize) -> Result<()> {
        match self.children.get(at) {
            Some(child) if child.length >= length => Ok(()),
            Some(_) => Err(self.wrong("a column inside of it is too short")),
            None => Err(self.wrong("a column inside of it is missing")),
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::Value(format!(
            "column {:?} of type {:?} and length {} cannot be handed over: {what}",
            self.name, self.format, self.length
        ))
    }
}

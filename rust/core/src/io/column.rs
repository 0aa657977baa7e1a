//! Where the bytes of each item lie in a component's memory.

use super::dtype::DType;
use crate::{Error, Result};

/// What the bytes of an array mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Elements of a dtype, in C order.
    Array = 0,
    /// Text in UTF-8.
    Text = 1,
    /// A byte string.
    Bytes = 2,
    /// A pickled Python object, which the core never looks into.
    Pickle = 3,
}

impl Kind {
    /// The kind that this byte of a file stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Array),
            1 => Some(Self::Text),
            2 => Some(Self::Bytes),
            3 => Some(Self::Pickle),
            _ => None,
        }
    }
}

/// What a file declares about one of its arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What the bytes mean.
    pub kind: Kind,
    /// Type of the elements.
    pub dtype: DType,
    /// Length along each dimension.
    pub shape: Vec<u64>,
}

/// Most dimensions that an array may have (NumPy 1's limit).
pub const MAX_DIMENSIONS: usize = 32;

/// Bytes of an array; `None` if the number does not fit.
pub fn array_bytes(itemsize: usize, shape: &[u64]) -> Option<u64> {
    // A zero among the lengths makes the array empty, but must not hide an absurd length.
    let mut bytes = itemsize as u64;
    let mut empty = false;
    for &length in shape {
        if length == 0 {
            empty = true;
        } else {
            bytes = bytes.checked_mul(length)?;
        }
    }
    i64::try_from(bytes).ok()?;
    Some(if empty { 0 } else { bytes })
}

impl Spec {
    /// Bytes of the array; `None` if the number does not fit.
    pub fn bytes(&self) -> Option<u64> {
        array_bytes(self.dtype.itemsize(), &self.shape)
    }

    /// Bytes of the memory that the array will take, which is what limits are about.
    ///
    /// Empty strings take no bytes in a file, but NumPy gives each the room of one character.
    pub fn memory(&self) -> Option<u64> {
        match self.dtype.itemsize() {
            0 => array_bytes(4, &self.shape),
            _ => self.bytes(),
        }
    }
}

/// Memory of one component: an address, and for each item its span and shape.
///
/// Every span lies within the memory; [`Column::dense`] and [`Column::ragged`] check that.
#[derive(Clone, Debug)]
pub struct Column {
    name: String,
    kind: Kind,
    dtype: DType,
    base: *mut u8,
    places: Places,
}

#[derive(Clone, Debug)]
enum Places {
    Dense {
        shape: Vec<u64>,
        item_bytes: usize,
    },
    Ragged {
        /// In elements, one more than there are items.
        offsets: Vec<i64>,
        /// `ndim` lengths for each item.
        shapes: Vec<i64>,
        ndim: usize,
    },
}

/// One item of a column.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// First byte of the item.
    pub start: *mut u8,
    /// Number of its bytes.
    pub bytes: usize,
}

// SAFETY: the address is only used inside unsafe blocks, each for the span of one item, and items
// do not overlap when they are written to.
unsafe impl Send for Column {}
// SAFETY: as above.
unsafe impl Sync for Column {}

impl Column {
    /// Items of one shape, one after another.
    ///
    /// # Safety
    /// `base` must stay valid for `memory` bytes (for writing, if the column is read into), and
    /// nothing may rely on those bytes while they are written.
    ///
    /// # Errors
    /// [`Error::Value`] if `n_items` items do not fill the memory exactly.
    pub unsafe fn dense(
        name: String,
        spec: Spec,
        base: *mut u8,
        memory: usize,
        n_items: usize,
    ) -> Result<Self> {
        let item_bytes = spec
            .bytes()
            .and_then(|bytes| usize::try_from(bytes).ok())
            .filter(|bytes| bytes.checked_mul(n_items) == Some(memory))
            .ok_or_else(|| {
                Error::Value(format!(
                    "{n_items} items of {:?} {} do not fill {memory} bytes",
                    spec.shape, spec.dtype
                ))
            })?;
        Ok(Self {
            name,
            kind: spec.kind,
            dtype: spec.dtype,
            base,
            places: Places::Dense {
                shape: spec.shape,
                item_bytes,
            },
        })
    }

    /// Items of different shapes, one after another.
    ///
    /// Offsets and shapes are owned: were they Python's, they could change after they were checked.
    ///
    /// # Safety
    /// As for [`Column::dense`].
    ///
    /// # Errors
    /// [`Error::Value`] if offsets leave the memory, decrease, or disagree with the shapes.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a ragged component, once each"
    )]
    pub unsafe fn ragged(
        name: String,
        kind: Kind,
        dtype: DType,
        base: *mut u8,
        memory: usize,
        offsets: Vec<i64>,
        shapes: Vec<i64>,
        ndim: usize,
    ) -> Result<Self> {
        let wrong = |what: &str| Err(Error::Value(format!("component {name:?}: {what}")));
        let Some(n_items) = offsets.len().checked_sub(1) else {
            return wrong("there are no offsets");
        };
        if shapes.len() != n_items.saturating_mul(ndim) {
            return wrong("there is not one shape for each item");
        }
        if shapes.iter().any(|&length| length < 0) || offsets[0] < 0 {
            return wrong("a shape or an offset is negative");
        }
        let mut lengths = Vec::with_capacity(ndim);
        for item in 0..n_items {
            lengths.clear();
            lengths.extend(
                shapes[item * ndim..(item + 1) * ndim]
                    .iter()
                    .map(|&length| length as u64),
            );
            let span = offsets[item + 1].checked_sub(offsets[item]);
            let elements = array_bytes(1, &lengths).and_then(|count| i64::try_from(count).ok());
            if span.is_none() || span != elements {
                return wrong("offsets and shapes disagree");
            }
        }
        let end = (offsets[n_items] as usize).checked_mul(dtype.itemsize());
        if end.is_none_or(|end| end > memory) {
            return wrong("offsets leave the memory");
        }
        Ok(Self {
            name,
            kind,
            dtype,
            base,
            places: Places::Ragged {
                offsets,
                shapes,
                ndim,
            },
        })
    }

    /// Name of the component.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its bytes mean.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Type of its elements.
    pub const fn dtype(&self) -> &DType {
        &self.dtype
    }

    /// Bytes of an item, near enough to choose how many are worth a thread.
    pub fn typical_bytes(&self, n_items: usize) -> usize {
        match &self.places {
            Places::Dense { item_bytes, .. } => *item_bytes,
            Places::Ragged { offsets, .. } => {
                let elements = offsets[offsets.len() - 1] - offsets[0];
                elements as usize * self.dtype.itemsize() / n_items.max(1)
            }
        }
    }

    /// Where an item lies.
    pub fn place(&self, item: usize) -> Place {
        let (offset, bytes) = match &self.places {
            Places::Dense { item_bytes, .. } => (item * item_bytes, *item_bytes),
            Places::Ragged { offsets, .. } => {
                let itemsize = self.dtype.itemsize();
                let start = offsets[item] as usize * itemsize;
                (start, offsets[item + 1] as usize * itemsize - start)
            }
        };
        Place {
            // SAFETY: the constructors have checked that every item lies in the memory.
            start: unsafe { self.base.add(offset) },
            bytes,
        }
    }

    /// Shape of an item.
    pub fn shape(&self, item: usize) -> impl ExactSizeIterator<Item = u64> + '_ {
        let (dense, ragged): (&[u64], &[i64]) = match &self.places {
            Places::Dense { shape, .. } => (shape, &[]),
            Places::Ragged { shapes, ndim, .. } => (&[], &shapes[item * ndim..(item + 1) * ndim]),
        };
        let length = dense.len() + ragged.len();
        (0..length).map(move |axis| {
            dense
                .get(axis)
                .copied()
                .unwrap_or_else(|| ragged[axis] as u64)
        })
    }

    /// Whether an array that a file declares is what this place is for.
    ///
    /// # Errors
    /// [`Error::Differs`], saying what was declared and what was expected.
    pub fn expect(&self, item: usize, declared: &Spec) -> Result<()> {
        let same_shape = self.shape(item).eq(declared.shape.iter().copied());
        if same_shape && declared.kind == self.kind && declared.dtype == self.dtype {
            return Ok(());
        }
        let shape: Vec<u64> = self.shape(item).collect();
        Err(Error::Differs(format!(
            "it holds an array of {} {:?} where the other items have {} {shape:?}",
            declared.dtype, declared.shape, self.dtype
        )))
    }
}

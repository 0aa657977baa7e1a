//! NumPy's own file header, versions 1 to 3.
//!
//! The header is the text of a Python dict. Only the three entries that NumPy writes are accepted,
//! each with a literal of its own kind; nothing is evaluated.

use super::column::{Kind, MAX_DIMENSIONS, Spec};
use super::dtype::DType;
use crate::{Error, Result};

/// What every file begins with.
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Length of nearly every header, so that header and elements can be read at once.
pub const USUAL_HEADER: usize = 128;

/// Longest header that is read.
const MAX_HEADER: usize = 1 << 16;

/// What a header declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Type and shape.
    pub spec: Spec,
    /// The elements are stored with the first dimension varying quickest.
    pub fortran_order: bool,
    /// Bytes before the first element.
    pub length: usize,
}

/// Length of the whole header, from its first 12 bytes.
///
/// # Errors
/// [`Error::Format`] unless these are the first bytes of a file of a known version.
pub fn header_length(start: &[u8]) -> Result<usize> {
    let Some(prefix) = start.get(..10) else {
        return Err(Error::Format("it is too short for an npy file".into()));
    };
    if &prefix[..6] != MAGIC {
        return Err(Error::Format(
            "it is not an npy file (it does not begin with \\x93NUMPY)".into(),
        ));
    }
    let (before, length) = match (prefix[6], prefix[7]) {
        (1, 0) => (10, usize::from(u16::from_le_bytes([prefix[8], prefix[9]]))),
        (2 | 3, 0) => {
            let Some(&[a, b, c, d]) = start.get(8..12).and_then(|four| four.first_chunk()) else {
                return Err(Error::Format("it is too short for an npy file".into()));
            };
            (12, u32::from_le_bytes([a, b, c, d]) as usize)
        }
        (major, minor) => {
            return Err(Error::Format(format!(
                "it is an npy file of version {major}.{minor}; versions 1.0 to 3.0 are known"
            )));
        }
    };
    if length > MAX_HEADER {
        return Err(Error::Format(format!(
            "its npy header claims {length} bytes; at most {MAX_HEADER} are read"
        )));
    }
    Ok(before + length)
}

/// Read a whole header.
///
/// # Errors
/// [`Error::Format`] for anything NumPy would not have written, [`Error::Unsupported`] for element
/// types that hold Python objects or fields.
pub fn parse(header: &[u8]) -> Result<Header> {
    let length = header_length(header)?;
    let before = if header[6] == 1 { 10 } else { 12 };
    let Some(text) = header.get(before..length) else {
        return Err(Error::Format("its npy header is cut off".into()));
    };
    let (spec, fortran_order) = Literal { rest: text }.header()?;
    if spec.memory().is_none() {
        return Err(Error::Format(format!(
            "its npy header claims an array of {} {:?}, more than fits into memory",
            spec.dtype, spec.shape
        )));
    }
    Ok(Header {
        spec,
        fortran_order,
        length,
    })
}

/// The header of an array in C order, as NumPy would write it.
///
/// # Errors
/// [`Error::Value`] if it has so many dimensions that version 1 cannot hold it.
pub fn build(
    dtype: &DType,
    shape: impl ExactSizeIterator<Item = u64>,
    out: &mut Vec<u8>,
) -> Result<()> {
    use std::fmt::Write as _;
    let mut text = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': (");
    let ndim = shape.len();
    for (axis, length) in shape.enumerate() {
        let comma = if axis + 1 < ndim {
            ", "
        } else if ndim == 1 {
            ","
        } else {
            ""
        };
        // Writing to a string does not fail.
        let _ = write!(text, "{length}{comma}");
    }
    text.push_str("), }");
    let unpadded = 10 + text.len() + 1;
    // NumPy leaves room for the first length to grow; with it most headers have the usual size.
    let padded = (unpadded + 20).div_ceil(64) * 64;
    text.extend(std::iter::repeat_n(' ', padded - unpadded));
    text.push('\n');
    let Ok(length) = u16::try_from(text.len()) else {
        return Err(Error::Value(format!("{ndim} dimensions are too many")));
    };
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Give back the elements of an array in C order, given those in Fortran order.
pub fn transpose(from: &[u8], shape: &[u64], itemsize: usize, mut put: impl FnMut(usize, &[u8])) {
    let ndim = shape.len();
    let mut strides = Vec::with_capacity(ndim);
    let mut step = itemsize;
    for &length in shape {
        strides.push(step);
        step *= length as usize;
    }
    let mut place = vec![0_u64; ndim];
    let mut offset = 0;
    let elements = from.len().checked_div(itemsize).unwrap_or(0);
    for element in 0..elements {
        put(element * itemsize, &from[offset..offset + itemsize]);
        for axis in (0..ndim).rev() {
            place[axis] += 1;
            offset += strides[axis];
            if place[axis] < shape[axis] {
                break;
            }
            offset -= strides[axis] * shape[axis] as usize;
            place[axis] = 0;
        }
    }
}

/// Reader of the few Python literals that a header may hold.
struct Literal<'a> {
    rest: &'a [u8],
}

fn foreign() -> Error {
    Error::Format("its npy header is not one that NumPy writes".into())
}

impl<'a> Literal<'a> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn next_is(&mut self, byte: u8) -> bool {
        self.skip_spaces();
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn need(&mut self, byte: u8) -> Result<()> {
        if self.next_is(byte) {
            Ok(())
        } else {
            Err(foreign())
        }
    }

    fn string(&mut self) -> Result<&'a str> {
        self.skip_spaces();
        let quote = *self
            .rest
            .first()
            .filter(|byte| matches!(byte, b'\'' | b'"'))
            .ok_or_else(foreign)?;
        let inner = &self.rest[1..];
        let end = inner
            .iter()
            .position(|&byte| byte == quote)
            .ok_or_else(foreign)?;
        let text = &inner[..end];
        self.rest = &inner[end + 1..];
        if text.contains(&b'\\') {
            return Err(foreign());
        }
        std::str::from_utf8(text).map_err(|_| foreign())
    }

    fn boolean(&mut self) -> Result<bool> {
        self.skip_spaces();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word.as_bytes()) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(foreign())
    }

    fn number(&mut self) -> Result<u64> {
        self.skip_spaces();
        let digits = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let text = std::str::from_utf8(&self.rest[..digits]).map_err(|_| foreign())?;
        let value = text.parse().map_err(|_| foreign())?;
        self.rest = &self.rest[digits..];
        // Python 2 marked long integers.
        if let Some(rest) = self.rest.strip_prefix(b"L") {
            self.rest = rest;
        }
        Ok(value)
    }

    fn tuple(&mut self) -> Result<Vec<u64>> {
        self.need(b'(')?;
        let mut lengths = Vec::new();
        while !self.next_is(b')') {
            if lengths.len() == MAX_DIMENSIONS {
                return Err(Error::Format(format!(
                    "its npy header claims more than {MAX_DIMENSIONS} dimensions"
                )));
            }
            lengths.push(self.number()?);
            if !self.next_is(b',') {
                self.need(b')')?;
                break;
            }
        }
        Ok(lengths)
    }

    fn dtype(&mut self) -> Result<DType> {
        self.skip_spaces();
        if matches!(self.rest.first(), Some(b'[' | b'(' | b'{')) {
            return Err(Error::Unsupported("its elements have fields".into()));
        }
        let text = self.string()?;
        if text.ends_with('O') {
            return Err(Error::Unsupported(
                "it holds pickled Python objects; if you trust where it comes from, \
                 load it with allow_pickle=True"
                    .into(),
            ));
        }
        DType::parse(text)
            .ok_or_else(|| Error::Unsupported(format!("its element type is {text:?}")))
    }

    fn header(mut self) -> Result<(Spec, bool)> {
        let (mut dtype, mut fortran_order, mut shape) = (None, None, None);
        self.need(b'{')?;
        while !self.next_is(b'}') {
            let key = self.string()?;
            self.need(b':')?;
            let repeated = match key {
                "descr" => dtype.replace(self.dtype()?).is_some(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => true,
            };
            if repeated {
                return Err(foreign());
            }
            if !self.next_is(b',') {
                self.need(b'}')?;
                break;
            }
        }
        self.skip_spaces();
        match (dtype, fortran_order, shape) {
            (Some(dtype), Some(fortran_order), Some(shape)) if self.rest.is_empty() => {
                let kind = Kind::Array;
                Ok((Spec { kind, dtype, shape }, fortran_order))
            }
            _ => Err(foreign()),
        }
    }
}

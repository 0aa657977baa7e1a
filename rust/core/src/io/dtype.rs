//! The element types that a file may declare, in NumPy's spelling.

use std::fmt;

/// A fixed-size element type without Python objects or nesting, such as `<f4` or `<M8[ns]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DType {
    text: String,
    itemsize: usize,
}

impl DType {
    /// Read NumPy's spelling; `None` unless the type is on the list of those that files may hold.
    ///
    /// ```
    /// use ironbatch_core::io::dtype::DType;
    /// assert_eq!(DType::parse("<f4").map(|dtype| dtype.itemsize()), Some(4));
    /// assert!(DType::parse("|O").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (&order, rest) = bytes.split_first()?;
        if !matches!(order, b'<' | b'>' | b'|' | b'=') {
            return None;
        }
        let (&kind, rest) = rest.split_first()?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        let count: usize = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        let unit = &rest[digits..];
        let itemsize = match kind {
            b'b' if count == 1 => 1,
            b'i' | b'u' if matches!(count, 1 | 2 | 4 | 8) => count,
            b'f' if matches!(count, 2 | 4 | 8 | 16) => count,
            b'c' if matches!(count, 8 | 16 | 32) => count,
            b'S' => count,
            b'U' => count.checked_mul(4)?,
            b'M' | b'm' if count == 8 => 8,
            _ => return None,
        };
        let unit_fits = match kind {
            b'M' | b'm' => unit.is_empty() || is_time_unit(unit),
            _ => unit.is_empty(),
        };
        unit_fits.then(|| Self {
            text: text.to_owned(),
            itemsize,
        })
    }

    /// One byte a element: what text, byte strings and pickles are stored as.
    pub fn bytes() -> Self {
        Self {
            text: "|u1".to_owned(),
            itemsize: 1,
        }
    }

    /// Bytes of one element.
    pub const fn itemsize(&self) -> usize {
        self.itemsize
    }

    /// NumPy's spelling.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for DType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// `[ns]`, `[25s]`, `[D]`...
fn is_time_unit(text: &[u8]) -> bool {
    let Some(inner) = text
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
    else {
        return false;
    };
    let digits = inner
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    digits <= 9
        && matches!(
            &inner[digits..],
            b"Y" | b"M"
                | b"W"
                | b"D"
                | b"h"
                | b"m"
                | b"s"
                | b"ms"
                | b"us"
                | b"ns"
                | b"ps"
                | b"fs"
                | b"as"
        )
}

//! What lies beyond the ends of an item.

use ironbatch_kernel::{Error, Result};

/// How an axis goes on beyond its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Border {
    /// With one value.
    Constant,
    /// With its nearest element.
    Edge,
    /// With its elements mirrored at the nearest one.
    Reflect,
    /// With the elements from its other end.
    Wrap,
}

impl Border {
    /// By the name that users give to parameter `parameter`.
    pub(crate) fn from_name(parameter: &str, name: &str) -> Result<Self> {
        match name {
            "constant" => Ok(Self::Constant),
            "edge" => Ok(Self::Edge),
            "reflect" => Ok(Self::Reflect),
            "wrap" => Ok(Self::Wrap),
            other => Err(Error::new(format!(
                "{parameter} has to be 'constant', 'edge', 'reflect' or 'wrap', not '{other}'"
            ))),
        }
    }

    /// Which of `length` elements, one at least, stands at a place; None for the constant.
    #[inline]
    pub(crate) fn place(self, at: i64, length: i64) -> Option<usize> {
        if (0..length).contains(&at) {
            return Some(at as usize);
        }
        let found = match self {
            Self::Constant => return None,
            Self::Edge => at.clamp(0, length - 1),
            Self::Reflect if length == 1 => 0,
            Self::Reflect => {
                let at = at.rem_euclid(2 * (length - 1));
                at.min(2 * (length - 1) - at)
            }
            Self::Wrap => at.rem_euclid(length),
        };
        Some(found as usize)
    }
}

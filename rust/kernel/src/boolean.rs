//! Elements that are true or false.

/// A byte that is true unless it is 0, NumPy's `bool`.
///
/// Rust's own `bool` may be nothing but 0 or 1, but the memory of an array may hold any byte, if only
/// because Python writes to it meanwhile.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// Whether it is true.
    #[inline]
    pub const fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    #[inline]
    fn from(value: bool) -> Self {
        Self(u8::from(value))
    }
}

impl From<Bool> for bool {
    #[inline]
    fn from(value: Bool) -> Self {
        value.get()
    }
}

impl PartialEq for Bool {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Bool {}

impl std::fmt::Debug for Bool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.get().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_true_or_false() {
        for byte in 0..=u8::MAX {
            assert_eq!(Bool(byte).get(), byte != 0);
            assert_eq!(Bool(byte), Bool::from(byte != 0));
        }
    }
}

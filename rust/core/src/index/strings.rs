//! Strings end to end in one buffer, the layout of Arrow's large strings.

/// A column of UTF-8 strings.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    offsets: Vec<u64>,
    bytes: Vec<u8>,
    longest: usize,
}

impl Strings {
    /// An empty column with room for `n` strings.
    pub fn with_capacity(n: usize) -> Self {
        let mut offsets = Vec::with_capacity(n + 1);
        offsets.push(0);
        Self {
            offsets,
            bytes: Vec::with_capacity(n * 8),
            longest: 0,
        }
    }

    /// Append a string.
    pub fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.close();
    }

    /// Append a string given by its characters.
    pub fn push_chars(&mut self, chars: impl Iterator<Item = char>) {
        for c in chars {
            if c.is_ascii() {
                self.bytes.push(c as u8);
            } else {
                self.bytes
                    .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.close();
    }

    fn close(&mut self) {
        if self.offsets.is_empty() {
            self.offsets.push(0);
        }
        let from = self.offsets.last().map_or(0, |&o| o as usize);
        // Bytes 10xxxxxx continue a character.
        let chars = self.bytes[from..]
            .iter()
            .filter(|&&b| b & 0xC0 != 0x80)
            .count();
        self.longest = self.longest.max(chars);
        self.offsets.push(self.bytes.len() as u64);
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there are no strings.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of characters of the longest string.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Bytes held.
    pub fn nbytes(&self) -> usize {
        self.offsets.capacity() * size_of::<u64>() + self.bytes.capacity()
    }

    /// The string at `position` as UTF-8.
    #[inline]
    pub fn get(&self, position: usize) -> &[u8] {
        &self.bytes[self.offsets[position] as usize..self.offsets[position + 1] as usize]
    }

    /// All strings as UTF-8.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|position| self.get(position))
    }

    /// The strings at `positions`, which must be inside.
    #[must_use]
    pub fn take(&self, positions: &[i64]) -> Self {
        let mut out = Self::with_capacity(positions.len());
        for &position in positions {
            out.bytes.extend_from_slice(self.get(position as usize));
            out.close();
        }
        out
    }

    /// Write the string at `position` as UTF-32 into `out`, padded with zeros.
    ///
    /// Gives the number of characters; those that do not fit are left out.
    pub fn write_utf32(&self, position: usize, out: &mut [u32]) -> usize {
        let bytes = self.get(position);
        let mut used = 0;
        if bytes.is_ascii() {
            used = bytes.len().min(out.len());
            for (to, &byte) in out.iter_mut().zip(bytes) {
                *to = u32::from(byte);
            }
        } else {
            // Only whole `str`s are ever pushed; anything else would be shown as U+FFFD.
            let text = String::from_utf8_lossy(bytes);
            for (to, c) in out.iter_mut().zip(text.chars()) {
                *to = c as u32;
                used += 1;
            }
        }
        out[used..].fill(0);
        used
    }
}

impl<S: AsRef<str>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let strings = strings.into_iter();
        let mut out = Self::with_capacity(strings.size_hint().0);
        for text in strings {
            out.push(text.as_ref());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf32_is_padded_and_cut() {
        let strings = Strings::from_iter(["ab", "\u{e9}\u{1F600}z", ""]);
        let mut out = [9; 4];
        assert_eq!(strings.write_utf32(0, &mut out), 2);
        assert_eq!(out, [97, 98, 0, 0]);
        assert_eq!(strings.write_utf32(1, &mut out), 3);
        assert_eq!(out, [0xe9, 0x1F600, 122, 0]);
        assert_eq!(strings.write_utf32(2, &mut out), 0);
        assert_eq!(strings.longest(), 3);
    }

    #[test]
    fn chars_and_text_are_the_same() {
        let mut a = Strings::default();
        a.push_chars("h\u{e9}llo".chars());
        let mut b = Strings::with_capacity(1);
        b.push("h\u{e9}llo");
        assert_eq!(a.get(0), b.get(0));
        assert_eq!(a.len(), 1);
    }
}

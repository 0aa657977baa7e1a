//! Which items are no text.

/// Give the place of the first item that is not valid UTF-8.
///
/// Item `i` is `data[offsets[i]..offsets[i + 1]]`; an item that leaves the data counts as none.
///
/// # Examples
/// ```
/// use ironbatch_core::arrow::first_not_utf8;
///
/// assert_eq!(first_not_utf8(b"ab\xC3\xA9", &[0, 1, 4]), None);
/// assert_eq!(first_not_utf8(b"ab\xC3\xA9", &[0, 3, 4]), Some(0));
/// ```
pub fn first_not_utf8(data: &[u8], offsets: &[i64]) -> Option<usize> {
    offsets.windows(2).position(|bounds| {
        let bound = |at: usize| usize::try_from(bounds[at]).unwrap_or(usize::MAX);
        data.get(bound(0)..bound(1))
            .is_none_or(|item| std::str::from_utf8(item).is_err())
    })
}

//! The parsers against anything, and what is written against what is read.

use super::column::{Column, Kind, Spec, array_bytes};
use super::container::{self, Chunk, Entry};
use super::dtype::DType;
use super::file::{self, Replacement};
use super::{Layout, codec, npy, probe, read, write};
use crate::Error;
use proptest::prelude::*;
use std::path::PathBuf;

const LIMIT: u64 = 1 << 30;

/// A folder of its own for each test, removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ironbatch-io-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn spec(dtype: &str, shape: &[u64]) -> Spec {
    Spec {
        kind: Kind::Array,
        dtype: DType::parse(dtype).unwrap(),
        shape: shape.to_vec(),
    }
}

fn dense(spec: Spec, memory: &mut [u8], n_items: usize) -> Column {
    // SAFETY: the memory outlives the column in each of these tests.
    unsafe { Column::dense("x".into(), spec, memory.as_mut_ptr(), memory.len(), n_items) }.unwrap()
}

fn options() -> write::Options {
    write::Options {
        compression: codec::Compression::new("lz4", 5, "byte").unwrap(),
        sync: false,
    }
}

fn round_trip(layout: Layout, folder: &Folder) {
    let mut given: Vec<u8> = (0..4 * 240_u32).map(|byte| (byte % 251) as u8).collect();
    let paths: Vec<PathBuf> = (0..4)
        .map(|item| folder.0.join(format!("{item}")))
        .collect();
    let column = dense(spec("<i2", &[4, 30]), &mut given, 4);
    // SAFETY: `given` and `found` live until the end.
    unsafe { write::write_files(&paths, &[0, 1, 2, 3], layout, &[column], options()) }.unwrap();
    let mut found = vec![0; given.len()];
    let column = dense(spec("<i2", &[4, 30]), &mut found, 4);
    // SAFETY: as above.
    unsafe { read::read_files(&paths, layout, &[column], LIMIT) }.unwrap();
    assert_eq!(given, found);
}

#[test]
fn what_is_written_is_read() {
    let folder = Folder::new("round-trip");
    round_trip(Layout::Raw, &folder);
    round_trip(Layout::Npy, &folder);
    round_trip(Layout::Blosc, &folder);
    assert_eq!(folder.names(), ["0", "1", "2", "3"]);
}

#[test]
fn a_file_of_another_shape_is_told_from_a_damaged_one() {
    let folder = Folder::new("differs");
    let path = folder.0.join("a");
    let mut given = vec![1_u8; 12];
    let paths = std::slice::from_ref(&path);
    let column = dense(spec("|u1", &[12]), &mut given, 1);
    // SAFETY: `given` and `found` live until the end.
    unsafe { write::write_files(paths, &[0], Layout::Npy, &[column], options()) }.unwrap();
    let mut found = vec![0; 6];
    let column = dense(spec("|u1", &[6]), &mut found, 1);
    // SAFETY: as above.
    let outcome = unsafe { read::read_files(paths, Layout::Npy, &[column], LIMIT) };
    let Err(Error::Item {
        position: 0,
        source,
    }) = outcome
    else {
        panic!("{outcome:?}")
    };
    assert!(matches!(*source, Error::Differs(_)));
}

#[test]
fn a_replacement_that_is_dropped_leaves_the_old_file() {
    let folder = Folder::new("replacement");
    let path = folder.0.join("a");
    std::fs::write(&path, b"old").unwrap();
    let mut replacement = Replacement::new(&path).unwrap();
    replacement.write(b"new").unwrap();
    drop(replacement);
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(folder.names(), ["a"]);
    let mut replacement = Replacement::new(&path).unwrap();
    replacement.write(b"new").unwrap();
    replacement.commit(true).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(folder.names(), ["a"]);
}

#[test]
fn array_sizes_do_not_wrap() {
    assert_eq!(array_bytes(8, &[2, 3]), Some(48));
    assert_eq!(array_bytes(8, &[]), Some(8));
    assert_eq!(array_bytes(8, &[0, 5]), Some(0));
    assert_eq!(array_bytes(8, &[u64::MAX, 2]), None);
    assert_eq!(array_bytes(1, &[0, 1 << 40, 1 << 40]), None);
}

#[test]
fn empty_strings_count_as_what_they_take_in_memory() {
    assert_eq!(spec("|S0", &[1000]).bytes(), Some(0));
    assert_eq!(spec("|S0", &[1000]).memory(), Some(4000));
    assert_eq!(spec("<U0", &[u64::MAX]).memory(), None);
    let folder = Folder::new("empty-strings");
    let path = folder.0.join("a");
    let mut file = Vec::new();
    let dtype = DType::parse("|S0").unwrap();
    npy::build(&dtype, [LIMIT].into_iter(), &mut file).unwrap();
    std::fs::write(&path, file).unwrap();
    let outcome = probe::probe_file(&path, Layout::Npy, None, LIMIT);
    assert!(matches!(outcome, Err(Error::Format(_))), "{outcome:?}");
}

#[test]
fn more_bytes_than_memory_are_an_error_and_not_the_end() {
    let folder = Folder::new("memory");
    let path = folder.0.join("a");
    std::fs::write(&path, b"abc").unwrap();
    let opened = file::open(&path).unwrap();
    let failed = file::read_more(&opened, &mut Vec::new(), isize::MAX as usize).unwrap_err();
    assert!(matches!(file::at(&path)(failed), Error::Memory(_)));
}

#[test]
fn more_arrays_than_anybody_has_are_refused() {
    let entry = |number: usize| Entry {
        name: number.to_string(),
        spec: spec("|u1", &[0]),
        chunk_bytes: 1,
        chunks: Vec::new(),
    };
    let entries: Vec<Entry> = (0..=1 << 16).map(entry).collect();
    let mut header = Vec::new();
    assert!(container::build(&entries, &mut header).is_err());
    container::build(&entries[1..], &mut header).unwrap();
    let size = header.len() as u64;
    assert_eq!(
        container::parse(&header, size, LIMIT).unwrap().len(),
        1 << 16
    );
    header[12..16].copy_from_slice(&((1_u32 << 16) + 1).to_le_bytes());
    let refused = container::parse(&header, size, LIMIT).unwrap_err();
    assert!(refused.to_string().contains("65537 arrays"), "{refused}");
}

#[test]
fn columns_that_leave_their_memory_are_refused() {
    let mut memory = [0_u8; 16];
    let base = memory.as_mut_ptr();
    let ragged = |offsets: &[i64], shapes: &[i64]| {
        let dtype = DType::parse("<i4").unwrap();
        // SAFETY: `memory` lives until the end of the test.
        unsafe {
            Column::ragged(
                "x".into(),
                Kind::Array,
                dtype,
                base,
                16,
                offsets.to_vec(),
                shapes.to_vec(),
                1,
            )
        }
        .is_ok()
    };
    assert!(ragged(&[0, 1, 4], &[1, 3]));
    assert!(!ragged(&[0, 1, 5], &[1, 4]));
    assert!(!ragged(&[0, 3, 1], &[3, -2]));
    assert!(!ragged(&[-1, 1, 4], &[2, 3]));
    assert!(!ragged(&[0, 1, 4], &[1, 2]));
    assert!(!ragged(&[0, 1, 4], &[1]));
    assert!(!ragged(&[], &[]));
    // SAFETY: as above.
    let dense = unsafe { Column::dense("x".into(), spec("<i4", &[3]), base, 16, 2) };
    assert!(dense.is_err());
}

#[test]
fn only_listed_types_are_read() {
    for text in [
        "<f4", ">i8", "|b1", "|S0", "<U7", "<M8[ns]", "<m8[25s]", "<c16",
    ] {
        assert!(DType::parse(text).is_some(), "{text}");
    }
    for text in [
        "", "f4", "|O", "|O8", "|V8", "<f3", "<i16", "<M8[xs]", "<M8[ns", "<f4[s]", "<S",
    ] {
        assert!(DType::parse(text).is_none(), "{text}");
    }
}

#[test]
fn unknown_names_are_refused_with_a_list() {
    let refused = |outcome: crate::Result<codec::Compression>| outcome.unwrap_err().to_string();
    assert!(refused(codec::Compression::new("rar", 5, "byte")).contains("lz4"));
    assert!(refused(codec::Compression::new("lz4", 5, "up")).contains("bit"));
    assert!(refused(codec::Compression::new("lz4", 10, "bit")).contains("0 to 9"));
    assert!(Layout::parse("tar").is_err());
}

#[test]
fn a_chunk_of_another_size_is_refused() {
    let compression = codec::Compression::new("lz4", 5, "none").unwrap();
    let given = [7_u8; 1000];
    let mut chunk = Vec::new();
    // SAFETY: both buffers are as long as said.
    unsafe { codec::compress(given.as_ptr(), 1000, 1, compression, &mut chunk) }.unwrap();
    let mut room = [0_u8; 2000];
    for (bytes, fits) in [(1000, true), (999, false), (2000, false)] {
        // SAFETY: `room` is longer than any of these.
        let outcome = unsafe { codec::decompress(&chunk, room.as_mut_ptr(), bytes) };
        assert_eq!(outcome.is_ok(), fits);
    }
    // SAFETY: as above.
    let outcome = unsafe { codec::decompress(&chunk[..chunk.len() - 1], room.as_mut_ptr(), 1000) };
    assert!(outcome.is_err());
    // SAFETY: as above.
    let outcome = unsafe { codec::decompress(&[], room.as_mut_ptr(), 0) };
    assert!(outcome.is_err());
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let dtype = prop::sample::select(vec!["|u1", "<f4", ">i8", "<U3", "<M8[us]"]);
    (
        "[a-zä]{0,12}",
        dtype,
        prop::collection::vec(0_u64..5, 0..4),
        1_usize..64,
        any::<u64>(),
    )
        .prop_map(|(name, dtype, shape, chunk_bytes, seed)| {
            let spec = spec(dtype, &shape);
            let bytes = spec.bytes().unwrap() as usize;
            let chunks = (0..bytes.div_ceil(chunk_bytes))
                .map(|place| Chunk {
                    bytes: (seed >> 40) as u32 + place as u32,
                    checksum: seed ^ place as u64,
                })
                .collect();
            Entry {
                name,
                spec,
                chunk_bytes,
                chunks,
            }
        })
}

fn distinct(mut entries: Vec<Entry>) -> Vec<Entry> {
    for (place, entry) in entries.iter_mut().enumerate() {
        entry.name.push_str(&place.to_string());
    }
    entries
}

proptest! {
    #[test]
    fn container_headers_come_back(
        entries in prop::collection::vec(any_entry(), 0..5).prop_map(distinct)
    ) {
        let mut header = Vec::new();
        container::build(&entries, &mut header).unwrap();
        let expected = container::built_length(
            entries.iter().map(|entry| (entry.name.as_str(), &entry.spec, entry.chunks.len())),
        );
        prop_assert_eq!(header.len(), expected);
        let size = header.len() as u64 + entries.iter().map(Entry::compressed).sum::<u64>();
        prop_assert_eq!(&container::parse(&header, size, LIMIT).unwrap(), &entries);
        prop_assert!(container::parse(&header, size + 1, LIMIT).is_err());
        let total: u64 = entries.iter().filter_map(|entry| entry.spec.bytes()).sum();
        prop_assert_eq!(container::parse(&header, size, total).is_ok(), true);
        prop_assert_eq!(container::parse(&header, size, total.wrapping_sub(1)).is_ok(), total == 0);
    }

    #[test]
    fn spoiled_container_headers_are_refused(
        entries in prop::collection::vec(any_entry(), 1..4).prop_map(distinct),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut header = Vec::new();
        container::build(&entries, &mut header).unwrap();
        let size = header.len() as u64 + entries.iter().map(Entry::compressed).sum::<u64>();
        let place = place.index(header.len());
        header[place] ^= flip;
        prop_assert!(container::parse(&header, size, LIMIT).is_err());
    }

    #[test]
    fn container_headers_with_a_true_checksum_never_panic(
        rest in prop::collection::vec(any::<u8>(), 0..200),
        arrays in 0_u32..4,
    ) {
        let mut header = Vec::new();
        container::build(&[], &mut header).unwrap();
        header.extend_from_slice(&rest);
        header[12..16].copy_from_slice(&arrays.to_le_bytes());
        let length = header.len() as u32;
        header[16..20].copy_from_slice(&length.to_le_bytes());
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&header[..24]);
        hash.update(&header[32..]);
        header[24..32].copy_from_slice(&hash.digest().to_le_bytes());
        if let Ok(entries) = container::parse(&header, u64::from(length), LIMIT) {
            prop_assert!(entries.iter().all(|entry| entry.spec.bytes().unwrap() <= LIMIT));
        }
    }

    #[test]
    fn any_bytes_are_no_header(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(npy::parse(&bytes).is_err());
        prop_assert!(container::parse(&bytes, 300, LIMIT).is_err());
    }

    #[test]
    fn npy_headers_come_back(shape in prop::collection::vec(0_u64..100, 0..8)) {
        let mut header = Vec::new();
        let dtype = DType::parse("<f8").unwrap();
        npy::build(&dtype, shape.iter().copied(), &mut header).unwrap();
        prop_assert_eq!(header.len() % 64, 0);
        let parsed = npy::parse(&header).unwrap();
        prop_assert_eq!(parsed.length, header.len());
        prop_assert_eq!(parsed.spec.shape, shape);
        prop_assert!(!parsed.fortran_order);
    }

    #[test]
    fn npy_texts_never_panic(text in "[{}()',:a-z0-9 <TF_]{0,120}") {
        let mut header = npy::MAGIC.to_vec();
        header.extend_from_slice(&[1, 0]);
        header.extend_from_slice(&(text.len() as u16).to_le_bytes());
        header.extend_from_slice(text.as_bytes());
        prop_assert!(npy::parse(&header).is_err());
    }

    #[test]
    fn transposing_is_what_it_says(
        shape in prop::collection::vec(1_u64..5, 1..4),
        itemsize in 1_usize..4,
    ) {
        let elements: usize = shape.iter().map(|&length| length as usize).product();
        let from: Vec<u8> = (0..elements * itemsize).map(|byte| byte as u8).collect();
        let mut to = vec![0; from.len()];
        npy::transpose(&from, &shape, itemsize, |offset, element| {
            to[offset..offset + itemsize].copy_from_slice(element);
        });
        for element in 0..elements {
            let (mut rest, mut fortran, mut step) = (element, 0, 1);
            let mut place = vec![0; shape.len()];
            for axis in (0..shape.len()).rev() {
                place[axis] = rest % shape[axis] as usize;
                rest /= shape[axis] as usize;
            }
            for (axis, &length) in shape.iter().enumerate() {
                fortran += place[axis] * step;
                step *= length as usize;
            }
            let (c, f) = (element * itemsize, fortran * itemsize);
            prop_assert_eq!(&to[c..c + itemsize], &from[f..f + itemsize]);
        }
    }
}

#[test]
fn probing_says_what_files_hold() {
    let folder = Folder::new("probe");
    let path = folder.0.join("a");
    let mut given = vec![1_u8; 48];
    let column = dense(spec("<f4", &[3, 4]), &mut given, 1);
    let paths = std::slice::from_ref(&path);
    // SAFETY: `given` lives until the end.
    unsafe { write::write_files(paths, &[0], Layout::Blosc, &[column], options()) }.unwrap();
    let names = ["x".to_owned()];
    let found = probe::probe_files(paths, Layout::Blosc, Some(&names), LIMIT).unwrap();
    assert_eq!(found, [[("x".to_owned(), spec("<f4", &[3, 4]))]]);
    let missing = ["y".to_owned()];
    assert!(probe::probe_file(&path, Layout::Blosc, Some(&missing), LIMIT).is_err());
    assert!(probe::probe_file(&path, Layout::Blosc, None, 47).is_err());
    assert!(probe::probe_file(&path, Layout::Npy, None, LIMIT).is_err());
    let raw = probe::probe_file(&path, Layout::Raw, None, LIMIT).unwrap();
    assert_eq!(raw[0].1.shape, [std::fs::metadata(&path).unwrap().len()]);
}

//! The interface seen as a consumer sees it: C structs, `release` and nothing else.

use super::{Array, Buffer, Column, Schema, Stream};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[repr(C)]
struct CSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut CSchema,
    dictionary: *mut CSchema,
    release: Option<unsafe extern "C" fn(*mut CSchema)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct CArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *const *const c_void,
    children: *mut *mut CArray,
    dictionary: *mut CArray,
    release: Option<unsafe extern "C" fn(*mut CArray)>,
    private_data: *mut c_void,
}

#[repr(C)]
struct CStream {
    get_schema: Option<unsafe extern "C" fn(*mut CStream, *mut CSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut CStream, *mut CArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut CStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut CStream)>,
    private_data: *mut c_void,
}

/// Counts how many owners are alive.
struct Counted(Arc<AtomicUsize>, Vec<f64>, Vec<i64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lists of floats: `[[1, 2], [], [3]]`.
fn lists(alive: &Arc<AtomicUsize>) -> Column {
    alive.fetch_add(1, Ordering::SeqCst);
    let owner = Arc::new(Counted(alive.clone(), vec![1., 2., 3.], vec![0, 2, 2, 3]));
    Column {
        format: c"+L".into(),
        name: c"signals".into(),
        nullable: false,
        length: 3,
        null_count: 0,
        buffers: vec![Buffer::NONE, Buffer::of(&owner.2)],
        children: vec![Column {
            format: c"g".into(),
            name: c"item".into(),
            nullable: true,
            length: 3,
            null_count: 0,
            buffers: vec![Buffer::NONE, Buffer::of(&owner.1)],
            children: vec![],
            owner: Some(owner.clone()),
        }],
        owner: Some(owner),
    }
}

fn taken<T, C>(value: T) -> C {
    assert_eq!(size_of::<T>(), size_of::<C>());
    let value = std::mem::ManuallyDrop::new(value);
    // SAFETY: both are the same C struct.
    unsafe { std::ptr::from_ref(&value).cast::<C>().read() }
}

#[test]
fn a_consumer_reads_type_and_values() {
    let alive = Arc::new(AtomicUsize::new(0));
    let column = lists(&alive);
    column.check().unwrap();
    let (mut schema, mut array): (CSchema, CArray) =
        (taken(Schema::of(&column)), taken(Array::of(&column)));
    drop(column);
    // SAFETY: the structs are as the interface says, and released once each.
    unsafe {
        assert_eq!(CStr::from_ptr(schema.format), c"+L");
        assert_eq!(CStr::from_ptr(schema.name), c"signals");
        assert_eq!((schema.flags, schema.n_children), (0, 1));
        let item = &**schema.children;
        assert_eq!((CStr::from_ptr(item.format), item.flags), (c"g", 2));
        assert_eq!((array.length, array.null_count, array.offset), (3, 0, 0));
        let offsets = *array.buffers.add(1);
        assert_eq!(
            std::slice::from_raw_parts(offsets.cast::<i64>(), 4),
            [0, 2, 2, 3]
        );
        let values = *(**array.children).buffers.add(1);
        assert_eq!(
            std::slice::from_raw_parts(values.cast::<f64>(), 3),
            [1., 2., 3.]
        );
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        array.release.unwrap()(&raw mut array);
        schema.release.unwrap()(&raw mut schema);
    }
    assert!(array.release.is_none() && schema.release.is_none());
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_child_that_was_taken_outlives_its_parent() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut array: CArray = taken(Array::of(&lists(&alive)));
    // SAFETY: as the interface says, a child is moved by copying it and marking it released.
    unsafe {
        let place = *array.children;
        let mut child = place.read();
        (*place).release = None;
        array.release.unwrap()(&raw mut array);
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        let values = *child.buffers.add(1);
        assert_eq!(
            std::slice::from_raw_parts(values.cast::<f64>(), 3),
            [1., 2., 3.]
        );
        child.release.unwrap()(&raw mut child);
    }
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn what_nobody_takes_is_released_when_dropped() {
    let alive = Arc::new(AtomicUsize::new(0));
    drop((Schema::of(&lists(&alive)), Array::of(&lists(&alive))));
    drop(Stream::of(lists(&alive)));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn a_stream_gives_one_array_and_ends() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut stream: CStream = taken(Stream::of(lists(&alive)));
    // SAFETY: the structs are as the interface says, and released once each.
    unsafe {
        for _ in 0..2 {
            let mut schema = MaybeUninit::<CSchema>::uninit();
            assert_eq!(
                stream.get_schema.unwrap()(&raw mut stream, schema.as_mut_ptr()),
                0
            );
            let mut schema = schema.assume_init();
            assert_eq!(CStr::from_ptr(schema.format), c"+L");
            schema.release.unwrap()(&raw mut schema);
        }
        let mut array = MaybeUninit::<CArray>::uninit();
        assert_eq!(
            stream.get_next.unwrap()(&raw mut stream, array.as_mut_ptr()),
            0
        );
        let mut array = array.assume_init();
        assert_eq!(array.length, 3);
        let mut end = MaybeUninit::<CArray>::uninit();
        assert_eq!(
            stream.get_next.unwrap()(&raw mut stream, end.as_mut_ptr()),
            0
        );
        assert!(end.assume_init().release.is_none());
        assert!(stream.get_last_error.unwrap()(&raw mut stream).is_null());
        stream.release.unwrap()(&raw mut stream);
        assert_eq!(alive.load(Ordering::SeqCst), 1);
        array.release.unwrap()(&raw mut array);
    }
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn memory_that_does_not_fit_is_refused() {
    let refused = |change: &dyn Fn(&mut Column)| {
        let mut column = lists(&Arc::new(AtomicUsize::new(0)));
        change(&mut column);
        column.check().unwrap_err().to_string()
    };
    assert!(refused(&|column| column.length = 4).contains("too few offsets"));
    assert!(refused(&|column| column.children.clear()).contains("is missing"));
    assert!(refused(&|column| column.children[0].length = 2).contains("too short"));
    assert!(refused(&|column| column.children[0].length = 4).contains("smaller than its length"));
    assert!(refused(&|column| column.null_count = 1).contains("no bits"));
    assert!(refused(&|column| column.buffers.truncate(1)).contains("too few offsets"));
    assert!(refused(&|column| column.format = CString::from(c"+vl")).contains("not one"));
    assert!(refused(&|column| column.format = CString::from(c"+w:2")).contains("too short"));
}

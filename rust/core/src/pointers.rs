//! Kernels that call a C function of a signature that users of `SciPy` know.
//!
//! They are the ones behind [`kernel::of_pointer`](crate::kernel::of_pointer): their parameters are
//! the addresses of the function and of what it gets as `user_data`, which nobody sees.

use crate::kernel::Pointer;
use ironbatch_kernel::{Dtype, Error, Result, Spec, kernel};
use ndarray::{ArrayViewD, ArrayViewMut0, ArrayViewMut1, ArrayViewMutD, Ix1};
use std::ffi::c_void;
use std::ptr;

ironbatch_kernel::static_table!(
    TABLE; map_f64, map_f32, map_data_f64, map_data_f32, lines, reduce
);

/// The function at an address; of a wrong type unless the name says it right.
macro_rules! function {
    ($address:expr, fn($($argument:ty),*) -> $result:ty) => {
        // SAFETY: whoever made the kernel promised that there is a function of this signature.
        unsafe {
            std::mem::transmute::<*const (), unsafe extern "C" fn($($argument),*) -> $result>(
                ptr::with_exposed_provenance($address as usize),
            )
        }
    };
}

fn user_data(address: i64) -> *mut c_void {
    ptr::with_exposed_provenance_mut(address as usize)
}

macro_rules! maps {
    ($($name:ident, $name_data:ident, $type:ty;)*) => {
        $(
            /// The value of the function for each element.
            #[kernel(elementwise)]
            fn $name(
                x: ArrayViewD<'_, $type>,
                mut out: ArrayViewMutD<'_, $type>,
                function: i64,
                #[expect(unused_variables, reason = "the function takes none")] data: i64,
            ) {
                let function = function!(function, fn($type) -> $type);
                for (target, &value) in out.iter_mut().zip(x) {
                    // SAFETY: promised with the function.
                    *target = unsafe { function(value) };
                }
            }

            /// The value of the function for each element.
            #[kernel(elementwise)]
            fn $name_data(
                x: ArrayViewD<'_, $type>,
                mut out: ArrayViewMutD<'_, $type>,
                function: i64,
                data: i64,
            ) {
                let function = function!(function, fn($type, *mut c_void) -> $type);
                for (target, &value) in out.iter_mut().zip(x) {
                    // SAFETY: promised with the function.
                    *target = unsafe { function(value, user_data(data)) };
                }
            }
        )*
    };
}

maps! {
    map_f64, map_data_f64, f64;
    map_f32, map_data_f32, f32;
}

/// Elements that the function may write to; items are never changed.
#[derive(Default)]
struct Copied(Vec<f64>);

impl Copied {
    fn of(&mut self, x: &ArrayViewD<'_, f64>) -> (*mut f64, isize) {
        self.0.clear();
        match x.as_slice() {
            Some(elements) => self.0.extend_from_slice(elements),
            None => self.0.extend(x),
        }
        (self.0.as_mut_ptr(), self.0.len() as isize)
    }
}

fn told(code: i32) -> Result<()> {
    match code {
        0 => Err(Error::new(
            "the function returned 0, which says that it failed (1 says that it has not)",
        )),
        _ => Ok(()),
    }
}

/// A line of the same length, written by the function.
#[kernel]
fn lines(
    x: ndarray::ArrayView1<'_, f64>,
    mut out: ArrayViewMut1<'_, f64>,
    copied: &mut Copied,
    function: i64,
    data: i64,
) -> Result<()> {
    let function = function!(
        function,
        fn(*mut f64, isize, *mut f64, isize, *mut c_void) -> i32
    );
    let (elements, length) = copied.of(&x.into_dyn());
    if out.as_slice().is_none() {
        let mut line = ndarray::Array::<f64, Ix1>::zeros(out.raw_dim());
        // SAFETY: promised with the function; both have as many elements as it is told.
        told(unsafe { function(elements, length, line.as_mut_ptr(), length, user_data(data)) })?;
        out.assign(&line);
        return Ok(());
    }
    // SAFETY: as above, and `out` lies end to end.
    told(unsafe { function(elements, length, out.as_mut_ptr(), length, user_data(data)) })
}

/// One number, computed by the function from all elements in C order.
#[kernel(infer = one_number)]
fn reduce(
    x: ArrayViewD<'_, f64>,
    mut out: ArrayViewMut0<'_, f64>,
    copied: &mut Copied,
    function: i64,
    data: i64,
) -> Result<()> {
    let function = function!(function, fn(*mut f64, isize, *mut f64, *mut c_void) -> i32);
    let (elements, length) = copied.of(&x);
    // SAFETY: promised with the function; there are as many elements as it is told, and one result.
    told(unsafe { function(elements, length, out.as_mut_ptr(), user_data(data)) })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the type that the interface asks for"
)]
fn one_number(_: &[Spec], _: &reduce::Plan) -> Result<Vec<Spec>> {
    Ok(vec![Spec {
        dtype: Dtype::F64,
        shape: Vec::new(),
    }])
}

/// Name of the kernel that calls functions of a signature.
pub(crate) fn caller_of(pointer: Pointer) -> &'static str {
    match pointer {
        Pointer::MapF64 => "map_f64",
        Pointer::MapF32 => "map_f32",
        Pointer::MapDataF64 => "map_data_f64",
        Pointer::MapDataF32 => "map_data_f32",
        Pointer::Lines => "lines",
        Pointer::Reduce => "reduce",
    }
}

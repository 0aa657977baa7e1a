//! The C interface between ironbatch and a library of kernels.
//!
//! All structs are append-only: a new minor version adds fields at the end and nothing else. Each
//! struct begins with its size in bytes as its writer knew it, except [`KernelTable`], which begins
//! with what tells it from foreign memory. A reader copies the smaller of both sizes and takes
//! missing fields as zero, which every field reads as "not there". Sequences of structs are given
//! as arrays of pointers, so that their elements may grow.
//!
//! The interface is version 0: until ragged operands, randomness and fusion have run on it, a
//! minor version may still change what lies behind the version fields.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};

/// First field of every table: "IRONBTCH" read as a little-endian number.
pub const MAGIC: u64 = u64::from_le_bytes(*b"IRONBTCH");
/// Tables of another major version are refused.
pub const MAJOR: u32 = 0;
/// Minor version of this crate; any other one is accepted.
pub const MINOR: u32 = 6;
/// Name of the function, of type [`GetTable`], that a library exports.
pub const SYMBOL: &str = "ironbatch_kernel_table";
/// Name of the capsule that a Python object's `__kernel_table__()` returns.
pub const CAPSULE: &str = "ironbatch.kernel_table.v1";
/// Highest number of axes of one item.
pub const MAX_RANK: usize = 8;

/// The exported function: a table that lives as long as the process.
pub type GetTable = unsafe extern "C" fn() -> *const KernelTable;

/// Outcome of a call: everything went well.
pub const OK: i32 = 0;
/// Outcome of a call: the message says what is wrong and with which item.
pub const FAILED: i32 = 1;
/// Outcome of a call: it ended early because the cancel flag was set.
pub const CANCELLED: i32 = 2;
/// Outcome of a call: the kernel panicked; the message has what it said.
pub const PANICKED: i32 = 3;

/// UTF-8 text that is not terminated and lives as long as what holds it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// First byte; may be null if the length is 0.
    pub data: *const u8,
    /// Number of bytes.
    pub length: usize,
}

/// All kernels of one library.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KernelTable {
    /// [`MAGIC`].
    pub magic: u64,
    /// Major version of the interface that the library was built against.
    pub major: u32,
    /// Minor version of the interface that the library was built against.
    pub minor: u32,
    /// Size of this struct as the library knows it.
    pub struct_size: usize,
    /// Name of the library.
    pub name: Text,
    /// Version of the library.
    pub version: Text,
    /// The kernels.
    pub kernels: *const *const KernelInfo,
    /// Number of kernels.
    pub n_kernels: usize,
}

/// The kernel treats each element by itself, so items may be cut or joined.
pub const ELEMENTWISE: u64 = 1;
/// The kernel draws random numbers and needs [`RunCall::random`].
pub const RANDOM: u64 = 2;

/// Shapes of outputs depend on what is in the items: `infer` is not asked. Since 0.2.
pub const VARYING: u64 = 4;
/// An item of the first input that has gaps or runs backwards is read about as quickly as another
/// one, so it need not be copied before. Since 0.4.
pub const STRIDED: u64 = 8;

/// What a kernel is and how to call it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KernelInfo {
    /// Size of this struct as the library knows it.
    pub struct_size: usize,
    /// Name, a valid Python identifier.
    pub name: Text,
    /// Documentation.
    pub doc: Text,
    /// [`ELEMENTWISE`], [`RANDOM`], [`VARYING`], [`STRIDED`]; unknown bits are refused.
    pub flags: u64,
    /// What goes in.
    pub inputs: *const *const OperandInfo,
    /// Number of inputs.
    pub n_inputs: usize,
    /// What comes out.
    pub outputs: *const *const OperandInfo,
    /// Number of outputs.
    pub n_outputs: usize,
    /// Parameters.
    pub params: *const *const ParamInfo,
    /// Number of parameters.
    pub n_params: usize,
    /// Parse constant parameters into a plan: `(values, n_params, plan, message)`.
    ///
    /// A parameter given per item has a value of kind [`ParamKind::None`] here, marked by
    /// [`EACH_ITEM`].
    pub prepare: Option<
        unsafe extern "C" fn(
            *const *const ParamValue,
            usize,
            *mut *mut c_void,
            *mut Message,
        ) -> i32,
    >,
    /// Give a plan back.
    pub drop_plan: Option<unsafe extern "C" fn(*mut c_void)>,
    /// Dtypes and shapes of outputs from those of inputs: `(plan, inputs, outputs, message)`.
    ///
    /// -1 as a length means that it varies from item to item; it is that of a growing output.
    pub infer: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const *const OperandSpec,
            *const *mut OperandSpec,
            *mut Message,
        ) -> i32,
    >,
    /// The outputs of each item of a range, where items or parameters differ: `(call, specs,
    /// shapes)`. Since 0.2; zero if the kernel takes no ragged operands.
    ///
    /// `specs` gets dtype and number of axes, which are the same for all items. `shapes` has for
    /// each output a pointer to [`MAX_RANK`] numbers for each item, counted from the range's first.
    /// The call has no outputs and no state.
    pub infer_items: Option<
        unsafe extern "C" fn(*const RunCall, *const *mut OperandSpec, *const *mut i64) -> i32,
    >,
    /// Make the state that one worker keeps between its calls: `(plan, state, message)`.
    pub new_state:
        Option<unsafe extern "C" fn(*const c_void, *mut *mut c_void, *mut Message) -> i32>,
    /// Give a state back.
    pub drop_state: Option<unsafe extern "C" fn(*mut c_void)>,
    /// Process a range of items.
    pub run: Option<unsafe extern "C" fn(*const RunCall) -> i32>,
    /// Process some elements of an item that lie end to end: `(call, input, output, count)`. Since
    /// 0.5; zero if there is none. For kernels that treat each element by itself, with one input and
    /// one output.
    ///
    /// The call is about one item; its operands have the dtypes, but elements are where the
    /// pointers say. An item comes in parts of a few kilobytes, each with the same call.
    pub run_part: Option<unsafe extern "C" fn(*const RunCall, *const u8, *mut u8, usize) -> i32>,
}

/// The operand may be dense.
pub const DENSE: u32 = 1;
/// The operand may be ragged.
pub const RAGGED: u32 = 2;
/// An output of one axis whose length is known only after the work; no other kind goes with it than
/// [`BYTES`]. Since 0.3.
pub const GROWING: u32 = 4;
/// A growing output of bytes that are not numbers, such as a compressed file. Since 0.3.
pub const BYTES: u32 = 8;

/// What an input or output may be.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OperandInfo {
    /// Size of this struct as the library knows it.
    pub struct_size: usize,
    /// Name.
    pub name: Text,
    /// One bit, `1 << code`, for each dtype it may have.
    pub dtypes: u64,
    /// Operands with the same number, if not 0, have the same dtype.
    pub type_variable: u32,
    /// Sum of [`DENSE`], [`RAGGED`], [`GROWING`] and [`BYTES`].
    pub kinds: u32,
    /// Lowest number of axes of an item.
    pub min_rank: u32,
    /// Highest number of axes of an item.
    pub max_rank: u32,
}

/// Dtype and shape of one item of an operand.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OperandSpec {
    /// Size of this struct as its writer knows it.
    pub struct_size: usize,
    /// [`DENSE`] or [`RAGGED`].
    pub kind: u32,
    /// Code of the dtype.
    pub dtype: u32,
    /// Number of axes of an item.
    pub rank: u32,
    /// Zero.
    pub reserved: u32,
    /// Lengths, -1 where they vary.
    pub shape: [i64; MAX_RANK],
}

/// Hint of an output: all of it is so large that it is better written past the caches.
pub const PAST_CACHES: u32 = 1;

/// The memory of one operand. Strides are in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// Size of this struct as its writer knows it.
    pub struct_size: usize,
    /// [`DENSE`], [`RAGGED`] or [`GROWING`]; the last has nothing but a dtype and one axis.
    pub kind: u32,
    /// Code of the dtype.
    pub dtype: u32,
    /// Number of axes of an item.
    pub rank: u32,
    /// [`PAST_CACHES`]; what a kernel does not know it need not heed. Zero before 0.3.
    pub hints: u32,
    /// First element of item 0.
    pub data: *mut u8,
    /// From an item to the next one; 0 gives all items the same memory (inputs only).
    pub item_stride: isize,
    /// Lengths of an item (dense).
    pub shape: [i64; MAX_RANK],
    /// Strides of an item (dense).
    pub strides: [isize; MAX_RANK],
    /// Ragged: item i has the elements `offsets[i]..offsets[i + 1]`, in C order.
    pub offsets: *const i64,
    /// Ragged: (items x rank) lengths.
    pub shapes: *const i64,
}

/// What a range of items of a growing output is written to, end to end. Since 0.3.
///
/// The memory is the host's from beginning to end: a kernel asks for room and writes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Growing {
    /// Size of this struct as the host knows it.
    pub struct_size: usize,
    /// First element of the range's first item, aligned for any dtype.
    pub data: *mut u8,
    /// Elements that have been written.
    pub length: usize,
    /// Elements that there is room for.
    pub capacity: usize,
    /// For each item of the range how many elements have been written when it is done.
    pub ends: *mut u64,
    /// Make room for so many elements in all: `(growing, capacity)`. What has been written stays;
    /// `data` and `capacity` change. [`FAILED`] means that there is no memory.
    pub reserve: Option<unsafe extern "C" fn(*mut Growing, usize) -> i32>,
}

/// Types of parameters and of values given for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ParamKind {
    /// No value.
    None = 0,
    /// [`ParamValue::integer`] is 0 or 1.
    Bool = 1,
    /// [`ParamValue::integer`].
    Int = 2,
    /// [`ParamValue::real`].
    Float = 3,
    /// UTF-8 text at [`ParamValue::data`].
    Text = 4,
    /// `i64` numbers at [`ParamValue::data`].
    Ints = 5,
    /// `f64` numbers at [`ParamValue::data`].
    Floats = 6,
    /// [`ParamValue::integer`] is the code of a dtype.
    Dtype = 7,
    /// As a parameter: any of the others.
    Any = 8,
    /// A dense [`Operand`] at [`ParamValue::data`]: its item 0, in C order. Since 0.2.
    Array = 9,
}

/// The parameter may be left out; its default says what it is then.
pub const HAS_DEFAULT: u32 = 1;
/// The parameter may be None.
pub const NULLABLE: u32 = 2;
/// The parameter may be given per item, as an operand of rank 0 of [`ParamInfo::kind`].
pub const PER_ITEM: u32 = 4;
/// Flag of a parameter that is a sequence of numbers: an array of several axes may be given too, and
/// comes as its elements in C order.
pub const NESTED: u32 = 8;
/// Flag of a parameter that is a sequence of numbers: one number may be given too and stays one,
/// per item as an operand of rank 0. Without it, it comes as a sequence of one. Since 0.6.
pub const NUMBER: u32 = 16;

/// What [`ParamValue::reserved`] is where values come per item. Since 0.6.
pub const EACH_ITEM: u32 = 1;

/// A parameter.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ParamInfo {
    /// Size of this struct as the library knows it.
    pub struct_size: usize,
    /// Name, a valid Python identifier.
    pub name: Text,
    /// A [`ParamKind`].
    pub kind: u32,
    /// [`HAS_DEFAULT`], [`NULLABLE`], [`PER_ITEM`], [`NESTED`], [`NUMBER`].
    pub flags: u32,
    /// Value if it is left out.
    pub default: ParamValue,
    /// What the type is called in signatures, if not after `kind`. Since 0.6.
    pub type_name: Text,
}

/// A value for a parameter.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ParamValue {
    /// Size of this struct as its writer knows it.
    pub struct_size: usize,
    /// A [`ParamKind`].
    pub kind: u32,
    /// [`EACH_ITEM`] with kind None in `prepare`, else zero.
    pub reserved: u32,
    /// Value of kinds Bool, Int and Dtype.
    pub integer: i64,
    /// Value of kind Float.
    pub real: f64,
    /// Value of kinds Text, Ints, Floats and Array.
    pub data: *const c_void,
    /// Number of bytes or numbers at `data`.
    pub length: usize,
}

/// Where a call says what went wrong. The caller owns it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// Size of this struct as the host knows it.
    pub struct_size: usize,
    /// Lowest failing item of the range; -1 if it is not about an item.
    pub item: i64,
    /// Room for text.
    pub data: *mut u8,
    /// Number of bytes at `data`.
    pub capacity: usize,
    /// Number of bytes written.
    pub length: usize,
}

/// Where random numbers of the items come from: Philox4x64-10.
///
/// Item i has the key `key` and the counter (block, epoch, operation and occurrence, origin); its
/// first words are those of the block after the given one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Random {
    /// Size of this struct as the host knows it.
    pub struct_size: usize,
    /// Key of the run.
    pub key: [u64; 2],
    /// Hash of the operation, for items whose occurrence is 0.
    pub operation: u64,
    /// For each item its origin.
    pub origins: *const u64,
    /// For each item its epoch; null: all 0.
    pub epochs: *const u64,
    /// For each item the hash of (operation, occurrence); null: all `operation`.
    pub operations: *const u64,
    /// For each item the block it starts behind; null: all 0. Since 0.2.
    pub blocks: *const u64,
}

/// Services of the host.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// Size of this struct as the host knows it.
    pub struct_size: usize,
    /// Minor version of the interface that the host was built against.
    pub minor: u32,
    /// Zero.
    pub reserved: u32,
    /// Call `body(context, start, end)` on ranges that cover `0..n_items`, on all cores:
    /// `(n_items, grain, body, context)`. Returns the lowest non-zero code of `body`, or 0.
    pub parallel_for: Option<
        unsafe extern "C" fn(
            usize,
            usize,
            unsafe extern "C" fn(*mut c_void, usize, usize) -> i32,
            *mut c_void,
        ) -> i32,
    >,
}

/// One call of a kernel on the items `start..end`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RunCall {
    /// Size of this struct as the host knows it.
    pub struct_size: usize,
    /// What `prepare` made.
    pub plan: *const c_void,
    /// What `new_state` made, for this call alone; null without `new_state`.
    pub state: *mut c_void,
    /// First item.
    pub start: usize,
    /// One behind the last item.
    pub end: usize,
    /// Inputs.
    pub inputs: *const *const Operand,
    /// Outputs.
    pub outputs: *const *const Operand,
    /// For each parameter its values per item, or null where it is constant.
    pub params: *const *const Operand,
    /// Not zero when the call should end early. May change at any time.
    pub cancel: *const u8,
    /// Randomness; null if the kernel does not ask for it.
    pub random: *const Random,
    /// Where to say what went wrong.
    pub message: *mut Message,
    /// Services of the host.
    pub host: *const Host,
    /// For each output what it grows in, or null if it does not grow; null if none does. Since 0.3.
    pub growing: *const *mut Growing,
    /// Where a kernel with one output may say that the output is a view of its first input, dense,
    /// instead of writing it; null where it has to be written. The kind is 0 until it does. The call
    /// is about one item. Since 0.4.
    pub view: *mut Operand,
}

macro_rules! assert_layout {
    ($($type:ty: $size:expr, $($field:ident $offset:expr),*;)*) => {
        #[cfg(target_pointer_width = "64")]
        const _: () = {
            $(
                // A struct may grow; what is there may not move.
                assert!(size_of::<$type>() >= $size);
                $(assert!(offset_of!($type, $field) == $offset);)*
            )*
        };
    };
}

assert_layout! {
    KernelTable: 72, magic 0, major 8, minor 12, struct_size 16, name 24, kernels 56, n_kernels 64;
    KernelInfo: 160, name 8, doc 24, flags 40, inputs 48, outputs 64, params 80, prepare 96,
        drop_plan 104, infer 112, infer_items 120, new_state 128, drop_state 136, run 144,
        run_part 152;
    OperandInfo: 48, name 8, dtypes 24, type_variable 32, kinds 36, min_rank 40, max_rank 44;
    OperandSpec: 88, kind 8, dtype 12, rank 16, shape 24;
    Operand: 184, kind 8, dtype 12, rank 16, data 24, item_stride 32, shape 40, strides 104,
        offsets 168, shapes 176;
    ParamInfo: 96, name 8, kind 24, flags 28, default 32, type_name 80;
    ParamValue: 48, kind 8, integer 16, real 24, data 32, length 40;
    Message: 40, item 8, data 16, capacity 24, length 32;
    Random: 56, key 8, operation 24, origins 32, epochs 40, operations 48, blocks 56;
    Host: 24, minor 8, parallel_for 16;
    RunCall: 112, plan 8, state 16, start 24, end 32, inputs 40, outputs 48, params 56, cancel 64,
        random 72, message 80, host 88, growing 96, view 104;
    Growing: 48, data 8, length 16, capacity 24, ends 32, reserve 40;
}

/// Sizes of the structs in version 0.1, below which a table is refused.
pub mod first {
    /// Of [`KernelTable`](super::KernelTable).
    pub const KERNEL_TABLE: usize = 72;
    /// Of [`KernelInfo`](super::KernelInfo).
    pub const KERNEL_INFO: usize = 152;
    /// Of [`OperandInfo`](super::OperandInfo).
    pub const OPERAND_INFO: usize = 48;
    /// Of [`Operand`](super::Operand).
    pub const OPERAND: usize = 184;
    /// Of [`ParamInfo`](super::ParamInfo).
    pub const PARAM_INFO: usize = 80;
}

impl Text {
    /// Text that lives as long as the process.
    pub const fn new(text: &'static str) -> Self {
        Self {
            data: text.as_ptr(),
            length: text.len(),
        }
    }
}

impl ParamValue {
    /// The value None.
    pub const NONE: Self = Self {
        struct_size: size_of::<Self>(),
        kind: ParamKind::None as u32,
        reserved: 0,
        integer: 0,
        real: 0.0,
        data: std::ptr::null(),
        length: 0,
    };
}

/// A struct of constants in static memory: the pointers inside point to static memory too.
#[repr(transparent)]
#[derive(Debug)]
pub struct Static<T>(pub T);

// SAFETY: instances are immutable statics whose pointers lead to immutable statics.
unsafe impl<T> Sync for Static<T> {}

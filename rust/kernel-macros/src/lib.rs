//! The `#[kernel]` attribute of `ironbatch-kernel`, which re-exports it.

mod expand;
mod run;
mod signature;
mod statics;

use proc_macro::TokenStream;

/// Make a kernel of a function that handles one item.
///
/// The function stays as it is and can be called and tested; a module of the same name beside it
/// holds what the host needs. Each argument is told by its type:
///
/// | type | is |
/// |---|---|
/// | `ArrayView0<T>` ... `ArrayView6<T>`, `ArrayViewD<T>` | an input |
/// | `ArrayViewMut0<T>` ... `ArrayViewMutD<T>` | an output |
/// | `&mut Growing<T>` | an output of one axis whose length is known only after the work |
/// | `f64 f32 i64 ... bool Dtype`, `&str`, `&[f64]`, `&[i64]`, `&PerAxis<f64>`, `&PerAxis<i64>`, `&Value`, `&Array1<T>` ... `&ArrayD<T>`, `Option` of them | a parameter |
/// | `&mut S` with `S: Default + Send` | state that a worker keeps between items |
/// | `&mut ItemRng` | the item's own random stream |
/// | `Item` | the item's position, cancel flag and randomness |
///
/// `T` is one of `i8 u8 i16 u16 i32 u32 i64 u64 f32 f64`, or `F16` (NumPy's float16) or `Bool` of
/// `ironbatch_kernel`: a byte that is true unless it is 0, where Rust's `bool` may be nothing but 0
/// or 1.
///
/// Items may be of differing shapes (ragged): a function sees one of them anyway. Numbers and
/// sequences of numbers may be given per item.
///
/// `#[default(...)]` before a parameter gives its default; one of type `Option` may always be left
/// out. `#[bytes]` before a `&mut Growing<u8>` says that it is no array of numbers but, say, a
/// compressed file: items are `bytes` in Python, otherwise arrays. Doc comments become the docstring. A function returns nothing or
/// `ironbatch_kernel::Result<()>`.
///
/// The attribute takes:
///
/// - `T = [u8, f32]`: the types that a type parameter stands for;
/// - `infer = path`: `fn(&[Spec], &name::Plan) -> Result<Vec<Spec>>`, dtypes and shapes of the
///   outputs, `[-1]` for one that grows. Without it an output has the shape of the first input;
///   Where shapes or parameters differ from item to item, it is asked for each of them, with the
///   item's shapes and parameters;
/// - `shapes = path`: `fn(inputs..., &name::Plan) -> Result<Vec<Spec>>`, generic in the types of
///   inputs: the outputs of an item where they depend on what is in it;
/// - `check = path`: `fn(&name::Plan) -> Result<()>`, looks at the constant parameters once. A
///   number that comes per item is NaN or 0 there, a sequence empty, an `Option` is `None`;
///   `plan.is_per_item("name")` tells;
/// - `elementwise`: each element is treated by itself;
/// - `random`: the kernel draws random numbers by `Item::random_place`. One that takes an
///   `ItemRng` does so anyway;
/// - `strided`: an item of the first input that has gaps or runs backwards, such as a crop of an
///   image, is read about as quickly as another one, so the host need not copy it before.
#[proc_macro_attribute]
pub fn kernel(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let options = match syn::parse::<signature::Options>(attribute) {
        Ok(options) => options,
        Err(error) => return error.to_compile_error().into(),
    };
    let function = match syn::parse::<syn::ItemFn>(item) {
        Ok(function) => function,
        Err(error) => return error.to_compile_error().into(),
    };
    signature::Signature::read(options, function)
        .and_then(|signature| expand::expand(&signature))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}

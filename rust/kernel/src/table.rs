//! `table!`: the kernels of a library, where the host finds them.

/// Export kernels from a library.
///
/// Lists functions marked with [`kernel`](macro@crate::kernel), with their paths if they are in
/// other modules. Stands once in a crate that is built as a `cdylib`.
#[macro_export]
macro_rules! table {
    ($($($segment:ident)::+),* $(,)?) => {
        $crate::static_table!(IRONBATCH_KERNELS; $($($segment)::+),*);

        /// The table of this library's kernels.
        // SAFETY: the name belongs to this interface, and a library has one table.
        #[unsafe(no_mangle)]
        pub extern "C" fn ironbatch_kernel_table() -> *const $crate::abi::KernelTable {
            &raw const IRONBATCH_KERNELS.0
        }
    };
}

/// Define a table without exporting it, for kernels that are linked into the host.
#[macro_export]
macro_rules! static_table {
    ($name:ident; $($($segment:ident)::+),* $(,)?) => {
        /// The kernels of this crate.
        pub static $name: $crate::abi::Static<$crate::abi::KernelTable> = {
            static KERNELS: &[&$crate::abi::Static<$crate::abi::KernelInfo>] =
                &[$(&$($segment)::+::INFO),*];
            $crate::abi::Static($crate::abi::KernelTable {
                magic: $crate::abi::MAGIC,
                major: $crate::abi::MAJOR,
                minor: $crate::abi::MINOR,
                struct_size: ::core::mem::size_of::<$crate::abi::KernelTable>(),
                name: $crate::abi::Text::new(env!("CARGO_PKG_NAME")),
                version: $crate::abi::Text::new(env!("CARGO_PKG_VERSION")),
                // `Static` is transparent: a reference to one is a pointer to the struct.
                kernels: KERNELS.as_ptr().cast(),
                n_kernels: KERNELS.len(),
            })
        };
    };
}

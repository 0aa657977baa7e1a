//! Files of items: one small file for each item of a batch, read and written in parallel.
//!
//! | module | what |
//! |---|---|
//! | [`column`] | where an item's bytes lie in a component's memory |
//! | [`dtype`] | the element types that a file may declare |
//! | [`file`](mod@file) | the system calls: reading straight into place, replacing a file atomically |
//! | [`npy`] | NumPy's own file header |
//! | [`container`] | the header of the blosc container |
//! | [`codec`] | the C-Blosc library |
//! | [`probe`] | what files declare, before memory is taken for them |
//! | [`read`], [`write`](mod@write) | all the files of a batch |
//!
//! A file is hostile until shown otherwise: what it declares is compared with its size and with a
//! limit before memory is taken, nothing of it is ever executed, and errors name the file.

pub mod codec;
pub mod column;
pub mod container;
pub mod dtype;
mod each;
pub mod file;
pub mod npy;
pub mod probe;
pub mod read;
pub mod scratch;
pub mod write;

/// How the bytes of a file are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Nothing but the elements.
    Raw,
    /// NumPy's header and the elements.
    Npy,
    /// The container of compressed, named arrays.
    Blosc,
}

impl Layout {
    /// The layout of this name.
    ///
    /// # Errors
    /// [`Error::Value`](crate::Error::Value) for an unknown name.
    pub fn parse(name: &str) -> crate::Result<Self> {
        match name {
            "raw" => Ok(Self::Raw),
            "npy" => Ok(Self::Npy),
            "blosc" => Ok(Self::Blosc),
            _ => Err(crate::Error::Value(format!("unknown layout {name:?}"))),
        }
    }
}

#[cfg(test)]
mod tests;

//! Which vector instructions hot loops use.
//!
//! The best that the processor has, unless somebody chooses another set: for a test that compares
//! them, or to find out what is wrong. Kernels give the same bytes with each of them.

use crate::{Error, Result};
use std::sync::atomic::{AtomicU8, Ordering};

/// The environment variable that chooses a set.
pub const VARIABLE: &str = "IRONBATCH_SIMD";

/// A set of vector instructions; on one architecture a later one contains those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum InstructionSet {
    /// What every processor of the architecture has.
    None,
    /// Of x86-64: shuffles of bytes.
    Ssse3,
    /// Of x86-64: integers made wider.
    Sse41,
    /// Of x86-64: 32 bytes at a time, and sums with a product rounded once.
    Avx2,
    /// Of x86-64: 64 bytes at a time.
    Avx512,
    /// Of aarch64.
    Neon,
}

/// The number of no set: nobody has asked or chosen yet.
const UNKNOWN: u8 = u8::MAX;

static IN_USE: AtomicU8 = AtomicU8::new(UNKNOWN);

impl InstructionSet {
    /// All of them, on any architecture.
    pub const ALL: [Self; 6] = [
        Self::None,
        Self::Ssse3,
        Self::Sse41,
        Self::Avx2,
        Self::Avx512,
        Self::Neon,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ssse3 => "ssse3",
            Self::Sse41 => "sse4.1",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::None => true,
            #[cfg(target_arch = "x86_64")]
            Self::Ssse3 => is_x86_feature_detected!("ssse3"),
            #[cfg(target_arch = "x86_64")]
            Self::Sse41 => Self::Ssse3.is_available() && is_x86_feature_detected!("sse4.1"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                Self::Sse41.is_available()
                    && is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[allow(unreachable_patterns, reason = "depends on the architecture")]
            _ => false,
        }
    }

    /// Those that this processor has, the best one last.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|set| set.is_available())
    }

    /// Whether hot loops may multiply and add in one step, rounded once.
    #[inline]
    pub fn adds_products() -> bool {
        cfg!(target_arch = "aarch64") || Self::in_use() >= Self::Avx2
    }

    /// The one that hot loops use.
    #[inline]
    pub fn in_use() -> Self {
        let number = IN_USE.load(Ordering::Relaxed);
        match Self::ALL.get(usize::from(number)) {
            Some(&set) => set,
            None => Self::detect(),
        }
    }

    #[cold]
    fn detect() -> Self {
        let best = Self::available().last().unwrap_or(Self::None);
        IN_USE.store(best as u8, Ordering::Relaxed);
        best
    }

    /// Let hot loops use this one from now on.
    ///
    /// # Errors
    /// [`Error::Value`] if the processor does not have it.
    pub fn select(self) -> Result<()> {
        if self.is_available() {
            IN_USE.store(self as u8, Ordering::Relaxed);
            return Ok(());
        }
        Err(Error::Value(format!(
            "this processor has no '{}' instructions, only {}",
            self.name(),
            names(Self::available())
        )))
    }

    /// The set of a name.
    ///
    /// # Errors
    /// [`Error::Value`] if there is none.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|set| set.name() == name)
            .ok_or_else(|| {
                Error::Value(format!(
                    "'{name}' is no set of instructions: they are {}",
                    names(Self::ALL.into_iter())
                ))
            })
    }

    /// Select the set that the environment variable names, if there is one.
    ///
    /// # Errors
    /// [`Error::Value`] if it names no set, or one that the processor does not have: whoever asks
    /// for instructions wants to know that others would run.
    pub fn select_from_environment() -> Result<()> {
        match std::env::var(VARIABLE) {
            Ok(name) if !name.is_empty() => Self::from_name(&name)
                .and_then(Self::select)
                .map_err(|error| Error::Value(format!("{VARIABLE}={name}: {error}"))),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::Value(format!("{VARIABLE} is no text")))
            }
            _ => Ok(()),
        }
    }
}

fn names(sets: impl Iterator<Item = InstructionSet>) -> String {
    let names: Vec<_> = sets.map(|set| format!("'{}'", set.name())).collect();
    names.join(", ")
}

/// Define a function that runs `body`, compiled once more for AVX2 and for AVX-512.
///
/// The loops of `body` have to be plain ones that are compiled into it (`#[inline(always)]`): what
/// stays a call has the instructions that every processor has. Terms are neither reordered nor
/// contracted, so that the bytes are the same.
macro_rules! vectorised {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident[$($generics:tt)*](
        $($argument:ident: $type:ty),* $(,)?
    ) $(-> $result:ty)? = $body:path;) => {
        $(#[$attribute])*
        $visibility fn $name<$($generics)*>($($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::instructions::InstructionSet;

                #[target_feature(enable = "avx2,fma")]
                fn with_avx2<$($generics)*>($($argument: $type),*) $(-> $result)? {
                    $body($($argument),*)
                }

                #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
                fn with_avx512<$($generics)*>($($argument: $type),*) $(-> $result)? {
                    $body($($argument),*)
                }

                let set = InstructionSet::in_use();
                if set >= InstructionSet::Avx512 {
                    // SAFETY: the processor has these instructions.
                    return unsafe { with_avx512($($argument),*) };
                }
                if set >= InstructionSet::Avx2 {
                    // SAFETY: as above.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            $body($($argument),*)
        }
    };
}

pub(crate) use vectorised;

/// Run a test with each set that the processor has, the best one last.
#[cfg(test)]
pub(crate) fn with_each(mut test: impl FnMut(InstructionSet)) {
    // One test at a time: the choice is the process's.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for set in InstructionSet::available() {
        set.select().unwrap();
        test(set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_selected_is_in_use() {
        let mut seen = Vec::new();
        with_each(|set| {
            assert_eq!(InstructionSet::in_use(), set);
            seen.push(set);
        });
        assert_eq!(seen[0], InstructionSet::None);
        assert!(seen.is_sorted());
    }

    #[test]
    fn names_lead_back() {
        for set in InstructionSet::ALL {
            assert_eq!(InstructionSet::from_name(set.name()).unwrap(), set);
        }
        let error = InstructionSet::from_name("mmx").unwrap_err().to_string();
        assert_eq!(
            error,
            "'mmx' is no set of instructions: they are 'none', 'ssse3', 'sse4.1', 'avx2', 'avx512', 'neon'"
        );
    }

    #[test]
    fn a_set_of_another_architecture_is_refused() {
        let foreign = if cfg!(target_arch = "x86_64") {
            InstructionSet::Neon
        } else {
            InstructionSet::Avx2
        };
        let error = foreign.select().unwrap_err().to_string();
        assert!(error.contains("this processor has no"), "{error}");
    }
}

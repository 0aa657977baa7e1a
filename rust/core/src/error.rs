//! The one error type of the core. `ironbatch-py` turns each variant into a Python exception.

/// What can go wrong in the core. The message of each variant is what a user reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value is of the right type but cannot be used (Python: `ValueError`).
    #[error("{0}")]
    Value(String),
    /// A value is of a type that cannot be used (Python: `TypeError`).
    #[error("{0}")]
    Type(String),
    /// A position is outside of its range (Python: `IndexError`).
    #[error("{0}")]
    Bounds(String),
    /// An operating-system failure, with what was being done (Python: `OSError` of that errno).
    #[error("{context}: {source}")]
    Io {
        /// What was being done and to which file.
        context: String,
        /// The failure as the operating system reported it.
        source: std::io::Error,
    },
    /// There is not enough memory (Python: `MemoryError`).
    #[error("{0}")]
    Memory(String),
    /// A file is not what it should be: truncated, foreign or hostile (Python: `FormatError`).
    #[error("{0}")]
    Format(String),
    /// A file is sound, but holds an array unlike those of the other items (Python: `FormatError`).
    #[error("{0}")]
    Differs(String),
    /// A file is sound, but of a kind that only Python can read (Python: `FormatError`).
    #[error("{0}")]
    Unsupported(String),
    /// One item of a job failed (Python: what its source says, with the position in the message).
    #[error("item {position}: {source}")]
    Item {
        /// Position of the lowest failing item.
        position: usize,
        /// What happened to it.
        source: Box<Error>,
    },
    /// A library of kernels cannot be used (Python: `ImportError`).
    #[error("{0}")]
    Library(String),
    /// Work was not begun before its time was over (Python: `TimeoutError`).
    #[error("{0}")]
    Timeout(String),
    /// Native code panicked (Python: `RuntimeError`).
    #[error("{0}")]
    Panic(String),
    /// The calling thread was interrupted, or the job cancelled (Python: what interrupted it).
    #[error("interrupted")]
    Interrupted,
}

/// The result type of the core.
pub type Result<T> = std::result::Result<T, Error>;

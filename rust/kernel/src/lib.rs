//! The SDK that native kernels are written against.

//! libtenure for C: the functions that `src/ffi` exports, as a shared and as a static library.

pub use library::ffi;

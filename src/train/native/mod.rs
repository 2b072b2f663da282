//! All that the compiler cannot check: the only module with `unsafe` code.
//!
//! It borrows tensors' memory, calls what needs a processor's feature, and opens a library. Each `unsafe` block says why it
//! is sound, sizes are checked before anything is touched, and `scripts/memcheck` runs all of it under valgrind.

pub mod buffers;
pub mod cuda;
pub mod kernels;

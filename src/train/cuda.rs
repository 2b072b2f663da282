//! What tch does not have of libtorch: its half for CUDA, opened when it is asked for, and two switches.
//!
//! A linked program names libtorch_cpu only, so that it starts on machines without CUDA; where the libtorch that it finds
//! has CUDA, opening that library at run time registers its operations. So one binary serves both.

use std::error::Error;
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

const LIBRARY: &str = "libtorch_cuda.so";

/// Opens the library once for the process, along the program's own search path; what hinders it, in one line.
///
/// libtorch remembers whether it has CUDA from the first time that anything asks, so this comes before that.
pub fn load() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    let open = || {
        // SAFETY: opening the library runs its initialisers, which register libtorch's CUDA operations with the libtorch
        // that is linked here; they have no other precondition. It stays open for good.
        let library = unsafe { Library::open(Some(LIBRARY), RTLD_NOW | RTLD_GLOBAL) };
        library.map(std::mem::forget).map_err(|error| {
            let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            why.replace('\n', " ")
        })
    };
    LOADED.get_or_init(open).clone()
}

/// Has autograd work on the calling thread, not hand a GPU's part to a thread of its own.
pub fn derive_on_this_thread() {
    unsafe extern "C" {
        /// In `derive.cpp`.
        fn misfit_derive_on_this_thread();
    }
    // SAFETY: it sets a flag of this thread's own, and has no precondition.
    unsafe { misfit_derive_on_this_thread() }
}

/// Has the calling thread's processor take subnormal numbers for 0, or does so no more.
pub fn flush_subnormals(on: bool) {
    unsafe extern "C" {
        /// In `derive.cpp`.
        fn misfit_flush_subnormals(on: bool);
    }
    // SAFETY: it sets two bits of this thread's own processor state, and has no precondition.
    unsafe { misfit_flush_subnormals(on) }
}

//! Numbers below the smallest normal one, about 1.2e-38 in f32, which many processors take several times longer for.
//!
//! Adam's mean of a gradient that has become 0, a dead unit's, shrinks by β₁ a step, is subnormal after some 800, and stays so,
//! since 4·0.9 ulp rounds to 4 ulp. Where such numbers are taken for 0, it becomes 0, or stays above them where what it would shrink
//! by is 0; then it costs what all numbers do, and no other number changes by more than rounding.
//!
//! libtorch's switch is MXCSR's flush-to-zero and denormals-are-zero on x86-64, and FPCR's FZ on aarch64. The latter looks
//! before a result is rounded: one just below the smallest normal number, which rounding would make that, becomes 0 there only.

use std::cell::Cell;
use std::marker::PhantomData;

use super::cuda::flush_subnormals;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// While one lives, its thread takes subnormal numbers for 0, in this crate's kernels and in libtorch's.
///
/// Rust takes IEEE 754's way with subnormals for granted where it computes a constant beforehand, and libtorch sets the
/// processor's switch behind its back: of what is computed while this lives, no constant is subnormal.
pub struct Flushed(PhantomData<*const ()>);

impl Flushed {
    #[allow(clippy::new_without_default)] // It is held for what it does, not for what it is.
    pub fn new() -> Self {
        HELD.set(HELD.get() + 1);
        if HELD.get() == 1 {
            flush_subnormals(true);
        }
        Flushed(PhantomData)
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
        if HELD.get() == 0 {
            flush_subnormals(false);
        }
    }
}

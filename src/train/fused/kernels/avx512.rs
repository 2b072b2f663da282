//! AVX-512: sixteen numbers at a time, and twice as many registers. Transposes and dots stay with [`super::avx2`]: the first are
//! short, and the second add eight sums side by side at every level.

use std::arch::x86_64::*;

use super::{Epilogue, First, LEAKY, Left};

const WIDTH: usize = 16;
type Mask = __mmask16;

products!("avx512f");

/// Three vectors by eight rows leave registers for a row of `b` and the factors.
const fn rows(_width: usize, _cut: bool) -> usize {
    8
}

/// The first `lanes` of a vector.
fn mask(lanes: usize) -> Mask {
    ((1_u32 << lanes) - 1) as Mask
}

#[target_feature(enable = "avx512f")]
#[inline]
fn zero() -> __m512 {
    _mm512_setzero_ps()
}

#[target_feature(enable = "avx512f")]
#[inline]
fn broadcast(number: &f32) -> __m512 {
    _mm512_set1_ps(*number)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn multiply_add(a: __m512, b: __m512, sum: __m512) -> __m512 {
    _mm512_fmadd_ps(a, b, sum)
}

/// # Safety
/// There must be sixteen numbers.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn whole(from: *const f32) -> __m512 {
    // SAFETY: as the function's own condition says.
    unsafe { _mm512_loadu_ps(from) }
}

/// # Safety
/// There must be the numbers of the mask.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn cut(from: *const f32, mask: Mask) -> __m512 {
    // SAFETY: lanes that the mask leaves out are not touched.
    unsafe { _mm512_maskz_loadu_ps(mask, from) }
}

/// # Safety
/// There must be room for sixteen numbers.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn put(to: *mut f32, value: __m512) {
    // SAFETY: as the function's own condition says.
    unsafe { _mm512_storeu_ps(to, value) }
}

/// # Safety
/// There must be room for the numbers of the mask.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn put_cut(to: *mut f32, mask: Mask, value: __m512) {
    // SAFETY: lanes that the mask leaves out are not touched.
    unsafe { _mm512_mask_storeu_ps(to, mask, value) }
}

/// What an epilogue makes of a sum; `h` is what the layer put out, where the epilogue reads it.
#[target_feature(enable = "avx512f")]
#[inline]
fn after<const E: u8>(value: __m512, h: impl Fn() -> __m512) -> __m512 {
    let zero = _mm512_setzero_ps();
    let leak = |value| _mm512_mul_ps(value, _mm512_set1_ps(LEAKY));
    match E {
        // Of a NaN and a number, max gives its second operand.
        RELU => _mm512_max_ps(zero, value),
        LEAKY_RELU => _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, zero), leak(value), value),
        RELU_BACKWARD => _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(h(), zero), value, zero),
        LEAKY_RELU_BACKWARD => _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(h(), zero), leak(value), value),
        _ => value,
    }
}

//! AVX-512: sixteen numbers at a time, and twice as many registers. Transposes and dots stay with [`super::avx2`]: the first are
//! short, and the second add eight sums side by side at every level.

use std::arch::x86_64::*;

use super::{Adam, Epilogue, First, LEAKY, Left};

const WIDTH: usize = 16;
type Mask = __mmask16;

products!("avx512f", [1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; 16], [1 2 3 4 5 6 7 8 9 10 11; 12], [1 2 3 4 5 6 7; 8]);

/// They leave registers for a row of `b` and the factors.
const fn rows(width: usize, _cut: bool) -> usize {
    match width {
        1 => 16,
        2 => 12,
        _ => 8,
    }
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
    let (zero, one) = (_mm512_setzero_ps(), _mm512_set1_ps(1.0));
    let leak = |value| _mm512_mul_ps(value, _mm512_set1_ps(LEAKY));
    match E {
        // Of a NaN and a number, max gives its second operand.
        RELU => _mm512_max_ps(zero, value),
        LEAKY_RELU => _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, zero), leak(value), value),
        RELU_BACKWARD => _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(h(), zero), value, zero),
        LEAKY_RELU_BACKWARD => _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(h(), zero), leak(value), value),
        TANH_BACKWARD => {
            let h = h();
            _mm512_mul_ps(value, _mm512_fnmadd_ps(h, h, one))
        }
        SIGMOID_BACKWARD => {
            let h = h();
            _mm512_mul_ps(value, _mm512_mul_ps(_mm512_sub_ps(one, h), h))
        }
        ELU_BACKWARD => {
            let h = h();
            let slope = _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(h, zero), _mm512_add_ps(h, one), one);
            _mm512_mul_ps(value, slope)
        }
        _ => value,
    }
}

/// √v, rounded correctly, as the processor's own instruction has it, whose divider is too busy with a division for it: from an
/// estimate of 1/√v by Newton's steps, the last with the exact remainder (Markstein 1990). Numbers so small or large that
/// a remainder may underflow or overflow are left to the instruction.
#[target_feature(enable = "avx512f")]
#[inline]
fn root(v: __m512) -> __m512 {
    const LEAST: u32 = 31 << 23; // 2⁻⁹⁶
    const MOST: u32 = 252 << 23; // 2¹²⁵
    let above = _mm512_sub_epi32(_mm512_castps_si512(v), _mm512_set1_epi32(LEAST as i32));
    let within = _mm512_cmple_epu32_mask(above, _mm512_set1_epi32((MOST - LEAST) as i32));
    let nonzero = _mm512_test_epi32_mask(_mm512_castps_si512(v), _mm512_castps_si512(v));
    if within != nonzero {
        return _mm512_sqrt_ps(v);
    }
    let half = _mm512_set1_ps(0.5);
    let estimate = _mm512_rsqrt14_ps(v);
    let (root, inverse) = (_mm512_mul_ps(v, estimate), _mm512_mul_ps(half, estimate));
    let off = _mm512_fnmadd_ps(root, inverse, half);
    let (root, inverse) = (_mm512_fmadd_ps(root, off, root), _mm512_fmadd_ps(inverse, off, inverse));
    let off = _mm512_fnmadd_ps(root, root, v);
    _mm512_maskz_fmadd_ps(nonzero, off, inverse, root)
}

/// As [`super::adam`], in the operations of its plain pass.
///
/// # Safety
/// The processor must have AVX-512, and all slices be of one length.
#[target_feature(enable = "avx512f")]
pub unsafe fn adam(by: Adam, negative_rate: f32, [parameters, mean, square]: [&mut [f32]; 3], gradient: &[f32]) {
    let all = _mm512_set1_ps;
    let (decay, decoupled) = (all(by.weight_decay), all(negative_rate * by.decoupled));
    let (gain, square_gain) = (all(by.gain[0]), all(by.gain[1]));
    let (factor, eps, rate) = (all(by.root), all(by.eps), all(negative_rate));
    let update = |[mut p, mut g, m, v]: [__m512; 4]| {
        if by.decays() {
            p = _mm512_fmadd_ps(p, decoupled, p);
            g = _mm512_fmadd_ps(p, decay, g);
        }
        let m = _mm512_fmadd_ps(_mm512_sub_ps(g, m), gain, m);
        let v = _mm512_fmadd_ps(_mm512_fmsub_ps(g, g, v), square_gain, v);
        let step = _mm512_div_ps(m, _mm512_fmadd_ps(root(v), factor, eps));
        [_mm512_fmadd_ps(rate, step, p), m, v]
    };
    let (all, gradient) = ([parameters.as_mut_ptr(), mean.as_mut_ptr(), square.as_mut_ptr()], gradient.as_ptr());
    let count = parameters.len();
    let whole_vectors = count / WIDTH * WIDTH;
    // SAFETY: each vector, and of the last one the numbers of its mask, lie within the slices, which are of one length.
    unsafe {
        for at in (0..whole_vectors).step_by(WIDTH) {
            let [p, m, v] = all.map(|from| whole(from.add(at)));
            let new = update([p, whole(gradient.add(at)), m, v]);
            all.iter().zip(new).for_each(|(to, value)| put(to.add(at), value));
        }
        if whole_vectors < count {
            let (at, there) = (whole_vectors, mask(count - whole_vectors));
            let [p, m, v] = all.map(|from| cut(from.add(at), there));
            let new = update([p, cut(gradient.add(at), there), m, v]);
            all.iter().zip(new).for_each(|(to, value)| put_cut(to.add(at), there, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_the_correctly_rounded_one_for_every_number_that_is_not_negative() {
        if !std::arch::is_x86_feature_detected!("avx512f") {
            return;
        }
        for first in (0..=0x7f80_0000_u32).step_by(WIDTH) {
            let numbers: [f32; WIDTH] = std::array::from_fn(|i| f32::from_bits(first + i as u32));
            let mut roots = [0.0; WIDTH];
            // SAFETY: the processor has AVX-512, and both arrays hold a vector.
            unsafe { put(roots.as_mut_ptr(), root(whole(numbers.as_ptr()))) };
            for (root, number) in roots.iter().zip(numbers) {
                assert!(root.to_bits() == number.sqrt().to_bits() || number.is_nan() && root.is_nan(), "√{number:e}");
            }
        }
    }
}

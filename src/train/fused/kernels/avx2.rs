//! AVX2 and FMA: eight numbers at a time.

use std::arch::x86_64::*;

use super::{Epilogue, First, LEAKY, Left};

const WIDTH: usize = 8;
type Mask = __m256i;

products!("avx2,fma", [1 2 3 4 5 6 7; 8], [1 2 3 4 5; 6], [1 2; 3]);

/// Strips of three vectors by three rows, and of two by six, fill the sixteen registers.
const fn rows(width: usize, cut: bool) -> usize {
    match (width, cut) {
        (1, _) => 8,
        (2, false) => 6,
        (2, true) => 5,
        _ => 3,
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn zero() -> __m256 {
    _mm256_setzero_ps()
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn broadcast(number: &f32) -> __m256 {
    _mm256_broadcast_ss(number)
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn multiply_add(a: __m256, b: __m256, sum: __m256) -> __m256 {
    _mm256_fmadd_ps(a, b, sum)
}

/// # Safety
/// There must be eight numbers.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn whole(from: *const f32) -> __m256 {
    // SAFETY: as the function's own condition says.
    unsafe { _mm256_loadu_ps(from) }
}

/// # Safety
/// There must be the numbers of the mask.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn cut(from: *const f32, mask: Mask) -> __m256 {
    // SAFETY: lanes that the mask leaves out are not touched.
    unsafe { _mm256_maskload_ps(from, mask) }
}

/// # Safety
/// There must be room for eight numbers.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn put(to: *mut f32, value: __m256) {
    // SAFETY: as the function's own condition says.
    unsafe { _mm256_storeu_ps(to, value) }
}

/// # Safety
/// There must be room for the numbers of the mask.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn put_cut(to: *mut f32, mask: Mask, value: __m256) {
    // SAFETY: lanes that the mask leaves out are not touched.
    unsafe { _mm256_maskstore_ps(to, mask, value) }
}

/// The first `lanes` of a vector.
#[target_feature(enable = "avx2,fma")]
fn mask(lanes: usize) -> __m256i {
    let count = _mm256_set1_epi32(lanes as i32);
    _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// What an epilogue makes of a sum; `h` is what the layer put out, where the epilogue reads it.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn after<const E: u8>(value: __m256, h: impl Fn() -> __m256) -> __m256 {
    let (zero, one) = (_mm256_setzero_ps(), _mm256_set1_ps(1.0));
    let leak = |value| _mm256_mul_ps(value, _mm256_set1_ps(LEAKY));
    match E {
        // Of a NaN and a number, max gives its second operand.
        RELU => _mm256_max_ps(zero, value),
        LEAKY_RELU => _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(value, zero)),
        RELU_BACKWARD => _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(h(), zero), value),
        LEAKY_RELU_BACKWARD => _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(h(), zero)),
        TANH_BACKWARD => {
            let h = h();
            _mm256_mul_ps(value, _mm256_fnmadd_ps(h, h, one))
        }
        SIGMOID_BACKWARD => {
            let h = h();
            _mm256_mul_ps(value, _mm256_mul_ps(_mm256_sub_ps(one, h), h))
        }
        ELU_BACKWARD => {
            let h = h();
            let slope = _mm256_blendv_ps(_mm256_add_ps(h, one), one, _mm256_cmp_ps::<_CMP_GT_OQ>(h, zero));
            _mm256_mul_ps(value, slope)
        }
        _ => value,
    }
}

/// Transposes full blocks of 8 × 8; gives the rows and columns that these cover.
///
/// # Safety
/// The processor must have AVX2 and FMA, and both slices `rows · columns` numbers.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) -> (usize, usize) {
    let (full_rows, full_columns) = (rows / 8 * 8, columns / 8 * 8);
    for r in (0..full_rows).step_by(8) {
        for c in (0..full_columns).step_by(8) {
            // SAFETY: r + 8 <= rows and c + 8 <= columns, so the block lies within both matrices.
            unsafe {
                // Rows i and i + 4 in one vector, four columns of each: what is left to do stays within halves.
                let load = |i: usize, half: usize| {
                    let row = |r: usize| _mm_loadu_ps(from.as_ptr().add(r * columns + c + 4 * half));
                    _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(row(r + i)), row(r + i + 4))
                };
                let mut y = [_mm256_setzero_ps(); 8];
                for half in 0..2 {
                    let [a, b, c, d] = [load(0, half), load(1, half), load(2, half), load(3, half)];
                    let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                    let (low_after, high_after) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
                    y[4 * half] = _mm256_shuffle_ps::<0x44>(low, low_after);
                    y[4 * half + 1] = _mm256_shuffle_ps::<0xee>(low, low_after);
                    y[4 * half + 2] = _mm256_shuffle_ps::<0x44>(high, high_after);
                    y[4 * half + 3] = _mm256_shuffle_ps::<0xee>(high, high_after);
                }
                for (i, y) in y.iter().enumerate() {
                    _mm256_storeu_ps(to.as_mut_ptr().add((c + i) * rows + r), *y);
                }
            }
        }
    }
    (full_rows, full_columns)
}

/// `out[r] = first + Σ a[r, c] · b[c]` over rows without gaps: eight sums side by side, then their sum, always in the same
/// order, whichever rows go together.
///
/// # Safety
/// The processor must have AVX2 and FMA; `a` must have `out.len()` rows of `b.len()` numbers, one row every `a.row`, and
/// `b` is not empty.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn dots(a: Left, b: &[f32], first: f32, out: &mut [f32]) {
    let k = b.len();
    let full = k / 8 * 8;
    let mask = mask(k - full);
    let count = out.len();
    for (four, out) in out.chunks_mut(4).enumerate() {
        // SAFETY: rows beyond the last are the last again, so all four are rows of `a`; they and `b` have k numbers, of which
        // whole vectors take the first `full`, and a masked one the rest: it touches only the lanes of its mask.
        unsafe {
            let row = |r: usize| a.data.as_ptr().add((four * 4 + r).min(count - 1) * a.row);
            let rows = [row(0), row(1), row(2), row(3)];
            let mut sums = [_mm256_setzero_ps(); 4];
            for c in (0..full).step_by(8) {
                let b = _mm256_loadu_ps(b.as_ptr().add(c));
                for r in 0..4 {
                    sums[r] = _mm256_fmadd_ps(_mm256_loadu_ps(rows[r].add(c)), b, sums[r]);
                }
            }
            if full < k {
                let b = _mm256_maskload_ps(b.as_ptr().add(full), mask);
                for r in 0..4 {
                    sums[r] = _mm256_fmadd_ps(_mm256_maskload_ps(rows[r].add(full), mask), b, sums[r]);
                }
            }
            let pairs = _mm256_hadd_ps(_mm256_hadd_ps(sums[0], sums[1]), _mm256_hadd_ps(sums[2], sums[3]));
            let sums = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps::<1>(pairs));
            let mut four = [0.0; 4];
            _mm_storeu_ps(four.as_mut_ptr(), _mm_add_ps(sums, _mm_set1_ps(first)));
            out.copy_from_slice(&four[..out.len()]);
        }
    }
}

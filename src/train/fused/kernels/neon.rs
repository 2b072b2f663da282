//! NEON, which every aarch64 processor has: four numbers at a time, in twice as many registers as AVX2 has. Its results have
//! AVX2's bits.

use std::arch::aarch64::*;

use super::{Epilogue, First, LEAKY, Left};

const WIDTH: usize = 4;
/// The lanes that are there, counted: NEON has no masks.
type Mask = usize;

products!("neon", [1 2 3 4 5 6 7; 8], [1 2 3 4 5 6 7; 8], [1 2 3 4 5 6 7; 8]);

/// Three vectors by eight rows leave registers for a row of `b` and the factors.
const fn rows(_width: usize, _cut: bool) -> usize {
    8
}

/// The first `lanes` of a vector.
fn mask(lanes: usize) -> Mask {
    lanes
}

#[target_feature(enable = "neon")]
#[inline]
fn zero() -> float32x4_t {
    vdupq_n_f32(0.0)
}

#[target_feature(enable = "neon")]
#[inline]
fn broadcast(number: &f32) -> float32x4_t {
    vdupq_n_f32(*number)
}

#[target_feature(enable = "neon")]
#[inline]
fn multiply_add(a: float32x4_t, b: float32x4_t, sum: float32x4_t) -> float32x4_t {
    vfmaq_f32(sum, a, b)
}

/// # Safety
/// There must be four numbers.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn whole(from: *const f32) -> float32x4_t {
    // SAFETY: as the function's own condition says.
    unsafe { vld1q_f32(from) }
}

/// The first `lanes` numbers, and 0 for the others.
///
/// # Safety
/// There must be `lanes` numbers, or four if it is more.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn cut(from: *const f32, lanes: Mask) -> float32x4_t {
    // SAFETY: no number after the first `lanes` is touched.
    unsafe {
        match lanes {
            0 => zero(),
            1 => vld1q_lane_f32::<0>(from, zero()),
            2 => vcombine_f32(vld1_f32(from), vdup_n_f32(0.0)),
            3 => vcombine_f32(vld1_f32(from), vld1_lane_f32::<0>(from.add(2), vdup_n_f32(0.0))),
            _ => vld1q_f32(from),
        }
    }
}

/// # Safety
/// There must be room for four numbers.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn put(to: *mut f32, value: float32x4_t) {
    // SAFETY: as the function's own condition says.
    unsafe { vst1q_f32(to, value) }
}

/// # Safety
/// There must be room for `lanes` numbers, or for four if it is more.
#[target_feature(enable = "neon")]
#[inline]
unsafe fn put_cut(to: *mut f32, lanes: Mask, value: float32x4_t) {
    // SAFETY: no number after the first `lanes` is touched.
    unsafe {
        match lanes {
            0 => {}
            1 => vst1q_lane_f32::<0>(to, value),
            2 => vst1_f32(to, vget_low_f32(value)),
            3 => {
                vst1_f32(to, vget_low_f32(value));
                vst1q_lane_f32::<2>(to.add(2), value);
            }
            _ => vst1q_f32(to, value),
        }
    }
}

/// What an epilogue makes of a sum; `h` is what the layer put out, where the epilogue reads it.
#[target_feature(enable = "neon")]
#[inline]
fn after<const E: u8>(value: float32x4_t, h: impl Fn() -> float32x4_t) -> float32x4_t {
    let (zero, one) = (vdupq_n_f32(0.0), vdupq_n_f32(1.0));
    let leak = |value| vmulq_f32(value, vdupq_n_f32(LEAKY));
    match E {
        // Not vmaxq, which makes 0 of −0.
        RELU => vbslq_f32(vcltq_f32(value, zero), zero, value),
        LEAKY_RELU => vbslq_f32(vcgtq_f32(value, zero), value, leak(value)),
        RELU_BACKWARD => vbslq_f32(vcleq_f32(h(), zero), zero, value),
        LEAKY_RELU_BACKWARD => vbslq_f32(vcgtq_f32(h(), zero), value, leak(value)),
        TANH_BACKWARD => {
            let h = h();
            vmulq_f32(value, vfmsq_f32(one, h, h))
        }
        SIGMOID_BACKWARD => {
            let h = h();
            vmulq_f32(value, vmulq_f32(vsubq_f32(one, h), h))
        }
        ELU_BACKWARD => {
            let h = h();
            vmulq_f32(value, vbslq_f32(vcgtq_f32(h, zero), one, vaddq_f32(h, one)))
        }
        _ => value,
    }
}

/// Transposes full blocks of 4 × 4; gives the rows and columns that these cover.
///
/// # Safety
/// Both slices must have `rows · columns` numbers.
#[target_feature(enable = "neon")]
pub unsafe fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) -> (usize, usize) {
    let (full_rows, full_columns) = (rows / 4 * 4, columns / 4 * 4);
    for r in (0..full_rows).step_by(4) {
        for c in (0..full_columns).step_by(4) {
            // SAFETY: r + 4 <= rows and c + 4 <= columns, so the block lies within both matrices.
            unsafe {
                let row = |i: usize| vld1q_f32(from.as_ptr().add((r + i) * columns + c));
                let (even, odd) = ([row(0), row(2)], [row(1), row(3)]);
                // Of two columns each, the numbers of every other row.
                let low = [vzip1q_f32(even[0], even[1]), vzip1q_f32(odd[0], odd[1])];
                let high = [vzip2q_f32(even[0], even[1]), vzip2q_f32(odd[0], odd[1])];
                for (i, two) in [low, high].into_iter().enumerate() {
                    let to = to.as_mut_ptr().add((c + 2 * i) * rows + r);
                    vst1q_f32(to, vzip1q_f32(two[0], two[1]));
                    vst1q_f32(to.add(rows), vzip2q_f32(two[0], two[1]));
                }
            }
        }
    }
    (full_rows, full_columns)
}

/// `out[r] = first + Σ a[r, c] · b[c]` over rows without gaps: eight sums side by side in two vectors, then their sum in the
/// order of [`super::avx2`]'s, whichever rows go together.
///
/// # Safety
/// `a` must have `out.len()` rows of `b.len()` numbers, one row every `a.row`, and `b` is not empty.
#[target_feature(enable = "neon")]
pub unsafe fn dots(a: Left, b: &[f32], first: f32, out: &mut [f32]) {
    let k = b.len();
    let full = k / 8 * 8;
    let left = k - full;
    let count = out.len();
    for (four, out) in out.chunks_mut(4).enumerate() {
        // SAFETY: rows beyond the last are the last again, so all four are rows of `a`; they and `b` have k numbers, of which
        // whole vectors take the first `full`, and cut ones the rest, the second only if there are more than four: else it
        // touches nothing, wherever it points.
        unsafe {
            let row = |r: usize| a.data.as_ptr().add((four * 4 + r).min(count - 1) * a.row);
            let rows = [row(0), row(1), row(2), row(3)];
            let mut sums = [[zero(); 4]; 2];
            for c in (0..full).step_by(8) {
                for half in 0..2 {
                    let at = c + 4 * half;
                    let b = vld1q_f32(b.as_ptr().add(at));
                    for r in 0..4 {
                        sums[half][r] = vfmaq_f32(sums[half][r], vld1q_f32(rows[r].add(at)), b);
                    }
                }
            }
            if left > 0 {
                for (half, lanes) in [left, left.saturating_sub(4)].into_iter().enumerate() {
                    let rest = |from: *const f32| cut(from.wrapping_add(full + 4 * half), lanes);
                    let b = rest(b.as_ptr());
                    for r in 0..4 {
                        sums[half][r] = vfmaq_f32(sums[half][r], rest(rows[r]), b);
                    }
                }
            }
            let [low, high] = sums.map(|s| vpaddq_f32(vpaddq_f32(s[0], s[1]), vpaddq_f32(s[2], s[3])));
            let mut four = [0.0; 4];
            vst1q_f32(four.as_mut_ptr(), vaddq_f32(vaddq_f32(low, high), vdupq_n_f32(first)));
            out.copy_from_slice(&four[..out.len()]);
        }
    }
}

//! Products and transposes with AVX2 and FMA.

use std::arch::x86_64::*;

use super::{Epilogue, LEAKY, Left};

/// Steps of a sum that are made before the next tile's turn: as many rows of `b` stay in the first cache.
const DEPTH: usize = 128;

/// # Safety
/// The processor must have AVX2 and FMA, and the slices the sizes that `product` of the parent checks.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn product(
    [m, k, n]: [usize; 3],
    a: Left,
    b: &[f32],
    bias: Option<&[f32]>,
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let mut depth = 0;
    loop {
        let steps = DEPTH.min(k - depth);
        let last = depth + steps == k;
        let mut column = 0;
        while column < n {
            let width = (n - column).min(16);
            let masked = width % 8 != 0;
            let mut row = 0;
            while row < m {
                // Eight sums hide the latency of a multiply-add, and none of them leaves its register.
                let rows = if width > 8 { 4 } else { 8 }.min(m - row);
                let at = row * n + column;
                // SAFETY: row < m, column < n and, where there is a step, depth < k, so all lie within their slices.
                unsafe {
                    let out = out.as_mut_ptr().add(at);
                    let tile = Tile {
                        k: steps,
                        a: if k == 0 { a.data.as_ptr() } else { a.data.as_ptr().add(row * a.row + depth * a.column) },
                        a_row: a.row,
                        a_column: a.column,
                        b: if k == 0 { b.as_ptr() } else { b.as_ptr().add(depth * n + column) },
                        first: match bias {
                            _ if depth > 0 => First::Sums,
                            Some(bias) => First::Bias(bias.as_ptr().add(column)),
                            None => First::Zero,
                        },
                        out,
                        n,
                        mask: mask((width - 1) % 8 + 1),
                        epilogue: if last { epilogue } else { Epilogue::Store },
                        at,
                    };
                    match (width > 8, masked) {
                        (true, false) => tile.rows::<2, false>(rows),
                        (true, true) => tile.rows::<2, true>(rows),
                        (false, false) => tile.rows::<1, false>(rows),
                        (false, true) => tile.rows::<1, true>(rows),
                    }
                }
                row += rows;
            }
            column += width;
        }
        depth += steps;
        if last {
            return;
        }
    }
}

/// What a tile's sums begin with.
enum First {
    Zero,
    Bias(*const f32),
    /// What the steps before have left in `out`.
    Sums,
}

/// Transposes full blocks of 8 × 8; gives the rows and columns that these cover.
///
/// # Safety
/// The processor must have AVX2, and both slices `rows · columns` numbers.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) -> (usize, usize) {
    let (full_rows, full_columns) = (rows / 8 * 8, columns / 8 * 8);
    for r in (0..full_rows).step_by(8) {
        for c in (0..full_columns).step_by(8) {
            // SAFETY: the block lies within both matrices.
            unsafe {
                let mut x = [_mm256_setzero_ps(); 8];
                for (i, x) in x.iter_mut().enumerate() {
                    *x = _mm256_loadu_ps(from.as_ptr().add((r + i) * columns + c));
                }
                let mut y = x;
                for i in 0..4 {
                    y[2 * i] = _mm256_unpacklo_ps(x[2 * i], x[2 * i + 1]);
                    y[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i], x[2 * i + 1]);
                }
                for i in [0, 4] {
                    x[i] = _mm256_shuffle_ps::<0x44>(y[i], y[i + 2]);
                    x[i + 1] = _mm256_shuffle_ps::<0xee>(y[i], y[i + 2]);
                    x[i + 2] = _mm256_shuffle_ps::<0x44>(y[i + 1], y[i + 3]);
                    x[i + 3] = _mm256_shuffle_ps::<0xee>(y[i + 1], y[i + 3]);
                }
                for i in 0..4 {
                    y[i] = _mm256_permute2f128_ps::<0x20>(x[i], x[i + 4]);
                    y[i + 4] = _mm256_permute2f128_ps::<0x31>(x[i], x[i + 4]);
                }
                for (i, y) in y.iter().enumerate() {
                    _mm256_storeu_ps(to.as_mut_ptr().add((c + i) * rows + r), *y);
                }
            }
        }
    }
    (full_rows, full_columns)
}

/// The first `lanes` of a vector.
#[target_feature(enable = "avx2,fma")]
fn mask(lanes: usize) -> __m256i {
    let count = _mm256_set1_epi32(lanes as i32);
    _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

struct Tile<'a> {
    k: usize,
    a: *const f32,
    a_row: usize,
    a_column: usize,
    b: *const f32,
    first: First,
    out: *mut f32,
    n: usize,
    mask: __m256i,
    epilogue: Epilogue<'a>,
    at: usize,
}

impl Tile<'_> {
    /// # Safety
    /// The pointers must be valid for this many rows of the tile.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn rows<const V: usize, const MASKED: bool>(&self, rows: usize) {
        // SAFETY: as this function's own condition says.
        unsafe {
            match rows {
                1 => self.run::<1, V, MASKED>(),
                2 => self.run::<2, V, MASKED>(),
                3 => self.run::<3, V, MASKED>(),
                4 => self.run::<4, V, MASKED>(),
                5 => self.run::<5, V, MASKED>(),
                6 => self.run::<6, V, MASKED>(),
                7 => self.run::<7, V, MASKED>(),
                _ => self.run::<8, V, MASKED>(),
            }
        }
    }

    /// `R` rows of `V` vectors, the last of them cut by the mask if `MASKED`.
    ///
    /// # Safety
    /// The pointers must be valid for the tile's rows and columns.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn run<const R: usize, const V: usize, const MASKED: bool>(&self) {
        // SAFETY: as this function's own condition says; a masked vector touches only the lanes of its mask.
        unsafe {
            let load = |from: *const f32, v: usize| {
                let from = from.add(8 * v);
                if MASKED && v == V - 1 { _mm256_maskload_ps(from, self.mask) } else { _mm256_loadu_ps(from) }
            };
            let mut sums = [[_mm256_setzero_ps(); V]; R];
            for r in 0..R {
                for v in 0..V {
                    match self.first {
                        First::Zero => {}
                        First::Bias(bias) => sums[r][v] = load(bias, v),
                        First::Sums => sums[r][v] = load(self.out.add(r * self.n), v),
                    }
                }
            }
            let (mut a, mut b) = (self.a, self.b);
            for _ in 0..self.k {
                let mut row = [_mm256_setzero_ps(); V];
                for v in 0..V {
                    row[v] = load(b, v);
                }
                for r in 0..R {
                    let factor = _mm256_broadcast_ss(&*a.add(r * self.a_row));
                    for v in 0..V {
                        sums[r][v] = _mm256_fmadd_ps(factor, row[v], sums[r][v]);
                    }
                }
                a = a.wrapping_add(self.a_column);
                b = b.wrapping_add(self.n);
            }
            for r in 0..R {
                let offset = r * self.n;
                for v in 0..V {
                    let value = self.after(sums[r][v], |h: &[f32]| load(h.as_ptr().add(self.at + offset), v));
                    let to = self.out.add(offset + 8 * v);
                    if MASKED && v == V - 1 {
                        _mm256_maskstore_ps(to, self.mask, value);
                    } else {
                        _mm256_storeu_ps(to, value);
                    }
                }
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn after(&self, value: __m256, load: impl Fn(&[f32]) -> __m256) -> __m256 {
        let zero = _mm256_setzero_ps();
        let leak = |value| _mm256_mul_ps(value, _mm256_set1_ps(LEAKY));
        match self.epilogue {
            Epilogue::Store => value,
            // Of a NaN and a number, max gives its second operand.
            Epilogue::Relu => _mm256_max_ps(zero, value),
            Epilogue::LeakyRelu => _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(value, zero)),
            Epilogue::ReluBackward(h) => _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(load(h), zero), value),
            Epilogue::LeakyReluBackward(h) => {
                _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(load(h), zero))
            }
        }
    }
}

//! Products and transposes with AVX2 and FMA.

use std::arch::x86_64::*;

use super::{Epilogue, First, LEAKY, Left};

/// Steps of a sum that are made before the next tile's turn: as many rows of `b` stay in the first cache.
const DEPTH: usize = 128;

/// # Safety
/// The processor must have AVX2 and FMA, and the slices the sizes that `product` of the parent checks; m and n are not 0.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn product([m, k, n]: [usize; 3], a: Left, b: &[f32], first: First, epilogue: Epilogue, out: &mut [f32]) {
    let mut depth = 0;
    loop {
        let steps = DEPTH.min(k - depth);
        let last = depth + steps == k;
        // SAFETY: where there is a step, depth < k, so that depth · column is within `a`, whose last number is that of step
        // k − 1, and depth · n within the k · n numbers of `b`. What is left of both is as long as a block of these steps
        // says, and `out` and `h` are the whole product's.
        unsafe {
            let block = Block {
                sizes: [m, steps, n],
                a: Left { data: if k == 0 { a.data } else { a.data.get_unchecked(depth * a.column..) }, ..a },
                b: if k == 0 { b } else { b.get_unchecked(depth * n..) },
                first: if depth > 0 { First::Sums } else { first },
                out: out.as_mut_ptr(),
                mask: mask((n + 7) % 8 + 1),
            };
            match epilogue {
                _ if !last => block.run::<STORE>(&[]),
                Epilogue::Store => block.run::<STORE>(&[]),
                Epilogue::Relu => block.run::<RELU>(&[]),
                Epilogue::LeakyRelu => block.run::<LEAKY_RELU>(&[]),
                Epilogue::ReluBackward(h) => block.run::<RELU_BACKWARD>(h),
                Epilogue::LeakyReluBackward(h) => block.run::<LEAKY_RELU_BACKWARD>(h),
            }
        }
        depth += steps;
        if last {
            return;
        }
    }
}

/// The kinds of [`Epilogue`], as a loop is compiled for each.
const STORE: u8 = 0;
const RELU: u8 = 1;
const LEAKY_RELU: u8 = 2;
const RELU_BACKWARD: u8 = 3;
const LEAKY_RELU_BACKWARD: u8 = 4;

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

/// A product, or as many of its steps as are made at once.
struct Block<'a> {
    sizes: [usize; 3],
    a: Left<'a>,
    b: &'a [f32],
    first: First<'a>,
    out: *mut f32,
    /// Of the last vector of a row.
    mask: __m256i,
}

impl Block<'_> {
    /// # Safety
    /// `b` must have k · n numbers, a bias n, `out`, and `h` where the epilogue reads it, m · n, and `a` must reach from
    /// element (0, 0) to (m − 1, k − 1); n is not 0, and `mask` is that of a row's last vector.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn run<const E: u8>(&self, h: &[f32]) {
        let [m, k, n] = self.sizes;
        // A column by a row, or a row by a matrix, is short of work for a tile: wide strips take their place.
        if k == 1 || m == 1 {
            // SAFETY: as this function's own condition says.
            return unsafe { self.thin::<E>(h) };
        }
        let (vectors, cut) = (n.div_ceil(8), !n.is_multiple_of(8));
        let mut vector = 0;
        while vector < vectors {
            let left = vectors - vector;
            // Strips of three vectors by three rows, and of two by six, fill the registers without spilling one.
            let width = match left {
                1 => 1,
                2 | 4 => 2,
                _ => 3,
            };
            // SAFETY: the strip lies within the product, as this function's own condition says.
            unsafe {
                match (width, cut && left == width) {
                    (1, false) => self.strip::<E, 1, false>(8, vector * 8, h),
                    (1, true) => self.strip::<E, 1, true>(8, vector * 8, h),
                    (2, false) => self.strip::<E, 2, false>(6, vector * 8, h),
                    (2, true) => self.strip::<E, 2, true>(5, vector * 8, h),
                    (_, false) => self.strip::<E, 3, false>(3, vector * 8, h),
                    (_, true) => self.strip::<E, 3, true>(3, vector * 8, h),
                }
            }
            vector += width;
        }
    }

    /// A product of one step or of one row.
    ///
    /// # Safety
    /// As for [`Self::run`].
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn thin<const E: u8>(&self, h: &[f32]) {
        let [_, k, n] = self.sizes;
        let (vectors, cut) = (n.div_ceil(8), !n.is_multiple_of(8));
        let mut vector = 0;
        while vector < vectors {
            let left = vectors - vector;
            let width = left.min(5);
            let column = vector * 8;
            // SAFETY: the strip lies within the product, as this function's own condition says.
            unsafe {
                match (k == 1, width, cut && left == width) {
                    (true, 1, false) => self.outer::<E, 1, false>(column, h),
                    (true, 2, false) => self.outer::<E, 2, false>(column, h),
                    (true, 3, false) => self.outer::<E, 3, false>(column, h),
                    (true, 4, false) => self.outer::<E, 4, false>(column, h),
                    (true, _, false) => self.outer::<E, 5, false>(column, h),
                    (true, 1, true) => self.outer::<E, 1, true>(column, h),
                    (true, 2, true) => self.outer::<E, 2, true>(column, h),
                    (true, 3, true) => self.outer::<E, 3, true>(column, h),
                    (true, 4, true) => self.outer::<E, 4, true>(column, h),
                    (true, _, true) => self.outer::<E, 5, true>(column, h),
                    (false, 1, false) => self.tile::<E, 1, 1, false>(0, column, h),
                    (false, 2, false) => self.tile::<E, 1, 2, false>(0, column, h),
                    (false, 3, false) => self.tile::<E, 1, 3, false>(0, column, h),
                    (false, 4, false) => self.tile::<E, 1, 4, false>(0, column, h),
                    (false, _, false) => self.tile::<E, 1, 5, false>(0, column, h),
                    (false, 1, true) => self.tile::<E, 1, 1, true>(0, column, h),
                    (false, 2, true) => self.tile::<E, 1, 2, true>(0, column, h),
                    (false, 3, true) => self.tile::<E, 1, 3, true>(0, column, h),
                    (false, 4, true) => self.tile::<E, 1, 4, true>(0, column, h),
                    (false, _, true) => self.tile::<E, 1, 5, true>(0, column, h),
                }
            }
            vector += width;
        }
    }

    /// All rows of a strip of `V` vectors of a product of one step.
    ///
    /// # Safety
    /// As for [`Self::run`], k must be 1, and the strip must lie within the product.
    #[target_feature(enable = "avx2,fma")]
    #[inline(never)]
    unsafe fn outer<const E: u8, const V: usize, const CUT: bool>(&self, column: usize, h: &[f32]) {
        // SAFETY: column + 8 · V is at most n, or, if the last vector is cut, beyond it by the lanes that its mask leaves
        // out, which are not touched. So each vector of a bias, of the row of `b`, and of the rows r < m of `out` and `h`
        // lies within its row, and r · row is element (r, 0) of `a`.
        unsafe {
            let [m, _, n] = self.sizes;
            let load = |from: *const f32, v: usize| {
                let from = from.add(8 * v);
                if CUT && v == V - 1 { _mm256_maskload_ps(from, self.mask) } else { _mm256_loadu_ps(from) }
            };
            let (mut b, mut first) = ([_mm256_setzero_ps(); V], [_mm256_setzero_ps(); V]);
            for v in 0..V {
                b[v] = load(self.b.as_ptr().add(column), v);
                if let First::Bias(bias) = self.first {
                    first[v] = load(bias.as_ptr().add(column), v);
                }
            }
            for r in 0..m {
                let at = r * n + column;
                let factor = _mm256_broadcast_ss(&*self.a.data.as_ptr().add(r * self.a.row));
                let out = self.out.add(at);
                for v in 0..V {
                    let first = if let First::Sums = self.first { load(out, v) } else { first[v] };
                    let sum = _mm256_fmadd_ps(factor, b[v], first);
                    let value = after::<E>(sum, || load(h.as_ptr().add(at), v));
                    let to = out.add(8 * v);
                    if CUT && v == V - 1 {
                        _mm256_maskstore_ps(to, self.mask, value);
                    } else {
                        _mm256_storeu_ps(to, value);
                    }
                }
            }
        }
    }

    /// All rows of a strip of `V` vectors, at most `most` of them at a time.
    ///
    /// # Safety
    /// As for [`Self::run`], and the strip must lie within the product.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn strip<const E: u8, const V: usize, const CUT: bool>(&self, most: usize, column: usize, h: &[f32]) {
        let m = self.sizes[0];
        if m == 0 {
            return;
        }
        // Even tiles: a last one of a single row would cost as much as a full one.
        let tiles = m.div_ceil(most);
        let (fewest, more) = (m / tiles, m % tiles);
        let mut row = 0;
        for tile in 0..tiles {
            let rows = fewest + usize::from(tile < more);
            // SAFETY: row + rows <= m, as the tiles' rows add up to m.
            unsafe {
                match rows {
                    1 => self.tile::<E, 1, V, CUT>(row, column, h),
                    2 => self.tile::<E, 2, V, CUT>(row, column, h),
                    3 => self.tile::<E, 3, V, CUT>(row, column, h),
                    4 => self.tile::<E, 4, V, CUT>(row, column, h),
                    5 => self.tile::<E, 5, V, CUT>(row, column, h),
                    6 => self.tile::<E, 6, V, CUT>(row, column, h),
                    7 => self.tile::<E, 7, V, CUT>(row, column, h),
                    _ => self.tile::<E, 8, V, CUT>(row, column, h),
                }
            }
            row += rows;
        }
    }

    /// `R` rows of `V` vectors, the last of them cut by the mask if `CUT`.
    ///
    /// # Safety
    /// As for [`Self::run`], and the tile must lie within the product.
    #[target_feature(enable = "avx2,fma")]
    #[inline(never)] // Inlined, it loses a register to constants of the loops around it, and then spills a sum.
    unsafe fn tile<const E: u8, const R: usize, const V: usize, const CUT: bool>(
        &self,
        row: usize,
        column: usize,
        h: &[f32],
    ) {
        // SAFETY: column + 8 · V is at most n, or, if the last vector is cut, beyond it by the lanes that its mask leaves
        // out, which are not touched. So each vector of a bias, of the k rows of `b`, and of the rows up to row + R <= m of
        // `out` and `h` lies within its row. `a` and `b` step through elements (row, p) and (p, column) for p < k; where
        // they point after the last, or if there is none, is wrapped and never read.
        unsafe {
            let [_, k, n] = self.sizes;
            let load = |from: *const f32, v: usize| {
                let from = from.add(8 * v);
                if CUT && v == V - 1 { _mm256_maskload_ps(from, self.mask) } else { _mm256_loadu_ps(from) }
            };
            let out = self.out.add(row * n + column);
            let mut sums = [[_mm256_setzero_ps(); V]; R];
            match self.first {
                First::Zero => {}
                First::Bias(bias) => {
                    for v in 0..V {
                        let bias = load(bias.as_ptr().add(column), v);
                        for r in 0..R {
                            sums[r][v] = bias;
                        }
                    }
                }
                First::Sums => {
                    for r in 0..R {
                        for v in 0..V {
                            sums[r][v] = load(out.add(r * n), v);
                        }
                    }
                }
            }
            let mut a = self.a.data.as_ptr().wrapping_add(row * self.a.row);
            let mut b = self.b.as_ptr().wrapping_add(column);
            for _ in 0..k {
                let mut row = [_mm256_setzero_ps(); V];
                for v in 0..V {
                    row[v] = load(b, v);
                }
                for r in 0..R {
                    let factor = _mm256_broadcast_ss(&*a.add(r * self.a.row));
                    for v in 0..V {
                        sums[r][v] = _mm256_fmadd_ps(factor, row[v], sums[r][v]);
                    }
                }
                a = a.wrapping_add(self.a.column);
                b = b.wrapping_add(n);
            }
            for r in 0..R {
                for v in 0..V {
                    let h = |v| load(h.as_ptr().add((row + r) * n + column), v);
                    let value = after::<E>(sums[r][v], || h(v));
                    let to = out.add(r * n + 8 * v);
                    if CUT && v == V - 1 {
                        _mm256_maskstore_ps(to, self.mask, value);
                    } else {
                        _mm256_storeu_ps(to, value);
                    }
                }
            }
        }
    }
}

/// What an epilogue makes of a sum; `h` is what the layer put out, where the epilogue reads it.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn after<const E: u8>(value: __m256, h: impl Fn() -> __m256) -> __m256 {
    let zero = _mm256_setzero_ps();
    let leak = |value| _mm256_mul_ps(value, _mm256_set1_ps(LEAKY));
    match E {
        // Of a NaN and a number, max gives its second operand.
        RELU => _mm256_max_ps(zero, value),
        LEAKY_RELU => _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(value, zero)),
        RELU_BACKWARD => _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(h(), zero), value),
        LEAKY_RELU_BACKWARD => _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(h(), zero)),
        _ => value,
    }
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

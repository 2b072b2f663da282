//! The arithmetic of a training step on a CPU: products of small matrices and the passes over them, in plain Rust over the
//! tensors' memory, with AVX2 where the processor has it.
//!
//! libtorch's `bmm` picks its way by the alignment of a matrix, so that a lane's last bits would depend on its place in a
//! stack, and one of its calls costs as much as a whole small product. Here every number is one fixed chain of operations
//! over its own lane's numbers: which tile or vector it falls into changes nothing.
//!
//! This is the only module with `unsafe` code: it borrows tensors' memory and calls what needs a processor's feature, and
//! it checks sizes first.

use tch::{Device, Kind, TchError, Tensor};

/// Which instructions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Avx2,
    Portable,
}

impl Level {
    /// The best that this processor has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return Level::Avx2;
        }
        Level::Portable
    }
}

/// The numbers of a contiguous f32 tensor on the CPU.
///
/// Tensors share memory, which the borrow checker does not see: the caller must not hold two of these over the same
/// memory while one of them is written through. Within a step each buffer is read or written, never both, but for
/// passes in place, which take one slice only.
#[allow(clippy::mut_from_ref)]
pub fn numbers(tensor: &Tensor) -> Result<&mut [f32], TchError> {
    if tensor.device() != Device::Cpu || tensor.kind() != Kind::Float || !tensor.is_contiguous() {
        return Err(TchError::Torch("a kernel was given a tensor that is not contiguous f32 on the CPU".to_owned()));
    }
    // SAFETY: a contiguous f32 tensor on the CPU has numel() initialised numbers from data_ptr() on, aligned for f32, and
    // lives at least as long as the borrow of it. Exclusiveness is the caller's part, as said above.
    Ok(unsafe {
        match tensor.numel() {
            0 => &mut [],
            count => std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), count),
        }
    })
}

/// A matrix with any strides, element (r, c) at `r·row + c·column`.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

/// What is done to a product's element before it is stored.
#[derive(Clone, Copy)]
pub enum Finish<'a> {
    Store,
    Relu,
    LeakyRelu,
    /// Multiplied by the derivative of a ReLU that put out this, of the product's own layout.
    ReluBackward(&'a [f32]),
    LeakyReluBackward(&'a [f32]),
}

pub const LEAKY: f32 = 0.01;

impl<'a> Finish<'a> {
    /// The same for a product that begins at this element.
    pub fn from(self, at: usize) -> Finish<'a> {
        match self {
            Finish::ReluBackward(h) => Finish::ReluBackward(&h[at..]),
            Finish::LeakyReluBackward(h) => Finish::LeakyReluBackward(&h[at..]),
            other => other,
        }
    }

    #[inline(always)]
    fn apply(&self, value: f32, at: usize) -> f32 {
        match self {
            Finish::Store => value,
            // NaN stays NaN, as in libtorch.
            Finish::Relu => if value < 0.0 { 0.0 } else { value },
            Finish::LeakyRelu => if value > 0.0 { value } else { value * LEAKY },
            Finish::ReluBackward(h) => if h[at] <= 0.0 { 0.0 } else { value },
            Finish::LeakyReluBackward(h) => if h[at] > 0.0 { value } else { value * LEAKY },
        }
    }
}

/// `out[m, n] = finish(bias + a[m, k] · b[k, n])`, `b` and `out` row by row without gaps. Each element is one chain of
/// multiply-adds in the order of k, beginning with the bias.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn product(level: Level, [m, k, n]: [usize; 3], a: Left, b: &[f32], bias: Option<&[f32]>, finish: Finish, out: &mut [f32]) {
    assert!(b.len() >= k * n && out.len() >= m * n && bias.is_none_or(|bias| bias.len() >= n));
    assert!(m == 0 || k == 0 || a.data.len() > (m - 1) * a.row + (k - 1) * a.column);
    if let Finish::ReluBackward(h) | Finish::LeakyReluBackward(h) = finish {
        assert!(h.len() >= m * n);
    }
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Level::Avx2` is only ever made where the processor has AVX2 and FMA, and the sizes were checked.
        Level::Avx2 => unsafe { avx2::product([m, k, n], a, b, bias, finish, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 => unreachable!("no AVX2 on this architecture"),
        Level::Portable => portable([m, k, n], a, b, bias, finish, out),
    }
}

fn portable([m, k, n]: [usize; 3], a: Left, b: &[f32], bias: Option<&[f32]>, finish: Finish, out: &mut [f32]) {
    for r in 0..m {
        let row = &mut out[r * n..(r + 1) * n];
        match bias {
            Some(bias) => row.copy_from_slice(&bias[..n]),
            None => row.fill(0.0),
        }
        for p in 0..k {
            let factor = a.data[r * a.row + p * a.column];
            for (sum, b) in row.iter_mut().zip(&b[p * n..(p + 1) * n]) {
                *sum += factor * b;
            }
        }
        for (c, value) in row.iter_mut().enumerate() {
            *value = finish.apply(*value, r * n + c);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Finish, LEAKY, Left};

    /// Rows of a tile; with two vectors of columns its sums fill 12 of the 16 registers.
    const ROWS: usize = 6;

    /// # Safety
    /// The processor must have AVX2 and FMA, and the slices the sizes that `product` of the parent checks.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn product([m, k, n]: [usize; 3], a: Left, b: &[f32], bias: Option<&[f32]>, finish: Finish, out: &mut [f32]) {
        let mut column = 0;
        while column < n {
            let left = n - column;
            let width = if left >= 16 { 16 } else { left.min(8) };
            let mut row = 0;
            while row < m {
                let rows = ROWS.min(m - row);
                let tile = Tile {
                    k,
                    // SAFETY: row < m and column < n, so all three lie within their slices.
                    a: unsafe { a.data.as_ptr().add(if k == 0 { 0 } else { row * a.row }) },
                    a_row: a.row,
                    a_column: a.column,
                    b: unsafe { b.as_ptr().add(if k == 0 { 0 } else { column }) },
                    bias: bias.map(|bias| unsafe { bias.as_ptr().add(column) }),
                    out: unsafe { out.as_mut_ptr().add(row * n + column) },
                    n,
                    mask: mask(width.min(8)),
                    finish,
                    at: row * n + column,
                };
                // SAFETY: the tile covers `rows` rows from `row` on and `width` columns from `column` on.
                unsafe {
                    match (width, rows) {
                        (16, 6) => tile.run::<6, 2, false>(),
                        (16, 5) => tile.run::<5, 2, false>(),
                        (16, 4) => tile.run::<4, 2, false>(),
                        (16, 3) => tile.run::<3, 2, false>(),
                        (16, 2) => tile.run::<2, 2, false>(),
                        (16, _) => tile.run::<1, 2, false>(),
                        (8, 6) => tile.run::<6, 1, false>(),
                        (8, 5) => tile.run::<5, 1, false>(),
                        (8, 4) => tile.run::<4, 1, false>(),
                        (8, 3) => tile.run::<3, 1, false>(),
                        (8, 2) => tile.run::<2, 1, false>(),
                        (8, _) => tile.run::<1, 1, false>(),
                        (_, 6) => tile.run::<6, 1, true>(),
                        (_, 5) => tile.run::<5, 1, true>(),
                        (_, 4) => tile.run::<4, 1, true>(),
                        (_, 3) => tile.run::<3, 1, true>(),
                        (_, 2) => tile.run::<2, 1, true>(),
                        (..) => tile.run::<1, 1, true>(),
                    }
                }
                row += rows;
            }
            column += width;
        }
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
        bias: Option<*const f32>,
        out: *mut f32,
        n: usize,
        mask: __m256i,
        finish: Finish<'a>,
        at: usize,
    }

    impl Tile<'_> {
        /// `R` rows of `V` vectors, the only one cut by the mask if `MASKED`.
        ///
        /// # Safety
        /// The pointers must be valid for the tile's rows and columns.
        #[target_feature(enable = "avx2,fma")]
        #[inline]
        unsafe fn run<const R: usize, const V: usize, const MASKED: bool>(&self) {
            // SAFETY: as this function's own condition says; a masked vector touches only the lanes of its mask.
            unsafe {
                let load = |from: *const f32| if MASKED { _mm256_maskload_ps(from, self.mask) } else { _mm256_loadu_ps(from) };
                let mut first = [_mm256_setzero_ps(); V];
                if let Some(bias) = self.bias {
                    for v in 0..V {
                        first[v] = load(bias.add(8 * v));
                    }
                }
                let mut sums = [first; R];
                let (mut a, mut b) = (self.a, self.b);
                for _ in 0..self.k {
                    let mut row = [_mm256_setzero_ps(); V];
                    for v in 0..V {
                        row[v] = load(b.add(8 * v));
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
                    for v in 0..V {
                        let offset = r * self.n + 8 * v;
                        let value = self.finished(sums[r][v], |h: &[f32]| load(h.as_ptr().add(self.at + offset)));
                        if MASKED {
                            _mm256_maskstore_ps(self.out.add(offset), self.mask, value);
                        } else {
                            _mm256_storeu_ps(self.out.add(offset), value);
                        }
                    }
                }
            }
        }

        #[target_feature(enable = "avx2,fma")]
        #[inline]
        fn finished(&self, value: __m256, load: impl Fn(&[f32]) -> __m256) -> __m256 {
            let zero = _mm256_setzero_ps();
            let leak = |value| _mm256_mul_ps(value, _mm256_set1_ps(LEAKY));
            match self.finish {
                Finish::Store => value,
                // Of a NaN and a number, max gives its second operand.
                Finish::Relu => _mm256_max_ps(zero, value),
                Finish::LeakyRelu => _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(value, zero)),
                Finish::ReluBackward(h) => _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(load(h), zero), value),
                Finish::LeakyReluBackward(h) => {
                    _mm256_blendv_ps(leak(value), value, _mm256_cmp_ps::<_CMP_GT_OQ>(load(h), zero))
                }
            }
        }
    }

    /// # Safety
    /// The processor must have AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn with<T>(pass: impl FnOnce() -> T) -> T {
        pass()
    }
}

/// Runs a pass over slices with the processor's vectors: what is inlined into `pass` is compiled for them.
#[inline(always)]
pub fn vectorised<T>(level: Level, pass: impl FnOnce() -> T) -> T {
    match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Level::Avx2` is only ever made where the processor has AVX2 and FMA.
        Level::Avx2 => unsafe { avx2::with(pass) },
        _ => pass(),
    }
}

/// `to[columns, rows]` becomes the transpose of `from[rows, columns]`.
pub fn transpose(level: Level, from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    const BLOCK: usize = 8;
    vectorised(level, || {
        for r in (0..rows).step_by(BLOCK) {
            for c in (0..columns).step_by(BLOCK) {
                for r in r..(r + BLOCK).min(rows) {
                    for c in c..(c + BLOCK).min(columns) {
                        to[c * rows + r] = from[r * columns + c];
                    }
                }
            }
        }
    });
}

/// `out[columns]` becomes the sums of the columns of `from[rows, columns]`, row after row.
pub fn column_sums(level: Level, from: &[f32], columns: usize, out: &mut [f32]) {
    vectorised(level, || {
        out.fill(0.0);
        for row in from.chunks_exact(columns) {
            for (sum, value) in out.iter_mut().zip(row) {
                *sum += value;
            }
        }
    });
}

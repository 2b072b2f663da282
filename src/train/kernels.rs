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
            Finish::Relu => {
                if value < 0.0 {
                    0.0
                } else {
                    value
                }
            }
            Finish::LeakyRelu => {
                if value > 0.0 {
                    value
                } else {
                    value * LEAKY
                }
            }
            Finish::ReluBackward(h) => {
                if h[at] <= 0.0 {
                    0.0
                } else {
                    value
                }
            }
            Finish::LeakyReluBackward(h) => {
                if h[at] > 0.0 {
                    value
                } else {
                    value * LEAKY
                }
            }
        }
    }
}

/// `out[m, n] = finish(bias + a[m, k] · b[k, n])`, `b` and `out` row by row without gaps. Each element is one chain of
/// multiply-adds in the order of k, beginning with the bias.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn product(
    level: Level,
    [m, k, n]: [usize; 3],
    a: Left,
    b: &[f32],
    bias: Option<&[f32]>,
    finish: Finish,
    out: &mut [f32],
) {
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
#[allow(clippy::needless_range_loop)] // A tile's loops count registers; with iterators they leave them.
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Finish, LEAKY, Left};

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
        finish: Finish,
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
                            a: if k == 0 {
                                a.data.as_ptr()
                            } else {
                                a.data.as_ptr().add(row * a.row + depth * a.column)
                            },
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
                            finish: if last { finish } else { Finish::Store },
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
        finish: Finish<'a>,
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
                        let value = self.finished(sums[r][v], |h: &[f32]| load(h.as_ptr().add(self.at + offset), v));
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
}

/// Defines a pass over slices twice, once compiled for AVX2, and lets the level choose. Rust never fuses or reorders
/// floating-point operations, so both give the same bits.
macro_rules! pass {
    ($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)] // One slice for each number that a pass keeps of a parameter.
        pub fn $name(level: Level, $($argument: $type),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn pass($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($argument: $type),*) {
                pass($($argument),*);
            }

            match level {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Level::Avx2` is only ever made where the processor has AVX2.
                Level::Avx2 => unsafe { avx2($($argument),*) },
                _ => pass($($argument),*),
            }
        }
    };
}

/// `to[columns, rows]` becomes the transpose of `from[rows, columns]`.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn transpose(level: Level, from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    let (from, to) = (&from[..rows * columns], &mut to[..rows * columns]);
    let (full_rows, full_columns) = match level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Level::Avx2` is only ever made where the processor has AVX2, and the sizes were checked.
        Level::Avx2 => unsafe { avx2::transpose(from, rows, columns, to) },
        _ => (0, 0),
    };
    for r in 0..rows {
        let begin = if r < full_rows { full_columns } else { 0 };
        for c in begin..columns {
            to[c * rows + r] = from[r * columns + c];
        }
    }
}

pass! {
    /// `out[columns]` becomes the sums of the columns of `from[rows, columns]`, row after row.
    fn column_sums(from: &[f32], columns: usize, out: &mut [f32]) {
        out.fill(0.0);
        for row in from.chunks_exact(columns) {
            for (sum, value) in out.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

pass! {
    /// `out[columns]` becomes, for each column of `from[rows, columns]`, 0 if it holds nothing but zeros.
    fn column_sizes(from: &[f32], columns: usize, out: &mut [f32]) {
        let mut seen = vec![0u32; columns];
        for row in from.chunks_exact(columns) {
            for (seen, value) in seen.iter_mut().zip(row) {
                // All bits but the sign: a NaN counts as something, −0 does not.
                *seen |= value.to_bits() << 1;
            }
        }
        for (out, seen) in out.iter_mut().zip(seen) {
            *out = if seen == 0 { 0.0 } else { 1.0 };
        }
    }
}

/// The factors of one update by Adam.
#[derive(Clone, Copy)]
pub struct Adam {
    /// 1 − β₁ and 1 − β₂.
    pub gain: [f32; 2],
    /// What √v is multiplied with, and what is added to that, in the divisor of an update.
    pub root: f32,
    pub eps: f32,
    /// Added to the gradient, or, decoupled, taken off the parameter, times the parameter.
    pub weight_decay: f32,
    pub decoupled: f32,
}

pass! {
    /// An update by Adam or AdamW, all in one pass. `descent` is minus the learning rate.
    fn adam(by: Adam, descent: &[f32], parameters: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
        let count = parameters.len();
        let (descent, gradient, mean, square) = (&descent[..count], &gradient[..count], &mut mean[..count], &mut square[..count]);
        for i in 0..count {
            let p = parameters[i] + parameters[i] * (descent[i] * by.decoupled);
            let g = gradient[i] + p * by.weight_decay;
            let m = mean[i] + (g - mean[i]) * by.gain[0];
            let v = square[i] + (g * g - square[i]) * by.gain[1];
            mean[i] = m;
            square[i] = v;
            parameters[i] = p + descent[i] * (m / (v.sqrt() * by.root + by.eps));
        }
    }
}

pass! {
    /// An update by gradient descent, with a momentum if there is a velocity.
    fn sgd(factor: f32, momentum: f32, nesterov: bool, weight_decay: f32, descent: &[f32], parameters: &mut [f32], gradient: &[f32], velocity: &mut [f32]) {
        let count = parameters.len();
        let (descent, gradient) = (&descent[..count], &gradient[..count]);
        if velocity.is_empty() {
            for i in 0..count {
                let g = gradient[i] + parameters[i] * weight_decay;
                parameters[i] += descent[i] * (g * factor);
            }
            return;
        }
        let velocity = &mut velocity[..count];
        let (own, ahead) = if nesterov { (1.0, momentum) } else { (0.0, 1.0) };
        for i in 0..count {
            let g = gradient[i] + parameters[i] * weight_decay;
            let v = velocity[i] * momentum + g;
            velocity[i] = v;
            parameters[i] += descent[i] * ((g * own + v * ahead) * factor);
        }
    }
}

pass! {
    /// An update by RMSprop, with a momentum if there is a velocity.
    fn rmsprop(factor: f32, gain: f32, eps: f32, momentum: f32, weight_decay: f32, descent: &[f32], parameters: &mut [f32], gradient: &[f32], square: &mut [f32], velocity: &mut [f32]) {
        let count = parameters.len();
        let (descent, gradient, square) = (&descent[..count], &gradient[..count], &mut square[..count]);
        for i in 0..count {
            let g = gradient[i] + parameters[i] * weight_decay;
            let v = square[i] + (g * g - square[i]) * gain;
            square[i] = v;
            let step = g / (v.sqrt() + eps);
            let step = match velocity.get_mut(i) {
                Some(velocity) => {
                    *velocity = *velocity * momentum + step;
                    *velocity
                }
                None => step,
            };
            parameters[i] += descent[i] * (step * factor);
        }
    }
}

/// The derivative of an error by its difference, but for a constant factor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Slope {
    Square,
    Absolute,
    Huber,
}

pass! {
    /// `gradient` becomes the slope of `predictions − targets`, times `factor`; a single target stands for all.
    fn slopes(slope: Slope, delta: f32, factor: f32, predictions: &[f32], targets: &[f32], gradient: &mut [f32]) {
        let count = gradient.len();
        let predictions = &predictions[..count];
        let only = if targets.len() == 1 { Some(targets[0]) } else { None };
        for i in 0..count {
            let difference = predictions[i] - only.unwrap_or_else(|| targets[i]);
            let slope = match slope {
                Slope::Square => difference,
                // 0 at 0 and NaN at NaN, as libtorch has it.
                Slope::Absolute => if difference > 0.0 { 1.0 } else if difference < 0.0 { -1.0 } else { difference },
                Slope::Huber => if difference > delta { delta } else if difference < -delta { -delta } else { difference },
            };
            gradient[i] = slope * factor;
        }
    }
}

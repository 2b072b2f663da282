//! The arithmetic of a training step on a CPU: products of small matrices and the passes over them, in plain Rust, with AVX2,
//! AVX-512 or NEON where the processor has it.
//!
//! libtorch's `bmm` picks its way by the alignment of a matrix, so that a lane's last bits would depend on its place in a
//! stack, and one of its calls costs as much as a whole small product. Here every number is one fixed chain of operations
//! over its own lane's numbers: which tile or vector it falls into changes nothing.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[macro_use]
mod tiles;
#[cfg(target_arch = "x86_64")]
#[allow(clippy::needless_range_loop)] // A tile's loops count registers; with iterators they leave them.
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(clippy::needless_range_loop)] // As there.
mod avx512;
#[cfg(target_arch = "aarch64")]
#[allow(clippy::needless_range_loop)] // As there.
mod neon;
#[macro_use]
mod passes;
mod classes;
mod double;
mod elementary;
mod norms;
mod regular;

pub use classes::*;
pub use double::*;
pub use elementary::*;
pub use norms::*;
pub use passes::*;
pub use regular::*;

/// Which instructions are used. Only [`Level::all`] makes one, after it has asked the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instructions {
    /// With AVX2 and FMA too.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// With FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

impl Level {
    /// What every processor has.
    pub const PORTABLE: Level = Level(Instructions::Portable);

    /// All that this processor has, the best first. All but [`Level::PORTABLE`] give the same bits.
    pub fn all() -> Vec<Self> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            if std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("avx512dq")
            {
                levels.push(Level(Instructions::Avx512));
            }
            levels.push(Level(Instructions::Avx2));
        }
        // No question: it belongs to the architecture.
        #[cfg(target_arch = "aarch64")]
        levels.extend([Level(Instructions::Neon)]);
        levels.push(Level::PORTABLE);
        levels
    }

    /// The best that this processor has.
    pub fn best() -> Self {
        Self::all()[0]
    }

    /// What it is called in a message.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "AVX2",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => "NEON",
            Instructions::Portable => "portable",
        }
    }
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
pub enum Epilogue<'a> {
    Store,
    Relu,
    LeakyRelu,
    /// Multiplied by the derivative of a ReLU that put out this, of the product's own layout.
    ReluBackward(&'a [f32]),
    LeakyReluBackward(&'a [f32]),
    TanhBackward(&'a [f32]),
    SigmoidBackward(&'a [f32]),
    EluBackward(&'a [f32]),
}

pub const LEAKY: f32 = 0.01;

impl<'a> Epilogue<'a> {
    /// What a layer put out, of those that go back through it.
    fn reads(&self) -> Option<&'a [f32]> {
        match self {
            Epilogue::Store | Epilogue::Relu | Epilogue::LeakyRelu => None,
            Epilogue::ReluBackward(h)
            | Epilogue::LeakyReluBackward(h)
            | Epilogue::TanhBackward(h)
            | Epilogue::SigmoidBackward(h)
            | Epilogue::EluBackward(h) => Some(h),
        }
    }

    #[inline(always)]
    fn apply(&self, value: f32, at: usize) -> f32 {
        match self {
            Epilogue::Store => value,
            // NaN stays NaN, as in libtorch.
            Epilogue::Relu => {
                if value < 0.0 {
                    0.0
                } else {
                    value
                }
            }
            Epilogue::LeakyRelu => {
                if value > 0.0 {
                    value
                } else {
                    value * LEAKY
                }
            }
            Epilogue::ReluBackward(h) => {
                if h[at] <= 0.0 {
                    0.0
                } else {
                    value
                }
            }
            Epilogue::LeakyReluBackward(h) => {
                if h[at] > 0.0 {
                    value
                } else {
                    value * LEAKY
                }
            }
            Epilogue::TanhBackward(h) => value * tanh_slope::<false>(h[at]),
            Epilogue::SigmoidBackward(h) => value * sigmoid_slope(h[at]),
            Epilogue::EluBackward(h) => value * elu_slope(h[at]),
        }
    }
}

/// What a product's sums begin with.
#[derive(Clone, Copy)]
pub enum First<'a> {
    Zero,
    /// One number for each column.
    Bias(&'a [f32]),
    /// What `out` holds: the sums go on.
    Sums,
}

/// `out[m, n] = epilogue(first + a[m, k] · b[k, n])`, `b` and `out` row by row without gaps. Each element is one chain of
/// multiply-adds in the order of k, wherever it stands; where n = 1 it is several, unless the sums go on.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn product(
    level: Level,
    [m, k, n]: [usize; 3],
    a: Left,
    b: &[f32],
    first: First,
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let covers =
        |length: usize, rows: usize, columns: usize| rows.checked_mul(columns).is_some_and(|size| size <= length);
    assert!(covers(b.len(), k, n) && covers(out.len(), m, n));
    if let First::Bias(bias) = first {
        assert!(bias.len() >= n);
    }
    let last = |count: usize, stride: usize| count.saturating_sub(1).checked_mul(stride);
    let reach = last(m, a.row).zip(last(k, a.column)).and_then(|(row, column)| row.checked_add(column));
    assert!(m == 0 || k == 0 || reach.is_some_and(|reach| reach < a.data.len()));
    assert!(epilogue.reads().is_none_or(|h| covers(h.len(), m, n)));
    if m == 0 || n == 0 {
        return;
    }
    // What a sum of several chains begins with, where it is one.
    let alone = match (first, epilogue) {
        (First::Zero, Epilogue::Store) => Some(0.0),
        (First::Bias(bias), Epilogue::Store) => Some(bias[0]),
        _ => None,
    };
    match (level.0, alone.filter(|_| n == 1 && a.column == 1 && k > 1)) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level is only ever made where the processor has AVX2 and FMA; a.column is 1, so that a row of `a` is k
        // numbers on end, and that it reaches to the last one's last was checked.
        (Instructions::Avx512 | Instructions::Avx2, Some(first)) => unsafe {
            avx2::dots(a, &b[..k], first, &mut out[..m])
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level is only ever made where the processor has AVX-512, and all sizes were checked above.
        (Instructions::Avx512, None) => unsafe { avx512::product([m, k, n], a, b, first, epilogue, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level is only ever made where the processor has AVX2 and FMA, and all sizes were checked above.
        (Instructions::Avx2, None) => unsafe { avx2::product([m, k, n], a, b, first, epilogue, out) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: every processor of the architecture has NEON; of `a` as for AVX2.
        (Instructions::Neon, Some(first)) => unsafe { neon::dots(a, &b[..k], first, &mut out[..m]) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: every processor of the architecture has NEON, and all sizes were checked above.
        (Instructions::Neon, None) => unsafe { neon::product([m, k, n], a, b, first, epilogue, out) },
        (Instructions::Portable, _) => portable([m, k, n], a, b, first, epilogue, out),
    }
}

fn portable([m, k, n]: [usize; 3], a: Left, b: &[f32], first: First, epilogue: Epilogue, out: &mut [f32]) {
    for r in 0..m {
        let row = &mut out[r * n..(r + 1) * n];
        match first {
            First::Bias(bias) => row.copy_from_slice(&bias[..n]),
            First::Zero => row.fill(0.0),
            First::Sums => {}
        }
        for p in 0..k {
            let factor = a.data[r * a.row + p * a.column];
            for (sum, b) in row.iter_mut().zip(&b[p * n..(p + 1) * n]) {
                *sum += factor * b;
            }
        }
        for (c, value) in row.iter_mut().enumerate() {
            *value = epilogue.apply(*value, r * n + c);
        }
    }
}

/// `to[columns, rows]` becomes the transpose of `from[rows, columns]`.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn transpose(level: Level, from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    assert!(rows.checked_mul(columns).is_some());
    let (from, to) = (&from[..rows * columns], &mut to[..rows * columns]);
    let (full_rows, full_columns) = match level.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level is only ever made where the processor has AVX2 and FMA, and both slices were cut to size.
        Instructions::Avx512 | Instructions::Avx2 => unsafe { avx2::transpose(from, rows, columns, to) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: every processor of the architecture has NEON, and both slices were cut to size.
        Instructions::Neon => unsafe { neon::transpose(from, rows, columns, to) },
        Instructions::Portable => (0, 0),
    };
    for r in 0..rows {
        let begin = if r < full_rows { full_columns } else { 0 };
        for c in begin..columns {
            to[c * rows + r] = from[r * columns + c];
        }
    }
}

//! The arithmetic of a training step on a CPU: products of small matrices and the passes over them, in plain Rust over the
//! tensors' memory, with AVX2 where the processor has it.
//!
//! libtorch's `bmm` picks its way by the alignment of a matrix, so that a lane's last bits would depend on its place in a
//! stack, and one of its calls costs as much as a whole small product. Here every number is one fixed chain of operations
//! over its own lane's numbers: which tile or vector it falls into changes nothing.
//!
//! This is the only module with `unsafe` code: it borrows tensors' memory and calls what needs a processor's feature, and
//! it checks sizes first.

#[cfg(target_arch = "x86_64")]
#[allow(clippy::needless_range_loop)] // A tile's loops count registers; with iterators they leave them.
mod avx2;
mod passes;

pub use passes::*;
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

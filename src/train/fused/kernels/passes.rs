//! Passes over whole buffers: each optimizer, each loss and its gradient, sums of squares, in one go.

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::{Instructions, Level};

/// Defines a pass over slices for each level, compiled with its instructions, and lets the level choose. Rust never fuses or
/// reorders floating-point operations by itself, so all give the same bits; where a pass asks for [`multiply_add`], by its
/// `FUSED`, all but the portable level.
macro_rules! pass {
    ($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)] // One slice for each number that a pass keeps of a parameter.
        pub fn $name(level: Level, $($argument: $type),*) $(-> $out)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn pass<const FUSED: bool>($($argument: $type),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx2($($argument: $type),*) $(-> $out)? {
                pass::<true>($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,fma")]
            #[allow(clippy::too_many_arguments)]
            fn avx512($($argument: $type),*) $(-> $out)? {
                pass::<true>($($argument),*)
            }

            match level.0 {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: this level is only ever made where the processor has AVX-512 and FMA.
                Instructions::Avx512 => unsafe { avx512($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: this level is only ever made where the processor has AVX2 and FMA.
                Instructions::Avx2 => unsafe { avx2($($argument),*) },
                // The architecture's own instructions.
                #[cfg(target_arch = "aarch64")]
                Instructions::Neon => pass::<true>($($argument),*),
                Instructions::Portable => pass::<false>($($argument),*),
            }
        }
    };
}

/// a·b + c, rounded once if `FUSED`: only where the processor does so at once is that not slower.
#[inline(always)]
pub(super) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Marks the `W` columns from `at` on.
#[inline(always)]
fn mark<const W: usize>(from: &[f32], columns: usize, at: usize, seen: &mut [u32]) {
    let mut marks = [0; W];
    for row in from.chunks_exact(columns) {
        for (mark, value) in marks.iter_mut().zip(&row[at..at + W]) {
            *mark |= value.to_bits();
        }
    }
    for (seen, mark) in seen[at..at + W].iter_mut().zip(marks) {
        // All bits but the sign: a NaN counts as something, −0 does not.
        *seen |= mark << 1;
    }
}

pass! {
    /// Marks in `seen[columns]` which columns of `from[rows, columns]` hold anything but zeros; it stays 0 for the others.
    fn mark_nonzero(from: &[f32], columns: usize, seen: &mut [u32]) {
        let mut at = 0;
        // So many columns at a time that their marks stay in registers.
        while at + 32 <= columns {
            mark::<32>(from, columns, at, seen);
            at += 32;
        }
        while at + 8 <= columns {
            mark::<8>(from, columns, at, seen);
            at += 8;
        }
        while at < columns {
            mark::<1>(from, columns, at, seen);
            at += 1;
        }
    }
}

/// Sums side by side, of which a processor works on several at once without waiting for one of them.
const SUMS: usize = 32;

/// The sum of a term of each pair, in [`SUMS`] sums; `add` adds one to a sum.
#[inline(always)]
fn sums(a: &[f32], b: &[f32], add: impl Fn(f64, f32, f32) -> f64) -> f64 {
    let mut sums = [0.0; SUMS];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..SUMS {
            sums[i] = add(sums[i], a[i], b[i]);
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum = add(*sum, *a, *b);
    }
    let mut left = SUMS;
    while left > 1 {
        left /= 2;
        for i in 0..left {
            sums[i] += sums[i + left];
        }
    }
    sums[0]
}

/// The sum of a term of each pair.
#[inline(always)]
pub(super) fn sum(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f64) -> f64 {
    sums(a, b, |sum, a, b| sum + term(a, b))
}

/// The sum of the squares of an f32 of each pair: in f64 they are exact, fused or not.
#[inline(always)]
fn sum_of_squares<const FUSED: bool>(a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) -> f64 {
    sums(a, b, |sum, a, b| {
        let value = f64::from(of(a, b));
        if FUSED { value.mul_add(value, sum) } else { sum + value * value }
    })
}

pass! {
    /// Σ v² in f64, which no f32 overflows.
    fn squares(values: &[f32]) -> f64 {
        sum_of_squares::<FUSED>(values, values, |value, _| value)
    }
}

pass! {
    /// Σ (new − old)², the differences in f32, the sum in f64.
    fn squared_changes(new: &[f32], old: &[f32]) -> f64 {
        sum_of_squares::<FUSED>(new, old, |new, old| new - old)
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

impl Adam {
    #[inline(always)]
    pub(super) fn decays(self) -> bool {
        self.weight_decay != 0.0 || self.decoupled != 0.0
    }
}

/// An update by Adam or AdamW, all in one pass. `negative_rate` is minus the learning rate.
pub fn adam(
    level: Level,
    by: Adam,
    negative_rate: f32,
    parameters: &mut [f32],
    gradient: &[f32],
    mean: &mut [f32],
    square: &mut [f32],
) {
    let count = parameters.len();
    let (gradient, mean, square) = (&gradient[..count], &mut mean[..count], &mut square[..count]);
    match level.0 {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this level is only ever made where the processor has AVX-512, and all slices are of one length.
        Instructions::Avx512 => unsafe { avx512::adam(by, negative_rate, [parameters, mean, square], gradient) },
        _ => plain::adam(level, by, negative_rate, parameters, gradient, mean, square),
    }
}

mod plain {
    use super::*;

    pass! {
        /// As [`super::adam`], of slices of one length.
        fn adam(by: Adam, negative_rate: f32, parameters: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
            for i in 0..parameters.len() {
                let (mut p, mut g) = (parameters[i], gradient[i]);
                if by.decays() {
                    p = multiply_add::<FUSED>(p, negative_rate * by.decoupled, p);
                    g = multiply_add::<FUSED>(p, by.weight_decay, g);
                }
                let m = multiply_add::<FUSED>(g - mean[i], by.gain[0], mean[i]);
                let v = multiply_add::<FUSED>(multiply_add::<FUSED>(g, g, -square[i]), by.gain[1], square[i]);
                mean[i] = m;
                square[i] = v;
                let divisor = multiply_add::<FUSED>(v.sqrt(), by.root, by.eps);
                parameters[i] = multiply_add::<FUSED>(negative_rate, m / divisor, p);
            }
        }
    }
}

pass! {
    /// An update by gradient descent, with a momentum if there is a velocity.
    fn sgd(factor: f32, momentum: f32, nesterov: bool, weight_decay: f32, negative_rate: f32, parameters: &mut [f32], gradient: &[f32], velocity: &mut [f32]) {
        let count = parameters.len();
        let gradient = &gradient[..count];
        if velocity.is_empty() {
            for i in 0..count {
                let g = gradient[i] + parameters[i] * weight_decay;
                parameters[i] += negative_rate * (g * factor);
            }
            return;
        }
        let velocity = &mut velocity[..count];
        let (own, ahead) = if nesterov { (1.0, momentum) } else { (0.0, 1.0) };
        for i in 0..count {
            let g = gradient[i] + parameters[i] * weight_decay;
            let v = velocity[i] * momentum + g;
            velocity[i] = v;
            parameters[i] += negative_rate * ((g * own + v * ahead) * factor);
        }
    }
}

pass! {
    /// An update by RMSprop, with a momentum if there is a velocity; `eps` stands under the root if it is `inside`.
    fn rmsprop(factor: f32, gain: f32, eps: f32, inside: bool, momentum: f32, weight_decay: f32, negative_rate: f32, parameters: &mut [f32], gradient: &[f32], square: &mut [f32], velocity: &mut [f32]) {
        let count = parameters.len();
        let (gradient, square) = (&gradient[..count], &mut square[..count]);
        for i in 0..count {
            let g = gradient[i] + parameters[i] * weight_decay;
            let v = square[i] + (g * g - square[i]) * gain;
            square[i] = v;
            let step = g / if inside { (v + eps).sqrt() } else { v.sqrt() + eps };
            let step = match velocity.get_mut(i) {
                Some(velocity) => {
                    *velocity = *velocity * momentum + step;
                    *velocity
                }
                None => step,
            };
            parameters[i] += negative_rate * (step * factor);
        }
    }
}

/// What a loss makes of a residual d, the difference between a prediction and its target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Residual {
    /// d²
    Square,
    /// |d|
    Absolute,
    /// ½d² up to δ, δ|d| − ½δ² beyond
    Huber,
}

impl Residual {
    /// Its derivative; half of it for the square.
    #[inline(always)]
    fn derivative(self, difference: f32, delta: f32) -> f32 {
        match self {
            Residual::Square => difference,
            // 0 at 0 and NaN at NaN, as libtorch has it.
            Residual::Absolute => {
                if difference > 0.0 {
                    1.0
                } else if difference < 0.0 {
                    -1.0
                } else {
                    difference
                }
            }
            Residual::Huber => {
                if difference > delta {
                    delta
                } else if difference < -delta {
                    -delta
                } else {
                    difference
                }
            }
        }
    }

    #[inline(always)]
    fn loss(self, difference: f32, delta: f32) -> f32 {
        match self {
            Residual::Square => difference * difference,
            Residual::Absolute => difference.abs(),
            Residual::Huber => {
                let size = difference.abs();
                let capped = if size > delta { delta } else { size };
                (size - capped * 0.5) * capped
            }
        }
    }
}

pass! {
    /// `gradient` becomes the derivative by each residual `predictions − targets`, times `factor`; a single target stands
    /// for all.
    fn loss_gradient(residual: Residual, delta: f32, factor: f32, predictions: &[f32], targets: &[f32], gradient: &mut [f32]) {
        let count = gradient.len();
        let predictions = &predictions[..count];
        if let [target] = *targets {
            for i in 0..count {
                gradient[i] = residual.derivative(predictions[i] - target, delta) * factor;
            }
            return;
        }
        let targets = &targets[..count];
        for i in 0..count {
            gradient[i] = residual.derivative(predictions[i] - targets[i], delta) * factor;
        }
    }
}

pass! {
    /// As `loss_gradient`, summed over the residuals of each prediction with every target.
    fn pair_gradient(residual: Residual, delta: f32, factor: f32, predictions: &[f32], targets: &[f32], gradient: &mut [f32]) {
        for (prediction, gradient) in predictions.iter().zip(gradient) {
            let derivatives = sum(targets, targets, |target, _| f64::from(residual.derivative(prediction - target, delta)));
            *gradient = (derivatives * f64::from(factor)) as f32;
        }
    }
}

pass! {
    /// The sum of the losses of the residuals `predictions − targets`: each in f32, as a framework has it, and their sum in f64, so that
    /// the order of the samples does not show in its last digits. A single target stands for all.
    fn loss_sum(residual: Residual, delta: f32, predictions: &[f32], targets: &[f32]) -> f64 {
        if let [target] = *targets {
            return sum(predictions, predictions, |p, _| f64::from(residual.loss(p - target, delta)));
        }
        sum(predictions, targets, |prediction, target| f64::from(residual.loss(prediction - target, delta)))
    }
}

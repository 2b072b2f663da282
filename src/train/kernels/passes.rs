//! Passes over whole buffers: each optimizer, each loss' slope, sums of columns, in one go.

use super::{Instructions, Level};

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

            match level.0 {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: this level is only ever made where the processor has AVX2.
                Instructions::Avx2 => unsafe { avx2($($argument),*) },
                Instructions::Portable => pass($($argument),*),
            }
        }
    };
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
    fn nonzero_columns(from: &[f32], columns: usize, out: &mut [f32]) {
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
    /// An update by Adam or AdamW, all in one pass. `negative_rate` is minus the learning rate.
    fn adam(by: Adam, negative_rate: &[f32], parameters: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32]) {
        let count = parameters.len();
        let (negative_rate, gradient, mean, square) = (&negative_rate[..count], &gradient[..count], &mut mean[..count], &mut square[..count]);
        for i in 0..count {
            let p = parameters[i] + parameters[i] * (negative_rate[i] * by.decoupled);
            let g = gradient[i] + p * by.weight_decay;
            let m = mean[i] + (g - mean[i]) * by.gain[0];
            let v = square[i] + (g * g - square[i]) * by.gain[1];
            mean[i] = m;
            square[i] = v;
            parameters[i] = p + negative_rate[i] * (m / (v.sqrt() * by.root + by.eps));
        }
    }
}

pass! {
    /// An update by gradient negative_rate, with a momentum if there is a velocity.
    fn sgd(factor: f32, momentum: f32, nesterov: bool, weight_decay: f32, negative_rate: &[f32], parameters: &mut [f32], gradient: &[f32], velocity: &mut [f32]) {
        let count = parameters.len();
        let (negative_rate, gradient) = (&negative_rate[..count], &gradient[..count]);
        if velocity.is_empty() {
            for i in 0..count {
                let g = gradient[i] + parameters[i] * weight_decay;
                parameters[i] += negative_rate[i] * (g * factor);
            }
            return;
        }
        let velocity = &mut velocity[..count];
        let (own, ahead) = if nesterov { (1.0, momentum) } else { (0.0, 1.0) };
        for i in 0..count {
            let g = gradient[i] + parameters[i] * weight_decay;
            let v = velocity[i] * momentum + g;
            velocity[i] = v;
            parameters[i] += negative_rate[i] * ((g * own + v * ahead) * factor);
        }
    }
}

pass! {
    /// An update by RMSprop, with a momentum if there is a velocity.
    fn rmsprop(factor: f32, gain: f32, eps: f32, momentum: f32, weight_decay: f32, negative_rate: &[f32], parameters: &mut [f32], gradient: &[f32], square: &mut [f32], velocity: &mut [f32]) {
        let count = parameters.len();
        let (negative_rate, gradient, square) = (&negative_rate[..count], &gradient[..count], &mut square[..count]);
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
            parameters[i] += negative_rate[i] * (step * factor);
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

//! Norms and the way back through them. Each number is computed in f64 and rounded once, and nothing is fused, so that every level gives
//! the same bits.

use super::passes::sum;
use super::{Instructions, Level};

/// Lets a function take the columns from 0 on, 8, 4 or 1 of them at a time: what it keeps of a column stays in registers.
macro_rules! columns {
    ($columns:expr, $block:ident($($argument:expr),*)) => {{
        let (columns, mut at) = ($columns, 0);
        while at + 8 <= columns {
            $block::<8>(at, columns, $($argument),*);
            at += 8;
        }
        while at + 4 <= columns {
            $block::<4>(at, columns, $($argument),*);
            at += 4;
        }
        while at < columns {
            $block::<1>(at, columns, $($argument),*);
            at += 1;
        }
    }};
}

/// 1/√(variance + ε).
#[inline(always)]
fn inverse(variance: f64, eps: f64) -> f64 {
    1.0 / (variance + eps).sqrt()
}

/// That of a batch's own variance: 0 of nothing, as libtorch has it.
#[inline(always)]
fn inverse_of_batch(by_batch: bool, variance: f64, eps: f64) -> f64 {
    if by_batch && variance == 0.0 && eps == 0.0 { 0.0 } else { inverse(variance, eps) }
}

/// `W` columns from `at` on of numbers that are one for each column.
#[inline(always)]
fn of_columns<const W: usize>(at: usize, of: impl Fn(usize) -> f64) -> [f64; W] {
    std::array::from_fn(|i| of(at + i))
}

#[inline(always)]
#[allow(clippy::too_many_arguments)] // Those of the pass.
fn batch_norm_columns<const W: usize>(
    at: usize,
    columns: usize,
    by_batch: bool,
    eps: f64,
    [scale, shift]: [&[f32]; 2],
    x: &[f32],
    [means, variances]: [&mut [f64]; 2],
    y: &mut [f32],
) {
    if by_batch {
        let rows = (x.len() / columns) as f64;
        let mut mean = [0.0; W];
        for row in x.chunks_exact(columns) {
            for i in 0..W {
                mean[i] += f64::from(row[at..at + W][i]);
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= rows);
        let mut variance = [0.0; W];
        for row in x.chunks_exact(columns) {
            for i in 0..W {
                let off = f64::from(row[at..at + W][i]) - mean[i];
                variance[i] += off * off;
            }
        }
        variance.iter_mut().for_each(|variance| *variance /= rows);
        means[at..at + W].copy_from_slice(&mean);
        variances[at..at + W].copy_from_slice(&variance);
    }
    let mean: [f64; W] = of_columns(at, |at| means[at]);
    let factor: [f64; W] = of_columns(at, |at| inverse_of_batch(by_batch, variances[at], eps) * f64::from(scale[at]));
    let shift: [f64; W] = of_columns(at, |at| f64::from(shift[at]));
    for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
        for i in 0..W {
            y[at..at + W][i] = ((f64::from(x[at..at + W][i]) - mean[i]) * factor[i] + shift[i]) as f32;
        }
    }
}

pass! {
    /// `y` becomes the batch norm of `x[rows, columns]`, by the batch's own means and variances (divisor rows), which are written, or by
    /// those that are given.
    fn batch_norm(by_batch: bool, eps: f64, scale: &[f32], shift: &[f32], x: &[f32], means: &mut [f64], variances: &mut [f64], y: &mut [f32]) {
        columns!(means.len(), batch_norm_columns(by_batch, eps, [scale, shift], x, [means, variances], y));
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)] // Those of the pass.
fn batch_norm_backward_columns<const W: usize>(
    at: usize,
    columns: usize,
    by_batch: bool,
    eps: f64,
    scale: &[f32],
    x: &[f32],
    [means, variances]: [&[f64]; 2],
    d: &mut [f32],
    add: bool,
    [scales, shifts]: [&mut [f32]; 2],
) {
    let rows = (x.len() / columns) as f64;
    let mean: [f64; W] = of_columns(at, |at| means[at]);
    let inverse: [f64; W] = of_columns(at, |at| inverse_of_batch(by_batch, variances[at], eps));
    let (mut sum, mut product) = ([0.0; W], [0.0; W]);
    for (x, d) in x.chunks_exact(columns).zip(d.chunks_exact(columns)) {
        for i in 0..W {
            let d = f64::from(d[at..at + W][i]);
            sum[i] += d;
            product[i] += d * (f64::from(x[at..at + W][i]) - mean[i]);
        }
    }
    for i in 0..W {
        put(add, &mut scales[at + i], product[i] * inverse[i]);
        put(add, &mut shifts[at + i], sum[i]);
    }
    let factor: [f64; W] = std::array::from_fn(|i| inverse[i] * f64::from(scale[at + i]));
    // Statistics that are given do not depend on the batch.
    let share = if by_batch { 1.0 / rows } else { 0.0 };
    let off: [f64; W] = std::array::from_fn(|i| sum[i] * share);
    let slope: [f64; W] = std::array::from_fn(|i| product[i] * share * inverse[i] * inverse[i]);
    for (x, d) in x.chunks_exact(columns).zip(d.chunks_exact_mut(columns)) {
        for i in 0..W {
            let d = &mut d[at..at + W][i];
            let along = (f64::from(x[at..at + W][i]) - mean[i]) * slope[i];
            *d = ((f64::from(*d) - off[i] - along) * factor[i]) as f32;
        }
    }
}

/// Writes a gradient, or adds to it.
#[inline(always)]
fn put(add: bool, to: &mut f32, value: f64) {
    *to = if add { *to + value as f32 } else { value as f32 };
}

pass! {
    /// `d`, the gradient of the batch norm of `x`, becomes that of `x`; the gradients of scale and shift are written, or added to.
    fn batch_norm_backward(by_batch: bool, eps: f64, scale: &[f32], x: &[f32], means: &[f64], variances: &[f64], d: &mut [f32], add: bool, scales: &mut [f32], shifts: &mut [f32]) {
        columns!(means.len(), batch_norm_backward_columns(by_batch, eps, scale, x, [means, variances], d, add, [scales, shifts]));
    }
}

pass! {
    /// `y` becomes the layer norm of `x[rows, columns]`; each row's mean and 1/√(variance + ε) are written.
    fn layer_norm(eps: f64, scale: &[f32], shift: &[f32], x: &[f32], means: &mut [f64], inverses: &mut [f64], y: &mut [f32]) {
        let columns = scale.len();
        let shift = &shift[..columns];
        let rows = x.chunks_exact(columns).zip(y.chunks_exact_mut(columns));
        for ((x, y), (mean, inverted)) in rows.zip(means.iter_mut().zip(inverses)) {
            let middle = sum(x, x, |x, _| f64::from(x)) / columns as f64;
            let squares = sum(x, x, |x, _| (f64::from(x) - middle) * (f64::from(x) - middle));
            let by = inverse(squares / columns as f64, eps);
            for i in 0..columns {
                y[i] = ((f64::from(x[i]) - middle) * by * f64::from(scale[i]) + f64::from(shift[i])) as f32;
            }
            (*mean, *inverted) = (middle, by);
        }
    }
}

#[inline(always)]
fn layer_norm_learnt_columns<const W: usize>(
    at: usize,
    columns: usize,
    x: &[f32],
    [means, inverses]: [&[f64]; 2],
    d: &[f32],
    add: bool,
    [scales, shifts]: [&mut [f32]; 2],
) {
    let (mut sum, mut product) = ([0.0; W], [0.0; W]);
    let rows = x.chunks_exact(columns).zip(d.chunks_exact(columns));
    for ((x, d), (mean, inverse)) in rows.zip(means.iter().zip(inverses)) {
        for i in 0..W {
            let d = f64::from(d[at..at + W][i]);
            sum[i] += d;
            product[i] += d * ((f64::from(x[at..at + W][i]) - mean) * inverse);
        }
    }
    for i in 0..W {
        put(add, &mut scales[at + i], product[i]);
        put(add, &mut shifts[at + i], sum[i]);
    }
}

pass! {
    /// `d`, the gradient of the layer norm of `x`, becomes that of `x`; the gradients of scale and shift are written, or added to.
    fn layer_norm_backward(scale: &[f32], x: &[f32], means: &[f64], inverses: &[f64], d: &mut [f32], add: bool, scales: &mut [f32], shifts: &mut [f32]) {
        let columns = scale.len();
        columns!(columns, layer_norm_learnt_columns(x, [means, inverses], d, add, [scales, shifts]));
        let rows = x.chunks_exact(columns).zip(d.chunks_exact_mut(columns));
        for ((x, d), (mean, inverse)) in rows.zip(means.iter().zip(inverses)) {
            for i in 0..columns {
                d[i] *= scale[i];
            }
            let off = sum(d, d, |d, _| f64::from(d)) / columns as f64;
            let along = sum(d, x, |d, x| f64::from(d) * (f64::from(x) - mean));
            let slope = along / columns as f64 * inverse * inverse;
            for i in 0..columns {
                d[i] = ((f64::from(d[i]) - off - (f64::from(x[i]) - mean) * slope) * inverse) as f32;
            }
        }
    }
}

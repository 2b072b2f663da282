//! Exponentials and what is made of them, within 2 ulp of the true value. They are written in plain operations, which a compiler
//! makes vectors of and every level rounds alike; a library's function would be one call a number.
//!
//! Reduction and polynomials are those of Cephes (Moshier 1989, `expf` and `tanhf`).

use super::{Instructions, Level};

/// Of x: 2ⁿ as two factors, neither of which overflows, and of r = x − n·ln 2, e^r as r and e^r − 1 − r.
#[inline(always)]
fn parts(x: f32) -> ([f32; 2], f32, f32) {
    /// Added to a small number it leaves no room for a fraction: its last bits are the nearest integer.
    const ROUNDED: f32 = 12_582_912.0;
    /// ln 2, the first without its last bits, so that n times it is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // Beyond these e^x is infinite, or 0 even for subnormal numbers. NaN stays NaN.
    let x = x.clamp(-104.0, 89.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUNDED;
    let n = shifted - ROUNDED;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let n = shifted.to_bits() as i32 - ROUNDED.to_bits() as i32;
    let half = n >> 1;
    let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
    ([power(half), power(n - half)], r, r * r * p)
}

/// e^x.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let ([a, b], r, rest) = parts(x);
    let sum = 1.0 + r;
    // With what 1 + r rounds off.
    (sum + ((r - (sum - 1.0)) + rest)) * a * b
}

/// e^x − 1.
#[inline(always)]
fn exp_m1(x: f32) -> f32 {
    let ([a, b], r, rest) = parts(x);
    let (q, power) = (r + rest, a * b);
    let value = if power == f32::INFINITY { (1.0 + q) * a * b } else { q * power + (power - 1.0) };
    // −0 stays −0.
    if x == 0.0 { x } else { value }
}

/// 1/(1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid_of(x: f32) -> f32 {
    let e = exp(-x.abs());
    let sum = 1.0 + e;
    let off = e - (sum - 1.0);
    let y = (if x < 0.0 { e } else { 1.0 }) / sum;
    let inverse = if x < 0.0 { 1.0 - y } else { y };
    // Without what 1 + e rounds off.
    y - y * (off * inverse)
}

#[inline(always)]
fn tanh_of(x: f32) -> f32 {
    let size = x.abs();
    let z = x * x;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 1.333_144_2e-1;
    let p = p * z - 3.333_328e-1;
    let small = p * z * size + size;
    let large = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
    (if size < 0.625 { small } else { large }).copysign(x)
}

pass! {
    /// Each value becomes its hyperbolic tangent.
    fn tanh(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = tanh_of(*value));
    }
}

pass! {
    /// `d`, the gradient of tanh's `y`, becomes that of what went in.
    fn tanh_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= 1.0 - y * y);
    }
}

pass! {
    /// Each value becomes 1/(1 + e^−value).
    fn sigmoid(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = sigmoid_of(*value));
    }
}

pass! {
    /// `d`, the gradient of the sigmoid's `y`, becomes that of what went in.
    fn sigmoid_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= (1.0 - y) * y);
    }
}

pass! {
    /// Each value that is not positive becomes e^value − 1.
    fn elu(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = if *value > 0.0 { *value } else { exp_m1(*value) });
    }
}

pass! {
    /// `d`, the gradient of the ELU's `y`, becomes that of what went in.
    fn elu_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d = if *y > 0.0 { *d } else { *d * (y + 1.0) });
    }
}

pass! {
    /// Each value becomes e^value.
    fn exponential(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = exp(*value));
    }
}

pass! {
    /// Each value that is below 0 becomes 0.
    fn relu(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
    }
}

pass! {
    /// `d`, the gradient of the ReLU's `y`, becomes that of what went in.
    fn relu_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d = if *y <= 0.0 { 0.0 } else { *d });
    }
}

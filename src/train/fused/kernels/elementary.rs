//! Exponentials and what is made of them, within 2 ulp of the true value, in operations that a compiler makes vectors of; a library's
//! function would be one call a number. Every level but the portable one rounds a multiply-add once.
//!
//! The reduction is that of Cephes (Moshier 1989, `expf`).

use std::f32::consts::LOG2_E;

use super::passes::multiply_add;
use super::{Instructions, LEAKY, Level};

/// Added to a number below 2²² it leaves no room for a fraction: the sum's last bits are the nearest integer.
const ROUNDED: f32 = 12_582_912.0;

const LN_2: f32 = std::f32::consts::LN_2;

/// ln 2 in two parts, so that an integer of 11 bits times the first is exact.
const LN_2_PARTS: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// (e^r − 1 − r)/r² of |r| <= ½ ln 2, lowest power first: minimax, relative to e^r − 1.
const GROWTH: [f32; 6] = [0.5, 1.666_666_7e-1, 4.166_635_5e-2, 8.333_273e-3, 1.394_110_3e-3, 1.991_430_2e-4];

/// (e^2r − 1 − 2r)/2r², so.
const DOUBLE_GROWTH: [f32; 6] = {
    let mut by = GROWTH;
    let (mut k, mut power) = (0, 2.0);
    while k < by.len() {
        by[k] *= power;
        power *= 2.0;
        k += 1;
    }
    by
};

/// r + r²·Σ pₖrᵏ.
#[inline(always)]
fn growth<const FUSED: bool>(p: [f32; 6], r: f32) -> f32 {
    let square = r * r;
    // In pairs, which do not wait for one another.
    let low = multiply_add::<FUSED>(p[1], r, p[0]);
    let middle = multiply_add::<FUSED>(p[3], r, p[2]);
    let high = multiply_add::<FUSED>(p[5], r, p[4]);
    let p = multiply_add::<FUSED>(multiply_add::<FUSED>(high, square, middle), square, low);
    multiply_add::<FUSED>(square, p, r)
}

/// The larger and the smaller of x and a number; NaN of a NaN. One instruction each, which `max` and `min` are not.
#[inline(always)]
fn at_least(number: f32, x: f32) -> f32 {
    if x < number { number } else { x }
}

#[inline(always)]
fn at_most(number: f32, x: f32) -> f32 {
    if x > number { number } else { x }
}

/// e^x.
#[inline(always)]
pub(super) fn exp<const FUSED: bool>(x: f32) -> f32 {
    // Beyond these e^x is infinite, or 0 even for subnormal numbers.
    exp_within::<FUSED>(at_most(89.0, at_least(-104.0, x)))
}

/// e^x of an x from −104 to 89, or NaN.
#[inline(always)]
fn exp_within<const FUSED: bool>(x: f32) -> f32 {
    /// So that n + 254 is in the last bits: the sum of two exponents with their biases.
    const BIASED: f32 = ROUNDED + 254.0;
    let shifted = multiply_add::<FUSED>(x, LOG2_E, BIASED);
    let n = shifted - BIASED;
    let r = multiply_add::<FUSED>(n, -LN_2_PARTS[0], x);
    let r = multiply_add::<FUSED>(n, -LN_2_PARTS[1], r);
    // 2ⁿ as two factors, neither of which overflows.
    let bits = shifted.to_bits();
    let half = bits >> 1;
    (1.0 + growth::<FUSED>(GROWTH, r)) * f32::from_bits(half << 23) * f32::from_bits((bits - half) << 23)
}

/// n ln 2 off x, n a small integer and `unit` ln 2 or half of it.
#[inline(always)]
fn reduced<const FUSED: bool>(x: f32, n: f32, unit: f32) -> f32 {
    if FUSED {
        return n.mul_add(-unit, x);
    }
    // What is cut off leaves room for n.
    let short = f32::from_bits(unit.to_bits() & !0xfff);
    (x - n * short) - n * (unit - short)
}

/// 1/(1 + e^−x).
#[inline(always)]
pub(super) fn sigmoid_of<const FUSED: bool>(x: f32) -> f32 {
    let e = exp_within::<FUSED>(at_least(-104.0, -x.abs()));
    let sum = 1.0 + e;
    let off = e - (sum - 1.0);
    let y = (if x < 0.0 { e } else { 1.0 }) / sum;
    let inverse = if x < 0.0 { 1.0 - y } else { y };
    // Without what 1 + e rounds off.
    multiply_add::<FUSED>(-(y * off), inverse, y)
}

/// h/(1 + h) of h = (e^2|x| − 1)/2, with x's sign.
#[inline(always)]
fn tanh_of<const FUSED: bool>(x: f32) -> f32 {
    /// So that the last bits are the exponent, with its bias, of half a power.
    const BIASED: f32 = ROUNDED + 126.0;
    // Beyond this it is 1.
    let size = at_most(9.05, x.abs());
    let shifted = multiply_add::<FUSED>(size, 2.0 * LOG2_E, BIASED);
    let r = reduced::<FUSED>(size, shifted - BIASED, LN_2 / 2.0);
    let half = f32::from_bits(shifted.to_bits() << 23);
    let h = multiply_add::<FUSED>(growth::<FUSED>(DOUBLE_GROWTH, r), half + half, half - 0.5);
    let sum = 1.0 + h;
    let off = at_most(1.0, h) - (sum - at_least(1.0, h));
    let y = h / sum;
    // Without what 1 + h rounds off; 1/(1 + h) is 1 − y.
    multiply_add::<FUSED>(-(y * off), 1.0 - y, y).copysign(x)
}

/// x, or e^x − 1 if x < 0.
#[inline(always)]
fn elu_of<const FUSED: bool>(x: f32) -> f32 {
    const BIASED: f32 = ROUNDED + 127.0;
    // Below this it is −1.
    let within = at_least(-20.0, x);
    let shifted = multiply_add::<FUSED>(within, LOG2_E, BIASED);
    let r = reduced::<FUSED>(within, shifted - BIASED, LN_2);
    let power = f32::from_bits(shifted.to_bits() << 23);
    let negative = multiply_add::<FUSED>(growth::<FUSED>(GROWTH, r), power, power - 1.0);
    if x < 0.0 { negative } else { x }
}

/// An activation's derivative, by what it put out.
#[inline(always)]
pub(super) fn tanh_slope<const FUSED: bool>(y: f32) -> f32 {
    multiply_add::<FUSED>(-y, y, 1.0)
}

#[inline(always)]
pub(super) fn sigmoid_slope(y: f32) -> f32 {
    (1.0 - y) * y
}

#[inline(always)]
pub(super) fn elu_slope(y: f32) -> f32 {
    if y > 0.0 { 1.0 } else { y + 1.0 }
}

pass! {
    /// Each value becomes its hyperbolic tangent.
    fn tanh(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = tanh_of::<FUSED>(*value));
    }
}

pass! {
    /// `d`, the gradient of tanh's `y`, becomes that of what went in.
    fn tanh_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= tanh_slope::<FUSED>(*y));
    }
}

pass! {
    /// Each value becomes 1/(1 + e^−value).
    fn sigmoid(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = sigmoid_of::<FUSED>(*value));
    }
}

pass! {
    /// `d`, the gradient of the sigmoid's `y`, becomes that of what went in.
    fn sigmoid_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= sigmoid_slope(*y));
    }
}

pass! {
    /// Each value that is not positive becomes e^value − 1.
    fn elu(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = elu_of::<FUSED>(*value));
    }
}

pass! {
    /// `d`, the gradient of the ELU's `y`, becomes that of what went in.
    fn elu_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d *= elu_slope(*y));
    }
}

pass! {
    /// Each value becomes e^value.
    fn exponential(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = exp::<FUSED>(*value));
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

pass! {
    /// Each value that is not above 0 becomes 0.01 of it.
    fn leaky_relu(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = if *value > 0.0 { *value } else { *value * LEAKY });
    }
}

pass! {
    /// `d`, the gradient of the leaky ReLU's `y`, becomes that of what went in.
    fn leaky_relu_backward(y: &[f32], d: &mut [f32]) {
        d.iter_mut().zip(y).for_each(|(d, y)| *d = if *y > 0.0 { *d } else { *d * LEAKY });
    }
}

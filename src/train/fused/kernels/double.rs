//! Logarithms and GELU, computed in f64 and rounded once: there neither value cancels, and the few that a step needs cost little.

use super::{Instructions, Level};

/// A polynomial of x, highest power first.
macro_rules! polynomial {
    ($x:ident; $highest:literal $(, $coefficient:literal)*) => {{
        let sum: f64 = $highest;
        $(let sum = if FUSED { sum.mul_add($x, $coefficient) } else { sum * $x + $coefficient };)*
        sum
    }};
}

/// ln of a normal number above 0.
#[inline(always)]
fn ln_of_normal<const FUSED: bool>(x: f64) -> f64 {
    /// 1 and √½: what lies between moves to the exponent.
    const ONE: u64 = 1.0_f64.to_bits();
    const LEAST: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    let bits = x.to_bits().wrapping_add(ONE - LEAST);
    let power = (bits >> 52) as i32 - 1023;
    let s = f64::from_bits((bits & ((1 << 52) - 1)) + LEAST) - 1.0;
    // ln(1 + s)/s: minimax, to 7e-10.
    let over_s = polynomial!(s;
        0.06725869871091, -0.1171857709989, 0.1192607272977, -0.1240100717495, 0.1421253163898, -0.1666791673661,
        0.2000257609719, -0.2500002697092, 0.3333330160428, -0.4999999966836, 1.000000000631);
    f64::from(power) * std::f64::consts::LN_2 + s * over_s
}

/// ln x.
#[inline(always)]
pub(super) fn ln<const FUSED: bool>(x: f32) -> f32 {
    let ln = ln_of_normal::<FUSED>(f64::from(x)) as f32;
    if x > 0.0 && x < f32::INFINITY {
        ln
    } else if x == 0.0 {
        f32::NEG_INFINITY
    } else if x == f32::INFINITY {
        x
    } else {
        f32::NAN
    }
}

/// ln(1 + x) of an x from 0 to 1, or NaN.
#[inline(always)]
pub(super) fn ln_1p<const FUSED: bool>(x: f32) -> f32 {
    let x = f64::from(x);
    // A sum with 1 would round off what is left of a small x.
    let value = if x < 1e-5 { x - 0.5 * x * x } else { ln_of_normal::<FUSED>(1.0 + x) };
    (if x.is_nan() { x } else { value }) as f32
}

/// Of a standard normal number: the probability of one below x, and the density at x.
#[inline(always)]
fn normal<const FUSED: bool>(x: f64) -> (f64, f64) {
    const ROUNDED: f64 = 6_755_399_441_055_744.0 + 1023.0;
    let a = x.abs();
    let power = -0.5 * a * a;
    let within = if power < -200.0 { -200.0 } else { power };
    let shifted = within * std::f64::consts::LOG2_E + ROUNDED;
    let r = within - (shifted - ROUNDED) * std::f64::consts::LN_2;
    // 1/k!
    let e = polynomial!(r;
        2.755_731_922e-6, 2.480_158_730e-5, 1.984_126_984e-4, 1.388_888_889e-3, 8.333_333_333e-3, 4.166_666_666_7e-2,
        1.666_666_666_67e-1, 0.5, 1.0, 1.0);
    let e = e * f64::from_bits(shifted.to_bits() << 52);
    // What multiplies an infinite x is 0 in libtorch.
    let e = if power < -200.0 { 0.0 } else { e };
    // The probability beyond a, over e^(−a²/2) and t: minimax over 0 <= a <= 14.6, to 4e-10.
    let t = 1.0 / (1.0 + 0.35 * a);
    let over = polynomial!(t;
        -0.012430176898, 0.0971124839006, -0.321962781702, 0.573883651869, -0.567629752863, 0.300347665082,
        -0.134248112282, 0.0812743347285, 0.0810263344352, 0.123430092993, 0.139564376712, 0.139631884218);
    let beyond = e * t * over;
    (if x < 0.0 { beyond } else { 1.0 - beyond }, e * 0.398_942_280_401_432_7)
}

pass! {
    /// Each value becomes its natural logarithm.
    fn logarithm(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = ln::<FUSED>(*value));
    }
}

pass! {
    /// `h` becomes the GELU of `z`, x·Φ(x).
    fn gelu(z: &[f32], h: &mut [f32]) {
        for (z, h) in z.iter().zip(h) {
            let x = f64::from(*z);
            *h = (x * normal::<FUSED>(x).0) as f32;
        }
    }
}

pass! {
    /// `d`, the gradient of the GELU of `z`, becomes that of `z`.
    fn gelu_backward(z: &[f32], d: &mut [f32]) {
        for (z, d) in z.iter().zip(d) {
            let x = f64::from(*z);
            let (below, density) = normal::<FUSED>(x);
            *d *= (below + x * density) as f32;
        }
    }
}

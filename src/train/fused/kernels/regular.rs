//! What holds a network back: dropped outputs, penalties of weights, clipped gradients.

use super::passes::sum;
use super::{Instructions, Level};

pass! {
    /// `mask` becomes 0 where an output is dropped and `scale` elsewhere: each by a hash of its place, from `first` on, and the
    /// keys, dropped below `below`. Of integers, so every level gives the same (a step of lowbias32, then triple32: C. Wellons 2018).
    fn drop_mask(keys: [u32; 2], first: u32, below: u32, scale: f32, mask: &mut [f32]) {
        for (at, mask) in mask.iter_mut().enumerate() {
            let mut bits = first.wrapping_add(at as u32).wrapping_mul(0x9e37_79b9) ^ keys[0];
            bits = (bits ^ (bits >> 16)).wrapping_mul(0x21f0_aaad);
            bits = (bits ^ (bits >> 15)).wrapping_add(keys[1]);
            bits = (bits ^ (bits >> 17)).wrapping_mul(0xed5a_d4bb);
            bits = (bits ^ (bits >> 11)).wrapping_mul(0xac4c_1b51);
            bits = (bits ^ (bits >> 15)).wrapping_mul(0x3184_8bab);
            bits ^= bits >> 14;
            *mask = if bits < below { 0.0 } else { scale };
        }
    }
}

pass! {
    /// `to = from · mask`, number by number.
    fn masked(from: &[f32], mask: &[f32], to: &mut [f32]) {
        let count = to.len();
        let (from, mask) = (&from[..count], &mask[..count]);
        for i in 0..count {
            to[i] = from[i] * mask[i];
        }
    }
}

pass! {
    /// The same in place.
    fn mask_in_place(mask: &[f32], values: &mut [f32]) {
        let count = values.len();
        let mask = &mask[..count];
        for i in 0..count {
            values[i] *= mask[i];
        }
    }
}

pass! {
    /// Adds the gradient of l1·Σ|w| + l2·Σw².
    fn penalise(l1: f32, l2: f32, weights: &[f32], gradient: &mut [f32]) {
        let count = weights.len();
        let gradient = &mut gradient[..count];
        let twice = 2.0 * l2;
        for i in 0..count {
            let w = weights[i];
            // 0 at 0, as libtorch has it.
            let sign = if w > 0.0 { l1 } else if w < 0.0 { -l1 } else { 0.0 };
            gradient[i] += sign + twice * w;
        }
    }
}

pass! {
    /// Σ|v| in f64.
    fn absolutes(values: &[f32]) -> f64 {
        sum(values, values, |value, _| f64::from(value.abs()))
    }
}

pass! {
    /// Each number is at most `limit` from 0; NaN stays NaN.
    fn clip(limit: f32, values: &mut [f32]) {
        for value in values {
            *value = if *value > limit { limit } else if *value < -limit { -limit } else { *value };
        }
    }
}

pass! {
    /// `values · factor`.
    fn scale(factor: f32, values: &mut [f32]) {
        for value in values {
            *value *= factor;
        }
    }
}

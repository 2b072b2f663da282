//! Exponentials of many numbers at once.

/// Each value, none of them above 0, becomes e to its power, within 2 ulp; 0 below −708, where it is next to none. NaN stays NaN.
///
/// In plain operations, of which a compiler makes vectors; the library's function is a call for each number.
pub fn exponentials(values: &mut [f64]) {
    /// Added to a number below 2⁵¹ it leaves no room for a fraction; its last bits are the nearest integer and the bias of an
    /// exponent.
    const ROUNDED: f64 = 6_755_399_441_055_744.0 + 1023.0;
    /// ln 2, the first without its last bits, so that n times it is exact.
    const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    /// 1/k!, highest power first.
    const SERIES: [f64; 14] = {
        let mut by = [1.0; 14];
        let mut k = 1;
        while k < by.len() {
            by[13 - k] = by[14 - k] / k as f64;
            k += 1;
        }
        by
    };
    for value in values {
        let x = if *value < -708.0 { -708.0 } else { *value };
        let shifted = x * std::f64::consts::LOG2_E + ROUNDED;
        let n = shifted - ROUNDED;
        let r = (x - n * LN_2[0]) - n * LN_2[1];
        let mut sum = SERIES[0];
        for coefficient in &SERIES[1..] {
            sum = sum * r + coefficient;
        }
        let power = sum * f64::from_bits(shifted.to_bits() << 52);
        *value = if *value < -708.0 { 0.0 } else { power };
    }
}

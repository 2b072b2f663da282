//! How near predictions come, on a scale on which 0.99 and 0.9999 of the variance are apart.

/// A twentieth of the error, in tenfolds: a difference that is none.
pub const TWENTIETH: f64 = 0.02;

/// Nearer than this single precision cannot tell.
const MOST: f64 = 6.0;

/// Tenfolds of error below a constant's: −½·log₁₀(1 − R²), which is log₁₀(standard deviation of the targets/RMSE). From 0,
/// for all that is no better than a constant, NaN included, to 6. A tenth of the error is 1 more, wherever one begins.
pub fn closeness(r2: f64) -> f64 {
    let tenfolds = -0.5 * (1.0 - r2).log10();
    if tenfolds.is_nan() { 0.0 } else { tenfolds.clamp(0.0, MOST) }
}

//! How much of the targets is noise, which no network should learn.

use crate::data::Samples;
use crate::results::outcome::FITS;
use crate::stats::moments::{deviation, exponent, tamed};

/// Rows from which on the estimate is worth something.
const FEWEST: usize = 30;
/// Beyond this share it may as well be a curve that the rows are too few for.
pub const MOST: f64 = 0.3;

/// The share of the targets' variance that is noise, of one input, from how far each target is from the line between its
/// neighbours' (Gasser, Sroka & Jennen-Steinmetz 1986); nothing of several inputs, or of few rows.
pub fn noise_share(samples: &Samples) -> Option<f64> {
    if samples.columns != 1 || samples.outputs != 1 || samples.rows() < FEWEST {
        return None;
    }
    // Over a power of two, so that no square overflows or vanishes.
    let targets = tamed(&samples.targets, exponent(samples.targets.iter())?);
    let mut points: Vec<(f64, f64)> = samples.inputs.iter().copied().zip(targets.iter().copied()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let square = |triple: &[(f64, f64)]| {
        let [(x0, y0), (x1, y1), (x2, y2)] = [triple[0], triple[1], triple[2]];
        let left = if x2 > x0 { (x2 - x1) / (x2 - x0) } else { 0.5 };
        let right = 1.0 - left;
        (left * y0 + right * y2 - y1).powi(2) / (left * left + right * right + 1.0)
    };
    let variance = points.windows(3).map(square).sum::<f64>() / (points.len() - 2) as f64;
    let share = variance / deviation(&targets).powi(2);
    share.is_finite().then_some(share.min(1.0))
}

/// The R² that counts as a fit where so much of the targets is noise: [`FITS`], or less where noise allows less. A fifth of
/// the noise is left for the estimate's own error.
pub fn goal(noise_share: Option<f64>) -> f64 {
    noise_share.filter(|share| *share <= MOST).map_or(FITS, |share| (1.0 - 1.2 * share).min(FITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{Purpose, Stream};

    fn samples(rows: usize, y: impl Fn(f64) -> f64) -> Samples {
        let inputs: Vec<f64> = (0..rows).map(|i| i as f64 / rows as f64).collect();
        Samples { columns: 1, outputs: 1, targets: inputs.iter().map(|&x| y(x)).collect(), inputs }
    }

    #[test]
    fn a_smooth_curve_has_no_noise_and_noise_on_it_is_found_to_a_tenth() {
        assert!(noise_share(&samples(100, |x| (6.0 * x).sin())).unwrap() < 1e-4);
        let stream = std::cell::RefCell::new(Stream::new(1, Purpose::Noise));
        let noisy = samples(4000, |x| (6.0 * x).sin() + 0.3 * stream.borrow_mut().normal());
        let share = noise_share(&noisy).unwrap();
        let wanted = 0.09 / deviation(&noisy.targets).powi(2);
        assert!((share / wanted - 1.0).abs() < 0.1, "{share} against {wanted}");
        assert!(goal(Some(share)) < 1.0 - share);
        // Of little noise, of none that is known, and of so much that it may be none, a fit is what it always is.
        assert_eq!([Some(1e-4), None, Some(0.31), Some(1.0)].map(goal), [FITS; 4]);
    }

    #[test]
    fn of_few_rows_constant_targets_or_several_inputs_nothing_is_said() {
        assert_eq!(noise_share(&samples(5, |x| x)), None);
        assert_eq!(noise_share(&samples(50, |_| 1.0)), None);
        let wide = Samples { columns: 2, inputs: vec![0.0; 60], outputs: 1, targets: (0..30).map(f64::from).collect() };
        assert_eq!(noise_share(&wide), None);
    }
}

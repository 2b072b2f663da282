//! How well a piecewise-linear function, which a ReLU network is, can fit a quadratic.

/// Pieces that a ReLU network with one input can have at most, Π(nᵢ + 1) (Serra et al. 2018, arXiv:1711.02114).
pub fn most_pieces(hidden: &[usize]) -> f64 {
    hidden.iter().map(|&units| units as f64 + 1.0).product()
}

/// Pieces that it has about at random initialisation, Σnᵢ + 1 (Hanin & Rolnick 2019, arXiv:1901.09021).
pub fn initial_pieces(hidden: &[usize]) -> f64 {
    hidden.iter().map(|&units| units as f64).sum::<f64>() + 1.0
}

/// Root mean square error of the best least-squares fit with this many pieces to a function of constant second
/// derivative `curvature` on an interval of this `length`: √(f″²h⁴/720), h = length/pieces.
pub fn quadratic_rmse(curvature: f64, length: f64, pieces: f64) -> f64 {
    (curvature.powi(2) * (length / pieces).powi(4) / 720.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_error_of_the_best_continuous_fit_found_numerically() {
        // x² on [0, 1] in two equal pieces: least squares over the hats 1, x and max(x − ½, 0) on a fine grid.
        let points: Vec<f64> = (0..20_000).map(|i| (f64::from(i) + 0.5) / 20_000.0).collect();
        let samples = crate::data::Samples {
            columns: 2,
            inputs: points.iter().flat_map(|&x| [x, (x - 0.5).max(0.0)]).collect(),
            targets: points.iter().map(|x| x * x).collect(),
        };
        let numeric = crate::analysis::linear::best_line_rmse(&samples);
        assert!((numeric / quadratic_rmse(2.0, 1.0, 2.0) - 1.0).abs() < 1e-3, "{numeric}");
    }

    #[test]
    fn pieces_are_counted_as_published() {
        assert_eq!(most_pieces(&[45, 45]), 2116.0);
        assert_eq!(initial_pieces(&[45, 45]), 91.0);
    }
}

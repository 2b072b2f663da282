//! Sizes of gradients.

/// Euclidean norms of the gradients of the first and of the last layer's weights. `gradient` has for each layer its weights',
/// then, with `biases`, its biases'.
pub fn edges(gradient: &[Vec<f32>], biases: bool) -> [f64; 2] {
    let norm = |tensor: Option<&Vec<f32>>| {
        tensor.map_or(f64::NAN, |t| t.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt())
    };
    let last = gradient.len().checked_sub(if biases { 2 } else { 1 });
    [norm(gradient.first()), norm(last.and_then(|last| gradient.get(last)))]
}

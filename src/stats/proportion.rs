//! How sure a share is that was seen in some of n trials.

/// The Wilson score interval (Wilson 1927) for the probability of success of which `successes` of `trials` were seen, at
/// this confidence, as 0.95. Of no trials (0, 1).
pub fn wilson(successes: usize, trials: usize, confidence: f64) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let (n, share) = (trials as f64, successes as f64 / trials as f64);
    let z = normal(confidence);
    let centre = share + z * z / (2.0 * n);
    let margin = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // Rounding must not make what never or always succeeded seem otherwise.
    let low = if successes == 0 { 0.0 } else { (centre - margin) / scale };
    let high = if successes == trials { 1.0 } else { (centre + margin) / scale };
    [low, high]
}

/// How far a standard normal variable lies from 0 at most with this probability, which is below 1.
pub fn normal(probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if within(middle) < probability { low = middle } else { high = middle }
    }
    low
}

/// The probability that a standard normal variable lies within ±z: erf(z/√2), by its series (Abramowitz & Stegun 7.1.6),
/// whose terms are all positive.
fn within(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let (mut term, mut sum) = (x, x);
    let mut n = 1.0;
    while term > 1e-17 * sum {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

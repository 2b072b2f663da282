//! A small chart of one line of text.

use crate::stats::moments;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for each number, the lowest the shortest; where all are equal of middle height; the shortest for −inf, the logarithm
/// of an error of 0; `×` for what else is not finite. Of no numbers, and where none is finite, none.
pub fn spark(values: &[f64]) -> String {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = moments::range(finite());
    if low > high {
        return String::new();
    }
    // Halved, so that the range of numbers however large does not overflow.
    let range = high / 2.0 - low / 2.0;
    let bar = |value: f64| {
        let share = if range == 0.0 { 0.4 } else { (value / 2.0 - low / 2.0) / range };
        BARS[(share * (BARS.len() - 1) as f64).round() as usize]
    };
    let one = |&value: &f64| match value {
        f64::NEG_INFINITY => BARS[0],
        value if value.is_finite() => bar(value),
        _ => '×',
    };
    values.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_rise_with_the_numbers_and_what_is_not_finite_is_crossed_out() {
        assert_eq!(spark(&[0.0, 1.0, 7.0, f64::NAN, f64::INFINITY]), "▁▂█××");
        assert_eq!(spark(&[3.0, 3.0]), "▄▄");
        assert_eq!(spark(&[0.0, 7.0, f64::NEG_INFINITY]), "▁█▁");
        assert_eq!(spark(&[-1e308, 1e308]), "▁█");
        assert_eq!((spark(&[]), spark(&[f64::NAN])), (String::new(), String::new()));
    }
}

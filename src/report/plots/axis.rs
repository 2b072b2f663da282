//! From numbers to px: ranges that any numbers have, and ticks with short labels.

use crate::stats::moments::range;

/// How a number becomes a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum AxisScale {
    Linear,
    /// By decades; what is not above 0 has no place.
    Log,
    /// By decades of 1 + step, so that step 0 has a place.
    Steps,
    /// Straight; the values are how many times an error is divided by ten, the labels what it is divided by.
    Tenfolds,
}

/// Beyond this a difference of two numbers may be infinite.
const LARGEST: f64 = 1e300;
/// Of tenfolds of error an axis shows these at most, and these at least, on both sides of 0.
const MOST_TENFOLDS: f64 = 99.0;
const LEAST_TENFOLDS: f64 = 0.01;

impl AxisScale {
    /// The number's place on a straight scale, if it has one.
    fn of(self, value: f64) -> Option<f64> {
        match self {
            AxisScale::Linear => value.is_finite().then(|| value.clamp(-LARGEST, LARGEST)),
            AxisScale::Tenfolds => value.is_finite().then(|| value.clamp(-MOST_TENFOLDS, MOST_TENFOLDS)),
            AxisScale::Log => (value.is_finite() && value > 0.0).then(|| value.log10()),
            AxisScale::Steps => (value.is_finite() && value >= 0.0).then(|| (value.min(LARGEST) + 1.0).log10()),
        }
    }
}

/// A tick: its place in px and its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

#[derive(Debug, Clone)]
pub(super) struct Axis {
    scale: AxisScale,
    /// On the straight scale, `low < high`.
    low: f64,
    high: f64,
    /// In px; may run upwards.
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis from `from` to `to` (px) that holds all the values that have a place on it.
    pub fn over(scale: AxisScale, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = range(values.filter_map(|v| scale.of(v)));
        let (low, high) = match scale {
            AxisScale::Linear if low > high => (0.0, 1.0),
            _ if low > high => (0.0, 2.0),
            AxisScale::Linear => roomy(low, high),
            AxisScale::Tenfolds => roomy(low.min(-LEAST_TENFOLDS), high.max(LEAST_TENFOLDS)),
            AxisScale::Log => decades(low, high),
            AxisScale::Steps => (0.0, high.max(0.3)),
        };
        Axis { scale, low, high, from, to }
    }

    /// The value's place in px. What has none, or lies outside, is at the nearer end; −∞, NaN and what a log scale cannot
    /// show at the low end.
    pub fn at(&self, value: f64) -> f64 {
        let end = if value == f64::INFINITY { self.high } else { self.low };
        let place = self.scale.of(value).unwrap_or(end).clamp(self.low, self.high);
        self.px(place)
    }

    /// Whether the value has a place of its own.
    pub fn holds(&self, value: f64) -> bool {
        self.scale.of(value).is_some()
    }

    fn px(&self, place: f64) -> f64 {
        self.from + (place - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// About `most` ticks with labels.
    pub fn ticks(&self, most: usize) -> Vec<Tick> {
        let most = most.max(2);
        match self.scale {
            AxisScale::Linear => self.round_numbers(most),
            AxisScale::Tenfolds => self.factors(most),
            AxisScale::Log => {
                let powers = self.powers();
                let plain = powers.iter().all(|power| (-2..=4).contains(power));
                let every = powers.len().div_ceil(most).max(1) as i32;
                // Counted from power 0, so that the same powers are labelled whatever the range.
                let label = |power: i32| if plain { counted(power) } else { format!("10{}", raised(power)) };
                let labelled = powers.into_iter().filter(|power| power.rem_euclid(every) == 0);
                labelled.map(|power| Tick { at: self.px(f64::from(power)), label: label(power) }).collect()
            }
            AxisScale::Steps => {
                let steps: &[f64] = if self.high < 1.04 { &[0.0, 1.0, 2.0, 5.0] } else { &[0.0] };
                let small = steps.iter().map(|&step| (step, format!("{step}")));
                // Their labels are short. The last one is always there.
                let last = (10f64.powf(self.high).round() - 1.0).max(1.0).log10().floor() as i32;
                let every = (last.max(1) as usize).div_ceil(most + 2);
                let mut powers: Vec<i32> = (1..=last).rev().step_by(every).collect();
                powers.reverse();
                let powers = powers.into_iter().map(|power| (10f64.powi(power), counted(power)));
                let place = |step: f64| (step + 1.0).log10();
                let inside = small.chain(powers).filter(|(step, _)| place(*step) <= self.high + 1e-9);
                inside.map(|(step, label)| Tick { at: self.px(place(step)), label }).collect()
            }
        }
    }

    /// Where lines without labels may stand between few decades, in px.
    pub fn between(&self) -> Vec<f64> {
        if self.scale != AxisScale::Log || self.high - self.low > 4.0 {
            return Vec::new();
        }
        let decades = self.low.floor() as i32..=self.high.floor() as i32;
        let places = decades.flat_map(|power| (2..10).map(move |n| f64::from(power) + f64::from(n).log10()));
        places.filter(|place| (self.low..=self.high).contains(place)).map(|place| self.px(place)).collect()
    }

    /// What an error is divided or multiplied by: powers of ten or, where there are few of them, round factors between.
    fn factors(&self, most: usize) -> Vec<Tick> {
        let most = most.max(3);
        let powers = self.powers();
        if powers.len() > 2 {
            let every = powers.len().div_ceil(most) as i32;
            let labelled = powers.into_iter().filter(|power| power.rem_euclid(every) == 0);
            let times =
                |power: i32| if power <= 3 { 10u32.pow(power as u32).to_string() } else { format!("1e{power}") };
            return labelled.map(|power| self.factor(f64::from(power), &times(power.abs()))).collect();
        }
        const BETWEEN: [&[f64]; 3] =
            [&[1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0], &[1.0, 2.0, 5.0, 10.0], &[1.0, 3.0, 10.0]];
        let both = |times: &[f64]| -> Vec<(f64, f64)> {
            let less = times.iter().map(|times| (times.log10(), *times));
            let more = less.clone().filter(|(tenfolds, _)| *tenfolds > 0.0).map(|(tenfolds, times)| (-tenfolds, times));
            more.rev().chain(less).filter(|(tenfolds, _)| (self.low..=self.high).contains(tenfolds)).collect()
        };
        let ticks = BETWEEN.into_iter().map(both).find(|ticks| ticks.len() <= most).unwrap_or_default();
        if ticks.len() > 2 {
            return ticks.into_iter().map(|(tenfolds, times)| self.factor(tenfolds, &times.to_string())).collect();
        }
        // Little more than nothing: 1.01, 1.02, …
        let step = round_step((10f64.powf(self.high - self.low) - 1.0) / most as f64);
        let decimals = -(step.log10() + 1e-9).floor().min(0.0) as usize;
        let times: Vec<f64> = (0..=most).map(|nth| 1.0 + nth as f64 * step).collect();
        both(&times).into_iter().map(|(at, times)| self.factor(at, &format!("{times:.decimals$}"))).collect()
    }

    fn factor(&self, tenfolds: f64, times: &str) -> Tick {
        let label = match tenfolds {
            0.0 => "1".to_owned(),
            less if less > 0.0 => format!("÷ {times}"),
            _ => format!("× {times}"),
        };
        Tick { at: self.px(tenfolds), label }
    }

    fn powers(&self) -> Vec<i32> {
        ((self.low - 1e-9).ceil() as i32..=(self.high + 1e-9).floor() as i32).collect()
    }

    fn round_numbers(&self, most: usize) -> Vec<Tick> {
        let mut step = round_step((self.high - self.low) / (1.25 * most as f64));
        let inside = |step: f64| (self.high / step).floor() - (self.low / step).ceil() + 1.0;
        // One alone says nothing of the scale.
        while inside(step) < 2.0 {
            step = round_step(step / 2.5);
        }
        let first = (self.low / step).ceil();
        let values: Vec<f64> = (0..=2 * most)
            .map(|nth| (first + nth as f64) * step)
            .take_while(|value| *value <= self.high + step * 1e-9)
            .collect();
        let labels = labels(&values, step);
        values.iter().zip(labels).map(|(&value, label)| Tick { at: self.px(value), label }).collect()
    }
}

/// A little more than from the lowest to the highest; something around a single number.
fn roomy(low: f64, high: f64) -> (f64, f64) {
    let size = low.abs().max(high.abs());
    let span = high - low;
    let pad = if span > (size * 1e-9).max(1e-300) {
        span * 0.04
    } else if size < 1e-290 {
        1.0
    } else {
        size * 0.1
    };
    (low - pad, high + pad)
}

/// Ends of a scale in decades with two powers of ten in between at least.
fn decades(low: f64, high: f64) -> (f64, f64) {
    let pad = (high - low) * 0.03;
    let (mut low, mut high) = (low - pad, high + pad);
    while (high + 1e-9).floor() - (low - 1e-9).ceil() < 1.0 {
        let (down, up) = ((low - 1e-6).floor(), (high + 1e-6).ceil());
        if low - down <= up - high { low = down } else { high = up }
    }
    (low, high)
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= least * 0.999).unwrap_or(10.0 * power)
}

/// Labels of a linear axis's ticks, all in one unit.
fn labels(values: &[f64], step: f64) -> Vec<String> {
    let size = values.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
    let (power, unit) = match size {
        0.0 => (0, String::new()),
        s if (1e-3..1e4).contains(&s) => (0, String::new()),
        s if (1e4..1e6).contains(&s) => (3, "k".to_owned()),
        s if (1e6..1e9).contains(&s) => (6, "M".to_owned()),
        s => {
            let power = s.log10().floor() as i32;
            (power, format!("·10{}", raised(power)))
        }
    };
    // Not by 10^power at once, which has no reciprocal among the smallest numbers.
    let scaled = |value: f64| value / 10f64.powi(power / 2) / 10f64.powi(power - power / 2);
    let decimals = (-(scaled(step).log10() + 1e-9).floor()).clamp(0.0, 7.0) as usize;
    values
        .iter()
        .map(|&value| {
            let text = format!("{:.decimals$}", scaled(value));
            // What rounding made of a number near 0.
            if text.chars().all(|c| matches!(c, '-' | '0' | '.')) {
                return "0".to_owned();
            }
            format!("{text}{unit}").replace('-', "−")
        })
        .collect()
}

/// A power of ten in a short form: 0.01, 1, 100, 10k, 1M, 10⁹.
fn counted(power: i32) -> String {
    match power {
        -3..=-1 => format!("{:.*}", -power as usize, 10f64.powi(power)),
        0..=2 => format!("{}", 10u32.pow(power as u32)),
        3..=5 => format!("{}k", 10u32.pow(power as u32 - 3)),
        6..=8 => format!("{}M", 10u32.pow(power as u32 - 6)),
        _ => format!("10{}", raised(power)),
    }
}

fn raised(power: i32) -> String {
    let up = |c: char| match c.to_digit(10) {
        Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
        None => '⁻',
    };
    power.to_string().chars().map(up).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: AxisScale, values: &[f64]) -> Axis {
        Axis::over(scale, values.iter().copied(), 100.0, 500.0)
    }

    fn named(axis: &Axis, most: usize) -> Vec<String> {
        axis.ticks(most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_of_a_log_axis_are_powers_of_ten_where_they_belong() {
        let axis = axis(AxisScale::Log, &[30.0, 2e5]);
        for tick in axis.ticks(8) {
            let power = match tick.label.as_str() {
                "100" => 2,
                "1k" => 3,
                "10k" => 4,
                "10²" => 2,
                "10³" => 3,
                "10⁴" => 4,
                "10⁵" => 5,
                other => panic!("{other}"),
            };
            assert!((axis.at(10f64.powi(power)) - tick.at).abs() < 1e-6, "{tick:?}");
        }
        assert_eq!(named(&axis, 8), ["10²", "10³", "10⁴", "10⁵"]);
    }

    #[test]
    fn the_step_axis_begins_at_0_and_goes_by_decades() {
        let axis = axis(AxisScale::Steps, &[0.0, 10000.0]);
        assert_eq!(named(&axis, 8), ["0", "10", "100", "1k", "10k"]);
        for step in [0.0, 3.0, 99.0, 10000.0] {
            let wanted = 100.0 + 400.0 * f64::ln(1.0 + step) / f64::ln(10001.0);
            assert!((axis.at(step) - wanted).abs() < 1e-9);
        }
    }

    #[test]
    fn linear_ticks_are_round_and_short() {
        let millions = ["0", "0.2M", "0.4M", "0.6M", "0.8M", "1.0M"];
        assert_eq!(named(&axis(AxisScale::Linear, &[0.0, 1001000.0]), 5), millions);
        assert_eq!(named(&axis(AxisScale::Linear, &[-1.0, 1.0]), 5), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(named(&axis(AxisScale::Linear, &[0.0, 8e12]), 4), ["0", "2·10¹²", "4·10¹²", "6·10¹²", "8·10¹²"]);
        assert_eq!(named(&axis(AxisScale::Linear, &[-90.0, 80.0]), 2), ["−50", "0", "50"], "never one alone");
    }

    #[test]
    fn ticks_of_tenfolds_say_what_the_error_is_divided_by() {
        let named = |values: &[f64], most: usize| named(&axis(AxisScale::Tenfolds, values), most);
        assert_eq!(named(&[-1.0, 4.0], 8), ["× 10", "1", "÷ 10", "÷ 100", "÷ 1000", "÷ 1e4"]);
        assert_eq!(named(&[0.0, 6.0], 4), ["1", "÷ 100", "÷ 1e4", "÷ 1e6"]);
        assert_eq!(named(&[-0.3, 0.75], 8), ["× 2", "× 1.5", "1", "÷ 1.5", "÷ 2", "÷ 3", "÷ 5"]);
        assert_eq!(named(&[-0.02, 0.03], 8), ["× 1.04", "× 1.02", "1", "÷ 1.02", "÷ 1.04", "÷ 1.06"]);
        assert_eq!(named(&[-9.0, 80.0], 4), ["1", "÷ 1e24", "÷ 1e48", "÷ 1e72"]);
        let axis = axis(AxisScale::Tenfolds, &[-1.0, 4.0]);
        for (tick, tenfolds) in axis.ticks(8).iter().zip([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]) {
            assert!((tick.at - axis.at(tenfolds)).abs() < 1e-9, "{tick:?}");
        }
    }

    #[test]
    fn any_numbers_at_all_give_an_axis_with_ticks_within_it() {
        let sets: [&[f64]; 12] = [
            &[],
            &[f64::NAN],
            &[f64::INFINITY, f64::NEG_INFINITY],
            &[0.0],
            &[7.0, 7.0],
            &[5e-324, 1e-310],
            &[1e-30],
            &[1e30, -1e30],
            &[f64::MAX, f64::MIN],
            &[f64::MAX, 5e-324],
            &[1e6, 1e6 + 1e-9],
            &[-3.0, -2.0],
        ];
        for scale in [AxisScale::Linear, AxisScale::Log, AxisScale::Steps, AxisScale::Tenfolds] {
            for values in sets {
                let axis = axis(scale, values);
                let ticks = axis.ticks(6);
                assert!((1..=13).contains(&ticks.len()), "{scale:?} {values:?} {ticks:?}");
                for tick in ticks {
                    assert!((99.9..500.1).contains(&tick.at), "{scale:?} {values:?} {tick:?}");
                    assert!(tick.label.chars().count() <= 12, "{tick:?}");
                }
                for &value in values {
                    assert!((100.0..=500.0).contains(&axis.at(value)), "{scale:?} {value}");
                }
                assert!(axis.between().len() < 60);
            }
        }
    }
}

//! The colours of a chart by what they are for.

/// A page's variables in a light scheme: what `var(--…)` of [`super::for_page`] stands for. Each series colour has a
/// contrast of 3 : 1 at least with the paper; blue, vermillion and green are Okabe & Ito's (2008), the two reds after
/// them Paul Tol's (2021). Series differ by the shape of their markers too.
pub const LIGHT: [(&str, &str); 12] = [
    ("--ink", "#1A1C20"),
    ("--muted", "#5B616B"),
    ("--grid", "#D9DCE1"),
    ("--paper", "#FFFFFF"),
    ("--c0", "#0072B2"),
    ("--c1", "#D55E00"),
    ("--c2", "#009E73"),
    ("--c3", "#AA4499"),
    ("--c4", "#2E97BF"),
    ("--c5", "#B07D00"),
    ("--c6", "#882255"),
    ("--c7", "#7A7A22"),
];

/// The same in a dark scheme.
pub const DARK: [(&str, &str); 12] = [
    ("--ink", "#E6E8EB"),
    ("--muted", "#A3AAB3"),
    ("--grid", "#30363D"),
    ("--paper", "#14171A"),
    ("--c0", "#4FA8E0"),
    ("--c1", "#EE7733"),
    ("--c2", "#33BB99"),
    ("--c3", "#D07CC8"),
    ("--c4", "#88CCEE"),
    ("--c5", "#E6B030"),
    ("--c6", "#E5809F"),
    ("--c7", "#BBBB55"),
];

/// Series that have a colour of their own; the next one begins again.
const SERIES: usize = 8;

/// What something is drawn with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Colour {
    Ink,
    Muted,
    Grid,
    Paper,
    Series(usize),
    /// Whatever the scheme.
    Fixed(u8, u8, u8),
}

impl Colour {
    /// As `#RRGGBB`, of the light scheme.
    pub fn hex(self) -> String {
        let at = match self {
            Colour::Ink => 0,
            Colour::Muted => 1,
            Colour::Grid => 2,
            Colour::Paper => 3,
            Colour::Series(nth) => 4 + nth % SERIES,
            Colour::Fixed(r, g, b) => return format!("#{r:02X}{g:02X}{b:02X}"),
        };
        LIGHT[at].1.to_owned()
    }

    pub fn rgb(self) -> (u8, u8, u8) {
        let hex = self.hex();
        let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or(0);
        (part(1), part(3), part(5))
    }
}

/// Relative luminance, 0 … 1 (WCAG 2).
pub(super) fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// The colour of a value from −1 to 1: blue, nearly white, orange. A larger size is always darker.
pub(super) fn diverging(value: f64) -> Colour {
    const BLUE: [f64; 3] = [33.0, 102.0, 172.0];
    const WHITE: [f64; 3] = [246.0, 246.0, 245.0];
    const ORANGE: [f64; 3] = [202.0, 92.0, 18.0];
    let end = if value < 0.0 { BLUE } else { ORANGE };
    let part = value.abs().min(1.0);
    let mix = |at: usize| (WHITE[at] + part * (end[at] - WHITE[at])).round() as u8;
    Colour::Fixed(mix(0), mix(1), mix(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(hex: &str) -> (u8, u8, u8) {
        let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (part(1), part(3), part(5))
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(rgb(a)), luminance(rgb(b)));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn luminance_is_that_of_wcag() {
        assert_eq!(luminance((0, 0, 0)), 0.0);
        assert!((luminance((255, 255, 255)) - 1.0).abs() < 1e-12);
        // #777777 on white has the known contrast of 4.48.
        assert!((contrast("#777777", "#FFFFFF") - 4.48).abs() < 0.005);
    }

    #[test]
    fn text_and_series_stand_out_from_the_paper_in_both_schemes() {
        for scheme in [LIGHT, DARK] {
            let paper = scheme[3].1;
            assert!(contrast(scheme[0].1, paper) >= 7.0);
            assert!(contrast(scheme[1].1, paper) >= 4.5);
            for (name, colour) in &scheme[4..] {
                assert!(contrast(colour, paper) >= 3.0, "{name} {colour}");
            }
        }
        assert_eq!(LIGHT.map(|(name, _)| name), DARK.map(|(name, _)| name));
    }

    #[test]
    fn a_larger_size_is_darker_and_never_one_of_the_scheme() {
        for sign in [-1.0, 1.0] {
            let steps: Vec<f64> = (0..=20).map(|i| luminance(diverging(sign * f64::from(i) / 20.0).rgb())).collect();
            assert!(steps.windows(2).all(|pair| pair[1] < pair[0]));
        }
        for value in -100..=100 {
            let hex = diverging(f64::from(value) / 100.0).hex();
            assert!(LIGHT.iter().all(|(_, known)| *known != hex), "{hex}");
        }
    }
}

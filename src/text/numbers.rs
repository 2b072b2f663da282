//! How numbers are spelt: as files have them, and as people read them.

/// A number as pandas and polars both read it: the shortest form that reads back as the same f64, always with a point or
/// an exponent, or `NaN`, `inf`, `-inf`.
pub fn number(value: f64) -> String {
    format!("{value:?}")
}

/// Four significant digits.
pub fn short(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => format!("{value:?}"),
        0.0 => "0".to_owned(),
        size if !(1e-3..1e6).contains(&size) => format!("{value:.3e}"),
        size => format!("{value:.*}", (3 - size.log10().floor() as i32).clamp(0, 6) as usize),
    }
}

/// Four significant digits, without zeros at their end.
pub fn trimmed(value: f64) -> String {
    let text = short(value);
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", trim(digits)),
        None => trim(&text),
    }
}

/// Five decimals, of what is mostly from 0 to 1.
pub fn ratio(value: f64) -> String {
    if !value.is_finite() || value.abs() >= 1e4 { short(value) } else { format!("{value:.5}") }
}

/// Eight significant digits, as an f32 is printed.
pub fn figure(value: f64) -> String {
    if value == 0.0 || (1e-4..1e7).contains(&value.abs()) {
        let digits = if value == 0.0 { 1 } else { (7 - value.abs().log10().floor() as i32).clamp(0, 8) as usize };
        trim(&format!("{value:.digits$}"))
    } else if value.is_finite() {
        format!("{value:.7e}")
    } else {
        format!("{value:?}")
    }
}

fn trim(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// Three decimals and a sign, but of 0 none.
pub fn signed(value: f64) -> String {
    let text = format!("{value:+.3}");
    if text == "-0.000" || text == "+0.000" { "0.000".to_owned() } else { text }
}

pub fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// An estimate of a time, as `about 12 min`.
pub fn about(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => "under 0.1 s".to_owned(),
        s if s < 10.0 => format!("about {s:.1} s"),
        s if s < 90.0 => format!("about {s:.0} s"),
        s if s < 90.0 * 60.0 => format!("about {:.0} min", s / 60.0),
        s => format!("about {:.1} h", s / 3600.0),
    }
}

/// An estimate of a number of hours, from seconds.
pub fn about_hours(seconds: f64) -> String {
    match seconds / 3600.0 {
        h if h < 0.001 => "under 0.001".to_owned(),
        h if h < 0.1 => format!("about {h:.3}"),
        h if h < 10.0 => format!("about {h:.2}"),
        h => format!("about {h:.0}"),
    }
}

/// A size in units of a thousand: MB, GB, TB.
pub fn megabytes(bytes: f64) -> String {
    match bytes {
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b if b < 1e12 => format!("{:.1} GB", b / 1e9),
        b => format!("{:.1} TB", b / 1e12),
    }
}

/// A size in units of 1024³ bytes.
pub fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

/// A rate, as `12 k`.
pub fn thousands(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e3 => format!("{:.0} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// A time that passes, as `1:02:03`.
pub fn clock(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// `0-5, 8` for the ascending numbers 0 to 5 and 8.
pub fn ranges(numbers: impl IntoIterator<Item = u64>, between: &str) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let shown = |&(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(shown).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_point_or_an_exponent_and_read_back_as_themselves() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (2.0100101e14, "201001010000000.0"),
            (f64::from(2.0100101e14_f32), "201001013346304.0"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
            (0.1, "0.1"),
        ] {
            assert_eq!(number(value), text);
            assert_eq!(number(value).parse::<f64>(), Ok(value));
        }
        assert_eq!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(number), ["NaN", "inf", "-inf"]);
    }

    #[test]
    fn figures_keep_the_digits_of_an_f32() {
        assert_eq!(figure(201001000998912.0), "2.0100100e14");
        assert_eq!(figure(f64::from(2.0100101e14_f32)), "2.0100101e14");
        assert_eq!(figure(1.0), "1");
        assert_eq!(figure(420.5), "420.5");
        assert_eq!(figure(0.0), "0");
        assert_eq!(figure(f64::INFINITY), "inf");
    }

    #[test]
    fn no_difference_has_no_sign() {
        assert_eq!([0.0, -0.0001, 0.0004, 0.5, -1.0].map(signed), ["0.000", "0.000", "0.000", "+0.500", "-1.000"]);
    }
}

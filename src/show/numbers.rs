//! Numbers as people read them.

/// Four significant digits.
pub fn short(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => format!("{value:?}"),
        0.0 => "0".to_owned(),
        size if !(1e-3..1e6).contains(&size) => format!("{value:.3e}"),
        size => format!("{value:.*}", (3 - size.log10().floor() as i32).clamp(0, 6) as usize),
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

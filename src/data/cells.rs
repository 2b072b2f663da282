//! What the cell of somebody's CSV may be. Cells are trimmed.

/// The defaults of pandas' `read_csv`, 2 and 3.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Whether a cell says that its value is missing.
pub fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell)
}

/// A cell as a text. An integer is one with or without a point: pandas writes `1.0` where some of a column are missing.
pub fn as_text(cell: &str) -> &str {
    match cell.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|digit| digit == b'0') && whole.parse::<i128>().is_ok() => whole,
        _ => cell,
    }
}

/// Whether a cell is a number with commas in it, as `2,5`, `1.234,5`, `1,234.5` or `1,234,567`.
pub fn is_comma_number(cell: &str) -> bool {
    let text = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let grouped = |(group, point): (char, char)| {
        let (whole, fraction) = text.split_once(point).unwrap_or((text, "0"));
        let (fraction, exponent) = fraction.split_once(['e', 'E']).unwrap_or((fraction, "0"));
        let groups = match whole.split_once(group) {
            Some((first, rest)) => {
                first.len() <= 3 && digits(first) && rest.split(group).all(|g| g.len() == 3 && digits(g))
            }
            None => digits(whole),
        };
        groups && digits(fraction) && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
    };
    text.contains(',') && [('.', ','), (',', '.')].into_iter().any(grouped)
}

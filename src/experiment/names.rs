//! What may be a name: of an experiment, which becomes a folder, and of a variant or fix, which becomes a key or a column.

use super::reader::shorten;

/// The columns that every `runs.csv` has; a fix is a further one, so it cannot have their names.
pub const RUN_COLUMNS: [&str; 8] =
    ["variant", "seed", "outcome", "steps", "first_loss", "last_loss", "test_rmse", "r2"];

/// A name becomes a folder's name, so it must stay inside the results folder on every system.
pub fn check_name(name: &str) -> Result<(), String> {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    let device = RESERVED.contains(&stem.as_str())
        || (stem.len() == 4
            && (stem.starts_with("com") || stem.starts_with("lpt"))
            && stem.ends_with(|c: char| c.is_ascii_digit()));
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '+' | '=');
    if name.is_empty()
        || name.len() > 100
        || !name.chars().all(fits)
        || name.starts_with(['.', ' ', '-'])
        || name.ends_with(['.', ' '])
        || device
    {
        return Err(format!(
            "{:?} cannot name a folder: use 1 to 100 letters, digits, '-', '_', '+', '=', '.' or spaces, beginning with a letter or digit",
            shorten(name)
        ));
    }
    Ok(())
}

/// A variant's or fix's name goes into CSV keys, headers and file selectors (`folder#variant`).
pub fn check_label(name: &str) -> Result<(), String> {
    const MISSING: [&str; 16] = [
        "na",
        "n/a",
        "#n/a",
        "nan",
        "-nan",
        "<na>",
        "null",
        "none",
        "nil",
        "inf",
        "-inf",
        "+inf",
        "infinity",
        "-infinity",
        "true",
        "false",
    ];
    if name.parse::<f64>().is_ok() || MISSING.contains(&name.to_lowercase().as_str()) {
        return Err(format!(
            "{name:?} cannot be a name: a CSV reader takes it for a number or a missing value, add a word"
        ));
    }
    let fits = |c: char| !c.is_control() && !matches!(c, ',' | '"' | '#' | '\u{2028}' | '\u{2029}');
    if name.is_empty() || name.len() > 200 || name.trim() != name || !name.chars().all(fits) {
        return Err(format!(
            "{:?} cannot be a name: use 1 to 200 bytes without commas, quotes, '#', control characters or spaces at the ends",
            shorten(name)
        ));
    }
    Ok(())
}

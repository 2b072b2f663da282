//! What may be a name: of an experiment, which becomes a folder, and of a variant or fix, which becomes a key or a column.

use crate::text::{is_unseen, shorten};

/// The columns that every `runs.csv` has; a fix is a further one, so it cannot have their names.
pub const RUN_COLUMNS: [&str; 13] = [
    "variant",
    "seed",
    "outcome",
    "steps",
    "first_loss",
    "last_loss",
    "test_rmse",
    "r2",
    "accuracy",
    "train_rmse",
    "best_step",
    "engine",
    "kind",
];

/// File systems take names of 255 bytes; what is left of them is for what a folder's name gets behind it, as `-diagnosis`.
const MOST_BYTES: usize = 200;

/// A name becomes a folder's name, so it must stay inside the results folder on every system.
pub fn check_name(name: &str) -> Result<(), String> {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    // Windows takes a name for the device whatever ending it has, and whatever spaces stand before that.
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let device = RESERVED.contains(&stem.as_str())
        || port.is_some_and(|port| {
            let mut number = port.chars();
            number.next().is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c)) && number.next().is_none()
        });
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '+' | '=');
    if name.is_empty()
        || name.chars().count() > 100
        || name.len() > MOST_BYTES
        || !name.chars().all(fits)
        || name.starts_with(['.', ' ', '-'])
        || name.ends_with(['.', ' '])
        || device
    {
        return Err(format!(
            "{:?} cannot name a folder: {}",
            shorten(name),
            if device {
                "on some systems it is a device's: give it another"
            } else {
                "use 1 to 100 letters, digits, '-', '_', '+', '=', '.' or spaces, beginning with a letter or digit"
            }
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
    if name.is_empty() || name.len() > MOST_BYTES || name.trim() != name || !name.chars().all(fits_a_label) {
        return Err(format!(
            "{:?} cannot be a name: use 1 to 200 bytes without commas, quotes, '#', control or unseen characters or spaces at the ends",
            shorten(name)
        ));
    }
    Ok(())
}

/// Whether a character may stand in a label: none that ends a field of a CSV or a line, and none that is not seen, with which
/// two names look the same or read otherwise than they are.
pub fn fits_a_label(c: char) -> bool {
    !c.is_control() && !is_unseen(c) && !matches!(c, ',' | '"' | '#' | '\u{2028}' | '\u{2029}')
}

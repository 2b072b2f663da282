//! Texts and names that are a stranger's, as a message may show them.

use std::collections::HashSet;

use super::suggest::near;

/// `text` with its control characters escaped, and those that are not seen or turn the text around them; but not the joiners,
/// which some scripts are written with.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        let unseen = is_unseen(c) && !matches!(c, '\u{200c}' | '\u{200d}');
        if c.is_control() || unseen || matches!(c, '\u{2028}' | '\u{2029}') {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
    }
    line
}

/// Characters that turn the direction of a text, join or part letters, or take no room at all.
pub fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Keeps a hostile text from filling the terminal.
pub fn shorten(text: &str) -> String {
    cut(text, 80)
}

/// At most so many characters of a text, and a sign where there were more.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Different names as a sentence lists them: `a, b or c`.
pub fn one_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const MOST: usize = 16;
    let mut seen = HashSet::new();
    let mut listed: Vec<String> = Vec::new();
    for name in names {
        if seen.insert(name) && listed.len() < MOST {
            listed.push(shorten(name));
        }
    }
    if seen.len() > MOST {
        return format!("{} or {} more", listed.join(", "), seen.len() - MOST);
    }
    match listed.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// `unknown key "stepz", did you mean "steps"? accepted: steps, epochs or log_points`
pub fn unknown<'n>(what: &str, given: &str, accepted: impl Iterator<Item = &'n str> + Clone) -> String {
    let given = shorten(given);
    let near = near(&given, accepted.clone());
    let hint = near.map(|name| format!(", did you mean {name:?}?")).unwrap_or_else(|| ",".to_owned());
    format!("unknown {what} {given:?}{hint} accepted: {}", one_of(accepted))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

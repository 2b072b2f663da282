//! Texts and names that are a stranger's, as a message may show them.

use std::collections::{HashMap, HashSet};

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

/// Names of at most `most` characters, an ellipsis in place of what is left out of the middle. Different names stay
/// different: where two would be cut to the same text, what they differ in is kept, and if that does not do, all of it.
pub fn apart(names: &[&str], most: usize) -> Vec<String> {
    let mut shown: Vec<String> = names.iter().map(|name| without_middle(name, most)).collect();
    for at in 0..names.len() {
        let alike: Vec<usize> = (at..names.len()).filter(|&other| shown[other] == shown[at]).collect();
        let group: Vec<&str> = alike.iter().map(|&at| names[at]).collect();
        if group.iter().all(|name| *name == group[0]) {
            continue;
        }
        for (&at, text) in alike.iter().zip(around_differences(&group, most)) {
            shown[at] = text;
        }
    }
    // What was lengthened for one neighbour may have met another.
    let mut owners: HashMap<&str, &str> = HashMap::new();
    let clash =
        shown.iter().zip(names).any(|(text, name)| owners.insert(text, name).is_some_and(|other| other != *name));
    if clash { names.iter().map(|&name| name.to_owned()).collect() } else { shown }
}

/// A long name without its middle.
fn without_middle(name: &str, most: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= most {
        return name.to_owned();
    }
    let part = |letters: &[char]| letters.iter().collect::<String>();
    format!("{}…{}", part(&letters[..most / 2]), part(&letters[letters.len() - (most / 2).saturating_sub(1)..]))
}

/// Names that begin and end alike, cut where they do: how all begin, then from the first place on where two differ.
fn around_differences(names: &[&str], most: usize) -> Vec<String> {
    let letters: Vec<Vec<char>> = names.iter().map(|name| name.chars().collect()).collect();
    let shortest = letters.iter().map(Vec::len).min().unwrap_or(0);
    let alike = |nth: &usize| letters.iter().all(|name| name[*nth] == letters[0][*nth]);
    let begin = (0..shortest).take_while(alike).count();
    // A few letters before the difference say where it is.
    let from = begin.saturating_sub(4);
    let head: String = letters[0][..(most / 4).min(from)].iter().collect();
    let rest = |name: &Vec<char>| name[from..].iter().collect::<String>();
    let cut =
        letters.iter().map(|name| format!("{head}…{}", without_middle(&rest(name), most.saturating_sub(most / 4 + 1))));
    let cut: Vec<String> = cut.collect();
    let different: HashSet<&String> = cut.iter().collect();
    let whole: HashSet<&&str> = names.iter().collect();
    if different.len() == whole.len() { cut } else { names.iter().map(|&name| name.to_owned()).collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_cut_stay_different() {
        let long = "linear-output+scaled-input+scaled-target+matched-pairing";
        let other = "linear-output+scaled-input+fresh-batches+matched-pairing";
        let shown = apart(&["answer", long, other, long], 24);
        assert_eq!(shown[0], "answer");
        assert!(shown[1] != shown[2] && shown[1] == shown[3], "{shown:?}");
        assert!(shown.iter().all(|name| name.chars().count() <= 25), "{shown:?}");
        assert_eq!(apart(&[long], 11), ["linea…ring"]);
        // Whatever the names, as many texts as there are names.
        let many: Vec<String> =
            (0..300).map(|nth| format!("{}{}{}{}", "a".repeat(40), nth / 20, "b".repeat(40), nth % 20)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let shown: HashSet<String> = apart(&many, 20).into_iter().collect();
        assert_eq!(shown.len(), 300);
    }
}

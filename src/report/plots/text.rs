//! Text that fits: what may stand in XML, how wide it is, where it is cut off.

/// Advance widths of DejaVu Sans 2.37 from U+0020 on, in hundredths of the font's size. Few fonts are wider.
const WIDTHS: [u8; 95] = [
    32, 41, 46, 84, 64, 96, 78, 28, 40, 40, 50, 84, 32, 37, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 54, 100, 69, 69, 70, 78, 64, 58, 78, 76, 30, 30, 66, 56, 87, 75, 79, 61, 79, 70, 64, 62, 74, 69, 99, 69,
    62, 69, 40, 34, 40, 84, 50, 50, 62, 64, 55, 64, 62, 36, 64, 64, 28, 28, 58, 28, 98, 64, 62, 64, 64, 42, 53, 40, 64,
    60, 82, 60, 60, 53, 64, 34, 64, 84,
];

/// The text's width in px at a font size in px; of what is not ASCII an upper estimate.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let hundredths = |c: char| -> f64 {
        match c {
            ' '..='~' => f64::from(WIDTHS[c as usize - ' ' as usize]),
            '²' | '³' | '¹' => 41.0,
            '\u{2070}'..='\u{209f}' => 45.0,
            '\u{80}'..='\u{10ff}' => 91.0,
            _ => 103.0,
        }
    };
    text.chars().map(hundredths).sum::<f64>() * size / 100.0
}

/// On one line, without what XML may not contain and without marks that turn the direction of the text around them.
pub(super) fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let never = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}') || turns(c);
    let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    spaced.chars().filter(|&c| !never(c)).collect::<String>().trim().to_owned()
}

/// Cleaned, and cut off where nobody reads on.
pub(super) fn brief(text: &str) -> String {
    const MOST: usize = 100;
    let text = clean(text);
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text,
    }
}

/// Cleaned, and cut off so that it is at most `room` px wide.
pub(super) fn shorten(text: &str, size: f64, room: f64) -> String {
    let text = clean(text);
    if width(&text, size) <= room {
        return text;
    }
    let mut short = String::new();
    let mut used = width("…", size);
    for c in text.chars() {
        used += width(c.encode_utf8(&mut [0; 4]), size);
        if used > room {
            break;
        }
        short.push(c);
    }
    format!("{}…", short.trim_end())
}

/// On lines of at most `room` px, `most` lines; the last one cut off.
pub(super) fn wrap(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let text = clean(text);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        let full = lines.len() >= most;
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) if width(&longer, size) <= room => *line = longer,
            // Too long on purpose: it is cut off below.
            (Some(longer), Some(line)) if full => *line = longer,
            _ => lines.push(word.to_owned()),
        }
    }
    lines.into_iter().map(|line| shorten(&line, size, room)).collect()
}

/// As XML, in text and in attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_off_to_fit_and_a_short_one_is_left() {
        assert_eq!(shorten("answer", 12.0, 100.0), "answer");
        let cut = shorten(&"long ".repeat(100), 12.0, 100.0);
        assert!(cut.ends_with("long…") && width(&cut, 12.0) <= 100.0, "{cut}");
        assert_eq!(shorten("answer", 12.0, 0.0), "…");
        assert_eq!(brief("answer"), "answer");
        assert_eq!(brief(&"é".repeat(101)), format!("{}…", "é".repeat(100)));
    }

    #[test]
    fn lines_hold_whole_words_and_the_last_one_says_that_there_was_more() {
        assert_eq!(wrap("one two three", 10.0, 60.0, 3), ["one two", "three"]);
        let lines = wrap("one two three four five", 10.0, 60.0, 2);
        assert_eq!(lines[0], "one two");
        assert!(lines[1].ends_with('…') && lines.len() == 2, "{lines:?}");
    }

    #[test]
    fn what_xml_may_not_contain_or_turns_text_around_is_gone() {
        assert_eq!(clean("a\u{0}b\u{1b}[1mc\nd\u{202e}e\u{ffff}"), "ab[1mc de");
        assert_eq!(escape("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
    }
}

//! How wide the terminal is, and texts that fit into it.

use std::sync::OnceLock;

use anstream::adapter::strip_str;
use unicode_width::UnicodeWidthStr;

static COLUMNS: OnceLock<usize> = OnceLock::new();

/// Says for the whole process how many columns the terminal has that standard output is. In a pipe nobody says so, and texts
/// have one fixed form.
pub fn set_columns(columns: usize) {
    let _ = COLUMNS.set(columns);
}

/// Columns of the terminal, if standard output is one.
pub fn columns() -> Option<usize> {
    COLUMNS.get().copied()
}

/// Columns that a line takes, its colours none.
pub fn width(line: &str) -> usize {
    strip_str(line).to_string().width()
}

/// Lines that are longer than `columns` broken between words, each rest as far from the left as its line begins. A word that is
/// longer than a line stays whole: it may be a path, or a command to copy.
pub fn wrap(text: &str, columns: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if width(line) <= columns {
            wrapped += line;
        } else {
            wrap_line(line, columns, &mut wrapped);
        }
        wrapped += end;
    }
    wrapped
}

fn wrap_line(line: &str, columns: usize, wrapped: &mut String) {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let margin = " ".repeat(indent.min(columns / 2));
    *wrapped += &margin;
    let mut taken = margin.len();
    let mut first = true;
    for word in line[indent..].split(' ') {
        let wide = width(word);
        if !first && taken + 1 + wide > columns {
            let kept = wrapped.trim_end_matches(' ').len();
            wrapped.truncate(kept);
            *wrapped += "\n";
            *wrapped += &margin;
            taken = margin.len();
        } else if !first {
            wrapped.push(' ');
            taken += 1;
        }
        *wrapped += word;
        taken += wide;
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_between_words_and_short_ones_stay() {
        assert_eq!(wrap("one two three\nfour\n", 8), "one two\nthree\nfour\n");
        assert_eq!(wrap("  one two three", 9), "  one two\n  three");
        assert_eq!(wrap("a results/very/long/path b", 10), "a\nresults/very/long/path\nb");
        // Colours take no room, wide letters two columns.
        assert_eq!(wrap("\u{1b}[31mone two\u{1b}[0m", 7), "\u{1b}[31mone two\u{1b}[0m");
        assert_eq!(wrap("数据 数据", 8), "数据\n数据");
    }
}

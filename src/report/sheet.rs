//! A table that can be shown in a terminal or in Markdown.

use anstream::adapter::strip_str;

use super::folded;
use super::table::table;
use crate::text::room;

pub struct Sheet {
    header: Vec<String>,
    /// Columns of numbers, whose cells end below one another.
    right: Vec<usize>,
    /// Columns at the left that say what a row is of.
    keys: usize,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    pub fn new(header: &[&str], right: &[usize]) -> Self {
        let header = header.iter().map(|&name| name.to_owned()).collect();
        Sheet { header, right: right.to_vec(), keys: 1, rows: Vec::new() }
    }

    /// So many columns at the left stand again where the others are folded; 1 unless it is said.
    pub fn keys(self, keys: usize) -> Self {
        Sheet { keys, ..self }
    }

    /// Cells of one line each; they may be coloured.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn terminal(&self) -> String {
        let header: Vec<&str> = self.header.iter().map(String::as_str).collect();
        let mut table = table(&header);
        for row in &self.rows {
            table.add_row(row);
        }
        folded::lines(table, &self.right, self.keys, room::columns())
    }

    /// As GitHub's Markdown has it. Whatever is markup in a cell stands there as itself.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| escaped(&strip_str(cell).to_string())).collect();
            format!("| {} |", cells.join(" | "))
        };
        let rule = |column: usize| if self.right.contains(&column) { "---:" } else { "---" };
        let rules: Vec<&str> = (0..self.header.len()).map(rule).collect();
        let mut lines = vec![line(&self.header), format!("| {} |", rules.join(" | "))];
        lines.extend(self.rows.iter().map(|row| line(row)));
        lines.join("\n")
    }
}

/// A text in which Markdown and HTML find nothing to do.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '@' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_a_cell_stands_there_as_itself() {
        let mut sheet = Sheet::new(&["a|b", "c"], &[1]);
        sheet.row(["<b>*x*</b>".to_owned(), crate::report::style::bad("1")]);
        assert_eq!(sheet.markdown(), "| a\\|b | c |\n| --- | ---: |\n| &lt;b>\\*x\\*&lt;/b> | 1 |");
    }
}

//! Tables that fit into a terminal: text wraps in its column, and columns for which there is no room stand below the others.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};

use crate::text::room::width;

/// What a column of text takes at least, if its words are no longer than that.
const NARROW: usize = 14;
/// A word as long as this may be broken.
const LONG_WORD: usize = 24;
/// The blanks around a cell.
const PADDING: usize = 2;

/// A table's lines. Those wider than `columns`, if there is a limit, are folded: the first `keys` columns, which say what a row
/// is of, stand again before the columns that follow. Nothing is left out. `right` are columns of numbers, which never wrap.
pub fn lines(mut table: Table, right: &[usize], keys: usize, columns: Option<usize>) -> String {
    align(&mut table, right);
    let whole = shown(&table);
    let Some(columns) = columns.filter(|&columns| whole.lines().any(|line| width(line) > columns)) else {
        return whole;
    };
    let grid: Vec<Vec<String>> = table
        .header()
        .into_iter()
        .chain(table.row_iter())
        .map(|row| row.cell_iter().map(|cell| cell.content()).collect())
        .collect();
    let count = grid.iter().map(Vec::len).max().unwrap_or(0);
    let texts = |column: usize| grid.iter().filter_map(move |row| row.get(column)).flat_map(|cell| cell.lines());
    let natural: Vec<usize> = (0..count).map(|column| texts(column).map(width).max().unwrap_or(0)).collect();
    let least = |column: usize| {
        if right.contains(&column) {
            return natural[column];
        }
        let words = texts(column).flat_map(|line| line.split(' ')).map(width).max().unwrap_or(0);
        natural[column].min(words.clamp(NARROW, LONG_WORD)).min(columns.saturating_sub(PADDING).max(1))
    };
    let least: Vec<usize> = (0..count).map(least).collect();
    let room = |chosen: &[usize]| chosen.iter().map(|&column| least[column] + PADDING).sum::<usize>();
    // Keys that leave no room for anything else do not stand again.
    let keys: Vec<usize> = (0..keys.min(count)).collect();
    let widest = (keys.len()..count).map(|column| least[column] + PADDING).max().unwrap_or(0);
    let keys = if room(&keys) + widest <= columns { keys } else { Vec::new() };
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    let mut block = keys.clone();
    for (column, least) in least.iter().enumerate().skip(keys.len()) {
        if block.len() > keys.len() && room(&block) + least + PADDING > columns {
            blocks.push(std::mem::replace(&mut block, keys.clone()));
        }
        block.push(column);
    }
    blocks.push(block);
    let shown = blocks.iter().map(|block| {
        let widths = widths(block, &least, &natural, columns);
        self::block(&grid, block, &widths, right, columns)
    });
    shown.collect::<Vec<_>>().join("\n\n")
}

/// Each column's room: what it needs at least, and what is left over to those that want more, the first ones first.
fn widths(block: &[usize], least: &[usize], natural: &[usize], columns: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = block.iter().map(|&column| least[column]).collect();
    let taken: usize = widths.iter().map(|width| width + PADDING).sum();
    let mut left = columns.saturating_sub(taken);
    for (width, &column) in widths.iter_mut().zip(block) {
        let more = (natural[column] - *width).min(left);
        *width += more;
        left -= more;
    }
    widths
}

fn block(grid: &[Vec<String>], block: &[usize], widths: &[usize], right: &[usize], columns: usize) -> String {
    let cells = |row: &Vec<String>| -> Vec<String> {
        block.iter().map(|&column| row.get(column).cloned().unwrap_or_default()).collect()
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    let mut rows = grid.iter();
    rows.next().map(|header| table.set_header(cells(header)));
    rows.for_each(|row| {
        table.add_row(cells(row));
    });
    for (nth, &wide) in widths.iter().enumerate() {
        if let Some(column) = table.column_mut(nth) {
            let wide = u16::try_from(wide.min(columns) + PADDING).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(wide)));
        }
    }
    let right: Vec<usize> = (0..block.len()).filter(|&nth| right.contains(&block[nth])).collect();
    align(&mut table, &right);
    shown(&table)
}

fn align(table: &mut Table, right: &[usize]) {
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn shown(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::style::good;
    use super::super::table::table;
    use super::*;

    fn wide() -> Table {
        let mut table = table(&["variant", "outcome", "test RMSE", "of B", "why"]);
        table.add_row([
            "answer",
            &good("fits 3/3"),
            "1526.123",
            "1963.456",
            "further apart than seeds are, at 9 places",
        ]);
        table.add_row(["a/very/long/name/without/any/blank", "partial", "1.0", "2.0", "–"]);
        table
    }

    #[test]
    fn every_cell_of_a_folded_table_is_there_and_no_line_is_longer_than_the_terminal() {
        for columns in [24, 40, 60, 80, 100] {
            let text = lines(wide(), &[2, 3], 1, Some(columns));
            assert!(text.lines().all(|line| width(line) <= columns), "{columns}\n{text}");
            let letters = |text: &str| -> String {
                anstream::adapter::strip_str(text).to_string().chars().filter(|c| !c.is_whitespace()).collect()
            };
            for cell in ["fits3/3", "1526.123", "1963.456", "partial"] {
                assert!(letters(&text).contains(cell), "{columns}: {cell}\n{text}");
            }
            for word in ["further", "apart", "places"] {
                assert!(text.contains(word), "{columns}: {word}\n{text}");
            }
        }
    }

    #[test]
    fn without_a_limit_or_with_room_enough_a_table_has_its_one_form() {
        let whole = lines(wide(), &[2, 3], 1, None);
        assert_eq!(lines(wide(), &[2, 3], 1, Some(200)), whole);
        assert_eq!(whole.lines().count(), 3);
    }

    #[test]
    fn the_first_column_stands_again_before_those_that_are_folded() {
        let text = lines(wide(), &[2, 3], 1, Some(60));
        let headers = text.lines().filter(|line| line.trim_start().starts_with("variant"));
        assert!(headers.count() > 1, "{text}");
    }
}

//! A comparison as a CSV, for notebooks.

use super::{Comparison, Difference, FileComparison};
use crate::results::rows::lines;
use crate::text::numbers::number;

const CSV_HEADER: [&str; 23] = [
    "file",
    "column",
    "verdict",
    "different",
    "rows",
    "missing",
    "extra",
    "differ",
    "beyond",
    "first_at",
    "max_abs",
    "max_abs_at",
    "max_abs_a",
    "max_abs_b",
    "max_rel",
    "max_rel_at",
    "noise_variant",
    "noise_at",
    "noise_difference",
    "noise_low",
    "noise_high",
    "noise_floor",
    "noise_multiple",
];

/// For each file a row without a column, of the file as a whole, and one for each column.
pub(super) fn csv(comparison: &Comparison) -> String {
    let mut text = lines([CSV_HEADER]);
    for file in &comparison.files {
        // Of the file as a whole: rows and columns that one side lacks are differences too, unless they are left out.
        let whole = file.incomparable.is_some() || (file.one_sided() && !comparison.common);
        let mut fields = vec![file.file.clone(), String::new(), of_file(file), u8::from(whole).to_string()];
        fields.extend([file.compared, file.missing, file.extra].map(|rows| rows.to_string()));
        fields.resize(CSV_HEADER.len(), String::new());
        text.push_str(&lines([fields]));
        for (columns, verdict) in [(&file.missing_columns, "only in A"), (&file.extra_columns, "only in B")] {
            for column in columns {
                let different = u8::from(!comparison.common).to_string();
                let mut fields = vec![file.file.clone(), column.clone(), verdict.to_owned(), different];
                fields.resize(CSV_HEADER.len(), String::new());
                text.push_str(&lines([fields]));
            }
        }
        for column in &file.columns {
            let at = |of: &Option<Difference>| of.as_ref().map_or_else(String::new, |d| d.at.join(","));
            let size = |of: &Option<Difference>| of.as_ref().map_or_else(String::new, |d| number(d.size));
            let largest = &column.largest_absolute;
            let mut fields = vec![
                file.file.clone(),
                column.column.clone(),
                column.verdict.word().to_owned(),
                u8::from(file.column_differs(column, comparison.within_noise)).to_string(),
                file.compared.to_string(),
                file.missing.to_string(),
                file.extra.to_string(),
                column.differ.to_string(),
                column.beyond.to_string(),
                at(&column.first),
                size(largest),
                at(largest),
                largest.as_ref().or(column.first.as_ref()).map_or_else(String::new, |d| d.a.clone()),
                largest.as_ref().or(column.first.as_ref()).map_or_else(String::new, |d| d.b.clone()),
                size(&column.largest_relative),
                at(&column.largest_relative),
            ];
            match file.noise.iter().find(|noise| noise.column == column.column) {
                Some(noise) => {
                    fields.extend([noise.variant.clone().unwrap_or_default(), noise.at.join(",")]);
                    let figures = [noise.difference, noise.low, noise.high, noise.noise_floor, noise.multiple];
                    fields.extend(figures.map(number));
                }
                None => fields.extend(std::iter::repeat_n(String::new(), 7)),
            }
            text.push_str(&lines([fields]));
        }
    }
    text
}

/// What there is to say of a file beside its columns.
fn of_file(file: &FileComparison) -> String {
    let missing = file.missing > 0 || !file.missing_columns.is_empty();
    let extra = file.extra > 0 || !file.extra_columns.is_empty();
    match (file.only_in, missing, extra) {
        (Some(side), ..) => format!("only in {side}"),
        _ if file.incomparable.is_some() => "not comparable".to_owned(),
        (_, true, true) => "some only in A, some only in B".to_owned(),
        (_, true, false) => "some only in A".to_owned(),
        (_, false, true) => "some only in B".to_owned(),
        _ => "same rows and columns".to_owned(),
    }
}

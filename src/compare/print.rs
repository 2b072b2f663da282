//! A comparison as people read it, in a terminal or in Markdown, and as programs do.

use std::fmt::Write;

use super::csv_form;
use super::print_tables::{
    MOST_ENDINGS, MOST_NAME, MOST_NOISE, MOST_SETTINGS, Names, columns, endings, noise, settings,
};
use super::{ColumnComparison, ColumnVerdict, Comparison, Ending, FileComparison, Noise, NoiseVerdict};
use crate::report::sheet::{Sheet, escaped};
use crate::report::style::{bad, good};
use crate::text::numbers::plural;
use crate::text::room::wrap;
use crate::text::{apart, one_line, room};

/// Columns that a sentence names, at most.
const MOST_COLUMNS: usize = 40;

pub fn table(comparison: &Comparison, changed: bool) -> String {
    text(
        &only(comparison, changed),
        &Form { show: Sheet::terminal, heading: "", item: "", plain: str::to_owned, fill: filled },
    )
}

pub fn markdown(comparison: &Comparison, changed: bool) -> String {
    text(
        &only(comparison, changed),
        &Form { show: Sheet::markdown, heading: "### ", item: "- ", plain: escaped, fill: escaped },
    )
}

/// For each file a row without a column, of the file as a whole, and one for each column.
pub fn csv(comparison: &Comparison, changed: bool) -> String {
    csv_form::csv(&only(comparison, changed))
}

/// All of it, or only what differs.
/// The comparison, or what of it differs.
pub fn only(comparison: &Comparison, changed: bool) -> Comparison {
    let mut comparison = comparison.clone();
    if changed {
        let within = comparison.within_noise;
        comparison.files.retain(|file| file.different);
        for file in &mut comparison.files {
            let within_asked = |column: &&ColumnComparison| column.differ > 0 && !file.column_differs(column, within);
            file.different_within = file.columns.iter().filter(within_asked).count();
            let differs: Vec<ColumnComparison> =
                file.columns.iter().filter(|column| file.column_differs(column, within)).cloned().collect();
            let untold = file.noise_total - file.noise.len();
            file.noise.retain(|noise| differs.iter().any(|column| column.column == noise.column));
            file.noise_total = file.noise.len() + untold;
            file.columns = differs;
        }
    }
    comparison
}

/// How text is written.
struct Form {
    show: fn(&Sheet) -> String,
    /// What stands before headings, and before items of a list.
    heading: &'static str,
    item: &'static str,
    /// A text that comes from files, as it must be written to stand there as itself.
    plain: fn(&str) -> String,
    /// A paragraph.
    fill: fn(&str) -> String,
}

/// Columns of a paragraph in a pipe.
const PARAGRAPH: usize = 120;

fn filled(paragraph: &str) -> String {
    wrap(paragraph, room::columns().unwrap_or(PARAGRAPH))
}

fn text(comparison: &Comparison, form: &Form) -> String {
    let Form { show, item, plain, .. } = form;
    let heading = |text: &str| format!("{}{}", form.heading, plain(text));
    let names = Names::of(comparison);
    let mut text = format!("{item}A  {}\n{item}B  {}\n", plain(&comparison.a), plain(&comparison.b));
    if let Some(left_out) = &comparison.left_out {
        let _ = writeln!(text, "{item}Left out: {}.", plain(left_out));
    }
    if !comparison.settings.is_empty() {
        let _ = writeln!(
            text,
            "\n{}\n\n{}",
            heading("Settings that differ"),
            show(&settings(&comparison.settings, &names))
        );
        let more = comparison.settings.len().saturating_sub(MOST_SETTINGS);
        if more > 0 {
            let _ = writeln!(text, "\n{more} more settings differ: --format json has all.");
        }
    }
    if !comparison.endings.is_empty() {
        let ended = heading(&ended(&comparison.endings));
        let _ = writeln!(text, "\n{ended}\n\n{}", show(&endings(&comparison.endings, &names)));
        let more = comparison.endings.get(MOST_ENDINGS..).unwrap_or_default();
        if !more.is_empty() {
            let how = match more.iter().filter(|ending| ending.unchanged).count() {
                0 => String::new(),
                all if all == more.len() => ", all unchanged".to_owned(),
                some => format!(", {some} of them unchanged"),
            };
            let more = plural(more.len(), "more variant", "more variants");
            let _ = writeln!(text, "\n{more}{how}: --format json has all; #VARIANT after both names shows one.");
        }
    }
    let mut noisy = false;
    for file in &comparison.files {
        let _ = writeln!(text, "\n{}", heading(&about(file, &names)));
        if file.columns.iter().any(|column| column.differ > 0) {
            let _ = writeln!(text, "\n{}", show(&columns(comparison, file, &names)));
            let same: Vec<String> = file
                .columns
                .iter()
                .filter(|column| column.differ == 0)
                .map(|column| one_line(&column.column))
                .collect();
            if !same.is_empty() {
                let _ = writeln!(text, "\nNo difference in {}.", plain(&same.join(", ")));
            }
        }
        let mut told: Vec<&Noise> = file.noise.iter().filter(|noise| worth_telling(noise)).collect();
        // What matters first; of that the largest multiples, as they come.
        told.sort_by_key(|noise| match noise.verdict {
            NoiseVerdict::Beyond => 0,
            NoiseVerdict::Small => 1,
            NoiseVerdict::Noise => 2,
        });
        if !told.is_empty() {
            noisy = true;
            let _ = writeln!(text, "\n{}", show(&noise(file, &told, &names)));
            if told.len() > MOST_NOISE {
                let most = if file.noise_total > file.noise.len() { "the largest of them" } else { "them" };
                let more = told.len() - MOST_NOISE + file.noise_total - file.noise.len();
                let _ = writeln!(text, "\n{more} more: --format json has {most}.");
            }
        }
        for remark in remarks(file) {
            let _ = writeln!(text, "\n{remark}");
        }
    }
    if noisy {
        let _ = writeln!(text, "\n{}", (form.fill)(NOISE));
    }
    for line in which_matter(comparison) {
        let _ = writeln!(text, "\n{}", (form.fill)(&line));
    }
    let _ = writeln!(text, "\n{}", verdict(comparison));
    text
}

const NOISE: &str = "\
× noise: B − A in units of the noise, which is the spread between seeds √((s_A² + s_B²)/2); 95 %: its paired bootstrap interval \
(none at a place that was chosen because the multiple is largest there). beyond noise: the difference is more than another choice \
of seeds makes. small: every seed says the same, of less than their spread. within noise: nothing shows that the sides differ. \
× in a small chart: no multiple. Fewer than 6 seeds cannot show a difference at 5 %: their intervals are too narrow.";

/// Which columns' differences are more than noise, and which are not.
fn which_matter(comparison: &Comparison) -> Vec<String> {
    let of = |verdict: ColumnVerdict| {
        let files = comparison.files.iter().filter_map(|file| {
            let columns = file.columns.iter().filter(|column| column.verdict == verdict);
            let names: Vec<String> = columns.map(|column| one_line(&column.column)).collect();
            (!names.is_empty()).then(|| format!("{} ({})", listed(&names), file.file))
        });
        files.collect::<Vec<String>>().join("; ")
    };
    let said = |what: &str, verdict| Some(of(verdict)).filter(|of| !of.is_empty()).map(|of| format!("{what}: {of}."));
    // Where no seeds say what is noise, each file says so.
    let judged = [ColumnVerdict::BeyondNoise, ColumnVerdict::WithinNoise];
    if !comparison.files.iter().flat_map(|file| &file.columns).any(|column| judged.contains(&column.verdict)) {
        return Vec::new();
    }
    let lines = [
        said("Beyond noise", ColumnVerdict::BeyondNoise),
        said("Within noise", ColumnVerdict::WithinNoise),
        said("Different, and no seeds say whether that is noise", ColumnVerdict::Differs),
    ];
    lines.into_iter().flatten().collect()
}

/// Names of columns; of very many the first.
fn listed(names: &[String]) -> String {
    let shown = apart(&names.iter().map(String::as_str).collect::<Vec<_>>(), MOST_NAME);
    match shown.get(MOST_COLUMNS..).filter(|more| !more.is_empty()) {
        Some(more) => format!("{} and {} more", shown[..MOST_COLUMNS].join(", "), more.len()),
        None => shown.join(", "),
    }
}

/// Whose endings they are.
fn ended(endings: &[Ending]) -> String {
    let of_both = endings.iter().any(|ending| ending.other_seeds > 0 && ending.seeds > 0);
    format!("How the runs ended{}", if of_both { ", of the seeds that both sides have" } else { "" })
}

/// Where neither side has a spread there is nothing to hold a difference against.
fn worth_telling(noise: &Noise) -> bool {
    noise.unlike > 0 || (noise.difference != 0.0 && noise.noise_floor > 0.0)
}

fn about(file: &FileComparison, names: &Names) -> String {
    let mut text = file.file.clone();
    if let Some(why) = &file.incomparable {
        return format!("{text}: {why}");
    }
    let key: Vec<String> = file.key.iter().map(|part| one_line(part)).collect();
    let _ = write!(text, ", by {}", if key.is_empty() { "row".to_owned() } else { key.join(", ") });
    let both = plural(file.compared as usize, "row", "rows");
    let _ = write!(text, ": {both} in both");
    for (rows, first, side) in [(file.missing, &file.first_missing, "A"), (file.extra, &file.first_extra, "B")] {
        if rows > 0 {
            let from = first.as_ref().filter(|key| !key.is_empty());
            let from = from.map_or_else(String::new, |key| format!(" (from {})", names.at(key)));
            let _ = write!(text, ", {rows} in {side} only{from}");
        }
    }
    for (columns, side) in [(&file.missing_columns, "A"), (&file.extra_columns, "B")] {
        if !columns.is_empty() {
            let names: Vec<String> = columns.iter().map(|name| one_line(name)).collect();
            let columns = if names.len() == 1 { "column" } else { "columns" };
            let _ = write!(text, ", {columns} in {side} only: {}", listed(&names));
        }
    }
    match file.columns.iter().filter(|column| column.differ > 0).count() {
        0 if file.compared > 0 && file.different_within == 0 => text.push_str("; no value differs"),
        0 if file.compared > 0 => {
            let columns = plural(file.different_within, "column differs", "columns differ");
            let _ = write!(text, "; {columns}, by no more than is asked for");
        }
        _ => {}
    }
    text
}

fn remarks(file: &FileComparison) -> Vec<String> {
    let mut remarks = Vec::new();
    let differs = file.columns.iter().any(|column| column.differ > 0);
    if file.without_noise > 0 && differs {
        remarks.push(match file.with_noise {
            0 => "One seed is on both sides: nothing says what is noise. More seeds in common do.".to_owned(),
            _ => format!(
                "{} one seed in common: nothing says what is noise there.",
                plural(file.without_noise, "variant has", "variants have")
            ),
        });
    }
    let by_seed = file.key.iter().any(|part| part == "seed");
    if by_seed && file.compared == 0 && file.missing > 0 && file.extra > 0 {
        remarks.push("No run of one side has its seed on the other: there is nothing to pair.".to_owned());
    }
    if file.key.is_empty() && file.columns.iter().any(|column| column.differ > 0) {
        remarks.push(
            "Rows are held against each other by their number: name the columns that tell them apart with --key."
                .to_owned(),
        );
    }
    if file.left_out > 0 {
        remarks.push(format!(
            "{} were too many to be held for the noise, which is of the others.",
            plural(file.left_out, "run", "runs")
        ));
    }
    remarks
}

fn verdict(comparison: &Comparison) -> String {
    let different = comparison.files.iter().filter(|file| file.different).count();
    let files = comparison.files.len();
    let rows: u64 = comparison.files.iter().map(|file| file.compared).sum();
    let how = match (comparison.within_noise, comparison.tolerance.is_none()) {
        (true, true) => " within the noise of the seeds",
        (true, false) => " within the tolerance, or the noise of the seeds",
        (false, true) => "",
        (false, false) => " within the tolerance",
    };
    match (comparison.different, files) {
        (false, 0) => good(&format!("The same{how}.")),
        (false, _) => good(&format!("The same{how}: {}.", plural(rows as usize, "row", "rows"))),
        (true, 1) => bad("Different."),
        (true, _) => {
            let names = comparison.files.iter().filter(|file| file.different).map(|file| file.file.as_str());
            bad(&format!("Different: {} ({different} of {files} files).", names.collect::<Vec<_>>().join(", ")))
        }
    }
}

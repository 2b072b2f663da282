//! A comparison as people read it, in a terminal or in Markdown, and as programs do.

use std::fmt::Write;

use super::{ColumnComparison, Comparison, Difference, Ending, FileComparison, Noise, NoiseVerdict, Setting};
use crate::report::sheet::{Sheet, escaped};
use crate::report::spark::spark;
use crate::report::style::{bad, good};
use crate::results::rows::lines;
use crate::text::numbers::{number, plural, short, signed};
use crate::text::{cut, one_line, shorten};

/// Lines that are shown of a file's noise, and settings, at most.
const MOST_NOISE: usize = 8;
const MOST_SETTINGS: usize = 40;
const MOST_ENDINGS: usize = 8;
/// Variants that are named of a setting.
const MOST_NAMED: usize = 3;
/// Characters that are shown of a value, and of a setting.
const MOST_VALUE: usize = 20;
const MOST_SETTING: usize = 60;

pub fn table(comparison: &Comparison, changed: bool) -> String {
    text(&only(comparison, changed), &Form { show: Sheet::terminal, heading: "", item: "", plain: str::to_owned })
}

pub fn markdown(comparison: &Comparison, changed: bool) -> String {
    text(&only(comparison, changed), &Form { show: Sheet::markdown, heading: "### ", item: "- ", plain: escaped })
}

const CSV_HEADER: [&str; 22] = [
    "file",
    "column",
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
pub fn csv(comparison: &Comparison, changed: bool) -> String {
    let mut text = lines([CSV_HEADER]);
    let comparison = only(comparison, changed);
    for file in &comparison.files {
        // Of the file as a whole: rows and columns that one side lacks are differences too.
        let columns = file.missing_columns.len() + file.extra_columns.len();
        let whole = file.incomparable.is_some() || file.missing + file.extra > 0 || columns > 0;
        let mut fields = vec![file.file.clone(), String::new(), u8::from(whole).to_string()];
        fields.extend([file.compared, file.missing, file.extra].map(|rows| rows.to_string()));
        fields.resize(CSV_HEADER.len(), String::new());
        text.push_str(&lines([fields]));
        for column in &file.columns {
            let at = |of: &Option<Difference>| of.as_ref().map_or_else(String::new, |d| d.at.join(","));
            let size = |of: &Option<Difference>| of.as_ref().map_or_else(String::new, |d| number(d.size));
            let largest = &column.largest_absolute;
            let mut fields = vec![
                file.file.clone(),
                column.column.clone(),
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
}

fn text(comparison: &Comparison, form: &Form) -> String {
    let Form { show, item, plain, .. } = form;
    let heading = |text: &str| format!("{}{}", form.heading, plain(text));
    let mut text = format!("{item}A  {}\n{item}B  {}\n", plain(&comparison.a), plain(&comparison.b));
    if !comparison.settings.is_empty() {
        let _ = writeln!(text, "\n{}\n\n{}", heading("Settings that differ"), show(&settings(&comparison.settings)));
        let more = comparison.settings.len().saturating_sub(MOST_SETTINGS);
        if more > 0 {
            let _ = writeln!(text, "\n{more} more settings differ: --format json has all.");
        }
    }
    if !comparison.endings.is_empty() {
        let _ = writeln!(text, "\n{}\n\n{}", heading("How the runs ended"), show(&endings(&comparison.endings)));
        let more = comparison.endings.len().saturating_sub(MOST_ENDINGS);
        if more > 0 {
            let _ =
                writeln!(text, "\n{more} more variants: --format json has all; #VARIANT after both names shows one.");
        }
    }
    let mut noisy = false;
    for file in &comparison.files {
        let _ = writeln!(text, "\n{}", heading(&about(file)));
        if file.columns.iter().any(|column| column.differ > 0) {
            let _ = writeln!(text, "\n{}", show(&columns(comparison, file)));
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
        let told: Vec<&Noise> = file.noise.iter().filter(|noise| worth_telling(noise)).collect();
        if !told.is_empty() {
            noisy = true;
            let _ = writeln!(text, "\n{}", show(&noise(file, &told)));
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
        let _ = writeln!(text, "\n{NOISE}");
    }
    let _ = writeln!(text, "\n{}", verdict(comparison));
    text
}

const NOISE: &str = "\
× noise: how far the means over the seeds are apart, as a multiple of the spread between seeds √((s_A² + s_B²)/2), with the
95 % paired bootstrap interval (none at a place that is chosen because the multiple is largest there). Apart: above 1. noise: no
clear difference; small: the interval does not hold 0, but the means are not apart; beyond: they are; on the way: at most places,
or anywhere by more than chance allows, if not at the last. × in a small chart: no multiple. With fewer than 6 seeds the interval
is too narrow: so few cannot show a difference at 5 %.";

/// Where neither side has a spread there is nothing to hold a difference against.
fn worth_telling(noise: &Noise) -> bool {
    noise.unlike > 0 || (noise.difference != 0.0 && noise.noise_floor > 0.0)
}

fn about(file: &FileComparison) -> String {
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
            let from = from.map_or_else(String::new, |key| format!(" (from {})", at(key)));
            let _ = write!(text, ", {rows} in {side} only{from}");
        }
    }
    for (columns, side) in [(&file.missing_columns, "A"), (&file.extra_columns, "B")] {
        if !columns.is_empty() {
            let names: Vec<String> = columns.iter().map(|name| shorten(&one_line(name))).collect();
            let columns = if names.len() == 1 { "column" } else { "columns" };
            let _ = write!(text, ", {columns} in {side} only: {}", names.join(", "));
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

fn settings(settings: &[Setting]) -> Sheet {
    // Of two variants held against each other there is nothing to say where.
    let placed = settings.iter().any(|setting| !setting.variants.is_empty());
    let header: &[&str] = if placed { &["setting", "in", "A", "B"] } else { &["setting", "A", "B"] };
    let mut sheet = Sheet::new(header, &[]);
    for setting in settings.iter().take(MOST_SETTINGS) {
        let count = setting.variants.len();
        let place = match &setting.variants[..] {
            [] => String::new(),
            [one] => one_line(one),
            _ if setting.everywhere => format!("all {count} variants"),
            few if count <= MOST_NAMED => few.iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", "),
            [first, ..] => format!("{}, {}", one_line(first), plural(count - 1, "more", "more")),
        };
        let value = |value: &Option<String>| match value {
            Some(value) => cut(&one_line(value), MOST_SETTING),
            None => dash(),
        };
        let place = placed.then_some(place);
        let values = [value(&setting.a), value(&setting.b)];
        sheet.row(std::iter::once(one_line(&setting.key)).chain(place).chain(values));
    }
    sheet
}

/// Is it better or worse?
fn endings(endings: &[Ending]) -> Sheet {
    let named = endings.iter().any(|ending| ending.variant.is_some());
    let sides = |ending: &Ending| {
        [(ending.accuracy_a, ending.test_rmse_a), (ending.accuracy_b, ending.test_rmse_b)]
            // Classes have their accuracy, numbers their error.
            .map(|(accuracy, error)| if accuracy.is_nan() { (None, Some(error)) } else { (Some(accuracy), None) })
    };
    let told = || endings.iter().take(MOST_ENDINGS).map(|ending| (ending, sides(ending)));
    let accuracies = told().any(|(_, sides)| sides.iter().any(|(accuracy, _)| accuracy.is_some()));
    let errors = told().any(|(_, sides)| sides.iter().any(|(_, error)| error.is_some()));
    let mut header = Vec::from_iter(named.then_some("variant"));
    header.extend(["A", "B"]);
    let first = header.len();
    if accuracies {
        header.extend(["accuracy of A, median", "of B", "B − A"]);
    }
    if errors {
        header.extend(["test RMSE of A, median", "of B", "B over A"]);
    }
    let mut sheet = Sheet::new(&header, &(first..header.len()).collect::<Vec<_>>());
    let both = |a: Option<f64>, b: Option<f64>, beside: fn(f64, f64) -> String| {
        let shown = |value: Option<f64>| value.map_or_else(dash, short);
        [shown(a), shown(b), a.zip(b).map_or_else(dash, |(a, b)| beside(a, b))]
    };
    for (ending, [a, b]) in told() {
        let mut cells = Vec::from_iter(ending.variant.as_ref().map(|name| middle(&one_line(name))));
        cells.extend([ending.outcomes_a.clone(), ending.outcomes_b.clone()]);
        if accuracies {
            cells.extend(both(a.0, b.0, |a, b| signed(b - a)));
        }
        if errors {
            cells.extend(both(a.1, b.1, |a, b| short(b / a)));
        }
        sheet.row(cells);
    }
    sheet
}

fn columns(comparison: &Comparison, file: &FileComparison) -> Sheet {
    let exact = comparison.tolerance.is_none();
    let mut header = vec!["column", "differ"];
    if !exact {
        header.push("beyond tolerance");
    }
    header.extend(["first at", "largest |A − B|", "at", "A", "B", "largest relative", "at"]);
    let right: &[usize] = if exact { &[1, 3, 5, 6, 7] } else { &[1, 2, 4, 6, 7, 8] };
    let mut sheet = Sheet::new(&header, right);
    for column in file.columns.iter().filter(|column| column.differ > 0) {
        let mut row = vec![one_line(&column.column), column.differ.to_string()];
        if !exact {
            row.push(if column.beyond > 0 { bad(&column.beyond.to_string()) } else { good("0") });
        }
        if let Some(first) = &column.first {
            // Texts have no size: the first pair that differs stands for all.
            let largest = column.largest_absolute.as_ref();
            let shown = largest.unwrap_or(first);
            let [a, b] = values(&shown.a, &shown.b);
            row.extend([at(&first.at), largest.map_or_else(dash, |d| short(d.size))]);
            row.extend([largest.map_or_else(dash, |d| at(&d.at)), a, b]);
            let relative = column.largest_relative.as_ref();
            row.extend([relative.map_or_else(dash, |d| short(d.size)), relative.map_or_else(dash, |d| at(&d.at))]);
        }
        sheet.row(row);
    }
    sheet
}

fn noise(file: &FileComparison, told: &[&Noise]) -> Sheet {
    let places = file.noise.iter().any(|noise| !noise.at.is_empty());
    let by_variant = file.noise.iter().any(|noise| noise.variant.is_some());
    let mut header = Vec::new();
    header.extend(by_variant.then_some("variant"));
    header.push("mean over seeds");
    header.extend(places.then_some("at"));
    header.extend(["seeds", "A", "B", "B − A", "× noise", "95 %", "verdict"]);
    if places {
        header.extend(["first apart", "apart", "× noise, all along"]);
    }
    let first = header.iter().position(|name| *name == "seeds").unwrap_or(0);
    let right: Vec<usize> = (first..first + 5).collect();
    let mut sheet = Sheet::new(&header, &right);
    for noise in told.iter().take(MOST_NOISE) {
        let mut row = Vec::new();
        if by_variant {
            row.push(middle(&one_line(noise.variant.as_deref().unwrap_or_default())));
        }
        row.push(one_line(&noise.column));
        if places {
            row.push(at(&noise.at));
        }
        let seeds = match noise.not_finite {
            0 => noise.pairs.to_string(),
            others => format!("{} of {}", noise.pairs, noise.pairs + others),
        };
        let multiple = |value: f64| match value.abs() {
            _ if !value.is_finite() => format!("{value:?}"),
            size if size < 1000.0 && (size >= 0.005 || size == 0.0) => format!("{value:+.2}"),
            _ => format!("{value:+.1e}"),
        };
        row.extend([seeds, short(noise.a), short(noise.b), short(noise.difference), multiple(noise.multiple)]);
        row.push(match noise.noise_floor > 0.0 && !noise.low.is_nan() {
            true => {
                format!("{} … {}", multiple(noise.low / noise.noise_floor), multiple(noise.high / noise.noise_floor))
            }
            false => dash(),
        });
        row.push(match noise.verdict {
            NoiseVerdict::Noise => good("noise"),
            NoiseVerdict::Small => "small".to_owned(),
            NoiseVerdict::Beyond if noise.unlike > 0 => bad("beyond: not finite on one side"),
            NoiseVerdict::Beyond if noise.low.is_nan() || noise.multiple.abs() > 1.0 => bad("beyond"),
            NoiseVerdict::Beyond => bad("beyond on the way"),
        });
        if places {
            row.push(noise.first_apart.as_ref().map_or_else(dash, |place| at(place)));
            row.push(format!("{} of {}", noise.apart, noise.places));
            row.push(spark(&noise.course.iter().map(|multiple| multiple.abs()).collect::<Vec<_>>()));
        }
        sheet.row(row);
    }
    sheet
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

/// A key on one line.
fn at(key: &[String]) -> String {
    let parts: Vec<String> = key.iter().map(|part| middle(&one_line(part))).collect();
    parts.join(",")
}

/// A long name without its middle.
fn middle(name: &str) -> String {
    const MOST: usize = 36;
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= MOST {
        return name.to_owned();
    }
    let part = |letters: &[char]| letters.iter().collect::<String>();
    format!("{}…{}", part(&letters[..MOST / 2]), part(&letters[letters.len() - MOST / 2 + 1..]))
}

/// Both values with as few digits as show that they differ.
fn values(a: &str, b: &str) -> [String; 2] {
    if let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) {
        let few = [short(x), short(y)];
        if few[0] != few[1] {
            return few;
        }
    }
    [a, b].map(|text| cut(&one_line(text), MOST_VALUE))
}

fn dash() -> String {
    "–".to_owned()
}

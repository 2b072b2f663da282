//! The tables that a comparison is printed as.

use std::collections::{BTreeSet, HashMap};

use super::{
    ColumnComparison, ColumnVerdict, Comparison, Ending, FileComparison, Noise, NoiseReason, NoiseVerdict, Setting,
};
use crate::report::sheet::Sheet;
use crate::report::spark::spark;
use crate::report::style::{bad, good};
use crate::text::numbers::{plural, short, signed};
use crate::text::{apart, one_line};

/// Lines that are shown of a file's noise, of settings and of endings, at most.
pub(super) const MOST_NOISE: usize = 8;
pub(super) const MOST_SETTINGS: usize = 40;
pub(super) const MOST_ENDINGS: usize = 8;
/// Variants that are named of a setting.
const MOST_NAMED: usize = 3;
/// Characters that are shown of a value, of a setting and of a name.
const MOST_VALUE: usize = 20;
const MOST_SETTING: usize = 60;
pub(super) const MOST_NAME: usize = 36;

/// The long names of a comparison with what is shown of them, no two alike.
pub(super) struct Names(HashMap<String, String>);

impl Names {
    pub fn of(comparison: &Comparison) -> Self {
        let mut long = BTreeSet::new();
        let mut take = |name: &str| {
            let name = one_line(name);
            if name.chars().count() > MOST_NAME {
                long.insert(name);
            }
        };
        let settings = comparison.settings.iter().flat_map(|setting| &setting.variants);
        let endings = comparison.endings.iter().filter_map(|ending| ending.variant.as_ref());
        settings.chain(endings).for_each(|name| take(name));
        for file in &comparison.files {
            let firsts = [&file.first_missing, &file.first_extra].into_iter().flatten().flatten();
            firsts.for_each(|part| take(part));
            for column in &file.columns {
                take(&column.column);
                let places = [&column.first, &column.largest_absolute, &column.largest_relative];
                places.into_iter().flatten().flat_map(|difference| &difference.at).for_each(|part| take(part));
            }
            for noise in &file.noise {
                noise.variant.iter().for_each(|name| take(name));
                noise.at.iter().chain(noise.first_apart.iter().flatten()).for_each(|part| take(part));
            }
        }
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        Names(long.iter().map(|&name| name.to_owned()).zip(apart(&long, MOST_NAME)).collect())
    }

    pub fn short(&self, name: &str) -> String {
        let name = one_line(name);
        self.0.get(&name).cloned().unwrap_or(name)
    }

    /// A key on one line.
    pub fn at(&self, key: &[String]) -> String {
        key.iter().map(|part| self.short(part)).collect::<Vec<_>>().join(",")
    }
}

/// The settings that the sides have otherwise.
pub(super) fn settings(settings: &[Setting], names: &Names) -> Sheet {
    // Of two variants held against each other there is nothing to say where.
    let placed = settings.iter().any(|setting| !setting.variants.is_empty());
    let header: &[&str] = if placed { &["setting", "in", "A", "B"] } else { &["setting", "A", "B"] };
    let mut sheet = Sheet::new(header, &[]).keys(header.len() - 2);
    for setting in settings.iter().take(MOST_SETTINGS) {
        let count = setting.variants.len();
        let place = match &setting.variants[..] {
            [] => String::new(),
            [one] => names.short(one),
            _ if setting.everywhere => format!("all {count} variants"),
            few if count <= MOST_NAMED => few.iter().map(|name| names.short(name)).collect::<Vec<_>>().join(", "),
            [first, ..] => format!("{}, {}", names.short(first), plural(count - 1, "more", "more")),
        };
        let sides = [&setting.a, &setting.b].map(|value| value.as_deref().map(one_line));
        let there: Vec<&str> = sides.iter().flatten().map(String::as_str).collect();
        let mut shown = apart(&there, MOST_SETTING).into_iter();
        let values = sides.each_ref().map(|side| side.as_ref().and_then(|_| shown.next()).unwrap_or_else(dash));
        let place = placed.then_some(place);
        sheet.row(std::iter::once(one_line(&setting.key)).chain(place).chain(values));
    }
    sheet
}

/// Is it better or worse?
pub(super) fn endings(endings: &[Ending], names: &Names) -> Sheet {
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
    let mut sheet = Sheet::new(&header, &(first..header.len()).collect::<Vec<_>>()).keys(usize::from(named));
    let both = |a: Option<f64>, b: Option<f64>, beside: fn(f64, f64) -> String| {
        let shown = |value: Option<f64>| value.map_or_else(dash, short);
        [shown(a), shown(b), a.zip(b).map_or_else(dash, |(a, b)| beside(a, b))]
    };
    for (ending, [a, b]) in told() {
        let mut cells = Vec::from_iter(ending.variant.as_ref().map(|name| names.short(name)));
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

/// How each column differs.
pub(super) fn columns(comparison: &Comparison, file: &FileComparison, names: &Names) -> Sheet {
    let exact = comparison.tolerance.is_none();
    let judged = |column: &&ColumnComparison| !matches!(column.verdict, ColumnVerdict::Same | ColumnVerdict::Differs);
    let judged = file.columns.iter().any(|column| judged(&column));
    let mut header = vec!["column"];
    header.extend(judged.then_some("verdict"));
    let first = header.len();
    header.push("differ");
    header.extend((!exact).then_some("beyond tolerance"));
    header.push("first at");
    let largest = header.len();
    header.extend(["largest |A − B|", "at", "A", "B", "largest relative", "at"]);
    let mut right: Vec<usize> = (first..largest - 1).collect();
    right.extend([0, 2, 3, 4].map(|nth| largest + nth));
    let mut sheet = Sheet::new(&header, &right);
    for column in file.columns.iter().filter(|column| column.differ > 0) {
        let mut row = vec![names.short(&column.column)];
        row.extend(judged.then(|| match column.verdict {
            ColumnVerdict::BeyondNoise | ColumnVerdict::Differs => bad(column.verdict.word()),
            _ => good(column.verdict.word()),
        }));
        row.push(column.differ.to_string());
        if !exact {
            row.push(if column.beyond > 0 { bad(&column.beyond.to_string()) } else { good("0") });
        }
        if let Some(first) = &column.first {
            // Texts have no size: the first pair that differs stands for all.
            let largest = column.largest_absolute.as_ref();
            let shown = largest.unwrap_or(first);
            let [a, b] = values(&shown.a, &shown.b);
            row.extend([names.at(&first.at), largest.map_or_else(dash, |d| short(d.size))]);
            row.extend([largest.map_or_else(dash, |d| names.at(&d.at)), a, b]);
            let relative = column.largest_relative.as_ref();
            row.push(relative.map_or_else(dash, |d| short(d.size)));
            row.push(relative.map_or_else(dash, |d| names.at(&d.at)));
        }
        sheet.row(row);
    }
    sheet
}

/// Each variant's columns beside the noise of the seeds.
pub(super) fn noise(file: &FileComparison, told: &[&Noise], names: &Names) -> Sheet {
    let places = file.noise.iter().any(|noise| !noise.at.is_empty());
    let by_variant = file.noise.iter().any(|noise| noise.variant.is_some());
    let mut header = Vec::new();
    header.extend(by_variant.then_some("variant"));
    header.push("mean over seeds");
    header.extend(places.then_some("at"));
    let last = file.key.last().map(String::as_str);
    let place = last.filter(|name| ["step", "epoch"].contains(name)).unwrap_or("point");
    let keys = header.len();
    header.extend(["verdict", "× noise", "95 %", "seeds", "A", "B", "B − A", "why"]);
    header.extend(places.then_some("× noise, all along"));
    let right = [1, 3, 4, 5, 6].map(|nth| keys + nth);
    let mut sheet = Sheet::new(&header, &right).keys(keys - usize::from(places));
    for noise in told.iter().take(MOST_NOISE) {
        let mut row = Vec::new();
        if by_variant {
            row.push(names.short(noise.variant.as_deref().unwrap_or_default()));
        }
        row.push(names.short(&noise.column));
        if places {
            row.push(names.at(&noise.at));
        }
        row.push(match noise.verdict {
            NoiseVerdict::Noise => good("within noise"),
            NoiseVerdict::Small => "small".to_owned(),
            NoiseVerdict::Beyond => bad("beyond noise"),
        });
        let seeds = match noise.not_finite {
            0 => noise.pairs.to_string(),
            others => format!("{} of {}", noise.pairs, noise.pairs + others),
        };
        row.push(multiple(noise.multiple));
        row.push(match noise.noise_floor > 0.0 && !noise.low.is_nan() {
            true => {
                format!("{} … {}", multiple(noise.low / noise.noise_floor), multiple(noise.high / noise.noise_floor))
            }
            false => dash(),
        });
        row.extend([seeds, short(noise.a), short(noise.b), short(noise.difference), why(noise, place, names)]);
        if places {
            row.push(spark(&noise.course.iter().map(|multiple| multiple.abs()).collect::<Vec<_>>()));
        }
        sheet.row(row);
    }
    sheet
}

/// A multiple of the noise.
fn multiple(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => format!("{value:?}"),
        size if size < 1000.0 && (size >= 0.005 || size == 0.0) => format!("{value:+.2}"),
        _ => format!("{value:+.1e}"),
    }
}

/// What a verdict rests on, in words; `place` is what a run has several rows of.
fn why(noise: &Noise, place: &str, names: &Names) -> String {
    let some = || format!("{} of {} {place}s", noise.apart, noise.places);
    let first = || noise.first_apart.as_ref().map_or_else(String::new, |at| format!(", first at {}", names.at(at)));
    let not_here = if noise.multiple.abs() > 1.0 { "" } else { "not here, but " };
    match noise.reason {
        NoiseReason::NotFinite => format!("finite on one side only, in {}", plural(noise.unlike, "row", "rows")),
        NoiseReason::Apart if noise.places > 1 => format!("further apart than seeds are, at {}{}", some(), first()),
        NoiseReason::Apart => "further apart than seeds are".to_owned(),
        NoiseReason::MostPlaces => format!("{not_here}further apart than seeds are at {}{}", some(), first()),
        NoiseReason::SomePlace => {
            format!("{not_here}further apart than chance makes it at one of {} {place}s{}", noise.places, first())
        }
        NoiseReason::Steady => "every seed says so, but seeds differ by more".to_owned(),
        NoiseReason::WithinSpread => "seeds differ by more".to_owned(),
        NoiseReason::SeedsDisagree => "seeds disagree: the interval holds 0".to_owned(),
        NoiseReason::LargestOfMany => {
            format!("the largest of {} {place}s: chance alone reaches {} there", noise.places, multiple(noise.chance))
        }
    }
}

/// Both values with as few digits as show that they differ.
fn values(a: &str, b: &str) -> [String; 2] {
    if let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) {
        let few = [short(x), short(y)];
        if few[0] != few[1] {
            return few;
        }
    }
    let [a, b] = [a, b].map(one_line);
    let mut shown = apart(&[&a, &b], MOST_VALUE).into_iter();
    [(); 2].map(|()| shown.next().unwrap_or_default())
}

fn dash() -> String {
    "–".to_owned()
}

//! One CSV beside another: what tells their rows apart, and the walk through both.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::columns::{Column, OfNoise, Tolerance};
use super::keyed::{By, Failure, KeyPart, Keyed, KeyedLayout, Noticed, Order, Row};
use super::noise::NoiseWatch;
use super::side::Side;
use super::{Asked, FileComparison};
use crate::results::files::Bounded;
use crate::results::input::{self, BLOCK};
use crate::results::points::{PREDICTION, PredictionColumns, ROW, TARGET};
use crate::results::run_file::RunFile;
use crate::text::{one_line, unknown};

/// What a CSV's columns are called.
fn header(side: &Side, path: &Path) -> Result<Vec<String>> {
    let shown = side.shown(path);
    check_text(path).with_context(|| shown.clone())?;
    let unreadable = || format!("{shown}: cannot be read");
    let mut reader = csv::Reader::from_reader(Bounded::new(input::open(path).with_context(unreadable)?));
    let header = reader.byte_headers().with_context(unreadable)?;
    let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    ensure!(!names.is_empty(), "{shown}: is empty: expected a CSV with a header");
    if let [only] = &names[..]
        && let Some(separator) = only.chars().find(|c| [';', '\t'].contains(c))
    {
        bail!("{shown}:1: has fields between {separator:?}: expected commas between them");
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("{shown}:1: has two columns called {:?}: rename one", twice[0]);
    }
    Ok(names)
}

/// Where each column is; a file may have many thousands of them.
fn places_in(header: &[String]) -> HashMap<&str, usize> {
    header.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect()
}

/// Refuses what cannot be a CSV, by how it begins.
fn check_text(path: &Path) -> Result<()> {
    let mut start = [0; 4096];
    let read = input::read(&mut input::open(path)?, &mut start)?;
    let start = &start[..read];
    let compressed =
        [&[0x1f, 0x8b][..], b"PK\x03\x04", b"BZh", &[0x28, 0xb5, 0x2f, 0xfd], &[0xfd, b'7', b'z', b'X', b'Z']];
    ensure!(!compressed.iter().any(|magic| start.starts_with(magic)), "is compressed: unpack it first");
    let utf_16 = [[0xff, 0xfe], [0xfe, 0xff]].iter().any(|mark| start.starts_with(mark));
    // The last character may go on behind what was read.
    let text = std::str::from_utf8(start).err().is_none_or(|error| error.error_len().is_none());
    ensure!(text && !utf_16 && !start.contains(&0), "is no text in UTF-8: expected a CSV");
    Ok(())
}

/// What rows are told apart by: what the result files have, else the columns of those names that both sides have, else
/// nothing.
fn key_of(columns: [&[String]; 2]) -> Vec<String> {
    let first: Vec<&str> = columns[0].iter().map(String::as_str).collect();
    let both = |name: &&str| columns.iter().all(|side| side.iter().any(|column| column == name));
    let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    match first[..] {
        ["kind", "fixes", ..] => own(&first[..2]),
        ["variant", "finding", _, _, "fix", ..] => own(&[first[0], first[1], first[4]]),
        _ => match columns.map(predictions) {
            // A point of a file is found by its row there, whatever became of its inputs.
            [Some(a), Some(b)] if a.row && b.row => own(&[first[0], first[1], ROW]),
            // Else its inputs are what a prediction is of.
            [Some(a), _] => own(&first[..2]).into_iter().chain(a.inputs).collect(),
            _ => ["variant", "seed", "step", "x"].into_iter().filter(both).map(str::to_owned).collect(),
        },
    }
}

/// What the columns of a `predictions.csv` are, if it is one.
fn predictions(header: &[String]) -> Option<PredictionColumns> {
    PredictionColumns::read(&header.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The columns that name a class, where `header` is of predictions of some: in those rows that have a probability.
fn classes(header: &[String]) -> Option<Classes> {
    let count = predictions(header)?.classes.len();
    (count > 0).then(|| Classes { probabilities: header.len() - count..header.len() })
}

/// Where each row has the probabilities of classes.
struct Classes {
    probabilities: Range<usize>,
}

impl Classes {
    fn are_of(&self, row: Row) -> bool {
        self.probabilities.clone().any(|column| !row.fields.get(column).is_empty())
    }
}

/// Holds one file of each side against the other.
pub(super) fn files(
    sides: [&Side; 2],
    paths: [&Path; 2],
    name: &str,
    asked: &Asked,
    notes: &mut Vec<String>,
) -> Result<FileComparison> {
    let headers = [header(sides[0], paths[0])?, header(sides[1], paths[1])?];
    if let Some(column) = asked.key.iter().enumerate().find(|(nth, name)| asked.key[..*nth].contains(name)) {
        bail!("--key: names {:?} twice", column.1);
    }
    let mut key = if asked.key.is_empty() { key_of([&headers[0], &headers[1]]) } else { asked.key.clone() };
    let one_variant = sides[0].variant.is_some();
    if one_variant {
        key.retain(|column| column != "variant");
    }
    let mut file = FileComparison { key: key.clone(), ..FileComparison::empty(name) };
    let mut layouts = Vec::new();
    for ((side, path), header) in sides.into_iter().zip(paths).zip(&headers) {
        let shown = side.shown(path);
        let places = places_in(header);
        let place = |column: &str| places.get(column).copied();
        let only = match &side.variant {
            None => None,
            Some(variant) => {
                let column = place("variant").with_context(|| {
                    format!("{shown}:1: has no column \"variant\", so there is no #{}", one_line(variant))
                })?;
                Some((column, variant.clone().into_bytes()))
            }
        };
        let missing = key.iter().find(|column| place(column).is_none());
        if let Some(missing) = missing {
            let what =
                format!("{shown}:1: {}", one_line(&unknown("column", missing, header.iter().map(String::as_str))));
            ensure!(asked.key.is_empty(), "--key: {what}");
            file.incomparable = Some(format!("rows cannot be aligned: {what}"));
            return Ok(file);
        }
        let run = key.iter().take_while(|column| ["variant", "seed"].contains(&column.as_str())).count();
        let by = |column: &str| match column {
            _ if !asked.key.is_empty() => By::Both,
            "variant" | "kind" | "fixes" | "finding" | "fix" => By::Spelling,
            _ => By::Value,
        };
        let key = key.iter().filter_map(|name| Some(KeyPart { column: place(name)?, by: by(name) })).collect();
        layouts.push(KeyedLayout { columns: header.len(), key, run, only });
    }
    let layouts: [KeyedLayout; 2] = layouts.try_into().map_err(|_| anyhow!("there are two sides"))?;
    let given = |columns: &[String], other: &[String]| -> Vec<String> {
        let other = places_in(other);
        columns.iter().filter(|column| !other.contains_key(column.as_str())).cloned().collect()
    };
    file.missing_columns = given(&headers[0], &headers[1]);
    file.extra_columns = given(&headers[1], &headers[0]);
    let is_key = |column: &String| key.contains(column) || (one_variant && column == "variant");
    let in_b = places_in(&headers[1]);
    let shared: Vec<(String, [usize; 2])> = headers[0]
        .iter()
        .enumerate()
        .filter(|(_, column)| !is_key(column))
        .filter_map(|(a, column)| Some((column.clone(), [a, *in_b.get(column.as_str())?])))
        .collect();

    if !one_variant && let Some(rows) = the_same(paths, LARGE)? {
        notes.push(format!(
            "{name}: is the same to the bit on both sides, {} rows: nothing more is reckoned of so large a file",
            rows
        ));
        file.compared = rows;
        let noise = NoiseWatch::new(shared.clone(), &key, &[]).map(|_| OfNoise { differs: false, beyond: false });
        let ended = shared.into_iter().map(|(name, places)| Column::new(name, places).end(&layouts[0].key, noise));
        file.columns = ended.collect();
        return Ok(file);
    }

    let shared = Shared { columns: shared, classes: [classes(&headers[0]), classes(&headers[1])] };
    // Files that misfit writes are in order; of others it shows on the way.
    let mut order = Order::AsWritten;
    loop {
        match walk(sides, paths, &layouts, &shared, order, &asked.tolerance, &file) {
            Ok((walked, noticed)) => {
                for ((side, path), noticed) in sides.into_iter().zip(paths).zip(noticed) {
                    notice(&side.shown(path), &noticed, notes);
                }
                file = walked;
                break;
            }
            Err(Failure::OutOfOrder) => {
                order = match order {
                    Order::AsWritten => Order::ByRun,
                    Order::ByRun => Order::InMemory,
                    Order::InMemory => bail!("{name}: rows cannot be put in order: name other columns with --key"),
                }
            }
            Err(Failure::Failed(error)) => return Err(error),
        }
    }
    // That a variant is there at all shows in the runs, or in the only file.
    if file.compared + file.missing + file.extra == 0 || (one_variant && file.compared == 0) {
        for (side, rows) in sides.into_iter().zip([file.compared + file.missing, file.compared + file.extra]) {
            if let Some(variant) = &side.variant
                && rows == 0
                && (!side.is_folder() || name == RunFile::Runs.name())
            {
                let path = if side == sides[0] { paths[0] } else { paths[1] };
                let known = variants_in(path)?;
                bail!(
                    "{}: {}",
                    side.shown(path),
                    one_line(&unknown("variant", variant, known.iter().map(String::as_str)))
                );
            }
        }
    }
    Ok(file)
}

/// Of two files of at least so many bytes that hold the same, how many rows they have; nothing of all others, and of those whose lines
/// may not be rows.
fn the_same(paths: [&Path; 2], least: u64) -> Result<Option<u64>> {
    let unreadable = |path: &Path| format!("{}: cannot be read", one_line(&path.display().to_string()));
    let open = |path: &Path| -> Result<(File, u64)> {
        let opened = input::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        opened.map(|(size, file)| (file, size)).with_context(|| unreadable(path))
    };
    let [(a, size_a), (b, size_b)] = [open(paths[0])?, open(paths[1])?];
    let (mut files, sizes) = ([a, b], [size_a, size_b]);
    if sizes[0] != sizes[1] || sizes[0] < least {
        return Ok(None);
    }
    let mut blocks = [vec![0; BLOCK], vec![0; BLOCK]];
    // As if a line ended before the first.
    let (mut lines, mut last) = (0, b'\n');
    loop {
        let mut read = [0; 2];
        for (((file, path), block), read) in files.iter_mut().zip(paths).zip(&mut blocks).zip(&mut read) {
            while *read < BLOCK {
                match input::read(file, &mut block[*read..]).with_context(|| unreadable(path))? {
                    0 => break,
                    more => *read += more,
                }
            }
        }
        let [a, b] = [&blocks[0][..read[0]], &blocks[1][..read[1]]];
        let Some(end) = a.last() else { break };
        // A quoted field may hold line ends, and an empty line is no row.
        if a != b || memchr::memchr2(b'"', b'\r', a).is_some() || memchr::memmem::find(a, b"\n\n").is_some() {
            return Ok(None);
        }
        if last == b'\n' && a[0] == b'\n' {
            return Ok(None);
        }
        last = *end;
        lines += memchr::memchr_iter(b'\n', a).count() as u64;
    }
    // Of a file that is cut off there is something to be said.
    Ok((last == b'\n' && lines > 0).then(|| lines - 1))
}

/// Files of so many bytes take longer to be gone through than to be seen to be the same.
const LARGE: u64 = 256 << 20;

/// The variants that a CSV has rows of, the first hundred.
fn variants_in(path: &Path) -> Result<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(Bounded::new(input::open(path)?));
    let column = reader.byte_headers()?.iter().position(|name| name == b"variant").unwrap_or(0);
    let mut known: Vec<String> = Vec::new();
    for record in reader.byte_records() {
        let record = record?;
        let variant = String::from_utf8_lossy(record.get(column).unwrap_or_default()).into_owned();
        if known.last() != Some(&variant) && known.len() < 100 && !known.contains(&variant) {
            known.push(variant);
        }
    }
    Ok(known)
}

fn notice(shown: &str, noticed: &Noticed, notes: &mut Vec<String>) {
    if noticed.repeated > 0 {
        notes.push(format!(
            "{shown}: {} rows have the key of another row: the first of them is held against the first, and so on",
            noticed.repeated
        ));
    }
    if noticed.cut_off {
        notes.push(format!("{shown}: does not end in a line feed: its last row may be cut off"));
    }
}

/// The columns that both sides have.
struct Shared {
    /// With their places, but those of the key.
    columns: Vec<(String, [usize; 2])>,
    classes: [Option<Classes>; 2],
}

fn walk(
    sides: [&Side; 2],
    paths: [&Path; 2],
    layouts: &[KeyedLayout; 2],
    Shared { columns: shared, classes }: &Shared,
    order: Order,
    tolerance: &Tolerance,
    file: &FileComparison,
) -> Result<(FileComparison, [Noticed; 2]), Failure> {
    let mut file = file.clone();
    let mut a = Keyed::open(sides[0], paths[0], &layouts[0], order)?;
    let mut b = Keyed::open(sides[1], paths[1], &layouts[1], order)?;
    let mut columns: Vec<Column> = shared.iter().map(|(name, places)| Column::new(name.clone(), *places)).collect();
    let mut sizes = Vec::with_capacity(columns.len());
    // Classes may be called 0, 1, …, and are no numbers for that.
    let of_classes = classes.iter().any(Option::is_some);
    let names_class: Vec<bool> =
        shared.iter().map(|(name, _)| of_classes && [TARGET, PREDICTION].contains(&name.as_str())).collect();
    let are_of = |side: usize, row: Row| classes[side].as_ref().is_some_and(|classes| classes.are_of(row));
    let mut watch = NoiseWatch::new(shared.to_vec(), &file.key, &names_class);
    // Then rows of the same text are the same in all their columns.
    let alike = shared.iter().all(|(_, [a, b])| a == b);
    let key = |row: Row| -> Vec<String> { row.key().map(|part| String::from_utf8_lossy(part).into_owned()).collect() };
    loop {
        let side = match (a.row(), b.row()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.compare(b),
        };
        match (side, a.row(), b.row()) {
            (Ordering::Equal, Some(a), Some(b)) => {
                file.compared += 1;
                sizes.clear();
                if alike && a.fields == b.fields {
                    sizes.resize_with(columns.len(), || None);
                } else {
                    let of_classes = of_classes && (are_of(0, a) || are_of(1, b));
                    let look = |(column, names): (&mut Column, &bool)| match of_classes && *names {
                        true => column.look_at_names(a, b),
                        false => column.look(a, b, tolerance),
                    };
                    sizes.extend(columns.iter_mut().zip(&names_class).map(look));
                }
                if let Some(watch) = &mut watch {
                    watch.look(a, b, &sizes);
                }
            }
            (Ordering::Less, Some(a), _) => {
                file.missing += 1;
                file.first_missing.get_or_insert_with(|| key(a));
            }
            (_, _, Some(b)) => {
                file.extra += 1;
                file.first_extra.get_or_insert_with(|| key(b));
            }
            _ => break,
        }
        if side != Ordering::Greater {
            a.advance()?;
        }
        if side != Ordering::Less {
            b.advance()?;
        }
    }
    if let Some(watch) = &mut watch {
        file.noise = watch.end();
        file.noise_total = watch.total;
        (file.with_noise, file.without_noise) = (watch.compared, watch.single);
        file.left_out = watch.left_out;
    }
    let noise = |nth: usize| {
        watch.as_ref().map(|watch| OfNoise { differs: watch.differs[nth], beyond: watch.beyond_noise[nth] })
    };
    let ended = columns.into_iter().enumerate().map(|(nth, column)| column.end(&layouts[0].key, noise(nth)));
    file.columns = ended.collect();
    Ok((file, [a.noticed(), b.noticed()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_same_bytes_are_the_same_if_each_of_their_lines_is_surely_a_row() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("a"), folder.path().join("b")];
        let rows = |a: &str, b: &str, least: u64| {
            std::fs::write(&paths[0], a).unwrap();
            std::fs::write(&paths[1], b).unwrap();
            the_same([&paths[0], &paths[1]], least).unwrap()
        };
        let long = "h,k\n".to_owned() + &"1,2\n".repeat(BLOCK);
        assert_eq!(rows(&long, &long, 100), Some(BLOCK as u64));
        assert_eq!(rows("h\n1\n2\n", "h\n1\n2\n", 0), Some(2));
        assert_eq!(rows("h\n1\n2\n", "h\n1\n2\n", 7), None, "small files are gone through");
        for (a, b) in [
            ("h\n1\n2\n", "h\n1\n3\n"),
            ("h\n1\n2\n", "h\n1\n2\n3\n"),
            ("h\n1\n2", "h\n1\n2"),
            ("h\n\"1\n2\"\n", "h\n\"1\n2\"\n"),
            ("h\n1\n\n2\n", "h\n1\n\n2\n"),
            ("\nh\n1\n", "\nh\n1\n"),
            ("h\r\n1\r\n", "h\r\n1\r\n"),
            ("", ""),
        ] {
            assert_eq!(rows(a, b, 0), None, "{a:?} {b:?}");
        }
        // An empty line where one block ends and the next begins.
        let split = "h\n".to_owned() + &"x".repeat(BLOCK - 3) + "\n\n2\n";
        assert_eq!(rows(&split, &split, 0), None);
    }
}

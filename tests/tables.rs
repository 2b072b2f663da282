//! Somebody's CSVs and tensors: read as pandas and numpy read them, or refused with the line or the tensor.

mod common;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use common::python;
use misfit::data::csv_file::{CsvFile, Reading, expand};
use misfit::data::table::{Column, Table, Values};
use misfit::data::tensors::TensorFile;
use misfit::data::{Files, RunData, Samples};
use misfit::experiment::Experiment;
use misfit::experiment::config::{Holdout, HoldoutRows, Split};
use serde_json::Value;

/// Numbers that look drawn, the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % below
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// What tests/tables.py says of a folder.
fn oracle(what: &str, folder: &Path) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables.py");
    let out = python()?.arg(script).arg(what).arg(folder).output().expect("Python starts");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(serde_json::from_slice(&out.stdout).expect("JSON"))
}

fn table(csv: &[u8], wanted: &[(&'static str, &str, Reading)]) -> Result<Table, String> {
    let path = Path::new("rows.csv");
    let wanted: Vec<_> = wanted.iter().map(|&(key, name, reading)| (key, name.to_owned(), reading)).collect();
    let read = CsvFile::of(csv.to_vec(), path).and_then(|file| file.table(path, &wanted));
    read.map_err(|error| format!("{error:#}"))
}

/// One column of a file.
fn column(csv: &str, name: &str, reading: Reading) -> Result<Values, String> {
    table(csv.as_bytes(), &[("inputs", name, reading)]).map(|mut table| table.columns.remove(0).values)
}

/// NaN as None, so that missing numbers are equal.
fn numbers(values: &Values) -> Vec<Option<f64>> {
    let Values::Numbers(numbers) = values else { panic!("numbers: {values:?}") };
    numbers.iter().map(|&number| (!number.is_nan()).then_some(number)).collect()
}

/// Each row's text.
fn texts(values: &Values) -> Vec<Option<&str>> {
    let Values::Texts { texts, codes } = values else { panic!("texts: {values:?}") };
    codes.iter().map(|code| code.map(|code| texts[code as usize].as_str())).collect()
}

fn spelt(numbers: &[Value]) -> Vec<Option<f64>> {
    numbers.iter().map(|number| number.as_str().map(|digits| digits.parse().expect("a number"))).collect()
}

fn same(values: &Values, expected: &Value, what: &str) {
    let list = |key: &str| expected[key].as_array().unwrap_or_else(|| panic!("{what}: {expected} is {values:?}"));
    match values {
        Values::Numbers(_) => {
            assert_eq!(numbers(values), spelt(list("numbers")), "{what}");
        }
        Values::Texts { texts, codes } => {
            assert_eq!(&texts.iter().map(|text| text.as_str().into()).collect::<Vec<Value>>(), list("texts"), "{what}");
            let expected: Vec<Option<u64>> = list("codes").iter().map(Value::as_u64).collect();
            assert_eq!(codes.iter().map(|code| code.map(u64::from)).collect::<Vec<_>>(), expected, "{what}");
        }
    }
}

/// Cells of one kind each, and what stands among them.
const NUMBERS: [&str; 12] =
    ["1", "-2", "+3", "0.5", ".5", "2.", "1e3", "-1.5E-7", "007", "0.1", "123456789.123456789", "1.0"];
const INTEGERS: [&str; 7] = ["0", "1", "2", "10", "-1", "1.0", "10.00"];
const TEXTS: [&str; 10] = ["red", "green", "Blue", "é", "two words", "x1", "True", "a\"b", "1-2", "-"];
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];
const ALMOST_MISSING: [&str; 8] = ["NAN", "na", "Null", "none", "N/a", "-", "?", "+nan"];

fn a_csv(random: &mut Numbers, separator: char) -> String {
    let columns = 2 + random.below(4);
    let end = random.one_of(&["\n", "\r\n"]);
    let kinds: Vec<Vec<&[&str]>> = (0..columns)
        .map(|_| {
            let main: &[&str] = [&NUMBERS[..], &INTEGERS, &TEXTS][random.below(3)];
            let others: [&[&str]; 7] =
                [&MISSING, &MISSING, &MISSING, &TEXTS, &NUMBERS, &ALMOST_MISSING, &["inf", "-Infinity"]];
            let mut kinds = vec![main; 1 + random.below(8)];
            (0..random.below(3)).for_each(|_| kinds.push(others[random.below(others.len())]));
            kinds
        })
        .collect();
    let mut text = (0..columns).map(|nth| format!("c{nth}")).collect::<Vec<_>>().join(&separator.to_string()) + end;
    for _ in 0..1 + random.below(12) {
        for (nth, kinds) in kinds.iter().enumerate() {
            let kind = kinds[random.below(kinds.len())];
            let cell = random.one_of(kind);
            let cell = if cell.contains('"') { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() };
            let cell = match random.below(12) {
                0 if !cell.contains('"') => format!("\"{cell}\""),
                1 if !cell.contains('"') && separator != '\t' => format!(" {cell} "),
                _ => cell,
            };
            text += &cell;
            text += if nth + 1 < columns { separator.to_string() } else { end.to_owned() }.as_str();
        }
    }
    text
}

#[test]
fn a_csv_has_the_types_the_values_and_the_missing_cells_that_pandas_finds() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Numbers(1);
    for nth in 0..600 {
        let (name, separator) = [("comma", ','), ("semicolon", ';'), ("tab", '\t')][nth % 3];
        std::fs::write(folder.path().join(format!("{nth}-{name}.csv")), a_csv(&mut random, separator)).unwrap();
    }
    // Every missing cell among numbers, and among texts.
    for (first, name) in [("1", "numbers"), ("red", "texts")] {
        let cells = MISSING.iter().chain(&ALMOST_MISSING[..if first == "1" { 0 } else { 8 }]);
        let rows: String = cells.map(|cell| format!("{cell},{first}\n{first},{first}\n")).collect();
        std::fs::write(folder.path().join(format!("{name}-comma.csv")), format!("a,b\n{rows}")).unwrap();
    }
    let Some(expected) = oracle("csv", folder.path()) else { return };
    let expected = expected.as_object().unwrap();
    assert_eq!(expected.len(), 602);
    let mut kinds = [0; 3];
    for (name, about) in expected {
        for (packed, sha256) in [name.clone(), format!("{name}.gz")].iter().zip(about["sha256"].as_array().unwrap()) {
            let path = folder.path().join(packed);
            let file = CsvFile::read(&path, "data.target.csv").unwrap();
            assert_eq!(&file.sha256, sha256.as_str().unwrap());
            let columns = about["columns"].as_object().unwrap();
            assert_eq!(file.header(), columns.keys().cloned().collect::<Vec<_>>(), "{name}");
            for (column, expected) in columns {
                let read = |reading| file.table(&path, &[("inputs", column.clone(), reading)]);
                let text = || std::fs::read_to_string(folder.path().join(name)).unwrap();
                let what = || format!("{packed}, {column}:\n{}", text());
                same(&read(Reading::Text).unwrap().columns[0].values, &expected["class"], &what());
                match read(Reading::Either) {
                    Err(error) => {
                        assert_eq!(expected["either"], "refused", "{}: {error}", what());
                        kinds[0] += 1;
                    }
                    Ok(table) => {
                        let values = &table.columns[0].values;
                        same(values, &expected["either"], &what());
                        kinds[if matches!(values, Values::Numbers(_)) { 1 } else { 2 }] += 1;
                    }
                }
            }
        }
    }
    assert!(kinds.iter().all(|&count| count > 200), "{kinds:?}");
}

/// `(the CSV, what its column b is read as, the line)`.
const REFUSED: &[(&str, Reading, &str)] = &[
    (
        "a,b\n1,1\n2,two\n",
        Reading::Number,
        "rows.csv:3: b is \"two\", expected a finite number: mend or remove the row",
    ),
    ("a,b\n1,inf\n", Reading::Number, "rows.csv:2: b is \"inf\", expected a finite number: mend or remove the row"),
    ("a,b\n1,NAN\n", Reading::Number, "rows.csv:2: b is \"NAN\", expected a finite number: mend or remove the row"),
    ("a,b\n1,+nan\n", Reading::Number, "rows.csv:2: b is \"+nan\", expected a finite number: mend or remove the row"),
    // More than half are numbers.
    (
        "a,b\n1,1\n1,\n1,2\n\n1,two\n",
        Reading::Either,
        "rows.csv:6: b is \"two\", expected a finite number: mend or remove the row",
    ),
    (
        "a,b\n1,1\n1,inf\n1,x\n",
        Reading::Either,
        "rows.csv:3: b is \"inf\", expected a finite number: mend or remove the row",
    ),
    ("a,b\n1,1e400\n", Reading::Either, "rows.csv:2: b is \"1e400\", expected a finite number: mend or remove the row"),
    // Numbers with commas are no texts.
    ("a,b\n1,\"2,5\"\n", Reading::Either, "rows.csv:2: b is \"2,5\", expected a finite number: mend or remove the row"),
    (
        "a,b\n1,\"1,234,567\"\n",
        Reading::Either,
        "rows.csv:2: b is \"1,234,567\", expected a finite number: mend or remove the row",
    ),
    (
        "a;b\n1;1,5\n",
        Reading::Number,
        "rows.csv:2: b is \"1,5\", a number with a comma: save the file with decimal points, digits ungrouped",
    ),
    (
        "a;b\n1;1\n1;-1.234,5e3\n",
        Reading::Either,
        "rows.csv:3: b is \"-1.234,5e3\", a number with a comma: save the file with decimal points, digits ungrouped",
    ),
    (
        "a\tb\n1\t1,234.5\n",
        Reading::Either,
        "rows.csv:2: b is \"1,234.5\", a number with a comma: save the file with decimal points, digits ungrouped",
    ),
    (
        "a;b\n1;1\n1;x,5\n1;2\n",
        Reading::Either,
        "rows.csv:3: b is \"x,5\", expected a finite number: mend or remove the row",
    ),
    ("a;b\n1;2\n1\n", Reading::Text, "rows.csv:3: 1 fields, the header has 2"),
    ("a\tc\n1\t2\n", Reading::Text, "rows.csv:1: no column \"b\" (data.target.inputs), the file has: a, c"),
    ("a;b;b\n1;2;3\n", Reading::Text, "rows.csv:1: two columns are called \"b\" (data.target.inputs): rename one"),
    ("a;b\n", Reading::Text, "rows.csv:2: no rows, expected numbers under the header"),
    ("\"a;b\"\n1\n", Reading::Text, "rows.csv:1: no column \"b\" (data.target.inputs), the file has: a;b"),
];

#[test]
fn what_cannot_be_read_of_a_csv_is_refused_with_its_line() {
    for &(csv, reading, expected) in REFUSED {
        assert_eq!(column(csv, "b", reading).unwrap_err(), expected, "{csv:?}");
    }
    // The earliest line, whichever column.
    let csv = "a,b\n1,1\n2,2\n3,x\ny,4\n5,5\n";
    let wanted = [("inputs", "a", Reading::Either), ("output", "b", Reading::Either)];
    let expected = "rows.csv:4: b is \"x\", expected a finite number: mend or remove the row";
    assert_eq!(table(csv.as_bytes(), &wanted).unwrap_err(), expected);
    let wide = ",".repeat(1_000_000);
    let expected = "rows.csv: has 1000001 columns, expected at most 1000000";
    assert_eq!(table(wide.as_bytes(), &[]).unwrap_err(), expected);
}

#[test]
fn a_column_is_numbers_if_more_than_half_of_it_is() {
    let either = |csv| column(csv, "b", Reading::Either).unwrap();
    assert_eq!(texts(&either("a,b\n1,1\n1,two\n")), [Some("1"), Some("two")]);
    assert_eq!(texts(&either("a,b\n1,NA\n1,two\n1,2.0\n1,-\n")), [None, Some("two"), Some("2"), Some("-")]);
    assert_eq!(texts(&either("a,b\n1,\"1234,567.8\"\n")), [Some("1234,567.8")]);
    assert_eq!(numbers(&either("a,b\n1,NA\n1, \n")), [None, None]);
    assert_eq!(numbers(&either("a,b\n1,NA\n1,-1e-3\n")), [None, Some(-0.001)]);
    assert_eq!(
        texts(&either("a,b\n1,\"1,2,3\"\n1,\"12,34\"\n1,\"1,2,3\"\n")),
        [Some("1,2,3"), Some("12,34"), Some("1,2,3")]
    );
}

#[test]
fn classes_that_are_integers_are_in_order_of_size_and_have_no_point() {
    let class = |csv: &str| match column(csv, "b", Reading::Text).unwrap() {
        Values::Texts { texts, codes } => (texts, codes),
        other => panic!("{other:?}"),
    };
    let (texts, codes) = class("a,b\n1,10\n1,9.0\n1,NA\n1, 10 \n1,\"-1\"\n");
    assert_eq!(
        (texts, codes),
        (["-1", "9", "10"].map(String::from).to_vec(), vec![Some(2), Some(1), None, Some(2), Some(0)])
    );
    let (texts, _) = class("a,b\n1,10\n1,9\n1,1.5\n1,b\n1,B\n1,é\n");
    assert_eq!(texts, ["1.5", "10", "9", "B", "b", "é"]);
    let (texts, _) = class(&format!("a,b\n1,{0}\n1,{0}.0\n1,3\n", u64::MAX));
    assert_eq!(texts, ["3".to_owned(), u64::MAX.to_string()]);
}

#[test]
fn the_separator_is_what_gives_the_header_most_fields() {
    for (csv, header) in [
        ("a,b\n1,2\n", vec!["a", "b"]),
        ("a;b\n1;2\n", vec!["a", "b"]),
        ("a\tb\n1\t2\n", vec!["a", "b"]),
        ("\"a,b,c\";d\n1;2\n", vec!["a,b,c", "d"]),
        ("a;b,c;d\n1;2;3\n", vec!["a", "b,c", "d"]),
        // Commas if there are as many.
        ("a;b,c\n1,2\n", vec!["a;b", "c"]),
        ("a\n1\n", vec!["a"]),
        ("\u{feff}\r\n\n\"x;y\" , z\n1,2\n", vec!["x;y", "z"]),
        // Below the header they do not count.
        ("a;b\n1,2,3;4\n", vec!["a", "b"]),
        ("a", vec!["a"]),
    ] {
        assert_eq!(CsvFile::of(csv.into(), Path::new("rows.csv")).unwrap().header(), header, "{csv:?}");
    }
}

#[test]
fn a_row_has_the_line_that_an_editor_shows() {
    let lines = |csv: &str| table(csv.as_bytes(), &[("inputs", "a", Reading::Either)]).unwrap().lines;
    assert_eq!(lines("a,b\n1,2\n3,4\n"), [2, 3]);
    assert_eq!(lines("a;b\r\n1;2\r\n\r\n\r\n3;4"), [2, 5]);
    assert_eq!(lines("\n\na,b\r1,2\r\r3,4\r"), [4, 6]);
    assert_eq!(lines("a,b\n1,\"x\ny\r\nz\"\n\n3,4\n5,\"\r\"\n6,7\n"), [2, 6, 7, 9]);
    assert_eq!(lines("\"a\",\"b\n\n\"\n1,2\n"), [4]);
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_damaged_gzip_file_is_refused_on_one_line() {
    let whole = packed(b"a,b\n1,2\n3,x\n");
    let wanted = [("inputs", "b", Reading::Number)];
    let refused = |bytes: &[u8]| table(bytes, &wanted).unwrap_err();
    // The line is that of the file that was packed.
    assert_eq!(refused(&whole), "rows.csv:3: b is \"x\", expected a finite number: mend or remove the row");
    let damaged = |what: &str| format!("rows.csv: is packed by gzip and damaged ({what}): pack or copy it again");
    assert_eq!(refused(&whole[..whole.len() - 3]), damaged("unexpected end of file"));
    assert_eq!(refused(b"\x1f\x8b\x08"), damaged("unexpected end of file"));
    assert_eq!(refused(&[&whole[..], b"more than one file"].concat()), damaged("invalid gzip header"));
    let mut turned = whole.clone();
    *turned.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&turned), damaged("corrupt gzip stream does not have a matching checksum"));
    assert_eq!(refused(&packed(b"a,b\n1,\xe9\n")), "rows.csv:2: is not UTF-8: save the file as UTF-8");
    assert_eq!(refused(&packed(b"")), "rows.csv: is empty, expected a header line and rows of numbers");
}

#[test]
fn a_star_is_all_columns_that_are_neither_targets_nor_left_out() {
    let header = ["", "id", "a", "-b", "y"].map(String::from);
    let of = |inputs: &[&str]| {
        let inputs: Vec<String> = inputs.iter().map(ToString::to_string).collect();
        expand(&header, &inputs, &["y".to_owned()])
    };
    for (inputs, expected) in [
        (vec!["*"], Ok(vec!["id", "a", "-b"])),
        (vec!["*", "-id"], Ok(vec!["a", "-b"])),
        (vec!["-a", "*", "--b"], Ok(vec!["id"])),
        (vec!["*", "-y", "-", "-id"], Ok(vec!["a", "-b"])),
        // Names as they stand, whether they are there or not.
        (vec!["-b", "z", ""], Ok(vec!["-b", "z", ""])),
        (
            vec!["*", "-idd"],
            Err(
                "no column \"idd\" to leave out (data.target.inputs), did you mean \"id\"? the file has: , id, a, -b, y",
            ),
        ),
        (vec!["*", "-\n"], Err("no column \"\\n\" to leave out (data.target.inputs), the file has: , id, a, -b, y")),
        (
            vec!["*", "a\u{1b}"],
            Err(
                "\"a\\u{1b}\" beside \"*\", which is all columns (data.target.inputs): remove one of them, or leave columns out as \"-name\"",
            ),
        ),
        (vec!["*", "-a", "-id", "--b"], Err("no column is left for data.target.inputs: name one")),
        (vec![], Err("data.target.inputs names no column: give one, or \"*\"")),
    ] {
        let expected = expected.map(|names: Vec<&str>| names.iter().map(ToString::to_string).collect());
        assert_eq!(of(&inputs), expected.map_err(str::to_owned), "{inputs:?}");
    }
}

#[test]
fn a_file_that_is_too_large_or_none_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows");
    let shown = path.display();
    let refused = || {
        let csv = CsvFile::read(&path, "data.target.csv").err().map(|error| format!("{error:#}"));
        let tensors = TensorFile::read(&path).err().map(|error| format!("{error:#}"));
        [csv.expect("refused"), tensors.expect("refused")]
    };
    let none = |key| {
        let cause = "No such file or directory (os error 2)";
        format!("{shown}: cannot be read ({key} is relative to the experiment file): {cause}")
    };
    assert_eq!(refused(), ["data.target.csv", "data.target.tensors"].map(none));
    std::fs::File::create(&path).unwrap().set_len((1 << 30) + 1).unwrap();
    let expected = format!("{shown}: is over 1 GiB, which is more than a small network learns from");
    assert_eq!(refused(), [expected.clone(), expected]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let none = |(what, key)| format!("{shown}: is not a file, expected {what} ({key})");
    assert_eq!(refused(), [("a CSV", "data.target.csv"), ("a safetensors file", "data.target.tensors")].map(none));
}

#[test]
fn tensors_of_every_type_are_read_as_numpy_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let Some(expected) = oracle("tensors", folder.path()) else { return };
    let expected = expected.as_object().unwrap();
    assert_eq!(expected.len(), 12 * 4 + 1);
    for (name, expected) in expected {
        let file = TensorFile::read(&folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(file.sha256, expected["sha256"].as_str().unwrap(), "{name}");
        assert_eq!(file.classes, expected["train"]["texts"].is_array(), "{name}");
        assert_eq!(file.test.is_some(), expected["test"].is_object(), "{name}");
        for (table, expected) in [(Some(&file.train), &expected["train"]), (file.test.as_ref(), &expected["test"])] {
            let Some(Table { columns, lines }) = table else { continue };
            assert!(lines.is_empty());
            let numbered = |name: &str, count: usize| match count {
                1 => vec![name.to_owned()],
                _ => (0..count).map(|nth| format!("{name}_{nth}")).collect(),
            };
            let list = |key: &str| expected[key].as_array().map_or(&[][..], |list| list);
            let outputs = if file.classes { 1 } else { list("y").len() };
            let names = [numbered("x", list("x").len()), numbered("y", outputs)].concat();
            assert_eq!(columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>(), names, "{name}");
            let mut columns = columns.iter().map(|column: &Column| &column.values);
            for expected in list("x").iter().chain(list("y")) {
                assert_eq!(numbers(columns.next().unwrap()), spelt(expected.as_array().unwrap()), "{name}");
            }
            columns.for_each(|classes| same(classes, expected, name));
        }
    }
}

/// A safetensors file by hand: name, type, shape, bytes.
fn safetensors(tensors: &[(&str, &str, &str, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    let entry = |&(name, dtype, shape, bytes): &(&str, &str, &str, &[u8])| {
        let begin = data.len();
        data.extend_from_slice(bytes);
        let [name, dtype] = [name, dtype].map(|text| Value::from(text).to_string());
        format!("{name}:{{\"dtype\":{dtype},\"shape\":{shape},\"data_offsets\":[{begin},{}]}}", data.len())
    };
    let header = format!("{{{}}}", tensors.iter().map(entry).collect::<Vec<_>>().join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

fn tensors(bytes: &[u8]) -> Result<TensorFile, String> {
    TensorFile::of(bytes, Path::new("a.safetensors")).map_err(|error| format!("{error:#}"))
}

#[test]
fn what_is_wrong_with_tensors_is_said_with_their_names() {
    const INF: &[u8] = &[0, 0, 0x80, 0x7f];
    let x: (&str, &str, &str, &[u8]) = ("x", "U8", "[2]", &[1, 2]);
    let y: (&str, &str, &str, &[u8]) = ("y", "U8", "[2]", &[1, 2]);
    for (file, expected) in [
        (
            vec![x, ("Y", "U8", "[2]", &[1, 2])],
            "no tensor \"y\", the file has Y, x: save x and y, and x_test and y_test where they are tested",
        ),
        (vec![], "no tensor \"x\", the file has nothing: save x and y, and x_test and y_test where they are tested"),
        (
            vec![x, y, ("x_test", "U8", "[1]", &[1])],
            "no tensor \"y_test\", the file has x, x_test, y: save x and y, and x_test and y_test where they are tested",
        ),
        (
            vec![x, ("y", "U8", "[1]", &[1])],
            "x U8 [2] and y U8 [1]: expected the same number of rows, the first dimension",
        ),
        (vec![x, ("y", "U8", "[2, 1, 1]", &[1, 2])], "y U8 [2, 1, 1]: expected [rows] or [rows, outputs]"),
        (vec![("x", "U8", "[]", &[1]), y], "x U8 []: expected rows as the first dimension"),
        (vec![("x", "U8", "[0, 3]", &[]), y], "x U8 [0, 3]: expected at least one row and one column"),
        (vec![("x", "F64", "[2, 0]", &[]), y], "x F64 [2, 0]: expected at least one row and one column"),
        (vec![x, ("y", "U8", "[0]", &[])], "y U8 [0]: expected at least one row and one column"),
        (
            vec![("x", "F32", "[2, 2]", &[&[0; 12], INF].concat()), y],
            "x[1] has inf, expected finite numbers, or NaN where a value is missing: mend or remove the row",
        ),
        (
            vec![x, ("y", "F16", "[2]", &[0, 0xfc, 0, 0])],
            "y[0] has -inf, expected finite numbers, or NaN where a value is missing: mend or remove the row",
        ),
        (
            vec![x, y, ("x_test", "U8", "[1, 2]", &[1, 2]), ("y_test", "U8", "[1]", &[1])],
            "x U8 [2] and x_test U8 [1, 2]: expected the same shape behind the first dimension",
        ),
        (
            vec![x, y, ("x_test", "U8", "[1]", &[1]), ("y_test", "U8", "[2]", &[1, 2])],
            "x_test U8 [1] and y_test U8 [2]: expected the same number of rows, the first dimension",
        ),
        (
            vec![x, y, ("x_test", "U8", "[1]", &[1]), ("y_test", "F32", "[1]", &[0; 4])],
            "y U8 [2] and y_test F32 [1]: expected integers, which are classes, in both or in neither",
        ),
        (
            vec![x, y, ("w", "F8_E4M3", "[1]", &[0])],
            "w F8_E4M3: expected F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8 or BOOL: convert it",
        ),
        (
            vec![x, y, ("a\u{1b}\u{202e}", "odd\n", "[1]", &[0])],
            "a\\u{1b}\\u{202e} odd\\n: expected F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8 or BOOL: convert it",
        ),
    ] {
        let refused = tensors(&safetensors(&file)).err().expect("refused");
        assert_eq!(refused, format!("a.safetensors: {expected}"));
    }
}

#[test]
fn what_is_no_safetensors_file_or_a_damaged_one_is_refused() {
    let sound = safetensors(&[("x", "U8", "[2, 1]", &[1, 2]), ("y", "F32", "[2]", &[0; 8])]);
    assert!(tensors(&sound).is_ok());
    let header = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let none = "a.safetensors: is not a safetensors file: write it with safetensors' save_file";
    let damaged = "a.safetensors: is damaged, its tensors are not where its header says: write or copy it again";
    for (bytes, expected) in [
        (Vec::new(), none),
        (b"a,b\n1,2\n".to_vec(), none),
        (b"\x80\x02}q\x00.PK\x03\x04 a pickle".to_vec(), none),
        (vec![0xff; 64], none),
        (header("[]"), none),
        (header("{\"x\""), none),
        (header("{\"x\":1}"), none),
        (header(&"{\"x\":".repeat(100_000)), none),
        (header("{\"x\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}"), none),
        (sound[..sound.len() - 1].to_vec(), damaged),
        ([&sound[..], &[0]].concat(), damaged),
        (safetensors(&[("x", "U8", "[3]", &[1, 2])]), damaged),
        (safetensors(&[("x", "U8", "[9223372036854775808, 9223372036854775808]", &[1, 2])]), damaged),
        (
            header(
                "{\"x\":{\"dtype\":\"U8\",\"shape\":[18446744073709551615],\"data_offsets\":[0,18446744073709551615]}}",
            ),
            damaged,
        ),
        (
            header(
                "{\"x\":{\"dtype\":\"U8\",\"shape\":[18446744073709551608],\"data_offsets\":[0,18446744073709551608]}}",
            ),
            damaged,
        ),
        (header("{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}"), damaged),
    ] {
        assert_eq!(
            tensors(&bytes).err().expect("refused"),
            expected,
            "{}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(99)])
        );
    }
    // Wide beyond use.
    let wide = vec![0; 1_000_000];
    assert_eq!(
        tensors(&safetensors(&[("x", "U8", "[1, 1000000]", &wide), ("y", "U8", "[1]", &[1])])).err().expect("refused"),
        "a.safetensors: has 1000001 columns, expected at most 1000000"
    );
}

/// Rows of which each says by its first number which it is, with a text of `classes` kinds: of the last kind there are few.
fn numbered(rows: usize, classes: usize) -> String {
    let class = |row: usize| if row % 5 == 2 { classes - 1 } else { row % (classes - 1) };
    let row = |row: usize| format!("{row},k{},{}\n", class(row), (row * 7 % 5) as f64 / 2.0);
    "nth,class,y\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

/// The rows that a run learns from and those that it is tested on, each by its first number.
fn split(data: &str, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let config = common::config(&format!("[data]\n{data}\n"));
    let files = Files::read([&config].into_iter()).unwrap_or_else(|error| panic!("{error:#}\n{data}"));
    let run = RunData::new(&config, seed, &files).unwrap_or_else(|error| panic!("{error:#}\n{data}"));
    let rows = |samples: &Samples| -> Vec<usize> {
        samples.inputs.iter().step_by(samples.columns).map(|&nth| nth as usize).collect()
    };
    let (learnt, tested) = (rows(&run.train), rows(&run.test));
    let places: Vec<Option<usize>> = (0..tested.len()).map(|row| run.test_place(row)).collect();
    assert_eq!(
        places,
        tested.iter().map(|row| Some(row % 1000)).collect::<Vec<_>>(),
        "rows are named as in their file"
    );
    (learnt, tested)
}

const SEEDS: std::ops::Range<u64> = 0..40;

fn without_twins(rows: &[usize]) -> BTreeSet<usize> {
    let set: BTreeSet<usize> = rows.iter().copied().collect();
    assert_eq!(set.len(), rows.len(), "no row is there twice: {rows:?}");
    set
}

#[test]
fn what_is_validated_or_learnt_from_beside_is_a_test_row_of_no_seed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let target = |columns: &str| format!("target = {{ csv = {:?}, inputs = [\"nth\"], {columns} }}", path.display());
    for (how, columns) in [("random", "output = 'y'"), ("last", "output = 'y'"), ("stratified", "class = 'class'")] {
        for (count, holdout) in
            [(12, "0.25"), (20, "'auto'"), (21, "0.05"), (60, "'auto'"), (60, "0.6"), (137, "0.3"), (137, "0.5")]
        {
            std::fs::write(&path, numbered(count, 4)).unwrap();
            let share = if holdout == "'auto'" { 0.2 } else { holdout.parse().unwrap() };
            let held = (share * count as f64).round() as usize;
            let data = format!("{}\nholdout = {holdout}\nholdout_rows = {how:?}\n", target(columns));
            let case = format!("{how}, {holdout} of {count}");
            let (mut tested, mut looked_at) = (BTreeSet::new(), BTreeSet::new());
            let (mut test_sets, mut validation_sets) = (BTreeSet::new(), BTreeSet::new());
            for seed in SEEDS {
                let (learnt, test) = split(&format!("{data}split = 'judging'\n"), seed);
                let (learnt, test) = (without_twins(&learnt), without_twins(&test));
                assert_eq!((test.len(), learnt.len()), (held, count - held), "{case}, seed {seed}");
                assert!(learnt.is_disjoint(&test), "{case}, seed {seed}");
                tested.extend(test.iter().copied());
                test_sets.insert(test);

                let (learnt, validated) = split(&format!("{data}split = 'validation'\n"), seed);
                let (learnt, validated) = (without_twins(&learnt), without_twins(&validated));
                assert!(!learnt.is_empty() && !validated.is_empty(), "{case}, seed {seed}");
                assert!(learnt.is_disjoint(&validated), "{case}, seed {seed}");
                looked_at.extend(learnt.iter().chain(&validated).copied());
                validation_sets.insert(validated);
            }
            let both: Vec<&usize> = tested.intersection(&looked_at).collect();
            assert!(both.is_empty(), "{case}: {both:?}");
            // About three quarters of what one seed learns from is never tested.
            assert!(2 * looked_at.len() > count - held, "{case}: {looked_at:?}");
            // Of a single one the class with most rows may have it for every seed.
            let drawn = if how == "last" { 1..=1 } else { 1 + held.min(2) / 2..=SEEDS.end as usize };
            assert!(drawn.contains(&test_sets.len()) && drawn.contains(&validation_sets.len()), "{case}");
        }
    }
}

#[test]
fn beside_test_rows_of_their_own_a_part_of_the_training_rows_is_validated_with() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["rows.csv", "test.csv", "t.safetensors"].map(|name| folder.path().join(name));
    let [rows, test, tensors] = paths.each_ref().map(|path| path.display());
    for count in [10, 50] {
        std::fs::write(&paths[0], numbered(count, 3)).unwrap();
        // Its rows have numbers of their own, from 1000 on.
        let others: String = (0..30).map(|nth| format!("{},k{},0.5\n", 1000 + nth, nth % 2)).collect();
        std::fs::write(&paths[1], format!("nth,class,y\n{others}")).unwrap();
        let floats = |from: usize, count: usize| -> Vec<u8> {
            (from..from + count).flat_map(|nth| (nth as f32).to_le_bytes()).collect()
        };
        let (x, x_test) = (floats(0, count), floats(1000, 30));
        let [shape, test_shape] = [format!("[{count}]"), "[30]".to_owned()];
        let file = safetensors(&[
            ("x", "F32", &shape, &x),
            ("y", "F32", &shape, &x),
            ("x_test", "F32", &test_shape, &x_test),
            ("y_test", "F32", &test_shape, &x_test),
        ]);
        std::fs::write(&paths[2], file).unwrap();
        for data in [
            format!("target = {{ csv = \"{rows}\", inputs = ['nth'], output = 'y' }}\ntest = {{ csv = \"{test}\" }}\n"),
            format!(
                "target = {{ csv = \"{rows}\", inputs = ['nth'], class = 'class' }}\ntest = {{ csv = \"{test}\" }}\n"
            ),
            format!("target = {{ tensors = \"{tensors}\" }}\n"),
        ] {
            let all: Vec<usize> = (0..count).collect();
            for seed in SEEDS {
                assert_eq!(split(&data, seed), (all.clone(), (1000..1030).collect()), "{data}");
                let (learnt, validated) = split(&format!("{data}split = 'validation'\n"), seed);
                if count < 20 {
                    // Too few to tell by a part of them.
                    assert_eq!((&learnt, &validated), (&all, &all), "{data}");
                    continue;
                }
                assert_eq!(validated.len(), count / 5, "{data}");
                let both: BTreeSet<usize> = without_twins(&learnt).union(&without_twins(&validated)).copied().collect();
                assert!(both.iter().copied().eq(all.iter().copied()) && both.len() == learnt.len() + validated.len());
            }
        }
    }
}

#[test]
fn a_functions_validation_points_lie_between_its_test_points_or_are_drawn_apart() {
    let run = |data: &str, seed: u64| {
        let config = common::config(&format!("[data]\n{data}\n"));
        RunData::new(&config, seed, &Files::default()).unwrap()
    };
    for target in ["{ polynomial = [0, 1, 1] }", "{ formula = 'sin(x)' }"] {
        for test in [
            "",
            "test = { grid = { from = -3, to = 8, count = 57 } }\n",
            "test = { grid = { from = 2, to = 5, count = 2 } }\n",
        ] {
            let data = format!("target = {target}\n{test}");
            let (tested, validated) = (run(&data, 3), run(&format!("{data}split = 'validation'\n"), 3));
            assert_eq!(tested.train, validated.train, "{data}");
            let (points, between) = (&tested.test.inputs, &validated.test.inputs);
            // As many as there are gaps, and at least 64, evenly spread and none among the others.
            let parts = (points.len() - 1).max(64);
            assert_eq!(between.len(), parts, "{data}");
            let (from, to) = (points[0], points[points.len() - 1]);
            for (nth, point) in between.iter().enumerate() {
                let middle = from + (to - from) * (nth as f64 + 0.5) / parts as f64;
                assert!((point - middle).abs() <= 1e-12 * from.abs().max(to.abs()), "{point}: {middle}");
                assert!(points.iter().all(|other| (point - other).abs() > 1e-9 * (to - from)), "{point}");
            }
            for (x, y) in between.iter().zip(&validated.test.targets) {
                let wanted = if target.contains("sin") { x.sin() } else { x + x * x };
                assert!((y - wanted).abs() <= 1e-12 * wanted.abs().max(1.0), "{x}: {y}");
            }
        }
        let drawn = format!("target = {target}\ntest = {{ uniform = {{ from = -3, to = 8, count = 57 }} }}\n");
        for seed in SEEDS {
            let (tested, validated) = (run(&drawn, seed), run(&format!("{drawn}split = 'validation'\n"), seed));
            assert_eq!(tested.train, validated.train);
            assert_eq!((tested.test.rows(), validated.test.rows()), (57, 57));
            assert!(tested.test.inputs.iter().all(|x| !validated.test.inputs.contains(x)), "seed {seed}");
        }
    }
}

#[test]
fn words_for_the_split_and_the_share_that_is_held_out() {
    let parse = |data: &str| {
        let text = format!("[data]\ntarget = {{ csv = 'x.csv', inputs = ['a'], output = 'y' }}\n{data}\n");
        Experiment::parse(&text, "x.toml", &[]).map(|experiment| {
            let data = experiment.baseline.data;
            (data.holdout, data.holdout_rows, data.split)
        })
    };
    let random = Some(HoldoutRows::Random);
    for (data, expected) in [
        ("", (Holdout::Auto, random, Split::Test)),
        ("holdout = 'auto'", (Holdout::Auto, random, Split::Test)),
        ("holdout = 0", (Holdout::Share(0.0), None, Split::Test)),
        ("holdout = 0.5\nsplit = 'validation'", (Holdout::Share(0.5), random, Split::Validation)),
        ("holdout = 0.5\nsplit = 'judging'", (Holdout::Share(0.5), random, Split::Judging)),
        ("split = 'test'\nholdout_rows = 'last'", (Holdout::Auto, Some(HoldoutRows::Last), Split::Test)),
        ("test = { csv = 'z.csv' }", (Holdout::Share(0.0), None, Split::Test)),
        ("test = 'train'", (Holdout::Share(0.0), None, Split::Test)),
    ] {
        assert_eq!(parse(data).unwrap_or_else(|error| panic!("{error}: {data}")), expected, "{data}");
    }
    for (count, share) in [(1, 0.0), (19, 0.0), (20, 0.2), (1000, 0.2)] {
        assert_eq!(Holdout::Auto.share(count), share);
    }
}

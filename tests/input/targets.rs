//! Faults of a CSV that is a target: each is found before anything is trained, and has its line.

use super::{Misfit, refused};

const CSV: &str = "[data]\ntarget = { csv = 'rows.csv', inputs = ['a', 'b'], output = 'y' }\n";

/// `(the CSV, more keys, the line)`.
const CASES: &[(Option<&str>, &str, &str)] = &[
    (
        None,
        "",
        "rows.csv: cannot be read (data.target.csv is relative to the experiment file): No such file or directory (os error 2)",
    ),
    (Some(""), "", "rows.csv: is empty, expected a header line and rows of numbers"),
    (Some("a,b,y\n"), "", "rows.csv:2: no rows, expected numbers under the header"),
    (Some("a,c,y\n1,2,3\n"), "", "rows.csv:1: no column \"b\" (data.target.inputs), the file has: a, c, y"),
    (Some("a,b,z\n1,2,3\n"), "", "rows.csv:1: no column \"y\" (data.target.output), the file has: a, b, z"),
    (Some("a,b,b,y\n1,2,2,3\n"), "", "rows.csv:1: two columns are called \"b\" (data.target.inputs): rename one"),
    (Some("a,b,y\n1,2,3\n1,2\n"), "", "rows.csv:3: 2 fields, the header has 3"),
    (
        Some("a,b,y\n1,2,3\n1,3,two\n"),
        "",
        "rows.csv:3: y is \"two\", expected a finite number: mend or remove the row, or predict it as class = \"y\"",
    ),
    (
        Some("a,b,y\n1,2,3\n1,2,3\n1,two,3\n"),
        "",
        "rows.csv:4: b is \"two\", expected a finite number: mend or remove the row",
    ),
    (
        Some("a,b,y\n1,2,NaN\n"),
        "",
        "rows.csv:2: y is missing: mend or remove the row, or set data.missing to \"drop\" or \"mean\"",
    ),
    (
        Some("\n\na,b,y\n1,2,3\n\n1,2,two\n"),
        "",
        "rows.csv:6: y is \"two\", expected a finite number: mend or remove the row, or predict it as class = \"y\"",
    ),
    (
        Some("a,b,y\r1,2,3\r1,2,x\r"),
        "",
        "rows.csv:3: y is \"x\", expected a finite number: mend or remove the row, or predict it as class = \"y\"",
    ),
    (
        Some("a,b,y\n1,,3\n"),
        "",
        "rows.csv:2: b is missing: mend or remove the row, or set data.missing to \"drop\" or \"mean\"",
    ),
    (Some("a,b,y\n1,inf,3\n"), "", "rows.csv:2: b is \"inf\", expected a finite number: mend or remove the row"),
    (
        Some("a,b,y\n1,2,3\n"),
        "holdout = 0.5",
        "variant \"baseline\": rows.csv: data.holdout: 0.5 of 1 rows leaves 1 for testing and 0 for training: both need at least one",
    ),
    (
        Some("a,b,y\n1,2,3\n4,5,6\n"),
        "[batch]\nsize = 3",
        "variant \"baseline\": batch.size: one batch of 3 cannot be drawn from 2 training samples: lower it, or set batch.draw = \"fresh\"",
    ),
    (
        Some("a,b,y\n1,2,3\n"),
        "inputs = { uniform = { from = 0, to = 1, count = 5 } }",
        "x.toml:3: data.inputs: a CSV target brings its own inputs: remove this key",
    ),
    (
        Some("a,b,y\n1,2,3\n"),
        "test = 'grid'",
        "x.toml:3: data.test: a CSV target is tested on its rows: remove this key, or set data.holdout",
    ),
    (Some("a,b,y"), "", "rows.csv:2: no rows, expected numbers under the header"),
    (Some("a;c;y\n1;2;3\n"), "", "rows.csv:1: no column \"b\" (data.target.inputs), the file has: a, c, y"),
    (
        Some("a;b;y\n1;2;3,5\n"),
        "",
        "rows.csv:2: y is \"3,5\", a number with a comma: save the file with decimal points, digits ungrouped",
    ),
    (Some("\"a,b,y\n1,2,3\n"), "", "rows.csv:1: no column \"a\" (data.target.inputs), the file has: a,b,y\\n1,2,3"),
    (Some("a,b,y\n\"1,2,3\n"), "", "rows.csv:2: 1 fields, the header has 3"),
    (Some("a,b,y\n1,2,3,4\n"), "", "rows.csv:2: 4 fields, the header has 3"),
    (Some("a,b,y\n1,3,-\n"), "", "rows.csv:2: y is \"-\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,3,0x10\n"), "", "rows.csv:2: y is \"0x10\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,3,1_000\n"), "", "rows.csv:2: y is \"1_000\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,1e400,3\n"), "", "rows.csv:2: b is \"1e400\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,-1e400,3\n"), "", "rows.csv:2: b is \"-1e400\", expected a finite number: mend or remove the row"),
    (
        Some("a,b,y\n1,infinity,3\n"),
        "",
        "rows.csv:2: b is \"infinity\", expected a finite number: mend or remove the row",
    ),
    (Some("a,b,y\n1,\"2,5\",3\n"), "", "rows.csv:2: b is \"2,5\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,3,2 3\n"), "", "rows.csv:2: y is \"2 3\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,3,٣\n"), "", "rows.csv:2: y is \"٣\", expected a finite number: mend or remove the row"),
    (
        Some("a,b,y\n1,3,\x1b[31m\n"),
        "",
        "rows.csv:2: y is \"\\u{1b}[31m\", expected a finite number: mend or remove the row",
    ),
    (Some("a,b,y\n1,3,\u{0}2\n"), "", "rows.csv:2: y is \"\\02\", expected a finite number: mend or remove the row"),
    (Some("A,B,Y\n1,2,3\n"), "", "rows.csv:1: no column \"a\" (data.target.inputs), the file has: A, B, Y"),
    (Some("1,2,3\n4,5,6\n"), "", "rows.csv:1: no column \"a\" (data.target.inputs), the file has: 1, 2, 3"),
    (Some(",,\n1,2,3\n"), "", "rows.csv: is empty, expected a header line and rows of numbers"),
    (
        Some("a,b,y\n1,2,None\n"),
        "",
        "rows.csv:2: y is missing: mend or remove the row, or set data.missing to \"drop\" or \"mean\"",
    ),
    (
        Some("a,b,y\n1,2,TRUE\n"),
        "",
        "rows.csv:2: y is \"TRUE\", expected a finite number: mend or remove the row, or predict it as class = \"y\"",
    ),
    (Some("\u{feff}a,c,y\r\n1,2,3\r\n"), "", "rows.csv:1: no column \"b\" (data.target.inputs), the file has: a, c, y"),
    (
        Some("a,b,y\r\n1,2,3\r\n1,2,x\r\n"),
        "",
        "rows.csv:3: y is \"x\", expected a finite number: mend or remove the row, or predict it as class = \"y\"",
    ),
    (Some("a,b,y\n1,2,3\n\n\n1,2\n"), "", "rows.csv:5: 2 fields, the header has 3"),
    (
        Some("a\u{202e},b,y\n1,2,3\n"),
        "",
        "rows.csv:1: no column \"a\" (data.target.inputs), the file has: a\\u{202e}, b, y",
    ),
    (Some("a,b,y,y\n1,2,3,4\n"), "", "rows.csv:1: two columns are called \"y\" (data.target.output): rename one"),
    (
        Some("a,b,y\n1,2,3\n"),
        "holdout = 1",
        "x.toml:3: data.holdout: expected a number from 0 up to, but not including, 1, got 1",
    ),
    (
        Some("a,b,y\n1,2,3\n"),
        "[batch]\nsize = 2",
        "variant \"baseline\": batch.size: one batch of 2 cannot be drawn from 1 training samples: lower it, or set batch.draw = \"fresh\"",
    ),
    (
        Some("a,b,y\n1,2,3\n"),
        "holdout = 0.1\n[batch]\nsize = 9",
        "variant \"baseline\": rows.csv: data.holdout: 0.1 of 1 rows leaves 0 for testing and 1 for training: both need at least one",
    ),
];

#[test]
fn every_fault_of_a_csv_target_is_found_before_anything_is_trained() {
    for (rows, more, expected) in CASES.iter().step_by(crate::EVERY) {
        let misfit = Misfit::new();
        misfit.write("x.toml", &format!("{CSV}{more}\n"));
        if let Some(rows) = rows {
            misfit.write("rows.csv", rows);
        }
        refused(&misfit, &["run", "x.toml", "--dry-run"], expected);
        if cfg!(feature = "train") {
            refused(&misfit, &["run", "x.toml"], expected);
        }
    }
}

#[test]
fn a_target_that_is_no_text_or_no_file_is_named() {
    let misfit = Misfit::new();
    misfit.write("x.toml", CSV);
    for (bytes, expected) in [
        (&b"a,b,y\n1,2,3\n1,\xe9,3\n"[..], "rows.csv:3: is not UTF-8: save the file as UTF-8"),
        (b"\xff\xfea\0", "rows.csv:1: is not UTF-8: save the file as UTF-8"),
        (b"\x1f\x8b\x08", "rows.csv: is packed by gzip and damaged (unexpected end of file): pack or copy it again"),
        (b"\xef\xbb\xbf", "rows.csv: is empty, expected a header line and rows of numbers"),
    ] {
        std::fs::write(misfit.folder.path().join("rows.csv"), bytes).unwrap();
        refused(&misfit, &["run", "x.toml", "--dry-run"], expected);
    }
    std::fs::remove_file(misfit.folder.path().join("rows.csv")).unwrap();
    std::fs::create_dir(misfit.folder.path().join("rows.csv")).unwrap();
    refused(&misfit, &["run", "x.toml", "--dry-run"], "rows.csv: is not a file, expected a CSV (data.target.csv)");
}

/// `(the target, the line)`.
const TARGETS: &[(&str, &str)] = &[
    (
        "csv = 'rows.csv', inputs = ['*', '-idd'], output = 'y'",
        "rows.csv: no column \"idd\" to leave out (data.target.inputs), did you mean \"id\"? the file has: id, a, y",
    ),
    (
        "csv = 'rows.csv', inputs = ['*', '-id', '-a'], class = 'y'",
        "rows.csv: no column is left for data.target.inputs: name one",
    ),
    (
        "csv = 'rows.csv', inputs = ['*', 'a'], class = 'y'",
        "x.toml:2: data.target.inputs: \"a\" beside \"*\", which stands for it too: keep one",
    ),
    ("formula = 'x +'", "x.toml:2: data.target.formula: ends too early: expected a number, x, a function or ("),
    (
        "formula = 'x²'",
        "x.toml:2: data.target.formula: character 2: unexpected \"²\": expected +, -, *, /, ^ or the end",
    ),
    ("tensors = 'rows.csv'", "rows.csv: is not a safetensors file: write it with safetensors' save_file"),
    (
        "tensors = 'none'",
        "none: cannot be read (data.target.tensors is relative to the experiment file): No such file or directory (os error 2)",
    ),
];

#[test]
fn faults_of_stars_formulas_and_tensors_are_one_line() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", "id;a;y\n1;2;3\n2;3;4\n");
    for (target, expected) in TARGETS {
        misfit.write("x.toml", &format!("[data]\ntarget = {{ {target} }}\n"));
        refused(&misfit, &["run", "x.toml", "--dry-run"], expected);
    }
}

/// `(the rows, the target's columns and more keys, the line)`: what is known only once a file is read.
const DATA: &[(&str, &str, &str)] = &[
    (
        "a,y\n1,2\n,3\n",
        "output = 'y' }",
        "rows.csv:3: a is missing: mend or remove the row, or set data.missing to \"drop\" or \"mean\"",
    ),
    (
        "a,y\n1,2\n2,NA\n",
        "output = 'y' }",
        "rows.csv:3: y is missing: mend or remove the row, or set data.missing to \"drop\" or \"mean\"",
    ),
    (
        "a,y\n1,\n2,\n",
        "output = 'y' }\nmissing = 'drop'",
        "rows.csv: every row misses a value: mend some, or set data.missing = \"mean\"",
    ),
    (
        "a,y\n,1\n,2\n",
        "output = 'y' }\nmissing = 'mean'",
        "variant \"baseline\": rows.csv: data.missing: column \"a\" has no value in any training row: take it out of the inputs",
    ),
    ("a,y\n1,u\n2,u\n", "class = 'y' }", "rows.csv: y is \"u\" in every row: a class needs another beside it"),
    (
        "MANY",
        "class = 'y' }",
        "rows.csv: y has 10001 different values, at most 10000 classes are allowed: predict a number as output",
    ),
    (
        "a,y\n1,1.5\n2,2\n",
        "class = 'y' }",
        "rows.csv: y is 1.5 in a row: classes are texts or integers, numbers are predicted as output = \"y\"",
    ),
    ("a,y\n1,x\n2,\"y\n3,x\n", "class = 'y' }", "rows.csv:3: a quote that is not closed: mend the row"),
    (
        "a,y\n1,x\n2,y\n",
        "output = 'y' }",
        "rows.csv:2: y is \"x\", expected a finite number: mend or remove the row, or predict it as class = \"y\"",
    ),
    (
        "a,y\n1,2\n2,3\n3,4\n",
        "output = 'y' }\nholdout = 0.4\nholdout_rows = 'stratified'",
        "variant \"baseline\": rows.csv: data.holdout_rows: only rows with a class can be stratified, accepted: random, last",
    ),
    (
        "a,y,z\n1,2,3\n2,3,4\n",
        "outputs = ['y', 'z'] }\nlabels = 'plus-minus'",
        "variant \"baseline\": data.labels: numbers have none: remove this key, or name the column as class = \"…\"",
    ),
    (
        "a,y,z\n1,0,1\n2,1,1\n",
        "outputs = ['y', 'z'] }\nlabels = 'index'",
        "variant \"baseline\": data.labels: \"index\" is of classes, and each of these columns is 0 or 1: accepted: one-hot (as they stand), plus-minus",
    ),
    (
        "a,y,z\n1,0,1\n2,1,1\n",
        "outputs = ['y', 'z'] }\nnoise = 0.5",
        "variant \"baseline\": data.noise: classes and labels have no noise that could be added: remove this key",
    ),
    (
        "a,y,z\n1,0,1\n2,1,1\n",
        "outputs = ['y', 'z'] }\nscale_target = 2",
        "variant \"baseline\": data.scale_target: labels of 0 and 1 are not scaled: remove this key",
    ),
    (
        "a,y\n1,01\n2,1\n",
        "class = 'y' }\nlabels = 'number'",
        "variant \"baseline\": data.labels: two classes are the same number (01, 1): rename one, or use another form",
    ),
    (
        "a,y\n1,u\n2,v\n3,w\n",
        "class = 'y' }\nlabels = 'index'\nscale_target = 0.1\n[loss]\nkind = 'cross_entropy'",
        "variant \"baseline\": data.scale_target: makes 10 of the place of a class, and there are 3 units, from 0: scale by another number",
    ),
    (
        "a,y\n1,u\n2,v\n3,w\n",
        "class = 'y' }\n[model]\noutputs = 2",
        "variant \"baseline\": model.outputs: 2 units for 3 classes: set it to 3, or leave it out",
    ),
    (
        "a,y\n1,u\n2,v\n3,w\n",
        "class = 'y' }\n[model]\noutputs = 2\n[loss]\nkind = 'cross_entropy'",
        "variant \"baseline\": model.outputs: 2 units for 3 classes: set it to 3, or leave it out",
    ),
    (
        "a,y\n1,u\n2,v\n3,w\n",
        "class = 'y' }\n[loss]\npairing = 'broadcast'",
        "variant \"baseline\": loss.pairing: pairs are of one output with one target, not of 3 with 3: remove this key",
    ),
    (
        "a,y\n1,2\n2,3\n",
        "output = 'y' }\n[goal]\naccuracy = 0.9",
        "goal.accuracy: variant \"baseline\" is a regression, which has none: set goal.r2",
    ),
    (
        "a,y\n1,u\n2,v\n",
        "class = 'y' }\ntest = { csv = 'none.csv' }",
        "none.csv: cannot be read (data.test.csv is relative to the experiment file): No such file or directory (os error 2)",
    ),
    (
        "a,y\n1,u\n2,v\n",
        "class = 'y' }\ntest = { csv = 'test.csv' }",
        "test.csv:3: y is \"w\", a class that no row to learn from has: mend or remove the row",
    ),
];

#[test]
fn what_a_file_holds_is_refused_with_its_place_before_anything_is_trained() {
    for (rows, more, expected) in DATA.iter().step_by(if cfg!(feature = "train") { 3 } else { 1 }) {
        let misfit = Misfit::new();
        misfit.write("x.toml", &format!("[data]\ntarget = {{ csv = 'rows.csv', inputs = ['a'], {more}\n"));
        let many = || "a,y\n".to_owned() + &(0..10_001).map(|row| format!("{row},{row}\n")).collect::<String>();
        misfit.write("rows.csv", &if *rows == "MANY" { many() } else { (*rows).to_owned() });
        misfit.write("test.csv", "a,y\n1,u\n2,w\n");
        refused(&misfit, &["run", "x.toml", "--dry-run"], expected);
    }
}

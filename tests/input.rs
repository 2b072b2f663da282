//! Wrong input: each fault is one line that says what, where and the cure, ends with code 2, and nothing is written.

mod common;

use common::Misfit;

/// `(experiment, arguments, what the line must be)`.
type Case = (&'static str, &'static [&'static str], &'static str);

const KEYS: &str = "accepted: data, batch, model, loss, optimizer, train, name, title, seeds, fix, variant, ablation, sweep or published";

const CASES: &[Case] = &[
    ("nmae = 'x'", &[], "x.toml:1: nmae: unknown key \"nmae\", did you mean \"name\"? {KEYS}"),
    (
        "[train]\nstepz = 4",
        &[],
        "x.toml:2: train.stepz: unknown key \"stepz\", did you mean \"steps\"? accepted: steps, epochs or log_points",
    ),
    ("[train]\nsteps = -4", &[], "x.toml:2: train.steps: expected a whole number of at least 1, got -4"),
    ("[train]\nsteps = 4.5", &[], "x.toml:2: train.steps: expected a whole number of at least 1, got 4.5"),
    ("[train]\nsteps = '5'", &[], "x.toml:2: train.steps: expected a whole number of at least 1, got \"5\""),
    ("[train]\nsteps = 10\nepochs = 3", &[], "x.toml:3: train.epochs: steps and epochs at once: keep one"),
    ("[train]\nlog_points = 1", &[], "x.toml:2: train.log_points: expected a whole number of at least 2, got 1"),
    ("train = 5", &[], "x.toml:1: train: expected a table, got an integer (5)"),
    ("a = 1\na = 2", &[], "x.toml:2: duplicate key"),
    ("[a\nb = 1", &[], "x.toml:1: unclosed table, expected `]`"),
    (
        "name = '../x'",
        &[],
        "x.toml:1: name: \"../x\" cannot name a folder: use 1 to 100 letters, digits, '-', '_', '+', '=', '.' or spaces, beginning with a letter or digit",
    ),
    (
        "name = '/etc'",
        &[],
        "x.toml:1: name: \"/etc\" cannot name a folder: use 1 to 100 letters, digits, '-', '_', '+', '=', '.' or spaces, beginning with a letter or digit",
    ),
    (
        "name = 'NUL'",
        &[],
        "x.toml:1: name: \"NUL\" cannot name a folder: use 1 to 100 letters, digits, '-', '_', '+', '=', '.' or spaces, beginning with a letter or digit",
    ),
    ("name = 7", &[], "x.toml:1: name: expected a string, got 7"),
    (
        "seeds = 0",
        &[],
        "x.toml:1: seeds: expected a number of seeds from 1 to 1000000, or a list of seeds, as [0, 1, 2], got 0",
    ),
    ("seeds = [1, 2, 1]", &[], "x.toml:1: seeds: the seed 1 is there twice"),
    ("seeds = [-1]", &[], "x.toml:1: seeds: expected seeds of at least 0, got -1"),
    (
        "[data]\ntarget = 'x'",
        &[],
        "x.toml:2: data.target: expected { polynomial = [c0, c1, …] } or { csv = \"rows.csv\", inputs = [\"a\"], output = \"y\" }, got \"x\"",
    ),
    (
        "[data]\ntarget = { polynomial = [] }",
        &[],
        "x.toml:2: data.target.polynomial: expected at least one coefficient, constant first",
    ),
    (
        "[data]\ntarget = { polynomial = ['a'] }",
        &[],
        "x.toml:2: data.target.polynomial: expected a finite number, got \"a\"",
    ),
    (
        "[data]\ntarget = { polynomial = [nan] }",
        &[],
        "x.toml:2: data.target.polynomial: expected a finite number, got NaN",
    ),
    (
        "[data]\ntarget = { polynomial = [1], degree = 2 }",
        &[],
        "x.toml:2: data.target.degree: unknown key \"degree\", accepted: polynomial",
    ),
    (
        "[data]\ninputs = { grid = { from = 0, to = 1 } }",
        &[],
        "x.toml:2: data.inputs.grid.count: missing, expected how many points",
    ),
    (
        "[data]\ninputs = { grid = { from = 2, to = 1, count = 3 } }",
        &[],
        "x.toml:2: data.inputs.grid.from: from = 2.0 is above to = 1.0: swap them",
    ),
    (
        "[data]\ninputs = { gird = { from = 0, to = 1, count = 3 } }",
        &[],
        "x.toml:2: data.inputs.gird: unknown key \"gird\", did you mean \"grid\"? accepted: grid or uniform",
    ),
    (
        "[data]\nscale_input = 0",
        &[],
        "x.toml:2: data.scale_input: expected a number other than 0, \"standardize\" or \"unit\", got 0",
    ),
    (
        "[data]\nscale_target = 'standardise'",
        &[],
        "x.toml:2: data.scale_target: unknown value \"standardise\", did you mean \"standardize\"? accepted: standardize or unit",
    ),
    ("[data]\nnoise = -1", &[], "x.toml:2: data.noise: expected a number of at least 0, got -1"),
    ("[data]\nnoise = 1e999", &[], "x.toml:2: 1e999 does not fit a 64-bit float"),
    (
        "[data]\ntest = 'gird'",
        &[],
        "x.toml:2: data.test: expected \"grid\", \"train\", { grid = { from, to, count } } or { uniform = { from, to, count } }, got \"gird\"",
    ),
    (
        "[data]\nholdout = 0.5",
        &[],
        "x.toml:2: data.holdout: only rows of a CSV can be held out: remove this key, a polynomial is tested on its grid",
    ),
    ("[batch]\nsize = 0", &[], "x.toml:2: batch.size: expected a whole number of at least 1, got 0"),
    ("[batch]\nsize = 'al'", &[], "x.toml:2: batch.size: expected \"all\" or a whole number of at least 1, got \"al\""),
    (
        "[batch]\ndraw = 'epochs'",
        &[],
        "x.toml:2: batch.draw: unknown value \"epochs\", did you mean \"epoch\"? accepted: once, epoch or fresh",
    ),
    (
        "[model]\nhidden = 45",
        &[],
        "x.toml:2: model.hidden: expected a list of widths, as [45, 45]; [] is a linear model, got 45",
    ),
    ("[model]\nhidden = [0]", &[], "x.toml:2: model.hidden: expected a whole number of at least 1, got 0"),
    (
        "[model]\nactivation = 'rleu'",
        &[],
        "x.toml:2: model.activation: unknown value \"rleu\", did you mean \"relu\"? accepted: relu, leaky_relu, elu, gelu, sigmoid, tanh or identity",
    ),
    (
        "[model]\nhidden = [4]\nactivation = ['relu', 'tanh']",
        &[],
        "x.toml:3: model.activation: 2 activations for 1 hidden layers: give one a layer, or a single one for all",
    ),
    ("[model]\nbias = 1", &[], "x.toml:2: model.bias: expected true or false, got 1"),
    (
        "[model]\noutput = 'softmx'",
        &[],
        "x.toml:2: model.output: unknown value \"softmx\", did you mean \"softmax\"? accepted: identity, relu, sigmoid, tanh or softmax",
    ),
    (
        "[model]\ninit = { uniform = [1, -1] }",
        &[],
        "x.toml:2: model.init.uniform: [1.0, -1.0] runs downwards: swap them",
    ),
    ("[model]\ninit = { uniform = [1] }", &[], "x.toml:2: model.init.uniform: expected a list of two numbers, got [1]"),
    (
        "[model]\ninit = { normal = [0, -1] }",
        &[],
        "x.toml:2: model.init.normal: the standard deviation -1.0 is below 0",
    ),
    (
        "[loss]\nkind = 'mes'",
        &[],
        "x.toml:2: loss.kind: unknown value \"mes\", did you mean \"mse\"? accepted: mse, sse, mae or huber",
    ),
    (
        "[loss]\npairing = 'broadcast_mean'",
        &[],
        "x.toml:2: loss.pairing: unknown value \"broadcast_mean\", did you mean \"broadcast-mean\"? accepted: matched, broadcast or broadcast-mean",
    ),
    (
        "[loss]\ndelta = 2",
        &[],
        "x.toml:2: loss.delta: only the huber loss has a delta: remove this key, or set loss.kind = \"huber\"",
    ),
    (
        "[optimizer]\nkind = 'sgd'\nbetas = [0.9, 0.9]",
        &[],
        "x.toml:3: optimizer.betas: sgd has no such key, accepted: momentum, nesterov, weight_decay",
    ),
    (
        "[optimizer]\nbetas = [0.9, 1]",
        &[],
        "x.toml:2: optimizer.betas: expected a number from 0 up to, but not including, 1, got 1",
    ),
    (
        "[optimizer]\nkind = 'sgd'\nnesterov = true",
        &[],
        "x.toml:3: optimizer.nesterov: nesterov needs a momentum above 0: set optimizer.momentum",
    ),
    ("[optimizer]\nlearning_rate = 0", &[], "x.toml:2: optimizer.learning_rate: expected a number above 0, got 0"),
    (
        "[optimizer]\nschedule = 'step'",
        &[],
        "x.toml:2: optimizer.schedule: unknown value \"step\", accepted: constant, linear or cosine",
    ),
    (
        "[fix.a]\nwhy = 'x'",
        &[],
        "x.toml:1: fix.a.set: missing, expected what the fix changes, as set = { model.output = \"identity\" }",
    ),
    (
        "[fix.a]\nset = { model.outptu = 'relu' }",
        &[],
        "x.toml:2: model.outptu: unknown key \"outptu\", did you mean \"output\"? accepted: hidden, activation, bias, output, init or init_bias (in fix \"a\")",
    ),
    (
        "[fix.a]\nset = { modle.output = 'relu' }",
        &[],
        "x.toml:2: fix.a.set: unknown table \"modle\", did you mean \"model\"? accepted: data, batch, model, loss, optimizer or train",
    ),
    (
        "[fix.seed]\nset = { train.steps = 3 }",
        &[],
        "x.toml:1: fix.seed: is a column of runs.csv already: give the fix another name",
    ),
    (
        "[fix.'a+b']\nset = { train.steps = 3 }",
        &[],
        "x.toml:1: fix.a+b: '+' joins the names of fixes: give the fix a name without it",
    ),
    (
        "[fix.'a,b']\nset = { train.steps = 3 }",
        &[],
        "x.toml:1: fix.a,b: \"a,b\" cannot be a name: use 1 to 200 bytes without commas, quotes, '#', control characters or spaces at the ends",
    ),
    ("[[variant]]\nfixes = []", &[], "x.toml:1: variant[0].name: missing, expected the variant's name"),
    (
        "[[variant]]\nname = 'v'\nfixes = ['b']",
        &[],
        "x.toml:3: variant[0].fixes: no fix \"b\": the file has none, add [fix.NAME] with its set = { … }",
    ),
    (
        "[fix.aa]\nset = { train.steps = 3 }\n[[variant]]\nname = 'v'\nfixes = ['ab']",
        &[],
        "x.toml:5: variant[0].fixes: unknown fix \"ab\", did you mean \"aa\"? accepted: aa",
    ),
    (
        "[[variant]]\nname = 'v'\n[[variant]]\nname = 'v'",
        &[],
        "x.toml:1: variant: two variants are called \"v\": give one another name",
    ),
    (
        "[[variant]]\nname = 'v'\nset = { train.steps = 0 }",
        &[],
        "x.toml:3: train.steps: expected a whole number of at least 1, got 0 (in variant \"v\")",
    ),
    ("[ablation]\ndesign = 'full'", &[], "x.toml:1: ablation: has no fixes: name some under [fix.…]"),
    (
        "[sweep]\n'model.hiden' = [[1], [2]]",
        &[],
        "x.toml:2: model.hiden: unknown key \"hiden\", did you mean \"hidden\"? accepted: hidden, activation, bias, output, init or init_bias",
    ),
    ("[sweep]\n'train.steps' = 5", &[], "x.toml:2: sweep.train.steps: expected a list of values, got 5"),
    ("[sweep]\n'train.steps' = [5, 5]", &[], "x.toml:2: sweep.train.steps: 5 is there twice"),
    (
        "[sweep]\n'train.steps' = [5, 6]",
        &["train.steps=7"],
        "x.toml:2: sweep.train.steps: is swept, and set on the command line too: keep one",
    ),
    (
        "[[published]]\nvariant = 'nobody'\nfigure = 'r2'\nvalue = 1",
        &[],
        "x.toml:2: published[0].variant: unknown variant \"nobody\", accepted: baseline",
    ),
    (
        "[sweep]\n'optimizer.learning_rate' = [1]\noptimizer.learning_rate = [2]",
        &[],
        "x.toml:2: sweep.optimizer.learning_rate: is swept twice: keep one",
    ),
    (
        "[sweep]\n'model.activation' = ['relu', ['relu']]\n'data.target.csv' = ['d#.csv', 'd.csv']\n[data]\ntarget = { csv = 'a', inputs = ['a'], output = 'y' }\n[model]\nhidden = [1]",
        &[],
        "x.toml:1: sweep: two points are both called \"baseline model.activation=relu data.target.csv=d.csv\": their values differ only in characters that a name cannot hold",
    ),
    (
        "[train]\nsteps = 9223372036854775807",
        &[],
        "x.toml:2: train.steps: expected a whole number of at most 10¹², got 9223372036854775807",
    ),
    (
        "[[variant]]\nname = '1e3'",
        &[],
        "x.toml:2: variant[0].name: \"1e3\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    (
        "[[variant]]\nname = 'None'",
        &[],
        "x.toml:2: variant[0].name: \"None\" cannot be a name: a CSV reader takes it for a number or a missing value, add a word",
    ),
    (
        "",
        &["train.stps=4"],
        "`train.stps=4` on the command line: train.stps: unknown key \"stps\", did you mean \"steps\"? accepted: steps, epochs or log_points",
    ),
    (
        "",
        &["train.steps="],
        "`train.steps=` on the command line: train.steps: no value after `=`, expected key=value, as train.steps=100",
    ),
    (
        "",
        &["train.steps=[1"],
        "`train.steps=[1` on the command line: train.steps: the value is not valid TOML: check its quotes and brackets",
    ),
    (
        "",
        &["train..steps=1"],
        "`train..steps=1` on the command line: train..steps: not a key: expected dotted names, as train.steps=100",
    ),
    ("", &["=1"], "`=1` on the command line: not a key: expected dotted names, as train.steps=100"),
    (
        "",
        &["y.toml"],
        "\"y.toml\": a second experiment file: run them one after the other, or write settings as key=value",
    ),
    (
        "",
        &["--variant", "basline"],
        "--variant: unknown variant \"basline\", did you mean \"baseline\"? accepted: baseline",
    ),
    ("", &["--seeds", "many"], "--seeds: \"many\" is neither a number of seeds nor a list of them, as 3,5,8"),
    ("", &["--thread", "2"], "unexpected argument \"--thread\", did you mean \"--threads\"? (see --help)"),
    ("", &["--threads", "0"], "invalid value \"0\" for --threads <N>: 0 is not in 1..=4096 (see --help)"),
];

#[cfg(feature = "train")]
const CSV: &str = "[data]\ntarget = { csv = 'rows.csv', inputs = ['a', 'b'], output = 'y' }\n";
/// Faults in a CSV target: `(the CSV, more keys, the line)`.
#[cfg(feature = "train")]
const CSV_CASES: &[(Option<&str>, &str, &str)] = &[
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
    (Some("a,b,y\n1,2,3\n1,two,3\n"), "", "rows.csv:3: b is \"two\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,2,NaN\n"), "", "rows.csv:2: y is \"NaN\", expected a finite number: mend or remove the row"),
    (
        Some("\n\na,b,y\n1,2,3\n\n1,two,3\n"),
        "",
        "rows.csv:6: b is \"two\", expected a finite number: mend or remove the row",
    ),
    (Some("a,b,y\r1,2,3\r1,2,x\r"), "", "rows.csv:3: y is \"x\", expected a finite number: mend or remove the row"),
    (Some("a,b,y\n1,,3\n"), "", "rows.csv:2: b is empty, expected a finite number: mend or remove the row"),
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
];

fn refused(misfit: &Misfit, args: &[&str], expected: &str) {
    let ran = misfit.run(args);
    assert_eq!(ran.stderr(), format!("misfit: {expected}\n"), "{args:?}");
    assert_eq!((ran.code(), ran.stdout().as_str()), (2, ""), "{args:?}");
    assert!(!misfit.has("results"), "{args:?} wrote something");
}

#[test]
fn every_fault_is_one_line_with_its_place_and_its_cure() {
    for (experiment, args, expected) in CASES {
        let misfit = Misfit::new();
        misfit.write("x.toml", experiment);
        let args = [&["run", "x.toml", "--dry-run"][..], args].concat();
        refused(&misfit, &args, &expected.replace("{KEYS}", KEYS));
    }
}

#[cfg(feature = "train")]
#[test]
fn every_fault_of_a_csv_target_is_found_before_anything_is_trained() {
    for (rows, more, expected) in CSV_CASES {
        let misfit = Misfit::new();
        misfit.write("x.toml", &format!("{CSV}{more}\n"));
        if let Some(rows) = rows {
            misfit.write("rows.csv", rows);
        }
        refused(&misfit, &["run", "x.toml"], expected);
    }
}

#[cfg(feature = "train")]
#[test]
fn a_configuration_that_needs_more_memory_than_there_is_says_how_much() {
    let misfit = Misfit::new();
    let ran = misfit.run(&["run", "model.hidden=[200000, 200000]", "--threads", "1", "--variant", "question"]);
    assert_eq!(ran.code(), 2);
    // 200000² weights, each with its gradient, Adam's two means and two copies: 6 numbers of 4 bytes.
    let (least, most) = (894.0, 950.0);
    let text = ran.stderr();
    let said: f64 =
        text.split("about ").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    assert!((least..most).contains(&said) && text.contains("GiB are free"), "{text}");
    assert!(!misfit.has("results"));
    let ran =
        misfit.run(&["run", "train.steps=1000000000000", "train.log_points=1000000000000", "--variant", "question"]);
    assert!(ran.code() == 2 && ran.stderr().contains("train.log_points"), "{}", ran.stderr());
    for huge in [
        "data.inputs={grid={from=0,to=1,count=1000000000000}}",
        "model.hidden=[1000000000000,1000000000000]",
        "batch={size=1000000000000,draw=\"fresh\"}",
    ] {
        let ran = misfit.run(&["run", huge, "--variant", "question"]);
        assert!(ran.code() == 2 && ran.stderr().contains("GiB are free"), "{huge}: {}", ran.stderr());
    }
}

#[test]
fn files_that_are_no_experiments_are_named() {
    let misfit = Misfit::new();
    refused(
        &misfit,
        &["run", "nowhere.toml"],
        "nowhere.toml: cannot be read: No such file or directory (os error 2): expected an experiment file, or a setting as key=value",
    );
    refused(&misfit, &["run", "."], ".: is not a file, expected an experiment in TOML");
    std::fs::write(misfit.folder.path().join("latin.toml"), b"# one\ntitle = \"caf\xe9\"\n").unwrap();
    refused(&misfit, &["run", "latin.toml"], "latin.toml:2: is not UTF-8: save the file as UTF-8");
    refused(&misfit, &["rnu"], "unrecognized subcommand \"rnu\", did you mean \"run\"? (see --help)");
}

#[test]
fn no_control_character_of_an_experiment_reaches_the_terminal() {
    let misfit = Misfit::new();
    misfit.write("x.toml", "title = \"a\\u001b[31mred\\nline\"\nname = \"x\"\n\"k\\u001b[0m\" = 1\n");
    let ran = misfit.run(&["run", "x.toml", "--dry-run"]);
    assert!(!ran.stderr().contains('\u{1b}') && ran.stderr().lines().count() == 1, "{:?}", ran.stderr());
}

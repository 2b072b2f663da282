//! Faults of settings on the command line.

use super::{Misfit, refused};

/// `(the setting, what the line says of it)`.
const CASES: &[(&str, &str)] = &[
    (
        "train.stps=4",
        "train.stps: unknown key \"stps\", did you mean \"steps\"? accepted: steps, epochs, log_points, engine, mode or stop",
    ),
    ("train.steps=", "train.steps: no value after `=`, expected key=value, as train.steps=100"),
    ("train.steps=[1", "train.steps: the value is not valid TOML: check its quotes and brackets"),
    ("train..steps=1", "train..steps: not a key: expected dotted names, as train.steps=100"),
    ("=1", "not a key: expected dotted names, as train.steps=100"),
    ("train.steps==5", "train.steps: expected a whole number of at least 1, got \"=5\""),
    ("train.steps=5 6", "train.steps: expected a whole number of at least 1, got \"5 6\""),
    ("train.steps=\"a", "train.steps: the value is not valid TOML: check its quotes and brackets"),
    ("train.steps=1\n2", "train.steps: the value must be one line"),
    ("\"a=1", "\"a: not a key: expected dotted names, as train.steps=100"),
    ("a b=1", "a b: not a key: expected dotted names, as train.steps=100"),
    (".a=1", ".a: not a key: expected dotted names, as train.steps=100"),
    ("train.=1", "train.: not a key: expected dotted names, as train.steps=100"),
    ("train=5", "train: expected a table, got an integer (5)"),
    ("steps=5", "steps: unknown key \"steps\", did you mean \"train.steps\"?"),
    ("fix.a=5", "fix.a: expected a table, got an integer (5)"),
    ("nmae=x", "nmae: unknown key \"nmae\", did you mean \"name\"? {KEYS}"),
    ("seeds=0", "seeds: expected {SEEDS}, got 0"),
    ("seeds=[1,1]", "seeds: the seed 1 is there twice"),
    ("seeds=-1", "seeds: expected {SEEDS}, got -1"),
    ("seeds=1e3", "seeds: expected {SEEDS}, got 1000.0"),
    ("seeds=18446744073709551616", "seeds: 18446744073709551616 does not fit a 64-bit integer"),
    ("name=", "name: no value after `=`, expected key=value, as train.steps=100"),
    ("title=", "title: no value after `=`, expected key=value, as train.steps=100"),
    ("title=5", "title: expected a string, got 5"),
    ("train.steps=1979-05-27", "train.steps: no key takes a date or a time: a text needs quotes"),
    ("train.steps=1e999", "train.steps: 1e999 does not fit a 64-bit float"),
    ("train.steps=5#3", "train.steps: expected a whole number of at least 1, got \"5#3\""),
    ("train.steps=5 # x", "train.steps: expected a whole number of at least 1, got \"5 # x\""),
    ("train.steps=5;6", "train.steps: expected a whole number of at least 1, got \"5;6\""),
    ("sweep.train.steps=5", "sweep.train.steps: expected a list of values, got 5"),
    ("sweep.train.steps=[]", "sweep.train.steps: expected a list of values, got []"),
    ("variant=5", "variant: expected [[variant]] tables, got 5"),
    ("model.hidden=[0]", "model.hidden: expected a whole number of at least 1, got 0"),
    ("model={hidden=[1]}x", "model: the value is not valid TOML: check its quotes and brackets"),
    (
        "model.output=softmx",
        "model.output: unknown value \"softmx\", did you mean \"softmax\"? accepted: identity, relu, sigmoid, tanh, softmax or log_softmax",
    ),
    ("model.init={normal=[0]}", "model.init.normal: expected a list of two numbers, got [0]"),
    ("optimizer.learning_rate=0", "optimizer.learning_rate: expected a number above 0, got 0"),
    ("optimizer.learning_rate=-1e-3", "optimizer.learning_rate: expected a number above 0, got -0.001"),
    ("optimizer.betas=0.9", "optimizer.betas: expected a list of two numbers, got 0.9"),
    (
        "optimizer.momentum=0.9",
        "optimizer.momentum: adam has no such key, accepted: betas, eps, eps_place, weight_decay, decay",
    ),
    ("data.noise=nan", "data.noise: expected a number of at least 0, got NaN"),
    ("data.target={csv=5}", "data.target.csv: expected a string, got 5"),
    (
        "data.holdout=0.5",
        "data.holdout: only rows of a CSV can be held out: remove this key, a polynomial is tested on its grid",
    ),
    ("loss.delta=1", "loss.delta: only the huber loss has a delta: remove this key, or set loss.kind = \"huber\""),
    ("batch.size=al", "batch.size: expected \"all\" or a whole number of at least 1, got \"al\""),
    ("train.steps=\x1b[31m", "train.steps: expected a whole number of at least 1, got \"\\u{1b}[31m\""),
    ("train.steps=\u{202e}5", "train.steps: expected a whole number of at least 1, got \"\\u{202e}5\""),
    ("train.epochs=0", "train.epochs: expected a whole number of at least 1, got 0"),
    ("train.steps=0x", "train.steps: a number without digits"),
];

#[test]
fn every_fault_of_a_setting_is_one_line_that_repeats_it() {
    let misfit = Misfit::new();
    misfit.write("x.toml", "");
    for (setting, expected) in CASES.iter().step_by(crate::EVERY) {
        let shown = setting.replace('\n', "\\n").replace('\u{1b}', "\\u{1b}").replace('\u{202e}', "\\u{202e}");
        let expected = format!("`{shown}` on the command line: {expected}");
        refused(&misfit, &["run", "x.toml", "--dry-run", setting], &expected);
        refused(&misfit, &["diagnose", "x.toml", setting], &expected);
    }
}

#[test]
fn a_hash_belongs_to_the_value_and_is_not_a_comment() {
    let misfit = Misfit::new();
    misfit.write("x.toml", "[sweep]\n'train.steps' = [5, 6]\n");
    // A text in quotes may have one; what is behind a number is not dropped.
    misfit.ok(&["run", "x.toml", "--dry-run", "title=\"a # b\""]);
    refused(
        &misfit,
        &["run", "x.toml", "--dry-run", "batch.size=5 # not six"],
        "`batch.size=5 # not six` on the command line: batch.size: expected \"all\" or a whole number of at least 1, got \"5 # not six\"",
    );
    refused(
        &misfit,
        &["run", "x.toml", "--dry-run", "train.steps=7"],
        "x.toml:2: sweep.train.steps: is swept, and set on the command line too: keep one",
    );
}

//! The ladder of checks: broken set-ups of every task fail the rows that they should, healthy ones fail none, and what the rows say is
//! what the runs show.
#![cfg(feature = "train")]

mod common;

use std::collections::HashMap;

use common::{Misfit, rows};
use misfit::data::{Files, RunData};
use misfit::diagnose::check::constant::best_constant;
use misfit::experiment::Experiment;
use misfit::experiment::config::Control;

/// Rows in a square: whether a row is where both numbers have the same sign, and two labels that may hold together.
fn tables(misfit: &Misfit) {
    let mut state = 7_u64;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (mut xor, mut labels, mut noise) = ("a,b,c\n".to_owned(), "a,b,p,q\n".to_owned(), "a,b,y\n".to_owned());
    for _ in 0..300 {
        let (a, b) = (4.0 * unit() - 2.0, 4.0 * unit() - 2.0);
        xor += &format!("{a:.4},{b:.4},{}\n", if a * b > 0.0 { "in" } else { "out" });
        labels += &format!("{a:.4},{b:.4},{},{}\n", u8::from(a + b > 0.0), u8::from(a * a + b * b < 2.0));
    }
    for _ in 0..100 {
        noise += &format!("{:.4},{:.4},{:.4}\n", unit(), unit(), unit());
    }
    for (name, text) in [("xor.csv", xor), ("labels.csv", labels), ("noise.csv", noise)] {
        misfit.write(name, &text);
    }
    for name in ["arm.csv", "moons.csv", "penguins.csv", "published/iris.csv"] {
        let from = format!("{}/experiments/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(from, misfit.folder.path().join(name.rsplit('/').next().unwrap())).expect("copied");
    }
}

/// A name, an experiment with settings on its command line, the rows that fail, and others that do not.
type Case = (&'static str, &'static str, &'static [&'static str], &'static str, &'static str);

const SINE_FIT: &str = "
[data]
target = { formula = \"sin(x)\" }
inputs = { uniform = { from = -3, to = 3, count = 200 } }
test = { grid = { from = -3, to = 3, count = 100 } }
[batch]
size = 32
draw = \"epoch\"
[model]
hidden = [32]
activation = \"tanh\"
[optimizer]
learning_rate = 0.01
[train]
steps = 2000
";

const LINE: &str = "
[data]
target = { polynomial = [-2, 3] }
inputs = { uniform = { from = -1, to = 1, count = 50 } }
test = { grid = { from = -1, to = 1, count = 20 } }
[model]
hidden = []
[optimizer]
kind = \"sgd\"
learning_rate = 0.1
[train]
steps = 500
";

const MOONS: &str = "
[data]
target = { csv = \"moons.csv\", inputs = [\"a\", \"b\"], class = \"moon\" }
[batch]
size = 32
draw = \"epoch\"
[optimizer]
learning_rate = 0.01
";

const IRIS: &str = "
[data]
target = { csv = \"iris.csv\", inputs = [\"*\", \"-y\"], class = \"species\" }
scale_input = \"standardize\"
[batch]
size = 32
draw = \"epoch\"
[optimizer]
learning_rate = 0.01
";

const PENGUINS: &str = "
[data]
target = { csv = \"penguins.csv\", inputs = [\"*\"], class = \"species\" }
missing = \"drop\"
scale_input = \"standardize\"
[batch]
size = 32
draw = \"epoch\"
[optimizer]
learning_rate = 0.01
";

const ARM: &str = "
[data]
target = { csv = \"arm.csv\", inputs = [\"shoulder\", \"elbow\"], outputs = [\"x\", \"y\"] }
scale_input = \"standardize\"
[batch]
size = 32
draw = \"epoch\"
[optimizer]
learning_rate = 0.01
";

const LABELS: &str = "
[data]
target = { csv = \"labels.csv\", inputs = [\"a\", \"b\"], outputs = [\"p\", \"q\"] }
[batch]
size = 32
draw = \"epoch\"
[optimizer]
learning_rate = 0.01
";

const XOR: &str = "
[data]
target = { csv = \"xor.csv\", inputs = [\"a\", \"b\"], class = \"c\" }
[batch]
size = 32
draw = \"epoch\"
[optimizer]
learning_rate = 0.01
";

const NOISE: &str = "
[data]
target = { csv = \"noise.csv\", inputs = [\"*\"], output = \"y\" }
[batch]
size = 32
draw = \"epoch\"
[optimizer]
learning_rate = 0.01
";

const HEALTHY: [Case; 13] = [
    ("sine", SINE_FIT, &[], "", ""),
    ("noisy", SINE_FIT, &["data.noise=0.1"], "", ""),
    ("layernorm", SINE_FIT, &["model.norm=layer"], "", ""),
    ("huber", SINE_FIT, &["loss.kind=huber"], "", ""),
    ("line", LINE, &[], "", ""),
    ("arm", ARM, &["model.hidden=[64]", "model.activation=tanh", "train.epochs=200"], "", ""),
    ("moons", MOONS, &["model.hidden=[32]", "loss.kind=bce", "train.epochs=100", "model.output=sigmoid"], "", ""),
    (
        "moons by pytorch",
        MOONS,
        &["framework=pytorch", "model.hidden=[32]", "loss.kind=bce", "train.epochs=100"],
        "",
        "",
    ),
    ("hinge", MOONS, &["model.hidden=[32]", "loss.kind=hinge", "train.epochs=100"], "", ""),
    (
        "iris",
        IRIS,
        &["model.hidden=[16]", "model.output=softmax", "loss.kind=cross_entropy", "train.epochs=60"],
        "",
        "",
    ),
    (
        "iris by keras",
        IRIS,
        &[
            "framework=keras",
            "model.hidden=[]",
            "model.output=softmax",
            "loss.kind=cross_entropy",
            "optimizer.learning_rate=0.05",
            "train.epochs=100",
        ],
        "",
        "",
    ),
    (
        "penguins with dropout",
        PENGUINS,
        &["model.hidden=[16]", "model.dropout=0.2", "loss.kind=cross_entropy", "train.epochs=60"],
        "",
        "",
    ),
    ("labels", LABELS, &["model.hidden=[32]", "loss.kind=bce", "train.epochs=150"], "", ""),
];

const BROKEN: [Case; 16] = [
    (
        "softmax over one unit",
        SINE_FIT,
        &["model.output=softmax"],
        "overfit-2 overfit-32 blind permuted how-often",
        "learning-rate samples units",
    ),
    (
        "weights of 0",
        SINE_FIT,
        &["model.init=zeros"],
        "overfit-2 overfit-32 blind permuted how-often",
        "learning-rate samples units",
    ),
    ("pairs", SINE_FIT, &["loss.pairing=broadcast-mean"], "overfit-2 overfit-32 permuted how-often", "samples units"),
    (
        "targets beyond a sigmoid",
        SINE_FIT,
        &["data.target={ formula = \"100*x\" }", "model.output=sigmoid"],
        "overfit-2 overfit-32 how-often",
        "learning-rate samples units",
    ),
    ("high rate", SINE_FIT, &["optimizer.learning_rate=3.0"], "overfit-2 learning-rate how-often", "samples"),
    ("low rate", SINE_FIT, &["optimizer.learning_rate=1e-6"], "overfit-2 learning-rate how-often", "samples"),
    (
        "few units",
        SINE_FIT,
        &["data.target={ formula = \"sin(4*x)\" }", "model.hidden=[3]", "train.steps=6000"],
        "overfit-32 units how-often",
        "overfit-2 samples",
    ),
    (
        "few samples",
        SINE_FIT,
        &[
            "data.target={ formula = \"sin(2*x)\" }",
            "data.inputs={ uniform = { from = -3, to = 3, count = 20 } }",
            "data.noise=0.1",
        ],
        "samples how-often",
        "overfit-2 learning-rate",
    ),
    (
        "divergence",
        LINE,
        &[
            "data.inputs={ uniform = { from = 0, to = 100, count = 50 } }",
            "data.test={ grid = { from = 0, to = 100, count = 20 } }",
        ],
        "overfit-2 learning-rate how-often",
        "samples",
    ),
    (
        "a line between crossed classes",
        XOR,
        &["model.hidden=[]", "model.output=sigmoid", "loss.kind=bce", "train.epochs=100"],
        "overfit-32 blind permuted how-often",
        "overfit-2 learning-rate samples",
    ),
    (
        "noise",
        NOISE,
        &["model.hidden=[32]", "train.epochs=100"],
        "blind permuted how-often",
        "overfit-2 learning-rate units",
    ),
    (
        "three classes by one unit",
        IRIS,
        &[
            "data.labels=number",
            "model.hidden=[16]",
            "model.outputs=1",
            "model.output=sigmoid",
            "loss.kind=bce",
            "train.epochs=60",
        ],
        "overfit-2 overfit-32 how-often",
        "samples",
    ),
    (
        "cross-entropy over one unit",
        MOONS,
        &[
            "framework=keras",
            "data.labels=number",
            "model.hidden=[16]",
            "model.outputs=1",
            "model.output=softmax",
            "loss.kind=cross_entropy",
            "train.epochs=20",
        ],
        "start-loss overfit-2 blind permuted how-often",
        "learning-rate samples",
    ),
    (
        "raw inputs for a short time",
        IRIS,
        &[
            "data.scale_input=1",
            "model.hidden=[16]",
            "model.output=softmax",
            "loss.kind=cross_entropy",
            "optimizer.kind=sgd",
            "optimizer.learning_rate=1e-4",
            "train.epochs=5",
        ],
        "learning-rate how-often",
        "samples",
    ),
    (
        "coordinates through sigmoids",
        ARM,
        &["model.hidden=[64]", "model.output=sigmoid", "train.epochs=50"],
        "overfit-2 overfit-32 how-often",
        "learning-rate samples units",
    ),
    (
        "labels by a softmax",
        LABELS,
        &["model.hidden=[32]", "model.output=softmax", "loss.kind=mse", "train.epochs=150"],
        "overfit-2 overfit-32 how-often",
        "learning-rate samples",
    ),
];

type Row = HashMap<String, String>;

/// Each row's name, as `overfit-2` or `blind`, with its verdict.
fn verdicts(checks: &[Row]) -> Vec<(String, String)> {
    let name = |row: &Row| match row["check"].as_str() {
        "overfit" => format!("overfit-{}", row["at"].trim_end_matches(".0")),
        other => other.to_owned(),
    };
    checks.iter().map(|row| (name(row), row["verdict"].clone())).collect()
}

fn checked(misfit: &Misfit, text: &str, more: &[&str]) -> (i32, Vec<Row>) {
    misfit.write("case.toml", text);
    let ran = misfit.run(&[&["check", "case.toml", "--out", "out", "--fresh"], more].concat());
    assert!([0, 1].contains(&ran.code()), "{}\n{text}", ran.stderr());
    (ran.code(), rows(&misfit.read("out/checks.csv")))
}

#[test]
fn no_healthy_set_up_fails_a_check_over_twenty_seeds() {
    let misfit = Misfit::new();
    tables(&misfit);
    for (name, text, settings, ..) in HEALTHY {
        let (code, checks) = checked(&misfit, text, &[&["--seeds", "20"], settings].concat());
        let failed: Vec<_> = verdicts(&checks).into_iter().filter(|(_, verdict)| verdict == "fails").collect();
        assert_eq!((code, failed), (0, Vec::new()), "{name}");
        let often = checks.iter().find(|row| row["check"] == "how-often").expect("a row");
        assert_eq!((often["seeds"].as_str(), often["verdict"].as_str()), ("20", "passes"), "{name}");
    }
}

#[test]
fn each_broken_set_up_fails_the_rows_that_it_should_over_twenty_seeds() {
    let misfit = Misfit::new();
    tables(&misfit);
    for (name, text, settings, fails, others) in BROKEN {
        let (code, checks) = checked(&misfit, text, &[&["--seeds", "20"], settings].concat());
        let verdicts = verdicts(&checks);
        assert_eq!(code, 1, "{name}");
        for wanted in fails.split(' ') {
            let there = verdicts.iter().any(|(check, verdict)| check == wanted && verdict == "fails");
            assert!(there, "{name} does not fail {wanted}: {verdicts:?}");
        }
        for other in others.split(' ') {
            let fails = verdicts.iter().any(|(check, verdict)| check == other && verdict == "fails");
            assert!(!fails, "{name} fails {other}: {verdicts:?}");
        }
    }
}

const SINE: &str = "data.target = { formula = \"sin(x)\" }
data.inputs = { uniform = { from = -3, to = 3, count = 100 } }
data.test = { grid = { from = -3, to = 3, count = 50 } }
model.hidden = [8]
optimizer.learning_rate = 0.01
train.steps = 300
";

/// Wilson's interval at 95 %, by its formula.
fn wilson(passing: f64, runs: f64) -> [f64; 2] {
    let (z, share) = (1.959_963_984_540_054_f64, passing / runs);
    let centre = (share + z * z / (2.0 * runs)) / (1.0 + z * z / runs);
    let margin = z / (1.0 + z * z / runs) * (share * (1.0 - share) / runs + z * z / (4.0 * runs * runs)).sqrt();
    [centre - margin, centre + margin]
}

/// Tenfolds of error below a constant's.
fn closeness(row: &Row) -> f64 {
    let r2: f64 = row["r2"].parse().unwrap();
    if r2.is_nan() { 0.0 } else { (-0.5 * (1.0 - r2).log10()).clamp(0.0, 6.0) }
}

#[test]
fn shares_and_gains_are_what_the_runs_show() {
    let misfit = Misfit::new();
    let (_, checks) = checked(&misfit, SINE, &["--seeds", "6"]);
    let runs = rows(&misfit.read("out/runs.csv"));
    let of = |variant: &str| runs.iter().filter(|row| row["variant"] == variant).collect::<Vec<_>>();
    let number = |row: &Row, column: &str| -> f64 { row[column].parse().unwrap() };
    // Student's t of five degrees of freedom, for one interval and for as many as a map has (scipy.stats.t.ppf).
    let t = |looks: usize| match looks {
        1 => 2.570_581_835_636_314,
        3 => 3.534_110_704_058_37,
        4 => 3.810_004_699_844_643_3,
        8 => 4.525_716_258_653_62,
        looks => panic!("{looks} looks have no figure here"),
    };
    let mut seen = 0;
    for row in checks.iter().filter(|row| row["variant"] != "as-asked") {
        let other = of(&row["variant"]);
        assert_eq!(other.len(), 6, "{row:?}");
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}: {row:?}");
        seen += 1;
        if row["check"] == "overfit" {
            let passing = other.iter().filter(|run| number(run, "r2") >= 0.98).count() as f64;
            // Of two samples R² 0.99 is wanted, and none of these lies between.
            near(number(row, "passing"), passing);
            let [low, high] = wilson(passing, 6.0);
            near(number(row, "low"), low.max(0.0));
            near(number(row, "high"), high.min(1.0));
            continue;
        }
        let control = ["blind", "permuted"].contains(&row["check"].as_str());
        let gains = of("as-asked").into_iter().zip(&other).map(|(asked, other)| {
            assert_eq!(asked["seed"], other["seed"]);
            let gain = closeness(asked) - closeness(other);
            if control { gain } else { -gain }
        });
        let gains: Vec<f64> = gains.collect();
        let mean = gains.iter().sum::<f64>() / 6.0;
        let spread = (gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
        let map =
            checks.iter().filter(|other| other["check"] == row["check"] && other["variant"] != "as-asked").count();
        let margin = t(if control { 1 } else { map }) * spread / 6.0_f64.sqrt();
        near(number(row, "value"), mean);
        near(number(row, "low"), mean - margin);
        near(number(row, "high"), mean + margin);
    }
    assert!(seen > 15, "{seen} rows");
}

#[test]
fn where_tested_targets_are_all_the_same_nothing_is_compared() {
    let misfit = Misfit::new();
    misfit.write("flat.csv", "x,y\n0,5\n1,5\n2,5\n3,5\n4,5\n5,5\n6,5\n7,5\n8,5\n");
    let text = "data.target = { csv = \"flat.csv\", inputs = [\"x\"], output = \"y\" }\nmodel.hidden = [4]\ntrain.steps = 20\n";
    let (_, checks) = checked(&misfit, text, &[]);
    for check in ["blind", "permuted", "learning-rate", "units"] {
        let row = checks.iter().find(|row| row["check"] == check).expect("a row");
        assert_eq!(row["verdict"], "tells", "{row:?}");
    }
    let said = misfit.ok(&["diagnose", "case.toml", "--out", "why"]).stdout();
    assert!(said.contains("The targets that it is tested on are all the same"), "{said}");
}

/// The first seed's data of an experiment.
fn data(misfit: &Misfit, text: &str) -> (misfit::experiment::config::Config, RunData) {
    misfit.write("case.toml", text);
    let path = misfit.folder.path().join("case.toml");
    let config = Experiment::load(&path, &[]).expect("an experiment").baseline;
    let files = Files::read(std::iter::once(&config)).expect("files");
    let data = RunData::new(&config, 3, &files).expect("data");
    (config, data)
}

#[test]
fn the_best_constant_has_the_loss_that_mathematics_gives() {
    let misfit = Misfit::new();
    misfit.write("y.csv", "x,y,c,p,q\n0,1,a,0,1\n1,2,a,0,1\n2,4,b,1,1\n3,13,c,1,0\n");
    let entropy = |shares: &[f64]| -> f64 { shares.iter().map(|p| -p * p.ln()).sum() };
    // Of 1, 2, 4, 13: the mean is 5, the median any from 2 to 4. Huber's at δ = 1 and log-cosh's are from scipy.optimize.
    let number = "output = \"y\"";
    let class = "class = \"c\"";
    for (target, loss, expected) in [
        (number, "kind = \"mse\"", 22.5),
        (number, "kind = \"sse\"", 90.0),
        (number, "kind = \"mse\"\nreduction = \"sum\"", 90.0),
        (number, "kind = \"mse\"\npairing = \"broadcast\"", 90.0),
        (number, "kind = \"mse\"\npairing = \"broadcast-mean\"", 22.5),
        (number, "kind = \"mae\"", 3.5),
        (number, "kind = \"huber\"", 3.0),
        (number, "kind = \"log_cosh\"", 2.874_676_362_011_643),
        (number, "kind = \"mape\"", 100.0 * (0.0 + 0.5 + 0.75 + 12.0 / 13.0) / 4.0),
        (number, "kind = \"poisson\"", 5.0 - 5.0 * (5.0_f64 + 1e-7).ln()),
        (class, "kind = \"cross_entropy\"", entropy(&[0.5, 0.25, 0.25])),
        (class, "kind = \"cross_entropy\"\nreduction = \"sum\"", 4.0 * entropy(&[0.5, 0.25, 0.25])),
        ("outputs = [\"p\", \"q\"]", "kind = \"bce\"", f64::midpoint(2.0_f64.ln(), entropy(&[0.25, 0.75]))),
    ] {
        let text = format!(
            "[data]\ntarget = {{ csv = \"y.csv\", inputs = [\"x\"], {target} }}\nholdout = 0\n[loss]\n{loss}\n"
        );
        let (config, data) = data(&misfit, &text);
        let found = best_constant(&config, &data);
        assert!((found - expected).abs() < 1e-6 * expected.abs(), "{loss}: {found}, not {expected}");
    }
    let (config, data) = data(
        &misfit,
        "[data]\ntarget = { csv = \"y.csv\", inputs = [\"x\"], output = \"y\" }\nholdout = 0\n[loss]\nkind = \"bce\"\n",
    );
    assert!(best_constant(&config, &data).is_nan(), "of targets beyond 1 a cross-entropy has no least value");
}

#[test]
fn few_rows_are_a_part_of_the_same_rows_and_never_all_of_one_target() {
    let misfit = Misfit::new();
    let lines: Vec<String> = (0..40).map(|at| format!("{at},{}", if at == 11 { "rare" } else { "usual" })).collect();
    misfit.write("rows.csv", &format!("x,c\n{}\n", lines.join("\n")));
    let of = |more: &str| {
        data(
            &misfit,
            &format!("[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"x\"], class = \"c\" }}\nholdout = 0\nscale_input = \"unit\"\n{more}\n"),
        )
        .1
    };
    let whole = of("");
    for count in [2, 8] {
        let few = of(&format!("rows = {count}"));
        assert_eq!(few.train.rows(), count);
        assert_eq!(few.test, few.train, "tested where they are learnt");
        assert_eq!(few.input_scale, whole.input_scale, "scaled as all of them");
        assert!(few.train.targets.contains(&0.0) && few.train.targets.contains(&1.0));
        for row in 0..count {
            assert!(whole.train.inputs.contains(&few.train.inputs[row]));
        }
    }
    assert_eq!(of("rows = 1000").train, whole.train);
}

#[test]
fn a_blind_network_predicts_one_value_and_permuted_targets_are_the_same_ones_elsewhere() {
    let misfit = Misfit::new();
    misfit.write("case.toml", &format!("{SINE}data.control = \"blind\"\n"));
    misfit.ok(&["run", "case.toml", "--out", "out"]);
    let predictions = rows(&misfit.read("out/predictions.csv"));
    let of_seed: Vec<&str> =
        predictions.iter().filter(|row| row["seed"] == "0").map(|row| row["prediction"].as_str()).collect();
    assert!(of_seed.len() == 50 && of_seed.iter().all(|value| *value == of_seed[0]));

    let plain = data(&misfit, SINE).1;
    let (config, permuted) = data(&misfit, &format!("{SINE}data.control = \"permuted\"\n"));
    assert_eq!(config.data.control, Control::Permuted);
    assert_eq!(permuted.train.inputs, plain.train.inputs);
    assert_eq!(permuted.test, plain.test);
    assert_ne!(permuted.train.targets, plain.train.targets);
    let sorted = |of: &RunData| {
        let mut targets = of.train.targets.clone();
        targets.sort_by(f64::total_cmp);
        targets
    };
    assert_eq!(sorted(&permuted), sorted(&plain));
}

#[test]
fn rows_that_repeat_an_earlier_one_are_dropped_once_that_is_asked_for() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", "x,t,y\n1,a,2\n1,b,2\n1,a,2\n1,a,3\n1.0,a,2.0\n");
    let text = "[data]\ntarget = { csv = \"rows.csv\", inputs = [\"*\"], output = \"y\" }\nholdout = 0\n";
    assert_eq!(data(&misfit, text).1.train.rows(), 5);
    let dropped = data(&misfit, &format!("{text}duplicates = \"drop\"\n")).1;
    assert_eq!(dropped.train.targets, [2.0, 2.0, 3.0]);
    let ran = misfit.ok(&["run", "case.toml", "--dry-run"]);
    assert!(
        ran.stderr().contains("rows.csv: 2 of 5 rows are left out because they repeat an earlier one"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn the_same_command_goes_on_and_gives_the_same_bytes_on_any_number_of_threads() {
    let misfit = Misfit::new();
    misfit.write("case.toml", SINE);
    let first = misfit.run(&["check", "case.toml", "--out", "one", "--threads", "1"]);
    assert!(first.stdout().contains("the ladder of checks, 5 seeds"), "{}", first.stdout());
    misfit.run(&["check", "case.toml", "--out", "two", "--threads", "2"]);
    for file in ["checks.csv", "runs.csv", "curves.csv"] {
        assert_eq!(misfit.read(&format!("one/{file}")), misfit.read(&format!("two/{file}")), "{file}");
    }
    let again = misfit.run(&["check", "case.toml", "--out", "one"]);
    assert!(again.stdout().contains("\n0 runs in "), "{}", again.stdout());
    let other = misfit.run(&["check", "case.toml", "train.steps=301", "--out", "one"]);
    assert_eq!(other.code(), 2);
    assert!(other.stderr().contains("those of checks, of this experiment or another"), "{}", other.stderr());
}

#[test]
fn a_report_shows_the_ladder_as_a_table_and_in_pictures() {
    let misfit = Misfit::new();
    checked(&misfit, SINE, &[]);
    misfit.ok(&["report", "out"]);
    let page = misfit.read("out/report.html");
    assert!(page.contains("The ladder of checks") && page.contains("learns 2 samples by heart"));
    for picture in ["checks-shares", "checks-controls", "checks-learning-rate", "checks-samples", "checks-units"] {
        assert!(misfit.has(&format!("out/plots/{picture}.svg")) && page.contains(picture), "{picture}");
    }
}

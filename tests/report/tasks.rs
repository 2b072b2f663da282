//! Classes, labels and several outputs: what the page says is computed again from the text of the CSVs.

use super::*;

/// What is learnt in a folder that is made up.
#[derive(Clone, Copy, PartialEq)]
enum Learnt {
    /// One of these.
    Classes(&'static [&'static str]),
    Labels(&'static [&'static str]),
    Numbers(&'static [&'static str]),
}

/// A results folder of a file's rows that is made up.
struct Taught {
    inputs: &'static [&'static str],
    learnt: Learnt,
    /// The variants, each with how many of ten rows a seed gets wrong.
    variants: Vec<(&'static str, Vec<usize>)>,
    rows: usize,
    goal: Value,
    holdout: f64,
}

impl Default for Taught {
    fn default() -> Self {
        let variants = vec![("baseline", vec![6, 8, 7]), ("repaired", vec![1, 2, 0])];
        Taught {
            inputs: &["a", "b"],
            learnt: Learnt::Classes(&IRIS),
            variants,
            rows: 40,
            goal: json!({}),
            holdout: 0.2,
        }
    }
}

const IRIS: [&str; 3] = ["setosa", "versicolor", "virginica"];

/// Numbers that look like chance.
fn shuffled(parts: [usize; 3]) -> usize {
    parts.iter().fold(17, |sum, part| (sum * 31 + part * 7919 + 101) % 104_729)
}

fn wrong(variant: usize, seed: usize, point: usize, of_ten: usize) -> bool {
    shuffled([variant, seed, point]) % 10 < of_ten
}

impl Taught {
    /// Of a class its place, else a number for each output.
    fn truth(&self, seed: usize, point: usize) -> Vec<f64> {
        let number = |output: usize| shuffled([seed, point, output + 5]);
        match self.learnt {
            // The first is the most frequent one.
            Learnt::Classes(names) => vec![(number(0) % (names.len() + 1) % names.len()) as f64],
            Learnt::Labels(names) => (0..names.len()).map(|label| (number(label) % 2) as f64).collect(),
            Learnt::Numbers(names) => {
                (0..names.len()).map(|at| (number(at) % 100) as f64 * 10f64.powi(at as i32)).collect()
            }
        }
    }

    /// Of classes one, else a number for each output.
    fn predicted(&self, variant: usize, seed: usize, point: usize) -> Vec<f64> {
        let of_ten = self.variants[variant].1[seed];
        let truth = self.truth(seed, point);
        match self.learnt {
            Learnt::Classes(names) => {
                let off = if wrong(variant, seed, point, of_ten) { 1 + shuffled([point, seed, 3]) % 2 } else { 0 };
                vec![((truth[0] as usize + off) % names.len()) as f64]
            }
            Learnt::Labels(_) => {
                let flip = |at: usize| wrong(variant + 7 * at, seed, point, of_ten);
                let probability =
                    |(at, label): (usize, &f64)| if flip(at) { 0.75 - 0.5 * label } else { 0.25 + 0.5 * label };
                truth.iter().enumerate().map(probability).collect()
            }
            Learnt::Numbers(_) => {
                let off = |at: usize| (shuffled([variant, seed, point + at]) % 10) as f64 * of_ten as f64;
                truth.iter().enumerate().map(|(at, target)| target + off(at) * (at + 1) as f64).collect()
            }
        }
    }

    fn accuracy(&self, variant: usize, seed: usize) -> f64 {
        let right = |point: usize| -> f64 {
            let (truth, predicted) = (self.truth(seed, point), self.predicted(variant, seed, point));
            let pairs = truth.iter().zip(&predicted);
            pairs.filter(|(t, p)| **p == **t || (self.is_of_labels() && (**p > 0.5) == (**t == 1.0))).count() as f64
                / truth.len() as f64
        };
        match self.learnt {
            Learnt::Numbers(_) => f64::NAN,
            _ => (0..self.rows).map(right).sum::<f64>() / self.rows as f64,
        }
    }

    fn is_of_labels(&self) -> bool {
        matches!(self.learnt, Learnt::Labels(_))
    }

    fn header(&self) -> Vec<String> {
        let named = |kind: &str, names: &[&str]| names.iter().map(|name| format!("{kind}_{name}")).collect::<Vec<_>>();
        let behind = match self.learnt {
            Learnt::Classes(names) => [fields("target,prediction"), named("p", names)].concat(),
            Learnt::Labels(names) | Learnt::Numbers(names) => {
                [named("target", names), named("prediction", names)].concat()
            }
        };
        let inputs = self.inputs.iter().map(|&name| name.to_owned());
        fields("variant,seed,row").into_iter().chain(inputs).chain(behind).collect()
    }

    fn report(&self) -> Report {
        let [mut runs, mut curves, mut health] = ["runs", "curves", "health"].map(|name| vec![columns(name)]);
        let mut predictions = vec![self.header()];
        for (variant, (name, seeds)) in self.variants.iter().enumerate() {
            for (seed, _) in seeds.iter().enumerate() {
                let accuracy = format!("{:?}", self.accuracy(variant, seed));
                let key = [("variant", *name), ("seed", &*seed.to_string())];
                let error = format!("{}.5", seed + 1);
                let ended = [
                    ("outcome", "partial"),
                    ("steps", "20"),
                    ("r2", "0.5"),
                    ("test_rmse", &error),
                    ("accuracy", &accuracy),
                ];
                runs.push(row(&columns("runs"), &[&key[..], &ended].concat()));
                for step in [0, 5, 20] {
                    let shared = format!("{:?}", self.accuracy(variant, seed) * f64::from(step) / 20.0);
                    let point = [("step", &*step.to_string()), ("test_loss", "0.5"), ("train_loss", "0.25")];
                    let scores = [("test_rmse", &*error), ("accuracy", &shared)];
                    curves.push(row(&columns("curves"), &[&key[..], &point, &scores].concat()));
                }
                let number = |value: f64| format!("{:?}", value + seed as f64 / 100.0);
                let [share, line, reached, goal] = [0.25, 0.5, 0.875, 0.75].map(number);
                let known: &[(&str, &str)] = match self.learnt {
                    Learnt::Numbers(_) => &[
                        ("zero_rmse", "9.5"),
                        ("mean_rmse", "4.5"),
                        ("line_rmse", "2.5"),
                        ("target_std", "4.0"),
                        ("reachable_r2", "0.75"),
                        ("goal_r2", "0.6875"),
                    ],
                    _ => &[
                        ("majority_share", &share),
                        ("line_accuracy", &line),
                        ("reachable_accuracy", &reached),
                        ("goal_accuracy", &goal),
                        ("mean_rmse", "0.5"),
                        ("line_rmse", "0.25"),
                        ("class_shares", "0.25 0.25 0.5"),
                    ],
                };
                health.push(row(&columns("health"), &[&key[..], known].concat()));
                for point in 0..self.rows {
                    let place = |at: usize| {
                        format!("{:?}", (shuffled([point, at, 9]) % 1000) as f64 / 100.0 * 10f64.powi(at as i32))
                    };
                    let inputs = self.inputs.iter().enumerate();
                    let inputs = inputs.map(|(at, name)| if *name == "colour" { "red".to_owned() } else { place(at) });
                    let (truth, predicted) = (self.truth(seed, point), self.predicted(variant, seed, point));
                    let text = |values: &[f64]| values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>();
                    let own = match self.learnt {
                        Learnt::Classes(names) => {
                            let class = |of: &[f64]| names[of[0] as usize].to_owned();
                            let share = |at: usize| if at as f64 == predicted[0] { "0.75" } else { "0.125" };
                            let shares = (0..names.len()).map(|at| share(at).to_owned());
                            [class(&truth), class(&predicted)].into_iter().chain(shares).collect()
                        }
                        _ => [text(&truth), text(&predicted)].concat(),
                    };
                    let key = [(*name).to_owned(), seed.to_string(), point.to_string()];
                    predictions.push(key.into_iter().chain(inputs).chain(own).collect());
                }
            }
        }
        let report = Report::named("taught");
        let files = [("runs", runs), ("curves", curves), ("predictions", predictions), ("health", health)];
        files.into_iter().for_each(|(name, rows)| report.write(&format!("{name}.csv"), &csv_text(rows)));
        let mut manifest: Value =
            serde_json::from_str(&std::fs::read_to_string(committed("reference/manifest.json")).unwrap()).unwrap();
        let (task, outputs, classes) = match self.learnt {
            Learnt::Classes(names) => ("classification", &["kind"][..], names),
            Learnt::Labels(names) => ("multi-label", names, &[][..]),
            Learnt::Numbers(names) => ("regression", names, &[][..]),
        };
        let input = |name: &&str| {
            if *name == "colour" { json!({ "name": name, "categories": ["red"] }) } else { json!({ "name": name }) }
        };
        manifest["tables"] = json!([{
            "task": task, "outputs": outputs, "classes": classes,
            "inputs": self.inputs.iter().map(input).collect::<Vec<_>>(),
        }]);
        manifest["goal"] = self.goal.clone();
        let data = json!({ "data": { "target": { "csv": "taught.csv" }, "test": "rows", "holdout": self.holdout } });
        let variant = |(name, _): &(&str, Vec<usize>)| json!({ "name": name, "fixes": [], "swept": [], "ablation": false, "table": 0, "config": data });
        manifest["variants"] = self.variants.iter().map(variant).collect();
        for key in ["fixes", "sweep", "published"] {
            manifest[key] = json!([]);
        }
        // Nothing is told of changed files.
        manifest["files"] = json!({});
        report.write("manifest.json", &manifest.to_string());
        report
    }
}

/// A variant's run whose accuracy is in the middle, by `runs.csv`.
fn middle_seed(report: &Report, variant: &str) -> String {
    let runs = &by_variant(&report.read("runs.csv"))[variant];
    let mut order: Vec<(f64, String)> =
        runs.iter().map(|run| (number(&run["accuracy"]), run["seed"].clone())).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(order.len() % 2 == 1 && order.windows(2).all(|pair| pair[0].0 < pair[1].0), "{order:?}");
    order[order.len() / 2].1.clone()
}

/// (true class, predicted class) of each test row of a run.
fn pairs(report: &Report, variant: &str, seed: &str) -> Vec<(String, String)> {
    let own = rows(&report.read("predictions.csv"))
        .into_iter()
        .filter(|row| row["variant"] == variant && row["seed"] == seed);
    own.map(|row| (row["target"].clone(), row["prediction"].clone())).collect()
}

/// The tables of a page whose first head is this.
fn headed<'s>(seen: &'s Seen, head: &str) -> Vec<Vec<Vec<&'s str>>> {
    seen.tables().into_iter().filter(|table| table[0][0].starts_with(head)).collect()
}

const CORNER: &str = "true ↓ predicted →";

#[test]
fn a_confusion_matrix_counts_the_classes_of_the_middle_run() {
    const HOSTILE: [&str; 3] = ["<script>window.pwned=1</script>", "a, \"b\" & c", "setosa"];
    for classes in [&IRIS, &HOSTILE] {
        let report = Taught { learnt: Learnt::Classes(classes), ..Taught::default() }.report();
        let page = report.page();
        let Some(seen) = look(&everywhere(&page)) else { return };
        for seen in &seen {
            let tables = headed(seen.sound(), CORNER);
            assert_eq!(tables.len(), 2);
            for (table, variant) in tables.iter().zip(["baseline", "repaired"]) {
                let seed = middle_seed(&report, variant);
                let pairs = pairs(&report, variant, &seed);
                assert_eq!(table[0][1..], [&classes[..], &["rows"]].concat());
                for (row, class) in table[1..].iter().zip(classes.iter()) {
                    assert_eq!(row[0], *class);
                    let own = pairs.iter().filter(|(truth, _)| truth == class).count();
                    assert_eq!(row[4], own.to_string());
                    for (cell, predicted) in row[1..4].iter().zip(classes.iter()) {
                        let count = pairs.iter().filter(|(t, p)| t == class && p == predicted).count();
                        let parts: Vec<&str> = cell.split([' ', '\u{a0}']).collect();
                        assert_eq!(parts[0], count.to_string(), "{variant}: {class} as {predicted}");
                        match count {
                            0 => assert_eq!(parts.len(), 1, "{cell}"),
                            _ => {
                                let share = 100.0 * count as f64 / own as f64;
                                assert!((number(parts[1]) - share).abs() <= 0.5, "{cell}: {share}");
                            }
                        }
                    }
                }
                let right = pairs.iter().filter(|(truth, predicted)| truth == predicted).count();
                let said = format!(
                    "{variant}, seed {seed}, the run with the median accuracy of 3: {right} of 40 test rows are right."
                );
                assert!(seen.text().contains(&said), "{said}");
            }
        }
    }
}

const TOWNS: [&str; 26] = [
    "Aa",
    "Bb",
    "Cc",
    "Dd",
    "Ee",
    "Ff",
    "Gg",
    "Hh",
    "Ii",
    "Jj",
    "Kk",
    "Ll",
    "Mm",
    "Nn",
    "Oo",
    "Pp",
    "Qq",
    "Rr",
    "Ss",
    "Tt",
    "Uu",
    "Vv",
    "Ww",
    "Xx",
    "Yy",
    "a town with a long name",
];

#[test]
fn of_many_classes_ten_fit_on_a_phone_and_of_more_than_twenty_none_is_lost() {
    let ten = Taught { learnt: Learnt::Classes(&TOWNS[..10]), rows: 300, ..Taught::default() }.report();
    let many = Taught { learnt: Learnt::Classes(&TOWNS), rows: 300, ..Taught::default() }.report();
    let views: Vec<Value> = [&ten, &many].into_iter().flat_map(|report| everywhere(&report.page())).collect();
    let Some(seen) = look(&views) else { return };
    for seen in &seen[..4] {
        assert_eq!(seen.sound()["scrolled"], json!([]), "{}", seen.view);
        assert!(headed(seen, CORNER).iter().all(|table| table.len() == 11));
        assert!(seen.text().contains("Of more than 8 classes no regions over the two inputs are drawn."));
    }
    for seen in &seen[4..] {
        for (table, variant) in headed(seen.sound(), CORNER).iter().zip(["baseline", "repaired"]) {
            let pairs = pairs(&many, variant, &middle_seed(&many, variant));
            let shown = &table[0][1..16];
            assert_eq!((table[0][16], table.len()), ("11 others", 17));
            let among = |name: &str| if shown.contains(&name) { name.to_owned() } else { "11 others".to_owned() };
            let mut total = 0;
            for row in &table[1..] {
                for (cell, head) in row[1..17].iter().zip(&table[0][1..17]) {
                    let count = pairs.iter().filter(|(t, p)| among(t) == row[0] && among(p) == *head).count();
                    assert_eq!(cell.split([' ', '\u{a0}']).next(), Some(&*count.to_string()), "{} as {head}", row[0]);
                    total += count;
                }
            }
            assert_eq!(total, 300);
            // No class that is left out has more errors than one that is shown.
            let errors = |name: &str| pairs.iter().filter(|(t, p)| t != p && (t == name || p == name)).count();
            let least = shown.iter().map(|name| errors(name)).min();
            let left = TOWNS.iter().filter(|name| !shown.contains(name)).map(|name| errors(name)).max();
            assert!(least >= left, "{least:?} {left:?}");
        }
    }
}

/// A share as a table has it, to four decimals.
fn says_share(text: &str, value: f64) {
    assert!((number(text) - value).abs() <= 0.5001e-4, "{text} is not {value}");
}

#[test]
fn classes_have_accuracy_where_numbers_have_an_error() {
    let report = Taught::default().report();
    let end = |nth: usize| {
        let css = format!("#accuracy-curves svg.wide-chart polyline[stroke='var(--c{nth})'][stroke-width='20']");
        json!({ "do": "hover", "css": css, "nth": -1, "along": 1 })
    };
    let dot = |nth: usize| json!({ "do": "hover", "css": "#test-accuracy svg.wide-chart circle[r='52']", "nth": nth });
    let page = report.page();
    let steps = json!([dot(0), dot(1), end(0), end(1)]);
    let Some(seen) = look(&[with(desk(&page), "steps", steps), phone(&page)]) else { return };
    let runs = by_variant(&report.read("runs.csv"));
    for seen in &seen {
        let charts: Vec<&str> = seen.sound().charts();
        let of_each = ["regions-baseline", "regions-repaired", "loss-baseline", "loss-repaired"];
        assert_eq!(charts, [&["test-accuracy", "accuracy-curves"][..], &of_each].concat());
        let table = &seen.tables()[0];
        let names = [
            "variant",
            "outcome",
            "test accuracy, median",
            "lowest … highest",
            "R² (Brier skill), median",
            "accuracy while training",
        ];
        assert_eq!(table[0], names);
        for row in &table[1..] {
            let [median, low, high] = middle(column(&runs[row[0]], "accuracy"), 0.0);
            let (lowest, highest) = row[3].split_once(" … ").unwrap();
            for (text, value) in [(row[2], median), (lowest, low), (highest, high)] {
                says_share(text, value);
            }
            assert_eq!(row[4], "0.50000");
            // A quarter of the way, all of it: three steps from nothing up.
            assert_eq!(row[5], "▁▃█", "{row:?}");
        }
        for said in
            ["fits: an accuracy near what can be reached, the goal below", "line: no better than logistic regression"]
        {
            assert!(seen.text().contains(said), "{said}");
        }
        assert!(!seen.text().contains("RMSE"), "{}", seen.text());
    }
    let steps = list(&seen[0]["steps"]);
    for (at, variant) in ["baseline", "repaired"].into_iter().enumerate() {
        let [median, low, high] = middle(column(&runs[variant], "accuracy"), 0.0);
        let dot = tip(&steps[at]).unwrap();
        assert!(dot.starts_with(&format!("{variant}: median ")), "{dot}");
        says(after(dot, ": median "), median);
        let end = tip(&steps[2 + at]).unwrap();
        assert!(end.starts_with(&format!("{variant}, step 20: median ")), "{end}");
        says(after(end, ": median "), median);
        says(after(end, " ("), f64::midpoint(low, median));
        says(after(end, " … "), f64::midpoint(median, high));
    }
}

#[test]
fn simple_predictors_of_a_files_rows_are_medians_over_the_seeds_test_rows() {
    let expected = |report: &Report, columns: [&str; 4]| -> Vec<f64> {
        let health = by_variant(&report.read("health.csv"));
        columns.map(|name| middle(column(&health["baseline"], name), f64::INFINITY)[0]).to_vec()
    };
    let title = "for comparison, learnt from each run's training rows, medians";
    let classes = Taught::default().report();
    let asked = Taught { goal: json!({ "accuracy": 0.625, "r2": 0.25 }), ..Taught::default() }.report();
    let numbers = Taught { learnt: Learnt::Numbers(&["y"]), ..Taught::default() };
    let several = Taught { learnt: Learnt::Numbers(&["y", "z"]), ..Taught::default() }.report();
    let numbers = numbers.report();
    let pages: Vec<Value> = [&classes, &asked, &numbers, &several].map(|report| desk(&report.page())).to_vec();
    let Some(seen) = look(&pages) else { return };
    let sheet = |at: usize| headed(seen[at].sound(), "for comparison").remove(0);
    let [share, line, reached, goal] =
        expected(&classes, ["majority_share", "line_accuracy", "reachable_accuracy", "goal_accuracy"])[..]
    else {
        panic!("four")
    };
    // The mean square error of the classes' shares among the test rows: (0.25·0.75 + 0.25·0.75 + 0.5·0.5)/3.
    let constant: f64 = 0.625 / 3.0;
    let table = sheet(0);
    assert_eq!(table[0], [title, "accuracy", "R²"]);
    let cells: Vec<[&str; 3]> = table[1..].iter().map(|row| [row[0], row[1], row[2]]).collect();
    let text = |value: f64| format!("{value:.4}");
    let skill = |error: f64| format!("{:.5}", 1.0 - error * error / constant);
    assert_eq!(
        cells,
        [
            ["always the most frequent class", &text(share), "–"],
            ["the classes' shares as probabilities", "–", &skill(0.5)],
            ["logistic regression", &text(line), &skill(0.25)],
            ["what can be reached, an estimate", &text(reached), "–"],
            ["goal: what counts as a fit", &text(goal), "–"],
        ]
    );
    let table = sheet(1);
    assert_eq!(table.last().unwrap(), &["goal: what counts as a fit", "0.6250", "0.25000"]);
    assert!(seen[1].text().contains("fits: an accuracy of 0.625 or more and R² of 0.25 or more."));
    // Numbers that are the same for all: R² beside the targets' spread of 4.
    let table = sheet(2);
    assert_eq!(table[0], ["for comparison, learnt from the training rows", "RMSE", "R²"]);
    assert_eq!(
        table[1..],
        [
            ["always 0", "9.500", "-4.64062"],
            ["always the mean", "4.500", "-0.26562"],
            ["best straight line", "2.500", "0.60938"],
            ["best of a few simple learners", "–", "0.75000"],
            ["goal: what counts as a fit", "–", "0.68750"]
        ]
    );
    assert_eq!(sheet(3)[2], ["always the mean", "4.500", "–"], "several outputs have no one spread");
}

#[test]
fn what_is_tested_on_its_training_rows_is_called_a_training_error() {
    let report = Taught { holdout: 0.0, ..Taught::default() }.report();
    let numbers = Taught { holdout: 0.0, learnt: Learnt::Numbers(&["y"]), ..Taught::default() }.report();
    let Some(seen) = look(&[desk(&report.page()), desk(&numbers.page())]) else { return };
    assert_eq!(seen[0].tables()[0][0][2], "training accuracy, median");
    assert_eq!(seen[1].tables()[0][0][2], "training RMSE, median");
    assert!(seen[0].text().contains("on the rows that were learnt from"));
}

/// RMSE, R² and how often the half that a number lies in is right, of an output of a run.
fn scores(report: &Report, variant: &str, seed: &str, output: &str) -> [f64; 3] {
    let own = rows(&report.read("predictions.csv"))
        .into_iter()
        .filter(|row| row["variant"] == variant && row["seed"] == seed);
    let pairs: Vec<(f64, f64)> = own
        .map(|row| (number(&row[&format!("target_{output}")]), number(&row[&format!("prediction_{output}")])))
        .collect();
    let count = pairs.len() as f64;
    let mean = pairs.iter().map(|(target, _)| target).sum::<f64>() / count;
    let errors = pairs.iter().map(|(target, prediction)| (target - prediction).powi(2)).sum::<f64>();
    let spread = pairs.iter().map(|(target, _)| (target - mean).powi(2)).sum::<f64>();
    let right = pairs.iter().filter(|(target, prediction)| (*prediction > 0.5) == (*target == 1.0)).count();
    [(errors / count).sqrt(), 1.0 - errors / spread, right as f64 / count]
}

#[test]
fn each_output_and_each_label_has_its_own_scores() {
    const NAMES: [&str; 3] = ["Weight", "Waist <b>", "Pulse, at rest"];
    for learnt in [Learnt::Numbers(&NAMES), Learnt::Labels(&NAMES)] {
        let report = Taught { learnt, ..Taught::default() }.report();
        let Some(seen) = look(&everywhere(&report.page())) else { return };
        let labels = matches!(learnt, Learnt::Labels(_));
        for seen in &seen {
            seen.sound();
            let tables = seen.tables();
            let kind = if labels { "label" } else { "output" };
            let table = tables.iter().find(|table| table[0][1] == kind).unwrap_or_else(|| panic!("{tables:?}"));
            let score = if labels { "accuracy, median" } else { "RMSE, median" };
            assert_eq!(table[0], ["variant", kind, score, "lowest … highest", "R², median"]);
            let mut shown = table[1..].iter();
            for variant in ["baseline", "repaired"] {
                for name in NAMES {
                    let row = shown.next().expect("a row for each output of each variant");
                    assert_eq!(row[..2], [variant, name]);
                    let all: Vec<[f64; 3]> = ["0", "1", "2"].map(|seed| scores(&report, variant, seed, name)).to_vec();
                    let of = |at: usize| middle(all.iter().map(|scores| scores[at]).collect(), f64::INFINITY);
                    let (lowest, highest) = row[3].split_once(" … ").unwrap();
                    let [median, low, high] = of(if labels { 2 } else { 0 });
                    for (text, value) in [(row[2], median), (lowest, low), (highest, high)] {
                        if labels { says_share(text, value) } else { says(text, value) }
                    }
                    assert!((number(row[4]) - of(1)[0]).abs() <= 0.500_01e-5, "{row:?}");
                }
            }
            assert!(shown.next().is_none());
            let fits: Vec<&str> = seen.charts().into_iter().filter(|id| id.starts_with("fit-")).collect();
            let expected: Vec<String> = match labels {
                true => Vec::new(),
                false => ["baseline", "repaired"]
                    .iter()
                    .flat_map(|v| (1..=3).map(move |nth| format!("fit-{v}-{nth}")))
                    .collect(),
            };
            assert_eq!(fits, expected);
        }
    }
}

#[test]
fn regions_have_a_marker_for_each_test_row_and_a_ring_where_it_is_taken_for_another_class() {
    let report = Taught::default().report();
    report.page();
    for variant in ["baseline", "repaired"] {
        let svg = report.svg(&format!("regions-{variant}"));
        let seed = middle_seed(&report, variant);
        let pairs = pairs(&report, variant, &seed);
        let wrong = pairs.iter().filter(|(truth, predicted)| truth != predicted).count();
        // Around a marker of 4 px; the sample in the legend is smaller.
        assert_eq!(places(&svg, "circle", &[("r", "82")]).len(), wrong, "{variant}");
        // The first class has circles, where its inputs say: the first lies between 0 and 10, the second between 0 and 100.
        let circles: BTreeSet<(i64, i64)> =
            places(&svg, "circle", &[("r", "40")]).into_iter().map(|(x, y)| (x as i64, y as i64)).collect();
        let labels = labels(&svg);
        let at = |name: &str, axis: usize| if axis == 0 { labels[name].0 } else { labels[name].1 };
        let own = rows(&report.read("predictions.csv"));
        let own =
            own.into_iter().filter(|row| row["variant"] == variant && row["seed"] == seed && row["target"] == IRIS[0]);
        let mut count = 0;
        for row in own {
            let x = at("2", 0) + (number(&row["a"]) - 2.0) / 4.0 * (at("6", 0) - at("2", 0));
            // Labels of the upright axis stand 0.36 of their size of 12 px below their lines.
            let y = at("20", 1) - 43.2 + (number(&row["b"]) - 20.0) / 40.0 * (at("60", 1) - at("20", 1));
            let there = circles.iter().any(|&(cx, cy)| (cx as f64 - x).abs() < 6.0 && (cy as f64 - y).abs() < 6.0);
            assert!(there, "{variant}: {x} {y} of {row:?}: {circles:?}");
            count += 1;
        }
        assert_eq!(circles.len(), count, "{variant}");
        let said = format!("{wrong} have a ring, which are predicted as another class.");
        assert!(report.read("report.html").contains(&said), "{said}");
    }
}

#[test]
fn texts_among_the_inputs_leave_out_what_would_be_drawn_over_them_and_nothing_else() {
    for inputs in [&["colour"][..], &["a", "colour"], &["a", "b", "colour"]] {
        let classes = Taught { inputs, ..Taught::default() }.report();
        let numbers = Taught { inputs, learnt: Learnt::Numbers(&["y"]), ..Taught::default() };
        let renamed = if inputs.len() == 1 { Some("x") } else { None };
        let numbers = numbers.report();
        for report in [&classes, &numbers] {
            // A single number or one target alone has no name of its own.
            let mut text = report.read("predictions.csv");
            if let Some(name) = renamed {
                text = text.replacen("colour", name, 1);
            }
            report.write(
                "predictions.csv",
                &text.replacen("target_y", "target", 1).replacen("prediction_y", "prediction", 1),
            );
        }
        let Some(seen) = look(&[desk(&classes.page()), phone(&numbers.page())]) else { return };
        let of_classes = ["test-accuracy", "accuracy-curves", "loss-baseline", "loss-repaired"];
        assert_eq!(seen[0].sound().charts(), of_classes, "{inputs:?}");
        let of_numbers = ["test-error", "curves", "fit-baseline", "fit-repaired", "loss-baseline", "loss-repaired"];
        assert_eq!(seen[1].sound().charts(), of_numbers, "{inputs:?}");
        assert!(seen[1].text().contains("On the diagonal a prediction is right"), "{inputs:?}");
        assert!(!seen[1].text().contains("is not a row"), "{inputs:?}");
    }
}

/// A file of three clouds, of which the last two touch.
#[cfg(feature = "train")]
fn clouds() -> String {
    let near = |of: [usize; 3]| (shuffled(of) % 200) as f64 / 100.0;
    let row = |nth: usize| {
        let class = nth % 3;
        let (x, y) = ([0.0, 4.0, 5.5][class] + near([nth, class, 1]), [0.0, 3.0, 3.5][class] + near([nth, class, 2]));
        format!("{x},{y},{}\n", ["left", "middle", "right"][class])
    };
    "x,y,place\n".to_owned() + &(0..90).map(row).collect::<String>()
}

/// An experiment of ten lines: a class, a number, and two numbers of one file, and what its terminal and its page say.
#[cfg(feature = "train")]
#[test]
fn a_file_of_ten_lines_shows_its_accuracy_on_the_terminal_and_variants_of_several_tasks_side_by_side() {
    let report = Report::named("results");
    report.misfit.write("clouds.csv", &clouds());
    let text = r#"seeds = 3
[data]
target = { csv = "clouds.csv", inputs = ["*"], class = "place" }
holdout = 0.3
[model]
hidden = [8]
[loss]
kind = "cross_entropy"
[optimizer]
learning_rate = 0.02
[train]
steps = 60
"#;
    report.misfit.write("clouds.toml", text);
    let said = report.misfit.ok(&["run", "clouds.toml", "--out", "results/clouds"]).stdout();
    let report = Report { folder: "results/clouds".to_owned(), ..report };
    let lines: Vec<Vec<&str>> =
        said.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    let accuracies: Vec<f64> = ["0", "1", "2"]
        .map(|seed| {
            let pairs = pairs(&report, "baseline", seed);
            pairs.iter().filter(|(truth, predicted)| truth == predicted).count() as f64 / pairs.len() as f64
        })
        .to_vec();
    let [median, low, high] = middle(accuracies, 0.0);
    let runs = by_variant(&report.read("runs.csv")).remove("baseline").unwrap();
    assert_eq!(middle(column(&runs, "accuracy"), 0.0), [median, low, high]);
    // The head has two lines.
    let heads = ["test accuracy,", "lowest … highest", "test RMSE,", "training RMSE,", "R² (Brier skill),"];
    assert_eq!(lines[2][2..7], heads, "{said}");
    assert_eq!(lines[3], ["median"; 4], "{said}");
    assert_eq!(lines[4][0], "baseline");
    let ends = lines[4][3].split_once(" … ").unwrap();
    for (text, value) in [(lines[4][2], median), (ends.0, low), (ends.1, high)] {
        says_share(text, value);
    }
    let [r2, ..] = middle(column(&runs, "r2"), f64::NEG_INFINITY);
    assert!((number(lines[4][6]) - r2).abs() < 1e-5, "{said}");
    for (cell, name) in [(lines[4][4], "test_rmse"), (lines[4][5], "train_rmse")] {
        says(cell, middle(column(&runs, name), f64::INFINITY)[0]);
    }
    assert_eq!(lines[6], ["for comparison, learnt from each run's training rows, medians", "accuracy", "R²"], "{said}");
    let health = by_variant(&report.read("health.csv")).remove("baseline").unwrap();
    for (nth, name) in [(7, "majority_share"), (9, "line_accuracy"), (10, "reachable_accuracy"), (11, "goal_accuracy")]
    {
        says_share(lines[nth][1], middle(column(&health, name), f64::INFINITY)[0]);
    }

    let variants = r#"
[[variant]]
name = "class"
[[variant]]
name = "number"
set = { data.target = { csv = "clouds.csv", inputs = ["x"], output = "y" }, data.holdout = 0.3, loss.kind = "mse" }
[[variant]]
name = "numbers"
set = { data.target = { csv = "clouds.csv", inputs = ["place"], outputs = ["x", "y"] }, loss.kind = "mse" }
"#;
    report.misfit.write("mixed.toml", &format!("{text}{variants}"));
    let said = report.misfit.ok(&["run", "mixed.toml", "--out", "results/mixed"]).stdout();
    let report = Report { folder: "results/mixed".to_owned(), ..report };
    let Some(seen) = look(&everywhere(&report.page())) else { return };
    let runs = by_variant(&report.read("runs.csv"));
    for seen in &seen {
        let table = &seen.sound().tables()[0];
        assert_eq!(
            table[0][2..8],
            [
                "test accuracy, median",
                "lowest … highest",
                "test RMSE, median",
                "lowest … highest",
                "training RMSE, median",
                "R², median"
            ]
        );
        for (row, (name, of_classes)) in table[1..].iter().zip([("class", true), ("number", false), ("numbers", false)])
        {
            assert_eq!(row[0], name);
            let (own, other) = if of_classes { (2, 4) } else { (4, 2) };
            assert_eq!(row[other..other + 2], ["–", "–"], "{row:?}");
            let measure = if of_classes { "accuracy" } else { "test_rmse" };
            let [median, ..] = middle(column(&runs[name], measure), f64::INFINITY);
            if of_classes {
                says_share(row[own], median)
            } else {
                says(row[own], median)
            }
            let [training, ..] = middle(column(&runs[name], "train_rmse"), f64::INFINITY);
            if of_classes { assert_eq!(row[6], "–", "{row:?}") } else { says(row[6], training) }
        }
        let charts = seen.charts();
        for id in [
            "test-accuracy",
            "test-error",
            "accuracy-curves",
            "curves",
            "regions-class",
            "fit-number",
            "fit-numbers-1",
            "fit-numbers-2",
        ] {
            assert!(charts.contains(&id), "{id}: {charts:?}");
        }
        assert_eq!(headed(seen, "for comparison with ").len(), 3);
        assert_eq!(headed(seen, CORNER).len(), 1);
    }
    for part in [
        "for comparison with class, ",
        "for comparison with number, ",
        "for comparison with numbers, ",
        " numbers  x  ",
        " numbers  y  ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

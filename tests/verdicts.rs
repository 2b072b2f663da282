//! Verdicts that a statistician would sign: cases that were once diagnosed wrongly (tests/verdicts/, each with its source), and
//! what holds of every verdict, counted again from the diagnosis' own CSVs.
#![cfg(feature = "train")]

mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use common::{Misfit, rows};

type Row = HashMap<String, String>;

fn case(name: &str) -> String {
    format!("{}/tests/verdicts/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

struct Diagnosed {
    misfit: Misfit,
    said: String,
    verdicts: BTreeMap<String, Row>,
    runs: Vec<Row>,
    effects: Vec<Row>,
    findings: Vec<Row>,
}

fn diagnose(misfit: Misfit, args: &[&str]) -> Diagnosed {
    let said = misfit.ok(&[&["diagnose"], args, &["--out", "out"]].concat()).stdout();
    let read = |name: &str| rows(&misfit.read(&format!("out/{name}")));
    let verdicts = read("verdicts.csv").into_iter().map(|row| (row["fix"].clone(), row)).collect();
    let (runs, effects, findings) = (read("runs.csv"), read("effects.csv"), read("findings.csv"));
    let found = Diagnosed { said, verdicts, runs, effects, findings, misfit };
    found.holds();
    found
}

/// Wilson's interval from its definition: the shares that differ from the one seen by at most z standard errors of their own.
fn wilson(successes: usize, trials: usize, z: f64) -> (f64, f64) {
    let seen = successes as f64 / trials as f64;
    let apart = |p: f64| (seen - p).abs() <= z * (p * (1.0 - p) / trials as f64).sqrt() + 1e-12;
    let all: Vec<f64> = (0..=100_000).map(|nth| f64::from(nth) / 100_000.0).filter(|p| apart(*p)).collect();
    (all[0], all[all.len() - 1])
}

impl Diagnosed {
    fn verdict(&self, fix: &str) -> &str {
        self.verdicts.get(fix).map_or("not there", |row| row["verdict"].as_str())
    }

    fn of_kind(&self, kind: &str) -> Vec<&str> {
        self.effects.iter().filter(|row| row["kind"] == kind).map(|row| row["fixes"].as_str()).collect()
    }

    /// Runs of each set, by its fixes.
    fn sets(&self) -> BTreeMap<BTreeSet<&str>, Vec<&Row>> {
        let mut sets: BTreeMap<BTreeSet<&str>, Vec<&Row>> = BTreeMap::new();
        for row in &self.runs {
            let on = self.verdicts.keys().map(String::as_str).filter(|fix| row[*fix] == "1").collect();
            sets.entry(on).or_default().push(row);
        }
        sets
    }

    /// What must hold of every diagnosis, whatever it says.
    fn holds(&self) {
        let with = |word: &str| -> Vec<&str> {
            self.verdicts.values().filter(|row| row["verdict"] == word).map(|row| row["fix"].as_str()).collect()
        };
        let needed = with("needed");
        let sets = self.sets();
        let fits = |set: &BTreeSet<&str>| sets[set].iter().filter(|row| row["outcome"] == "fits").count();
        // At 95 %; those that decide are no narrower.
        let share = |set: &BTreeSet<&str>| wilson(fits(set), sets[set].len(), 1.96);
        for set in self.of_kind("enough") {
            let set: BTreeSet<&str> = set.split('+').filter(|fix| !fix.is_empty()).collect();
            assert!(share(&set).0 > 0.5, "{set:?} is enough: {}", self.said);
            assert!(fits(&set) as f64 >= 0.8 * sets[&set].len() as f64, "{set:?} is enough: {}", self.said);
            assert!(needed.iter().all(|fix| set.contains(fix)), "{}", self.said);
        }
        for set in sets.keys().filter(|set| needed.iter().any(|fix| !set.contains(fix))) {
            assert!(share(set).1 < 0.8, "{set:?} without one of {needed:?}: {}", self.said);
        }
        // Where nothing is enough nothing is needed.
        if self.of_kind("enough").is_empty() {
            assert!(needed.is_empty() && !self.said.contains("Enough:"), "{}", self.said);
        }
        let alone = |fix: &str| {
            let row = self.effects.iter().find(|row| row["kind"] == "first_in" && row["fixes"] == fix);
            row.map_or((f64::NAN, f64::NAN), |row| (number(row, "low"), number(row, "high")))
        };
        for row in self.verdicts.values() {
            let (low, high) = (number(row, "low"), number(row, "high"));
            let breaks = || self.said.lines().any(|line| line.starts_with("Breaks") && line.contains(&row["fix"]));
            match row["verdict"].as_str() {
                "helps" => assert!(low > 0.0 || alone(&row["fix"]).0 > 0.0, "{row:?} {}", self.said),
                "hurts" => assert!(high < 0.0 || breaks(), "{row:?} {}", self.said),
                "no difference" => assert!(low < 0.021 && high > -0.021 && low > -0.11 && high < 0.11, "{row:?}"),
                "cannot be told" => assert!(!(low > 0.021 || high < -0.021), "{row:?} {}", self.said),
                word => assert!(["needed", "one way"].contains(&word), "{row:?}"),
            }
        }
        for row in &self.findings {
            if !row["fix"].is_empty() {
                assert!(["needed", "one way", "helps"].contains(&row["verdict"].as_str()), "{row:?}");
                let fix = row["fix"].split(": ").next().unwrap();
                assert_eq!(row["verdict"], self.verdict(fix));
            }
        }
        assert!(!self.findings.iter().any(|row| row["evidence"].contains("led nowhere")));
    }

    fn good(&self, fix: &str) {
        assert!(["needed", "one way", "helps"].contains(&self.verdict(fix)), "{fix}: {}", self.said);
    }
}

#[test]
fn what_fits_half_of_the_seeds_is_not_enough_and_a_fix_that_failed_once_is_tried_again() {
    // so-56452176: five points, one unit, all ReLU.
    let found = diagnose(Misfit::new(), &[&case("so-56452176")]);
    found.good("more-steps");
    found.good("linear-output");
    // What is enough is so on forty other seeds.
    found.misfit.ok(&["run", "out/repaired.toml", "--seeds", "40", "--out", "again"]);
    let again = rows(&found.misfit.read("again/runs.csv"));
    let fits = again.iter().filter(|row| row["outcome"] == "fits").count();
    assert!(fits >= 30, "{fits} of 40: {}", found.said);
}

#[test]
fn a_fix_is_judged_beside_what_it_needs() {
    // c-pytorch-linear: more steps are of use only once the pairing is matched.
    let found = diagnose(Misfit::new(), &[&case("c-pytorch-linear")]);
    assert_eq!(found.verdict("matched-pairing"), "needed", "{}", found.said);
    found.good("more-steps");
}

#[test]
fn of_a_trial_that_took_r2_from_0_to_0_98_it_is_not_said_that_it_led_nowhere() {
    let found = diagnose(Misfit::new(), &[&case("d-jax-2605")]);
    found.good("glorot-weights");
}

#[test]
fn of_a_linear_model_the_best_line_is_all_that_is_asked() {
    // c-flux-849: 31 rows, which larger networks learn by heart.
    let found = diagnose(Misfit::new(), &[&case("c-flux-849")]);
    for fix in ["hidden-layer", "more-units", "adam", "more-steps"] {
        assert_ne!(found.verdict(fix), "needed", "{}", found.said);
    }
    let enough = found.of_kind("enough");
    assert!(enough.iter().all(|set| ["scaled-input", "lower-rate", "mean-loss"].iter().any(|fix| set.contains(fix))));
    assert!(!enough.is_empty(), "{}", found.said);
}

#[test]
fn to_end_a_divergence_in_a_constant_is_no_help() {
    let found = diagnose(Misfit::new(), &[&case("d-keras-3040")]);
    assert_eq!(found.verdict("lower-rate"), "needed", "{}", found.said);
    assert_eq!(found.verdict("scaled-input"), "hurts", "{}", found.said);
}

#[test]
fn outputs_that_begin_far_from_the_targets_are_found() {
    let found = diagnose(Misfit::new(), &[&case("d-so-41550966")]);
    assert!(
        found.findings.iter().any(|row| row["finding"] == "far-start" && row["verdict"] == "needed"),
        "{}",
        found.said
    );
    assert!(found.runs.iter().all(|row| row["steps"] == "10000"), "at the length as asked: {}", found.said);
}

#[test]
fn where_nothing_is_enough_the_words_are_those_of_a_best_effort_and_it_is_one() {
    // c-stats-320289 with a twentieth of the rows, a fifth of the units and of the steps, so that it takes no minute.
    let misfit = Misfit::new();
    let csv = std::fs::read_to_string(format!("{}/tests/verdicts/c-sin4000.csv", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let thinned: Vec<&str> = csv.lines().enumerate().filter(|(nth, _)| nth % 20 == 0).map(|(_, line)| line).collect();
    misfit.write("c-sin4000.csv", &(thinned.join("\n") + "\n"));
    misfit.write("case.toml", &std::fs::read_to_string(case("c-stats-320289")).unwrap());
    let found = diagnose(misfit, &["case.toml", "model.hidden=[24]", "train.steps=600"]);
    let median = |set: &BTreeSet<&str>| {
        let mut errors: Vec<f64> = found.sets()[set].iter().map(|row| number(row, "test_rmse")).collect();
        errors.sort_by(f64::total_cmp);
        errors[errors.len() / 2]
    };
    let named: Vec<&str> = ["enough", "perhaps_enough", "best"].iter().flat_map(|kind| found.of_kind(kind)).collect();
    assert!(!named.is_empty(), "Adam does better: {}", found.said);
    for set in named {
        let set: BTreeSet<&str> = set.split('+').collect();
        assert!(median(&set) < median(&BTreeSet::new()), "{}", found.said);
    }
}

const NOISE: &str = "seeds = 4\n[data]\ntarget = { csv = \"noise.csv\", inputs = [\"*\"], TARGET }\n[batch]\nsize = 20\ndraw = \"epoch\"\n\
                     [model]\nhidden = [24, 24]\n[train]\nsteps = 800\n";

/// Three inputs and a target that has nothing to do with them.
fn noise(target: impl Fn(u32) -> String) -> String {
    let toss = |nth: u32| {
        f64::from(nth.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(2_246_822_519) >> 8) / 16_777_216.0
    };
    let row = |nth: u32| {
        let inputs = [0, 1, 2].map(|c| format!("{:.4}", toss(7 * nth + 1000 * c + 3)));
        format!("{},{}\n", inputs.join(","), target((toss(nth + 77_777) * 1e6) as u32))
    };
    format!("a,b,c,y\n{}", (0..120).map(row).collect::<String>())
}

#[test]
fn of_random_targets_nothing_is_needed_and_nothing_is_enough() {
    for (target, key) in [("output = \"y\"", false), ("class = \"y\"", true)] {
        let misfit = Misfit::new();
        misfit.write(
            "noise.csv",
            &noise(|toss| if key { ["no", "yes"][toss as usize % 2].into() } else { toss.to_string() }),
        );
        misfit.write("noise.toml", &NOISE.replace("TARGET", target));
        let found = diagnose(misfit, &["noise.toml"]);
        let words: Vec<&str> = found.verdicts.values().map(|row| row["verdict"].as_str()).collect();
        assert!(!words.contains(&"needed") && !words.contains(&"one way"), "{}", found.said);
        assert!(found.of_kind("enough").iter().all(|set| set.is_empty()), "{}", found.said);
        assert!(!found.findings.iter().any(|row| !row["fix"].is_empty()), "{}", found.said);
        assert!(found.runs.iter().all(|row| row["outcome"] != "fits"), "no run fits by chance: {}", found.said);
    }
}

#[test]
fn what_simple_learners_reach_by_chance_is_no_goal_of_classes() {
    let misfit = Misfit::new();
    let mut stream = misfit::data::random::Stream::new(3, misfit::data::random::Purpose::Inputs);
    let mut row = || {
        let [a, b, c] = [(); 3].map(|()| stream.normal());
        format!("{a},{b},{}\n", if c > 0.0 { "yes" } else { "no" })
    };
    misfit.write("toss.csv", &format!("a,b,y\n{}", (0..200).map(|_| row()).collect::<String>()));
    misfit.write(
        "toss.toml",
        &NOISE.replace("noise.csv", "toss.csv").replace("TARGET", "class = \"y\"").replace("800", "5"),
    );
    misfit.ok(&["run", "toss.toml", "--seeds", "9", "--out", "out"]);
    let mut goals: Vec<f64> =
        rows(&misfit.read("out/health.csv")).iter().map(|row| number(row, "goal_accuracy")).collect();
    goals.sort_by(f64::total_cmp);
    // Half of the rows are right by chance.
    assert!(goals[goals.len() / 2] > 0.85, "{goals:?}");
}

#[test]
fn what_is_learnt_by_heart_is_called_so_in_the_terminal_and_on_the_page() {
    let misfit = Misfit::new();
    misfit.write("noise.csv", &noise(|toss| toss.to_string()));
    let text = NOISE.replace("TARGET", "output = \"y\"").replace("[batch]", "holdout = 0\n[batch]");
    misfit.write(
        "noise.toml",
        &(text + "[fix.longer]\nset = { data.scale_target = \"standardize\", model.hidden = [64, 64], optimizer.learning_rate = 5e-3, train.steps = 6000 }\n"),
    );
    let found = diagnose(misfit, &["noise.toml"]);
    found.misfit.ok(&["report", "out"]);
    let page = found.misfit.read("out/report.html");
    for told in [&found.said, &page] {
        for sentence in [
            "All errors are training errors: ",
            "Simple learners learn nothing of these rows, so whatever fits them has learnt them by heart, and nothing counts as a fit.",
            "training RMSE",
        ] {
            assert!(told.contains(sentence), "{sentence}: {told}");
        }
        assert!(!told.contains("test RMSE"), "{told}");
    }
    assert!(found.runs.iter().all(|row| row["outcome"] != "fits") && found.of_kind("enough").is_empty());
    assert!(found.runs.iter().any(|row| number(row, "r2") > 0.25), "else nothing was learnt by heart: {}", found.said);
}

#[test]
fn what_is_chosen_never_meets_a_row_that_it_is_judged_on() {
    let misfit = Misfit::new();
    let row = |i: u32| {
        format!("{},{},{}\n", f64::from(i) / 30.0, i * 7 % 90, 100.0 + f64::from(i * i) / 81.0 + f64::from(i * 7 % 90))
    };
    misfit.write("rows.csv", &format!("a,b,y\n{}", (0..90).map(row).collect::<String>()));
    misfit.write(
        "rows.toml",
        "seeds = 4\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"a\", \"b\"], output = \"y\" }\n[batch]\nsize = 16\ndraw = \"epoch\"\n\
         [model]\nhidden = [16]\n[train]\nsteps = 200\n",
    );
    let found = diagnose(misfit, &["rows.toml"]);
    let tested = |file: &str| -> BTreeSet<String> {
        rows(&found.misfit.read(file)).into_iter().map(|row| row["row"].clone()).collect()
    };
    let judged = tested("out/predictions.csv");
    let mut chosen = BTreeSet::new();
    // Whether the set-up as asked fits is judged before anything is chosen.
    assert!(found.misfit.read("out/trials/0/manifest.json").contains("\"split\": \"judging\""));
    let mut trial = 1;
    while found.misfit.has(&format!("out/trials/{trial}/predictions.csv")) {
        chosen.extend(tested(&format!("out/trials/{trial}/predictions.csv")));
        trial += 1;
    }
    assert!(trial > 2 && !judged.is_empty() && !chosen.is_empty());
    assert!(judged.is_disjoint(&chosen));
    // Nor are they learnt from: other targets in the rows that judge leave every trial as it was.
    let other = Misfit::new();
    let csv = found.misfit.read("rows.csv");
    let changed = csv.lines().enumerate().map(|(line, text)| match line.checked_sub(1) {
        Some(row) if judged.contains(&row.to_string()) => format!("{},1e4\n", text.rsplit_once(',').unwrap().0),
        _ => format!("{text}\n"),
    });
    other.write("rows.csv", &changed.collect::<String>());
    other.write("rows.toml", &found.misfit.read("rows.toml"));
    other.ok(&["diagnose", "rows.toml", "--out", "out"]);
    for nth in 1..trial {
        for file in ["runs.csv", "curves.csv", "predictions.csv"] {
            let file = format!("out/trials/{nth}/{file}");
            // What is tried last hangs on nothing that is judged either.
            assert!(found.misfit.read(&file) == other.read(&file), "{file}");
        }
    }
}

#[test]
fn until_sure_adds_seeds_to_the_sets_on_which_a_verdict_hangs_up_to_the_bound() {
    // so-56452176: on some seeds all units are dead from the start, so what a fix buys is seldom clear.
    let (misfit, case) = (Misfit::new(), case("so-56452176"));
    let read = |name: &str| rows(&misfit.read(&format!("out/{name}")));
    let seeds = || {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        read("runs.csv").into_iter().for_each(|row| *counts.entry(row["variant"].clone()).or_default() += 1);
        counts.into_values().max().unwrap()
    };
    let untold = || read("verdicts.csv").iter().filter(|row| row["verdict"] == "cannot be told").count();
    misfit.ok(&["diagnose", &case, "--out", "out"]);
    let (few, before) = (seeds(), untold());
    assert!(few == 10 && before > 0, "{few} seeds, {before} untold");
    misfit.ok(&["diagnose", &case, "--out", "out", "--until-sure=40"]);
    let (many, after) = (seeds(), untold());
    assert!(many > 10 && many <= 40 && (after == 0 || many == 40), "{many} seeds, {after} untold");
    // And without it the folder is judged by all the seeds that it has.
    let files = || ["runs.csv", "verdicts.csv", "findings.csv"].map(|name| misfit.read(&format!("out/{name}")));
    let told = files();
    misfit.ok(&["diagnose", &case, "--out", "out"]);
    assert!(files() == told);
    // A bound that is none is refused.
    let ran = misfit.run(&["diagnose", &case, "--until-sure=1"]);
    assert!(ran.code() == 2 && ran.stderr().contains("from 2 to 10000"), "{}", ran.stderr());
}

#[test]
fn what_is_learnt_by_heart_is_no_fit_and_overfitting_is_found_with_its_cures() {
    let misfit = Misfit::new();
    let diabetes = format!("{}/tests/agree/diabetes.csv.gz", env!("CARGO_MANIFEST_DIR"));
    misfit.write(
        "diabetes.toml",
        &format!(
            "seeds = 3\n[data]\ntarget = {{ csv = {diabetes:?}, inputs = [\"*\"], output = \"progression\" }}\nscale_input = \"standardize\"\n\
             scale_target = \"standardize\"\n[batch]\nsize = 32\ndraw = \"epoch\"\n[model]\nhidden = [32, 32]\n[train]\nsteps = 2500\n"
        ),
    );
    let found = diagnose(misfit, &["diabetes.toml"]);
    let finding = found.findings.iter().find(|row| row["finding"] == "overfitting");
    let finding = finding.unwrap_or_else(|| panic!("{}", found.said));
    assert!(finding["evidence"].contains("the lowest validation RMSE is"), "{finding:?}");
    for fix in ["fewer-steps", "smaller-network"] {
        assert!(found.verdicts.contains_key(fix), "{}", found.said);
    }
    // A cure that is no better than the mean on a seed of its trial is no finding: what was tried says so.
    let trials = (1..9).filter(|at| found.misfit.has(&format!("out/trials/{at}/runs.csv")));
    let tried: Vec<_> = trials.flat_map(|at| rows(&found.misfit.read(&format!("out/trials/{at}/runs.csv")))).collect();
    let decayed: Vec<_> = tried.iter().filter(|row| row["variant"] == "weight-decay").collect();
    assert_eq!(decayed.len(), 3, "it was tried");
    let worse = decayed.iter().any(|row| number(row, "r2") < 0.0);
    assert_eq!(found.verdicts.contains_key("weight-decay"), !worse, "{}", found.said);
    // Training and test error stand side by side.
    for row in found.runs.iter().filter(|row| row["variant"] == "baseline") {
        assert_ne!(row["outcome"], "fits");
        assert!(number(row, "train_rmse") < 0.8 * number(row, "test_rmse"), "{row:?}");
    }
}

#[test]
fn where_rows_are_tested_that_are_learnt_from_what_is_learnt_by_heart_is_no_fit() {
    // SplitMix64.
    let toss = |nth: u64| {
        let z = (nth + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) as u32
    };
    for (rows, target, value) in [(12, "output", 1000), (40, "output", 1000), (40, "class", 2)] {
        let misfit = Misfit::new();
        let row = |nth: u64| format!("{},{},{}\n", toss(nth) % 997, toss(nth + 500) % 991, toss(nth + 900) % value);
        misfit.write("rows.csv", &format!("a,b,y\n{}", (0..rows).map(row).collect::<String>()));
        misfit.write(
            "rows.toml",
            &format!(
                "seeds = 3\n[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"a\", \"b\"], {target} = \"y\" }}\nholdout = 0\n\
                 scale_input = \"standardize\"\n[model]\nhidden = [64]\n[optimizer]\nlearning_rate = 1e-2\n[train]\nsteps = 1000\n\
                 [fix.longer]\nset = {{ train.steps = 6000 }}\n"
            ),
        );
        let found = diagnose(misfit, &["rows.toml"]);
        assert!(found.said.contains("has learnt them by heart, and nothing counts as a fit"), "{}", found.said);
        assert!(found.of_kind("enough").is_empty() && found.runs.iter().all(|row| row["outcome"] != "fits"));
        assert!(!found.said.contains("test RMSE") && !found.said.contains("test accuracy"), "{}", found.said);
    }
}

#[test]
fn nothing_is_said_of_what_is_no_better_than_a_constant_either_way() {
    // Raw columns of which a few updates learn next to nothing: scaled, the error is a tenth and still above the mean's.
    let misfit = Misfit::new();
    let row = |nth: u32| format!("{},{}\n", nth % 29, 1000 + nth * 7 % 31);
    misfit.write("rows.csv", &format!("a,y\n{}", (0..60).map(row).collect::<String>()));
    misfit.write(
        "rows.toml",
        "seeds = 4\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"a\"], output = \"y\" }\n[model]\nhidden = [8]\n[train]\nsteps = 3\n\
         [fix.scale]\nset = { data.scale_target = \"standardize\" }\n",
    );
    let found = diagnose(misfit, &["rows.toml", "--seeds", "4"]);
    let error = |on: &str| {
        let own = found.runs.iter().filter(|row| row["scale"] == on);
        own.map(|row| number(row, "test_rmse")).fold(0.0, f64::max)
    };
    assert!(found.runs.iter().all(|row| number(row, "r2") <= 0.0));
    assert!(error("1") < 0.2 * error("0"), "{}", found.said);
    assert_eq!(found.verdict("scale"), "cannot be told", "{}", found.said);
    let rule = found.findings.iter().find(|row| row["finding"] == "raw-targets").unwrap();
    assert_eq!(rule["severity"], "open", "{rule:?}");
}

#[test]
fn a_remedy_that_makes_units_gives_them_weights() {
    let misfit = Misfit::new();
    misfit.write(
        "zeros.toml",
        "seeds = 3\n[data]\ntarget = { polynomial = [0, 0, 1] }\ninputs = { grid = { from = -1, to = 1, count = 60 } }\n\
         [batch]\nsize = 20\ndraw = \"epoch\"\n[model]\nhidden = []\ninit = \"zeros\"\n[optimizer]\nlearning_rate = 1e-2\n[train]\nsteps = 1500\n",
    );
    let found = diagnose(misfit, &["zeros.toml"]);
    let row = found.findings.iter().find(|row| row["finding"] == "linear-network").unwrap();
    assert!(row["fix"].contains("model.init = \"glorot_uniform\""), "{row:?}");
    assert_eq!(found.of_kind("enough").first(), Some(&"hidden-layer"), "{}", found.said);
}

//! Tables, classes and several outputs as a user meets them.
#![cfg(feature = "train")]

mod common;

use common::{Misfit, rows};
use misfit::experiment::Experiment;
use misfit::experiment::config::{Holdout, HoldoutRows};

/// Rows of two inputs, three classes around the corners of a triangle, and a class that only one row has.
fn triangle(rare: bool) -> String {
    let mut text = "a,b,k\n".to_owned();
    for row in 0..60 {
        let (class, wobble) = (row % 3, f64::from(row) * 0.7);
        let angle = f64::from(class) * std::f64::consts::TAU / 3.0;
        let (a, b) = (angle.cos() + 0.2 * wobble.sin(), angle.sin() + 0.2 * (1.3 * wobble).cos());
        text += &format!("{a:.3},{b:.3},k{class}\n");
    }
    if rare {
        text += "0.0,0.0,rare\n";
    }
    text
}

const CLASSES: &str =
    "seeds = 3\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"*\"], class = \"k\" }\nholdout = 0.3\n";

#[test]
fn a_setting_within_the_target_leaves_what_stands_beside_it() {
    let text = format!("{CLASSES}holdout_rows = \"last\"\nmissing = \"drop\"\nlabels = \"one-hot\"\n");
    let data = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        Experiment::parse(&text, "x.toml", &overrides).expect("an experiment").baseline.data
    };
    let plain = data(&[]);
    for setting in ["data.target.inputs=[\"a\"]", "data.target.class=\"a\"", "data.target.csv=\"other.csv\""] {
        let changed = data(&[setting]);
        assert_ne!(changed.target, plain.target, "{setting}");
        let beside =
            |data: &misfit::experiment::config::Data| (data.holdout, data.holdout_rows, data.missing, data.labels);
        assert_eq!(
            beside(&changed),
            (Holdout::Share(0.3), Some(HoldoutRows::Last), plain.missing, plain.labels),
            "{setting}"
        );
    }
    // A function has no rows to hold out.
    assert_eq!(data(&["data.target={ polynomial = [0, 1] }"]).holdout, Holdout::Share(0.0));
}

#[test]
fn variants_that_different_engines_train_have_the_same_numbers_by_any_count_of_threads() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", &triangle(false));
    let rest = "[loss]\nkind = \"cross_entropy\"\n[train]\nsteps = 5\n[sweep]\n\"model.outputs\" = [3, \"auto\"]\n";
    // A number of units is torch's where labels are one-hot, what the task needs is fused's.
    misfit.write("x.toml", &format!("{CLASSES}labels = \"one-hot\"\n{rest}"));
    for threads in ["1", "2", "5"] {
        // As many seeds as make stacks that would hold runs of both variants.
        misfit.ok(&["run", "x.toml", "--out", threads, "--threads", threads, "--seeds", "33"]);
    }
    let curves = misfit.read("1/curves.csv");
    assert!(["2", "5"].iter().all(|threads| misfit.read(&format!("{threads}/curves.csv")) == curves));
    let manifest = misfit.read("1/manifest.json");
    assert!(manifest.contains("\"engine\": \"fused\"") && manifest.contains("\"engine\": \"torch\""));
}

#[test]
fn names_that_are_columns_of_another_variant_are_told_apart() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", "a,p_u,k,row\n1,2,u,5\n2,3,v,6\n3,4,u,7\n4,6,v,8\n");
    let other = "{ csv = \"rows.csv\", inputs = [\"a\", \"p_u\", \"row\"], output = \"row\" }";
    misfit.write(
        "x.toml",
        &format!(
            "seeds = 1\n[data]\ntarget = {{ csv = \"rows.csv\", inputs = [\"a\", \"row\"], class = \"k\" }}\n[train]\nsteps = 3\n[[variant]]\nname = \"numbers\"\nset = {{ data.target = {} }}\n",
            other.replace("output = \"row\"", "outputs = [\"row\", \"a\"]")
        ),
    );
    misfit.ok(&["run", "x.toml", "--out", "out"]);
    let header = misfit.read("out/predictions.csv");
    let header: Vec<&str> = header.lines().next().expect("a header").split(',').collect();
    assert_eq!(
        header,
        [
            "variant",
            "seed",
            "row",
            "a",
            "input_row",
            "input_p_u",
            "target",
            "target_row",
            "target_a",
            "prediction",
            "prediction_row",
            "prediction_a",
            "p_u",
            "p_v"
        ]
    );
    misfit.ok(&["diff", "out", "out"]);
    misfit.ok(&["report", "out"]);
}

#[test]
fn a_class_of_one_row_is_learnt_where_rows_are_stratified() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", &triangle(true));
    misfit.write("x.toml", &format!("{CLASSES}holdout_rows = \"stratified\"\n[train]\nsteps = 2\n"));
    // Of 37 rows to hold out each class has 12, and the largest remainder is the rare one's.
    misfit.ok(&["run", "x.toml", "--out", "out", "--seeds", "8", "data.holdout=0.6"]);
    let predictions = rows(&misfit.read("out/predictions.csv"));
    assert!(predictions.iter().all(|row| row["target"] != "rare"));
    for seed in 0..8 {
        let of = |class: &str| {
            predictions.iter().filter(|row| row["seed"] == seed.to_string() && row["target"] == class).count()
        };
        assert_eq!(["k0", "k1", "k2"].map(of), [12; 3]);
    }
}

#[test]
fn the_goal_of_the_file_decides_what_a_fit_is() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", &triangle(false));
    let rest = "[loss]\nkind = \"cross_entropy\"\n[optimizer]\nlearning_rate = 0.01\n[train]\nsteps = 60\n";
    misfit.write("x.toml", &format!("{CLASSES}{rest}"));
    let outcomes = |goal: &[&str]| {
        misfit.ok(&[&["run", "x.toml", "--out", "out", "--fresh"], goal].concat());
        let [runs, health] = ["runs", "health"].map(|file| rows(&misfit.read(&format!("out/{file}.csv"))));
        let outcomes: Vec<String> = runs.iter().map(|row| row["outcome"].clone()).collect();
        (outcomes, health[0]["goal_accuracy"].clone(), runs[0]["r2"].parse::<f64>().expect("a number"))
    };
    let (plain, goal, r2) = outcomes(&[]);
    assert_eq!(plain, ["fits"; 3]);
    assert!(goal.parse::<f64>().is_ok_and(|goal| (0.8..1.0).contains(&goal)), "{goal}");
    assert!((0.8..1.0).contains(&r2), "{r2}");
    let (strict, goal, _) = outcomes(&["goal.r2=1.0"]);
    assert!(strict.iter().all(|outcome| outcome != "fits"));
    assert_eq!(goal, "NaN", "no accuracy counts");
    let (easy, goal, _) = outcomes(&["goal.r2=0.5", "goal.accuracy=0.6"]);
    assert_eq!((easy, goal.as_str()), (vec!["fits".to_owned(); 3], "0.6"));
}

#[test]
fn a_one_hot_y_of_tensors_is_classes_and_a_column_of_0_and_1_under_bce_is_remarked_on() {
    let misfit = Misfit::new();
    let x: Vec<f32> = (0..24).map(|i| i as f32 / 10.0).collect();
    let y: Vec<f32> = (0..12).flat_map(|i| (0..3).map(move |class| f32::from(u8::from(i % 3 == class)))).collect();
    let tensors = [("x", tch::Tensor::from_slice(&x).view([12, 2])), ("y", tch::Tensor::from_slice(&y).view([12, 3]))];
    tch::Tensor::write_safetensors(&tensors, misfit.folder.path().join("t.safetensors")).expect("written");
    misfit.write("t.toml", "seeds = 1\n[data]\ntarget = { tensors = \"t.safetensors\" }\n[loss]\nkind = \"cross_entropy\"\n[train]\nsteps = 2\n");
    misfit.ok(&["run", "t.toml", "--out", "t"]);
    assert!(misfit.read("t/predictions.csv").starts_with("variant,seed,row,x_0,x_1,target,prediction,p_0,p_1,p_2\n"));

    misfit.write("rows.csv", "a,u\n1,0\n2,1\n3,0\n");
    misfit.write("x.toml", "seeds = 1\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"a\"], output = \"u\" }\n[loss]\nkind = \"bce\"\n[train]\nsteps = 2\n");
    let ran = misfit.run(&["run", "x.toml", "--out", "x"]);
    let said = "u is 0 or 1 in every row, and is predicted as a number: for accuracies name it as class = \"u\"";
    assert!(ran.code() == 0 && ran.stderr().contains(said), "{}", ran.stderr());
}

#[test]
fn rows_that_are_left_out_are_counted_wherever_they_stand() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", "a,k\n,u\n1,u\n2,v\n3,\n4,v\n5,NA\n");
    misfit.write("x.toml", "seeds = 1\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"*\"], class = \"k\" }\nmissing = \"drop\"\n[train]\nsteps = 2\n");
    let ran = misfit.run(&["run", "x.toml", "--out", "out"]);
    assert!(ran.code() == 0 && ran.stderr().contains("3 of 6 rows"), "{}", ran.stderr());
    assert!(misfit.read("out/manifest.json").contains("\"dropped_rows\": 3"));
    let places: Vec<String> = rows(&misfit.read("out/predictions.csv")).iter().map(|row| row["row"].clone()).collect();
    assert_eq!(places, ["1", "2", "4"]);
}

#[test]
fn the_experiments_with_classes_and_several_outputs_show_what_they_say() {
    let misfit = Misfit::new();
    for (name, answers, wrong) in [
        ("classes", &["answer", "other-answer"][..], &["question", "patience"][..]),
        ("arm", &["answer"], &["question"]),
        ("penguins", &["answer"], &["question"]),
    ] {
        misfit.ok(&["run", &format!("{}/experiments/{name}.toml", env!("CARGO_MANIFEST_DIR")), "--out", name]);
        let runs = rows(&misfit.read(&format!("{name}/runs.csv")));
        let outcomes = |variant: &str| -> Vec<&str> {
            runs.iter().filter(|row| row["variant"] == variant).map(|row| row["outcome"].as_str()).collect()
        };
        for variant in answers {
            let ended = outcomes(variant);
            let fits = ended.iter().filter(|outcome| **outcome == "fits").count();
            assert!(fits > 0 && fits + 1 >= ended.len(), "{name}, {variant}: {ended:?}");
        }
        assert!(wrong.iter().all(|variant| outcomes(variant).iter().all(|outcome| *outcome != "fits")), "{name}");
    }
    let classes = rows(&misfit.read("classes/runs.csv"));
    assert!(classes.iter().filter(|row| row["variant"] == "question").all(|row| row["outcome"] == "constant"));
}

/// Rows of a straight line.
fn straight(rows: usize) -> String {
    "x,y\n".to_owned() + &(0..rows).map(|row| format!("{row},{}\n", 2 * row + 1)).collect::<String>()
}

#[test]
fn a_fifth_of_twenty_rows_is_held_out_and_of_fewer_none_which_is_told() {
    let misfit = Misfit::new();
    let toml =
        "seeds = 2\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"x\"], output = \"y\" }\n[train]\nsteps = 3\n";
    misfit.write("x.toml", toml);
    for (count, settings, held, noted) in [
        (19, &[][..], 0, true),
        (19, &["data.holdout=0"], 0, false),
        (19, &["data.holdout=\"auto\""], 0, true),
        (20, &[], 4, false),
        (20, &["data.holdout=\"auto\""], 4, false),
        (20, &["data.holdout=0"], 0, false),
        (33, &[], 7, false),
        (33, &["data.holdout_rows=\"last\""], 7, false),
    ] {
        misfit.write("rows.csv", &straight(count));
        let ran = misfit.ok(&[&["run", "x.toml", "--out", "out", "--fresh"], settings].concat());
        let case = format!("{count} rows, {settings:?}");
        let note = format!("rows.csv: {count} rows are too few to hold some out, so errors are training errors");
        assert_eq!(ran.stderr().contains(&note), noted, "{case}: {}", ran.stderr());
        let predictions = rows(&misfit.read("out/predictions.csv"));
        let health = rows(&misfit.read("out/health.csv"));
        for seed in ["0", "1"] {
            let tested: Vec<usize> = predictions
                .iter()
                .filter(|row| row["seed"] == seed)
                .map(|row| row["row"].parse().expect("a row"))
                .collect();
            assert_eq!(tested.len(), if held == 0 { count } else { held }, "{case}");
            let learnt = health.iter().find(|row| row["seed"] == seed).map(|row| row["training_samples"].clone());
            assert_eq!(learnt, Some(format!("{:?}", (count - held) as f64)), "{case}");
            if case.contains("last") {
                assert_eq!(tested, (count - held..count).collect::<Vec<_>>());
            }
        }
        // The table and the page say what the errors are of.
        let on = if held == 0 { "training RMSE," } else { "test RMSE," };
        let head = ran.stdout().lines().find(|line| line.starts_with(" variant")).map(str::to_owned).expect("a head");
        assert!(head.contains(on) && head.contains("test RMSE,") == (held > 0), "{case}: {head}");
        misfit.ok(&["report", "out"]);
        let page = misfit.read("out/report.html");
        let (on, other) = if held == 0 { ("Training", "Test") } else { ("Test", "Training") };
        assert!(page.contains(&format!("{on} error of each variant")), "{case}");
        assert!(!page.contains(&format!("{other} error of each variant")), "{case}");
    }
}

#[test]
fn a_run_on_the_validation_rows_leaves_other_rows_and_says_so_in_its_settings() {
    let misfit = Misfit::new();
    misfit.write("rows.csv", &straight(60));
    let toml =
        "seeds = 4\n[data]\ntarget = { csv = \"rows.csv\", inputs = [\"x\"], output = \"y\" }\n[train]\nsteps = 3\n";
    misfit.write("x.toml", toml);
    let tested = |split: &str| -> std::collections::BTreeSet<String> {
        misfit.ok(&["run", "x.toml", "--out", split, &format!("data.split={split:?}")]);
        rows(&misfit.read(&format!("{split}/predictions.csv"))).iter().map(|row| row["row"].clone()).collect()
    };
    let (test, validation, judging) = (tested("test"), tested("validation"), tested("judging"));
    assert!(judging.is_disjoint(&validation) && validation.len() >= 8, "{judging:?} {validation:?}");
    assert!(!test.is_disjoint(&validation), "those of the default are drawn among all");
    assert!(misfit.read("validation/manifest.json").contains("\"split\": \"validation\""));
    // What is the default is not written down, so that earlier manifests stay what they are.
    assert!(!misfit.read("test/manifest.json").contains("\"split\""));
    let wrong = misfit.run(&["run", "x.toml", "data.split=\"train\""]);
    assert!(
        wrong.code() == 2
            && wrong
                .stderr()
                .contains("data.split: unknown value \"train\", accepted: test, validation, judging or learnt"),
        "{}",
        wrong.stderr()
    );
}

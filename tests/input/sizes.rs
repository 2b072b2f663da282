//! Files and values that are too large, too many or too deep: refused or read, in little time and little memory.

use std::time::{Duration, Instant};

use super::{Misfit, refused};

/// What nothing here may take; each is a matter of a second. Work that grows with the square of the input takes minutes.
const LONGEST: Duration = Duration::from_secs(60);

fn refused_soon(misfit: &Misfit, args: &[&str], expected: &str) {
    let began = Instant::now();
    refused(misfit, args, expected);
    assert!(began.elapsed() < LONGEST, "{expected}: {:?}", began.elapsed());
}

/// Reads `x.toml` in no more address space than 4 GB, and gives the first line of what it says.
#[cfg(unix)]
fn read_soon(misfit: &Misfit) -> String {
    let began = Instant::now();
    let program = misfit.command(&[]).get_program().to_owned();
    let limited = "ulimit -v 4000000 && exec \"$0\" run x.toml --dry-run";
    let mut command = std::process::Command::new("sh");
    let out = command.current_dir(misfit.folder.path()).args(["-c", limited]).arg(program).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned()
}

fn listed(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn fixes(count: usize) -> String {
    (0..count).map(|i| format!("[fix.f{i}]\nset = {{ train.steps = {} }}\n", i + 1)).collect()
}

#[test]
fn what_is_too_deep_is_refused_with_its_line() {
    const DEEP: &str = "goes deeper than any key of an experiment: take out the dots or brackets";
    let dots = |count: usize| ".a".repeat(count);
    for (text, line) in [
        (format!("# dots\na{} = 1\n", dots(10_000)), 2),
        (format!("# dots\na{} = 1\n", dots(1_000_000)), 2),
        (format!("[a{}]\n", dots(10_000)), 1),
        (format!("[[a{}]]\n", dots(10_000)), 1),
        (format!("a = {}{}\n", "[".repeat(10_000), "]".repeat(10_000)), 1),
        (format!("a = {}1{}\n", "{a=".repeat(10_000), "}".repeat(10_000)), 1),
        (format!("[sweep]\ndata{} = [1]\n", dots(5_000)), 2),
    ] {
        let misfit = Misfit::new();
        misfit.write("x.toml", &text);
        refused_soon(&misfit, &["run", "x.toml", "--dry-run"], &format!("x.toml:{line}: {DEEP}"));
    }
    let misfit = Misfit::new();
    misfit.write("x.toml", &format!("[sweep]\n\"data{}\" = [1]\n", dots(1_000_000)));
    let key = format!("sweep.data{}", dots(40))[..80].to_owned();
    let expected = format!("x.toml:2: {key}…: goes deeper than any key of an experiment: take out the dots");
    refused_soon(&misfit, &["run", "x.toml", "--dry-run"], &expected);
    let key = format!("a{}", dots(10_000));
    let cut = |text: &str| format!("{}…", &text[..80]);
    let expected = format!(
        "`{}` on the command line: {}: not a key: expected dotted names, as train.steps=100",
        cut(&key),
        cut(&key)
    );
    refused_soon(&misfit, &["run", "--dry-run", &format!("{key}=1")], &expected);
}

#[test]
fn what_is_too_many_is_refused_with_how_many_there_may_be() {
    let numbers = |from: usize, count: usize| listed(count, |i| (from + i).to_string());
    let cases = [
        (
            format!(
                "[sweep]\n'train.steps' = [{0}]\n'train.log_points' = [{1}]\n'batch.size' = [{0}]\n",
                numbers(1, 1000),
                numbers(2, 1000)
            ),
            "1: sweep: makes 1000000000 variants, at most 200000 are allowed",
        ),
        (
            format!("{}[ablation]\n", fixes(30)),
            "61: ablation: a full design takes at most 16 fixes: set design = \"each\"",
        ),
        (format!("{}[ablation]\ndesign = 'each'\n", fixes(32)), "65: ablation: takes at most 31 fixes"),
        (fixes(1001), "1: fix: 1001 fixes, at most 1000 are allowed"),
        (
            format!(
                "{}{}",
                fixes(1000),
                (0..100_001).map(|i| format!("[[variant]]\nname='v{i}'\n")).collect::<String>()
            ),
            "1: fix: 100001 variants of 1000 fixes are too many together",
        ),
        (
            format!("seeds = 1000000\n[sweep]\n'train.steps' = [{}]\n", numbers(1, 11)),
            "1: seeds: 1000000 seeds of 11 variants, at most 10000000 runs are allowed",
        ),
        (
            format!("[model]\nhidden = [{}]\n", numbers(1, 1001)),
            "2: model.hidden: 1001 hidden layers, at most 1000 are allowed",
        ),
        (
            format!("[data]\ntarget = {{ polynomial = [{}] }}\n", numbers(1, 1001)),
            "2: data.target.polynomial: 1001 coefficients, at most 1000 are allowed",
        ),
        (
            format!(
                "[data]\ntarget = {{ csv = 'a.csv', inputs = [{}], output = 'y' }}\n",
                listed(10_001, |i| format!("'c{i}'"))
            ),
            "2: data.target.inputs: 10001 columns, at most 10000 are allowed",
        ),
        (
            format!(
                "[data]\ntarget = {{ csv = 'a.csv', inputs = [{}], output = 'y' }}\n[sweep]\n'train.steps' = [{}]\n",
                listed(10_000, |i| format!("'c{i}'")),
                numbers(1, 20_000)
            ),
            "3: sweep: the lists of all variants take over 256 MiB: make fewer variants, or shorter lists",
        ),
        (
            format!("[sweep]\n'model.hidden' = [[{}]]\n", numbers(1, 500)),
            "1: sweep: makes names of 2414 bytes, at most 1000 are allowed: sweep shorter values",
        ),
    ];
    for (text, expected) in cases {
        let misfit = Misfit::new();
        misfit.write("x.toml", &text);
        refused_soon(&misfit, &["run", "x.toml", "--dry-run"], &format!("x.toml:{expected}"));
    }
}

#[test]
fn what_is_long_is_said_shortly() {
    let misfit = Misfit::new();
    let long = "k".repeat(1_000_000);
    let cut = format!("{}…", &long[..80]);
    let said = |text: &str, expected: &str| {
        misfit.write("x.toml", text);
        refused_soon(&misfit, &["run", "x.toml", "--dry-run"], &format!("x.toml:{expected}"));
    };
    said(&format!("{long} = 1\n"), &format!("1: {cut}: unknown key \"{cut}\", {{KEYS}}"));
    said(
        &format!("[loss]\nkind = '{long}'\n"),
        &format!(
            "2: loss.kind: unknown value \"{cut}\", accepted: mse, sse, mae, huber, log_cosh, mape, poisson, hinge, bce, cross_entropy, nll or torchscript"
        ),
    );
    said(
        &format!("[train]\nsteps = '{long}'\n"),
        &format!("2: train.steps: expected a whole number of at least 1, got \"{}…", &long[..79]),
    );
    let digits = "9".repeat(1_000_000);
    said(&format!("seeds = {digits}\n"), &format!("1: {}… does not fit a 64-bit integer", &digits[..80]));
    said(&format!("[data]\nnoise = {digits}.0\n"), &format!("2: {}… does not fit a 64-bit float", &digits[..80]));
    said(&format!("name = '{long}'\n"), &format!("1: name: \"{cut}\" cannot name a folder: {{FOLDER}}"));
    let columns = format!("{}\n", listed(100_000, |i| format!("c{i}")));
    misfit.write("rows.csv", &columns);
    misfit.write("x.toml", "[data]\ntarget = { csv = 'rows.csv', inputs = ['a'], output = 'y' }\n");
    let first = listed(16, |i| format!(" c{i}"));
    let expected =
        format!("rows.csv:1: no column \"a\" (data.target.inputs), the file has:{first}, … (100000 columns)");
    refused_soon(&misfit, &["run", "x.toml", "--dry-run"], &expected);
    misfit.write("rows.csv", &format!("a,y\n1,{}\n", "3".repeat(50 << 20)));
    let expected =
        format!("rows.csv:2: y is \"{}…\", expected a finite number: mend or remove the row", "3".repeat(80));
    refused_soon(&misfit, &["run", "x.toml", "--dry-run"], &expected);
}

#[test]
fn what_is_no_experiment_by_its_size_alone_is_not_read() {
    let misfit = Misfit::new();
    let sized = |name: &str, bytes: u64| {
        std::fs::File::create(misfit.folder.path().join(name)).unwrap().set_len(bytes).unwrap();
    };
    sized("x.toml", 300 << 20);
    let expected = "x.toml: is over 8 MiB, which no experiment file needs: sweep a key instead of naming each variant";
    let began = Instant::now();
    let ran = misfit.run(&["run", "x.toml", "--dry-run"]);
    assert_eq!((ran.code(), ran.stderr().trim_end()), (2, format!("misfit: {expected}").as_str()));
    misfit.write("x.toml", "[data]\ntarget = { csv = 'rows.csv', inputs = ['a'], output = 'y' }\n");
    sized("rows.csv", (1 << 30) + 1);
    let ran = misfit.run(&["run", "x.toml", "--dry-run"]);
    let expected = "misfit: rows.csv: is over 1 GiB, which is more than a small network learns from";
    assert_eq!((ran.code(), ran.stderr().trim_end()), (2, expected));
    assert!(began.elapsed() < LONGEST);
}

#[cfg(unix)]
#[test]
fn many_runs_are_read_soon() {
    let misfit = Misfit::new();
    for (text, first) in [
        (
            (0..100_000).map(|i| format!("[[variant]]\nname='v{i}'\n")).collect::<String>(),
            "x: 300000 runs, 100000 variants with 3 seeds each",
        ),
        (
            format!("seeds = 1\n[sweep]\n'train.steps' = [{}]\n", listed(100_000, |i| (i + 1).to_string())),
            "x: 100000 runs, 100000 variants with 1 seeds each",
        ),
        (format!("{}[ablation]\n", fixes(16)), "x: 196608 runs, 65536 variants with 3 seeds each"),
        (fixes(1000), "x: 3 runs, 1 variants with 3 seeds each"),
        (
            format!("seeds = [{}]\n", listed(100_000, |i| (2 * i).to_string())),
            "x: 100000 runs, 1 variants with 100000 seeds each",
        ),
        (
            (0..20_000).map(|i| format!("[[published]]\nvariant='baseline'\nfigure='r2'\nvalue={i}\n")).collect(),
            "x: 3 runs, 1 variants with 3 seeds each",
        ),
    ] {
        misfit.write("x.toml", &text);
        assert_eq!(read_soon(&misfit), first);
    }
}

#[test]
fn files_of_many_columns_and_folders_of_many_variants_are_compared_soon() {
    let misfit = Misfit::new();
    let header = listed(50_000, |i| format!("c{i}"));
    misfit.write("a.csv", &format!("{header}\n{}\n", listed(50_000, |_| "1".to_owned())));
    let row = |i| format!("v{i:06},0,fits,10,1.0,0.5,0.1,0.99\n");
    let runs: String = (0..100_000).map(row).collect();
    std::fs::create_dir(misfit.folder.path().join("a")).unwrap();
    misfit.write("a/runs.csv", &format!("variant,seed,outcome,steps,first_loss,last_loss,test_rmse,r2\n{runs}"));
    for name in ["a.csv", "a"] {
        let began = Instant::now();
        misfit.ok(&["diff", name, name, "--changed"]);
        assert!(began.elapsed() < LONGEST, "{name}: {:?}", began.elapsed());
    }
    // A line of 50 MB, twice: too large for an f64, and not the same.
    let number = |digit: &str| format!("x,y\n1,{}\n", digit.repeat(50 << 20));
    misfit.write("b.csv", &number("3"));
    misfit.write("c.csv", &number("4"));
    let ran = misfit.run(&["diff", "b.csv", "c.csv"]);
    assert_eq!(ran.code(), 1);
    assert!(ran.stdout().len() < 10_000, "{} bytes are said", ran.stdout().len());
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

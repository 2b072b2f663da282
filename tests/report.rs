//! `misfit report` in a real browser: the page is sound on a desk, on a phone and on paper, says what the CSVs say, and takes
//! whatever a results folder holds for text.

mod common;
#[path = "report/diagnosis.rs"]
mod diagnosis;
#[path = "report/tasks.rs"]
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{Misfit, Ran, rows};
use serde_json::{Value, json};

const WIDE: u64 = 1280;
const PHONE: u64 = 390;

/// A results folder and the page made of it.
struct Report {
    misfit: Misfit,
    folder: String,
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name)
}

impl Report {
    /// An empty folder of this name.
    fn named(name: &str) -> Self {
        let report = Report { misfit: Misfit::new(), folder: name.to_owned() };
        std::fs::create_dir(report.path()).unwrap();
        report
    }

    /// A copy of a committed folder.
    fn of_committed(name: &str) -> Self {
        let report = Report::named(name);
        for file in std::fs::read_dir(committed(name)).unwrap() {
            let file = file.unwrap();
            if file.path().is_file() {
                std::fs::copy(file.path(), report.path().join(file.file_name())).unwrap();
            }
        }
        report
    }

    fn of(made: &Made) -> Self {
        let report = Report::named("made");
        for (name, text) in made.files() {
            report.write(name, &text);
        }
        report
    }

    fn path(&self) -> PathBuf {
        self.misfit.folder.path().join(&self.folder)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn without(self, name: &str) -> Self {
        std::fs::remove_file(self.path().join(name)).unwrap();
        self
    }

    /// Makes the page and gives where it is.
    fn page(&self) -> PathBuf {
        self.misfit.ok(&["report", &self.folder]);
        self.path().join("report.html")
    }

    fn manifest(&self) -> Value {
        serde_json::from_str(&self.read("manifest.json")).unwrap()
    }

    fn svg(&self, name: &str) -> String {
        self.read(&format!("plots/{name}.svg"))
    }
}

/// What a browser shows of these views.
fn look(views: &[Value]) -> Option<Vec<Seen>> {
    let mut browser =
        common::browser()?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    browser.stdin.take().unwrap().write_all(json!(views).to_string().as_bytes()).unwrap();
    let ran = Ran(browser.wait_with_output().unwrap());
    assert_eq!(ran.code(), 0, "{}", ran.stderr());
    let seen: Vec<Value> = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(seen.len(), views.len());
    Some(seen.into_iter().zip(views).map(|(seen, view)| Seen { seen, view: view.clone() }).collect())
}

fn desk(page: &Path) -> Value {
    json!({ "page": page, "width": WIDE, "height": 900 })
}

fn phone(page: &Path) -> Value {
    json!({ "page": page, "width": PHONE, "height": 800, "phone": true })
}

/// On a desk and on a phone, in both schemes.
fn everywhere(page: &Path) -> Vec<Value> {
    let views = [desk(page), phone(page)];
    let schemes = |view: Value| ["light", "dark"].map(|scheme| with(view.clone(), "scheme", json!(scheme)));
    views.into_iter().flat_map(schemes).collect()
}

fn with(mut view: Value, key: &str, value: Value) -> Value {
    view[key] = value;
    view
}

/// A page as a browser showed it.
struct Seen {
    seen: Value,
    view: Value,
}

impl std::ops::Index<&str> for Seen {
    type Output = Value;
    fn index(&self, key: &str) -> &Value {
        &self.seen[key]
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_else(|| panic!("{value} is no list"))
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(|text| text.as_str().unwrap()).collect()
}

impl Seen {
    fn text(&self) -> &str {
        self["text"].as_str().unwrap()
    }

    fn charts(&self) -> Vec<&str> {
        list(&self["charts"]).iter().map(|chart| chart["id"].as_str().unwrap()).collect()
    }

    fn tables(&self) -> Vec<Vec<Vec<&str>>> {
        let table = |table| list(table).iter().map(texts).collect();
        list(&self["tables"]).iter().map(table).collect()
    }

    /// What holds of every page, whatever it is made of.
    fn sound(&self) -> &Self {
        let view = &self.view;
        let narrow = view["width"] == PHONE;
        // Nothing to complain about, nothing loaded, nothing added by what is only text.
        assert_eq!(self["console"], json!([]), "{view}");
        assert_eq!(list(&self["requests"]).len(), 1, "{view}: {}", self["requests"]);
        assert_eq!(self["entries"], json!([]), "{view}");
        assert_eq!(self["pwned"], json!(false), "{view}");
        assert_eq!(self["handlers"], json!([]), "{view}");
        let elements = self["elements"].as_object().unwrap();
        for (name, count) in [("script", 2), ("style", 1), ("meta", 4), ("main", 1), ("title", 1), ("h1", 1)] {
            assert_eq!(elements.get(name), Some(&json!(count)), "{view}: {name}");
        }
        const PLAIN: &str = "html head meta title style script body main h1 h2 h3 p ul li b span dl dt dd code pre div \
            table thead tbody tr th td figure figcaption details summary svg g desc text rect circle polyline polygon";
        let other: Vec<&String> =
            elements.keys().filter(|name| !PLAIN.split(' ').any(|known| known == *name)).collect();
        assert!(other.is_empty(), "{view}: {other:?}");
        let ids = texts(&self["ids"]);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{view}: {ids:?}");

        // All of it is within the window, and can be read.
        let width = &self["width"];
        assert!(width["scroll"].as_f64() <= width["client"].as_f64(), "{view}: {width} {}", self["sticking_out"]);
        assert_eq!(width["inner"], view["width"], "{view}: it is not zoomed out");
        assert_eq!(self["sticking_out"], json!([]), "{view}");
        assert!(self["texts"].as_u64() > Some(10), "{view}");
        assert!(self["faint"][0]["ratio"].as_f64() >= Some(4.5), "{view}: {}", self["faint"]);
        for chart in list(&self["charts"]) {
            let [wide, small] = list(&chart["svgs"]) else { panic!("{view}: {chart}") };
            assert_eq!((&wide["narrow"], &small["narrow"]), (&json!(false), &json!(true)));
            let (there, hidden) = if narrow { (small, wide) } else { (wide, small) };
            assert_eq!((&there["shown"], &hidden["shown"]), (&json!(true), &json!(false)), "{view}: {chart}");
            let side = |side: &str| there[side].as_f64().unwrap();
            assert!(side("width") > 300.0 && side("height") > 80.0, "{view}: {chart}");
            assert_eq!(there["outside"], json!([]), "{view}: {}", chart["id"]);
            assert!(there["label"].as_str().is_some_and(|label| !label.is_empty()), "{view}: {chart}");
            assert!(chart["caption"].as_str().is_some_and(|caption| caption.len() > 10), "{view}: {chart}");
        }
        self
    }
}

/// Of some numbers, as they stand in the CSV, the middle, where NaN is the worst; and the lowest and the highest.
fn middle(mut values: Vec<f64>, worst: f64) -> [f64; 3] {
    values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = worst);
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let half = values.len() / 2;
    let median = if values.len() % 2 == 1 { values[half] } else { values[half - 1] / 2.0 + values[half] / 2.0 };
    [median, values[0], values[values.len() - 1]]
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// Whether the text is this number, to half of the last of four digits.
fn says(text: &str, value: f64) {
    let shown = number(text);
    let digit = if value == 0.0 { 0.0 } else { 10f64.powf(value.abs().log10().floor() - 3.0) };
    let same = if value.is_finite() { (shown - value).abs() <= 0.5001 * digit.max(1e-6) } else { shown == value };
    assert!(same, "{text} is not {value}");
}

/// What follows `before` in a text, up to a space or a comma.
fn after<'t>(text: &'t str, before: &str) -> &'t str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("{before:?} is not in {text:?}")).1;
    rest.split([' ', ',', ')']).next().unwrap()
}

/// A variant's rows of `runs.csv`.
type OfVariant = Vec<std::collections::HashMap<String, String>>;

fn by_variant(runs: &str) -> BTreeMap<String, OfVariant> {
    let mut found: BTreeMap<String, OfVariant> = BTreeMap::new();
    rows(runs).into_iter().for_each(|row| found.entry(row["variant"].clone()).or_default().push(row));
    found
}

fn column(rows: &OfVariant, name: &str) -> Vec<f64> {
    rows.iter().map(|row| number(&row[name])).collect()
}

/// How often each outcome is there, as `fits 2/3`.
fn outcomes(rows: &OfVariant) -> BTreeSet<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(&row["outcome"]).or_default() += 1);
    counts.into_iter().map(|(outcome, count)| format!("{outcome} {count}/{}", rows.len())).collect()
}

/// The table of outcomes says what `runs.csv` does, of these variants and no others.
fn the_table_says_what_the_runs_do(seen: &Seen, runs: &str) {
    let expected = by_variant(runs);
    let tables = seen.tables();
    let [header, shown @ ..] = &tables[0][..] else { panic!("a table") };
    // What older folders do not have, and what there is nothing to say of.
    let place = |name: &str| header.iter().position(|head| *head == name);
    let [training, best] = ["training RMSE, median", "best at step"].map(place);
    let r2 = place("R², median").expect("R²");
    let mut names = vec!["variant", "outcome", "test RMSE, median", "lowest … highest"];
    names.extend(training.map(|_| "training RMSE, median"));
    names.push("R², median");
    names.extend(best.map(|_| "best at step"));
    names.extend(place("test RMSE there, median").map(|_| "test RMSE there, median"));
    names.push("error while training");
    assert_eq!(header[..], names);
    let all = || expected.values().flatten();
    assert_eq!(training.is_some(), all().all(|row| row.contains_key("train_rmse")), "{header:?}");
    let last = |own: &OfVariant| middle(column(own, "best_step"), 0.0)[0] == middle(column(own, "steps"), 0.0)[0];
    assert_eq!(best.is_some(), training.is_some() && !expected.values().all(last), "{header:?}");
    assert_eq!(shown.iter().map(|row| row[0]).collect::<BTreeSet<_>>(), expected.keys().map(String::as_str).collect());
    for row in shown {
        let own = &expected[row[0]];
        let [median, low, high] = middle(column(own, "test_rmse"), f64::INFINITY);
        says(row[2], median);
        let (lowest, highest) = row[3].split_once(" … ").unwrap();
        says(lowest, low);
        says(highest, high);
        let [median, ..] = middle(column(own, "r2"), f64::NEG_INFINITY);
        let shown = number(row[r2]);
        let near = (shown - median).abs() <= 0.500_01e-5_f64.max(median.abs() * 5e-4);
        assert!(shown == median || near, "{row:?}: {median}");
        if let Some(training) = training {
            says(row[training], middle(column(own, "train_rmse"), f64::INFINITY)[0]);
        }
        if let Some(best) = best {
            let [step, ..] = middle(column(own, "best_step"), 0.0);
            assert_eq!(row[best], if last(own) { "last".to_owned() } else { step.to_string() }, "{row:?}");
        }
        let parts: Vec<&str> = row[1].split(' ').collect();
        let parts: BTreeSet<String> = parts.chunks(2).map(|pair| pair.join(" ")).collect();
        assert_eq!(parts, outcomes(own), "{row:?}");
    }
    let all: Vec<_> = expected.values().flatten().cloned().collect();
    let seeds: BTreeSet<&String> = all.iter().map(|row| &row["seed"]).collect();
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let what = format!(
        "{} of {} over {}:",
        plural(all.len(), "run"),
        plural(expected.len(), "variant"),
        plural(seeds.len(), "seed")
    );
    let line = seen.text().lines().find(|line| line.starts_with(&what)).unwrap_or_else(|| panic!("{what}"));
    let counts: BTreeSet<String> =
        line[what.len()..].trim_end_matches('.').split(", ").map(|s| s.trim().to_owned()).collect();
    let wanted: BTreeSet<String> =
        outcomes(&all).into_iter().map(|part| part.split_once('/').unwrap().0.to_owned()).collect();
    assert_eq!(counts, wanted);
}

#[test]
fn the_page_is_sound_on_a_desk_on_a_phone_and_on_paper_in_both_schemes() {
    let report = Report::of_committed("reference");
    let page = report.page();
    let mut views = everywhere(&page);
    views.push(with(with(desk(&page), "media", json!("print")), "scheme", json!("dark")));
    let Some(seen) = look(&views) else { return };
    let title = report.manifest()["title"].as_str().unwrap().to_owned();
    for seen in &seen {
        seen.sound();
        assert_eq!(seen["title"], format!("{title} – misfit"));
        assert_eq!(
            texts(&seen["headings"]),
            [
                &title,
                "How the runs ended",
                "The source's figures beside ours",
                "While training",
                "What the networks became",
                "Losses",
                "Settings",
                "To make it again"
            ]
        );
        let of_each = |kind: &str| ["question", "answer", "answer-intended", "repaired"].map(|v| format!("{kind}-{v}"));
        let charts: Vec<String> = ["test-error", "curves"]
            .map(str::to_owned)
            .into_iter()
            .chain(of_each("fit"))
            .chain(of_each("loss"))
            .collect();
        assert_eq!(seen.charts(), charts);
        the_table_says_what_the_runs_do(seen, &report.read("runs.csv"));
    }
    let colours = |at: usize| [&seen[at]["ink"], &seen[at]["paper"]].map(|colour| colour.as_str().unwrap());
    let ([_, light], [_, dark]) = (colours(0), colours(1));
    assert_eq!(light, "rgb(255, 255, 255)");
    assert_ne!(light, dark);
    assert_eq!(colours(2), colours(0));
    assert_eq!(colours(3), colours(1));
    assert_eq!(colours(4), colours(0), "on paper the colours are the light ones");
    assert!(seen[4]["pages"].as_u64() > Some(1), "{}", seen[4]["pages"]);
}

#[test]
fn the_experiment_and_the_commands_that_make_it_again_are_on_the_page() {
    let report = Report::of_committed("reference");
    let Some(seen) = look(&[desk(&report.page())]) else { return };
    let manifest = report.manifest();
    let words = texts(&manifest["command"]).join(" ");
    assert_eq!(texts(&seen[0]["pre"]), [&words, "misfit report reference", manifest["text"].as_str().unwrap()]);
    for part in ["experiment_hash", "file"] {
        assert!(seen[0].text().contains(manifest[part].as_str().unwrap()), "{part}");
    }
}

/// The tooltips that are seen after a step, within the window; one at most.
fn tip(step: &Value) -> Option<&str> {
    let tips = list(&step["tips"]);
    assert_eq!(tips.len(), list(&step["dots"]).len(), "{step}");
    let tip = tips.first()?;
    assert_eq!(tips.len(), 1, "{step}");
    let side = |name: &str| tip[name].as_f64().unwrap();
    let room = |at: usize| step["room"][at].as_f64().unwrap();
    let inside = side("left") >= 0.0 && side("top") >= 0.0 && side("right") <= room(0) && side("bottom") <= room(1);
    assert!(inside, "{step}");
    // The dot is where it was pointed at.
    let dot = &step["dots"][0];
    let off = |low: &str, high: &str, at: usize| {
        ((dot[low].as_f64().unwrap() + dot[high].as_f64().unwrap()) / 2.0 - step["at"][at].as_f64().unwrap()).abs()
    };
    let pointed = step["at"] != json!([0, 0]);
    assert!(!pointed || off("left", "right", 0) < 2.0 && off("top", "bottom", 1) < 2.0, "{step}");
    tip["text"].as_str()
}

/// What a tip must say of a variant's runs: median, lowest, highest.
fn says_the_errors(tip: &str, variant: &str, own: &OfVariant) {
    assert!(tip.starts_with(&format!("{variant}: median ")), "{tip}");
    let [median, low, high] = middle(column(own, "test_rmse"), f64::INFINITY);
    says(after(tip, ": median "), median);
    says(after(tip, " ("), low);
    says(after(tip, " … "), high);
    assert!(tip.contains(&format!(", {} seeds", own.len())), "{tip}");
    assert!(outcomes(own).iter().all(|part| tip.contains(part)), "{tip}");
}

const VARIANTS: [&str; 4] = ["question", "answer", "answer-intended", "repaired"];

#[test]
fn what_is_pointed_at_is_told_as_the_csvs_have_it() {
    let report = Report::of_committed("reference");
    let page = report.page();
    // The large dots, a row each; then where lines end.
    let dot = |nth: usize| json!({ "do": "hover", "css": "#test-error svg.wide-chart circle[r='52']", "nth": nth });
    let leave = json!({ "do": "hover", "css": "h1" });
    let end = |nth: usize, along: u32| {
        let css = format!("#curves svg.wide-chart polyline[stroke='var(--c{nth})'][stroke-width='20']");
        json!({ "do": "hover", "css": css, "nth": -1, "along": along })
    };
    let steps = [dot(0), dot(1), dot(2), dot(3), leave.clone(), end(1, 1), end(2, 1), end(3, 1), end(3, 0), leave];
    let Some(seen) = look(&[with(desk(&page), "steps", json!(steps))]) else { return };
    let steps = list(&seen[0]["steps"]);
    let runs = by_variant(&report.read("runs.csv"));
    for (step, variant) in steps.iter().zip(VARIANTS) {
        says_the_errors(tip(step).unwrap_or_else(|| panic!("{step}")), variant, &runs[variant]);
    }
    let curves = by_variant(&report.read("curves.csv"));
    let at = |variant: &str, wanted: &str| -> [f64; 3] {
        let rows: OfVariant = curves[variant].iter().filter(|row| row["step"] == wanted).cloned().collect();
        assert_eq!(rows.len(), 3);
        middle(column(&rows, "test_rmse"), f64::INFINITY)
    };
    for (step, (variant, update)) in steps[5..9].iter().zip([
        ("answer", "10000"),
        ("answer-intended", "10000"),
        ("repaired", "10000"),
        ("repaired", "0"),
    ]) {
        let tip = tip(step).unwrap_or_else(|| panic!("{step}"));
        let [median, low, high] = at(variant, update);
        assert!(tip.starts_with(&format!("{variant}, step {update}: median ")), "{tip}");
        says(after(tip, ": median "), median);
        // Quartiles of three lie halfway between the middle and the ends.
        says(after(tip, " ("), (low + median) / 2.0);
        says(after(tip, " … "), (median + high) / 2.0);
    }
    for step in [&steps[4], &steps[9]] {
        assert_eq!(tip(step), None, "what is left is told no more");
    }
}

#[test]
fn arrow_keys_go_through_all_that_a_chart_says_and_escape_ends_it() {
    let report = Report::of_committed("reference");
    let page = report.page();
    let key = |key: &str| json!({ "do": "key", "key": key });
    let mut steps = vec![json!({ "do": "focus", "css": "#test-error svg.wide-chart" })];
    // Two references; three seeds and a median for each of four variants; and the first one again.
    steps.extend((0..19).map(|nth| key(if nth % 2 == 0 { "ArrowRight" } else { "ArrowDown" })));
    steps.extend([key("ArrowLeft"), key("Escape"), key("ArrowUp"), key("Tab")]);
    let Some(seen) = look(&[with(desk(&page), "steps", json!(steps))]) else { return };
    let tips: Vec<Option<&str>> = list(&seen[0]["steps"]).iter().map(tip).collect();
    assert_eq!(tips[0], None);
    let told: Vec<&str> = tips[1..20].iter().map(|tip| tip.expect("each key says something")).collect();
    assert_eq!(told[18], told[0], "after the last one comes the first");
    let health = &rows(&report.read("health.csv"))[0];
    for (name, of) in [("always the mean", "mean_rmse"), ("best straight line", "line_rmse")] {
        let tip = told.iter().find(|tip| tip.starts_with(name)).unwrap_or_else(|| panic!("{name}: {told:?}"));
        says(after(tip, ": "), number(&health[of]));
    }
    for (variant, own) in by_variant(&report.read("runs.csv")) {
        let median = told.iter().find(|tip| tip.starts_with(&format!("{variant}: median"))).expect("a median");
        says_the_errors(median, &variant, &own);
        let seeds: Vec<&&str> =
            told[..18].iter().filter(|tip| tip.starts_with(&format!("{variant}: a seed"))).collect();
        assert_eq!(seeds.len(), own.len());
        seeds.iter().zip(column(&own, "test_rmse")).for_each(|(tip, error)| says(after(tip, "a seed, "), error));
    }
    assert_eq!(tips[20], tips[18], "back again");
    assert_eq!(tips[21], None, "Escape");
    assert_eq!(tips[22], Some(told[17]), "from nothing backwards is the last one");
    assert_eq!(tips[23], None, "the next chart");
}

#[test]
fn a_finger_on_a_phone_is_told_as_much_and_it_stays_until_another_touch() {
    let report = Report::of_committed("reference");
    let page = report.page();
    let press = |nth: usize| json!({ "do": "press", "css": "#test-error svg.narrow circle[r='52']", "nth": nth });
    let release = json!({ "do": "release" });
    let mut steps: Vec<Value> = (0..4).flat_map(|nth| [press(nth), release.clone()]).collect();
    steps.extend([json!({ "do": "press", "css": "h1" }), release]);
    let Some(seen) = look(&[with(phone(&page), "steps", json!(steps))]) else { return };
    let steps = list(&seen[0]["steps"]);
    let runs = by_variant(&report.read("runs.csv"));
    for (pair, variant) in steps.chunks(2).zip(VARIANTS) {
        says_the_errors(tip(&pair[0]).unwrap_or_else(|| panic!("{}", pair[0])), variant, &runs[variant]);
        assert_eq!(tip(&pair[1]), tip(&pair[0]), "the finger is gone, what it pointed at is still told");
    }
    assert_eq!(tip(&steps[9]), None, "another touch elsewhere ends it");
}

/// (x, y) of the shapes of a chart, in its own tenths of px, which have these attributes.
fn places(svg: &str, tag: &str, attributes: &[(&str, &str)]) -> Vec<(f64, f64)> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let fits = |node: &roxmltree::Node| attributes.iter().all(|(name, value)| node.attribute(*name) == Some(value));
    let at = |node: roxmltree::Node| {
        let of = |names: [&str; 2]| names.iter().find_map(|name| node.attribute(*name)).map(number).unwrap_or(f64::NAN);
        (of(["cx", "x"]), of(["cy", "y"]))
    };
    document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", tag)) && fits(node))
        .map(at)
        .collect()
}

/// A chart's texts with where they stand.
fn labels(svg: &str) -> BTreeMap<String, (f64, f64)> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let text = |node: roxmltree::Node| {
        let at = |name: &str| node.attribute(name).map(number);
        Some((node.text()?.to_owned(), (at("x")?, at("y")?)))
    };
    document.descendants().filter_map(text).collect()
}

#[test]
fn dots_lie_where_the_axis_says() {
    let report = Report::of_committed("reference");
    report.page();
    let svg = report.svg("test-error");
    let labels = labels(&svg);
    let (low, high) = (labels["10³"].0, labels["10⁵"].0);
    let dots = places(&svg, "circle", &[("r", "52")]);
    let runs = by_variant(&report.read("runs.csv"));
    assert_eq!(dots.len(), 4);
    for (variant, (x, y)) in VARIANTS.iter().zip(dots) {
        let [median, ..] = middle(column(&runs[*variant], "test_rmse"), f64::INFINITY);
        let wanted = low + (median.log10() - 3.0) / 2.0 * (high - low);
        assert!((x - wanted).abs() < 2.0, "{variant}: {x} instead of {wanted}");
        assert!((labels[*variant].1 - y).abs() < 60.0, "{variant} stands beside its dot");
    }
}

#[test]
fn plots_are_xml_and_pictures_of_twice_their_size_and_the_same_every_time() {
    let report = Report::of_committed("reference");
    let page = report.page();
    let all = || -> BTreeMap<PathBuf, Vec<u8>> {
        let plots = std::fs::read_dir(report.path().join("plots")).unwrap().map(|file| file.unwrap().path());
        plots.chain([page.clone()]).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let before = all();
    assert_eq!(before.len(), 2 * 10 + 1);
    for (path, bytes) in before.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "svg")) {
        let text = std::str::from_utf8(bytes).unwrap();
        let document = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let side = |name: &str| document.root_element().attribute(name).and_then(|px| px.parse::<u32>().ok()).unwrap();
        let picture = resvg::tiny_skia::Pixmap::decode_png(&before[&path.with_extension("png")]).unwrap();
        assert_eq!((picture.width(), picture.height()), (2 * side("width"), 2 * side("height")), "{}", path.display());
        let ink = picture.pixels().iter().filter(|pixel| (pixel.red(), pixel.green(), pixel.blue()) != (255, 255, 255));
        assert!(ink.count() > 1000, "{}", path.display());
    }
    report.page();
    assert!(before == all(), "the same folder gives the same bytes");
}

/// A results folder that is made up.
#[derive(Default)]
struct Made {
    /// The inputs' names; x where there are none.
    inputs: Vec<String>,
    /// Columns of runs.csv that say which fixes are on.
    fixes: Vec<String>,
    runs: Vec<Run>,
}

#[derive(Clone)]
struct Run {
    variant: String,
    seed: u64,
    outcome: &'static str,
    r2: &'static str,
    /// The test error of each logged step, which the losses are too.
    curve: Vec<(u64, String)>,
    on: Vec<usize>,
}

fn run(variant: &str, seed: u64, outcome: &'static str, r2: &'static str, curve: &[(u64, &str)]) -> Run {
    let curve = curve.iter().map(|(step, error)| (*step, (*error).to_owned())).collect();
    Run { variant: variant.to_owned(), seed, outcome, r2, curve, on: Vec::new() }
}

/// One that ends so, after a good beginning.
fn ending(variant: &str, seed: u64, error: &str) -> Run {
    let finite = number(error).is_finite();
    let (outcome, r2) = if finite { ("partial", "0.5") } else { ("diverged", "NaN") };
    run(variant, seed, outcome, r2, &[(0, "100.0"), (10, "20.5"), (20, error)])
}

fn csv_text(rows: Vec<Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn fields(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

impl Made {
    fn of(runs: Vec<Run>) -> Self {
        Made { runs, ..Made::default() }
    }

    fn files(&self) -> [(&'static str, String); 4] {
        let inputs = if self.inputs.is_empty() { vec!["x".to_owned()] } else { self.inputs.clone() };
        let [mut runs, mut curves, mut health] = ["runs", "curves", "health"].map(|name| vec![columns(name)]);
        runs[0].extend(self.fixes.clone());
        let mut predictions = vec![[fields("variant,seed"), inputs.clone(), fields("target,prediction")].concat()];
        for run in &self.runs {
            let key = [run.variant.clone(), run.seed.to_string()];
            let (steps, last) = run.curve.last().cloned().unwrap_or((0, "NaN".to_owned()));
            let known = [
                ("variant", run.variant.as_str()),
                ("seed", &key[1]),
                ("outcome", run.outcome),
                ("steps", &steps.to_string()),
                ("first_loss", "100.0"),
                ("last_loss", &last),
                ("test_rmse", &last),
                ("r2", run.r2),
            ];
            let on = (0..self.fixes.len()).map(|fix| u8::from(run.on.contains(&fix)).to_string());
            runs.push(row(&columns("runs"), &known).into_iter().chain(on).collect());
            for (step, error) in &run.curve {
                let losses = ["train_loss", "test_loss", "test_rmse"].map(|name| (name, error.as_str()));
                let known =
                    [("variant", &*key[0]), ("seed", &key[1]), ("step", &step.to_string()), ("grad_norm", "0.1")];
                let known = [&known[..], &losses, &[("dead_units", "0.0")]].concat();
                curves.push(row(&columns("curves"), &known));
            }
            for point in 0..12 {
                let x = (0..inputs.len()).map(|input| format!("{}.5", point * (input + 1)));
                let y = if number(&last).is_finite() { format!("{}.25", point) } else { last.clone() };
                predictions.push(key.iter().cloned().chain(x).chain([format!("{point}.0"), y]).collect());
            }
            let known = [&[("variant", &*key[0]), ("seed", &*key[1])][..], &HEALTH].concat();
            health.push(row(&columns("health"), &known));
        }
        [
            ("runs.csv", csv_text(runs)),
            ("curves.csv", csv_text(curves)),
            ("predictions.csv", csv_text(predictions)),
            ("health.csv", csv_text(health)),
        ]
    }
}

/// The columns that a committed file has for every experiment; of runs.csv those that earlier folders have too. The others are in the
/// committed folders, and in tests/runs.rs.
fn columns(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(committed(&format!("reference/{name}.csv"))).unwrap();
    let header = text.lines().next().unwrap();
    fields(&header.split(",linear-output").next().unwrap().replace(",train_rmse,best_step,engine,kind", ""))
}

/// A row of these columns, NaN where nothing is known; of lists none.
fn row(columns: &[String], known: &[(&str, &str)]) -> Vec<String> {
    let value = |column: &String| match known.iter().find(|(name, _)| name == column) {
        Some((_, value)) => (*value).to_owned(),
        None if matches!(column.as_str(), "predicted_shares" | "class_shares") => String::new(),
        None => "NaN".to_owned(),
    };
    assert!(known.iter().all(|(name, _)| columns.iter().any(|column| column == name)), "{columns:?} {known:?}");
    columns.iter().map(value).collect()
}

/// Of a network of three pieces, on points that are told nowhere else.
const HEALTH: [(&str, &str); 8] = [
    ("pieces", "3"),
    ("most_pieces", "100"),
    ("target_std", "3.4"),
    ("zero_rmse", "6.5"),
    ("mean_rmse", "3.45"),
    ("line_rmse", "1.5"),
    ("pieces_rmse", "0.5"),
    ("kinks", "2.5 7.5"),
];

#[test]
fn runs_that_diverged_and_pairs_of_seeds_are_told_as_the_csv_has_them() {
    let made = Made::of(vec![
        ending("even", 0, "3.5"),
        ending("even", 1, "1.25"),
        ending("even", 2, "2.5"),
        ending("even", 3, "1000000.0"),
        ending("half-gone", 0, "0.00025"),
        ending("half-gone", 1, "inf"),
        ending("gone", 0, "NaN"),
        ending("gone", 1, "inf"),
        run("exact", 0, "fits", "1.0", &[(0, "100.0"), (20, "0.0")]),
        // No combination of fixes where there are none.
        ending("baseline", 0, "4.5"),
    ]);
    let report = Report::of(&made);
    let page = report.page();
    let Some(seen) = look(&everywhere(&page)) else { return };
    for seen in seen {
        the_table_says_what_the_runs_do(seen.sound(), &report.read("runs.csv"));
    }
}

/// A report of a sweep: each variant with the values of the swept keys and the error that its only run ends with.
fn sweep(keys: &[&str], points: &[(&str, &[&str], &str)]) -> Report {
    let name = |base: &str, values: &[&str]| {
        keys.iter().zip(values).fold(base.to_owned(), |name, (key, value)| format!("{name} {key}={value}"))
    };
    let runs = points.iter().map(|(base, values, error)| ending(&name(base, values), 0, error)).collect();
    let report = Report::of(&Made::of(runs));
    let text = report.read("runs.csv");
    let columns = std::iter::once(keys.join(",")).chain(points.iter().map(|(_, values, _)| values.join(",")));
    let text: String = text.lines().zip(columns).map(|(line, own)| format!("{line},{own}\n")).collect();
    report.write("runs.csv", &text);
    report
}

#[test]
fn of_a_sweep_short_names_are_shown_and_curves_from_the_best_to_the_worst() {
    // From the best: 0.05, 0.001, 0.005, 0.3, 0.002, 0.1, 0.7, 0.02, 0.01, 1, then what diverged.
    let errors = [
        ("0.001", "1.5"),
        ("0.002", "4.5"),
        ("0.005", "2.5"),
        ("0.01", "8.5"),
        ("0.02", "7.5"),
        ("0.05", "0.5"),
        ("0.1", "5.5"),
        ("0.3", "3.5"),
        ("0.7", "6.5"),
        ("1", "9.5"),
        ("3", "NaN"),
    ];
    let points: Vec<(&str, [&str; 1], &str)> =
        errors.iter().map(|&(rate, error)| ("baseline", [rate], error)).collect();
    let points: Vec<(&str, &[&str], &str)> =
        points.iter().map(|(base, rate, error)| (*base, &rate[..], *error)).collect();
    let report = sweep(&["optimizer.learning_rate"], &points);
    let page = report.page();
    let shown = labels(&report.svg("test-error"));
    for (rate, _) in errors {
        assert!(shown.contains_key(&format!("learning_rate={rate}")), "{rate}: {shown:?}");
    }
    let drawn = |kind: &str| -> BTreeSet<String> {
        let of_rate =
            |rate: &str| format!("plots/{kind}-baseline-optimizer-learning_rate-{}.svg", rate.replace('.', "-"));
        let there = errors.iter().filter(|(rate, _)| report.path().join(of_rate(rate)).exists());
        there.map(|(rate, _)| (*rate).to_owned()).collect()
    };
    let six = ["0.05", "0.005", "0.002", "0.7", "0.01", "3"].map(str::to_owned);
    assert_eq!(drawn("loss"), BTreeSet::from(six.clone()));
    assert_eq!(drawn("fit"), BTreeSet::from(six.clone()));
    let curves = labels(&report.svg("curves"));
    let named: BTreeSet<String> =
        curves.keys().filter_map(|label| label.strip_prefix("learning_rate=")).map(str::to_owned).collect();
    assert_eq!(named, BTreeSet::from(six));
    let Some(seen) = look(&[desk(&page), phone(&page)]) else { return };
    for seen in seen {
        the_table_says_what_the_runs_do(seen.sound(), &report.read("runs.csv"));
        // Error while training: of every variant.
        assert!(seen.tables()[0][1..].iter().all(|row| row[5].chars().count() == 3), "{:?}", seen.tables()[0]);
    }
}

#[test]
fn of_a_sweep_no_two_names_are_the_same() {
    let names = |keys: &[&str], points: &[(&str, &[&str], &str)], expected: &[&str]| {
        let report = sweep(keys, points);
        report.page();
        let shown = labels(&report.svg("test-error"));
        for name in expected {
            assert!(shown.contains_key(*name), "{name}: {shown:?}");
        }
    };
    // Of several kinds each is named, of two keys both, and with their sections where they end alike.
    names(
        &["batch.size"],
        &[("a", &["8"], "1.5"), ("b c", &["8"], "2.5"), ("a", &["16"], "3.5")],
        &["a size=8", "b c size=8", "a size=16"],
    );
    names(
        &["batch.size", "model.hidden"],
        &[("a", &["8", "[2; 2]"], "1.5"), ("a", &["16", "[2; 2]"], "2.5")],
        &["size=8 hidden=[2; 2]", "size=16 hidden=[2; 2]"],
    );
    names(
        &["data.noise", "test.noise"],
        &[("a", &["0", "1"], "1.5"), ("a", &["1", "0"], "2.5")],
        &["data.noise=0 test.noise=1", "data.noise=1 test.noise=0"],
    );
}

/// The folder with another error of the best straight line in `health.csv`.
fn with_line(report: &Report, line: &str) {
    let text = report.read("health.csv");
    let place = text.lines().next().unwrap().split(',').position(|name| name == "line_rmse").unwrap();
    let row = |row: &str| {
        let mut fields = fields(row);
        fields[place] = line.to_owned();
        fields.join(",") + "\n"
    };
    let header = text.lines().next().unwrap().to_owned() + "\n";
    report.write("health.csv", &(header + &text.lines().skip(1).map(row).collect::<String>()));
}

#[test]
fn a_reference_that_is_far_below_all_is_told_and_not_drawn() {
    let report = Report::of(&Made::of(vec![ending("one", 0, "2.5"), ending("other", 0, "0.5")]));
    let drawn = |name: &str| labels(&report.svg(name)).keys().any(|label| label.contains("best straight line"));
    for (line, there) in [("0.0006", true), ("0.0004", false), ("4.6e-16", false)] {
        with_line(&report, line);
        let page = report.page();
        assert_eq!((drawn("test-error"), drawn("curves")), (there, there), "{line}");
        let told = report.read("report.html").matches("Far below: best straight line").count();
        assert_eq!(told, if there { 0 } else { 2 }, "{line}: {}", page.display());
    }
    let exact = Report::of(&Made::of(vec![run("exact", 0, "fits", "1.0", &[(0, "0.0"), (20, "0.0")])]));
    with_line(&exact, "4.6e-16");
    exact.page();
    assert!(labels(&exact.svg("test-error")).keys().any(|label| label.contains("best straight line")));
}

#[test]
fn predictions_that_are_not_finite_are_told() {
    let runs = vec![ending("sound", 0, "2.5"), ending("some", 0, "2.5"), ending("gone", 0, "NaN")];
    for inputs in [vec![], ["size", "colour"].map(str::to_owned).to_vec()] {
        let report = Report::of(&Made { inputs, ..Made::of(runs.clone()) });
        // Three of the twelve points.
        let mut nth = 0;
        let text = report.read("predictions.csv");
        let row = |row: &str| {
            nth += usize::from(row.starts_with("some,"));
            let (rest, own) = row.rsplit_once(',').unwrap();
            let own = if row.starts_with("some,") && nth % 4 == 0 { "inf" } else { own };
            format!("{rest},{own}\n")
        };
        let text: String = text.lines().map(row).collect();
        report.write("predictions.csv", &text);
        report.page();
        let page = report.read("report.html");
        let caption = |name: &str| {
            let start = page.find(&format!("<figcaption>{name}: seed 0, the run")).unwrap();
            page[start..].split("</figcaption>").next().unwrap()
        };
        assert!(!caption("sound").contains("finite"));
        assert!(caption("some").contains(" Its predictions are not finite at 3 of 12 points."), "{}", caption("some"));
        assert!(caption("gone").contains(" Its predictions are not finite."), "{}", caption("gone"));
    }
}

#[test]
fn combinations_of_six_fixes_have_their_errors_and_r2_within_a_phone() {
    let fixes: Vec<String> = ["inputs", "target", "rate", "width", "tanh", "batch"].map(str::to_owned).to_vec();
    let runs = (0..64_usize).flat_map(|set| {
        let on: Vec<usize> = (0..6).filter(|fix| set >> fix & 1 == 1).collect();
        let name = on.iter().map(|&fix| fixes[fix].as_str()).collect::<Vec<_>>().join("+");
        let name = if on.is_empty() { "baseline".to_owned() } else { name };
        let ends =
            [("diverged", "-1.234e10", "inf"), ("constant", "-0.00012", "1.234e10"), ("fits", "0.99999", "0.0001234")];
        let one = move |(seed, &(outcome, r2, error)): (usize, &(&'static str, &'static str, &str))| Run {
            on: on.clone(),
            ..run(&name, seed as u64, outcome, r2, &[(0, error)])
        };
        ends.iter().enumerate().map(one).collect::<Vec<_>>()
    });
    let report = Report::of(&Made { fixes: fixes.clone(), ..Made::of(runs.collect()) });
    let page = report.page();
    // Long tables begin folded.
    let open = report.read("report.html").replace("<details>", "<details open>");
    report.write("report.html", &open);
    let Some(seen) = look(&[phone(&page), desk(&page)]) else { return };
    for seen in &seen {
        assert_eq!(seen.sound()["scrolled"], json!([]), "{}", seen.view);
        let table = seen.tables().into_iter().find(|table| table[0][0] == "a").expect("combinations");
        assert_eq!(table[0][7..], ["test RMSE, median", "lowest … highest", "R², median"]);
        assert_eq!(table.len(), 1 + 63);
    }
    // That of the baseline, a list on a phone, has it everywhere.
    let ranges = |seen: &Seen| seen.text().matches("lowest … highest").count();
    assert_eq!((ranges(&seen[0]), ranges(&seen[1])), (1, 2), "the lowest and the highest are left out on a phone");
}

#[test]
fn a_folder_that_lacks_much_still_has_a_page_that_says_what_it_lacks() {
    let plain = || Made::of(vec![ending("one", 0, "2.5"), ending("one", 1, "1.5"), ending("other", 0, "0.5")]);
    let header = |report: Report, name: &str| {
        let first = report.read(name).lines().next().unwrap().to_owned() + "\n";
        report.write(name, &first);
        report
    };
    let text = |report: Report, name: &str, text: &str| {
        report.write(name, text);
        report
    };
    let two = ["size", "colour"].map(str::to_owned).to_vec();
    let many = (0..200).map(|nth| ending(&format!("variant-{nth}"), 0, &format!("{nth}.5"))).collect();
    let columns = (0..300).map(|nth| format!("fix-{nth}")).collect();
    // Each with what its page must say.
    let cases: Vec<(&str, Report, &[&str])> = vec![
        ("no manifest", Report::of(&plain()), &["There is no manifest.json", "made"]),
        ("no health.csv", Report::of(&plain()).without("health.csv"), &["health.csv"]),
        ("no curves.csv", Report::of(&plain()).without("curves.csv"), &["curves.csv: cannot be read"]),
        ("no predictions.csv", Report::of(&plain()).without("predictions.csv"), &["predictions.csv: cannot be read"]),
        (
            "no curves yet",
            header(Report::of(&plain()), "curves.csv"),
            &["curves.csv: lacks the rows of variant \"one\" with seed 0 and those of 1 more variant"],
        ),
        ("no predictions yet", header(Report::of(&plain()), "predictions.csv"), &[]),
        (
            "curves.csv of something else",
            text(Report::of(&plain()), "curves.csv", "a,b\n1,2\n"),
            &["curves.csv:1: the header must be"],
        ),
        (
            "no manifest but a text",
            text(Report::of(&plain()), "manifest.json", "{"),
            &["manifest.json:1: is not a manifest"],
        ),
        ("one run", Report::of(&Made::of(vec![ending("alone", 7, "2.5")])), &["1 run of 1 variant over 1 seed"]),
        ("a run of one step", Report::of(&Made::of(vec![run("alone", 7, "fits", "1.0", &[(0, "2.5")])])), &["fits 1"]),
        ("all NaN", Report::of(&Made::of((0..3).map(|seed| ending("nan", seed, "NaN")).collect())), &["diverged 3"]),
        ("all inf", Report::of(&Made::of((0..3).map(|seed| ending("inf", seed, "inf")).collect())), &["diverged 3"]),
        (
            "never a number",
            Report::of(&Made::of(vec![run("none", 0, "diverged", "NaN", &[(0, "NaN"), (1, "NaN")])])),
            &["diverged 1"],
        ),
        (
            "nothing but 0",
            Report::of(&Made::of(vec![run("zero", 0, "fits", "1.0", &[(0, "0.0"), (1, "0.0")])])),
            &["fits 1"],
        ),
        (
            "the largest and the smallest",
            Report::of(&Made::of(vec![ending("large", 0, "1.7e308"), ending("small", 0, "5e-324")])),
            &["1.700e308"],
        ),
        ("several inputs", Report::of(&Made { inputs: two, ..plain() }), &["On the diagonal a prediction is right"]),
        (
            "200 variants",
            Report::of(&Made::of(many)),
            &["200 runs of 200 variants", "160 more are in the table", "All 200 rows"],
        ),
        ("300 columns of zeros", Report::of(&Made { fixes: columns, ..plain() }), &["3 runs of 2 variants"]),
    ];
    let views: Vec<Value> = cases
        .iter()
        .flat_map(|(_, report, _)| {
            let page = report.page();
            [desk(&page), phone(&page)]
        })
        .collect();
    let Some(seen) = look(&views) else { return };
    for ((name, _, said), seen) in cases.iter().zip(seen.chunks(2)) {
        eprintln!("{name}");
        for seen in seen {
            seen.sound();
            for part in *said {
                assert!(seen.text().contains(part), "{name}: {part}: {}", seen.text());
            }
            assert!(seen.charts().contains(&"test-error"), "{name}");
        }
    }
    let several = seen[cases.iter().position(|(name, ..)| *name == "several inputs").unwrap() * 2].charts();
    assert_eq!(several, ["test-error", "curves", "fit-one", "fit-other", "loss-one", "loss-other"]);
}

const PWN: &str = "window.pwned=1";

/// What somebody may write where a name or a reason is expected.
fn hostile() -> Vec<String> {
    let mut texts = [
        "<script>window.pwned=1</script>",
        "</script><img src=x onerror=window.pwned=1>",
        "</text></svg></style></title><script>window.pwned=1</script>",
        "\"'><svg onload=window.pwned=1><iframe src=javascript:window.pwned=1>",
        "]]>--><![CDATA[ <!-- <script>",
        "&lt;b&gt; &amp; &#x3c;script&#x3e;",
        "\u{202e}txet a fo tser eht snrut",
        "../../outside",
        "on two\nlines",
        "__proto__",
        "constructor",
        "x/",
        "x?",
        "x--12",
        "X/",
        "$(touch pwned) `id` ${7*7} {{7*7}}",
        "var(--ink) \"#1A1C20\" url(x)",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("long ".repeat(1000));
    texts.push("W".repeat(5000));
    texts
}

/// A text as it is shown on one line: nothing in it breaks the line, or turns the text around it.
fn on_one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\u{202e}', "\\u{202e}").trim().to_owned()
}

/// Hostile texts wherever the files of a folder can carry them; `variants` are the names.
fn hostile_report(variants: &[String]) -> Report {
    let hostile = hostile();
    let fix = hostile[0].clone();
    let mut made = Made { fixes: vec![fix.clone(), "plain".to_owned()], ..Made::default() };
    for name in variants {
        made.runs.extend((0..2).map(|seed| ending(name, seed, ["2.5", "3.5"][seed as usize])));
    }
    for (name, on) in
        [("baseline", vec![]), (&*fix, vec![0]), ("plain", vec![1]), (&*format!("{fix}+plain"), vec![0, 1])]
    {
        // Seeds of their own: a variant may have the fix's name.
        made.runs.extend((2..4).map(|seed| Run { on: on.clone(), ..ending(name, seed, "1.5") }));
    }
    let report = Report::named("it's <img src=x onerror=window.pwned=1>");
    for (name, text) in made.files() {
        report.write(name, &text);
    }
    let mut manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(committed("reference/manifest.json")).unwrap()).unwrap();
    let all = hostile.join(" ");
    manifest["title"] = json!(hostile[1]);
    manifest["name"] = json!(hostile[2]);
    for key in ["misfit", "libtorch", "device", "experiment_hash", "file", "host"] {
        manifest[key] = json!(format!("{key} {}", hostile[1]));
    }
    manifest["text"] = json!(all);
    manifest["command"] = json!(hostile);
    manifest["overrides"] = json!(hostile);
    manifest["data"] = json!({ &hostile[3]: &hostile[1] });
    manifest["git"] = json!({ "revision": hostile[1], "dirty": true });
    manifest["fixes"] = json!([{ "name": fix, "why": hostile[3] }, { "name": "plain", "why": all }]);
    let config = |value: &str| json!({ &hostile[0]: { &hostile[1]: value } });
    let listed = variants.iter().map(
        |name| json!({ "name": name, "config": config(&hostile[3]), "fixes": [hostile[4]], "swept": [hostile[5]], "ablation": false }),
    );
    let base = json!({ "name": "baseline", "config": config("plain"), "fixes": [], "swept": [] });
    manifest["variants"] = listed.chain([base]).collect();
    manifest["published"] =
        json!([{ "variant": variants[0], "figure": "first_loss", "value": 1.0, "says": hostile[3] }]);
    report.write("manifest.json", &manifest.to_string());
    let finding = ["variant", "finding", "severity", "evidence", "fix"];
    let told =
        |at: usize| vec![hostile[at].clone(), hostile[1].clone(), "major".to_owned(), hostile[3].clone(), all.clone()];
    let findings = (0..2).map(|at| [told(at), fields("0.5,NaN,-0.5"), vec![hostile[at].clone()]].concat());
    let header = [finding.map(str::to_owned).to_vec(), fields("first_in,last_out,shapley,verdict")].concat();
    report.write("findings.csv", &csv_text([header].into_iter().chain(findings).collect()));
    let effect =
        |kind: &str, fixes: &str| [vec![kind.to_owned(), fixes.to_owned()], fields("0.5,0.25,0.75,0.01")].concat();
    let both = format!("{fix}+plain");
    let effects = vec![
        fields("kind,fixes,estimate,low,high,p"),
        effect("first_in", &fix),
        effect("first_in", "plain"),
        effect("main", &fix),
        effect("interaction", &both),
        effect("enough", &both),
        effect("enough", &hostile[1]),
        effect("best", &hostile[3]),
    ];
    report.write("effects.csv", &csv_text(effects));
    let verdict = |fix: &String| [vec![fix.clone()], fields("one way,0.5,NaN,-0.5,0.5,1e300,1")].concat();
    let verdicts = hostile.iter().map(verdict);
    let header = fields("fix,verdict,alone,on_top,low,high,shapley,in_smallest");
    report.write("verdicts.csv", &csv_text([header].into_iter().chain(verdicts).collect()));
    report
}

#[test]
fn whatever_a_file_holds_is_shown_as_text_and_nothing_of_it_runs() {
    let names = hostile();
    // Six of them are drawn; each has its turn.
    let reports: Vec<Report> = names.chunks(6).map(hostile_report).collect();
    let mut views = Vec::new();
    for (report, names) in reports.iter().zip(names.chunks(6)) {
        let before: BTreeSet<_> =
            std::fs::read_dir(report.misfit.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        let page = report.page();
        let after: BTreeSet<_> =
            std::fs::read_dir(report.misfit.folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(before, after, "nothing is written beside the folder");
        let plots: Vec<_> = std::fs::read_dir(report.path().join("plots")).unwrap().map(|e| e.unwrap()).collect();
        let charts = std::fs::read_to_string(&page).unwrap().matches("<div class=\"chart\"").count();
        assert!(charts >= 4 + 2 * names.len(), "errors, curves, effects, interactions, and two of each that is drawn");
        assert_eq!(plots.len(), 2 * charts, "{plots:?}");
        for plot in plots {
            let name = plot.file_name().into_string().unwrap();
            let (stem, end) = name.split_once('.').unwrap();
            assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) && name.len() < 100, "{name}");
            if end == "svg" {
                let text = std::fs::read_to_string(plot.path()).unwrap();
                let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
                let tags: BTreeSet<&str> =
                    document.descendants().filter(|n| n.is_element()).map(|n| n.tag_name().name()).collect();
                let known =
                    BTreeSet::from(["svg", "title", "desc", "g", "text", "rect", "circle", "polyline", "polygon"]);
                assert!(tags.is_subset(&known), "{name}: {tags:?}");
            }
        }
        // Each chart is pointed at, as a tip is where a text could be taken for more than that.
        let steps: Vec<Value> = (0..names.len().max(4))
            .map(|nth| json!({ "do": "hover", "css": "#test-error svg.wide-chart circle[r='52']", "nth": nth }))
            .collect();
        views.push(with(desk(&page), "steps", json!(steps)));
        views.push(phone(&page));
    }
    let Some(seen) = look(&views) else { return };
    for ((report, names), seen) in reports.iter().zip(names.chunks(6)).zip(seen.chunks(2)) {
        let manifest = report.manifest();
        for seen in seen {
            seen.sound();
            assert_eq!(seen["title"], format!("{} – misfit", hostile()[1]));
            let cells: BTreeSet<&str> = seen.tables().into_iter().flatten().flatten().collect();
            for name in names {
                assert!(cells.contains(&*on_one_line(name)), "{name}");
            }
            assert_eq!(texts(&seen["pre"])[2], manifest["text"].as_str().unwrap(), "the experiment's text as it is");
            let page = seen.text();
            for part in [&hostile()[0], &hostile()[1], &hostile()[2], &hostile()[3]] {
                assert!(page.contains(part.as_str()), "{part}");
            }
            assert!(texts(&seen["lists"]).iter().any(|item| item.starts_with(&format!("a {}", hostile()[0]))));
        }
        for step in list(&seen[0]["steps"]) {
            assert!(tip(step).is_some_and(|tip| tip.contains("median")), "{step}");
        }
    }
}

/// Swept keys and values, fixes of variants and names of inputs, which [`hostile_report`] has no place for; with one input or
/// with several, and with a manifest or without.
fn hostile_sweep(inputs: Vec<String>, with_manifest: bool) -> Report {
    let texts = hostile();
    let key = texts[0].clone();
    let values = &texts[1..6];
    let name = |value: &String| format!("baseline {key}={value}");
    let runs = values.iter().map(|value| ending(&name(value), 0, "2.5")).collect();
    let mut report = Report::of(&Made { inputs, ..Made::of(runs) });
    report.folder = "</title><script>window.pwned=1".to_owned();
    std::fs::create_dir_all(report.path().parent().unwrap()).unwrap();
    std::fs::rename(report.misfit.folder.path().join("made"), report.path()).unwrap();
    let text = report.read("runs.csv");
    let rows = csv::Reader::from_reader(text.as_bytes()).into_records().map(|row| row.unwrap());
    let with = |fields: Vec<String>, more: &String| [fields, vec![more.clone()]].concat();
    let header = with(fields(text.lines().next().unwrap()), &key);
    let rows = rows.zip(values).map(|(row, value)| with(row.iter().map(str::to_owned).collect(), value));
    report.write("runs.csv", &csv_text([header].into_iter().chain(rows).collect()));
    if with_manifest {
        let mut manifest: Value =
            serde_json::from_str(&std::fs::read_to_string(committed("reference/manifest.json")).unwrap()).unwrap();
        manifest["sweep"] = json!([key]);
        manifest["fixes"] = json!([]);
        manifest["published"] = json!([]);
        let variant =
            |value: &String| json!({ "name": name(value), "fixes": [texts[2]], "swept": [value], "config": {} });
        manifest["variants"] = values.iter().map(variant).collect();
        report.write("manifest.json", &manifest.to_string());
    }
    report
}

#[test]
fn keys_and_values_of_a_sweep_and_names_of_inputs_are_text_too() {
    let texts = hostile();
    let reports = [
        hostile_sweep(vec![texts[2].clone()], true),
        hostile_sweep(vec![texts[0].clone(), texts[1].clone(), texts[3].clone()], true),
        hostile_sweep(vec![texts[3].clone()], false),
    ];
    let views: Vec<Value> = reports.iter().map(Report::page).flat_map(|page| [desk(&page), phone(&page)]).collect();
    let Some(seen) = look(&views) else { return };
    for seen in &seen {
        let cells: Vec<&str> = seen.sound().tables().into_iter().flatten().flatten().collect();
        for value in &texts[1..6] {
            let value = on_one_line(value);
            assert!(cells.iter().any(|cell| cell.contains(&value)), "{value}: {cells:?}");
        }
    }
}

#[test]
fn even_what_would_get_into_the_page_does_not_run_and_loads_nothing() {
    let report = Report::of_committed("reference");
    let page = report.page();
    let whole = std::fs::read_to_string(&page).unwrap();
    let added = format!(
        "<script>{PWN}</script><img src=plots/curves.png onload=\"{PWN}\"><link rel=stylesheet href=x.css></main>"
    );
    report.write("x.css", "");
    report.write("infected.html", &whole.replacen("</main>", &added, 1));
    let infected = report.path().join("infected.html");
    let Some(seen) = look(&[desk(&infected)]) else { return };
    let seen = &seen[0];
    assert_eq!((&seen["elements"]["img"], &seen["elements"]["script"]), (&json!(1), &json!(3)), "it is in the page");
    assert_eq!(seen["pwned"], json!(false));
    assert_eq!(texts(&seen["requests"]).len(), 1, "{}", seen["requests"]);
    assert_eq!(texts(&seen["blocked"]).len(), 2, "{}", seen["blocked"]);
}

#[test]
fn what_is_no_results_folder_is_one_line_and_code_2_and_leaves_nothing_behind() {
    let misfit = Misfit::new();
    let files = |folder: &Path| -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                open.extend(path.is_dir().then(|| path.clone()));
                found.insert(path);
            }
        }
        found
    };
    let folder = |name: &str, runs: Option<&str>| {
        std::fs::create_dir_all(misfit.folder.path().join(name)).unwrap();
        if let Some(text) = runs {
            misfit.write(&format!("{name}/runs.csv"), text);
        }
    };
    let header = &format!("{}\n", columns("runs").join(","));
    let sound = Made::of(vec![ending("one", 0, "2.5")]).files()[0].1.clone();
    folder("results/polynomial", Some(&sound));
    folder("bare", None);
    folder("empty", Some(""));
    folder("header", Some(header));
    folder("torn", Some(&format!("{header}one,0,fits,10,1.0\n")));
    let wrong = row(&columns("runs"), &[("variant", "one"), ("seed", "zero"), ("outcome", "fits"), ("steps", "10")]);
    folder("wrong", Some(&format!("{header}{}\n", wrong.join(","))));
    folder("twice", Some(&Made::of(vec![ending("twin", 0, "2.5"), ending("twin", 0, "2.5")]).files()[0].1));
    folder("taken/report.html", None);
    folder("results/mine", None);
    folder("killed/.parts", None);
    let manifest = std::fs::read_to_string(committed("reference/manifest.json")).unwrap();
    let mut begun: Value = serde_json::from_str(&manifest).unwrap();
    begun["status"] = json!("running");
    begun["command"] = json!(["misfit", "run", "my file.toml", "--fresh"]);
    misfit.write("killed/manifest.json", &begun.to_string());
    folder("robbed", None);
    misfit.write("robbed/manifest.json", &manifest);
    misfit.write("file", "");
    misfit.write("mine.toml", "");
    let before = files(misfit.folder.path());
    for (args, says) in [
        (
            &["results/polynomal"][..],
            "results/polynomal: there is no such results folder, did you mean \"results/polynomial\"?",
        ),
        (&["nowhere"], "nowhere: there is no such results folder: check how it is spelt"),
        (&["file"], "file: is no folder"),
        (&["mine.toml"], "mine.toml: is no folder, did you mean \"results/mine\"?\n"),
        (
            &["results/polynomial#question"],
            "results/polynomial#question: a report is of a whole folder, did you mean \"results/polynomial\"?\n",
        ),
        (&["results/nothing#question"], "there is no such results folder"),
        (&["bare"], "bare: has no runs.csv"),
        (&["robbed"], "robbed: has no runs.csv"),
        (
            &["killed"],
            "killed: its runs are not put together yet: wait for the command that trains them, or if it was ended go on with the same: misfit run 'my file.toml'\n",
        ),
        (&["empty"], "empty/runs.csv"),
        (&["header"], "header/runs.csv: has no runs yet"),
        (&["torn"], "torn/runs.csv"),
        (&["wrong"], "wrong/runs.csv:2: is not a row of what the header says"),
        (&["twice"], "twice/runs.csv:3: is a second row of variant \"twin\" with seed 0: take one of them out"),
        (&["results/polynomial", "--out", "file/out"], "file/out"),
        (&["results/polynomial", "--out", "taken"], "taken/report.html: is a folder: set --out to another one"),
    ] {
        let ran = misfit.run(&[&["report"], args].concat());
        assert_eq!(ran.code(), 2, "{args:?}: {}", ran.stderr());
        assert_eq!(ran.stdout(), "", "{args:?}");
        assert_eq!(ran.stderr().lines().count(), 1, "{args:?}: {}", ran.stderr());
        assert!(ran.stderr().contains(says), "{args:?}: {}", ran.stderr());
        assert_eq!(files(misfit.folder.path()), before, "{args:?}: nothing is left behind");
    }
}

#[test]
fn the_page_goes_where_it_is_wanted_and_the_results_stay_as_they_are() {
    let report = Report::of_committed("reference-rate");
    let before: BTreeSet<_> = std::fs::read_dir(report.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    let ran = report.misfit.ok(&["report", "reference-rate", "--out", "for/others"]);
    assert!(ran.stdout().starts_with("for/others/report.html: "), "{}", ran.stdout());
    assert_eq!(std::fs::read_dir(report.path()).unwrap().count(), before.len());
    assert!(report.misfit.has("for/others/plots/curves.png"));
    let page = report.misfit.folder.path().join("for/others/report.html");
    let Some(seen) = look(&[desk(&page)]) else { return };
    the_table_says_what_the_runs_do(seen[0].sound(), &report.read("runs.csv"));
    assert_eq!(texts(&seen[0]["pre"])[1], "misfit report reference-rate --out for/others");
}

#[cfg(feature = "train")]
#[test]
fn the_training_error_and_the_best_step_stand_beside_the_test_error_within_a_page() {
    let report = Report::named("noisy");
    report.misfit.write(
        "noisy.toml",
        "seeds = 3\n[data]\ntarget = { polynomial = [0, 1, 1] }\ninputs = { uniform = { from = -1, to = 1, count = 12 } }\nnoise = 0.5\n[model]\nhidden = [30]\n[optimizer]\nlearning_rate = 0.02\n[train]\nsteps = 300\n[[variant]]\nname = \"noisy\"\n[[variant]]\nname = \"slow\"\nset = { optimizer.learning_rate = 1e-4, data.noise = 0.0 }\n",
    );
    report.misfit.ok(&["run", "noisy.toml", "--out", "noisy", "--variant", "noisy", "--variant", "slow"]);
    let Some(seen) = look(&everywhere(&report.page())) else { return };
    for seen in &seen {
        the_table_says_what_the_runs_do(seen.sound(), &report.read("runs.csv"));
        let header = &seen.tables()[0][0];
        for name in ["training RMSE, median", "best at step", "test RMSE there, median"] {
            assert!(header.contains(&name), "{header:?}");
        }
        for said in ["Training RMSE is what test RMSE is, on the training samples", "the first of equals"] {
            assert!(seen.text().contains(said), "{said}");
        }
    }
}

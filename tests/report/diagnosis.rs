//! What fixes are worth: the page, the terminal and the CSVs say the same of each, in the same words. What they must say is
//! computed again from the text of the CSVs.

use super::*;
#[cfg(feature = "train")]
use crate::common::SIGMOID;

type Row = std::collections::HashMap<String, String>;

/// What stands between a heading of the second order and the next one.
fn section<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let rest = page.split_once(&format!("<h2>{heading}</h2>"))?.1;
    Some(rest.split("<h2>").next().unwrap())
}

/// The rows of the first table in a part of a page, its header first, as texts.
fn table(part: &str) -> Vec<Vec<String>> {
    let start = part.find("<table").expect("a table");
    let end = start + part[start..].find("</table>").unwrap() + "</table>".len();
    let document = roxmltree::Document::parse(&part[start..end]).unwrap();
    let text = |node: roxmltree::Node| node.descendants().filter_map(|n| n.text().filter(|_| n.is_text())).collect();
    let cells = |row: roxmltree::Node| row.children().filter(|n| n.is_element()).map(text).collect();
    document.descendants().filter(|node| node.has_tag_name("tr")).map(cells).collect()
}

/// What is shown of a part of a page, without its markup.
fn shown(part: &str) -> String {
    let text: String = part.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect();
    text.replace("&amp;", "&")
}

/// Tenfolds below the error of a constant: the score of a run, from its row alone.
fn score(row: &Row) -> f64 {
    if row["outcome"] == "diverged" {
        return 0.0;
    }
    let tenfolds = (1.0 / (1.0 - number(&row["r2"])).sqrt()).log10();
    if tenfolds.is_nan() { 0.0 } else { tenfolds.clamp(0.0, 6.0) }
}

/// Whether the text says that an error is divided by so many tenfolds.
fn says_gain(text: &str, tenfolds: f64) {
    if tenfolds.is_nan() {
        return assert_eq!(text, "–");
    }
    if tenfolds.abs() < 0.0019 {
        return assert_eq!(text, "1", "{tenfolds}");
    }
    let (sign, times) = text.split_once(' ').unwrap_or_else(|| panic!("{text:?} of {tenfolds}"));
    assert_eq!(sign, if tenfolds > 0.0 { "÷" } else { "×" }, "{text} of {tenfolds}");
    let wanted = 10f64.powf(tenfolds.abs());
    let off = if wanted < 9.99 {
        0.0051
    } else if wanted < 9999.0 {
        0.51
    } else {
        0.51 * wanted
    };
    assert!((number(times) - wanted).abs() <= off, "{text} of {wanted}");
}

/// The same with the ends of an interval, which stand there where they are apart.
fn says_interval(text: &str, [mean, low, high]: [f64; 3]) {
    match text.split_once(" (") {
        Some((text, ends)) => {
            let (lowest, highest) = ends.trim_end_matches(')').split_once(" … ").unwrap();
            says_gain(text, mean);
            says_gain(lowest, low);
            says_gain(highest, high);
        }
        None => {
            says_gain(text, mean);
            assert!(low.is_nan() || high - low < 0.005, "{text}: {low} … {high}");
        }
    }
}

/// Mean and ends of the 95 % interval of three values: t with two degrees of freedom is 4.3027.
fn of_three(values: [f64; 3]) -> [f64; 3] {
    let mean = values.iter().sum::<f64>() / 3.0;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let margin = 4.302_652_729_911 * (squares / 2.0 / 3.0).sqrt();
    [mean, mean - margin, mean + margin]
}

/// Three runs of a variant with these R² and fixes.
fn three(variant: &str, on: &[usize], r2: [&'static str; 3]) -> Vec<Run> {
    let one = |(seed, r2): (usize, &'static str)| {
        let outcome = match r2 {
            "NaN" => "diverged",
            r2 if number(r2) >= 0.99 => "fits",
            _ => "partial",
        };
        let error = if r2 == "NaN" { "NaN".to_owned() } else { format!("{:?}", 50.0 * (1.0 - number(r2)) + 0.125) };
        Run { on: on.to_vec(), ..run(variant, seed as u64, outcome, r2, &[(0, "100.0"), (20, &error)]) }
    };
    r2.into_iter().enumerate().map(one).collect()
}

/// Every combination of two fixes.
fn ablation() -> Made {
    let runs = [
        three("baseline", &[], ["-0.5", "0.0", "NaN"]),
        three("scale", &[0], ["0.9", "0.99", "0.8"]),
        three("rate", &[1], ["0.0", "-3.0", "0.5"]),
        three("scale+rate", &[0, 1], ["0.9999", "0.99999", "1.0"]),
    ];
    Made { fixes: fields("scale,rate"), ..Made::of(runs.concat()) }
}

/// The score of each seed's run of a variant.
fn scores(report: &Report, variant: &str) -> [f64; 3] {
    let rows = by_variant(&report.read("runs.csv")).remove(variant).unwrap();
    rows.iter().map(score).collect::<Vec<_>>().try_into().unwrap()
}

/// Seed by seed.
fn combined<const N: usize>(of: [[f64; 3]; N], weights: [f64; N]) -> [f64; 3] {
    [0, 1, 2].map(|seed| of.iter().zip(weights).map(|(scores, weight)| weight * scores[seed]).sum())
}

#[test]
fn effects_of_an_ablation_are_what_the_error_is_divided_by() {
    let report = Report::of(&ablation());
    report.page();
    let page = report.read("report.html");
    let [none, a, b, both] = ["baseline", "scale", "rate", "scale+rate"].map(|variant| scores(&report, variant));
    let rows = table(section(&page, "Effects of the fixes").unwrap());
    assert_eq!(rows[0], ["fix", "alone", "main effect", "on top of all others", "Shapley value"]);
    for (row, (name, alone, other)) in rows[1..].iter().zip([("scale", a, b), ("rate", b, a)]) {
        assert_eq!(row[0], name);
        let effects = [
            combined([alone, none], [1.0, -1.0]),
            combined([alone, none, both, other], [0.5, -0.5, 0.5, -0.5]),
            combined([both, other], [1.0, -1.0]),
            // Of two fixes each comes first as often as last.
            combined([alone, none, both, other], [0.5, -0.5, 0.5, -0.5]),
        ];
        for (cell, effect) in row[1..].iter().zip(effects) {
            says_interval(cell, of_three(effect));
        }
    }
    let text = shown(section(&page, "Effects of the fixes").unwrap());
    let says = "What the test error is divided by (÷) or multiplied by (×), geometric mean over the seeds; whatever is no better than a constant counts as a constant.";
    assert!(text.contains(says), "{text}");
    assert!(!page.contains("cut off at 0") && !page.contains("never below 0") && !page.contains("targets' variance ("));

    // In the picture a tenth of the error is as far from a hundredth as the same error is from a tenth.
    let svg = report.svg("effects");
    let labels = labels(&svg);
    assert!(labels.contains_key("test error divided by (÷) or multiplied by (×)"), "{labels:?}");
    let (same, hundredth) = (labels["1"].0, labels["÷ 100"].0);
    let dots = places(&svg, "circle", &[("r", "42")]);
    for (alone, nth) in [(a, 1), (b, 2)] {
        let [mean, ..] = of_three(combined([alone, none], [1.0, -1.0]));
        let wanted = same + mean / 2.0 * (hundredth - same);
        let near = dots.iter().filter(|(x, _)| (x - wanted).abs() < 2.0).count();
        assert!(near >= 1, "{nth}: {wanted} is none of {dots:?}");
    }
    let interaction = combined([both, b, a, none], [0.5, -0.5, -0.5, 0.5]);
    let [mean, ..] = of_three(interaction);
    let told = page.split_once("rate with scale: ").expect("a tip").1;
    says_gain(told.split('"').next().unwrap(), mean);
}

const FINDINGS: &str = "variant,finding,severity,evidence,fix,first_in,last_out,shapley,verdict\n";
const VERDICTS: &str = "fix,verdict,alone,on_top,low,high,shapley,in_smallest\n";
const EFFECTS: &str = "kind,fixes,estimate,low,high,p\n";

/// A diagnosis of the same runs; its numbers are made up, so that none can be had from the runs. Of the last four fixes
/// there are no runs.
fn diagnosis(best: &str) -> Report {
    let mut made = ablation();
    made.fixes.extend(fields("wide,long,hot,bias"));
    let report = Report::of(&made);
    report.write(
        "verdicts.csv",
        &format!(
            "{VERDICTS}scale,needed,0.5,1.25,1.0,1.5,0.75,1\nrate,one way,0.0,2.5,2.25,2.75,-0.001,1\n\
             wide,helps,0.25,0.125,0.0625,0.25,NaN,0\nlong,no difference,NaN,0.001,-0.01,0.02,0.0,0\n\
             hot,hurts,-0.25,-4.5,-5.0,-4.25,-1.5,0\nbias,cannot be told,0.125,0.0,-1.0,1.0,0.03125,0\n"
        ),
    );
    report.write(
        "findings.csv",
        &format!(
            "{FINDINGS}baseline,raw-inputs,critical,inputs are large,scale: data.scale_input = 9,0.5,1.5,0.75,needed\n\
             baseline,high-rate,refuted,the rate is high; tried: hot: train.steps = 9,,-0.25,NaN,-1.5,hurts\n\
             scale,no-bias,open,no biases; tried: bias: model.bias = true,,0.125,0.25,0.03125,cannot be told\n\
             baseline,no-gradient,note,nothing moves,,NaN,NaN,NaN,\n"
        ),
    );
    report.write("effects.csv", &format!("{EFFECTS}first_in,scale,0.5,0.25,0.75,0.25\n{best}"));
    report
}

#[test]
fn the_page_has_each_fixs_verdict_and_worth_as_verdicts_csv_has_them() {
    let report = diagnosis(
        "path,scale,1.0,0.5,1.5,0.25\nenough,scale+rate,3.5,2.0,4.0,0.25\nenough,scale+wide,3.0,2.0,4.0,0.25\n",
    );
    report.page();
    let page = report.read("report.html");
    let part = section(&page, "What each fix is worth").unwrap();
    let rows = table(part);
    assert_eq!(rows[0], ["fix", "alone", "beside the others", "Shapley value", "verdict"]);
    let told = common::rows(&report.read("verdicts.csv"));
    assert_eq!((rows.len(), told.len()), (7, 6));
    for (row, told) in rows[1..].iter().zip(&told) {
        let value = |name: &str| number(&told[name]);
        assert_eq!([&row[0], &row[4]], [&told["fix"], &told["verdict"]]);
        says_gain(&row[1], value("alone"));
        says_interval(&row[2], [value("on_top"), value("low"), value("high")]);
        says_gain(&row[3], value("shapley"));
    }
    let text = shown(part);
    for told in &told {
        assert!(text.contains(&format!("{}: ", told["verdict"])), "what {} means: {text}", told["verdict"]);
    }
    assert!(text.contains("with and without it, the rest being scale + rate,"), "{text}");
    // The set's own runs say how it does.
    let own = by_variant(&report.read("runs.csv")).remove("scale+rate").unwrap();
    let [r2, ..] = middle(column(&own, "r2"), f64::NEG_INFINITY);
    let [error, ..] = middle(column(&own, "test_rmse"), f64::INFINITY);
    let enough = text.split("Enough: ").nth(1).expect("a set that is enough");
    assert!(enough.starts_with("scale + rate (2 fixes): fits 3/3 "), "{text}");
    says(after(enough, "test RMSE "), error);
    assert!((number(after(enough, "R² ")) - r2).abs() <= 0.500_01e-5, "{enough}");
    // Of the other one no run is there, but how close it came.
    assert!(text.contains("or: scale + wide (2 fixes): the error of a constant ÷ 1000 "), "{text}");
    assert!(!text.contains("Best: "));

    let findings = table(section(&page, "Findings").unwrap());
    assert_eq!(findings[0], ["finding", "verdict", "evidence", "fix"]);
    for (row, told) in findings[1..].iter().zip(common::rows(&report.read("findings.csv"))) {
        assert_eq!(row[0], format!("{} in {}", told["finding"], told["variant"]));
        let verdict = if told["severity"] == "note" { "worth knowing" } else { &told["verdict"] };
        let fix = if told["fix"].is_empty() { "–" } else { &told["fix"] };
        assert_eq!([&*row[1], &row[2], &row[3]], [verdict, &told["evidence"], fix]);
    }
    assert_eq!(findings.len(), 5);
    let Some(seen) = look(&everywhere(&report.path().join("report.html"))) else { return };
    for seen in &seen {
        seen.sound();
    }
}

#[test]
fn the_best_set_is_not_called_enough_and_a_baseline_that_fits_needs_nothing() {
    for (effect, says) in [
        (
            "best,scale,0.5,0.25,0.75,0.25",
            "Best: scale (alone): fits 1/3 partial 2/3 – R² 0.90000, test RMSE 5.125 (medians).",
        ),
        ("best,,0.0,0.0,0.0,1.0", "Best: the baseline: partial 2/3 diverged 1/3 – R² "),
        ("enough,,0.0,0.0,0.0,1.0", "The baseline does fit, so there is nothing to mend: "),
        (
            "enough,scale,0.5,0.25,0.75,0.25",
            "Enough: scale (alone): fits 1/3 partial 2/3 – R² 0.90000, test RMSE 5.125 (medians).",
        ),
    ] {
        let report = diagnosis(&format!("{effect}\n"));
        report.page();
        let page = report.read("report.html");
        let text = shown(section(&page, "What each fix is worth").unwrap());
        assert!(text.contains(says), "{effect}: {text}");
        assert_eq!(text.contains("Enough: "), says.starts_with("Enough: "), "{text}");
        let rest = if effect.contains("scale") { "scale," } else { "the baseline," };
        assert!(text.contains(&format!("the rest being {rest}")), "{text}");
    }
}

#[test]
fn a_folder_of_before_there_were_verdicts_shows_what_it_can_and_no_gain_in_another_unit() {
    let report = diagnosis("enough,scale+rate,0.96,0.9,1.0,0.25\n").without("verdicts.csv");
    let older: String =
        report.read("findings.csv").lines().map(|row| row.rsplit_once(',').unwrap().0.to_owned() + "\n").collect();
    report.write("findings.csv", &older);
    // Two fixes, as of an ablation: what they gain is known from the runs.
    let runs = report.read("runs.csv");
    let fewer: String = runs.lines().map(|row| row.rsplitn(5, ',').last().unwrap().to_owned() + "\n").collect();
    report.write("runs.csv", &fewer);
    report.page();
    let page = report.read("report.html");
    assert!(section(&page, "What each fix is worth").is_none());
    assert!(page.contains("effects.csv: is of a misfit before December 2026, whose gains had another unit"), "{page}");
    let findings = table(section(&page, "Findings").unwrap());
    for (row, severity) in findings[1..].iter().zip(["critical", "refuted", "open", "worth knowing"]) {
        assert_eq!((&*row[1], row.len()), (severity, 4), "{row:?}");
    }
    let effects = table(section(&page, "Effects of the fixes").unwrap());
    let [none, scale] = ["baseline", "scale"].map(|variant| scores(&report, variant));
    assert_eq!(effects[1][0], "scale");
    says_interval(&effects[1][1], of_three(combined([scale, none], [1.0, -1.0])));
}

/// The mean gain, seed by seed, of the runs with a fix over those without it, the others being `beside`; from `runs.csv` alone.
#[cfg(feature = "train")]
fn gained(runs: &[Row], fixes: &[&str], fix: &str, beside: &[&str]) -> f64 {
    let of = |on: bool| -> BTreeMap<&str, f64> {
        let wanted = |other: &&str| if **other == *fix { on } else { beside.contains(other) };
        let own = runs.iter().filter(|row| fixes.iter().all(|other| (row[*other] == "1") == wanted(other)));
        own.map(|row| (&*row["seed"], score(row))).collect()
    };
    let (with, without) = (of(true), of(false));
    let gains: Vec<f64> = with.iter().filter_map(|(seed, with)| Some(with - without.get(seed)?)).collect();
    gains.iter().sum::<f64>() / gains.len() as f64
}

#[cfg(feature = "train")]
#[test]
fn terminal_page_findings_and_verdicts_have_one_word_for_each_fix() {
    let report = Report::named("out");
    report.misfit.write("sigmoid.toml", SIGMOID);
    let said = report.misfit.ok(&["diagnose", "sigmoid.toml", "--out", "out"]).stdout();
    report.page();
    let page = report.read("report.html");
    let [verdicts, findings, effects, runs] =
        ["verdicts", "findings", "effects", "runs"].map(|name| common::rows(&report.read(&format!("{name}.csv"))));
    let fixes: Vec<&str> = verdicts.iter().map(|row| &*row["fix"]).collect();
    assert_eq!(fixes.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&"hot", &"linear", &"red-herring"]));

    // What is enough, by the runs: the sets that fit on four of five seeds, and of these the smallest.
    let set = |row: &Row| -> Vec<&str> { fixes.iter().copied().filter(|fix| row[*fix] == "1").collect() };
    let mut sets: BTreeMap<Vec<&str>, Vec<bool>> = BTreeMap::new();
    runs.iter().for_each(|row| sets.entry(set(row)).or_default().push(row["outcome"] == "fits"));
    let fits = |fit: &Vec<bool>| 5 * fit.iter().filter(|fit| **fit).count() >= 4 * fit.len();
    let enough: Vec<&Vec<&str>> = sets.iter().filter(|(_, fit)| fits(fit)).map(|(set, _)| set).collect();
    let fewest = enough.iter().map(|set| set.len()).min().expect("a set that is enough");
    let named: Vec<&Row> = effects.iter().filter(|row| row["kind"] == "enough" || row["kind"] == "best").collect();
    let first: Vec<&str> = named[0]["fixes"].split('+').collect();
    assert!(named[0]["kind"] == "enough" && first.len() == fewest && enough.contains(&&first), "{named:?}");

    let worth = table(section(&page, "What each fix is worth").unwrap());
    let terminal: Vec<Vec<&str>> = said
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 5)
        .collect();
    assert_eq!(worth[0], terminal[0], "the heads are the same");
    let mut different = BTreeSet::new();
    for (row, (shown, printed)) in verdicts.iter().zip(worth[1..].iter().zip(&terminal[1..])) {
        let (fix, verdict) = (&*row["fix"], &*row["verdict"]);
        different.insert(verdict);
        assert_eq!([&*shown[0], &*shown[4]], [fix, verdict], "the page");
        assert_eq!([printed[0], printed[4]], [fix, verdict], "the terminal");
        // What is needed is in every set that is enough; what is not is left out of one of them.
        assert_eq!(verdict == "needed", enough.iter().all(|set| set.contains(&fix)), "{fix}");
        assert_eq!(
            row["in_smallest"] == "1",
            named.iter().any(|row| row["fixes"].split('+').any(|n| n == fix)),
            "{fix}"
        );
        // The gains are those of the runs, in all three.
        let alone = gained(&runs, &fixes, fix, &[]);
        let on_top = gained(&runs, &fixes, fix, &first);
        assert!(
            (number(&row["alone"]) - alone).abs() < 1e-9 && (number(&row["on_top"]) - on_top).abs() < 1e-9,
            "{row:?}"
        );
        let (low, high) = (number(&row["low"]), number(&row["high"]));
        assert!(low <= on_top && on_top <= high, "{row:?}");
        if verdict == "hurts" {
            let with: Vec<&str> = fixes.iter().copied().filter(|f| *f == fix || first.contains(f)).collect();
            let breaks = sets.get(&with).is_some_and(|fit| !fits(fit));
            assert!(high < 0.0 || breaks, "{row:?}");
        }
        says_interval(&shown[2], [on_top, low, high]);
        says_interval(printed[2], [on_top, low, high]);
        says_gain(&shown[1], alone);
        says_gain(printed[1].split(" (").next().unwrap(), alone);
        says_gain(&shown[3], number(&row["shapley"]));
        says_gain(printed[3].split(" (").next().unwrap(), number(&row["shapley"]));
        // In a sentence of its own below the table.
        let head = match verdict {
            "needed" => "Needed: ",
            "helps" => "Helps",
            "no difference" => "No difference beside ",
            "hurts" => "Hurts beside ",
            "cannot be told" => "Cannot be told with ",
            _ => continue,
        };
        let sentence = said.lines().find(|line| line.starts_with(head)).unwrap_or_else(|| panic!("{head}: {said}"));
        assert!(sentence.contains(fix), "{sentence}");
    }
    assert!(different.len() > 1, "{different:?}");
    let names = first.join(" + ");
    assert!(said.contains(&format!("\nEnough: {names} (")), "{said}");
    assert!(shown(section(&page, "What each fix is worth").unwrap()).contains(&format!("Enough: {names} (")));

    // A finding has its fix's verdict, whether the fix is named or was tried.
    let shown = table(section(&page, "Findings").unwrap());
    assert!(!findings.is_empty() && shown.len() == findings.len() + 1);
    for (row, shown) in findings.iter().zip(&shown[1..]) {
        let tried = row["evidence"].split("; tried: ").nth(1).unwrap_or("");
        let patch = if row["fix"].is_empty() { tried } else { &row["fix"] };
        let Some((fix, _)) = patch.split_once(": ") else {
            assert_eq!((&*row["verdict"], &*shown[1]), ("", "worth knowing"), "{row:?}");
            continue;
        };
        let judged = verdicts.iter().find(|judged| judged["fix"] == fix).unwrap_or_else(|| panic!("{fix}"));
        assert_eq!([&row["verdict"], &shown[1]], [&judged["verdict"]; 2], "{row:?}");
        assert_eq!(row["fix"].is_empty(), !["needed", "one way", "helps"].contains(&&*row["verdict"]), "{row:?}");
        if !row["fix"].is_empty() {
            assert!(said.contains(&format!("   fix {} → {}\n", row["fix"], row["verdict"])), "{said}");
        }
        assert!((number(&row["first_in"]) - number(&judged["alone"])).abs() < 1e-12);
    }
}

//! Names: an experiment's becomes a folder, and must not lead out of `results/` on any system; those of variants and fixes become
//! keys and columns of CSVs.

use super::{Misfit, refused};

const NO_FOLDERS: &[&str] = &[
    "../x",
    "/etc",
    "a/../../b",
    ".",
    "..",
    "",
    "a/b",
    "a\\b",
    "C:\\x",
    "conin$",
    "conout$",
    "a.",
    "a ",
    " a",
    "-a",
    ".a",
    "a\0b",
    "a\u{202e}b",
    "a\u{200b}b",
    "a\nb",
    "a:b",
    "a*",
    "~",
    "$HOME",
    "a|b",
];

/// Of Windows, whatever their ending, with digits of either kind.
const DEVICES: &[&str] =
    &["NUL", "con", "nul.txt", "com1", "COM¹", "LPT².log", "con .txt", "PRN", "aux.tar.gz", "lpt9", "com0", "COM³.x"];

const NO_LABELS: &[&str] = &[
    "",
    " a",
    "a ",
    "a,b",
    "a\"b",
    "a#b",
    "a\nb",
    "a\tb",
    "a\0b",
    "\x1b[31m",
    "a\u{202e}b",
    "a\u{200b}b",
    "a\u{2066}b",
    "\u{feff}a",
    "a\u{ad}b",
];

/// What pandas, polars and others read as something else than a text.
const NUMBERS: &[&str] =
    &["1", "-5", "1e3", "nan", "NaN", "inf", "-Infinity", "None", "null", "NA", "n/a", "true", "False"];

/// A text as TOML has it.
fn toml(text: &str) -> String {
    serde_json::to_string(text).expect("a JSON string is a TOML string too")
}

#[test]
fn no_name_leads_out_of_the_results_folder() {
    let longest = ["a".repeat(101), "é".repeat(101), "𝔸".repeat(51)];
    let names = NO_FOLDERS.iter().map(|name| (*name, "{FOLDER}"));
    let devices = DEVICES.iter().map(|name| (*name, "on some systems it is a device's: give it another"));
    for (name, why) in
        names.chain(devices).chain(longest.iter().map(|name| (name.as_str(), "{FOLDER}"))).step_by(crate::EVERY)
    {
        let misfit = Misfit::new();
        misfit.write("x.toml", &format!("name = {}\n", toml(name)));
        let shown: String =
            name.chars().take(80).collect::<String>() + if name.chars().count() > 80 { "…" } else { "" };
        let expected = format!("x.toml:1: name: {} cannot name a folder: {why}", escaped(&shown));
        refused(&misfit, &["run", "x.toml", "--dry-run"], &expected);
        refused(&misfit, &["run", "x.toml"], &expected);
        refused(&misfit, &["diagnose", "x.toml"], &expected);
    }
}

#[test]
fn the_longest_name_leaves_room_for_what_comes_behind_it() {
    // Of 255 bytes, and `-diagnosis` is ten.
    for name in ["a".repeat(100), "é".repeat(100), "𝔸".repeat(50)] {
        let misfit = Misfit::new();
        misfit.write("x.toml", &format!("name = {}\n", toml(&name)));
        misfit.ok(&["run", "x.toml", "--dry-run"]);
        std::fs::create_dir(misfit.folder.path().join(format!("{name}-diagnosis"))).expect("a folder of that name");
    }
}

#[test]
fn a_name_that_comes_from_the_file_is_held_to_the_same() {
    let misfit = Misfit::new();
    misfit.write("con.toml", "");
    let device = "cannot name a folder: on some systems it is a device's: give it another";
    refused(&misfit, &["run", "con.toml", "--dry-run"], &format!("con.toml: name: \"con\" {device}"));
    refused(&misfit, &["init", "nul.toml"], &format!("nul.toml: \"nul\" {device}"));
    refused(&misfit, &["init", "COM¹.toml"], &format!("COM¹.toml: \"COM¹\" {device}"));
    refused(&misfit, &["init", "a*.toml"], "a*.toml: \"a*\" cannot name a folder: {FOLDER}");
    refused(
        &misfit,
        &["run", "--dry-run", "name=../x"],
        "`name=../x` on the command line: name: \"../x\" cannot name a folder: {FOLDER}",
    );
}

#[test]
fn no_name_of_a_variant_or_a_fix_breaks_a_csv_or_hides_what_it_is() {
    let long = "é".repeat(101);
    let labels = NO_LABELS.iter().copied().chain([long.as_str()]).map(|name| (name, "{LABEL}"));
    let numbers =
        NUMBERS.iter().map(|name| (*name, "a CSV reader takes it for a number or a missing value, add a word"));
    for (name, why) in labels.chain(numbers).step_by(crate::EVERY) {
        let misfit = Misfit::new();
        let shown: String =
            name.chars().take(80).collect::<String>() + if name.chars().count() > 80 { "…" } else { "" };
        misfit.write("x.toml", &format!("[[variant]]\nname = {}\n", toml(name)));
        let line = |key: &str| format!("{key}: {} cannot be a name: {why}", escaped(&shown));
        refused(&misfit, &["run", "x.toml", "--dry-run"], &format!("x.toml:2: {}", line("variant[0].name")));
        misfit.write("x.toml", &format!("[fix.{}]\nset = {{ train.steps = 3 }}\n", toml(name)));
        let said = misfit.run(&["run", "x.toml", "--dry-run"]);
        assert_eq!((said.code(), said.stdout().as_str()), (2, ""), "{name:?}");
        let said = said.stderr();
        let expected = super::SAID.iter().fold(why.to_owned(), |text, (name, said)| text.replace(name, said));
        assert!(
            said.starts_with("misfit: x.toml:1: fix") && said.ends_with(&format!(" cannot be a name: {expected}\n")),
            "{said}"
        );
        assert!(said.lines().count() == 1 && !said.contains(['\u{202e}', '\u{200b}', '\u{1b}']), "{said:?}");
    }
}

#[test]
fn a_swept_value_brings_nothing_into_a_name_that_a_name_may_not_have() {
    let misfit = Misfit::new();
    misfit.write("a.csv", "a,y\n1,2\n");
    misfit.write("b,\u{202e}.csv", "a,y\n1,2\n");
    misfit.write(
        "x.toml",
        "[data]\ntarget = { csv = 'a.csv', inputs = ['a'], output = 'y' }\n[sweep]\n'data.target.csv' = ['a.csv', \"b,\\u202e.csv\"]\n",
    );
    let said = misfit.ok(&["run", "x.toml", "--dry-run"]).stdout();
    assert!(said.contains("\nbaseline data.target.csv=b;.csv (seeds 0-2)"), "{said}");
}

/// A text as a message shows it: quoted, and all that does not show escaped.
fn escaped(text: &str) -> String {
    format!("{text:?}")
}

//! Wrong input: each fault is one line that says what, where and the cure, ends with code 2, and nothing is written.

#[path = "../common/mod.rs"]
mod common;

mod command_lines;
mod experiments;
mod names;
mod overrides;
mod sizes;
mod targets;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::Misfit;

/// What stands for itself in the tables below, for it is long and often said.
const SAID: [(&str, &str); 5] = [
    (
        "{TARGET}",
        "{ polynomial = [c0, c1, …] }, { formula = \"sin(x)\" }, { csv = \"rows.csv\", inputs = [\"a\"], output = \"y\" } or { tensors = \"rows.safetensors\" }",
    ),
    (
        "{KEYS}",
        "accepted: data, batch, model, loss, optimizer, train, framework, name, title, seeds, fix, ablation, variant, sweep, published or goal",
    ),
    ("{SEEDS}", "a number of seeds from 1 to 1000000, or a list of seeds, as [0, 1, 2]"),
    ("{FOLDER}", "use 1 to 100 letters, digits, '-', '_', '+', '=', '.' or spaces, beginning with a letter or digit"),
    ("{LABEL}", "use 1 to 200 bytes without commas, quotes, '#', control or unseen characters or spaces at the ends"),
];

/// Of a table every so many-th case is tried. With libtorch a process takes a third of a second to start, and what is refused
/// here is refused before that matters; the build without it goes through all.
const EVERY: usize = if cfg!(feature = "train") { 5 } else { 1 };

fn in_full(expected: &str) -> String {
    SAID.iter().fold(expected.to_owned(), |text, (name, said)| text.replace(name, said))
}

/// Everything in a folder, with what it holds.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            open.extend(path.is_dir().then(|| path.clone()));
            let holds = path.is_file().then(|| std::fs::read(&path).expect("a file"));
            found.insert(path, holds);
        }
    }
    found
}

/// These arguments are refused with just this line, and leave the folder and what lies around it as it was.
fn refused(misfit: &Misfit, args: &[&str], expected: &str) {
    let expected = in_full(expected);
    let before = everything(misfit.folder.path());
    let ran = misfit.run(args);
    assert_eq!(ran.stderr(), format!("misfit: {expected}\n"), "{args:?}");
    assert_eq!((ran.code(), ran.stdout().as_str()), (2, ""), "{args:?}");
    assert!(everything(misfit.folder.path()) == before, "{args:?} wrote something");
}

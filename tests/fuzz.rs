//! Whatever bytes stand where misfit reads: no panic, and an end in little time. The inputs are those that `scripts/fuzz` begins
//! with and has found (tests/fuzz/corpus), and changes to them at random, the same every time.

#[path = "fuzz/entries.rs"]
mod entries;

use std::path::Path;
use std::time::{Duration, Instant};

use entries::{ENTRIES, Entry};

/// What no input may take; they take milliseconds.
const LONGEST: Duration = Duration::from_secs(10);
/// Changed inputs of each entry.
const CHANGED: usize = 700;

/// Texts that mean something where misfit reads.
const WORDS: [&str; 24] = [
    "=",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    ",",
    ".",
    "\n",
    "\r\n",
    "#",
    "\0",
    "NaN",
    "-inf",
    "1e999",
    "18446744073709551616",
    "-1",
    "\u{202e}",
    "\u{feff}",
    "<script>",
    "</svg>",
    "[[variant]]\n",
    "\n=====\n",
];

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..start + self.below((length - start).min(64) + 1)
    }
}

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} has inputs", folder.display());
    inputs
}

fn changed(random: &mut Random, inputs: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = inputs[random.below(inputs.len())].1.clone();
    for _ in 0..1 + random.below(4) {
        let range = random.range(bytes.len());
        match random.below(6) {
            0 => bytes.splice(range, []).for_each(drop),
            1 => {
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again).for_each(drop);
            }
            2 => {
                let other = &inputs[random.below(inputs.len())].1;
                let part = random.range(other.len());
                bytes.splice(range, other[part].iter().copied()).for_each(drop);
            }
            3 if !bytes.is_empty() => {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            4 => bytes.truncate(range.end),
            _ => {
                let word = WORDS[random.below(WORDS.len())].bytes();
                bytes.splice(range.start..range.start, word).for_each(drop);
            }
        }
    }
    bytes
}

/// Says which input it was if an entry fails, and ends the test if it takes too long.
fn feed((name, entry): Entry, what: &str, bytes: &[u8]) {
    let began = Instant::now();
    let ended = std::panic::catch_unwind(|| entry(bytes));
    let shown = || String::from_utf8_lossy(bytes).chars().take(2000).collect::<String>();
    assert!(ended.is_ok(), "{name} fails with {what}:\n{}", shown());
    assert!(began.elapsed() < LONGEST, "{name} takes {:?} with {what}:\n{}", began.elapsed(), shown());
}

fn bears(name: &str) {
    let entry = *ENTRIES.iter().find(|(known, _)| *known == name).expect("an entry");
    let inputs = corpus(name);
    for (file, bytes) in &inputs {
        feed(entry, file, bytes);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for nth in 0..CHANGED {
        feed(entry, &format!("change {nth}"), &changed(&mut random, &inputs));
    }
}

#[test]
fn an_experiment_of_any_bytes_is_read_or_refused_on_one_line() {
    bears("experiment");
}

#[test]
fn settings_of_any_text_are_taken_or_refused_on_one_line() {
    bears("overrides");
}

#[test]
fn a_target_of_any_bytes_is_a_table_or_refused_on_one_line() {
    bears("target_csv");
}

#[test]
fn tensors_of_any_bytes_are_a_table_or_refused_on_one_line() {
    bears("tensors");
}

#[test]
fn a_formula_of_any_text_has_values_or_is_refused_on_one_line() {
    bears("formula");
}

#[test]
fn result_files_of_any_bytes_are_read_or_refused() {
    bears("results_csv");
}

#[test]
fn files_of_any_bytes_are_compared_or_refused_and_never_differ_from_themselves() {
    bears("diff");
}

#[test]
fn a_log_of_any_bytes_is_read_or_refused_on_one_line() {
    bears("logs");
}

#[test]
fn a_page_of_any_files_has_no_markup_but_its_own() {
    bears("report");
}

//! Seeds: how many there are or which, in a file and on the command line.

use super::ExperimentError;
use super::reader::Reader;
use super::tree::{Node, Value};
use crate::text::shorten;

const MOST: i64 = 1_000_000;

pub(super) fn seeds(root: &Reader) -> Result<Vec<u64>, ExperimentError> {
    const WHAT: &str = "a number of seeds from 1 to 1000000, or a list of seeds, as [0, 1, 2]";
    match root.get("seeds") {
        None => Ok((0..3).collect()),
        Some(Node { value: Value::Integer(count @ 1..=MOST), .. }) => Ok((0..*count as u64).collect()),
        Some(Node { value: Value::List(items), .. }) if (1..=MOST as usize).contains(&items.len()) => {
            let mut seeds = Vec::with_capacity(items.len());
            for item in items {
                match item.value {
                    Value::Integer(seed) if seed >= 0 => seeds.push(seed as u64),
                    ref other => return Err(root.expected("seeds", "seeds of at least 0", other)),
                }
            }
            seeds.sort_unstable();
            match seeds.windows(2).find(|pair| pair[0] == pair[1]) {
                Some(pair) => Err(root.fault("seeds", format!("the seed {} is there twice", pair[0]))),
                None => Ok(seeds),
            }
        }
        Some(node) => Err(root.expected("seeds", WHAT, &node.value)),
    }
}

/// The `seeds=…` that `--seeds` stands for: a number of them, or a list with commas.
pub fn on_the_command_line(text: &str) -> anyhow::Result<String> {
    let shown = shorten(text);
    let number = |word: &str| {
        let word = word.trim();
        let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| word.parse::<i64>().ok())
    };
    let Some(numbers) = text.split(',').map(number).collect::<Option<Vec<_>>>() else {
        anyhow::bail!("--seeds: {shown:?} is neither a number of seeds nor a list of them, as 3,5,8")
    };
    let Some(mut seeds) = numbers.into_iter().collect::<Option<Vec<i64>>>() else {
        anyhow::bail!("--seeds: {shown:?} has a number above {}, which no seed can be", i64::MAX)
    };
    if let [count] = seeds[..] {
        anyhow::ensure!(
            (1..=MOST).contains(&count),
            "--seeds: expected a number of seeds from 1 to {MOST}, got {count}"
        );
        return Ok(format!("seeds={count}"));
    }
    seeds.sort_unstable();
    if let Some(twice) = seeds.windows(2).find(|pair| pair[0] == pair[1]) {
        anyhow::bail!("--seeds: the seed {} is there twice", twice[0]);
    }
    let list: Vec<String> = seeds.iter().map(i64::to_string).collect();
    Ok(format!("seeds=[{}]", list.join(",")))
}

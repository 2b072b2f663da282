//! Which rows of a file are learnt from and which are kept for testing.

use anyhow::{Result, ensure};

use super::random::{Purpose, Stream};
use super::source::Source;
use super::table::Values;
use crate::experiment::config::{Data, HoldoutRows};

/// Training and test rows; where none are held out, the training rows are the test rows.
pub fn split(source: &Source, data: &Data, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let rows = source.rows.count();
    let mut order: Vec<usize> = (0..rows).collect();
    let Some(how) = data.holdout_rows.filter(|_| data.holdout > 0.0) else { return Ok((order.clone(), order)) };
    let share = data.holdout;
    let held = (share * rows as f64).round() as usize;
    ensure!(
        held > 0 && held < rows,
        "data.holdout: {share:?} of {rows} rows leaves {held} for testing and {} for training: both need at least one",
        rows - held
    );
    let (mut test, train) = match how {
        HoldoutRows::Random => {
            Stream::new(seed, Purpose::Holdout).shuffle(&mut order);
            let train = order.split_off(held);
            (order, train)
        }
        HoldoutRows::Last => {
            let test = order.split_off(rows - held);
            (test, order)
        }
        HoldoutRows::Stratified => {
            let Values::Texts { texts, codes } = &source.rows.columns[source.inputs].values else {
                anyhow::bail!("data.holdout_rows: only rows with a class can be stratified, accepted: random, last");
            };
            let mut quota = quotas(texts.len(), codes, held);
            Stream::new(seed, Purpose::Holdout).shuffle(&mut order);
            order.into_iter().partition(|&row| {
                let quota = &mut quota[codes[row].unwrap_or(0) as usize];
                let held = *quota > 0;
                *quota -= usize::from(held);
                held
            })
        }
    };
    test.sort_unstable();
    Ok((train, test))
}

/// How many rows of each class are held out: its share of them, the largest remainders rounded up, but never its last row.
fn quotas(classes: usize, codes: &[Option<u32>], held: usize) -> Vec<usize> {
    let mut counts = vec![0_usize; classes];
    codes.iter().flatten().for_each(|&code| counts[code as usize] += 1);
    let rows = codes.len().max(1);
    let mut quotas: Vec<usize> = counts.iter().map(|count| count * held / rows).collect();
    let mut by_remainder: Vec<usize> = (0..classes).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(counts[class] * held % rows));
    let left = held.saturating_sub(quotas.iter().sum());
    by_remainder.into_iter().take(left).for_each(|class| quotas[class] += 1);
    // A class is learnt only if a row of it is.
    quotas.iter_mut().zip(&counts).for_each(|(quota, &count)| *quota = (*quota).min(count.saturating_sub(1)));
    quotas
}

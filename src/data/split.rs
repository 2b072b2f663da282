//! Which rows of a file are learnt from, and which are kept for testing or for validation.

use anyhow::{Result, ensure};

use super::random::{Purpose, Stream};
use super::source::Source;
use super::table::Values;
use crate::experiment::config::{Data, Holdout, HoldoutRows, Split};

/// Of the rows that are not test rows of a seed, at least so large a part is a test row of no seed.
const NEVER_TESTED: f64 = 0.75;

const NO_CLASS_TWICE: &str = "data.holdout_rows: stratified rows keep one of each class to learn from, and no class has another: set it to random or last";

/// Training and test rows; where none are held out, the training rows are the test rows.
///
/// To validate and to judge, a pool of rows is drawn that is the same for every seed, about twice as many as are held out. The test
/// rows that judge are drawn from it; the rows outside of it are all that validation looks at.
pub fn split(source: &Source, data: &Data, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let rows = source.rows.count();
    let all: Vec<usize> = (0..rows).collect();
    // Test rows of their own are all that are tested on, so any row may be one to validate with.
    let share = if source.test.is_some() { 0.0 } else { data.holdout.share(rows) };
    let how = data.holdout_rows.unwrap_or(HoldoutRows::Random);
    let held = (share * rows as f64).round() as usize;
    ensure!(
        share == 0.0 || (held > 0 && held < rows),
        "data.holdout: {share:?} of {rows} rows leaves {held} for testing and {} for training: both need at least one",
        rows - held
    );
    if held == 0 && (data.split != Split::Validation || source.test.is_none()) {
        return Ok((all.clone(), all));
    }
    let of_seed = |purpose: Purpose| Stream::new(seed, purpose);
    if data.split == Split::Test {
        let (test, train) = draw(source, how, &all, held, Kept::One, of_seed(Purpose::Holdout))?;
        ensure!(!test.is_empty(), "{NO_CLASS_TWICE}");
        return Ok((train, test));
    }
    let pooled = pool(rows, held, how);
    let (pool, mut never) = draw(source, how, &all, pooled, Kept::One, Stream::new(0, Purpose::TestPool))?;
    if data.split == Split::Judging {
        // A row of each class is outside of the pool.
        let (test, beside) = draw(source, how, &pool, held, Kept::None, of_seed(Purpose::Holdout))?;
        ensure!(!test.is_empty(), "{NO_CLASS_TWICE}");
        never.extend(beside);
        return Ok((never, test));
    }
    never.sort_unstable();
    if data.split == Split::Learnt {
        return Ok((never.clone(), never));
    }
    let share = if held == 0 { Holdout::Auto.share(rows) } else { share };
    let validation = ((share * never.len() as f64).round() as usize).max(usize::from(share > 0.0));
    if validation == 0 || validation >= never.len() {
        return Ok((never.clone(), never));
    }
    let (validated, train) = draw(source, how, &never, validation, Kept::One, of_seed(Purpose::Validation))?;
    // Where no class has two rows left.
    Ok(if validated.is_empty() { (never.clone(), never) } else { (train, validated) })
}

/// Takes so many of these rows out, which are kept to say when to stop: the last ones where those of a file are tested on too,
/// else any, drawn for each seed.
pub fn keep(rows: &mut Vec<usize>, count: usize, how: Option<HoldoutRows>, seed: u64) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    if how == Some(HoldoutRows::Last) {
        return rows.split_off(rows.len() - count);
    }
    let mut order = rows.clone();
    Stream::new(seed, Purpose::Stop).shuffle(&mut order);
    order.truncate(count);
    order.sort_unstable();
    rows.retain(|row| order.binary_search(row).is_err());
    order
}

/// How many rows the test rows of all seeds are drawn from, where each seed has `held` of them.
fn pool(rows: usize, held: usize, how: HoldoutRows) -> usize {
    if held == 0 || how == HoldoutRows::Last {
        return held;
    }
    let never = (NEVER_TESTED * (rows - held) as f64).round() as usize;
    // Of two rows one is learnt from and one validated.
    (rows - never).min(2 * held).min(rows.saturating_sub(2)).max(held)
}

/// How many rows of each class are not drawn, where rows are stratified.
#[derive(Clone, Copy)]
enum Kept {
    None,
    One,
}

/// So many of these rows, in their order, and the others as they were drawn.
fn draw(
    source: &Source,
    how: HoldoutRows,
    from: &[usize],
    count: usize,
    kept: Kept,
    mut stream: Stream,
) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut order = from.to_vec();
    let (mut drawn, left) = match how {
        HoldoutRows::Last => {
            let drawn = order.split_off(order.len() - count);
            (drawn, order)
        }
        HoldoutRows::Random => {
            stream.shuffle(&mut order);
            let left = order.split_off(count);
            (order, left)
        }
        HoldoutRows::Stratified => {
            let Values::Texts { texts, codes } = &source.rows.columns[source.inputs].values else {
                anyhow::bail!("data.holdout_rows: only rows with a class can be stratified, accepted: random, last");
            };
            let code = |row: usize| codes[row].unwrap_or(0) as usize;
            let mut counts = vec![0; texts.len()];
            from.iter().for_each(|&row| counts[code(row)] += 1);
            let mut quota = quotas(&counts, count, kept);
            stream.shuffle(&mut order);
            order.into_iter().partition(|&row| {
                let quota = &mut quota[code(row)];
                let drawn = *quota > 0;
                *quota -= usize::from(drawn);
                drawn
            })
        }
    };
    drawn.sort_unstable();
    Ok((drawn, left))
}

/// How many rows of each class are drawn: its share of them, the largest remainders rounded up, but never those that are kept.
fn quotas(counts: &[usize], drawn: usize, kept: Kept) -> Vec<usize> {
    let rows = counts.iter().sum::<usize>().max(1);
    let mut quotas: Vec<usize> = counts.iter().map(|count| count * drawn / rows).collect();
    let mut by_remainder: Vec<usize> = (0..counts.len()).collect();
    by_remainder.sort_by_key(|&class| std::cmp::Reverse(counts[class] * drawn % rows));
    let left = drawn.saturating_sub(quotas.iter().sum());
    by_remainder.into_iter().take(left).for_each(|class| quotas[class] += 1);
    // A class is learnt only if a row of it is.
    let kept = if matches!(kept, Kept::One) { 1 } else { 0 };
    quotas.iter_mut().zip(counts).for_each(|(quota, &count)| *quota = (*quota).min(count.saturating_sub(kept)));
    quotas
}

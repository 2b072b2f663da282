//! What a check takes away from the data: all but some training samples, what the inputs say, or which target is whose.

use super::Samples;
use super::random::{Purpose, Stream};
use crate::experiment::config::{Control, Data};
use crate::stats::moments::mean;

/// Takes away from the training samples, from the test points and from those that are kept to say when to stop what `data` says;
/// `on_training` says that the test points are the training samples.
pub fn apply(data: &Data, seed: u64, train: &mut Samples, [test, kept]: [&mut Samples; 2], on_training: bool) {
    if let Some(most) = data.rows.filter(|most| *most < train.rows()) {
        let drawn = drawn(train, most, seed);
        if on_training {
            *test = test.pick(&drawn);
        }
        *train = train.pick(&drawn);
    }
    match data.control {
        Control::None => {}
        Control::Blind => {
            let columns = train.columns;
            let means: Vec<f64> = (0..columns)
                .map(|c| mean(&train.inputs.iter().skip(c).step_by(columns).copied().collect::<Vec<_>>()))
                .collect();
            for samples in [train, test, kept] {
                samples.inputs.iter_mut().enumerate().for_each(|(i, x)| *x = means[i % columns]);
            }
        }
        Control::Permuted => {
            let mut order: Vec<usize> = (0..train.rows()).collect();
            Stream::new(seed, Purpose::Permutation).shuffle(&mut order);
            train.targets = train.pick(&order).targets;
        }
    }
}

/// So many training samples in the order in which they are drawn. If there are different targets, not all of these are the same.
fn drawn(train: &Samples, most: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..train.rows()).collect();
    Stream::new(seed, Purpose::Subset).shuffle(&mut order);
    let target = |row: usize| &train.targets[row * train.outputs..(row + 1) * train.outputs];
    let other = |row: &usize| target(*row) != target(order[0]);
    if most > 1
        && !order[..most].iter().any(other)
        && let Some(at) = order.iter().position(other)
    {
        order.swap(most - 1, at);
    }
    order.truncate(most);
    order
}

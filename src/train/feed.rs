//! The batches of a stack's lanes, one after the other.

use std::ops::Range;

use tch::{Device, TchError, Tensor};

use super::network::By;
use crate::data::Batches;
use crate::experiment::config::Draw;

/// Numbers that are made at once for another device, at most: 256 MiB.
const AHEAD: usize = 1 << 26;

pub struct Feed {
    lanes: Vec<Batches>,
    draw: Draw,
    rows: usize,
    columns: usize,
    /// One lane's batch, or several steps' batches of all lanes.
    inputs: Vec<f32>,
    targets: Vec<f32>,
    /// The lane whose batch these are, where a batch serves for all steps.
    holds: Option<usize>,
    torch: Option<ForTorch>,
}

/// Batches on a device. To send them makes host and device wait for one another, so those of all steps up to the next
/// logged point, where they wait anyhow, are sent at once, as far as the memory meant for that goes.
struct ForTorch {
    device: Device,
    /// Batches that will be taken from now on, and how many are made at once at most.
    wanted: usize,
    most: usize,
    batches: Vec<(Tensor, Tensor)>,
    next: usize,
}

/// A block's batch: `[lanes, rows, columns]` inputs and `[lanes, rows]` targets.
pub enum Fed<'a> {
    Slices(&'a [f32], &'a [f32]),
    Tensors(Tensor, Tensor),
}

impl Feed {
    /// Of each lane's batches, `rows` samples of `columns` inputs.
    pub fn new(by: By, lanes: Vec<Batches>, draw: Draw, rows: usize, columns: usize, device: Device) -> Self {
        let most = match draw {
            Draw::Once => 1,
            Draw::Epoch | Draw::Fresh => (AHEAD / (lanes.len() * rows * (columns + 1))).max(1),
        };
        Feed {
            lanes,
            draw,
            rows,
            columns,
            inputs: Vec::new(),
            targets: Vec::new(),
            holds: None,
            torch: (by == By::Torch).then_some(ForTorch { device, wanted: 1, most, batches: Vec::new(), next: 0 }),
        }
    }

    /// Says how many batches will be taken before device and host next wait for one another.
    pub fn expect(&mut self, batches: usize) {
        if let Some(torch) = &mut self.torch {
            torch.wanted = batches;
        }
    }

    /// Different samples that the batches of these lanes had so far.
    pub fn distinct(&self, block: &Range<usize>) -> Vec<usize> {
        self.lanes[block.clone()].iter().map(Batches::distinct).collect()
    }

    /// The next batch of a block.
    pub fn next(&mut self, block: &Range<usize>) -> Result<Fed<'_>, TchError> {
        let Some(torch) = &mut self.torch else {
            if self.draw != Draw::Once || self.holds != Some(block.start) {
                self.inputs.clear();
                self.targets.clear();
                self.lanes[block.start].next_into(&mut self.inputs, &mut self.targets);
                self.holds = Some(block.start);
            }
            return Ok(Fed::Slices(&self.inputs, &self.targets));
        };
        let used_up = torch.next == torch.batches.len() && self.draw != Draw::Once;
        if torch.batches.is_empty() || used_up {
            self.inputs.clear();
            self.targets.clear();
            let ahead = torch.wanted.clamp(1, torch.most);
            for _ in 0..ahead {
                self.lanes.iter_mut().for_each(|lane| lane.next_into(&mut self.inputs, &mut self.targets));
            }
            let [ahead, lanes, rows, columns] =
                [ahead, self.lanes.len(), self.rows, self.columns].map(|size| size as i64);
            let all = |values: &[f32], shape: &[i64]| {
                Tensor::f_from_slice(values)?.f_view(shape)?.f_to_device(torch.device)?.f_unbind(0)
            };
            let inputs = all(&self.inputs, &[ahead, lanes, rows, columns])?;
            let targets = all(&self.targets, &[ahead, lanes, rows])?;
            torch.batches = inputs.into_iter().zip(targets).collect();
            torch.next = 0;
        }
        let (inputs, targets) = &torch.batches[torch.next % torch.batches.len()];
        torch.next += 1;
        torch.wanted = torch.wanted.saturating_sub(1);
        Ok(Fed::Tensors(inputs.shallow_clone(), targets.shallow_clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Files, RunData};
    use crate::experiment::Experiment;

    fn feed(rows: usize) -> (Feed, Vec<Batches>) {
        let text = "[data]\ntarget = { polynomial = [0, 1] }\ninputs = { uniform = { from = 0, to = 1, count = 30 } }";
        let config = Experiment::parse(text, "x.toml", &[]).expect("an experiment").variants[0].config.clone();
        let batches = || {
            let lane = |seed| {
                let data = RunData::new(&config, seed, &Files::default()).expect("data");
                Batches::new(Arc::new(data), Draw::Fresh, rows, seed)
            };
            (0..3).map(lane).collect::<Vec<_>>()
        };
        (Feed::new(By::Torch, batches(), Draw::Fresh, rows, 1, Device::Cpu), batches())
    }

    fn sent(feed: &Feed) -> usize {
        feed.torch.as_ref().map_or(0, |torch| torch.batches.len() - torch.next)
    }

    #[test]
    fn batches_are_sent_at_logged_points_only_and_are_those_that_a_lane_draws() {
        let (mut feed, mut lanes) = feed(8);
        for steps in [1, 50, 1, 7] {
            assert_eq!(sent(&feed), 0, "none is left over at a logged point");
            feed.expect(steps);
            for left in (0..steps).rev() {
                let Ok(Fed::Tensors(inputs, targets)) = feed.next(&(0..3)) else { panic!("a batch") };
                assert_eq!(sent(&feed), left, "sent once, before the first of them is taken");
                let (mut x, mut y) = (Vec::new(), Vec::new());
                lanes.iter_mut().for_each(|lane| lane.next_into(&mut x, &mut y));
                let flat = |tensor: Tensor| Vec::<f32>::try_from(tensor.contiguous().view([-1])).expect("numbers");
                assert_eq!((flat(inputs), flat(targets)), (x, y));
            }
        }
    }

    #[test]
    fn batches_beyond_the_memory_meant_for_them_are_sent_in_parts() {
        let (mut feed, _) = feed(AHEAD / 12);
        feed.expect(5);
        feed.next(&(0..3)).expect("a batch");
        assert_eq!(sent(&feed), 1);
    }
}

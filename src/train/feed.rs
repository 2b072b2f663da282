//! The batches of a stack's lanes, one after the other.

use std::ops::Range;

use tch::{Device, TchError, Tensor};

use super::network::By;
use crate::data::Batches;
use crate::experiment::config::Draw;

/// Numbers that are made at once for another device, at most: 4 MiB.
const AHEAD: usize = 1 << 20;

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

/// Batches on a device, made some steps ahead, so that device and host wait for one another once in all these steps.
struct ForTorch {
    device: Device,
    ahead: usize,
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
        let ahead = match draw {
            Draw::Once => 1,
            Draw::Epoch | Draw::Fresh => (AHEAD / (lanes.len() * rows * (columns + 1))).clamp(1, 256),
        };
        Feed {
            lanes,
            draw,
            rows,
            columns,
            inputs: Vec::new(),
            targets: Vec::new(),
            holds: None,
            torch: (by == By::Torch).then_some(ForTorch { device, ahead, batches: Vec::new(), next: 0 }),
        }
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
            for _ in 0..torch.ahead {
                self.lanes.iter_mut().for_each(|lane| lane.next_into(&mut self.inputs, &mut self.targets));
            }
            let [ahead, lanes, rows, columns] =
                [torch.ahead, self.lanes.len(), self.rows, self.columns].map(|size| size as i64);
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
        Ok(Fed::Tensors(inputs.shallow_clone(), targets.shallow_clone()))
    }
}

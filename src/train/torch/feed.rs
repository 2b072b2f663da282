//! The batches of a block's lanes, one after the other, on the device.

use anyhow::Result;
use tch::{Device, Kind, TchError, Tensor};

use crate::data::Batches;
use crate::experiment::config::Draw;
use crate::train::engine::{self, Lane};

/// Numbers that are made at once, at most: 256 MiB.
const AHEAD: usize = 1 << 26;

/// To send batches makes host and device wait for one another, so those of all steps up to the next logged point, where
/// they wait anyhow, are sent at once, as far as the memory meant for that goes.
pub struct Feed {
    lanes: Vec<Batches>,
    draw: Draw,
    columns: usize,
    /// Numbers of a row's target.
    width: usize,
    inputs: Vec<f32>,
    targets: Vec<f32>,
    kind: Kind,
    device: Device,
    /// Batches that are taken from now on, and how many are made at once at most.
    wanted: usize,
    most: usize,
    batches: Vec<(Tensor, Tensor)>,
    next: usize,
}

impl Feed {
    pub fn new(lanes: &[Lane], kind: Kind, device: Device) -> Result<Self> {
        let first = engine::first(lanes)?;
        let (rows, columns, draw) = (first.batch_rows()?, first.data.train.columns, first.config.batch.draw);
        let width = first.data.coding.width;
        let most = match draw {
            Draw::Once => 1,
            Draw::Epoch | Draw::Sequential | Draw::Fresh => (AHEAD / (lanes.len() * rows * (columns + width))).max(1),
        };
        Ok(Feed {
            lanes: lanes.iter().map(Lane::batches).collect::<Result<_>>()?,
            draw,
            columns,
            width,
            inputs: Vec::new(),
            targets: Vec::new(),
            kind,
            device,
            wanted: 1,
            most,
            batches: Vec::new(),
            next: 0,
        })
    }

    /// Says how many batches are taken before device and host next wait for one another.
    pub fn expect(&mut self, batches: usize) {
        self.wanted = batches;
    }

    /// Different samples that each lane's batches had so far.
    pub fn distinct(&self) -> Vec<usize> {
        self.lanes.iter().map(Batches::distinct).collect()
    }

    /// The next batch: `[lanes, rows, columns]` inputs and `[lanes, rows, width]` targets.
    pub fn next(&mut self) -> Result<(Tensor, Tensor), TchError> {
        let used_up = self.next == self.batches.len() && self.draw != Draw::Once;
        if self.batches.is_empty() || used_up {
            self.inputs.clear();
            self.targets.clear();
            // All lanes' batches are as long as one another, but the last of a pass may be shorter than the others.
            let mut rows = Vec::new();
            for _ in 0..self.wanted.clamp(1, self.most) {
                let mut last = 0;
                self.lanes.iter_mut().for_each(|lane| last = lane.next_into(&mut self.inputs, &mut self.targets));
                rows.push(last as i64);
            }
            let lanes = self.lanes.len() as i64;
            let all = |values: &[f32], columns: usize| -> Result<Vec<Tensor>, TchError> {
                let all = Tensor::f_from_slice(values)?.f_to_device(self.device)?.f_to_kind(self.kind)?;
                let mut begin = 0;
                let cut = |&rows: &i64| {
                    let shape = [lanes, rows, columns as i64];
                    let length = shape.iter().product();
                    begin += length;
                    all.f_narrow(0, begin - length, length)?.f_view(shape)
                };
                rows.iter().map(cut).collect()
            };
            self.batches = all(&self.inputs, self.columns)?.into_iter().zip(all(&self.targets, self.width)?).collect();
            self.next = 0;
        }
        let (inputs, targets) = &self.batches[self.next % self.batches.len()];
        self.next += 1;
        self.wanted = self.wanted.saturating_sub(1);
        Ok((inputs.shallow_clone(), targets.shallow_clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Files, RunData};
    use crate::experiment::Experiment;

    fn feed(rows: usize) -> (Feed, Vec<Batches>) {
        let text = format!(
            "[data]\ntarget = {{ polynomial = [0, 1] }}\ninputs = {{ uniform = {{ from = 0, to = 1, count = 30 }} }}\n[batch]\nsize = {rows}\ndraw = \"fresh\""
        );
        let config = Experiment::parse(&text, "x.toml", &[]).expect("an experiment").variants[0].config.clone();
        let lane = |seed| {
            let data = RunData::new(&config, seed, &Files::default()).expect("data");
            Lane { config: config.clone(), seed, data: Arc::new(data) }
        };
        let lanes: Vec<Lane> = (0..3).map(lane).collect();
        let batches = lanes.iter().map(|lane| lane.batches().expect("batches")).collect();
        (Feed::new(&lanes, Kind::Float, Device::Cpu).expect("a feed"), batches)
    }

    fn sent(feed: &Feed) -> usize {
        feed.batches.len() - feed.next
    }

    #[test]
    fn batches_are_sent_at_logged_points_only_and_are_those_that_a_lane_draws() {
        let (mut feed, mut lanes) = feed(8);
        for steps in [1, 50, 1, 7] {
            assert_eq!(sent(&feed), 0, "none is left over at a logged point");
            feed.expect(steps);
            for left in (0..steps).rev() {
                let (inputs, targets) = feed.next().expect("a batch");
                assert_eq!(sent(&feed), left, "sent once, before the first of them is taken");
                let (mut x, mut y) = (Vec::new(), Vec::new());
                for lane in &mut lanes {
                    lane.next_into(&mut x, &mut y);
                }
                let flat = |tensor: Tensor| Vec::<f32>::try_from(tensor.contiguous().view([-1])).expect("numbers");
                assert_eq!((flat(inputs), flat(targets)), (x, y));
            }
        }
    }

    #[test]
    fn batches_beyond_the_memory_meant_for_them_are_sent_in_parts() {
        let (mut feed, _) = feed(AHEAD / 12);
        feed.expect(5);
        drop(feed.next().expect("a batch"));
        assert_eq!(sent(&feed), 1);
    }
}

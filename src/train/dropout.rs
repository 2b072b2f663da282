//! Which outputs of layers are dropped: a function of the run's seed, the step, the layer, the row of the batch and the
//! unit, so that no lane, thread or engine makes a difference.

use super::engine::Lane;
use super::fused::kernels::{self, Level};
use crate::data::random::{Purpose, Stream};
use crate::experiment::config::Mode;

/// Of one run, step by step.
pub struct Dropout {
    level: Level,
    layers: Vec<Layer>,
    step: u64,
}

struct Layer {
    key: u64,
    units: usize,
    share: f64,
}

impl Dropout {
    /// At the first step; nothing where a run drops nothing.
    pub fn new(lane: &Lane) -> Option<Self> {
        let model = &lane.config.model;
        if lane.config.train.mode == Mode::Eval || model.dropout.is_empty() {
            return None;
        }
        let layer = |(at, (&units, &share)): (usize, (&usize, &f64))| Layer {
            key: Stream::new(lane.seed, Purpose::Dropout(at as u32)).bits(),
            units,
            share,
        };
        let units = model.hidden.iter().chain([&lane.data.coding.outputs]);
        let layers = units.zip(&model.dropout).enumerate().map(layer).collect();
        Some(Dropout { level: Level::best(), layers, step: 0 })
    }

    /// Goes on to the next step.
    pub fn advance(&mut self) {
        self.step += 1;
    }

    /// Whether this layer drops anything; the outputs' comes behind the hidden ones.
    pub fn drops(&self, layer: usize) -> bool {
        self.layers.get(layer).is_some_and(|layer| layer.share > 0.0)
    }

    /// What this layer's outputs are multiplied with in the batch's rows from `start` on: 0, or 1/(1 − share), `[rows, units]`.
    pub fn mask(&self, layer: usize, start: usize, mask: &mut [f32]) {
        let Layer { key, units, share } = self.layers[layer];
        let key = mixed(key.wrapping_add(self.step.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let keys = [key as u32, (key >> 32) as u32];
        let below = (share * 2.0_f64.powi(32)) as u32;
        kernels::drop_mask(self.level, keys, (start * units) as u32, below, (1.0 / (1.0 - share)) as f32, mask);
    }
}

/// All bits from all bits (splitmix64's last steps: Steele, Lea & Flood 2014).
fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

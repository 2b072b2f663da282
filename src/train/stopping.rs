//! Early stopping: the end of a run once a loss has not improved for some passes over the training samples.

use anyhow::Result;

use super::engine::{Engine, Lane};
use crate::data::updates_of_a_pass;
use crate::experiment::config::{Stop, StopOn};

/// What says when one run ends, as Keras' EarlyStopping does.
pub struct Watch {
    stop: Stop,
    /// Updates of a pass, after which it looks.
    pass: usize,
    /// `[rows, columns]` inputs and `[rows, width]` targets whose loss it looks at.
    samples: (Vec<f32>, Vec<f32>),
    best: f32,
    /// Passes since then.
    waited: usize,
}

impl Watch {
    /// Of a run that may be stopped; nothing of the others.
    pub fn new(lane: &Lane) -> Result<Option<Self>> {
        let (data, Some(stop)) = (&lane.data, lane.config.train.stop) else { return Ok(None) };
        let samples = match stop.on {
            StopOn::Validation => &data.kept,
            StopOn::Train => &data.train,
            StopOn::Test => &data.test,
        };
        Ok(Some(Watch {
            stop,
            pass: updates_of_a_pass(&lane.config, data.train.rows())?,
            samples: (data.scaled_inputs(samples), data.coded_targets(samples)),
            best: f32::INFINITY,
            waited: 0,
        }))
    }

    /// The first end of a pass beyond so many updates.
    pub fn next(&self, updates: usize) -> usize {
        (updates / self.pass + 1).saturating_mul(self.pass)
    }

    /// Looks at the network after so many updates: whether the run ends here.
    pub fn ends(&mut self, engine: &mut dyn Engine, updates: usize) -> Result<bool> {
        if updates == 0 || !updates.is_multiple_of(self.pass) {
            return Ok(false);
        }
        let loss = engine.losses(std::slice::from_ref(&self.samples))?.first().copied().unwrap_or(f32::NAN);
        self.waited += 1;
        if loss + (self.stop.min_delta as f32) < self.best {
            (self.best, self.waited) = (loss, 0);
            if self.stop.restore {
                engine.remember()?;
            }
        }
        Ok(self.waited >= self.stop.patience.max(1))
    }

    /// Gives the network back what it was at its best, where that is asked for.
    pub fn end(&self, engine: &mut dyn Engine) -> Result<()> {
        if self.stop.restore { engine.recall() } else { Ok(()) }
    }
}

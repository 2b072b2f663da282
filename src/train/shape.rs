//! Which runs may train together.

use anyhow::Result;

use super::engine::Lane;
use super::fused;
use crate::data::coding::Coding;
use crate::data::{batch_rows, updates};
use crate::experiment::config::{Config, Init, Model, Optimizer};

/// What must be equal for runs to share a stack: all that shapes the tensors or is one number for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape(String);

impl Shape {
    /// `rows` training samples and `test` test points, of `columns` inputs, their targets coded so.
    pub fn of(config: &Config, rows: usize, test: usize, columns: usize, coding: &Coding) -> Result<Self> {
        let batch = batch_rows(&config.batch, rows)?;
        // How parameters begin, and each run's own rate, are no matter of shape.
        let model = Model { init: Init::Zeros, init_bias: Init::Zeros, outputs: None, ..config.model.clone() };
        let optimizer = Optimizer { learning_rate: 1.0, ..config.optimizer.clone() };
        let train = &config.train;
        let parts = (
            (batch, config.batch.draw, config.batch.last, rows, test, columns),
            model,
            (&config.loss, coding.outputs, coding.width, coding.sparse),
            optimizer,
            // A stack has one engine, which must be that of each of its runs alone.
            (updates(config, rows)?, train.log_points, train.engine, fused::covers(config).is_ok()),
            (train.mode, train.stop),
        );
        Ok(Shape(serde_json::to_string(&parts)?))
    }
}

impl Lane {
    /// What it must share with others to train with them.
    pub fn shape(&self) -> Result<Shape> {
        let (rows, test) = (self.data.train.rows(), self.data.test.rows());
        Shape::of(&self.config, rows, test, self.data.train.columns, &self.data.coding)
    }
}

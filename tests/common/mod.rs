//! What several tests share.
#![allow(dead_code)] // Each test binary uses a part of it.

use std::sync::Arc;

use misfit::data::{Files, RunData};
use misfit::experiment::{Experiment, config::Config};
use misfit::train::stack::Lane;

/// The configuration of an experiment's only variant.
pub fn config(text: &str) -> Config {
    let experiment = Experiment::parse(text, "test.toml", &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    experiment.variants[0].config.clone()
}

pub fn lane(config: &Config, seed: u64) -> Lane {
    let files = Files::read([config].into_iter()).expect("the test's files can be read");
    let data = RunData::new(config, seed, &files).expect("the test's data are sound");
    Lane { config: config.clone(), seed, data: Arc::new(data) }
}

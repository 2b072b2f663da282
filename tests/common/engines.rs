//! Every way in which a step can be computed here.

use misfit::experiment::config::Config;
use misfit::train::engine::{Engine, Lane, Prediction, State};
use misfit::train::fused::kernels::Level;
use misfit::train::fused::{self, Fused};
use misfit::train::torch::Torch;
use tch::Device;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// As on a CPU: each lane in tensors of its own.
    Torch,
    /// As on a GPU: all lanes in the same tensors.
    Stacked,
    Fused(Level),
}

/// The ways to compute this configuration. Whether the fused engine covers it is for the test to know, not for the engine.
pub fn ways(config: &Config, covered: bool) -> Vec<Way> {
    assert_eq!(fused::covers(config).is_ok(), covered, "{config:?}");
    let mut ways = vec![Way::Torch, Way::Stacked];
    if covered {
        ways.extend([Way::Fused(Level::PORTABLE), Way::Fused(Level::best())]);
    }
    ways.dedup();
    ways
}

/// Engines for some lanes, taken as one.
pub struct Engines(pub Vec<Box<dyn Engine>>);

impl Engines {
    pub fn new(way: Way, lanes: &[Lane]) -> Self {
        let alone = |lane: &Lane| -> Box<dyn Engine> {
            match way {
                Way::Fused(level) => Box::new(Fused::at(level, lane).expect("an engine")),
                _ => Box::new(Torch::new(std::slice::from_ref(lane), Device::Cpu).expect("an engine")),
            }
        };
        Engines(match way {
            Way::Stacked => vec![Box::new(Torch::new(lanes, Device::Cpu).expect("an engine"))],
            _ => lanes.iter().map(alone).collect(),
        })
    }

    /// The batches' losses, by lane.
    pub fn gradient(&mut self) -> Vec<f32> {
        self.0.iter_mut().flat_map(|engine| engine.gradient(true).expect("a gradient")).collect()
    }

    pub fn update(&mut self) {
        self.0.iter_mut().for_each(|engine| drop(engine.update(false).expect("an update")));
    }

    pub fn predict(&mut self) -> Vec<Prediction> {
        self.0.iter_mut().flat_map(|engine| engine.predict().expect("predictions")).collect()
    }

    pub fn state(&self) -> Vec<State> {
        self.0.iter().flat_map(|engine| engine.state().expect("a state")).collect()
    }
}

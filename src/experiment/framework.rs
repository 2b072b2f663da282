//! The frameworks that an experiment may name.

use serde::Deserialize;

use super::words::{Word, words};

/// The key beside an experiment's sections that names one.
pub const FRAMEWORK: &str = "framework";

words! {
    /// A framework whose defaults and losses an experiment has.
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    Framework {
        Pytorch = "pytorch",
        /// Keras 3, which has kept what Keras 2 on TensorFlow did.
        Keras = "keras",
        Flux = "flux",
        /// With optax, which has its optimizers and losses.
        Flax = "flax",
    }
}

impl Framework {
    pub fn name(self) -> &'static str {
        match self {
            Framework::Pytorch => "PyTorch",
            Framework::Keras => "Keras",
            Framework::Flux => "Flux",
            Framework::Flax => "Flax",
        }
    }

    /// Its name, of what is its own.
    pub fn possessive(self) -> &'static str {
        match self {
            Framework::Pytorch => "PyTorch's",
            Framework::Keras => "Keras'",
            Framework::Flux => "Flux'",
            Framework::Flax => "Flax'",
        }
    }
}

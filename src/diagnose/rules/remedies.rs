//! How much a fix asks for: of two sets of fixes that are enough, the one that asks for less is named first.

use crate::experiment::Fix;
use crate::experiment::config::{Init, Model};

/// The kinds of fixes, those first that mend what is written down wrongly, those last that pay with more computing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Output, loss, initial values: what could not work.
    Setup,
    Scaling,
    Batches,
    Rate,
    Units,
    Length,
}

/// The highest rank among what a fix sets.
pub fn rank(fix: &Fix) -> Rank {
    let of = |key: &str| match key {
        "data.scale_input" | "data.scale_target" => Rank::Scaling,
        "batch.size" | "batch.draw" => Rank::Batches,
        "model.hidden" | "model.activation" => Rank::Units,
        "train.steps" | "train.epochs" => Rank::Length,
        "optimizer.zero_grad" | "optimizer.without" => Rank::Setup,
        key if key.starts_with("optimizer.") => Rank::Rate,
        _ => Rank::Setup,
    };
    let keys = fix.keys();
    // That batches are smaller and passes are counted is one fix, of batches.
    let batches = keys.iter().any(|key| key.starts_with("batch."));
    keys.iter().map(|key| of(key)).filter(|rank| !(batches && *rank == Rank::Length)).max().unwrap_or(Rank::Setup)
}

/// A patch to usual initial values: Glorot's weights, and biases of 0 where they begin as anything else.
pub fn usual_weights(model: &Model) -> String {
    let biases = if model.bias && model.init_bias != Init::Zeros { "\nmodel.init_bias = \"zeros\"" } else { "" };
    format!("model.init = \"glorot_uniform\"{biases}")
}

/// A patch that makes new units, with initial weights that suit them where those that are there suit no width in particular.
pub fn with_usual_weights(model: &Model, patch: String) -> String {
    match model.init {
        Init::Zeros | Init::Uniform(_) | Init::Normal(_) => format!("{patch}\n{}", usual_weights(model)),
        _ => patch,
    }
}

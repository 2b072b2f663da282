//! Rules of what a training script does beside the network and its loss. They need no training.

use super::before::Setup;
use super::{Certainty, Finding, Found};
use crate::experiment::config::*;
use crate::text::numbers::plural;
use crate::text::numbers::trimmed;

/// More than half of the units dropped.
const STRONG: f64 = 0.5;
/// Units that must be left of a layer on average.
const LEFT: f64 = 4.0;
/// A penalty on the weights that is larger than usual.
const PENALTY: f64 = 1e-3;
/// And one that few losses outweigh.
const HEAVY: f64 = 0.1;

impl Setup<'_> {
    pub(super) fn gradients_add_up(&self) -> Found {
        if self.config.optimizer.zero_grad || self.steps < 2 {
            return Ok(None);
        }
        let evidence = format!(
            "gradients are never zeroed, so an update has the sum of all gradients so far, at the end of {}",
            plural(self.steps, "step", "steps")
        );
        Finding::new("gradients-add-up", "PyTorch: Optimizer.zero_grad, called before each backward", evidence)
            .certainty(Certainty::Certain)
            .fixed_by("zero-grad", "optimizer.zero_grad = true")
    }

    pub(super) fn evaluation_mode(&self) -> Found {
        let Config { train, model, .. } = self.config;
        let drops = model.dropout.iter().any(|share| *share > 0.0);
        let norms = model.norm.contains(&Norm::Batch);
        if train.mode != Mode::Eval || !(drops || norms) {
            return Ok(None);
        }
        let what = match (drops, norms) {
            (true, true) => "dropout drops nothing and batch norm keeps its first statistics",
            (true, false) => "dropout drops nothing",
            _ => "batch norm keeps its first statistics",
        };
        // Without dropout a network may do better.
        let certainty = if norms { Certainty::Likely } else { Certainty::Possible };
        Finding::new(
            "evaluation-mode",
            "PyTorch: Module.train, before training",
            format!("it is trained in evaluation mode: {what}"),
        )
        .certainty(certainty)
        .fixed_by("train-mode", "train.mode = \"train\"")
    }

    pub(super) fn frozen_layers(&self) -> Found {
        let (frozen, without) = (&self.config.model.frozen, &self.config.optimizer.without);
        let layers = self.config.model.hidden.len() + 1;
        let mut still: Vec<usize> = frozen.iter().chain(without).copied().collect();
        still.sort_unstable();
        still.dedup();
        if still.is_empty() {
            return Ok(None);
        }
        let listed = still.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let evidence = format!("of {layers} layers these never change (from 0): {listed}");
        let mut patch = Vec::new();
        if !frozen.is_empty() {
            patch.push("model.frozen = []");
        }
        if !without.is_empty() {
            patch.push("optimizer.without = []");
        }
        let all = still.len() == layers;
        Finding::new("frozen-layers", "defect4ML: parameters that the optimizer does not have", evidence)
            .certainty(if all { Certainty::Certain } else { Certainty::Likely })
            .fixed_by("trained-layers", &patch.join("\n"))
    }

    pub(super) fn strong_dropout(&self) -> Found {
        let Model { dropout, hidden, .. } = &self.config.model;
        let share = dropout.iter().copied().fold(0.0, f64::max);
        if share == 0.0 {
            return Ok(None);
        }
        if let Some(share) = dropout.get(hidden.len()) {
            let evidence = format!(
                "{} % of the outputs are dropped at every step, so what is learnt is not what is put out",
                trimmed(100.0 * share)
            );
            let kept = if dropout[..hidden.len()].iter().all(|share| *share == 0.0) {
                "0".to_owned()
            } else {
                format!("{:?}", &dropout[..hidden.len()])
            };
            return Finding::new("strong-dropout", "UMLAUT: dropout on the logits", evidence)
                .certainty(Certainty::Certain)
                .fixed_by("no-dropout", &format!("model.dropout = {kept}"));
        }
        let few =
            hidden.iter().zip(dropout).find(|(units, share)| **share > 0.0 && **units as f64 * (1.0 - **share) < LEFT);
        let kept: f64 = dropout.iter().map(|share| 1.0 - share).product();
        let (evidence, certainty) = if share > STRONG {
            (format!("{} % of a layer's units are dropped at every step", trimmed(100.0 * share)), Certainty::Likely)
        } else if let Some((units, share)) = few {
            (
                format!("of {units} units {} are left at a step on average", trimmed(*units as f64 * (1.0 - share))),
                Certainty::Possible,
            )
        } else if kept < STRONG {
            (
                format!("through all layers {} % of the paths are left at a step", trimmed(100.0 * kept)),
                Certainty::Possible,
            )
        } else if self.of_numbers() {
            ("dropout adds noise to a number that is to be put out exactly".to_owned(), Certainty::Possible)
        } else {
            return Ok(None);
        };
        Finding::new("strong-dropout", "UMLAUT: dropout above 0.5; Li et al. 2019: variance shift", evidence)
            .certainty(certainty)
            .fixed_by("no-dropout", "model.dropout = 0")
    }

    pub(super) fn penalty(&self) -> Found {
        let Loss { l1, l2, .. } = self.config.loss;
        let keys: Vec<(&str, f64)> = [("l1", l1), ("l2", l2)].into_iter().filter(|(_, of)| *of >= PENALTY).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        let told: Vec<String> = keys.iter().map(|(key, of)| format!("loss.{key} of {}", trimmed(*of))).collect();
        let patch: Vec<String> = keys.iter().map(|(key, _)| format!("loss.{key} = 0.0")).collect();
        let evidence = format!("a {} pulls every weight to 0", told.join(" and a "));
        let heavy = l1.max(l2) >= HEAVY;
        Finding::new("weight-decay", "TheDeepChecker: a penalty larger than the loss", evidence)
            .certainty(if heavy { Certainty::Likely } else { Certainty::Possible })
            .fixed_by("no-penalty", &patch.join("\n"))
    }
}

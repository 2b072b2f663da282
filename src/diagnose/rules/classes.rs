//! Rules of the last layer, the loss and the labels of classes, which must fit one another. They need no training.

use super::before::Setup;
use super::{Certainty, Finding, Found};
use crate::experiment::config::*;
use crate::experiment::framework::Framework;
use crate::experiment::table::Task;
use crate::text::numbers::trimmed;

/// Labels of a row that sum to something else than 1 in so many rows may hold together.
const TOGETHER: f64 = 0.1;
/// Entropy of the classes' shares, beside ln K, under which they are unbalanced.
const UNBALANCED: f64 = 0.5;

impl Setup<'_> {
    /// What the loss takes the labels for, and what they are.
    pub(super) fn labels_against_loss(&self) -> Found {
        let Config { loss, data, model, .. } = self.config;
        let (coding, classes) = (&self.data.coding, self.data.coding.classes());
        if coding.task != Task::Classification {
            return Ok(None);
        }
        let by_row = matches!(loss.kind, LossKind::CrossEntropy | LossKind::Nll);
        let one_softmax = coding.outputs == 1 && matches!(model.output, Output::Softmax | Output::LogSoftmax);
        let (least, most) = crate::stats::moments::range(self.targets.iter().copied());
        let range = || format!("{} to {}", trimmed(least), trimmed(most));
        let finding = |evidence| Finding::new("labels-against-loss", "UMLAUT, NeuraLint: labels and loss", evidence);
        let certain = |evidence| finding(evidence).certainty(Certainty::Certain);
        let scaled = data.scale_target != Scale::Divide(1.0);
        let found = if classes > 2 && coding.outputs == 1 && !one_softmax {
            let evidence =
                format!("{classes} classes are one number, from {}, which a single unit is to put out", range());
            // The number of a class may be learnt as a number, which is another question.
            if by_row || loss.kind == LossKind::Bce { certain(evidence) } else { finding(evidence) }
        } else if by_row && data.labels == Some(Labels::Number) && coding.outputs > 1 {
            certain(format!(
                "the loss is held against the number of each class, from {}, in every unit; it takes a 1 for the class' own unit",
                range()
            ))
        } else if scaled && (by_row || loss.kind == LossKind::Bce) {
            certain(format!("the classes' places are scaled, to {}, which makes others of them", range()))
        } else if loss.kind == LossKind::Bce && (least < 0.0 || most > 1.0) {
            certain(format!("labels are from {}, and the loss takes 0 to 1", range()))
        } else if loss.kind == LossKind::Hinge && least >= 0.0 {
            finding(format!("labels are from {}, and the loss takes −1 and 1", range()))
        } else {
            return Ok(None);
        };
        match loss.kind {
            LossKind::Hinge if classes == 2 => found.fixed_by("plus-minus-labels", "data.labels = \"plus-minus\""),
            _ => self.as_the_task_needs(found),
        }
    }

    /// Outputs that the loss does not take, or that do not suit what is predicted.
    pub(super) fn output_against_loss(&self) -> Found {
        let Config { loss, model, .. } = self.config;
        let coding = &self.data.coding;
        let several = coding.outputs > 1;
        let exclusive = coding.task == Task::Classification;
        if coding.task == Task::Regression || (!several && matches!(model.output, Output::Softmax | Output::LogSoftmax))
        {
            return Ok(None);
        }
        let finding = |evidence: &str| {
            Finding::new(
                "output-against-loss",
                "NeuraLint, AUTOTRAINER: improper activation or loss",
                evidence.to_owned(),
            )
        };
        let certain = |evidence: &str| finding(evidence).certainty(Certainty::Certain);
        let possible = |evidence: &str| finding(evidence).certainty(Certainty::Possible);
        let found = match (model.output, loss.kind) {
            (Output::Relu, LossKind::Bce | LossKind::CrossEntropy | LossKind::Nll) => {
                finding("the output is a ReLU: where it is 0 it has no gradient, and it is no probability")
            }
            (Output::Tanh, LossKind::Bce | LossKind::CrossEntropy) if loss.from != Some(LossInput::Logits) => {
                finding("the output is a tanh, from −1 to 1, and the loss takes probabilities from 0 to 1")
            }
            (Output::Softmax, _) if !exclusive && self.hold_together() => {
                certain("the outputs of a softmax sum to 1, and the labels of a row do not: several may hold, or none")
            }
            (Output::Identity | Output::Sigmoid, LossKind::Nll) => {
                certain("the loss takes logarithms of probabilities, and the outputs are none: it has no minimum")
            }
            (Output::Softmax, LossKind::Nll) => {
                possible("the loss takes logarithms of probabilities, and the outputs are probabilities")
            }
            (Output::Sigmoid, LossKind::CrossEntropy) if several && exclusive => {
                finding("each class has a sigmoid of its own, though just one of them is true")
            }
            (Output::Softmax, LossKind::Bce) if several && exclusive => {
                possible("a softmax says which one class is true, and the loss asks for each class by itself")
            }
            (_, LossKind::Mape) => {
                finding("the loss is a percentage of the target, and of a target of 0 that is infinite")
            }
            (
                Output::Identity | Output::Relu | Output::Tanh,
                LossKind::Mse | LossKind::Sse | LossKind::Mae | LossKind::Huber,
            ) => possible("classes are learnt as numbers, by their distance"),
            (Output::Softmax | Output::Sigmoid, LossKind::Mae) if several => {
                possible("the absolute error of probabilities is least at the most frequent class")
            }
            _ => return Ok(None),
        };
        self.as_the_task_needs(found)
    }

    /// Whether several labels of a row may hold, or none.
    fn hold_together(&self) -> bool {
        let rows = self.data.train.targets.chunks(self.data.train.outputs.max(1));
        let other = rows.clone().filter(|row| row.iter().sum::<f64>() != 1.0).count();
        other as f64 > TOGETHER * rows.len() as f64
    }

    /// With a patch to what the task needs of labels, last layer and loss: softmax and cross-entropy of several classes, a sigmoid
    /// and binary cross-entropy of two by one unit and of labels. It sets what is otherwise.
    fn as_the_task_needs(&self, finding: Finding) -> Found {
        let Config { loss, data, model, framework, .. } = self.config;
        let coding = &self.data.coding;
        let classes = coding.classes();
        let one_unit = coding.outputs == 1 && classes == 2;
        let several = coding.task == Task::Classification && !one_unit;
        let (kind, output, name) = match several {
            true => (LossKind::CrossEntropy, Output::Softmax, "softmax-output"),
            false => (LossKind::Bce, Output::Sigmoid, "sigmoid-output"),
        };
        // Some frameworks' losses of classes take logits alone.
        let by_logits = match loss.from {
            Some(from) if loss.kind == kind => from == LossInput::Logits,
            _ => matches!(framework, Some(Framework::Pytorch | Framework::Flax)),
        };
        let (output, from) = match by_logits {
            true => (Output::Identity, LossInput::Logits),
            false => (output, LossInput::Probabilities),
        };
        let mut patch = Vec::new();
        if model.output != output {
            patch.push(format!("model.output = {:?}", output.word()));
        }
        let units = if several { classes } else { coding.width };
        if model.outputs.is_some_and(|outputs| outputs != units) {
            patch.push("model.outputs = \"auto\"".to_owned());
        }
        if loss.kind != kind {
            patch.push(format!("loss.kind = {:?}", kind.word()));
        }
        if loss.kind != kind || loss.from != Some(from) {
            patch.push(format!("loss.from = {:?}", from.word()));
        }
        let good = match data.labels {
            None | Some(Labels::Index) => true,
            Some(Labels::OneHot) => several || coding.task == Task::MultiLabel,
            Some(Labels::PlusMinus | Labels::Number) => false,
        };
        if !good {
            let labels = if coding.task == Task::MultiLabel { Labels::OneHot } else { Labels::Index };
            patch.push(format!("data.labels = {:?}", labels.word()));
        }
        if data.scale_target != Scale::Divide(1.0) {
            patch.push("data.scale_target = 1.0".to_owned());
        }
        let name = match patch.first() {
            Some(first) if first.starts_with("data.labels") => "class-labels",
            Some(first) if first.starts_with("data.scale_target") => "whole-labels",
            Some(_) if by_logits => "logits",
            _ => name,
        };
        finding.fixed_where(!patch.is_empty(), name, &patch.join("\n"))
    }

    /// Only worth knowing: that a class is rare.
    pub(super) fn unbalanced(&self) -> Found {
        let classes = self.data.coding.classes();
        if self.data.coding.task != Task::Classification || classes < 2 {
            return Ok(None);
        }
        let shares = self.shares(&self.data.train.targets);
        let entropy: f64 = shares.iter().map(|&p| if p > 0.0 { -p * p.ln() } else { 0.0 }).sum();
        let most = shares.iter().copied().fold(0.0, f64::max);
        if entropy >= UNBALANCED * (classes as f64).ln() {
            return Ok(None);
        }
        let rare = shares.iter().copied().fold(1.0, f64::min);
        let random = self.config.data.holdout_rows == Some(HoldoutRows::Random);
        let patch = if random {
            ": data.holdout_rows = \"stratified\" keeps each class' share among the test rows"
        } else {
            ""
        };
        let evidence = format!(
            "the most frequent of {classes} classes has {} % of the training rows, the rarest {} %, so an accuracy says little{patch}",
            trimmed(100.0 * most),
            trimmed(100.0 * rare)
        );
        Ok(Some(Finding::new(
            "unbalanced-classes",
            "TheDeepChecker: entropy of the labels under half of ln K",
            evidence,
        )))
    }

    /// The share of each class among targets.
    pub(super) fn shares(&self, targets: &[f64]) -> Vec<f64> {
        let mut counts = vec![0.0; self.data.coding.classes()];
        for &class in targets {
            if let Some(count) = counts.get_mut(class as usize) {
                *count += 1.0;
            }
        }
        counts.iter().map(|count| count / targets.len().max(1) as f64).collect()
    }
}

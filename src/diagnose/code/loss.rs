//! Losses, in the words of a framework.

use super::{COMPILED, Script, of_rows};
use crate::experiment::config::*;
use crate::experiment::framework::Framework::{Flax, Flux, Keras, Pytorch};

impl Script<'_> {
    /// Whether targets are the places of classes.
    fn sparse(&self) -> bool {
        let Data { labels, target, .. } = &self.config.data;
        let classes = match target {
            Target::Csv { columns, .. } => matches!(columns, TargetColumns::Class(_)),
            Target::Tensors { .. } => true,
            Target::Polynomial { .. } | Target::Formula { .. } => false,
        };
        of_rows(self.config) && classes && matches!(labels, None | Some(Labels::Index))
    }

    pub(super) fn loss(&self) -> Option<String> {
        let loss = &self.config.loss;
        let sum = loss.reduction == Reduction::Sum;
        let line = match self.framework {
            Pytorch => format!("loss = {}", self.loss_of_pytorch(sum)),
            Keras => return Some(format!("loss = {}{COMPILED}", self.loss_of_keras(sum))),
            Flux => format!("loss(model, x, y) = {}", self.loss_of_flux(sum)),
            Flax => format!("loss = {}", self.loss_of_flax(sum)),
        };
        let (line, about) = line.split_once("  # ").unwrap_or((&line, ""));
        let mut line = line.to_owned();
        for (factor, [torch, julia, jax]) in [
            (loss.l1, ["m.weight.abs().sum()", "sum(abs, model[i].weight)", "jnp.abs(w).sum()"]),
            (loss.l2, ["m.weight.square().sum()", "sum(abs2, model[i].weight)", "jnp.square(w).sum()"]),
        ] {
            if factor > 0.0 {
                let places: Vec<String> = self.layers().1.iter().map(|at| (at + 1).to_string()).collect();
                line += &self.word([
                    format!(" + {factor:?} * sum({torch} for m in model.modules() if isinstance(m, nn.Linear))"),
                    String::new(),
                    format!(" + {factor:?} * sum(i -> {julia}, [{}])", places.join(", ")),
                    format!(" + {factor:?} * sum({jax} for w in jax.tree.leaves(params) if w.ndim == 2)"),
                ]);
            }
        }
        let without = (self.says("loss.l1") || self.says("loss.l2")) && loss.l1 == 0.0 && loss.l2 == 0.0;
        let about = match (about, without) {
            ("", true) => "  # no penalty of the weights added".to_owned(),
            ("", false) => String::new(),
            (about, _) => format!("  # {about}"),
        };
        Some(line + &about)
    }

    /// What is the same without the last layer's activation, as a comment; nothing where there is none.
    fn or_logits(&self, name: &str) -> String {
        match self.config.model.output {
            Output::Softmax | Output::Sigmoid => {
                let output = self.output(self.config.model.output).unwrap_or_default();
                let output = output.split('(').next().unwrap_or_default();
                format!("  # the same as {name} with no {output} after the last layer")
            }
            _ => String::new(),
        }
    }

    fn loss_of_pytorch(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let p = if self.says("loss.pairing") { "model(x).squeeze(1)" } else { "model(x)" };
        let [end, reduction, alone] =
            if sum { [".sum()", ", reduction=\"sum\"", "reduction=\"sum\""] } else { [".mean()", "", ""] };
        let sparse = self.sparse();
        match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => format!("F.mse_loss({p}, y{reduction})"),
            (LossKind::Mae, _) => format!("F.l1_loss({p}, y{reduction})"),
            (LossKind::Huber, _) => format!("F.huber_loss({p}, y, delta={:?}{reduction})", loss.delta.unwrap_or(1.0)),
            (LossKind::LogCosh, _) => format!("torch.log(torch.cosh({p} - y)){end}"),
            (LossKind::Mape, _) => format!("(100 * ({p} - y).abs() / y.abs().clamp(min=1e-7)){end}"),
            (LossKind::Poisson, _) => format!("F.poisson_nll_loss({p}, y, log_input=False{reduction})"),
            (LossKind::Hinge, _) => format!("(1 - y * {p}).clamp(min=0){end}"),
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                format!("nn.BCELoss({alone})({p}.exp(), y)")
            }
            (LossKind::Bce, Some(LossInput::Probabilities)) => {
                format!("nn.BCELoss({alone})({p}, y){}", self.or_logits("nn.BCEWithLogitsLoss()"))
            }
            (LossKind::Bce, _) => format!("nn.BCEWithLogitsLoss({alone})({p}, y)"),
            (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => {
                let about = self.or_logits("nn.CrossEntropyLoss()");
                match sparse {
                    true => format!("F.nll_loss(torch.log({p}), y{reduction}){about}"),
                    false => format!("-(y * torch.log({p})).sum(1){end}{about}"),
                }
            }
            (LossKind::CrossEntropy, Some(LossInput::LogProbabilities)) | (LossKind::Nll, _) => match sparse {
                true => format!("F.nll_loss({p}, y{reduction})"),
                false => format!("-(y * {p}).sum(1){end}"),
            },
            (LossKind::CrossEntropy, _) => format!("nn.CrossEntropyLoss({alone})({p}, y)"),
            (LossKind::TorchScript, _) => format!("loss_fn({p}, y)"),
        }
    }

    fn loss_of_keras(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let sparse = self.sparse();
        let [name, own] = match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => ["MeanSquaredError", ""].map(str::to_owned),
            (LossKind::Mae, _) => ["MeanAbsoluteError", ""].map(str::to_owned),
            (LossKind::Huber, _) => ["Huber".to_owned(), format!("delta={:?}", loss.delta.unwrap_or(1.0))],
            (LossKind::LogCosh, _) => ["LogCosh", ""].map(str::to_owned),
            (LossKind::Mape, _) => ["MeanAbsolutePercentageError", ""].map(str::to_owned),
            (LossKind::Poisson, _) => ["Poisson", ""].map(str::to_owned),
            (LossKind::Hinge, _) => ["Hinge", ""].map(str::to_owned),
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                return "lambda y, p: keras.losses.binary_crossentropy(y, keras.ops.exp(p))".to_owned();
            }
            (LossKind::Nll, _) if self.config.model.output != Output::LogSoftmax => {
                let y = match sparse {
                    true => format!("keras.ops.one_hot(keras.ops.reshape(y, -1), {})", self.outputs),
                    false => "y".to_owned(),
                };
                return format!("lambda y, p: -keras.ops.sum({y} * p, axis=-1)");
            }
            (LossKind::TorchScript, _) => return "loss_fn".to_owned(),
            (kind, from) => {
                let name = match (kind, sparse) {
                    (LossKind::Bce, _) => "BinaryCrossentropy",
                    (_, true) => "SparseCategoricalCrossentropy",
                    (_, false) => "CategoricalCrossentropy",
                };
                // Logarithms of probabilities are logits of these.
                let logits = match (from == Some(LossInput::Probabilities), self.says("loss.from")) {
                    (false, _) => "from_logits=True",
                    (true, true) => "from_logits=False",
                    (true, false) => "",
                };
                [name, logits].map(str::to_owned)
            }
        };
        let reduction = if sum { "reduction=\"sum\"" } else { "" };
        let given: Vec<&str> = [own.as_str(), reduction].into_iter().filter(|given| !given.is_empty()).collect();
        format!("keras.losses.{name}({})", given.join(", "))
    }

    fn loss_of_flux(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let agg = if sum { "; agg=sum" } else { "" };
        let of = if sum { "sum" } else { "mean" };
        let p = "model(x)";
        match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => format!("Flux.mse({p}, y{agg})"),
            (LossKind::Mae, _) => format!("Flux.mae({p}, y{agg})"),
            (LossKind::Huber, _) => {
                let agg = if sum { ", agg=sum" } else { "" };
                format!("Flux.huber_loss({p}, y; delta={:?}{agg})", loss.delta.unwrap_or(1.0))
            }
            (LossKind::LogCosh, _) => format!("{of}(log.(cosh.({p} .- y)))"),
            (LossKind::Mape, _) => format!("{of}(100 .* abs.({p} .- y) ./ max.(abs.(y), 1f-7))"),
            (LossKind::Poisson, _) => format!("Flux.poisson_loss({p}, y{agg})"),
            (LossKind::Hinge, _) => format!("Flux.hinge_loss({p}, y{agg})"),
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                format!("Flux.binarycrossentropy(exp.({p}), y{agg})")
            }
            (LossKind::Bce, Some(LossInput::Probabilities)) => format!("Flux.binarycrossentropy({p}, y{agg})"),
            (LossKind::Bce, _) => format!("Flux.logitbinarycrossentropy({p}, y{agg})"),
            (LossKind::CrossEntropy, Some(LossInput::LogProbabilities)) | (LossKind::Nll, _) => {
                format!("-{of}(sum(y .* {p}; dims=1))")
            }
            (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => format!("Flux.crossentropy({p}, y{agg})"),
            (LossKind::CrossEntropy, _) => format!("Flux.logitcrossentropy({p}, y{agg})"),
            (LossKind::TorchScript, _) => format!("loss({p}, y)"),
        }
    }

    fn loss_of_flax(&self, sum: bool) -> String {
        let loss = &self.config.loss;
        let end = if sum { ".sum()" } else { ".mean()" };
        let p = "model.apply(params, x)";
        let p = if self.says("loss.pairing") { format!("{p}.squeeze(1)") } else { p.to_owned() };
        let classes = match self.sparse() {
            true => "softmax_cross_entropy_with_integer_labels",
            false => "softmax_cross_entropy",
        };
        match (loss.kind, loss.from) {
            (LossKind::Mse | LossKind::Sse, _) => format!("optax.squared_error({p}, y){end}"),
            (LossKind::Mae, _) => format!("jnp.abs({p} - y){end}"),
            (LossKind::Huber, _) => format!("optax.huber_loss({p}, y, delta={:?}){end}", loss.delta.unwrap_or(1.0)),
            (LossKind::LogCosh, _) => format!("optax.log_cosh({p}, y){end}"),
            (LossKind::Mape, _) => format!("(100 * jnp.abs({p} - y) / jnp.abs(y).clip(1e-7)){end}"),
            (LossKind::Poisson, _) => format!("(p - y * jnp.log(p)){end}  # p = {p}"),
            (LossKind::Hinge, _) => format!("optax.hinge_loss({p}, y){end}"),
            // The logit of a probability.
            (LossKind::Bce, Some(LossInput::LogProbabilities)) => {
                format!("optax.sigmoid_binary_cross_entropy(jax.scipy.special.logit(jnp.exp({p})), y){end}")
            }
            (LossKind::Bce, Some(LossInput::Probabilities)) => {
                let about = self.or_logits("the loss of model.apply(params, x) itself");
                format!("optax.sigmoid_binary_cross_entropy(jax.scipy.special.logit({p}), y){end}{about}")
            }
            (LossKind::Bce, _) => format!("optax.sigmoid_binary_cross_entropy({p}, y){end}"),
            (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => {
                let about = self.or_logits("the loss of model.apply(params, x) itself");
                format!("optax.{classes}(jnp.log({p}), y){end}{about}")
            }
            (LossKind::Nll, _) if self.sparse() => format!("-jnp.take_along_axis({p}, y[:, None], 1){end}"),
            (LossKind::Nll, _) => format!("-(y * {p}).sum(1){end}"),
            (LossKind::CrossEntropy, _) => format!("optax.{classes}({p}, y){end}"),
            (LossKind::TorchScript, _) => format!("loss_fn({p}, y)"),
        }
    }
}

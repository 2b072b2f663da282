//! Optimizers and schedules, in the words of a framework.

use super::{COMPILED, Script, number};
use crate::experiment::config::*;
use crate::experiment::defaults::Defaults;
use crate::experiment::framework::Framework::{Flax, Flux, Keras, Pytorch};

impl Script<'_> {
    /// Steps of the whole training, in the words of the language.
    fn steps(&self) -> String {
        match (self.config.train.length, self.config.batch.size, self.rows()) {
            (Length::Steps(steps), _, _) | (Length::Epochs(steps), BatchSize::All(_), _) => steps.to_string(),
            (Length::Epochs(epochs), BatchSize::Rows(size), Some(rows)) => {
                epochs.saturating_mul(rows.div_ceil(size)).to_string()
            }
            (Length::Epochs(epochs), BatchSize::Rows(size), None) => {
                self.tables(&format!("{epochs} * -(-len(x) // {size})"), &format!("{epochs} * cld(size(x, 2), {size})"))
            }
        }
    }

    pub(super) fn scheduled(&self) -> Option<String> {
        let Optimizer { schedule, learning_rate: rate, .. } = self.config.optimizer;
        let steps = self.steps();
        let [torch, share] = match schedule {
            Schedule::Constant => return Some(self.optimizer() + "  # no scheduler"),
            Schedule::Linear => [format!("LinearLR(optimizer, 1.0, 0.0, {steps})"), format!("1 - step / ({steps})")],
            Schedule::Cosine => {
                [format!("CosineAnnealingLR(optimizer, {steps})"), format!("(1 + cospi(step / ({steps}))) / 2")]
            }
        };
        Some(match self.framework {
            Pytorch => {
                format!("scheduler = torch.optim.lr_scheduler.{torch}  # scheduler.step() after each optimizer.step()")
            }
            _ => format!("Flux.adjust!(opt_state, {rate:?} * ({share}))  # before each update, step from 0"),
        })
    }

    pub(super) fn clipped(&self, value: bool) -> Option<String> {
        let Optimizer { clip_norm, clip_over, clip_value, .. } = self.config.optimizer;
        let about = "  # between loss.backward() and optimizer.step()";
        Some(match (value, clip_over) {
            (true, _) => format!("nn.utils.clip_grad_value_(model.parameters(), {:?}){about}", clip_value?),
            (false, Some(ClipOver::Each)) => {
                format!("for p in model.parameters(): nn.utils.clip_grad_norm_(p, {:?}){about}", clip_norm?)
            }
            (false, _) => format!("nn.utils.clip_grad_norm_(model.parameters(), {:?}){about}", clip_norm?),
        })
    }

    /// The kind as the framework has it: Adam whose weights decay beside the gradient is AdamW, but in Keras, where all do so.
    fn kind(&self) -> OptimizerKind {
        match self.config.optimizer.kind {
            OptimizerKind::Adam { betas, eps, weight_decay }
                if self.framework != Keras && self.config.optimizer.decoupled() =>
            {
                OptimizerKind::Adamw { betas, eps, weight_decay }
            }
            kind => kind,
        }
    }

    /// The optimizer's own settings that are not the framework's, or that are said.
    fn settings(&self) -> Vec<(String, toml::Value)> {
        let kind = self.kind();
        let usual = OptimizerKind::DEFAULTS.into_iter().find(|(word, _)| *word == kind.word());
        let usual = usual.map_or(kind, |(_, usual)| Defaults(Some(self.framework)).optimizer(usual));
        let [now, usual] = [kind, usual].map(|kind| match toml::Value::try_from(kind) {
            Ok(toml::Value::Table(table)) => table,
            _ => toml::Table::new(),
        });
        let differs = |(key, value): &(String, toml::Value)| {
            usual.get(key) != Some(value) || (key != "kind" && self.says(&format!("optimizer.{key}")))
        };
        now.into_iter().filter(differs).collect()
    }

    pub(super) fn optimizer(&self) -> String {
        let Optimizer { learning_rate: rate, schedule, ref without, .. } = self.config.optimizer;
        let kind = self.kind();
        if self.framework == Flux {
            return self.optimizer_of_flux();
        }
        let mut decay = None;
        let mut given: Vec<String> = Vec::new();
        for (key, value) in self.settings() {
            match (key.as_str(), value, self.framework) {
                ("betas", toml::Value::Array(betas), _) => {
                    let [one, two] = [0, 1].map(|at| betas.get(at).map_or_else(String::new, number));
                    given.push(self.word([
                        format!("betas=({one}, {two})"),
                        format!("beta_1={one}, beta_2={two}"),
                        String::new(),
                        format!("b1={one}, b2={two}"),
                    ]));
                }
                ("nesterov", value, _) => {
                    given.push(format!("nesterov={}", if value.as_bool() == Some(true) { "True" } else { "False" }));
                }
                ("weight_decay", value, Flax) if !matches!(kind, OptimizerKind::Adamw { .. }) => {
                    decay = value.as_float().filter(|decay| *decay > 0.0);
                }
                ("eps", value, Keras) => given.push(format!("epsilon={}", number(&value))),
                ("alpha", value, Keras) => given.push(format!("rho={}", number(&value))),
                ("alpha", value, Flax) => given.push(format!("decay={}", number(&value))),
                (key, value, _) => given.push(format!("{key}={}", number(&value))),
            }
        }
        let steps = self.steps();
        let rate = match (schedule, self.framework) {
            (Schedule::Constant, _) | (_, Pytorch) => format!("{rate:?}"),
            (Schedule::Linear, Keras) => {
                format!("keras.optimizers.schedules.PolynomialDecay({rate:?}, {steps}, 0.0)")
            }
            (Schedule::Cosine, Keras) => format!("keras.optimizers.schedules.CosineDecay({rate:?}, {steps})"),
            (Schedule::Linear, _) => format!("optax.linear_schedule({rate:?}, 0.0, {steps})"),
            (Schedule::Cosine, _) => format!("optax.cosine_decay_schedule({rate:?}, {steps})"),
        };
        let Optimizer { clip_norm, clip_over, clip_value, .. } = self.config.optimizer;
        match self.framework {
            Pytorch => {
                let name = match kind {
                    OptimizerKind::Adam { .. } => "Adam",
                    OptimizerKind::Adamw { .. } => "AdamW",
                    OptimizerKind::Sgd { .. } => "SGD",
                    OptimizerKind::Rmsprop { .. } => "RMSprop",
                };
                let places = self.layers().1;
                let left_out: Vec<String> = without.iter().map(|at| format!("{:?}", places[*at].to_string())).collect();
                let parameters = match without.is_empty() {
                    true => "model.parameters()".to_owned(),
                    false => format!(
                        "[p for name, p in model.named_parameters() if name.split(\".\")[0] not in [{}]]",
                        left_out.join(", ")
                    ),
                };
                given.splice(0..0, [parameters, format!("lr={rate}")]);
                format!("optimizer = torch.optim.{name}({})", given.join(", "))
            }
            Keras => {
                let name = match kind {
                    OptimizerKind::Adam { .. } => "Adam",
                    OptimizerKind::Adamw { .. } => "AdamW",
                    OptimizerKind::Sgd { .. } => "SGD",
                    OptimizerKind::Rmsprop { .. } => "RMSprop",
                };
                given.insert(0, format!("learning_rate={rate}"));
                let over = if clip_over == Some(ClipOver::Each) { "clipnorm" } else { "global_clipnorm" };
                given.extend(clip_norm.map(|norm| format!("{over}={norm:?}")));
                given.extend(clip_value.map(|value| format!("clipvalue={value:?}")));
                format!("optimizer = keras.optimizers.{name}({}){COMPILED}", given.join(", "))
            }
            Flux | Flax => {
                given.insert(0, rate);
                let clip_norm = clip_norm.filter(|_| clip_over != Some(ClipOver::Each));
                let mut chain: Vec<String> =
                    clip_norm.map(|norm| format!("optax.clip_by_global_norm({norm:?})")).into_iter().collect();
                chain.extend(clip_value.map(|value| format!("optax.clip({value:?})")));
                chain.extend(decay.map(|decay| format!("optax.add_decayed_weights({decay:?})")));
                chain.push(format!("optax.{}({})", kind.word(), given.join(", ")));
                match chain.len() {
                    1 => format!("optimizer = {}", chain[0]),
                    _ => format!("optimizer = optax.chain({})", chain.join(", ")),
                }
            }
        }
    }

    fn optimizer_of_flux(&self) -> String {
        let Optimizer { learning_rate: rate, clip_norm, clip_over, clip_value, .. } = self.config.optimizer;
        let kind = self.kind();
        let settings = self.settings();
        let own = |key: &str| settings.iter().any(|(own, _)| own == key);
        let more = |values: &[(&str, String)]| {
            // Positions: what stands before the last one that is given is given too.
            let count = values.iter().rposition(|(key, _)| own(key)).map_or(0, |last| last + 1);
            values[..count].iter().map(|(_, value)| format!(", {value}")).collect::<String>()
        };
        let rule = match kind {
            OptimizerKind::Adam { betas: [one, two], eps, .. } => format!(
                "Adam({rate:?}{})",
                more(&[("betas", format!("({one:?}, {two:?})")), ("eps", format!("{eps:?}"))])
            ),
            OptimizerKind::Adamw { betas: [one, two], eps, weight_decay } => format!(
                "AdamW({rate:?}{})",
                more(&[
                    ("betas", format!("({one:?}, {two:?})")),
                    ("weight_decay", format!("{weight_decay:?}")),
                    ("eps", format!("{eps:?}"))
                ])
            ),
            OptimizerKind::Sgd { momentum, nesterov: true, .. } => format!("Nesterov({rate:?}, {momentum:?})"),
            OptimizerKind::Sgd { momentum: 0.0, .. } => format!("Descent({rate:?})"),
            OptimizerKind::Sgd { momentum, .. } => format!("Momentum({rate:?}, {momentum:?})"),
            OptimizerKind::Rmsprop { alpha, eps, .. } => {
                format!("RMSProp({rate:?}{})", more(&[("alpha", format!("{alpha:?}")), ("eps", format!("{eps:?}"))]))
            }
        };
        let decay = match kind {
            OptimizerKind::Adamw { .. } => 0.0,
            mut kind => *kind.weight_decay_mut(),
        };
        let clip_norm = clip_norm.filter(|_| clip_over == Some(ClipOver::Each));
        let mut chain: Vec<String> = clip_norm.map(|norm| format!("ClipNorm({norm:?})")).into_iter().collect();
        chain.extend(clip_value.map(|value| format!("ClipGrad({value:?})")));
        chain.extend((decay > 0.0).then(|| format!("WeightDecay({decay:?})")));
        chain.push(rule);
        let rule = if chain.len() == 1 { chain.remove(0) } else { format!("OptimiserChain({})", chain.join(", ")) };
        format!("opt_state = Flux.setup({rule}, model)")
    }
}

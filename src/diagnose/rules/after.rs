//! Rules that look at runs that were trained. Each must hold in most of a variant's runs.

use super::before::one_digit;
use super::{Certainty, Finding, Found, usual_weights};
use crate::diagnose::observed::{Measured, Observed};
use crate::experiment::ExperimentError;
use crate::experiment::config::*;
use crate::experiment::table::Task;
use crate::results::outcome::Outcome;
use crate::text::numbers::trimmed;

/// Dead or saturated units are a fault where they are more than half (SageMaker Debugger, DeepDiagnosis).
const HALF: f64 = 0.5;
/// The first layer's gradient beside the last one's (AUTOTRAINER).
const VANISHING_RATIO: f64 = 1e-3;
const VANISHING: f64 = 1e-4;
const EXPLODING_RATIO: f64 = 70.0;
/// Updates beside the parameters (TheDeepChecker: log10 outside [−4, −1]).
pub const SMALL_UPDATES: f64 = 1e-4;
const LARGE_UPDATES: f64 = 1e-1;
/// A loss that falls faster than with the tenth root of the steps has not ended.
const FALLING: f64 = -0.1;
/// Test error beside the training error, as mean squares.
const OVERFIT: f64 = 10.0;
/// Or a test error this much above its lowest, beside a training loss this far below the test loss.
const TURNED: f64 = 1.1;
const LEARNT_BY_HEART: f64 = 2.0;

/// Everything that a rule finds in a variant's runs.
pub fn findings(measured: &Measured) -> Result<Vec<Finding>, ExperimentError> {
    let rules: [fn(&Measured) -> Found; 12] = [
        zero_gradient,
        silent_output,
        far_start,
        dead_units,
        rate_kills_units,
        vanishing_gradient,
        exploding_gradient,
        saturated_units,
        identical_units,
        behaviour,
        update_ratio,
        still_falling,
    ];
    // A symptom may have many causes.
    let symptom = |f: Finding| {
        let f = f.possible_for(&measured.config.model);
        Finding { seen_in: measured.name.clone(), certainty: Certainty::Possible, ..f }
    };
    let mut found = Vec::new();
    for rule in rules {
        found.extend(rule(measured)?.map(symptom));
    }
    found.extend(overfitting(measured)?.into_iter().map(symptom));
    Ok(found)
}

fn seeds(measured: &Measured, is: impl Fn(&Observed) -> bool) -> String {
    format!("on {} of {} seeds", measured.count(is), measured.runs.len())
}

/// Whether the gradient is exactly 0 at every logged step.
pub fn without_gradient(run: &Observed) -> bool {
    !run.curve.is_empty() && run.curve.iter().all(|point| point.grad_norm == 0.0)
}

fn dead(run: &Observed) -> f64 {
    run.curve.last().map_or(0.0, |point| point.dead_units)
}

fn relu(model: &Model) -> bool {
    model.activation.contains(&Activation::Relu)
}

fn zero_gradient(measured: &Measured) -> Found {
    if !measured.mostly(without_gradient) {
        return Ok(None);
    }
    let evidence = format!(
        "the gradient is exactly 0 at every logged step {}: no parameter ever moves",
        seeds(measured, without_gradient)
    );
    let finding = Finding::new("zero-gradient", "a gradient of 0 at every step", evidence);
    let model = &measured.config.model;
    let curable = relu(model) && measured.mostly(|run| dead(run) == 1.0);
    finding.fixed_where(curable, "leaky-units", "model.activation = \"leaky_relu\"")
}

fn dead_units(measured: &Measured) -> Found {
    let is = |run: &Observed| dead(run) > HALF && !run.diverged();
    if !relu(&measured.config.model) || !measured.mostly(is) {
        return Ok(None);
    }
    let evidence = format!(
        "{} % of the hidden units put out 0 for every test point at the end (median), more than half {}",
        trimmed(100.0 * measured.median(dead)),
        seeds(measured, is)
    );
    Finding::new("dead-units", "SageMaker Debugger: more than 50 % dead", evidence)
        .fixed_by("leaky-units", "model.activation = \"leaky_relu\"")
}

fn silent_output(measured: &Measured) -> Found {
    // Of classes what is 0 everywhere leaves them equally likely.
    let silent = |run: &Observed| {
        let (low, high) = (run.health.prediction_min, run.health.prediction_max);
        if measured.of_numbers() { low == 0.0 && high == 0.0 } else { low == high }
    };
    if measured.config.model.output != Output::Relu || measured.count(silent) == 0 {
        return Ok(None);
    }
    let evidence = format!(
        "the ReLU at the output is below 0 for every test point {}, where it has no gradient",
        seeds(measured, silent)
    );
    let finding = Finding::new("silent-output", "SageMaker Debugger: a dead ReLU", evidence);
    match measured.config.loss.kind {
        LossKind::Bce => finding.fixed_by("sigmoid-output", "model.output = \"sigmoid\""),
        LossKind::CrossEntropy | LossKind::Nll => finding.fixed_by("softmax-output", "model.output = \"softmax\""),
        _ => finding.fixed_by("linear-output", "model.output = \"identity\""),
    }
}

/// Predictions that begin this many times as far off as always 0 is.
const FAR_OFF: f64 = 10.0;

fn far_start(measured: &Measured) -> Found {
    let off = |run: &Observed| run.curve.first().map_or(f64::NAN, |point| point.test_rmse) / run.health.zero_rmse;
    let is = |run: &Observed| off(run) > FAR_OFF;
    let model = &measured.config.model;
    if !measured.mostly(is) || !measured.of_numbers() {
        return Ok(None);
    }
    let evidence = format!(
        "before the first update the error is {} times that of always 0 (median): the outputs begin far from the targets",
        trimmed(measured.median(off))
    );
    let by_numbers = matches!(model.init, Init::Uniform(_) | Init::Normal(_));
    Finding::new("far-start", "TheDeepChecker: the loss at the start", evidence).fixed_where(
        by_numbers,
        "glorot-weights",
        &usual_weights(model),
    )
}

fn rate_kills_units(measured: &Measured) -> Found {
    let first = |run: &Observed| run.curve.first().map_or(f64::NAN, |point| point.dead_units);
    let is = |run: &Observed| first(run) <= HALF && dead(run) > HALF && !run.diverged();
    if !relu(&measured.config.model) || !measured.mostly(is) {
        return Ok(None);
    }
    let rate = measured.config.optimizer.learning_rate;
    let evidence = format!(
        "{} % of the hidden units put out 0 for every test point before the first update, {} % after the last (medians): updates at a rate of {} kill them",
        trimmed(100.0 * measured.median(first)),
        trimmed(100.0 * measured.median(dead)),
        trimmed(rate)
    );
    Finding::new("rate-kills-units", "SageMaker Debugger: more than 50 % dead", evidence)
        .fixed_by("lower-rate", &format!("optimizer.learning_rate = {:?}", one_digit(rate / 10.0)))
}

fn vanishing_gradient(measured: &Measured) -> Found {
    let vanishes = |ratio: f64, first: f64, last: f64| ratio < VANISHING_RATIO && first < VANISHING && last > 0.0;
    let is = |Observed { health: h, .. }: &Observed| {
        vanishes(h.start_grad_ratio, h.start_grad_first, h.start_grad_last)
            || vanishes(h.grad_ratio, h.grad_first, h.grad_last)
    };
    let model = &measured.config.model;
    if model.hidden.is_empty() || !measured.mostly(is) || measured.enough() {
        return Ok(None);
    }
    let evidence = format!(
        "the first layer's gradient is {} at the start and {} at the end, {} and {} times the last layer's (medians)",
        trimmed(measured.median(|run| run.health.start_grad_first)),
        trimmed(measured.median(|run| run.health.grad_first)),
        trimmed(measured.median(|run| run.health.start_grad_ratio)),
        trimmed(measured.median(|run| run.health.grad_ratio))
    );
    let finding = Finding::new("vanishing-gradient", "AUTOTRAINER: ratio < 1e-3 and norm < 1e-4", evidence);
    let curable = model.activation.iter().any(|a| matches!(a, Activation::Sigmoid | Activation::Tanh));
    finding.fixed_where(curable, "relu-units", "model.activation = \"relu\"")
}

fn exploding_gradient(measured: &Measured) -> Found {
    let lost = |run: &Observed| run.curve.iter().any(|point| !point.grad_norm.is_finite());
    let is = |run: &Observed| {
        run.health.start_grad_ratio > EXPLODING_RATIO || run.health.grad_ratio > EXPLODING_RATIO || lost(run)
    };
    if measured.config.model.hidden.is_empty() || !measured.mostly(is) {
        return Ok(None);
    }
    let evidence = format!(
        "the first layer's gradient is over {EXPLODING_RATIO} times the last one's, or not finite, {}; not finite {}",
        seeds(measured, is),
        seeds(measured, lost)
    );
    Ok(Some(Finding::new("exploding-gradient", "AUTOTRAINER: ratio > 70 or NaN", evidence)))
}

fn saturated_units(measured: &Measured) -> Found {
    let is = |run: &Observed| run.health.saturated_units > HALF;
    let model = &measured.config.model;
    let hidden = model.activation.iter().any(|a| matches!(a, Activation::Sigmoid | Activation::Tanh));
    // An output that is sure of its class is what is wanted.
    if !measured.mostly(is) || !(hidden || measured.of_numbers()) {
        return Ok(None);
    }
    let evidence = format!(
        "{} % of the sigmoid and tanh units are beyond ±5 for most test points (median)",
        trimmed(100.0 * measured.median(|run| run.health.saturated_units))
    );
    let finding = Finding::new("saturated-units", "DeepDiagnosis: beyond ±5 for more than 50 %", evidence);
    finding.fixed_where(hidden, "relu-units", "model.activation = \"relu\"")
}

fn identical_units(measured: &Measured) -> Found {
    let is = |run: &Observed| run.health.identical_units > HALF;
    if !measured.mostly(is) {
        return Ok(None);
    }
    let evidence = format!(
        "{} % of the hidden units put out what another one does, for every test point (median)",
        trimmed(100.0 * measured.median(|run| run.health.identical_units))
    );
    Finding::new("identical-units", "Goodfellow et al. 2016, Deep Learning, §8.4: symmetry of units", evidence)
        .fixed_by("random-weights", "model.init = \"glorot_uniform\"")
}

/// The step of the lowest test error, that error, and the last one.
fn best_and_last(run: &Observed) -> [f64; 3] {
    let best = run.curve.iter().filter(|p| p.step > 0).min_by(|a, b| a.test_rmse.total_cmp(&b.test_rmse));
    best.map_or([f64::NAN; 3], |best| [best.step as f64, best.test_rmse, run.run.test_rmse])
}

/// One finding for each way to learn less by heart.
fn overfitting(measured: &Measured) -> Result<Vec<Finding>, ExperimentError> {
    let config = &measured.config;
    // Some losses go below 0, where no ratio says anything.
    let gap = |run: &Observed| match run.curve.last() {
        Some(point) if point.train_loss >= 0.0 => point.test_loss / point.train_loss,
        _ => f64::NAN,
    };
    let turned = |run: &Observed| {
        let [_, best, last] = best_and_last(run);
        last > TURNED * best && gap(run) > LEARNT_BY_HEART
    };
    let is = |run: &Observed| (gap(run) > OVERFIT || turned(run)) && !run.diverged();
    if measured.training_error || measured.enough() || !measured.mostly(is) {
        return Ok(Vec::new());
    }
    let of = |nth: usize| measured.median(|run| best_and_last(run)[nth]);
    let on = measured.on();
    let (step, steps) = (of(0), measured.median(|run| run.run.steps as f64));
    let turns = match step < steps {
        true => format!(
            "the lowest {on} RMSE is {} after {} steps, {} after all {}; ",
            trimmed(of(1)),
            trimmed(step),
            trimmed(of(2)),
            trimmed(steps)
        ),
        false => String::new(),
    };
    let evidence = format!(
        "{turns}at the end the {on} loss is {} times the training loss (medians)",
        trimmed(measured.median(gap))
    );
    let finding = || {
        Finding::new(
            "overfitting",
            "AUTOTRAINER, UMLAUT: the test loss rises while the training loss falls",
            evidence.clone(),
        )
    };
    let mut found = Vec::new();
    if matches!(config.data.inputs, Some(Inputs::Uniform(_))) && config.batch.draw != Draw::Fresh {
        found.extend(finding().fixed_by("fresh-batches", "batch.draw = \"fresh\"")?);
    }
    if step >= 1.0 && step < steps {
        let patch = match config.train.length {
            Length::Steps(_) => format!("train.steps = {}", step.round()),
            Length::Epochs(epochs) => format!("train.epochs = {}", (epochs as f64 * step / steps).ceil().max(1.0)),
        };
        found.extend(finding().fixed_by("fewer-steps", &patch)?);
    }
    if config.model.hidden.iter().any(|units| *units >= 8) {
        let hidden: Vec<usize> = config.model.hidden.iter().map(|&units| (units / 4).max(2).min(units)).collect();
        found.extend(finding().fixed_by("smaller-network", &format!("model.hidden = {hidden:?}"))?);
    }
    // AdamW's is decoupled, and acts through the rate.
    let (now, decay) = match config.optimizer.kind {
        OptimizerKind::Adamw { weight_decay, .. } => (weight_decay, 1.0),
        OptimizerKind::Adam { weight_decay, .. }
        | OptimizerKind::Sgd { weight_decay, .. }
        | OptimizerKind::Rmsprop { weight_decay, .. } => (weight_decay, 1e-2),
    };
    if now < decay {
        found.extend(finding().fixed_by("weight-decay", &format!("optimizer.weight_decay = {decay:?}"))?);
    }
    Ok(found)
}

/// Only worth knowing: as what the network behaves, and how large its steps are.
fn behaviour(measured: &Measured) -> Found {
    let rows = |outcome: Outcome| move |run: &Observed| run.run.outcome == outcome;
    let updates = update_size(measured);
    let size = match updates {
        size if size > LARGE_UPDATES => ", which is much",
        size if size < SMALL_UPDATES => ", which is little",
        _ => "",
    };
    let about_updates = match updates {
        size if size.is_nan() => String::new(),
        _ => format!("; an update is {} of the parameters (median){size}", trimmed(updates)),
    };
    let (rule, source, evidence) = if measured.mostly(rows(Outcome::Diverged)) {
        let evidence =
            format!("the loss grows or is not finite {}{about_updates}", seeds(measured, rows(Outcome::Diverged)));
        ("diverges", "TheDeepChecker: loss at least twice its start, NaN or inf", evidence)
    } else if measured.mostly(rows(Outcome::Constant)) {
        let same = "behaves-as-a-constant";
        let (rule, source, says) = match (measured.task, measured.targets) {
            (Task::Regression, 1)
                if measured.mostly(|run| run.health.prediction_std > 0.01 * run.health.target_std) =>
            {
                (
                    "no-better-than-a-constant",
                    "outcome constant: no better than always the mean",
                    format!(
                        "{}, always the mean {} (medians)",
                        measured.error(trimmed),
                        trimmed(measured.median(|run| run.health.mean_rmse))
                    ),
                )
            }
            (Task::Regression, 1) => (
                same,
                "outcome constant: a spread under 1 % of the targets'",
                format!(
                    "the predictions' standard deviation is {}, the targets' {} (medians)",
                    trimmed(measured.median(|run| run.health.prediction_std)),
                    trimmed(measured.median(|run| run.health.target_std))
                ),
            ),
            (Task::Regression, _) => (
                same,
                "outcome constant: a spread under 1 % of the targets', in every output",
                format!("every row is predicted the same, or nearly so, {}", seeds(measured, rows(Outcome::Constant))),
            ),
            _ => (
                if measured.mostly(of_one_class) { "one-class-only" } else { same },
                "outcome constant: the same classes for every row, or no better than their shares",
                format!(
                    "{}, always {} has {}; log-loss {}, {} have {} (medians)",
                    measured.error(trimmed),
                    measured.most_frequent(),
                    trimmed(measured.median(|run| run.health.majority_share)),
                    trimmed(measured.median(|run| run.health.log_loss)),
                    measured.shares(),
                    trimmed(measured.median(|run| run.health.shares_log_loss))
                ),
            ),
        };
        (rule, source, format!("{says}{about_updates}"))
    } else if measured.mostly(rows(Outcome::Line)) {
        let error = measured.error(trimmed);
        match measured.of_numbers() {
            true => {
                let line = trimmed(measured.median(|run| run.health.line_rmse));
                let evidence = format!("{error}, the best straight line's {line} (medians){about_updates}");
                // Near the line, or far above it.
                let far = measured.test_rmse() > 1.1 * measured.median(|run| run.health.line_rmse);
                let rule = if far { "worse-than-a-line" } else { "behaves-as-a-line" };
                (rule, "outcome line: no better than the best straight line", evidence)
            }
            false => {
                let line = measured.median(|run| run.health.line_accuracy);
                let evidence = format!("{error}, a logistic regression's {} (medians){about_updates}", trimmed(line));
                let wrong = |right: f64| 1.0 - right;
                let far = wrong(measured.median(|run| run.run.accuracy)) > 1.1 * wrong(line);
                let rule = if far { "worse-than-a-line" } else { "behaves-as-a-line" };
                (rule, "outcome line: no better than a logistic regression", evidence)
            }
        }
    } else {
        return Ok(None);
    };
    Ok(Some(Finding::new(rule, source, evidence)))
}

/// Whether every test point is predicted as the same class.
fn of_one_class(run: &Observed) -> bool {
    run.health.predicted_shares.contains(&1.0)
}

/// Updates that are far larger or smaller than usual beside the parameters. Other rates are tried whatever it says.
fn update_ratio(measured: &Measured) -> Found {
    let size = update_size(measured);
    let (what, other) = match size {
        size if size > LARGE_UPDATES => ("more than a tenth", "lower"),
        size if size < SMALL_UPDATES => ("less than a ten-thousandth", "higher"),
        _ => return Ok(None),
    };
    // What has no gradient has updates of 0 whatever the rate, and what fits has reached its end.
    if measured.enough() || measured.mostly(without_gradient) || size == 0.0 {
        return Ok(None);
    }
    let rate = trimmed(measured.config.optimizer.learning_rate);
    let evidence = format!(
        "an update is {} of the parameters (median), {what}, at a rate of {rate}: set optimizer.learning_rate {other}",
        trimmed(size)
    );
    Ok(Some(Finding::new("update-ratio", "TheDeepChecker: updates of 1e-4 to 1e-1 of the parameters", evidence)))
}

/// Whether a run's test loss has not ended falling, and more of that is wanted.
pub fn still_falls(measured: &Measured, run: &Observed) -> bool {
    let wanted = run.goal_r2().filter(|_| measured.of_numbers());
    match wanted {
        Some(_) => missing_steps(measured, run) > 1.0,
        None => falls(run) && run.run.outcome != Outcome::Fits,
    }
}

fn falls(run: &Observed) -> bool {
    run.health.loss_slope < FALLING && !run.diverged()
}

/// How many times the steps a run would need, if its error went on falling as a power of the steps; NaN if it does not fall,
/// and where what is wanted is no R² of numbers.
fn missing_steps(measured: &Measured, run: &Observed) -> f64 {
    let slope = run.health.loss_slope;
    match run.goal_r2() {
        Some(goal) if falls(run) && measured.of_numbers() => ((1.0 - goal) / (1.0 - run.run.r2)).powf(1.0 / slope),
        _ => f64::NAN,
    }
}

/// An update beside the parameters, the median over the steps and then the seeds. An update that is not a number counts as
/// infinite; left out are the last row, which no update follows, and 0/0, of parameters that are all 0 and stay so.
pub fn update_size(measured: &Measured) -> f64 {
    measured.median(|run| {
        let updates = &run.curve[..run.curve.len().saturating_sub(1)];
        let ratios = updates.iter().map(|point| match point.update_ratio {
            ratio if ratio.is_nan() && !point.grad_norm.is_finite() => f64::INFINITY,
            ratio => ratio,
        });
        let ratios = ratios.filter(|ratio| !ratio.is_nan());
        crate::report::summary::Middle::of(ratios).map_or(f64::NAN, |middle| middle.median)
    })
}

fn still_falling(measured: &Measured) -> Found {
    if measured.enough() || !measured.mostly(|run| still_falls(measured, run)) {
        return Ok(None);
    }
    let steps = measured.median(|run| run.run.steps as f64);
    let times = measured.median(|run| match missing_steps(measured, run) {
        times if times.is_nan() => f64::INFINITY,
        times => times,
    });
    // How a loss and an accuracy go together nothing says.
    let goal = Some(measured.median(|run| run.health.goal_r2)).filter(|goal| !goal.is_nan() && measured.of_numbers());
    let guess = goal.map(|goal| match times {
        times if times < 30.0 => {
            let more = trimmed(((times - 1.0) * steps).ceil());
            format!(": R² {} is {more} more steps away, if it goes on so", trimmed(goal))
        }
        _ => format!(": far from R² {}", trimmed(goal)),
    });
    let evidence = format!(
        "after {} steps the {} loss still falls as steps^{} (median){}",
        trimmed(steps),
        measured.on(),
        trimmed(measured.median(|run| run.health.loss_slope)),
        guess.unwrap_or_default()
    );
    Ok(Some(Finding::new("still-falling", "power law through the second half of the curve", evidence)))
}

//! The fused engine held to the torch engine: their first steps from the same parameters on the same batches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Result, anyhow, bail};
use tch::Device;

use super::engine::{Engine, Lane, State};
use super::fused::Fused;
use super::shape::Shape;
use super::subnormals::Flushed;
use super::torch::Torch;
use crate::experiment::config::{BatchSize, LossKind, Reduction};
use crate::results::manifest::Deviation;

/// Steps that are computed by both.
pub const STEPS: usize = 3;

/// The largest relative deviation that passes. Both engines round in f32, and differ by some 1e-6 where nothing cancels.
pub const BOUND: f64 = 1e-3;

/// Where terms cancel, the rest of them is rounding. A gradient may then be this many times as far from the gradient in f64
/// as libtorch's own is.
const TIMES_LIBTORCH: f64 = 100.0;

/// An update that is off by more than this, relative to all updates of the step, is another rule's or another rate's.
const UPDATE_BOUND: f64 = 2e-2;

/// Beyond this a loss is near the end of an f32, and so is the square of a gradient or of a parameter beyond the second:
/// there one engine may overflow before the other.
const LARGE: f32 = 1e30;
const LARGE_ROOT: f32 = 1e18;

/// Numbers that the torch engine keeps of a batch, at most: of larger ones both take the first rows only.
const MOST_NUMBERS: usize = 16 << 20;

/// What came of a shape's first steps, once it is known.
type Found = Arc<OnceLock<Result<Deviation, String>>>;

/// The shapes whose first steps were computed by both engines.
#[derive(Default)]
pub struct Agreements(Mutex<BTreeMap<Shape, Found>>);

impl Agreements {
    /// Compares a shape's first steps, if that was not done yet; waits while another thread does it.
    pub fn check(&self, lane: &Lane) -> Result<()> {
        let shape = lane.shape()?;
        let of_shape = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(shape).or_default().clone();
        let found = of_shape.get_or_init(|| check(lane).map_err(|error| format!("{error:#}")));
        found.as_ref().map(drop).map_err(|said| anyhow!("{said}"))
    }

    /// The largest deviation of all.
    pub fn largest(&self) -> Option<Deviation> {
        let shapes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shapes.values().filter_map(|found| found.get()?.as_ref().ok().copied()).reduce(Deviation::max)
    }
}

/// By how much the fused engine's first steps of this lane differ from the torch engine's; an error beyond [`BOUND`].
pub fn check(lane: &Lane) -> Result<Deviation> {
    let mut lane = lane.clone();
    let most = (MOST_NUMBERS / lane.widths().iter().sum::<usize>()).max(1);
    if lane.batch_rows()? > most {
        lane.config.batch.size = BatchSize::Rows(most);
    }
    let block = std::slice::from_ref(&lane);
    compare(&lane, &mut Fused::new(&lane)?, &mut Torch::new(block, Device::Cpu)?)
}

/// The same of any engine, which stands at the beginning.
pub fn compare(lane: &Lane, ours: &mut dyn Engine, libtorch: &mut Torch) -> Result<Deviation> {
    let _flushed = Flushed::new();
    let mut worst = Deviation::default();
    // Whether an element's gradient was so far the same to three digits: Adam takes the sign of one that is only rounding.
    let mut sound: Vec<Vec<bool>> = Vec::new();
    // What the next gradient is added to, where gradients add up.
    let mut kept: Vec<Vec<f32>> = Vec::new();
    for step in 0..STEPS.min(lane.steps()?) {
        let [begin, _] = one(ours.state()?)?.whole();
        // The same parameters at every step, so that nothing adds up.
        libtorch.set_parameters(&begin)?;
        let losses = [one(ours.gradient(true)?)?, one(libtorch.gradient(true)?)?];
        if !losses[1].is_finite() || losses[1].abs() > LARGE {
            break;
        }
        let [a, b] = losses.map(f64::from);
        let mut loss = relative((a - b).abs(), b.abs());
        if exceeds(loss) {
            let (exact, _) = exact(lane, step, &begin)?;
            let scale = b.abs() + (TIMES_LIBTORCH * (b - exact).abs() + rounding(lane)) / BOUND;
            loss = relative((a - exact).abs(), scale);
        }
        worst.loss = worst.loss.max(loss);
        if exceeds(loss) {
            bail!(disagree(lane, step, "loss", a, b)?);
        }

        // Of residuals that are only rounding, the gradient is no more: of an absolute error, the mean of random signs.
        if b.abs() <= TIMES_LIBTORCH * rounding(lane) {
            break;
        }

        let states = [one(ours.state()?)?, one(libtorch.state()?)?];
        let [[_, gradient], [_, reference]] = states.map(State::whole);
        if [&begin, &reference].into_iter().flatten().flatten().any(|value| value.abs() > LARGE_ROOT) {
            break;
        }
        // Where both have NaN, the rest is still to be compared with something.
        let whole = norm(reference.iter().flatten().copied().filter(|value| value.is_finite()));
        let off = |of: &[Vec<f32>], from: &[Vec<f32>]| -> Vec<f64> {
            of.iter().zip(from).map(|(of, from)| norm(differences(of, from))).collect()
        };
        let by_tensor = off(&gradient, &reference);
        let mut deviations: Vec<f64> = by_tensor.iter().map(|&off| relative(off, whole)).collect();
        if deviations.iter().copied().any(exceeds) {
            let (_, mut exact) = exact(lane, step, &begin)?;
            let pairs = exact.iter_mut().flatten().zip(kept.iter().flatten());
            pairs.for_each(|(exact, kept)| *exact += kept);
            let terms = f64::from(f32::EPSILON) * (b.abs() + b.abs().sqrt());
            let scale = |theirs: f64, jump: f64| whole + TIMES_LIBTORCH / BOUND * (theirs + terms + jump);
            let (ours, theirs) = (off(&gradient, &exact), off(&reference, &exact));
            let jumps = jumps(lane, step, &begin)?.into_iter().chain(std::iter::repeat(0.0));
            let triples = ours.into_iter().zip(theirs).zip(jumps);
            deviations = triples.map(|((ours, theirs), jump)| relative(ours, scale(theirs, jump))).collect();
        }
        for (at, &deviation) in deviations.iter().enumerate() {
            if exceeds(deviation) {
                let what = format!("gradient of {}", State::name(at, &lane.config.model));
                let [a, b] = farthest(&gradient[at], &reference[at]);
                bail!(disagree(lane, step, &what, a, b)?);
            }
            worst.gradient = worst.gradient.max(deviation);
        }
        let same = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs();
        let now = gradient.iter().zip(&reference).map(|(a, b)| a.iter().zip(b).map(same).collect::<Vec<_>>());
        sound = match sound.is_empty() {
            true => now.collect(),
            false => {
                sound.iter().zip(now).map(|(old, now)| old.iter().zip(now).map(|(a, b)| *a && b).collect()).collect()
            }
        };

        ours.update(false)?;
        libtorch.update(false)?;
        let states = [one(ours.state()?)?, one(libtorch.state()?)?];
        let [[parameters, _], [reference, left]] = states.map(State::whole);
        if !lane.config.optimizer.zero_grad {
            kept = left;
        }
        // An optimizer without an eps makes NaN of a gradient of 0, in both.
        let whole = norm(reference.iter().flatten().copied().filter(|value| value.is_finite()));
        let moved = |(after, before): (&Vec<f32>, &Vec<f32>)| differences(after, before).collect::<Vec<_>>();
        let moved = norm(reference.iter().zip(&begin).flat_map(moved).filter(|change| change.is_finite()));
        let bound = UPDATE_BOUND * moved + 4.0 * f64::from(f32::EPSILON) * whole;
        for (at, ((a, b), sound)) in parameters.iter().zip(&reference).zip(&sound).enumerate() {
            let pick =
                |of: &[f32]| -> Vec<f32> { of.iter().zip(sound).filter(|(_, s)| **s).map(|(v, _)| *v).collect() };
            let (a, b) = (pick(a), pick(b));
            let off = norm(differences(&a, &b));
            worst.parameters = worst.parameters.max(relative(off, whole));
            if exceeds(relative(off, whole)) || off > bound {
                let [a, b] = farthest(&a, &b);
                bail!(disagree(lane, step, &State::name(at, &lane.config.model), a, b)?);
            }
        }
    }
    Ok(worst)
}

/// The loss and its gradient of a lane's batch number `step` in f64.
fn exact(lane: &Lane, step: usize, parameters: &[Vec<f32>]) -> Result<(f64, Vec<Vec<f32>>)> {
    let mut lane = lane.clone();
    lane.config.optimizer.zero_grad = true;
    let mut engine = Torch::in_f64(std::slice::from_ref(&lane), Device::Cpu)?;
    engine.set_parameters(parameters)?;
    let mut loss = f64::NAN;
    for _ in 0..=step {
        loss = f64::from(one(engine.gradient(true)?)?);
    }
    let [_, gradient] = one(engine.state()?)?.whole();
    Ok((loss, gradient))
}

/// By how much each tensor's gradient jumps as shifts of norms move by almost nothing; empty where there is no norm. Of a unit
/// that is the same in all rows a norm leaves the shift, and libtorch rounding beside it: where a ReLU has its kink there, either
/// side's gradient is as good.
fn jumps(lane: &Lane, step: usize, parameters: &[Vec<f32>]) -> Result<Vec<f64>> {
    /// More than what is rounded in f64, and less than what an update is.
    const ALMOST_NOTHING: f32 = 1e-6;
    let model = &lane.config.model;
    if model.normed().next().is_none() {
        return Ok(Vec::new());
    }
    let layers = (model.hidden.len() + 1) * (1 + usize::from(model.bias));
    let beside = |by: f32| {
        let mut parameters = parameters.to_vec();
        parameters.iter_mut().skip(layers + 1).step_by(2).flatten().for_each(|shift| *shift += by);
        exact(lane, step, &parameters)
    };
    let ((_, below), (_, above)) = (beside(-ALMOST_NOTHING)?, beside(ALMOST_NOTHING)?);
    Ok(below.iter().zip(&above).map(|(below, above)| norm(differences(below, above))).collect())
}

/// The loss that rounding alone makes: of residuals, as those of a network that predicts every target; or of probabilities,
/// which are rounded about 1, and which neither tells from certainty.
fn rounding(lane: &Lane) -> f64 {
    let (loss, coding) = (&lane.config.loss, &lane.data.coding);
    let of_rows = matches!(loss.kind, LossKind::CrossEntropy | LossKind::Nll);
    let least = if of_rows || loss.kind == LossKind::Bce { 1.0 } else { 0.0 };
    let targets = lane.data.coded_targets(&lane.data.train);
    // The places of classes are no sizes.
    let sizes = if coding.sparse { &[][..] } else { &targets };
    let largest = sizes.iter().fold(least, |most, y| f64::from(y.abs()).max(most));
    let residual = 16.0 * f64::from(f32::EPSILON) * largest;
    let one = if matches!(loss.kind, LossKind::Mse | LossKind::Sse) { residual * residual } else { residual };
    match loss.reduction {
        Reduction::Mean => one,
        Reduction::Sum if of_rows => one * lane.data.train.rows() as f64,
        Reduction::Sum => one * (lane.data.train.rows() * coding.outputs) as f64,
    }
}

/// NaN where only one of them is a number.
fn exceeds(deviation: f64) -> bool {
    deviation.is_nan() || deviation > BOUND
}

fn relative(off: f64, of: f64) -> f64 {
    if off == 0.0 { 0.0 } else { off / of }
}

fn norm(values: impl IntoIterator<Item = f32>) -> f64 {
    values.into_iter().map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

/// 0 where both are NaN or the same infinity.
fn differences(a: &[f32], b: &[f32]) -> impl Iterator<Item = f32> {
    a.iter().zip(b).map(|(a, b)| if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { a - b })
}

/// The two numbers at the place where they differ most.
fn farthest(a: &[f32], b: &[f32]) -> [f64; 2] {
    let off = differences(a, b).map(f32::abs).enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    off.map_or([f64::NAN; 2], |(at, _)| [f64::from(a[at]), f64::from(b[at])])
}

fn one<T>(mut of_each_lane: Vec<T>) -> Result<T> {
    match of_each_lane.pop() {
        Some(only) => Ok(only),
        None => bail!("an engine returned nothing for its lane"),
    }
}

fn disagree(lane: &Lane, step: usize, what: &str, ours: f64, libtorchs: f64) -> Result<String> {
    let config = &lane.config;
    let widths: Vec<String> = lane.widths().iter().map(ToString::to_string).collect();
    let activations: Vec<&str> = config.model.activation.iter().map(|a| a.word()).collect();
    Ok(format!(
        "the fused engine and libtorch disagree at step {step} of a {} network ({}; output {}, loss {}, {}, batches of {}): {what}: {ours:?} and {libtorchs:?}: train with --engine torch, and report this line",
        widths.join("–"),
        if activations.is_empty() { "no hidden layer".to_owned() } else { activations.join(", ") },
        config.model.output.word(),
        config.loss.kind.word(),
        config.optimizer.kind.word(),
        lane.batch_rows()?,
    ))
}

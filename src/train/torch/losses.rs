//! Losses, by libtorch's own functions; a new one is an arm of [`elements`] or of [`row_elements`].

use tch::{Kind, Reduction as Reduce, TchError, Tensor};

use crate::experiment::config::{Guard, Loss, LossInput, LossKind, Pairing, Reduction};

type Result<T> = std::result::Result<T, TchError>;

/// Keras' epsilon: probabilities are clipped to it and to 1 less it, divisors are at least it.
const EPSILON: f64 = 1e-7;

/// The loss of a task.
#[derive(Debug, Clone)]
pub struct TaskLoss {
    pub loss: Loss,
    /// Whether targets are the places of classes.
    pub sparse: bool,
}

impl TaskLoss {
    /// Each lane's loss, `[lanes]`, of `[lanes, rows, outputs]` predictions and `[lanes, rows, width]` targets, which
    /// broadcast. The elements are f32, as a framework has them, and their sum is f64, so that the order of the samples does
    /// not show in its last digits.
    pub fn of(&self, predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let TaskLoss { loss, sparse } = self;
        let rows = targets.size()[1] as f64;
        if matches!(loss.kind, LossKind::CrossEntropy | LossKind::Nll) {
            let sum = total(&row_elements(loss, *sparse, predictions, targets)?)?;
            return if loss.reduction == Reduction::Sum { Ok(sum) } else { sum.f_div_scalar(rows) };
        }
        let squares = matches!(loss.kind, LossKind::Mse | LossKind::Sse);
        let sum = match loss.pairing {
            Pairing::Matched => total(&elements(loss, predictions, targets)?)?,
            // Σᵢⱼ(ŷᵢ − yⱼ)² = N Σ(ŷᵢ − ȳ)² + N Σ(yⱼ − ȳ)²: the N × N errors in O(N), and without their loss of accuracy.
            _ if squares => {
                let mean = targets.f_mean_dim([1].as_slice(), true, Kind::Double)?.f_to_kind(targets.kind())?;
                let spread = |of: &Tensor| total(&elements(loss, of, &mean.f_expand_as(of)?)?);
                spread(predictions)?.f_add(&spread(targets)?)?.f_mul_scalar(rows)?
            }
            _ => pair_sum(loss, predictions, targets)?,
        };
        let of_a_row = predictions.size()[2].max(targets.size()[2]) as f64;
        match (loss.reduction, loss.pairing) {
            (Reduction::Sum, _) => Ok(sum),
            (_, Pairing::Matched | Pairing::Broadcast) => sum.f_div_scalar(rows * of_a_row),
            (_, Pairing::BroadcastMean) => sum.f_div_scalar(rows * rows),
        }
    }
}

/// The loss of each prediction with the target beside it, of tensors that broadcast.
fn elements(loss: &Loss, predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let log = |of: &Tensor| of.f_log();
    // mse_loss and its like broadcast, but not in every backward pass: shapes are made equal first.
    let wide = Tensor::f_broadcast_tensors(&[predictions, targets])?;
    let (predictions, targets) = (&wide[0], &wide[1]);
    match loss.kind {
        LossKind::Mse | LossKind::Sse => predictions.f_mse_loss(targets, Reduce::None),
        LossKind::Mae => predictions.f_l1_loss(targets, Reduce::None),
        LossKind::Huber => {
            predictions.f_huber_loss(targets, Reduce::None, loss.delta.unwrap_or(1.0).min(f64::from(f32::MAX)))
        }
        // ln cosh d = |d| + ln(1 + e^(−2|d|)) − ln 2, which overflows nowhere.
        LossKind::LogCosh => {
            let size = predictions.f_sub(targets)?.f_abs()?;
            let log = size.f_add(&size)?.f_neg()?.f_softplus()?;
            size.f_add(&log)?.f_sub(&Tensor::from(std::f64::consts::LN_2))
        }
        LossKind::Mape => {
            let size = targets.f_abs()?.f_clamp_tensor(Some(&Tensor::from(EPSILON)), None::<&Tensor>)?;
            predictions.f_l1_loss(targets, Reduce::None)?.f_div(&size)?.f_mul(&Tensor::from(100.0))
        }
        LossKind::Poisson => {
            let log = predictions.f_add(&Tensor::from(loss.guard.of_rates()))?.f_log()?;
            predictions.f_sub(&targets.f_mul(&log)?)
        }
        LossKind::Hinge => Tensor::from(1.0).f_sub(&predictions.f_mul(targets)?)?.f_relu(),
        // −y ln p − (1 − y) ln(1 − p), of any numbers y: binary_cross_entropy refuses those outside 0…1.
        LossKind::Bce => match loss.from {
            Some(LossInput::Probabilities) if loss.guard == Guard::Clamp => refused(predictions, targets),
            Some(LossInput::Probabilities) => {
                let p = if matches!(loss.guard, Guard::Clip | Guard::Divide) {
                    clipped(predictions)?
                } else {
                    predictions.shallow_clone()
                };
                let other = Tensor::from(1.0).f_sub(&p)?;
                mixed(targets, &logarithm(&p, loss.guard)?, &logarithm(&other, loss.guard)?)
            }
            Some(LossInput::LogProbabilities) => {
                let other = clipped(&Tensor::from(1.0).f_sub(&predictions.f_exp()?)?)?;
                mixed(targets, predictions, &log(&other)?)
            }
            _ => predictions.f_binary_cross_entropy_with_logits::<Tensor>(targets, None, None, Reduce::None),
        },
        LossKind::CrossEntropy | LossKind::Nll | LossKind::TorchScript => {
            Err(TchError::Shape(format!("{} is no loss of elements", loss.kind.word())))
        }
    }
}

/// −y a − (1 − y) b.
fn mixed(y: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let rest = Tensor::from(1.0).f_sub(y)?;
    y.f_mul(a)?.f_add(&rest.f_mul(b)?)?.f_neg()
}

/// PyTorch's binary_cross_entropy, NaN where it raises: of predictions or targets outside 0…1.
fn refused(predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let inside = |of: &Tensor| of.f_ge(0.0)?.f_logical_and(&of.f_le(1.0)?);
    let good = inside(predictions)?.f_logical_and(&inside(targets)?)?;
    let [half, one, nan] = [0.5, 1.0, f64::NAN].map(|value| Tensor::from(value).to_kind(predictions.kind()));
    let [p, y] = [predictions, targets].map(|of| of.f_where_self(&good, &half));
    let losses = p?.f_binary_cross_entropy::<Tensor>(&y?, None, Reduce::None)?;
    losses.f_mul(&one.f_where_self(&good, &nan)?)
}

/// ln p as it is guarded, p clipped already where that is how.
fn logarithm(p: &Tensor, guard: Guard) -> Result<Tensor> {
    match guard {
        Guard::Clip | Guard::Divide | Guard::Clamp | Guard::None => p.f_log(),
        Guard::Add => p.f_add(&Tensor::from(f64::from(f32::EPSILON)))?.f_log(),
    }
}

/// Probabilities as Keras clips them; beyond that there is no gradient.
fn clipped(of: &Tensor) -> Result<Tensor> {
    // Not clamp: where memory runs out, tch panics over the scalars that it takes.
    of.f_clamp_tensor(Some(&Tensor::from(EPSILON)), Some(&Tensor::from(1.0 - EPSILON)))
}

/// −y ln p of each row, `[lanes, rows, outputs]` or `[lanes, rows, 1]`.
fn row_elements(loss: &Loss, sparse: bool, predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let sum = |of: &Tensor| of.f_sum_dim_intlist([2].as_slice(), true, of.kind());
    let logarithms = match (loss.kind, loss.from) {
        (LossKind::CrossEntropy, Some(LossInput::Logits)) => predictions.f_log_softmax(-1, None)?,
        (LossKind::CrossEntropy, Some(LossInput::Probabilities)) if matches!(loss.guard, Guard::Add | Guard::None) => {
            logarithm(predictions, loss.guard)?
        }
        // As Keras on TensorFlow has it: of places of classes the logarithms of what was clipped, normalised again; of
        // one-hot rows each divided by its sum and then clipped.
        (LossKind::CrossEntropy, Some(LossInput::Probabilities)) if sparse && loss.guard == Guard::Clip => {
            clipped(predictions)?.f_log()?.f_log_softmax(-1, None)?
        }
        (LossKind::CrossEntropy, Some(LossInput::Probabilities)) => {
            clipped(&predictions.f_div(&sum(predictions)?)?)?.f_log()?
        }
        _ => predictions.shallow_clone(),
    };
    if !sparse {
        return targets.f_mul(&logarithms)?.f_neg();
    }
    match predictions.size()[2] {
        // A single unit is the first class' own; rows of the others have none.
        1 => targets.f_logical_not()?.f_to_kind(predictions.kind())?.f_mul(&logarithms)?.f_neg(),
        _ => logarithms.f_gather(2, &targets.f_to_kind(Kind::Int64)?, false)?.f_neg(),
    }
}

/// Targets that all predictions are paired with at a time.
const BLOCK: i64 = 256;

/// The sum over each prediction with every target, `[lanes]`. Of the N × N elements a block is held at a time: its
/// gradient by the predictions is found at once, and takes the block's place in the graph.
fn pair_sum(loss: &Loss, predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let derive = predictions.requires_grad();
    let leaf = predictions.f_detach()?.f_set_requires_grad(derive)?;
    let across = targets.f_transpose(1, 2)?;
    let rows = targets.size()[1];
    let mut sum: Option<Tensor> = None;
    for start in (0..rows).step_by(BLOCK as usize) {
        let block = across.f_narrow(2, start, BLOCK.min(rows - start))?;
        let part = total(&elements(loss, &leaf, &block)?)?;
        if derive {
            part.f_sum(Kind::Double)?.f_backward()?;
        }
        let part = part.f_detach()?;
        sum = Some(match sum {
            Some(sum) => sum.f_add(&part)?,
            None => part,
        });
    }
    let sum = sum.ok_or_else(|| TchError::Shape("a batch has no rows".to_owned()))?;
    if !derive {
        return Ok(sum);
    }
    // 0, with that gradient.
    let product = total(&predictions.f_mul(&leaf.f_grad()?.f_detach()?)?)?;
    sum.f_add(&product.f_sub(&product.f_detach()?)?)
}

/// `[lanes, …]` to `[lanes]`.
fn total(values: &Tensor) -> Result<Tensor> {
    values.f_sum_dim_intlist([1, 2].as_slice(), false, Kind::Double)
}

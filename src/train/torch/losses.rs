//! Losses, by libtorch's own functions; a new one is an arm of [`elements`].

use tch::{Kind, Reduction, TchError, Tensor};

use crate::experiment::config::{Loss, LossKind, Pairing};

type Result<T> = std::result::Result<T, TchError>;

/// The loss of each prediction with the target beside it, of tensors that broadcast.
fn elements(loss: &Loss, predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    match loss.kind {
        LossKind::Mse | LossKind::Sse => predictions.f_mse_loss(targets, Reduction::None),
        LossKind::Mae => predictions.f_l1_loss(targets, Reduction::None),
        LossKind::Huber => {
            predictions.f_huber_loss(targets, Reduction::None, loss.delta.unwrap_or(1.0).min(f64::from(f32::MAX)))
        }
        // ln cosh d = |d| + ln(1 + e^(−2|d|)) − ln 2, which overflows nowhere.
        LossKind::LogCosh => {
            let size = predictions.f_sub(targets)?.f_abs()?;
            let log = size.f_add(&size)?.f_neg()?.f_softplus()?;
            size.f_add(&log)?.f_sub(&Tensor::from(std::f64::consts::LN_2))
        }
    }
}

/// Each lane's loss, `[lanes]`, of `[lanes, rows, 1]` predictions and targets. The elements are f32, as a framework has
/// them, and their sum is f64, so that the order of the samples does not show in its last digits.
pub fn loss(loss: &Loss, predictions: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let rows = targets.size()[1] as f64;
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
    match (loss.kind, loss.pairing) {
        (LossKind::Sse, _) => Ok(sum),
        (_, Pairing::Matched | Pairing::Broadcast) => sum.f_div_scalar(rows),
        (_, Pairing::BroadcastMean) => sum.f_div_scalar(rows * rows),
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
        let [paired, block] =
            [&leaf.f_expand([-1, -1, block.size()[2]], false)?, &block.f_expand([-1, rows, -1], false)?];
        let part = total(&elements(loss, paired, block)?)?;
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

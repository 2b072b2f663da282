//! Gradients that are clipped, each lane's by itself.

use tch::{Kind, TchError, Tensor, no_grad};

use super::network::Network;
use crate::experiment::config::{ClipOver, Optimizer};
use crate::train::TINY;

type Result<T> = std::result::Result<T, TchError>;

/// Clips the network's gradient as an optimizer asks: its norm, then its numbers.
pub fn clip(by: &Optimizer, network: &mut Network) -> Result<()> {
    no_grad(|| {
        if let Some(most) = by.clip_norm {
            match by.clip_over.unwrap_or(ClipOver::All) {
                ClipOver::All => shorten(&network.gradient, most, TINY)?,
                ClipOver::Global => shorten(&network.gradient, most, 0.0)?,
                ClipOver::Each => network.parts().try_for_each(|(begin, length, _)| {
                    shorten(&network.gradient.f_narrow(1, begin, length)?, most, 0.0)
                })?,
            }
        }
        if let Some(most) = by.clip_value {
            let [low, high] = [-most, most].map(Tensor::from);
            let clipped = network.gradient.f_clamp_tensor(Some(&low), Some(&high))?;
            network.gradient.f_copy_(&clipped)?;
        }
        Ok(())
    })
}

/// Multiplies `[lanes, numbers]` so that no lane's norm is above `most`. What is not finite stays so.
fn shorten(gradient: &Tensor, most: f64, tiny: f64) -> Result<()> {
    let norm = gradient.f_norm_scalaropt_dim_dtype(2, [1].as_slice(), true, Kind::Double)?;
    let factor = Tensor::from(most).f_div(&norm.f_add(&Tensor::from(tiny))?)?;
    let factor = factor.f_clamp_tensor(None::<&Tensor>, Some(&Tensor::from(1.0)))?.f_to_kind(gradient.kind())?;
    gradient.shallow_clone().f_mul_(&factor).map(drop)
}

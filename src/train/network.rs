//! Networks of equal shape as the lanes of stacked tensors: forward and, derived by hand, backward.

use tch::{TchError, Tensor};

use super::buffers::{Buffer, Buffers};
use super::product::Product;
use crate::experiment::config::{Activation, Model, Output};

/// The parameters of all lanes, and their gradient, each in one flat buffer: layer by layer the weights
/// `[lanes, inputs, outputs]`, then the biases `[lanes, 1, outputs]`.
pub struct Network {
    pub lanes: i64,
    pub widths: Vec<i64>,
    pub parameters: Tensor,
    pub gradient: Tensor,
    layers: Vec<Layer>,
    activation: Vec<Activation>,
    output: Output,
}

struct Layer {
    weights: Tensor,
    bias: Option<Tensor>,
    weights_gradient: Tensor,
    bias_gradient: Option<Tensor>,
}

/// Where one lane's part of the flat parameters lies.
pub struct Part {
    pub offset: usize,
    pub length: usize,
}

/// The parts of every lane's parameters in the flat buffer, tensor by tensor: `[tensor][lane]`.
pub fn parts(widths: &[i64], bias: bool, lanes: usize) -> Vec<Vec<Part>> {
    let mut parts = Vec::new();
    let mut offset = 0;
    for pair in widths.windows(2) {
        let sizes = [Some(pair[0] * pair[1]), bias.then_some(pair[1])];
        for length in sizes.into_iter().flatten() {
            let length = length as usize;
            parts.push((0..lanes).map(|lane| Part { offset: offset + lane * length, length }).collect());
            offset += lanes * length;
        }
    }
    parts
}

impl Network {
    /// Networks whose flat parameters begin as `values`.
    pub fn new(model: &Model, widths: &[i64], lanes: i64, values: &[f32], buffers: &Buffers) -> Result<Self, TchError> {
        let size = [values.len() as i64];
        let Buffer { flat: parameters, .. } = buffers.from(values, &size)?;
        let Buffer { flat: gradient, .. } = buffers.zeros(&size)?;
        let mut offset = 0;
        let mut layers = Vec::new();
        for pair in widths.windows(2) {
            let take = |of: &Tensor, rows: i64| of.f_narrow(0, offset, lanes * rows * pair[1])?.f_view([lanes, rows, pair[1]]);
            let (weights, weights_gradient) = (take(&parameters, pair[0])?, take(&gradient, pair[0])?);
            offset += lanes * pair[0] * pair[1];
            let (mut bias, mut bias_gradient) = (None, None);
            if model.bias {
                let take = |of: &Tensor| of.f_narrow(0, offset, lanes * pair[1])?.f_view([lanes, 1, pair[1]]);
                (bias, bias_gradient) = (Some(take(&parameters)?), Some(take(&gradient)?));
                offset += lanes * pair[1];
            }
            layers.push(Layer { weights, bias, weights_gradient, bias_gradient });
        }
        Ok(Network {
            lanes,
            widths: widths.to_vec(),
            parameters,
            gradient,
            layers,
            activation: model.activation.clone(),
            output: model.output,
        })
    }
}

/// The buffers for passes over `rows` samples of each lane.
pub struct Pass {
    /// What each hidden layer puts out, `[lanes, rows, width]`.
    hidden: Vec<Buffer>,
    /// What goes into an activation, where its derivative needs that.
    inputs: Vec<Option<Buffer>>,
    /// `[lanes, rows, 1]`.
    predictions: Buffer,
    forward: Vec<Product>,
    backward: Option<Backward>,
}

struct Backward {
    /// The gradients of the hidden layers, then of the predictions.
    gradients: Vec<Buffer>,
    weights: Vec<Product>,
    /// Of every layer but the first.
    inputs: Vec<Product>,
}

impl Pass {
    pub fn plan(network: &Network, rows: i64, backward: bool, buffers: &mut Buffers) -> Result<Self, TchError> {
        let (lanes, widths) = (network.lanes, &network.widths);
        let depth = widths.len() - 1;
        let room = |width: i64, buffers: &Buffers| buffers.zeros(&[lanes, rows, width]);
        let layers = widths[1..depth].iter();
        Ok(Pass {
            hidden: layers.clone().map(|&width| room(width, buffers)).collect::<Result<_, _>>()?,
            inputs: layers
                .zip(&network.activation)
                .map(|(&width, activation)| activation.needs_input().then(|| room(width, buffers)).transpose())
                .collect::<Result<_, _>>()?,
            predictions: room(1, buffers)?,
            forward: widths
                .windows(2)
                .map(|pair| Product::plan(lanes, [rows, pair[0], pair[1]], buffers))
                .collect::<Result<_, _>>()?,
            backward: match backward {
                false => None,
                true => Some(Backward {
                    gradients: widths[1..].iter().map(|&width| room(width, buffers)).collect::<Result<_, _>>()?,
                    weights: widths
                        .windows(2)
                        .map(|pair| Product::plan(lanes, [pair[0], rows, pair[1]], buffers))
                        .collect::<Result<_, _>>()?,
                    inputs: widths[1..]
                        .windows(2)
                        .map(|pair| Product::plan(lanes, [rows, pair[1], pair[0]], buffers))
                        .collect::<Result<_, _>>()?,
                }),
            },
        })
    }

    /// Numbers that it keeps for each lane.
    pub fn room(model: &Model, widths: &[usize], rows: usize, backward: bool) -> usize {
        let units: usize = widths[1..].iter().sum();
        let widest = widths.iter().max().copied().unwrap_or(1);
        let inputs: usize = model.hidden.iter().zip(&model.activation).filter(|(_, a)| a.needs_input()).map(|(w, _)| w).sum();
        rows * (units * (1 + usize::from(backward)) + inputs + widest)
    }

    /// Carries `samples`, `[lanes, rows, columns]`, through the networks.
    pub fn forward(&mut self, network: &Network, samples: &Tensor) -> Result<(), TchError> {
        for (i, layer) in network.layers.iter().enumerate() {
            let (before, after) = self.hidden.split_at_mut(i);
            let from = before.last().map_or(samples, |buffer| &buffer.view);
            let Some(hidden) = after.first_mut() else {
                layer.forward(&self.forward[i], from, &mut self.predictions.view)?;
                network.output.forward(&mut self.predictions)?;
                return Ok(());
            };
            match &mut self.inputs[i] {
                Some(z) => {
                    layer.forward(&self.forward[i], from, &mut z.view)?;
                    network.activation[i].forward(&z.flat, &mut hidden.flat)?;
                }
                None => {
                    layer.forward(&self.forward[i], from, &mut hidden.view)?;
                    let z = hidden.flat.shallow_clone();
                    network.activation[i].forward(&z, &mut hidden.flat)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the gradient of the parameters, from the gradient of the predictions in [`Self::predictions_gradient`].
    pub fn backward(&mut self, network: &Network, samples: &Tensor) -> Result<(), TchError> {
        let Some(Backward { gradients, weights, inputs }) = &mut self.backward else {
            return Err(TchError::Torch("this pass was planned without a way back".to_owned()));
        };
        let last = network.layers.len() - 1;
        network.output.backward(&self.predictions, &mut gradients[last])?;
        for (i, layer) in network.layers.iter().enumerate().rev() {
            let from = if i == 0 { samples } else { &self.hidden[i - 1].view };
            let d = &gradients[i].view;
            weights[i].run(&from.f_transpose(1, 2)?, d, &layer.weights_gradient)?;
            if let Some(bias) = &layer.bias_gradient {
                d.f_sum_intlist_out(bias, [1].as_slice(), true, None).map(drop)?;
            }
            if i > 0 {
                inputs[i - 1].run(d, &layer.weights.f_transpose(1, 2)?, &gradients[i - 1].view)?;
                let h = &self.hidden[i - 1].flat;
                let z = self.inputs[i - 1].as_ref().map_or(h, |z| &z.flat);
                network.activation[i - 1].backward(z, h, &gradients[i - 1].flat)?;
            }
        }
        Ok(())
    }

    /// `[lanes, rows]`.
    pub fn predictions(&self) -> Result<Tensor, TchError> {
        self.predictions.view.f_squeeze_dim(2)
    }

    /// `[lanes, rows]`, where a loss writes.
    pub fn predictions_gradient(&self) -> Result<Tensor, TchError> {
        match &self.backward {
            Some(Backward { gradients, .. }) => gradients[gradients.len() - 1].view.f_squeeze_dim(2),
            None => Err(TchError::Torch("this pass was planned without a way back".to_owned())),
        }
    }

    /// For each hidden layer, `[lanes, width]`: whether a unit put out anything but 0 for any sample.
    pub fn alive(&self) -> Result<Vec<Tensor>, TchError> {
        self.hidden.iter().map(|buffer| buffer.view.f_any_dim(1, false)).collect()
    }
}

impl Layer {
    fn forward(&self, product: &Product, from: &Tensor, to: &mut Tensor) -> Result<(), TchError> {
        product.run(from, &self.weights, to)?;
        if let Some(bias) = &self.bias {
            to.f_add_(bias).map(drop)?;
        }
        Ok(())
    }
}

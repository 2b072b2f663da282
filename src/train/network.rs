//! Networks of equal shape as the lanes of stacked tensors: forward and, derived by hand, backward.

use tch::{TchError, Tensor};

use super::buffers::{Buffer, Buffers};
use super::kernels::{self, Epilogue, Left, Level, numbers};
use super::product::Product;
use crate::experiment::config::{Activation, Model, Output};

/// The parameters of all lanes, and their gradient, each in one flat buffer: layer by layer the weights
/// `[lanes, inputs, outputs]`, then the biases `[lanes, 1, outputs]`.
pub struct Network {
    pub by: By,
    pub lanes: i64,
    pub widths: Vec<i64>,
    pub parameters: Tensor,
    pub gradient: Tensor,
    layers: Vec<Layer>,
    activation: Vec<Activation>,
    output: Output,
}

/// What computes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// libtorch's operations, on any device.
    Torch,
    /// This crate's kernels, on the CPU.
    Kernels(Level),
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
    pub fn new(
        by: By,
        model: &Model,
        widths: &[i64],
        lanes: i64,
        values: &[f32],
        buffers: &Buffers,
    ) -> Result<Self, TchError> {
        let size = [values.len() as i64];
        let Buffer { flat: parameters, .. } = buffers.from(values, &size)?;
        let Buffer { flat: gradient, .. } = buffers.zeros(&size)?;
        let mut offset = 0;
        let mut layers = Vec::new();
        for pair in widths.windows(2) {
            let take =
                |of: &Tensor, rows: i64| of.f_narrow(0, offset, lanes * rows * pair[1])?.f_view([lanes, rows, pair[1]]);
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
            by,
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
    /// One layer's weights of one lane, transposed.
    transposed: Vec<f32>,
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
            transposed: Vec::new(),
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
    pub fn room(model: &Model, widths: &[usize], rows: usize, backward: bool) -> u128 {
        let units: u128 = widths[1..].iter().map(|&width| width as u128).sum();
        let widest = widths.iter().max().map_or(1, |&width| width as u128);
        let needed = model.hidden.iter().zip(&model.activation).filter(|(_, a)| a.needs_input());
        let inputs: u128 = needed.map(|(&width, _)| width as u128).sum();
        rows as u128 * (units * (1 + u128::from(backward)) + inputs + widest)
    }

    /// Carries `samples`, `[lanes, rows, columns]`, through the networks.
    pub fn forward(&mut self, network: &Network, samples: &Tensor) -> Result<(), TchError> {
        for (i, layer) in network.layers.iter().enumerate() {
            let (before, after) = self.hidden.split_at_mut(i);
            let from = before.last().map_or(samples, |buffer| &buffer.view);
            let Some(hidden) = after.first_mut() else {
                layer.forward(network.by, &self.forward[i], from, Epilogue::Store, &mut self.predictions.view)?;
                network.output.forward(&mut self.predictions)?;
                return Ok(());
            };
            let activation = network.activation[i];
            match &mut self.inputs[i] {
                Some(z) => {
                    layer.forward(network.by, &self.forward[i], from, Epilogue::Store, &mut z.view)?;
                    activation.forward(&z.flat, &mut hidden.flat)?;
                }
                None => {
                    let fused = match (network.by, activation) {
                        (By::Torch, _) => None,
                        (By::Kernels(_), Activation::Relu) => Some(Epilogue::Relu),
                        (By::Kernels(_), Activation::LeakyRelu) => Some(Epilogue::LeakyRelu),
                        (By::Kernels(_), _) => None,
                    };
                    layer.forward(
                        network.by,
                        &self.forward[i],
                        from,
                        fused.unwrap_or(Epilogue::Store),
                        &mut hidden.view,
                    )?;
                    if fused.is_none() {
                        let z = hidden.flat.shallow_clone();
                        activation.forward(&z, &mut hidden.flat)?;
                    }
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
            layer.weights_backward(network.by, &weights[i], from, d)?;
            if i > 0 {
                let activation = network.activation[i - 1];
                let h = &self.hidden[i - 1];
                let (to, product) = (&gradients[i - 1], &inputs[i - 1]);
                let fused = match (network.by, activation) {
                    (By::Torch, _) => None,
                    (By::Kernels(_), Activation::Relu) => Some(Epilogue::ReluBackward(numbers(&h.view)?)),
                    (By::Kernels(_), Activation::LeakyRelu) => Some(Epilogue::LeakyReluBackward(numbers(&h.view)?)),
                    (By::Kernels(_), _) => None,
                };
                layer.inputs_backward(
                    network.by,
                    product,
                    d,
                    fused.unwrap_or(Epilogue::Store),
                    &to.view,
                    &mut self.transposed,
                )?;
                if fused.is_none() {
                    let z = self.inputs[i - 1].as_ref().unwrap_or(h);
                    activation.backward(&z.flat, &h.flat, &to.flat)?;
                }
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

    /// For each lane, how many hidden units put out 0 for every sample.
    pub fn dead(&self, network: &Network) -> Result<Vec<usize>, TchError> {
        let mut dead = vec![0; network.lanes as usize];
        for buffer in &self.hidden {
            let [_, rows, width] = sizes(&buffer.view);
            let mut alive = vec![0.0; width];
            match network.by {
                By::Kernels(level) => {
                    for (dead, lane) in dead.iter_mut().zip(numbers(&buffer.view)?.chunks(rows * width)) {
                        kernels::nonzero_columns(level, lane, width, &mut alive);
                        *dead += alive.iter().filter(|&&alive| alive == 0.0).count();
                    }
                }
                By::Torch => {
                    let alive = buffer.view.f_any_dim(1, false)?.f_to_device(tch::Device::Cpu)?;
                    for (lane, dead) in dead.iter_mut().enumerate() {
                        let alive: i64 = alive.f_get(lane as i64)?.f_sum(tch::Kind::Int64)?.f_int64_value(&[])?;
                        *dead += width - alive as usize;
                    }
                }
            }
        }
        Ok(dead)
    }
}

impl Layer {
    /// `to = epilogue(from · weights + bias)`.
    fn forward(
        &self,
        by: By,
        product: &Product,
        from: &Tensor,
        epilogue: Epilogue,
        to: &mut Tensor,
    ) -> Result<(), TchError> {
        let By::Kernels(level) = by else {
            product.run(from, &self.weights, to)?;
            if let Some(bias) = &self.bias {
                to.f_add_(bias).map(drop)?;
            }
            return Ok(());
        };
        let [lanes, m, k] = sizes(from);
        let n = sizes(to)[2];
        let (from, weights, to) = (numbers(from)?, numbers(&self.weights)?, numbers(to)?);
        let bias = self.bias.as_ref().map(numbers).transpose()?;
        for lane in 0..lanes {
            let a = Left { data: &from[lane * m * k..], row: k, column: 1 };
            let bias = bias.as_ref().map(|bias| &bias[lane * n..(lane + 1) * n]);
            kernels::product(level, [m, k, n], a, &weights[lane * k * n..], bias, epilogue, &mut to[lane * m * n..]);
        }
        Ok(())
    }

    /// Writes the gradients of the weights and the bias, from `d`, the gradient of what the layer puts out.
    fn weights_backward(&self, by: By, product: &Product, from: &Tensor, d: &Tensor) -> Result<(), TchError> {
        let By::Kernels(level) = by else {
            product.run(&from.f_transpose(1, 2)?, d, &self.weights_gradient)?;
            if let Some(bias) = &self.bias_gradient {
                d.f_sum_intlist_out(bias, [1].as_slice(), true, None).map(drop)?;
            }
            return Ok(());
        };
        let [lanes, rows, inputs] = sizes(from);
        let outputs = sizes(d)[2];
        let (from, d, gradient) = (numbers(from)?, numbers(d)?, numbers(&self.weights_gradient)?);
        let mut bias = self.bias_gradient.as_ref().map(numbers).transpose()?;
        for lane in 0..lanes {
            let a = Left { data: &from[lane * rows * inputs..], row: 1, column: inputs };
            let d = &d[lane * rows * outputs..(lane + 1) * rows * outputs];
            let to = &mut gradient[lane * inputs * outputs..];
            kernels::product(level, [inputs, rows, outputs], a, d, None, Epilogue::Store, to);
            if let Some(bias) = &mut bias {
                kernels::column_sums(level, d, outputs, &mut bias[lane * outputs..(lane + 1) * outputs]);
            }
        }
        Ok(())
    }

    /// `to = epilogue(d · weightsᵀ)`, the gradient of what came in.
    fn inputs_backward(
        &self,
        by: By,
        product: &Product,
        d: &Tensor,
        epilogue: Epilogue,
        to: &Tensor,
        transposed: &mut Vec<f32>,
    ) -> Result<(), TchError> {
        let By::Kernels(level) = by else {
            return product.run(d, &self.weights.f_transpose(1, 2)?, to);
        };
        let [lanes, rows, outputs] = sizes(d);
        let inputs = sizes(to)[2];
        transposed.resize(transposed.len().max(inputs * outputs), 0.0);
        let (d, weights, to) = (numbers(d)?, numbers(&self.weights)?, numbers(to)?);
        for lane in 0..lanes {
            kernels::transpose(level, &weights[lane * inputs * outputs..], inputs, outputs, transposed);
            let a = Left { data: &d[lane * rows * outputs..], row: outputs, column: 1 };
            let epilogue = epilogue.from(lane * rows * inputs);
            kernels::product(
                level,
                [rows, outputs, inputs],
                a,
                transposed,
                None,
                epilogue,
                &mut to[lane * rows * inputs..],
            );
        }
        Ok(())
    }
}

/// The three sizes of `[lanes, rows, width]`.
fn sizes(tensor: &Tensor) -> [usize; 3] {
    let sizes = tensor.size();
    [0, 1, 2].map(|d| sizes[d] as usize)
}

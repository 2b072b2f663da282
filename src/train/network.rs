//! Networks of equal shape as the lanes of flat buffers: forward and, derived by hand, backward.
//!
//! Both are written once. What computes them is asked where the arithmetic is: [`By::Torch`] takes all lanes and all rows
//! in one operation of libtorch, [`By::Kernels`] one lane and as many rows as stay in a core's cache.

use std::ops::Range;

use tch::{TchError, Tensor};

use super::buffers::{Buffer, Buffers};
use super::kernels::{self, Epilogue, First, Left, Level};
use super::layout::Layout;
use super::product::Product;
use crate::experiment::config::{Activation, Model, Output};

/// Bytes of a lane's activations and their gradients that kernels work on at a time: they stay in a core's own cache.
const CHUNK_BYTES: usize = 128 << 10;

/// Rows are taken in multiples of this many, which fill the tiles of a product.
const CHUNK_ROWS: usize = 24;

/// What computes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// libtorch's operations, on any device.
    Torch,
    /// This crate's kernels, on the CPU.
    Kernels(Level),
}

impl By {
    /// How many lanes of a stack one operation takes.
    pub fn lanes_at_once(self, lanes: usize) -> usize {
        match self {
            By::Torch => lanes,
            By::Kernels(_) => 1,
        }
    }

    /// How many of a lane's rows one operation takes.
    pub fn rows_at_once(self, hidden: &[usize], rows: usize) -> usize {
        let row = hidden.iter().sum::<usize>().saturating_mul(8).max(1);
        match self {
            By::Torch => rows,
            By::Kernels(_) => rows.min((CHUNK_BYTES / row / CHUNK_ROWS).max(1) * CHUNK_ROWS),
        }
    }

    /// At multiples of how many numbers tensors begin: a cache line's for kernels.
    pub fn alignment(self) -> usize {
        match self {
            By::Torch => 1,
            By::Kernels(_) => 16,
        }
    }
}

/// Samples or activations of a block of lanes, `[lanes, rows, width]`.
#[derive(Clone, Copy)]
pub enum Operand<'a> {
    Tensor(&'a Tensor),
    Slice(&'a [f32]),
}

impl<'a> Operand<'a> {
    pub fn of(by: By, buffer: &'a Buffer) -> Self {
        match by {
            By::Torch => Operand::Tensor(&buffer.view),
            By::Kernels(_) => Operand::Slice(buffer.numbers()),
        }
    }
}

/// The parameters of all lanes, and their gradient, each in one flat buffer.
pub struct Network {
    pub by: By,
    pub lanes: usize,
    pub layout: Layout,
    pub parameters: Buffer,
    pub gradient: Buffer,
    layers: Vec<Layer>,
    activation: Vec<Activation>,
    output: Output,
}

struct Layer {
    inputs: usize,
    outputs: usize,
    /// Which tensors of the layout it has.
    weights: usize,
    bias: Option<usize>,
    views: Option<Views>,
}

/// A layer's part of the flat buffers, for libtorch: `[lanes, inputs, outputs]` and `[lanes, 1, outputs]`.
struct Views {
    weights: Tensor,
    bias: Option<Tensor>,
    weights_gradient: Tensor,
    bias_gradient: Option<Tensor>,
}

impl Network {
    /// Networks whose flat parameters, of this layout, begin as `values`.
    pub fn new(
        by: By,
        model: &Model,
        widths: &[usize],
        layout: Layout,
        values: &[f32],
        buffers: &Buffers,
    ) -> Result<Self, TchError> {
        let lanes = values.len() / layout.stride;
        let shape = [lanes as i64, layout.stride as i64];
        let (parameters, gradient) = (buffers.from(values, &shape)?, buffers.zeros(&shape)?);
        let take = |of: &Buffer, tensor: usize, rows: usize, columns: usize| {
            let part = layout.tensors[tensor];
            let part = of.view.f_narrow(1, part.offset as i64, part.length as i64)?;
            part.f_view([lanes as i64, rows as i64, columns as i64])
        };
        let mut layers = Vec::new();
        let mut tensor = 0;
        for pair in widths.windows(2) {
            let (weights, bias) = (tensor, model.bias.then_some(tensor + 1));
            tensor += 1 + usize::from(model.bias);
            let of_bias = |of: &Buffer| bias.map(|bias| take(of, bias, 1, pair[1])).transpose();
            let views = match by {
                By::Kernels(_) => None,
                By::Torch => Some(Views {
                    weights: take(&parameters, weights, pair[0], pair[1])?,
                    bias: of_bias(&parameters)?,
                    weights_gradient: take(&gradient, weights, pair[0], pair[1])?,
                    bias_gradient: of_bias(&gradient)?,
                }),
            };
            layers.push(Layer { inputs: pair[0], outputs: pair[1], weights, bias, views });
        }
        Ok(Network {
            by,
            lanes,
            layout,
            parameters,
            gradient,
            layers,
            activation: model.activation.clone(),
            output: model.output,
        })
    }

    /// Where a block's numbers lie in the flat buffers.
    pub fn place(&self, block: &Range<usize>) -> Range<usize> {
        block.start * self.layout.stride..block.end * self.layout.stride
    }
}

/// A kernel's part of one lane's numbers.
fn part<'a>(layout: &Layout, lane: &'a [f32], tensor: usize) -> &'a [f32] {
    let part = layout.tensors[tensor];
    &lane[part.offset..part.offset + part.length]
}

fn part_mut<'a>(layout: &Layout, lane: &'a mut [f32], tensor: usize) -> &'a mut [f32] {
    let part = layout.tensors[tensor];
    &mut lane[part.offset..part.offset + part.length]
}

/// The buffers for passes over samples of a block of lanes.
pub struct Pass {
    /// How many of a lane's rows it takes at once.
    pub rows: usize,
    /// What each hidden layer puts out, `[lanes, rows, width]`.
    hidden: Vec<Buffer>,
    /// What goes into an activation, where its derivative needs that.
    inputs: Vec<Option<Buffer>>,
    /// `[lanes, rows, 1]`.
    predictions: Buffer,
    forward: Vec<Product>,
    backward: Option<Backward>,
    /// For kernels, each unit that has put out anything but 0 since [`Pass::watch`], by layer.
    seen: Vec<Vec<u32>>,
}

struct Backward {
    /// The gradients of the hidden layers, then of the predictions.
    gradients: Vec<Buffer>,
    weights: Vec<Product>,
    /// Of every layer but the first.
    inputs: Vec<Product>,
    /// For kernels, each layer's weights of one lane, transposed.
    transposed: Vec<Vec<f32>>,
}

impl Pass {
    /// A pass that takes this many lanes and rows at once.
    pub fn plan(
        network: &Network,
        lanes: usize,
        rows: usize,
        backward: bool,
        buffers: &mut Buffers,
    ) -> Result<Self, TchError> {
        let layers = &network.layers;
        let at_once = rows;
        let (lanes, rows) = (lanes as i64, rows as i64);
        let room = |width: usize, buffers: &Buffers| buffers.zeros(&[lanes, rows, width as i64]);
        let widths: Vec<usize> = layers.iter().map(|layer| layer.outputs).collect();
        let hidden = &widths[..widths.len() - 1];
        let mut products = |shape: fn(i64, i64, i64) -> [i64; 3], skip: usize| {
            let layers = layers.iter().skip(skip).filter(|layer| layer.views.is_some());
            layers
                .map(|layer| Product::plan(lanes, shape(rows, layer.inputs as i64, layer.outputs as i64), buffers))
                .collect::<Result<Vec<_>, _>>()
        };
        let forward = products(|rows, inputs, outputs| [rows, inputs, outputs], 0)?;
        let weights = products(|rows, inputs, outputs| [inputs, rows, outputs], 0)?;
        let inputs = products(|rows, inputs, outputs| [rows, outputs, inputs], 1)?;
        Ok(Pass {
            rows: at_once,
            hidden: hidden.iter().map(|&width| room(width, buffers)).collect::<Result<_, _>>()?,
            inputs: hidden
                .iter()
                .zip(&network.activation)
                .map(|(&width, activation)| activation.needs_input().then(|| room(width, buffers)).transpose())
                .collect::<Result<_, _>>()?,
            predictions: room(1, buffers)?,
            forward,
            backward: match backward {
                false => None,
                true => Some(Backward {
                    gradients: widths.iter().map(|&width| room(width, buffers)).collect::<Result<_, _>>()?,
                    weights,
                    inputs,
                    transposed: layers.iter().map(|layer| vec![0.0; layer.inputs * layer.outputs]).collect(),
                }),
            },
            seen: hidden.iter().map(|&width| vec![0; width]).collect(),
        })
    }

    /// Carries samples through the networks: all that were planned for, or this many rows of one lane's.
    pub fn forward(
        &mut self,
        network: &Network,
        block: &Range<usize>,
        samples: Operand,
        rows: usize,
    ) -> Result<(), TchError> {
        let by = network.by;
        for (i, layer) in network.layers.iter().enumerate() {
            let (before, after) = self.hidden.split_at_mut(i);
            let from = before.last().map_or(samples, |buffer| Operand::of(by, buffer));
            let product = self.forward.get(i);
            let Some(hidden) = after.first_mut() else {
                layer.forward(network, block, product, from, rows, Epilogue::Store, &mut self.predictions)?;
                return network.output.forward(&mut self.predictions);
            };
            let activation = network.activation[i];
            match (&mut self.inputs[i], by, activation) {
                (Some(z), ..) => {
                    layer.forward(network, block, product, from, rows, Epilogue::Store, z)?;
                    activation.forward(&z.flat, &mut hidden.flat)?;
                }
                (None, By::Kernels(_), Activation::Relu) => {
                    layer.forward(network, block, product, from, rows, Epilogue::Relu, hidden)?;
                }
                (None, By::Kernels(_), Activation::LeakyRelu) => {
                    layer.forward(network, block, product, from, rows, Epilogue::LeakyRelu, hidden)?;
                }
                (None, ..) => {
                    layer.forward(network, block, product, from, rows, Epilogue::Store, hidden)?;
                    let z = hidden.flat.shallow_clone();
                    activation.forward(&z, &mut hidden.flat)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the gradient of the block's parameters, or adds to it if it goes on with further rows, from the gradient of
    /// the predictions in [`Self::slopes`].
    pub fn backward(
        &mut self,
        network: &mut Network,
        block: &Range<usize>,
        samples: Operand,
        rows: usize,
        go_on: bool,
    ) -> Result<(), TchError> {
        let Some(Backward { gradients, weights, inputs, transposed }) = &mut self.backward else {
            return Err(TchError::Torch("this pass was planned without a way back".to_owned()));
        };
        let by = network.by;
        let Network { layers, layout, parameters, gradient, activation, output, .. } = network;
        let (place, stride) = (block.start * layout.stride, layout.stride);
        let last = layers.len() - 1;
        output.backward(&self.predictions, &mut gradients[last])?;
        for (i, layer) in layers.iter().enumerate().rev() {
            let (before, after) = gradients.split_at_mut(i);
            let d = &after[0];
            let from = if i == 0 { samples } else { Operand::of(by, &self.hidden[i - 1]) };
            match (by, &layer.views, from) {
                (By::Kernels(level), _, Operand::Slice(from)) => {
                    let lane = &mut gradient.numbers_mut()[place..place + stride];
                    layer.weights_backward(level, layout, from, d.numbers(), rows, go_on, lane);
                }
                (By::Torch, Some(views), Operand::Tensor(from)) => {
                    weights[i].run(&from.f_transpose(1, 2)?, &d.view, &views.weights_gradient)?;
                    if let Some(bias) = &views.bias_gradient {
                        d.view.f_sum_intlist_out(bias, [1].as_slice(), true, None).map(drop)?;
                    }
                }
                _ => return Err(mixed()),
            }
            let Some(to) = before.last_mut() else { break };
            let (activation, h) = (activation[i - 1], &self.hidden[i - 1]);
            let mut fused = Epilogue::Store;
            match (by, &layer.views) {
                (By::Kernels(level), _) => {
                    match activation {
                        Activation::Relu => fused = Epilogue::ReluBackward(h.numbers()),
                        Activation::LeakyRelu => fused = Epilogue::LeakyReluBackward(h.numbers()),
                        _ => {}
                    }
                    let weights = part(layout, &parameters.numbers()[place..place + stride], layer.weights);
                    if layer.outputs > 1 && !go_on {
                        kernels::transpose(level, weights, layer.inputs, layer.outputs, &mut transposed[i]);
                    }
                    // A single column lies in memory as its transpose does.
                    let transposed = if layer.outputs == 1 { weights } else { &transposed[i] };
                    let a = Left { data: d.numbers(), row: layer.outputs, column: 1 };
                    let sizes = [rows, layer.outputs, layer.inputs];
                    kernels::product(level, sizes, a, transposed, First::Zero, fused, to.numbers_mut());
                }
                (By::Torch, Some(views)) => inputs[i - 1].run(&d.view, &views.weights.f_transpose(1, 2)?, &to.view)?,
                _ => return Err(mixed()),
            }
            if matches!(fused, Epilogue::Store) {
                let z = self.inputs[i - 1].as_ref().unwrap_or(h);
                activation.backward(&z.flat, &h.flat, &to.flat)?;
            }
        }
        Ok(())
    }

    /// `[lanes, rows, 1]`.
    pub fn predictions(&self) -> &Buffer {
        &self.predictions
    }

    /// The predictions, and `[lanes, rows, 1]` where a loss writes their gradient.
    pub fn slopes(&mut self) -> Result<(&Buffer, &mut Buffer), TchError> {
        match self.backward.as_mut().and_then(|backward| backward.gradients.last_mut()) {
            Some(gradient) => Ok((&self.predictions, gradient)),
            None => Err(TchError::Torch("this pass was planned without a way back".to_owned())),
        }
    }

    /// Begins to look out for hidden units that put out 0 for every sample.
    pub fn watch(&mut self) {
        self.seen.iter_mut().for_each(|seen| seen.fill(0));
    }

    /// Looks at what the last [`Self::forward`] left in the first `rows` rows.
    pub fn look(&mut self, network: &Network, rows: usize) {
        let By::Kernels(level) = network.by else { return };
        for (hidden, seen) in self.hidden.iter().zip(&mut self.seen) {
            kernels::mark_nonzero(level, &hidden.numbers()[..rows * seen.len()], seen.len(), seen);
        }
    }

    /// For each lane of the block, how many hidden units have put out 0 for every sample since [`Self::watch`].
    pub fn dead(&self, network: &Network) -> Result<Vec<usize>, TchError> {
        match network.by {
            By::Kernels(_) => Ok(vec![self.seen.iter().flatten().filter(|&&seen| seen == 0).count()]),
            By::Torch => {
                let mut dead = vec![0; network.lanes];
                for buffer in &self.hidden {
                    let alive = buffer.view.f_any_dim(1, false)?;
                    let width = alive.size()[1] as usize;
                    let alive = alive.f_sum_dim_intlist([1].as_slice(), false, tch::Kind::Int64)?;
                    let alive = Vec::<i64>::try_from(alive.f_to_device(tch::Device::Cpu)?)?;
                    dead.iter_mut().zip(alive).for_each(|(dead, alive)| *dead += width - alive as usize);
                }
                Ok(dead)
            }
        }
    }
}

impl Layer {
    /// `to = epilogue(from · weights + bias)`.
    #[allow(clippy::too_many_arguments)] // What is multiplied, of whom, with what, and where it goes.
    fn forward(
        &self,
        network: &Network,
        block: &Range<usize>,
        product: Option<&Product>,
        from: Operand,
        rows: usize,
        epilogue: Epilogue,
        to: &mut Buffer,
    ) -> Result<(), TchError> {
        match (network.by, product, &self.views, from) {
            (By::Kernels(level), _, _, Operand::Slice(from)) => {
                let lane = &network.parameters.numbers()[network.place(block)];
                let weights = part(&network.layout, lane, self.weights);
                let first = self.bias.map_or(First::Zero, |bias| First::Bias(part(&network.layout, lane, bias)));
                let a = Left { data: from, row: self.inputs, column: 1 };
                let sizes = [rows, self.inputs, self.outputs];
                kernels::product(level, sizes, a, weights, first, epilogue, to.numbers_mut());
                Ok(())
            }
            (By::Torch, Some(product), Some(views), Operand::Tensor(from)) => {
                product.run(from, &views.weights, &to.view)?;
                if let Some(bias) = &views.bias {
                    to.view.f_add_(bias).map(drop)?;
                }
                Ok(())
            }
            _ => Err(mixed()),
        }
    }

    /// Writes the gradients of the weights and the bias to a `lane`'s, or adds to them, from `d`, the gradient of what the
    /// layer puts out.
    #[allow(clippy::too_many_arguments)]
    fn weights_backward(
        &self,
        level: Level,
        layout: &Layout,
        from: &[f32],
        d: &[f32],
        rows: usize,
        go_on: bool,
        lane: &mut [f32],
    ) {
        let first = if go_on { First::Sums } else { First::Zero };
        let to = part_mut(layout, lane, self.weights);
        if self.outputs == 1 {
            // The same sums as one long row, which fills whole vectors.
            let a = Left { data: d, row: 0, column: 1 };
            kernels::product(level, [1, rows, self.inputs], a, from, first, Epilogue::Store, to);
        } else {
            let a = Left { data: from, row: 1, column: self.inputs };
            kernels::product(level, [self.inputs, rows, self.outputs], a, d, first, Epilogue::Store, to);
        }
        if let Some(bias) = self.bias {
            let ones = Left { data: &[1.0], row: 0, column: 0 };
            let to = part_mut(layout, lane, bias);
            kernels::product(level, [1, rows, self.outputs], ones, d, first, Epilogue::Store, to);
        }
    }
}

fn mixed() -> TchError {
    TchError::Torch("a step by kernels was given libtorch's operands, or the other way round".to_owned())
}

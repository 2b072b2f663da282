//! One lane's network on the CPU: forward and, derived by hand, backward, as many rows at a time as stay in a core's cache.

use super::super::dropout::Dropout;
use super::activation::{activate, backward, forward, needs_input, output, output_backward};
use super::buffer::Buffer;
use super::kernels::{self, Epilogue, First, Left, Level};
use super::layout::{Layout, Part};
use crate::experiment::config::{Activation, ClipOver, Model, Optimizer, Output};
use crate::train::TINY;

/// Bytes of activations and their gradients that are worked on at a time: they stay in a core's own cache.
const CHUNK_BYTES: usize = 128 << 10;

/// Rows are taken in multiples of this many, which fill the tiles of a product.
const CHUNK_ROWS: usize = 24;

/// How many rows are carried through hidden layers of these widths at once.
pub fn rows_at_once(hidden: &[usize], rows: usize) -> usize {
    let row_bytes = hidden.iter().sum::<usize>().saturating_mul(8).max(1);
    rows.min((CHUNK_BYTES / row_bytes / CHUNK_ROWS).max(1) * CHUNK_ROWS)
}

/// The parameters and their gradient, each in one flat buffer.
pub struct LaneNetwork {
    pub level: Level,
    pub layout: Layout,
    pub parameters: Buffer,
    pub gradient: Buffer,
    layers: Vec<LaneLayer>,
    activation: Vec<Activation>,
    output: Output,
    /// Units of the last layer.
    pub outputs: usize,
}

struct LaneLayer {
    inputs: usize,
    outputs: usize,
    weights: Part,
    bias: Option<Part>,
}

impl LaneNetwork {
    /// A network that begins with these parameters, tensor by tensor.
    pub fn new(level: Level, model: &Model, widths: &[usize], tensors: &[Vec<f32>]) -> Self {
        let layout = Layout::new(widths, model.bias);
        let (mut parameters, gradient) = (Buffer::zeros(layout.size), Buffer::zeros(layout.size));
        for (part, values) in layout.tensors.iter().zip(tensors) {
            part.of_mut(parameters.numbers_mut()).copy_from_slice(values);
        }
        let mut parts = layout.tensors.chunks(1 + usize::from(model.bias));
        let layers = widths.windows(2).zip(&mut parts).map(|(pair, parts)| LaneLayer {
            inputs: pair[0],
            outputs: pair[1],
            weights: parts[0],
            bias: parts.get(1).copied(),
        });
        LaneNetwork {
            level,
            layers: layers.collect(),
            layout,
            parameters,
            gradient,
            activation: model.activation.clone(),
            output: model.output,
            outputs: widths.last().copied().unwrap_or(1),
        }
    }

    /// Widths of the hidden layers.
    fn hidden(&self) -> Vec<usize> {
        self.layers[..self.layers.len() - 1].iter().map(|layer| layer.outputs).collect()
    }

    /// The penalty l1·Σ|w| + l2·Σw² of the weights.
    pub fn penalty(&self, l1: f64, l2: f64) -> f64 {
        let of = |part: &Part| {
            let weights = part.of(self.parameters.numbers());
            let absolutes = if l1 == 0.0 { 0.0 } else { l1 * kernels::absolutes(self.level, weights) };
            absolutes + if l2 == 0.0 { 0.0 } else { l2 * kernels::squares(self.level, weights) }
        };
        if l1 == 0.0 && l2 == 0.0 { 0.0 } else { self.layers.iter().map(|layer| of(&layer.weights)).sum() }
    }

    /// Adds its gradient.
    pub fn penalise(&mut self, l1: f64, l2: f64) {
        for layer in &self.layers {
            let weights = layer.weights.of(self.parameters.numbers());
            kernels::penalise(
                self.level,
                l1 as f32,
                l2 as f32,
                weights,
                layer.weights.of_mut(self.gradient.numbers_mut()),
            );
        }
    }

    /// Clips the gradient as an optimizer asks: its norm, then its numbers.
    pub fn clip(&mut self, by: &Optimizer) {
        let (level, gradient) = (self.level, self.gradient.numbers_mut());
        let shorten = |gradient: &mut [f32], most: f64, tiny: f64| {
            let factor = most / (kernels::squares(level, gradient).sqrt() + tiny);
            // A gradient that is no number stays none.
            if factor < 1.0 || factor.is_nan() {
                kernels::scale(level, factor as f32, gradient);
            }
        };
        match by.clip_norm.zip(by.clip_over) {
            Some((most, ClipOver::All)) => shorten(gradient, most, TINY),
            Some((most, ClipOver::Global)) => shorten(gradient, most, 0.0),
            Some((most, ClipOver::Each)) => {
                self.layout.tensors.iter().for_each(|part| shorten(part.of_mut(gradient), most, 0.0));
            }
            None => {}
        }
        if let Some(most) = by.clip_value {
            kernels::clip(level, most as f32, gradient);
        }
    }

    /// Numbers tensor by tensor.
    pub fn tensors(&self, of: &Buffer) -> Vec<Vec<f32>> {
        self.layout.tensors.iter().map(|part| part.of(of.numbers()).to_vec()).collect()
    }
}

/// What carries samples forward, with its buffers.
pub struct Pass {
    /// How many rows it takes at once.
    pub rows: usize,
    /// What each hidden layer puts out, `[rows, width]`.
    hidden: Vec<Buffer>,
    /// What goes into an activation, where its derivative needs that.
    inputs: Vec<Option<Buffer>>,
    /// Where outputs are dropped: what each hidden layer's are multiplied with, and what comes of that.
    dropped: Vec<Option<[Buffer; 2]>>,
    /// `[rows, outputs]`.
    predictions: Buffer,
    /// Bits of all that each hidden unit put out since [`Pass::watch`], by layer; 0 if it was always 0.
    seen: Vec<Vec<u32>>,
}

/// What carries a gradient back, with its buffers.
pub struct Backward {
    /// The gradients of the hidden layers.
    hidden: Vec<Buffer>,
    /// The gradient of the predictions, `[rows, outputs]`, which a loss writes.
    pub predictions: Buffer,
    /// Each layer's weights, transposed.
    transposed: Vec<Buffer>,
}

impl Pass {
    /// A pass over this many rows, perhaps in several goes; dropping outputs where there is a dropout.
    pub fn plan(network: &LaneNetwork, rows: usize, dropout: Option<&Dropout>) -> Self {
        let widths = network.hidden();
        let rows = rows_at_once(&widths, rows);
        let room = |width: usize| Buffer::zeros(rows * width);
        let drops = |at: usize| dropout.is_some_and(|dropout| dropout.drops(at));
        let dropped = |(at, &width)| drops(at).then(|| [room(width), room(width)]);
        let needed = widths.iter().zip(&network.activation).map(|(&width, &a)| needs_input(a).then_some(width));
        Pass {
            rows,
            hidden: widths.iter().map(|&width| room(width)).collect(),
            inputs: needed.map(|width| width.map(room)).collect(),
            dropped: widths.iter().enumerate().map(dropped).collect(),
            predictions: room(network.outputs),
            seen: widths.iter().map(|&width| vec![0; width]).collect(),
        }
    }

    /// Says what is dropped of the batch's rows from `start` on.
    pub fn drop_outputs(&mut self, dropout: &Dropout, start: usize, rows: usize) {
        for (layer, dropped) in self.dropped.iter_mut().enumerate() {
            let width = self.seen[layer].len();
            if let Some([mask, _]) = dropped {
                dropout.mask(layer, start, &mut mask.numbers_mut()[..rows * width]);
            }
        }
    }

    /// What a hidden layer hands on.
    fn handed_on(&self, layer: usize) -> &[f32] {
        self.dropped[layer].as_ref().map_or(&self.hidden[layer], |[_, dropped]| dropped).numbers()
    }

    /// Carries this many rows of samples, `[rows, columns]`, through the network.
    pub fn forward(&mut self, network: &LaneNetwork, samples: &[f32], rows: usize) {
        for (i, layer) in network.layers.iter().enumerate() {
            let (before, after) = self.hidden.split_at_mut(i);
            let (dropped_before, dropped) = self.dropped.split_at_mut(i);
            let from = match dropped_before.last() {
                Some(Some([_, dropped])) => dropped.numbers(),
                _ => before.last().map_or(samples, Buffer::numbers),
            };
            let Some(hidden) = after.first_mut() else {
                layer.forward(network, from, rows, Epilogue::Store, &mut self.predictions);
                let predictions = &mut self.predictions.numbers_mut()[..rows * network.outputs];
                return output(network.output, network.level, network.outputs, predictions);
            };
            let (activation, count) = (network.activation[i], rows * layer.outputs);
            if let Some(z) = &mut self.inputs[i] {
                layer.forward(network, from, rows, Epilogue::Store, z);
                kernels::gelu(network.level, &z.numbers()[..count], &mut hidden.numbers_mut()[..count]);
            } else {
                layer.forward(network, from, rows, forward(activation), hidden);
                activate(activation, network.level, &mut hidden.numbers_mut()[..count]);
            }
            if let Some(Some([mask, dropped])) = dropped.first_mut() {
                let to = &mut dropped.numbers_mut()[..count];
                kernels::masked(network.level, &hidden.numbers()[..count], &mask.numbers()[..count], to);
            }
        }
    }

    /// `[rows, outputs]`.
    pub fn predictions(&self) -> &[f32] {
        self.predictions.numbers()
    }

    /// Begins to watch for hidden units that put out 0 for every sample.
    pub fn watch(&mut self) {
        self.seen.iter_mut().for_each(|seen| seen.fill(0));
    }

    /// Takes note of what the last [`Self::forward`] left in the first `rows` rows.
    pub fn look(&mut self, level: Level, rows: usize) {
        for (hidden, seen) in self.hidden.iter().zip(&mut self.seen) {
            kernels::mark_nonzero(level, &hidden.numbers()[..rows * seen.len()], seen.len(), seen);
        }
    }

    /// Hidden units that have put out 0 for every sample since [`Self::watch`].
    pub fn dead(&self) -> usize {
        self.seen.iter().flatten().filter(|&&seen| seen == 0).count()
    }
}

impl Backward {
    /// The way back from this many rows at once.
    pub fn plan(network: &LaneNetwork, rows: usize) -> Self {
        let transposed = |layer: &LaneLayer| Buffer::zeros(layer.inputs * layer.outputs);
        Backward {
            hidden: network.hidden().iter().map(|&width| Buffer::zeros(rows * width)).collect(),
            predictions: Buffer::zeros(rows * network.outputs),
            transposed: network.layers.iter().map(transposed).collect(),
        }
    }

    /// Writes the gradient of the parameters, or adds to it, from that of the predictions; `go_on` if the parameters are those
    /// that it went through last.
    pub fn run(
        &mut self,
        ahead: &Pass,
        network: &mut LaneNetwork,
        samples: &[f32],
        rows: usize,
        add: bool,
        go_on: bool,
    ) {
        let LaneNetwork { level, layers, parameters, gradient, activation, output, outputs, .. } = network;
        let count = rows * *outputs;
        let y = &ahead.predictions.numbers()[..count];
        output_backward(*output, *level, *outputs, y, &mut self.predictions.numbers_mut()[..count]);
        for (i, layer) in layers.iter().enumerate().rev() {
            let (before, after) = self.hidden.split_at_mut(i);
            let d = after.first().unwrap_or(&self.predictions).numbers();
            let from = if i == 0 { samples } else { ahead.handed_on(i - 1) };
            layer.weights_backward(*level, from, d, rows, add, gradient.numbers_mut());
            let Some(to) = before.last_mut() else { break };
            let epilogue = backward(activation[i - 1], ahead.hidden[i - 1].numbers());
            let weights = layer.weights.of(parameters.numbers());
            if layer.outputs > 1 && !go_on {
                kernels::transpose(*level, weights, layer.inputs, layer.outputs, self.transposed[i].numbers_mut());
            }
            // A single column lies in memory as its transpose does.
            let transposed = if layer.outputs == 1 { weights } else { self.transposed[i].numbers() };
            let a = Left { data: d, row: layer.outputs, column: 1 };
            let sizes = [rows, layer.outputs, layer.inputs];
            kernels::product(*level, sizes, a, transposed, First::Zero, epilogue, to.numbers_mut());
            if let Some([mask, _]) = &ahead.dropped[i - 1] {
                let count = rows * layer.inputs;
                kernels::mask_in_place(*level, &mask.numbers()[..count], &mut to.numbers_mut()[..count]);
            }
            if let Some(z) = &ahead.inputs[i - 1] {
                let count = rows * layer.inputs;
                kernels::gelu_backward(*level, &z.numbers()[..count], &mut to.numbers_mut()[..count]);
            }
        }
    }
}

impl LaneLayer {
    /// `to = epilogue(from · weights + bias)`.
    fn forward(&self, network: &LaneNetwork, from: &[f32], rows: usize, epilogue: Epilogue, to: &mut Buffer) {
        let parameters = network.parameters.numbers();
        let first = self.bias.map_or(First::Zero, |bias| First::Bias(bias.of(parameters)));
        let a = Left { data: from, row: self.inputs, column: 1 };
        let sizes = [rows, self.inputs, self.outputs];
        kernels::product(network.level, sizes, a, self.weights.of(parameters), first, epilogue, to.numbers_mut());
    }

    /// Writes the gradients of the weights and the bias, or adds to them, from `d`, the gradient of what the layer puts out.
    fn weights_backward(&self, level: Level, from: &[f32], d: &[f32], rows: usize, add: bool, gradient: &mut [f32]) {
        let first = if add { First::Sums } else { First::Zero };
        let to = self.weights.of_mut(gradient);
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
            kernels::product(level, [1, rows, self.outputs], ones, d, first, Epilogue::Store, bias.of_mut(gradient));
        }
    }
}

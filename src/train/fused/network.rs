//! One lane's network on the CPU: forward and, derived by hand, backward, as many rows at a time as stay in a core's cache.

use super::super::dropout::Dropout;
use super::activation::{activate, apply, backward, forward, go_back, needs_input, output, output_backward};
use super::buffer::Buffer;
use super::kernels::{self, Epilogue, First, Left, Level};
use super::layout::{Layout, Part};
use super::norm::{LaneNorm, Statistics};
use crate::experiment::config::{Activation, ClipOver, Config, Mode, Model, Norm, NormPlace, Optimizer, Output};
use crate::train::TINY;

/// Bytes of activations and their gradients that are worked on at a time: they stay in a core's own cache.
const CHUNK_BYTES: usize = 128 << 10;

/// Rows are taken in multiples of this many, which fill the tiles of a product.
const CHUNK_ROWS: usize = 24;

/// How many rows are carried through the network at once, in training or in evaluation.
pub fn rows_at_once(config: &Config, rows: usize, training: bool) -> usize {
    // A batch norm needs to see all rows of its batch.
    if training && config.model.norm.contains(&Norm::Batch) && config.train.mode == Mode::Train {
        return rows;
    }
    let row_bytes = config.model.hidden.iter().sum::<usize>().saturating_mul(8).max(1);
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
    /// Of each hidden layer.
    norms: Vec<Option<LaneNorm>>,
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
        let layout = Layout::new(model, widths);
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
        let mut learnt = layout.norms.iter();
        let norms = (0..model.hidden.len()).map(|layer| {
            let (kind, by) = model.norm_of(layer)?;
            let norm = LaneNorm::new(level, kind, by, *learnt.next()?);
            norm.begin(parameters.numbers_mut());
            Some(norm)
        });
        LaneNetwork {
            level,
            norms: norms.collect(),
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
                self.layout.all().for_each(|part| shorten(part.of_mut(gradient), most, 0.0));
            }
            None => {}
        }
        if let Some(most) = by.clip_value {
            kernels::clip(level, most as f32, gradient);
        }
    }

    /// Lets the running statistics of batch norms follow those of a batch of so many rows, which went through this pass.
    pub fn follow(&mut self, pass: &Pass, rows: usize) {
        for (norm, by) in self.norms.iter_mut().zip(pass.statistics()) {
            if let Some((norm, by)) = norm.as_mut().zip(by) {
                norm.follow(by, rows);
            }
        }
    }

    /// Parameters and running statistics.
    pub fn remembered(&self) -> Vec<f32> {
        let running = self.norms.iter().flatten().flat_map(|norm| &norm.running);
        self.parameters.numbers().iter().chain(running).copied().collect()
    }

    /// Takes them back.
    pub fn recall(&mut self, remembered: &[f32]) {
        let running = self.norms.iter_mut().flatten().flat_map(|norm| &mut norm.running);
        let numbers = self.parameters.numbers_mut().iter_mut().chain(running);
        numbers.zip(remembered).for_each(|(number, remembered)| *number = *remembered);
    }
}

/// What carries samples forward, with its buffers.
pub struct Pass {
    /// How many rows it takes at once.
    pub rows: usize,
    hidden: Vec<Hidden>,
    /// `[rows, outputs]`.
    predictions: Buffer,
}

/// What a pass keeps of a hidden layer, `[rows, width]` each.
struct Hidden {
    width: usize,
    /// What its activation puts out.
    out: Buffer,
    /// What goes into the activation, where its derivative needs that.
    input: Option<Buffer>,
    /// What goes into a norm before the activation, and what comes out of one behind it; with the statistics that it went by.
    before: Option<(Buffer, Statistics)>,
    behind: Option<(Buffer, Statistics)>,
    /// Where outputs are dropped: what they are multiplied with, and what comes of that.
    dropped: Option<[Buffer; 2]>,
    /// Bits of all that each unit put out since [`Pass::watch`]; 0 if it was always 0.
    seen: Vec<u32>,
}

impl Hidden {
    /// What the next layer gets.
    fn handed_on(&self) -> &[f32] {
        let normed = self.behind.as_ref().map_or(&self.out, |(normed, _)| normed);
        self.dropped.as_ref().map_or(normed, |[_, dropped]| dropped).numbers()
    }
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
    /// A pass that takes this many rows at once, in training or in evaluation; dropping outputs where there is a dropout.
    pub fn plan(network: &LaneNetwork, rows: usize, training: bool, dropout: Option<&Dropout>) -> Self {
        let room = |width: usize| Buffer::zeros(rows * width);
        let hidden = |(at, &width): (usize, &usize)| {
            let normed = |place: NormPlace| {
                let norm = network.norms[at].as_ref().filter(|norm| norm.by.place == place);
                norm.map(|norm| (room(width), norm.plan(rows, training)))
            };
            Hidden {
                width,
                out: room(width),
                input: needs_input(network.activation[at]).then(|| room(width)),
                before: normed(NormPlace::Before),
                behind: normed(NormPlace::After),
                dropped: dropout.is_some_and(|dropout| dropout.drops(at)).then(|| [room(width), room(width)]),
                seen: vec![0; width],
            }
        };
        let hidden = network.hidden().iter().enumerate().map(hidden).collect();
        Pass { rows, hidden, predictions: room(network.outputs) }
    }

    /// Says what is dropped of the batch's rows from `start` on.
    pub fn drop_outputs(&mut self, dropout: &Dropout, start: usize, rows: usize) {
        for (layer, hidden) in self.hidden.iter_mut().enumerate() {
            if let Some([mask, _]) = &mut hidden.dropped {
                dropout.mask(layer, start, &mut mask.numbers_mut()[..rows * hidden.width]);
            }
        }
    }

    /// Carries this many rows of samples, `[rows, columns]`, through the network.
    pub fn forward(&mut self, network: &LaneNetwork, samples: &[f32], rows: usize) {
        let (level, parameters) = (network.level, network.parameters.numbers());
        for (i, layer) in network.layers.iter().enumerate() {
            let (before, after) = self.hidden.split_at_mut(i);
            let from = before.last().map_or(samples, Hidden::handed_on);
            let Some(hidden) = after.first_mut() else {
                layer.forward(network, from, rows, Epilogue::Store, &mut self.predictions);
                let predictions = &mut self.predictions.numbers_mut()[..rows * network.outputs];
                return output(network.output, level, network.outputs, predictions);
            };
            let Hidden { out, input, before, behind, dropped, .. } = hidden;
            let (activation, count) = (network.activation[i], rows * layer.outputs);
            let norm = network.norms[i].as_ref();
            let (epilogue, first) = match (&mut *before, &mut *input) {
                (Some((z, _)), _) | (None, Some(z)) => (Epilogue::Store, z),
                (None, None) => (forward(activation), &mut *out),
            };
            layer.forward(network, from, rows, epilogue, first);
            if let Some((norm, (x, by))) = norm.zip(before.as_mut()) {
                let y = input.as_mut().unwrap_or(out).numbers_mut();
                norm.forward(parameters, &x.numbers()[..count], by, &mut y[..count]);
            }
            match input {
                Some(z) => kernels::gelu(level, &z.numbers()[..count], &mut out.numbers_mut()[..count]),
                None if before.is_some() => apply(activation, level, &mut out.numbers_mut()[..count]),
                None => activate(activation, level, &mut out.numbers_mut()[..count]),
            }
            if let Some((norm, (y, by))) = norm.zip(behind.as_mut()) {
                norm.forward(parameters, &out.numbers()[..count], by, &mut y.numbers_mut()[..count]);
            }
            if let Some([mask, dropped]) = dropped {
                let from = behind.as_ref().map_or(&*out, |(normed, _)| normed).numbers();
                let to = &mut dropped.numbers_mut()[..count];
                kernels::masked(level, &from[..count], &mask.numbers()[..count], to);
            }
        }
    }

    /// The statistics of each hidden layer's norm, if it has one.
    pub fn statistics(&self) -> impl Iterator<Item = Option<&Statistics>> {
        self.hidden.iter().map(|hidden| hidden.before.as_ref().or(hidden.behind.as_ref()).map(|(_, by)| by))
    }

    /// `[rows, outputs]`.
    pub fn predictions(&self) -> &[f32] {
        self.predictions.numbers()
    }

    /// Begins to watch for hidden units that put out 0 for every sample.
    pub fn watch(&mut self) {
        self.hidden.iter_mut().for_each(|hidden| hidden.seen.fill(0));
    }

    /// Takes note of what the last [`Self::forward`] left in the first `rows` rows.
    pub fn look(&mut self, level: Level, rows: usize) {
        for Hidden { width, out, seen, .. } in &mut self.hidden {
            kernels::mark_nonzero(level, &out.numbers()[..rows * *width], *width, seen);
        }
    }

    /// Hidden units that have put out 0 for every sample since [`Self::watch`].
    pub fn dead(&self) -> usize {
        self.hidden.iter().flat_map(|hidden| &hidden.seen).filter(|&&seen| seen == 0).count()
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
        let LaneNetwork { level, layers, parameters, gradient, activation, norms, output, outputs, .. } = network;
        let level = *level;
        let count = rows * *outputs;
        let y = &ahead.predictions.numbers()[..count];
        output_backward(*output, level, *outputs, y, &mut self.predictions.numbers_mut()[..count]);
        for (i, layer) in layers.iter().enumerate().rev() {
            let (before, after) = self.hidden.split_at_mut(i);
            let d = after.first().unwrap_or(&self.predictions).numbers();
            let from = if i == 0 { samples } else { ahead.hidden[i - 1].handed_on() };
            layer.weights_backward(level, from, d, rows, add, gradient.numbers_mut());
            let Some(to) = before.last_mut() else { break };
            let (hidden, activation, norm) = (&ahead.hidden[i - 1], activation[i - 1], norms[i - 1].as_ref());
            let h = hidden.out.numbers();
            let epilogue = if hidden.behind.is_some() { Epilogue::Store } else { backward(activation, h) };
            let weights = layer.weights.of(parameters.numbers());
            if layer.outputs > 1 && !go_on {
                kernels::transpose(level, weights, layer.inputs, layer.outputs, self.transposed[i].numbers_mut());
            }
            // A single column lies in memory as its transpose does.
            let transposed = if layer.outputs == 1 { weights } else { self.transposed[i].numbers() };
            let a = Left { data: d, row: layer.outputs, column: 1 };
            let sizes = [rows, layer.outputs, layer.inputs];
            kernels::product(level, sizes, a, transposed, First::Zero, epilogue, to.numbers_mut());
            let count = rows * layer.inputs;
            let d = &mut to.numbers_mut()[..count];
            if let Some([mask, _]) = &hidden.dropped {
                kernels::mask_in_place(level, &mask.numbers()[..count], d);
            }
            let (parameters, gradient) = (parameters.numbers(), gradient.numbers_mut());
            if let Some((norm, (_, by))) = norm.zip(hidden.behind.as_ref()) {
                norm.backward(parameters, &h[..count], by, d, add, gradient);
                go_back(activation, level, &h[..count], d);
            }
            if let Some(z) = &hidden.input {
                kernels::gelu_backward(level, &z.numbers()[..count], d);
            }
            if let Some((norm, (x, by))) = norm.zip(hidden.before.as_ref()) {
                norm.backward(parameters, &x.numbers()[..count], by, d, add, gradient);
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

//! Networks as a list of layers, or as a module, and their parameters.

use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor, no_grad};

use super::module::Module;
use super::norm::NormLayer;
use crate::experiment::config::{Activation, Mode, Model, NormPlace, Output, USUAL_SLOPE};
use crate::train::engine::Lane;
use crate::train::init;

type Result<T> = std::result::Result<T, TchError>;

/// What a network is made of, in order.
enum Layer {
    /// `x · weights + bias`, of `[lanes, inputs, outputs]` and `[lanes, 1, outputs]`.
    Linear {
        weights: Tensor,
        bias: Option<Tensor>,
    },
    Activation(Activation),
    Norm(NormLayer),
    /// Of the layer with this number; the outputs' comes behind the hidden ones.
    Dropout(usize),
    Output(Output),
}

/// How a network is gone through.
pub enum Pass<'a> {
    /// Batch norms go by the batch, and outputs are dropped: what each layer's are multiplied with, where it drops some.
    Training(&'a [Option<Tensor>]),
    Evaluation,
}

impl Layer {
    /// `[lanes, rows, inputs]` to `[lanes, rows, outputs]`.
    fn forward(&mut self, x: &Tensor, pass: &Pass, slope: f64) -> Result<Tensor> {
        match self {
            // Not baddbmm: where memory runs out, tch panics over the scalars that it takes.
            Layer::Linear { weights, bias: Some(bias) } => x.f_bmm(weights)?.f_add(bias),
            Layer::Linear { weights, bias: None } => x.f_bmm(weights),
            Layer::Activation(activation) => match activation {
                Activation::Relu => x.f_relu(),
                Activation::LeakyRelu if slope == USUAL_SLOPE => x.f_leaky_relu(),
                // tch's leaky_relu takes no slope; this is its definition, and its gradient at 0.
                Activation::LeakyRelu => x.f_where_self(&x.f_gt(0.0)?, &x.f_mul(&Tensor::from(slope))?),
                Activation::Elu => x.f_elu(),
                Activation::Gelu => x.f_gelu("none"),
                Activation::GeluTanh => x.f_gelu("tanh"),
                Activation::Sigmoid => x.f_sigmoid(),
                Activation::Tanh => x.f_tanh(),
                Activation::Identity => Ok(x.shallow_clone()),
            },
            Layer::Norm(norm) => norm.forward(x, matches!(pass, Pass::Training(_))),
            Layer::Dropout(layer) => match pass {
                Pass::Training(masks) => match masks.get(*layer) {
                    Some(Some(mask)) => x.f_mul(mask),
                    _ => Ok(x.shallow_clone()),
                },
                Pass::Evaluation => Ok(x.shallow_clone()),
            },
            Layer::Output(output) => match output {
                Output::Identity => Ok(x.shallow_clone()),
                Output::Relu => x.f_relu(),
                Output::Sigmoid => x.f_sigmoid(),
                Output::Tanh => x.f_tanh(),
                Output::Softmax => x.f_softmax(-1, None),
                Output::LogSoftmax => x.f_log_softmax(-1, None),
            },
        }
    }
}

/// The networks of a block. All parameters lie in one tensor, of which each layer's are views, so that an optimizer goes
/// over all of them at once.
pub struct Network {
    body: Body,
    /// Of leaky_relu.
    slope: f64,
    /// `[lanes, parameters]`, and as many numbers of gradient.
    pub parameters: Tensor,
    pub gradient: Tensor,
    /// The tensors that a gradient is asked of: each layer's weights and biases, then what norms learn.
    leaves: Vec<Leaf>,
    /// What was remembered: the parameters, and the running statistics of each norm.
    remembered: Option<(Tensor, Vec<Tensor>)>,
    /// Owns and names the leaves.
    _store: VarStore,
}

enum Body {
    Layers(Vec<Layer>),
    /// Of a block of one lane.
    Module(Box<Module>),
}

impl Body {
    fn norms(&mut self) -> impl Iterator<Item = &mut NormLayer> {
        let layers = if let Body::Layers(layers) = self { layers.as_mut_slice() } else { &mut [] };
        layers.iter_mut().filter_map(|layer| if let Layer::Norm(norm) = layer { Some(norm) } else { None })
    }
}

/// A tensor of parameters.
struct Leaf {
    tensor: Tensor,
    /// Its place among all parameters of a lane.
    begin: i64,
    length: i64,
    /// The layer that it belongs to.
    layer: usize,
    kind: LeafKind,
}

#[derive(Clone, Copy, PartialEq)]
enum LeafKind {
    Weights,
    Bias,
    /// A norm's scale or shift.
    Norm,
}

impl Network {
    /// Networks of these layer sizes at their lanes' initial parameters.
    pub fn new(model: &Model, widths: &[usize], lanes: &[Lane], kind: Kind, device: Device) -> Result<Self> {
        let count = lanes.len() as i64;
        // Scales begin with 1, shifts with 0.
        let learnt = model.normed().flat_map(|at| [(1.0, at), (0.0, at)]);
        let learnt: Vec<f32> = learnt.flat_map(|(value, at)| vec![value; model.hidden[at]]).collect();
        let values = lanes.iter().flat_map(|lane| [init::parameters(lane).concat(), learnt.clone()]);
        let values: Vec<f32> = values.flatten().collect();
        let parameters = Tensor::f_from_slice(&values)?.f_view([count, -1])?.f_to_device(device)?.f_to_kind(kind)?;
        let gradient = parameters.f_zeros_like()?;
        let store = VarStore::new(device);
        let mut leaves: Vec<Leaf> = Vec::new();
        let mut begin = 0;
        let mut leaf = |layer: usize, name: &str, kind: LeafKind, rows: i64, columns: i64| -> Result<Tensor> {
            let part = parameters.f_narrow(1, begin, rows * columns)?.f_view([count, rows, columns])?;
            let leaf = store.root().sub(layer).add(name, part.f_detach()?, true);
            leaves.push(Leaf { tensor: leaf.shallow_clone(), begin, length: rows * columns, layer, kind });
            begin += rows * columns;
            Ok(leaf)
        };
        let mut linear = Vec::new();
        for (at, pair) in widths.windows(2).enumerate() {
            let [inputs, outputs] = [pair[0] as i64, pair[1] as i64];
            let weights = leaf(at, "weight", LeafKind::Weights, inputs, outputs)?;
            let bias = model.bias.then(|| leaf(at, "bias", LeafKind::Bias, 1, outputs)).transpose()?;
            linear.push(Layer::Linear { weights, bias });
        }
        let mut layers = Vec::new();
        for (at, linear) in linear.into_iter().enumerate() {
            layers.push(linear);
            let drops = model.dropout.get(at).is_some_and(|share| *share > 0.0);
            let Some(&activation) = model.activation.get(at) else {
                layers.extend(drops.then_some(Layer::Dropout(at)));
                layers.push(Layer::Output(model.output));
                continue;
            };
            let norm = match model.norm_of(at) {
                Some((kind, by)) => {
                    let units = model.hidden[at] as i64;
                    let learnt =
                        [leaf(at, "scale", LeafKind::Norm, 1, units)?, leaf(at, "shift", LeafKind::Norm, 1, units)?];
                    let by_batch = !(model.frozen.contains(&at) && by.frozen == Some(Mode::Eval));
                    Some((Layer::Norm(NormLayer::new(kind, by, by_batch, learnt)?), by.place))
                }
                None => None,
            };
            let activation = Layer::Activation(activation);
            match norm {
                Some((norm, NormPlace::Before)) => layers.extend([norm, activation]),
                Some((norm, NormPlace::After)) => layers.extend([activation, norm]),
                None => layers.push(activation),
            }
            layers.extend(drops.then_some(Layer::Dropout(at)));
        }
        let slope = model.negative_slope;
        Ok(Network { body: Body::Layers(layers), slope, parameters, gradient, leaves, remembered: None, _store: store })
    }

    /// A network that is a module.
    pub fn of_module(mut module: Module, device: Device) -> Result<Self> {
        let store = VarStore::new(device);
        let numbers: Vec<Tensor> =
            module.trained().map(|(_, tensor)| tensor.f_detach()?.f_reshape([1, -1])).collect::<Result<_>>()?;
        let parameters = Tensor::f_cat(&numbers, 1)?;
        let mut leaves = Vec::new();
        let mut begin = 0;
        for (name, tensor) in module.trained() {
            let (length, shape) = (tensor.numel() as i64, tensor.size());
            // From now on the module's own tensor is a part of all parameters, which the optimizer goes over at once.
            tensor.f_set_data(&parameters.f_narrow(1, begin, length)?.f_view(shape.as_slice())?)?;
            let kind = if shape.len() > 1 { LeafKind::Weights } else { LeafKind::Bias };
            let leaf = store.root().add(&name.replace('.', "_"), tensor.shallow_clone(), true);
            leaves.push(Leaf { tensor: leaf, begin, length, layer: 0, kind });
            begin += length;
        }
        let gradient = parameters.f_zeros_like()?;
        let body = Body::Module(Box::new(module));
        Ok(Network { body, slope: USUAL_SLOPE, parameters, gradient, leaves, remembered: None, _store: store })
    }

    /// Predictions, `[lanes, rows, outputs]`, of a module `[1, rows, …]`; `watch` sees what each hidden layer's activation puts
    /// out.
    pub fn forward(&mut self, x: &Tensor, pass: &Pass, mut watch: impl FnMut(&Tensor) -> Result<()>) -> Result<Tensor> {
        let layers = match &mut self.body {
            Body::Layers(layers) => layers,
            Body::Module(module) => return module.forward(x, matches!(pass, Pass::Training(_))),
        };
        let mut x = x.shallow_clone();
        for layer in layers {
            x = layer.forward(&x, pass, self.slope)?;
            if matches!(layer, Layer::Activation(_)) {
                watch(&x)?;
            }
        }
        Ok(x)
    }

    /// l1·Σ|w| + l2·Σw² over the weights, `[lanes]`; nothing where both are 0.
    pub fn penalty(&self, l1: f64, l2: f64) -> Result<Option<Tensor>> {
        let mut sum: Option<Tensor> = None;
        let mut add = |factor: f64, term: Tensor| -> Result<()> {
            let lanes = self.parameters.size()[0];
            let term = term.f_reshape([lanes, -1])?;
            let term = term.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)?.f_mul_scalar(factor)?;
            sum = Some(match &sum {
                Some(sum) => sum.f_add(&term)?,
                None => term,
            });
            Ok(())
        };
        for leaf in self.leaves.iter().filter(|leaf| leaf.kind == LeafKind::Weights) {
            if l1 != 0.0 {
                add(l1, leaf.tensor.f_abs()?)?;
            }
            if l2 != 0.0 {
                add(l2, leaf.tensor.f_square()?)?;
            }
        }
        Ok(sum)
    }

    /// Derives the losses of the lanes, `[lanes]`, into the gradient, or adds to it. Each lane's parameters appear in its own
    /// loss alone; the layers in `frozen` have none.
    pub fn backward(&self, losses: &Tensor, frozen: &[usize], add: bool) -> Result<()> {
        let leaves: Vec<&Tensor> = self.leaves.iter().map(|leaf| &leaf.tensor).collect();
        let gradients = Tensor::f_run_backward(&[losses], &leaves, false, false)?;
        let lanes = self.parameters.size()[0];
        let flat = |(gradient, leaf): (&Tensor, &Leaf)| match gradient.defined() && !frozen.contains(&leaf.layer) {
            true => gradient.f_reshape([lanes, -1]),
            // Of a leaf that is frozen, or that the loss does not depend on.
            false => leaf.tensor.f_detach()?.f_zeros_like()?.f_reshape([lanes, -1]),
        };
        let flat = gradients.iter().zip(&self.leaves).map(flat).collect::<Result<Vec<_>>>()?;
        no_grad(|| match add {
            false => Tensor::f_cat_out(&self.gradient, &flat, 1).map(drop),
            true => self.gradient.shallow_clone().f_add_(&Tensor::f_cat(&flat, 1)?).map(drop),
        })
    }

    /// Where each tensor begins in the flat parameters, how long it is, and which layer it belongs to.
    pub fn parts(&self) -> impl Iterator<Item = (i64, i64, usize)> {
        self.leaves.iter().map(|leaf| (leaf.begin, leaf.length, leaf.layer))
    }

    /// Remembers parameters and running statistics.
    pub fn remember(&mut self) -> Result<()> {
        let norms = self.body.norms().map(|norm| &*norm);
        let running = norms.map(NormLayer::running_copy).collect::<Result<_>>()?;
        self.remembered = Some((self.parameters.f_detach_copy()?, running));
        Ok(())
    }

    /// Gives them back.
    pub fn recall(&mut self) -> Result<()> {
        let Some((parameters, running)) = &self.remembered else { return Ok(()) };
        no_grad(|| self.parameters.f_copy_(parameters))?;
        self.body.norms().zip(running).try_for_each(|(norm, running)| norm.set_running(running))
    }

    /// Gives every lane these parameters.
    pub fn set_parameters(&mut self, values: &[f32]) -> Result<()> {
        self.parameters.f_narrow(1, 0, values.len() as i64)?.f_copy_(&Tensor::f_from_slice(values)?)
    }

    /// Each lane's numbers of `[lanes, parameters]`, on the host, tensor by tensor: the layers', and those of norms.
    pub fn tensors(&self, of: &Tensor) -> Result<Vec<[Vec<Vec<f32>>; 2]>> {
        let all: i64 = self.leaves.iter().map(|leaf| leaf.length).sum();
        let numbers = super::host(of)?;
        let lane = |lane: &[f32]| {
            let of = |norms: bool| {
                let leaves = self.leaves.iter().filter(|leaf| (leaf.kind == LeafKind::Norm) == norms);
                leaves.map(|leaf| lane[leaf.begin as usize..][..leaf.length as usize].to_vec()).collect()
            };
            [of(false), of(true)]
        };
        Ok(numbers.chunks(all as usize).map(lane).collect())
    }
}

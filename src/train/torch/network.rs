//! Networks as a list of layers, and their parameters.

use tch::nn::VarStore;
use tch::{Device, Kind, TchError, Tensor, no_grad};

use crate::experiment::config::{Activation, Model, Output};
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
    Output(Output),
}

impl Layer {
    /// `[lanes, rows, inputs]` to `[lanes, rows, outputs]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            // Not baddbmm: where memory runs out, tch panics over the scalars that it takes.
            Layer::Linear { weights, bias: Some(bias) } => x.f_bmm(weights)?.f_add(bias),
            Layer::Linear { weights, bias: None } => x.f_bmm(weights),
            Layer::Activation(activation) => match activation {
                Activation::Relu => x.f_relu(),
                Activation::LeakyRelu => x.f_leaky_relu(),
                Activation::Elu => x.f_elu(),
                Activation::Gelu => x.f_gelu("none"),
                Activation::Sigmoid => x.f_sigmoid(),
                Activation::Tanh => x.f_tanh(),
                Activation::Identity => Ok(x.shallow_clone()),
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
    layers: Vec<Layer>,
    /// `[lanes, parameters]`, and as many numbers of gradient.
    pub parameters: Tensor,
    pub gradient: Tensor,
    /// The tensors that a gradient is asked of: each layer's weights and biases.
    leaves: Vec<Tensor>,
    /// Owns and names the leaves.
    _store: VarStore,
}

impl Network {
    /// Networks of these layer sizes at their lanes' initial parameters.
    pub fn new(model: &Model, widths: &[usize], lanes: &[Lane], kind: Kind, device: Device) -> Result<Self> {
        let count = lanes.len() as i64;
        let values: Vec<f32> = lanes.iter().flat_map(init::parameters).flatten().collect();
        let parameters = Tensor::f_from_slice(&values)?.f_view([count, -1])?.f_to_device(device)?.f_to_kind(kind)?;
        let gradient = parameters.f_zeros_like()?;
        let store = VarStore::new(device);
        let (mut layers, mut leaves) = (Vec::new(), Vec::new());
        let mut begin = 0;
        let mut leaf = |layer: usize, name: &str, rows: i64, columns: i64| -> Result<Tensor> {
            let part = parameters.f_narrow(1, begin, rows * columns)?.f_view([count, rows, columns])?;
            begin += rows * columns;
            let leaf = store.root().sub(layer).add(name, part.f_detach()?, true);
            leaves.push(leaf.shallow_clone());
            Ok(leaf)
        };
        for (at, pair) in widths.windows(2).enumerate() {
            let [inputs, outputs] = [pair[0] as i64, pair[1] as i64];
            let weights = leaf(at, "weight", inputs, outputs)?;
            let bias = model.bias.then(|| leaf(at, "bias", 1, outputs)).transpose()?;
            layers.push(Layer::Linear { weights, bias });
            layers.push(match model.activation.get(at) {
                Some(&activation) => Layer::Activation(activation),
                None => Layer::Output(model.output),
            });
        }
        Ok(Network { layers, parameters, gradient, leaves, _store: store })
    }

    /// Predictions, `[lanes, rows, outputs]`; `watch` sees what each hidden layer puts out.
    pub fn forward(&self, x: &Tensor, mut watch: impl FnMut(&Tensor) -> Result<()>) -> Result<Tensor> {
        let mut x = x.shallow_clone();
        for layer in &self.layers {
            x = layer.forward(&x)?;
            if matches!(layer, Layer::Activation(_)) {
                watch(&x)?;
            }
        }
        Ok(x)
    }

    /// Derives the losses of the lanes, `[lanes]`, into the gradient. Each lane's parameters appear in its own loss alone.
    pub fn backward(&self, losses: &Tensor) -> Result<()> {
        let gradients = Tensor::f_run_backward(&[losses], &self.leaves, false, false)?;
        let flat = |(gradient, leaf): (&Tensor, &Tensor)| match gradient.defined() {
            true => gradient.f_flatten(1, 2),
            // Of a leaf that the loss does not depend on.
            false => leaf.f_detach()?.f_zeros_like()?.f_flatten(1, 2),
        };
        let flat = gradients.iter().zip(&self.leaves).map(flat).collect::<Result<Vec<_>>>()?;
        no_grad(|| Tensor::f_cat_out(&self.gradient, &flat, 1)).map(drop)
    }

    /// Gives every lane these parameters.
    pub fn set_parameters(&mut self, values: &[f32]) -> Result<()> {
        self.parameters.f_copy_(&Tensor::f_from_slice(values)?)
    }

    /// Each lane's numbers of `[lanes, parameters]`, on the host, tensor by tensor.
    pub fn tensors(&self, of: &Tensor) -> Result<Vec<Vec<Vec<f32>>>> {
        let sizes: Vec<usize> = self.leaves.iter().map(|leaf| (leaf.size()[1] * leaf.size()[2]) as usize).collect();
        let numbers = super::host(of)?;
        let lane = |mut lane: &[f32]| {
            let cut = |&size: &usize| {
                let (tensor, rest) = lane.split_at(size);
                lane = rest;
                tensor.to_vec()
            };
            sizes.iter().map(cut).collect()
        };
        Ok(numbers.chunks(sizes.iter().sum()).map(lane).collect())
    }
}

//! Activations and outputs over a whole buffer, and their derivatives, by libtorch's own kernels; the softmax, which goes
//! over rows, by ours.

use tch::{TchError, Tensor};

use super::buffer::Buffer;
use super::kernels::{self, Level};
use crate::experiment::config::{Activation, Model, Output};

/// How many calls into libtorch a pass through a network makes: for the activations that are not part of a product, and for
/// the output.
pub fn calls(model: &Model) -> usize {
    let own = |a: &&Activation| !matches!(a, Activation::Relu | Activation::LeakyRelu | Activation::Identity);
    let by_libtorch = matches!(model.output, Output::Relu | Output::Sigmoid | Output::Tanh);
    model.activation.iter().filter(own).count() + usize::from(by_libtorch)
}

/// Whether an activation's derivative needs what went in; the others' is found from what came out.
pub fn needs_input(activation: Activation) -> bool {
    activation == Activation::Gelu
}

/// Writes the activation of `z` to `h`, which may be `z` itself where [`needs_input`] is false.
pub fn activate(activation: Activation, z: &Tensor, h: &mut Tensor) -> Result<(), TchError> {
    match activation {
        Activation::Relu => drop(h.f_relu_()?),
        Activation::LeakyRelu => drop(h.f_leaky_relu_()?),
        Activation::Elu => drop(h.f_elu_()?),
        Activation::Gelu => drop(z.f_gelu_out(h, "none")?),
        Activation::Sigmoid => drop(h.f_sigmoid_()?),
        Activation::Tanh => drop(h.f_tanh_()?),
        Activation::Identity => {}
    }
    Ok(())
}

/// Turns `d`, the gradient of `h`, into the gradient of `z`.
pub fn activate_backward(activation: Activation, z: &Tensor, h: &Tensor, d: &Tensor) -> Result<(), TchError> {
    match activation {
        Activation::Relu => drop(h.f_threshold_backward_grad_input(d, d, 0)?),
        Activation::LeakyRelu => drop(h.f_leaky_relu_backward_grad_input(d, d, 0.01, true)?),
        Activation::Elu => drop(Tensor::f_elu_backward_grad_input(d, d, 1.0, 1.0, 1.0, true, h)?),
        Activation::Gelu => drop(z.f_gelu_backward_grad_input(d, d, "none")?),
        Activation::Sigmoid => drop(Tensor::f_sigmoid_backward_grad_input(d, d, h)?),
        Activation::Tanh => drop(Tensor::f_tanh_backward_grad_input(d, d, h)?),
        Activation::Identity => {}
    }
    Ok(())
}

/// Turns what the last layer puts out, `[rows, width]`, into predictions.
pub fn output(output: Output, level: Level, [rows, width]: [usize; 2], z: &mut Buffer) -> Result<(), TchError> {
    match output {
        Output::Identity => {}
        Output::Relu => drop(z.tensor.f_relu_()?),
        Output::Sigmoid => drop(z.tensor.f_sigmoid_()?),
        Output::Tanh => drop(z.tensor.f_tanh_()?),
        Output::Softmax => kernels::softmax(level, width, &mut z.numbers_mut()[..rows * width]),
        Output::LogSoftmax => kernels::log_softmax(level, width, &mut z.numbers_mut()[..rows * width]),
    }
    Ok(())
}

/// Turns `d`, the gradient of the predictions `y`, into the gradient of what the last layer put out.
pub fn output_backward(
    output: Output,
    level: Level,
    [rows, width]: [usize; 2],
    y: &Buffer,
    d: &mut Buffer,
) -> Result<(), TchError> {
    let count = rows * width;
    match output {
        Output::Identity => {}
        Output::Relu => drop(y.tensor.f_threshold_backward_grad_input(&d.tensor, &d.tensor, 0)?),
        Output::Sigmoid => drop(Tensor::f_sigmoid_backward_grad_input(&d.tensor, &d.tensor, &y.tensor)?),
        Output::Tanh => drop(Tensor::f_tanh_backward_grad_input(&d.tensor, &d.tensor, &y.tensor)?),
        Output::Softmax => {
            kernels::softmax_backward(level, width, &y.numbers()[..count], &mut d.numbers_mut()[..count]);
        }
        Output::LogSoftmax => {
            kernels::log_softmax_backward(level, width, &y.numbers()[..count], &mut d.numbers_mut()[..count]);
        }
    }
    Ok(())
}

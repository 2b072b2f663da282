//! Activations and outputs over a whole buffer, and their derivatives, by libtorch's own kernels.

use tch::{TchError, Tensor};

use super::buffer::Buffer;
use crate::experiment::config::{Activation, Model, Output};

/// How many calls into libtorch a pass through a network makes: for the activations that are not part of a product, and for
/// the output.
pub fn calls(model: &Model) -> usize {
    let own = |a: &&Activation| !matches!(a, Activation::Relu | Activation::LeakyRelu | Activation::Identity);
    model.activation.iter().filter(own).count() + usize::from(model.output != Output::Identity)
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

/// Turns what the last layer puts out, `[rows, 1]`, into predictions.
pub fn output(output: Output, z: &mut Buffer) -> Result<(), TchError> {
    match output {
        Output::Identity => {}
        Output::Relu => drop(z.tensor.f_relu_()?),
        Output::Sigmoid => drop(z.tensor.f_sigmoid_()?),
        Output::Tanh => drop(z.tensor.f_tanh_()?),
        // Over one unit: exp(z − max z)/Σ exp(z − max z) = exp(z − z).
        Output::Softmax => {
            let same = z.tensor.shallow_clone();
            z.tensor.f_sub_(&same)?.f_exp_().map(drop)?;
        }
    }
    Ok(())
}

/// Turns `d`, the gradient of the predictions `y`, into the gradient of what the last layer put out.
pub fn output_backward(output: Output, y: &Buffer, d: &mut Buffer) -> Result<(), TchError> {
    let (y, d) = (&y.tensor, &mut d.tensor);
    match output {
        Output::Identity => {}
        Output::Relu => drop(y.f_threshold_backward_grad_input(d, d, 0)?),
        Output::Sigmoid => drop(Tensor::f_sigmoid_backward_grad_input(d, d, y)?),
        Output::Tanh => drop(Tensor::f_tanh_backward_grad_input(d, d, y)?),
        // y·(d − Σ d·y), a sum of one.
        Output::Softmax => {
            let sum = d.f_mul(y)?;
            d.f_sub_(&sum)?.f_mul_(y).map(drop)?;
        }
    }
    Ok(())
}

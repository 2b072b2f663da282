//! Activations and outputs over a whole buffer, and their derivatives: by our kernels, but for GELU, which is libtorch's.

use tch::TchError;

use super::buffer::Buffer;
use super::kernels::{self, Level};
use crate::experiment::config::{Activation, Output};
pub use crate::experiment::engine::needs_input;

/// Writes the activation of `z` to `h`, of those of which [`needs_input`] is true.
pub fn activate_apart(z: &Buffer, h: &mut Buffer) -> Result<(), TchError> {
    z.tensor.f_gelu_out(&h.tensor, "none").map(drop)
}

/// Each value becomes its activation, where [`needs_input`] is false.
pub fn activate(activation: Activation, level: Level, values: &mut [f32]) {
    match activation {
        Activation::Elu => kernels::elu(level, values),
        Activation::Sigmoid => kernels::sigmoid(level, values),
        Activation::Tanh => kernels::tanh(level, values),
        // Part of a product, apart, or nothing.
        Activation::Relu | Activation::LeakyRelu | Activation::Gelu | Activation::Identity => {}
    }
}

/// Turns the first `count` of `d`, the gradient of `h`, into the gradient of what went in; that is `z` where
/// [`needs_input`] is true.
pub fn activate_backward(
    activation: Activation,
    level: Level,
    z: Option<&Buffer>,
    h: &Buffer,
    d: &mut Buffer,
    count: usize,
) -> Result<(), TchError> {
    if let Some(z) = z {
        return z.tensor.f_gelu_backward_grad_input(&d.tensor, &d.tensor, "none").map(drop);
    }
    let (h, d) = (&h.numbers()[..count], &mut d.numbers_mut()[..count]);
    match activation {
        Activation::Elu => kernels::elu_backward(level, h, d),
        Activation::Sigmoid => kernels::sigmoid_backward(level, h, d),
        Activation::Tanh => kernels::tanh_backward(level, h, d),
        // Part of a product, apart, or nothing.
        Activation::Relu | Activation::LeakyRelu | Activation::Gelu | Activation::Identity => {}
    }
    Ok(())
}

/// Turns what the last layer puts out, `[rows, width]`, into predictions.
pub fn output(output: Output, level: Level, width: usize, z: &mut [f32]) {
    match output {
        Output::Identity => {}
        Output::Relu => kernels::relu(level, z),
        Output::Sigmoid => kernels::sigmoid(level, z),
        Output::Tanh => kernels::tanh(level, z),
        Output::Softmax => kernels::softmax(level, width, z),
        Output::LogSoftmax => kernels::log_softmax(level, width, z),
    }
}

/// Turns `d`, the gradient of the predictions `y`, into the gradient of what the last layer put out.
pub fn output_backward(output: Output, level: Level, width: usize, y: &[f32], d: &mut [f32]) {
    match output {
        Output::Identity => {}
        Output::Relu => kernels::relu_backward(level, y, d),
        Output::Sigmoid => kernels::sigmoid_backward(level, y, d),
        Output::Tanh => kernels::tanh_backward(level, y, d),
        Output::Softmax => kernels::softmax_backward(level, width, y, d),
        Output::LogSoftmax => kernels::log_softmax_backward(level, width, y, d),
    }
}

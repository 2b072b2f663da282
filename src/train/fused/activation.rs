//! Activations and outputs over a whole buffer, and their derivatives.

use super::kernels::{self, Epilogue, Level};
use crate::experiment::config::{Activation, Output};

/// Whether an activation's derivative needs what went in; the others' is found from what came out.
pub fn needs_input(activation: Activation) -> bool {
    matches!(activation, Activation::Gelu | Activation::GeluTanh)
}

/// What of an activation is part of the product before it.
pub fn forward(activation: Activation) -> Epilogue<'static> {
    match activation {
        Activation::Relu => Epilogue::Relu,
        Activation::LeakyRelu => Epilogue::LeakyRelu,
        Activation::Elu
        | Activation::Gelu
        | Activation::GeluTanh
        | Activation::Sigmoid
        | Activation::Tanh
        | Activation::Identity => Epilogue::Store,
    }
}

/// What of the way back through an activation that put out `h` is part of the product before it.
pub fn backward(activation: Activation, h: &[f32]) -> Epilogue<'_> {
    match activation {
        Activation::Relu => Epilogue::ReluBackward(h),
        Activation::LeakyRelu => Epilogue::LeakyReluBackward(h),
        Activation::Elu => Epilogue::EluBackward(h),
        Activation::Sigmoid => Epilogue::SigmoidBackward(h),
        Activation::Tanh => Epilogue::TanhBackward(h),
        Activation::Gelu | Activation::GeluTanh | Activation::Identity => Epilogue::Store,
    }
}

/// Each value becomes its activation, where [`needs_input`] is false.
pub fn apply(activation: Activation, level: Level, values: &mut [f32]) {
    match activation {
        Activation::Relu => kernels::relu(level, values),
        Activation::LeakyRelu => kernels::leaky_relu(level, values),
        _ => activate(activation, level, values),
    }
}

/// Turns `d`, the gradient of what an activation put out, `h`, into that of what went in, where [`needs_input`] is false.
pub fn go_back(activation: Activation, level: Level, h: &[f32], d: &mut [f32]) {
    match activation {
        Activation::Relu => kernels::relu_backward(level, h, d),
        Activation::LeakyRelu => kernels::leaky_relu_backward(level, h, d),
        Activation::Elu => kernels::elu_backward(level, h, d),
        Activation::Sigmoid => kernels::sigmoid_backward(level, h, d),
        Activation::Tanh => kernels::tanh_backward(level, h, d),
        Activation::Gelu | Activation::GeluTanh | Activation::Identity => {}
    }
}

/// Each value becomes its activation, where that is not part of a product, and [`needs_input`] is false.
pub fn activate(activation: Activation, level: Level, values: &mut [f32]) {
    match activation {
        Activation::Elu => kernels::elu(level, values),
        Activation::Sigmoid => kernels::sigmoid(level, values),
        Activation::Tanh => kernels::tanh(level, values),
        Activation::Relu | Activation::LeakyRelu | Activation::Gelu | Activation::GeluTanh | Activation::Identity => {}
    }
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

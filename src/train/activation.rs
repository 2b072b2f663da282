//! Activations and outputs over whole buffers, and their derivatives, by libtorch's own kernels.

use tch::{TchError, Tensor};

use super::buffers::Buffer;
use crate::experiment::config::{Activation, Output};

impl Activation {
    /// Whether its derivative needs what went in; the others' is found from what came out.
    pub fn needs_input(self) -> bool {
        self == Activation::Gelu
    }

    /// Writes the activation of `z` to `h`, which may be `z` itself where [`Self::needs_input`] is false.
    pub fn forward(self, z: &Tensor, h: &mut Tensor) -> Result<(), TchError> {
        match self {
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
    pub fn backward(self, z: &Tensor, h: &Tensor, d: &Tensor) -> Result<(), TchError> {
        match self {
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
}

impl Output {
    /// Turns what the last layer puts out, `[lanes, rows, 1]`, into predictions.
    pub fn forward(self, z: &mut Buffer) -> Result<(), TchError> {
        match self {
            Output::Identity => {}
            Output::Relu => drop(z.flat.f_relu_()?),
            Output::Sigmoid => drop(z.flat.f_sigmoid_()?),
            Output::Tanh => drop(z.flat.f_tanh_()?),
            // Over one unit: exp(z − max z)/Σ exp(z − max z) = exp(z − z).
            Output::Softmax => {
                let same = z.flat.shallow_clone();
                z.flat.f_sub_(&same)?.f_exp_().map(drop)?;
            }
        }
        Ok(())
    }

    /// Turns `d`, the gradient of the predictions `y`, into the gradient of what went in.
    pub fn backward(self, y: &Buffer, d: &mut Buffer) -> Result<(), TchError> {
        match self {
            Output::Identity => {}
            Output::Relu => drop(y.flat.f_threshold_backward_grad_input(&d.flat, &d.flat, 0)?),
            Output::Sigmoid => drop(Tensor::f_sigmoid_backward_grad_input(&d.flat, &d.flat, &y.flat)?),
            Output::Tanh => drop(Tensor::f_tanh_backward_grad_input(&d.flat, &d.flat, &y.flat)?),
            // y·(d − Σ d·y), a sum of one.
            Output::Softmax => {
                let sum = d.flat.f_mul(&y.flat)?;
                d.flat.f_sub_(&sum)?.f_mul_(&y.flat).map(drop)?;
            }
        }
        Ok(())
    }
}

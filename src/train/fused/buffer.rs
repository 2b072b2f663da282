//! Memory that kernels and libtorch share.

use tch::{Device, Kind, TchError, Tensor};

use super::kernels::Numbers;

/// Numbers in a tensor's memory: a slice for kernels, the tensor for libtorch's GELU.
pub struct Buffer {
    pub tensor: Tensor,
    numbers: Numbers,
}

impl Buffer {
    pub fn zeros(count: usize) -> Result<Self, TchError> {
        let tensor = Tensor::f_zeros([count as i64].as_slice(), (Kind::Float, Device::Cpu))?;
        let numbers = Numbers::of(&tensor)?;
        Ok(Buffer { tensor, numbers })
    }

    pub fn numbers(&self) -> &[f32] {
        self.numbers.get()
    }

    pub fn numbers_mut(&mut self) -> &mut [f32] {
        self.numbers.get_mut()
    }
}

//! The tensors of a stack, allocated once.

use tch::{Device, Kind, TchError, Tensor};

use super::kernels::Numbers;

/// Sizes are rounded up to this many numbers, so that no loop of libtorch's over a whole buffer ends in its scalar
/// remainder: that rounds otherwise than its vector code, and which lane's numbers stand there depends on the stack.
/// (Two vectors of AVX-512.)
const PADDING: i64 = 32;

/// A tensor and, for operations over all its elements at once, its padded memory.
pub struct Buffer {
    pub view: Tensor,
    pub flat: Tensor,
    /// The padded memory again, for kernels, if it is the host's.
    numbers: Option<Numbers>,
}

impl Buffer {
    /// Its memory with the padding; empty where that is another device's.
    pub fn numbers(&self) -> &[f32] {
        self.numbers.as_ref().map_or(&[], Numbers::get)
    }

    pub fn numbers_mut(&mut self) -> &mut [f32] {
        self.numbers.as_mut().map_or(&mut [], Numbers::get_mut)
    }
}

pub struct Buffers {
    device: Device,
    /// Shared by all who need room for the length of one call.
    shared: Option<Tensor>,
}

impl Buffers {
    pub fn new(device: Device) -> Self {
        Buffers { device, shared: None }
    }

    pub fn zeros(&self, shape: &[i64]) -> Result<Buffer, TchError> {
        let size: i64 = shape.iter().product();
        let flat = Tensor::f_zeros([(size + PADDING - 1) / PADDING * PADDING].as_slice(), (Kind::Float, self.device))?;
        let view = flat.f_narrow(0, 0, size)?.f_view(shape)?;
        let numbers = (self.device == Device::Cpu).then(|| Numbers::of(&flat)).transpose()?;
        Ok(Buffer { view, flat, numbers })
    }

    pub fn from(&self, values: &[f32], shape: &[i64]) -> Result<Buffer, TchError> {
        let mut buffer = self.zeros(shape)?;
        buffer.view.f_copy_(&Tensor::f_from_slice(values)?.f_view(shape)?)?;
        Ok(buffer)
    }

    /// Room of this shape whose contents last only until somebody else writes to theirs.
    pub fn scratch(&mut self, shape: &[i64]) -> Result<Tensor, TchError> {
        let size: i64 = shape.iter().product();
        let shared = match self.shared.take().filter(|shared| shared.numel() as i64 >= size) {
            Some(shared) => shared,
            None => self.zeros(&[size])?.flat,
        };
        let view = shared.f_narrow(0, 0, size)?.f_view(shape)?;
        self.shared = Some(shared);
        Ok(view)
    }
}

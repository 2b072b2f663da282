//! Where the parameters lie in one buffer.

use crate::experiment::config::Model;

pub struct Layout {
    /// Layer by layer the weights `[inputs, outputs]`, then the biases `[outputs]`.
    pub tensors: Vec<Part>,
    /// Behind all of those what norms learn: of each layer that has one the scales, then the shifts, `[units]` each.
    pub norms: Vec<[Part; 2]>,
    /// Numbers in all, those between the tensors among them.
    pub size: usize,
}

/// A tensor's place.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub offset: usize,
    pub length: usize,
}

impl Part {
    pub fn of<'a>(&self, numbers: &'a [f32]) -> &'a [f32] {
        &numbers[self.offset..self.offset + self.length]
    }

    pub fn of_mut<'a>(&self, numbers: &'a mut [f32]) -> &'a mut [f32] {
        &mut numbers[self.offset..self.offset + self.length]
    }
}

/// Every tensor begins a cache line, in numbers.
const ALIGNMENT: usize = 16;

impl Layout {
    /// What lies between tensors is zero and stays so.
    pub fn new(model: &Model, widths: &[usize]) -> Self {
        let mut size = 0;
        let mut part = |length: usize| {
            let offset = size;
            size += length.next_multiple_of(ALIGNMENT);
            Part { offset, length }
        };
        let layer = |pair: &[usize]| [Some(pair[0] * pair[1]), model.bias.then_some(pair[1])].into_iter().flatten();
        let tensors = widths.windows(2).flat_map(layer).map(&mut part).collect();
        let norms = model.normed().map(|layer| [0; 2].map(|_| part(model.hidden[layer]))).collect();
        Layout { tensors, norms, size }
    }

    /// All tensors.
    pub fn all(&self) -> impl Iterator<Item = &Part> {
        self.tensors.iter().chain(self.norms.as_flattened())
    }
}

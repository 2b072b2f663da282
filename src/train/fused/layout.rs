//! Where the parameters lie in one buffer.

/// The tensors, layer by layer the weights `[inputs, outputs]`, then the biases `[outputs]`.
pub struct Layout {
    pub tensors: Vec<Part>,
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
    pub fn new(widths: &[usize], bias: bool) -> Self {
        let mut tensors = Vec::new();
        let mut size = 0;
        for pair in widths.windows(2) {
            for length in [Some(pair[0] * pair[1]), bias.then_some(pair[1])].into_iter().flatten() {
                tensors.push(Part { offset: size, length });
                size += length.next_multiple_of(ALIGNMENT);
            }
        }
        Layout { tensors, size }
    }
}

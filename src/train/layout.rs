//! Where each lane's parameters lie in the flat buffers.

/// One lane's tensors, layer by layer the weights `[inputs, outputs]`, then the biases `[outputs]`.
pub struct Layout {
    pub tensors: Vec<Part>,
    /// Whether the layers have biases.
    pub biases: bool,
    /// Numbers from one lane's first to the next lane's.
    pub stride: usize,
}

/// A tensor's place among its lane's numbers.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub offset: usize,
    pub length: usize,
}

impl Layout {
    /// Every tensor begins at a multiple of `alignment` numbers; what lies between is zero and stays so.
    pub fn new(widths: &[usize], bias: bool, alignment: usize) -> Self {
        let mut tensors = Vec::new();
        let mut stride = 0;
        for pair in widths.windows(2) {
            for length in [Some(pair[0] * pair[1]), bias.then_some(pair[1])].into_iter().flatten() {
                tensors.push(Part { offset: stride, length });
                stride += length.next_multiple_of(alignment);
            }
        }
        Layout { tensors, biases: bias, stride }
    }

    /// Zeroes what lies between the tensors of one lane.
    pub fn clear_gaps(&self, lane: &mut [f32]) {
        let ends = self.tensors.iter().skip(1).map(|next| next.offset).chain([self.stride]);
        for (part, end) in self.tensors.iter().zip(ends) {
            lane[part.offset + part.length..end].fill(0.0);
        }
    }
}

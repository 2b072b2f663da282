//! Memory of the kernels.

/// Numbers that begin a cache line, where loads and stores of whole vectors cross none.
pub struct Buffer {
    /// With room to begin later.
    memory: Vec<f32>,
    begin: usize,
    count: usize,
}

/// Bytes of a cache line, and the longest vector.
const LINE: usize = 64;

impl Buffer {
    pub fn zeros(count: usize) -> Self {
        let memory = vec![0.0; count + LINE / size_of::<f32>()];
        let begin = memory.as_ptr().align_offset(LINE).min(memory.len() - count);
        Buffer { memory, begin, count }
    }

    pub fn numbers(&self) -> &[f32] {
        &self.memory[self.begin..self.begin + self.count]
    }

    pub fn numbers_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.begin..self.begin + self.count]
    }
}

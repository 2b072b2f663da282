//! Random numbers of a run: separate streams, all of them functions of the seed, so that variants of one seed share what
//! they can and no draw of one kind shifts another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Inputs,
    Noise,
    Test,
    Holdout,
    Batches,
    BatchNoise,
    /// Of the layer with this number.
    Weights(u32),
    Biases(u32),
    Validation,
    /// Which rows may be test rows; the same for all seeds.
    TestPool,
    /// Which training rows say when to stop.
    Stop,
    /// Which training samples are used, where not all are.
    Subset,
    /// Which sample has whose target, where they are permuted.
    Permutation,
    /// What a module draws.
    Module,
    /// What is dropped behind the hidden layer with this number.
    Dropout(u32),
}

pub struct Stream(ChaCha8Rng);

impl Stream {
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        let id = match purpose {
            Purpose::Inputs => 0,
            Purpose::Noise => 1,
            Purpose::Test => 2,
            Purpose::Holdout => 3,
            Purpose::Batches => 4,
            Purpose::BatchNoise => 5,
            Purpose::Validation => 6,
            Purpose::TestPool => 7,
            Purpose::Stop => 8,
            Purpose::Subset => 9,
            Purpose::Permutation => 10,
            Purpose::Module => 11,
            Purpose::Weights(layer) => 1 << 32 | u64::from(layer),
            Purpose::Biases(layer) => 2 << 32 | u64::from(layer),
            Purpose::Dropout(layer) => 3 << 32 | u64::from(layer),
        };
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(id);
        Stream(rng)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..below.
    pub fn index(&mut self, below: usize) -> usize {
        // The bias of the multiplication is below 2^-64 × below: far under what any sample could show.
        ((u128::from(self.0.next_u64()) * below as u128) >> 64) as usize
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Brings `items` into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

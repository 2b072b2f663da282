//! What `stats` reckons, against closed forms, tables and the sums that define it.

mod bootstrap;
mod closeness;
mod effects;
mod exponential;
mod learners;
mod linear;
mod linear_regions;
mod logistic;
mod moments;
mod neighbours;
mod proportion;
mod segments;

/// The next number of the generator SplitMix64 (Steele, Lea & Flood 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

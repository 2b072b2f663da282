//! No subnormal number in training, seen by value: each test sees one where nothing flushes it.
#![cfg(feature = "train")]

mod common;

use std::sync::atomic::AtomicBool;

use common::lane;
use misfit::experiment::Experiment;
use misfit::experiment::config::EngineName;
use misfit::train::device::single_threaded;
use misfit::train::fused::kernels::*;
use misfit::train::subnormals::Flushed;
use misfit::train::train;
use tch::{Device, Tensor};

/// Adam's means of an element of a gradient that was 1 once and is 0 from then on, after this many updates.
fn means(level: Level, updates: usize) -> (Vec<f32>, Vec<f32>) {
    let count = 19;
    let [mut parameters, mut mean, mut square] = [vec![0.5; count], vec![0.1; count], vec![0.001; count]];
    // Of a β₂ as small as it is taken, both means become subnormal.
    let by = Adam { gain: [0.1, 0.5], root: 1.0, eps: 1e-8, weight_decay: 0.0, decoupled: 0.0 };
    for _ in 0..updates {
        adam(level, by, -1e-3, &mut parameters, &vec![0.0; count], &mut mean, &mut square);
    }
    (mean, square)
}

#[test]
fn means_of_a_dead_units_gradient_become_0_or_stay_normal_at_any_level() {
    for level in Level::all() {
        let (mean, _) = means(level, 2000);
        assert!(mean.iter().all(|mean| mean.is_subnormal()), "{level:?}, not flushed: {mean:?}");
        let flushed = Flushed::new();
        let (mean, square) = means(level, 2000);
        assert!(mean.iter().chain(&square).all(|value| !value.is_subnormal()), "{level:?}: {mean:?} {square:?}");
        drop(flushed);
        assert!(means(level, 2000).0.iter().all(|mean| mean.is_subnormal()), "it is as before");
    }
}

#[test]
fn libtorch_takes_them_for_0_too_while_one_holds() {
    let halved = || {
        let tiny = Tensor::from_slice(&[f32::MIN_POSITIVE; 19]);
        Vec::<f32>::try_from(&tiny * 0.5).unwrap()
    };
    assert!(halved().iter().all(|value| value.is_subnormal()));
    let (outer, inner) = (Flushed::new(), Flushed::new());
    assert!(halved().iter().all(|value| value.to_bits() == 0));
    drop(inner);
    assert!(halved().iter().all(|value| value.to_bits() == 0), "the outer one holds");
    drop(outer);
    assert!(halved().iter().all(|value| value.is_subnormal()));
}

#[test]
fn parameters_that_nothing_but_weight_decay_moves_are_never_subnormal_in_either_engine() {
    single_threaded();
    // A softmax over one unit: no gradient reaches any parameter, and each update halves them all.
    let text = "[data]\ntarget = { polynomial = [0, 1] }\ninputs = { uniform = { from = 0, to = 1, count = 8 } }\n\
                [batch]\nsize = \"all\"\n[model]\nhidden = [5]\noutput = \"softmax\"\ninit = \"pytorch\"\n\
                [optimizer]\nkind = \"sgd\"\nlearning_rate = 0.5\nweight_decay = 1.0\n[train]\nsteps = 130\n";
    let config = Experiment::parse(text, "x.toml", &[]).unwrap().variants[0].config.clone();
    let lane = lane(&config, 0);
    for engine in [EngineName::Torch, EngineName::Fused] {
        let ended = train(engine, std::slice::from_ref(&lane), Device::Cpu, &AtomicBool::new(false), &|_| ()).unwrap();
        let parameters: Vec<f32> = ended[0].state.parameters.iter().flatten().copied().collect();
        // Weights below 1 halved 130 times are subnormal and, in f32, not 0 yet.
        assert!(parameters.len() == 16 && 2f32.powi(-130).is_subnormal());
        assert!(!parameters.iter().any(|value| value.is_subnormal()), "{engine:?}: {parameters:?}");
    }
}

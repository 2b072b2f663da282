//! Every way into the `unsafe` code of `src/train`, with slices that end where their numbers do. What reads or writes
//! beyond one is for valgrind to see: `scripts/memcheck` runs these tests, which are small for that. Here levels must
//! agree; that their numbers are right is for `tests/kernels.rs`, `tests/gradients.rs` and `tests/stacks.rs`.
#![cfg(feature = "train")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;

use common::engines::{OUTPUTS, TASKS, table};
use misfit::experiment::config::LossInput;
use misfit::train::device::{parse, single_threaded};
use misfit::train::engine::Lane;
use misfit::train::fused::Fused;
use misfit::train::fused::kernels::*;
use misfit::train::{Trained, train_block};

const LEVELS: fn() -> [Level; 2] = || [Level::PORTABLE, Level::best()];

/// As many numbers, on a block of the heap of just their size.
fn numbers(count: usize) -> Vec<f32> {
    let numbers: Vec<f32> = (0..count).map(|i| ((i * 7919 + count) % 101) as f32 / 50.0 - 1.0).collect();
    assert_eq!(numbers.capacity(), count);
    numbers
}

/// Ways in which a matrix of these sizes may lie in memory, each in no more than it needs: row by row, column by column,
/// with gaps between rows, one number for all.
fn lying(rows: usize, columns: usize) -> [(Vec<f32>, usize, usize); 4] {
    let gap = columns + 3;
    let gapped = if columns == 0 { 0 } else { (rows - 1) * gap + columns };
    [
        (numbers(rows * columns), columns, 1),
        (numbers(rows * columns), 1, rows),
        (numbers(gapped), gap, 1),
        (numbers(columns.min(1)), 0, 0),
    ]
}

/// Else the best level that is tested would be the other one: valgrind passes on what the processor says it has. All with
/// aarch64 have NEON.
#[test]
fn the_best_level_here_is_the_best_that_the_processor_has() {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let has = |flag: &str| processor.split_whitespace().any(|word| word == flag);
    let best = cfg!(target_arch = "aarch64") || (has("avx2") && has("fma"));
    assert_eq!(Level::best() != Level::PORTABLE, best);
}

#[test]
fn products_that_cut_every_tile_touch_their_slices_only() {
    for m in [1, 2, 3, 4, 5, 6, 7, 8, 9, 13] {
        for n in [1, 5, 8, 13, 16, 23, 24, 31, 32, 39, 40, 41, 48] {
            // More than 128 steps are made in two goes.
            for k in [0, 1, 2, 9, 129] {
                let (b, bias, h, old) = (numbers(k * n), numbers(n), numbers(m * n), numbers(m * n));
                for (data, row, column) in &lying(m, k) {
                    let a = Left { data, row: *row, column: *column };
                    for (nth, (first, epilogue)) in [
                        (First::Zero, Epilogue::Store),
                        (First::Bias(&bias), Epilogue::Store),
                        (First::Sums, Epilogue::Store),
                        (First::Bias(&bias), Epilogue::Relu),
                        (First::Bias(&bias), Epilogue::LeakyRelu),
                        (First::Zero, Epilogue::ReluBackward(&h)),
                        (First::Zero, Epilogue::LeakyReluBackward(&h)),
                        (First::Zero, Epilogue::TanhBackward(&h)),
                        (First::Zero, Epilogue::SigmoidBackward(&h)),
                        (First::Zero, Epilogue::EluBackward(&h)),
                    ]
                    .into_iter()
                    .enumerate()
                    {
                        let [portable, best] = LEVELS().map(|level| {
                            let mut out = old.clone();
                            product(level, [m, k, n], a, &b, first, epilogue, &mut out);
                            out
                        });
                        for (ours, theirs) in best.iter().zip(&portable) {
                            assert!((ours - theirs).abs() <= 1e-4, "{m}×{k}×{n} way {nth}: {ours} and {theirs}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn products_of_no_rows_or_no_columns_touch_nothing() {
    for level in LEVELS() {
        for [m, k, n] in [[0, 3, 2], [2, 3, 0], [0, 0, 0], [0, 3, 0]] {
            let (a, b) = (numbers(m * k), numbers(k * n));
            let a = Left { data: &a, row: k, column: 1 };
            product(level, [m, k, n], a, &b, First::Zero, Epilogue::Relu, &mut []);
        }
        transpose(level, &[], 0, 9, &mut []);
        transpose(level, &[], 9, 0, &mut []);
    }
}

#[test]
fn transposes_that_cut_every_block_touch_their_slices_only() {
    for rows in [1, 7, 8, 9, 16, 23] {
        for columns in [1, 7, 8, 9, 16, 23] {
            let from = numbers(rows * columns);
            for level in LEVELS() {
                let mut to = vec![0.0; rows * columns];
                transpose(level, &from, rows, columns, &mut to);
                let exact = (0..rows * columns).all(|at| to[at] == from[at % rows * columns + at / rows]);
                assert!(exact, "{level:?} {rows}×{columns}");
            }
        }
    }
}

#[test]
fn passes_touch_their_slices_only_and_give_the_same_bits_at_every_level_of_vectors() {
    for count in [0, 1, 7, 8, 9, 33] {
        let levels = Level::all().into_iter().map(|level| {
            let (values, gradient) = (numbers(count), numbers(count));
            let by = Adam { gain: [0.1, 0.001], root: 1.3, eps: 1e-4, weight_decay: 0.02, decoupled: 0.1 };
            let mut bits: Vec<u64> = Vec::new();
            let (mut p, mut m, mut v) = (values.clone(), numbers(count), vec![1.0; count]);
            adam(level, by, -0.01, &mut p, &gradient, &mut m, &mut v);
            sgd(level, 0.5, 0.9, true, 0.02, -0.01, &mut p, &gradient, &mut m);
            sgd(level, 0.5, 0.0, false, 0.02, -0.01, &mut p, &gradient, &mut []);
            penalise(level, 0.1, 0.2, &p, &mut m);
            clip(level, 0.5, &mut m);
            scale(level, 0.5, &mut m);
            mask_in_place(level, &gradient, &mut m);
            masked(level, &gradient, &p, &mut m);
            drop_mask(level, [1, 2], 3, 1 << 30, 1.25, &mut v);
            rmsprop(level, 0.5, 0.01, 1e-3, false, 0.5, 0.02, -0.01, &mut p, &gradient, &mut v, &mut m);
            rmsprop(level, 0.5, 0.01, 1e-3, true, 0.0, 0.02, -0.01, &mut p, &gradient, &mut v, &mut []);
            bits.extend([&p, &m, &v].into_iter().flatten().map(|v| u64::from(v.to_bits())));
            for residual in [Residual::Square, Residual::Absolute, Residual::Huber] {
                let mut out = vec![0.0; count];
                loss_gradient(level, residual, 0.7, 3.0, &values, &p, &mut out);
                bits.extend(out.iter().map(|v| u64::from(v.to_bits())));
                loss_gradient(level, residual, 0.7, 3.0, &values, &[0.5], &mut out);
                bits.extend(out.iter().map(|v| u64::from(v.to_bits())));
                pair_gradient(level, residual, 0.7, 3.0, &values, &p, &mut out);
                bits.extend(out.iter().map(|v| u64::from(v.to_bits())));
                bits.push(loss_sum(level, residual, 0.7, &values, &p).to_bits());
                bits.push(loss_sum(level, residual, 0.7, &values, &[0.5]).to_bits());
            }
            for width in [1, 2, 3, 8, 10] {
                let (z, d, places) = (numbers(count * width), numbers(count * width), vec![0.0; count]);
                let (mut p, mut log, mut by_p, mut by_log) = (z.clone(), z.clone(), d.clone(), d.clone());
                softmax(level, width, &mut p);
                log_softmax(level, width, &mut log);
                softmax_backward(level, width, &p, &mut by_p);
                log_softmax_backward(level, width, &log, &mut by_log);
                bits.extend([&p, &log, &by_p, &by_log].into_iter().flatten().map(|v| u64::from(v.to_bits())));
                for from in [LossInput::Logits, LossInput::Probabilities, LossInput::LogProbabilities] {
                    let mut out = numbers(count * width);
                    let predictions = [&z, &p, &log][from as usize];
                    label_gradient(level, from, 3.0, predictions, &d, &mut out);
                    bits.extend(out.iter().map(|v| u64::from(v.to_bits())));
                    bits.push(label_sum(level, from, predictions, &d).to_bits());
                    for (sparse, targets) in [(true, &places), (false, &d)] {
                        class_gradient(level, from, sparse, sparse, width, 3.0, predictions, targets, &mut out);
                        bits.extend(out.iter().map(|v| u64::from(v.to_bits())));
                        bits.push(class_sum(level, from, sparse, sparse, width, predictions, targets).to_bits());
                    }
                }
            }
            for columns in [1, 3, 4, 8, 13] {
                let (x, scale, shift) = (numbers(count * columns), numbers(columns), numbers(columns));
                for (kind, of) in [("batch", columns), ("given", columns), ("layer", count)] {
                    let [mut means, mut spreads] = [vec![0.25; of], vec![0.5; of]];
                    let (mut y, mut d) = (numbers(count * columns), numbers(count * columns));
                    let (mut scales, mut shifts) = (numbers(columns), numbers(columns));
                    let (own, learnt) = (kind == "batch", (&mut scales, &mut shifts));
                    if kind == "layer" {
                        layer_norm(level, 1e-3, &scale, &shift, &x, &mut means, &mut spreads, &mut y);
                        layer_norm_backward(level, &scale, &x, &means, &spreads, &mut d, false, learnt.0, learnt.1);
                    } else {
                        batch_norm(level, own, 1e-3, &scale, &shift, &x, &mut means, &mut spreads, &mut y);
                        batch_norm_backward(
                            level, own, 1e-3, &scale, &x, &means, &spreads, &mut d, true, learnt.0, learnt.1,
                        );
                    }
                    bits.extend([&y, &d, &scales, &shifts].into_iter().flatten().map(|v| u64::from(v.to_bits())));
                }
            }
            bits.extend([squares(level, &values).to_bits(), squared_changes(level, &values, &p).to_bits()]);
            for columns in [1, 5, 8, 40, 45] {
                let mut seen = vec![0; columns];
                mark_nonzero(level, &numbers(columns * 3), columns, &mut seen);
                bits.extend(seen.into_iter().map(u64::from));
            }
            let mut activated = values.clone();
            for activation in [tanh, sigmoid, elu, relu, leaky_relu, exponential, logarithm] {
                activation(level, &mut activated);
                bits.extend(activated.iter().map(|v| u64::from(v.to_bits())));
            }
            gelu(level, &values, &mut activated);
            for backward in
                [tanh_backward, sigmoid_backward, relu_backward, leaky_relu_backward, elu_backward, gelu_backward]
            {
                backward(level, &values, &mut activated);
                bits.extend(activated.iter().map(|v| u64::from(v.to_bits())));
            }
            (level, bits)
        });
        // The portable one multiplies and adds in two steps.
        let vectors: Vec<_> = levels.filter(|(level, _)| *level != Level::PORTABLE).map(|(_, bits)| bits).collect();
        assert!(vectors.windows(2).all(|pair| pair[0] == pair[1]), "{count}");
    }
}

/// Whether it panics; what it writes to must stay as it was.
fn refused(out: &mut [f32], call: impl FnOnce(&mut [f32])) -> bool {
    let before = out.to_vec();
    catch_unwind(AssertUnwindSafe(|| call(out))).is_err() && out == before
}

#[test]
fn a_slice_that_is_shorter_than_its_shape_is_refused_before_anything_is_written() {
    for level in LEVELS() {
        for [m, k, n] in [[3, 5, 9], [3, 5, 1], [1, 5, 9], [4, 1, 9], [9, 130, 24]] {
            let (b, bias, h, mut out) = (numbers(k * n), numbers(n), numbers(m * n), numbers(m * n));
            let short = |slice: &[f32]| slice[1..].to_vec();
            for (data, row, column) in &lying(m, k) {
                let a = Left { data, row: *row, column: *column };
                let less = short(data);
                let mut tried = |a: Left, b: &[f32], first: First, epilogue: Epilogue, missing: usize| {
                    let end = m * n - missing;
                    refused(&mut out[..end], |out| product(level, [m, k, n], a, b, first, epilogue, out))
                };
                let what = format!("{level:?} {m}×{k}×{n} rows at {row}");
                assert!(tried(a, &b, First::Zero, Epilogue::Store, 1), "{what}: out");
                assert!(tried(a, &short(&b), First::Zero, Epilogue::Store, 0), "{what}: b");
                assert!(tried(Left { data: &less, ..a }, &b, First::Zero, Epilogue::Store, 0), "{what}: a");
                assert!(tried(a, &b, First::Bias(&short(&bias)), Epilogue::Store, 0), "{what}: bias");
                assert!(tried(a, &b, First::Zero, Epilogue::ReluBackward(&short(&h)), 0), "{what}: h");
                assert!(tried(a, &b, First::Zero, Epilogue::LeakyReluBackward(&short(&h)), 0), "{what}: h");
                assert!(tried(Left { row: usize::MAX, ..a }, &b, First::Zero, Epilogue::Store, 0) || m == 1, "{what}");
                let far = Left { column: usize::MAX / 2, ..a };
                assert!(tried(far, &b, First::Zero, Epilogue::Store, 0) || k == 1, "{what}");
                assert!(!tried(a, &b, First::Bias(&bias), Epilogue::ReluBackward(&h), 0), "{what}: nothing");
            }
        }
        let endless = |out: &mut [f32]| {
            let a = Left { data: &[1.0], row: 0, column: 0 };
            product(level, [usize::MAX / 2, 1, 4], a, &[1.0; 4], First::Zero, Epilogue::Store, out);
        };
        assert!(refused(&mut [0.0; 8], endless));
        for [from, rows, columns, to] in [[71, 8, 9, 72], [72, 8, 9, 71], [8, usize::MAX / 2, 4, 8]] {
            let from = numbers(from);
            assert!(refused(&mut numbers(to), |to| transpose(level, &from, rows, columns, to)), "{rows}×{columns}");
        }
    }
}

#[test]
fn training_touches_its_tensors_only() {
    single_threaded();
    let mut configs = Vec::new();
    for more in [
        "[model]\nhidden = [9, 5]\nactivation = \"relu\"",
        "[model]\nhidden = [3]\nactivation = \"leaky_relu\"\n[optimizer]\nkind = \"sgd\"\nmomentum = 0.9",
        "[model]\nhidden = [5]\nactivation = \"tanh\"\n[optimizer]\nkind = \"rmsprop\"\n[loss]\nkind = \"huber\"\npairing = \"broadcast-mean\"",
        "[model]\nhidden = []\n[loss]\nkind = \"mae\"\npairing = \"broadcast\"",
        "[model]\nhidden = [9, 5]\nactivation = \"leaky_relu\"\nnorm = [\"batch\", \"layer\"]\ndropout = 0.3\n[optimizer]\nkind = \"sgd\"",
        "[model]\nhidden = [9, 5]\nactivation = [\"elu\", \"gelu\"]\nnorm = [\"layer\", \"batch\"]\nnorm_place = \"before\"\n[optimizer]\nkind = \"sgd\"",
    ] {
        configs.push(common::config(&format!(
            "[data]\ntarget = {{ polynomial = [0.2, 1, 1] }}\ninputs = {{ uniform = {{ from = -1, to = 1, count = 30 }} }}\ntest = {{ grid = {{ from = -1, to = 1, count = 7 }} }}\n[batch]\nsize = 13\n{more}\n[train]\nsteps = 3\n"
        )));
    }
    let file = table(3, 30);
    for (task, output) in TASKS.iter().zip(OUTPUTS.into_iter().cycle()) {
        configs.push(task.config(&file, 3, output, "hidden = [5]", "[batch]\nsize = 13\n[train]\nsteps = 3\n"));
    }
    for config in configs {
        let lanes: Vec<Lane> = (0..2).map(|seed| common::lane(&config, seed)).collect();
        let [portable, best] = LEVELS().map(|level| {
            let stop = AtomicBool::new(false);
            let train = |lane: &Lane| {
                let mut engine = Fused::at(level, lane).expect("an engine");
                train_block(&mut engine, std::slice::from_ref(lane), &stop, &|_| {}).expect("trains")
            };
            lanes.iter().filter_map(train).flatten().collect::<Vec<Trained>>()
        });
        assert_eq!((best.len(), portable.len()), (2, 2));
        for (ours, theirs) in best.iter().zip(&portable) {
            let pairs = ours.predictions.iter().zip(&theirs.predictions);
            let near = |a: &f64, b: &f64| (a - b).abs() <= 1e-3 * (1.0 + b.abs()) || (a.is_nan() && b.is_nan());
            pairs.for_each(|(a, b)| {
                assert!(near(a, b), "{:?} {:?}: {a} and {b}", lanes[0].config.model, lanes[0].config.loss)
            });
        }
    }
}

#[test]
fn libtorchs_cuda_half_is_there_or_is_not_and_the_answer_stays() {
    let ask = || parse("cuda").map_err(|why| format!("{why:#}"));
    let answer = ask();
    assert_eq!(ask(), answer);
    if let Err(why) = answer {
        assert!(why.starts_with("--device cuda: ") && why.lines().count() == 1, "{why}");
    }
}

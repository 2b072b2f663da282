//! Each kernel against the same sums in f64, plainly written.
#![cfg(feature = "train")]
#![allow(clippy::needless_range_loop, clippy::type_complexity)] // Several slices are walked side by side.

use misfit::data::random::{Purpose, Stream};
use misfit::experiment::config::LossInput;
use misfit::train::fused::kernels::*;

const LEVELS: fn() -> Vec<Level> = Level::all;

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::Inputs);
    (0..count).map(|_| stream.normal() as f32).collect()
}

fn near(ours: f32, exact: f64, scale: f64, what: &str) {
    assert!((f64::from(ours) - exact).abs() <= scale * 1e-6, "{what}: {ours} and {exact}");
}

/// Every ending of a product, and what it makes of a sum where the layer put out h.
fn endings(h: &[f32]) -> [(Epilogue<'_>, fn(f64, f64) -> f64); 8] {
    [
        (Epilogue::Store, |sum, _| sum),
        (Epilogue::Relu, |sum, _| if sum < 0.0 { 0.0 } else { sum }),
        (Epilogue::LeakyRelu, |sum, _| if sum < 0.0 { 0.01 * sum } else { sum }),
        (Epilogue::ReluBackward(h), |sum, h| if h > 0.0 { sum } else { 0.0 }),
        (Epilogue::LeakyReluBackward(h), |sum, h| if h > 0.0 { sum } else { 0.01 * sum }),
        (Epilogue::TanhBackward(h), |sum, h| sum * (1.0 - h * h)),
        (Epilogue::SigmoidBackward(h), |sum, h| sum * (h * (1.0 - h))),
        (Epilogue::EluBackward(h), |sum, h| if h > 0.0 { sum } else { sum * (h + 1.0) }),
    ]
}

#[test]
fn products_of_every_small_shape_are_those_in_f64_from_each_beginning_and_with_each_ending() {
    let sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 40, 41, 47, 48, 49];
    for m in sizes {
        for n in sizes {
            for k in [1, 2, 7, 8, 9, 31, 40, 127, 128, 129, 260] {
                if m > 9 && n > 9 && k > 40 {
                    continue;
                }
                let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
                let (old, h) = (numbers(m * n, 4), numbers(m * n, 5));
                for transposed in [false, true] {
                    let left = match transposed {
                        false => Left { data: &a, row: k, column: 1 },
                        true => Left { data: &a, row: 1, column: m },
                    };
                    for (nth, (epilogue, ending)) in endings(&h).into_iter().enumerate() {
                        // Not every beginning with every ending: as many as tell them apart.
                        for first in match nth {
                            0 => vec![First::Zero, First::Bias(&bias), First::Sums],
                            1 => vec![First::Bias(&bias)],
                            _ => vec![First::Zero],
                        } {
                            for level in LEVELS() {
                                let mut out = old.clone();
                                product(level, [m, k, n], left, &b, first, epilogue, &mut out);
                                for r in 0..m {
                                    for c in 0..n {
                                        let at = r * n + c;
                                        let mut sum = match first {
                                            First::Zero => 0.0,
                                            First::Bias(bias) => f64::from(bias[c]),
                                            First::Sums => f64::from(old[at]),
                                        };
                                        let mut scale = sum.abs() + 1.0;
                                        for p in 0..k {
                                            let a = a[if transposed { p * m + r } else { r * k + p }];
                                            let term = f64::from(a) * f64::from(b[p * n + c]);
                                            sum += term;
                                            scale += term.abs();
                                        }
                                        let exact = ending(sum, f64::from(h[at]));
                                        let scale = scale * (1.0 + f64::from(h[at] * h[at]));
                                        let off = (f64::from(out[at]) - exact).abs();
                                        assert!(off <= scale * 1e-6, "{level:?} {m}×{k}×{n} ending {nth}: {off}");
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_product_writes_nothing_beyond_its_shape() {
    for level in LEVELS() {
        for [m, k, n] in [[3, 5, 7], [4, 40, 45], [1, 9, 1], [33, 1, 17], [5, 200, 25]] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let mut out = vec![7.0; m * n + 64];
            product(level, [m, k, n], Left { data: &a, row: k, column: 1 }, &b, First::Zero, Epilogue::Store, &mut out);
            assert!(out[m * n..].iter().all(|&v| v == 7.0), "{m}×{k}×{n}");
        }
    }
}

#[test]
fn a_nan_passes_through_every_ending() {
    for level in LEVELS() {
        let (a, b) = ([f32::NAN], [1.0; 9]);
        let h = [1.0; 9];
        for (epilogue, _) in endings(&h) {
            let mut out = [0.0; 9];
            product(level, [1, 1, 9], Left { data: &a, row: 1, column: 1 }, &b, First::Zero, epilogue, &mut out);
            assert!(out.iter().all(|v| v.is_nan()), "{level:?} {out:?}");
        }
    }
}

#[test]
fn a_transpose_is_exact_for_every_small_shape() {
    for level in LEVELS() {
        for rows in 1..40 {
            for columns in [1, 2, 7, 8, 9, 16, 23, 40, 45] {
                let from = numbers(rows * columns, 9);
                let mut to = vec![0.0; rows * columns];
                transpose(level, &from, rows, columns, &mut to);
                let exact = (0..rows * columns).all(|at| to[at] == from[at % rows * columns + at / rows]);
                assert!(exact, "{level:?} {rows}×{columns}");
            }
        }
    }
}

#[test]
fn updates_are_those_of_the_rules_in_f64() {
    for level in LEVELS() {
        for count in [1, 7, 8, 9, 31, 64, 1761] {
            let (parameters, gradient) = (numbers(count, 1), numbers(count, 2));
            let (mean, square) = (numbers(count, 3), numbers(count, 4).iter().map(|v| v * v).collect::<Vec<f32>>());
            let wide = |values: &[f32], i: usize| f64::from(values[i]);
            for (weight_decay, decoupled) in [(0.0, 0.0), (0.02, 0.0), (0.0, 0.1)] {
                let by = Adam { gain: [0.1, 0.001], root: 1.3, eps: 1e-4, weight_decay, decoupled };
                let (mut p, mut m, mut v) = (parameters.clone(), mean.clone(), square.clone());
                adam(level, by, -0.01, &mut p, &gradient, &mut m, &mut v);
                for i in 0..count {
                    let start = wide(&parameters, i) * (1.0 - 0.01 * f64::from(decoupled));
                    let g = wide(&gradient, i) + f64::from(weight_decay) * start;
                    let exact_m = 0.9 * wide(&mean, i) + 0.1 * g;
                    let exact_v = 0.999 * wide(&square, i) + 0.001 * g * g;
                    near(m[i], exact_m, 4.0, "Adam's mean");
                    near(v[i], exact_v, 16.0, "Adam's square");
                    let step = f64::from(m[i]) / (1.3 * f64::from(v[i]).sqrt() + 1e-4);
                    near(p[i], start - 0.01 * step, 4.0 + step.abs(), "Adam's parameter");
                }
            }
            for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
                let (mut p, mut velocity) = (parameters.clone(), mean.clone());
                if momentum == 0.0 {
                    velocity.clear();
                }
                sgd(level, 0.5, momentum, nesterov, 0.02, -0.01, &mut p, &gradient, &mut velocity);
                for i in 0..count {
                    let g = wide(&gradient, i) + 0.02 * wide(&parameters, i);
                    let momentum = f64::from(momentum);
                    let v = momentum * wide(&mean, i) + g;
                    let step = if momentum == 0.0 {
                        g
                    } else if nesterov {
                        g + momentum * v
                    } else {
                        v
                    };
                    near(p[i], wide(&parameters, i) - 0.005 * step, 8.0, "descent");
                }
            }
            for (momentum, inside) in [(0.0, false), (0.5, false), (0.0, true), (0.5, true)] {
                let (mut p, mut v, mut velocity) = (parameters.clone(), square.clone(), mean.clone());
                if momentum == 0.0 {
                    velocity.clear();
                }
                rmsprop(
                    level,
                    0.5,
                    0.01,
                    1e-3,
                    inside,
                    momentum,
                    0.02,
                    -0.01,
                    &mut p,
                    &gradient,
                    &mut v,
                    &mut velocity,
                );
                for i in 0..count {
                    let g = wide(&gradient, i) + 0.02 * wide(&parameters, i);
                    near(v[i], 0.99 * wide(&square, i) + 0.01 * g * g, 16.0, "RMSprop's square");
                    let v = f64::from(v[i]);
                    let own = g / if inside { (v + 1e-3).sqrt() } else { v.sqrt() + 1e-3 };
                    let momentum = f64::from(momentum);
                    let step = if momentum == 0.0 { own } else { momentum * wide(&mean, i) + own };
                    near(p[i], wide(&parameters, i) - 0.005 * step, 4.0 + step.abs(), "RMSprop's parameter");
                }
            }
        }
    }
}

#[test]
fn a_penalty_its_gradient_and_clipped_gradients_are_those_in_f64() {
    for level in LEVELS() {
        for count in [1, 2, 7, 8, 9, 100, 1003] {
            let (weights, gradient) = (numbers(count, 1), numbers(count, 2));
            let sum: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
            near(absolutes(level, &weights) as f32, sum, sum, "a sum of sizes");
            let mut sum = gradient.clone();
            penalise(level, 0.3, 0.02, &weights, &mut sum);
            let (mut clipped, mut scaled) = (gradient.clone(), gradient.clone());
            clip(level, 0.25, &mut clipped);
            scale(level, 0.37, &mut scaled);
            let (mut product, mut in_place) = (vec![0.0; count], gradient.clone());
            masked(level, &gradient, &weights, &mut product);
            mask_in_place(level, &weights, &mut in_place);
            assert_eq!(product, in_place);
            for i in 0..count {
                let (w, g) = (f64::from(weights[i]), f64::from(gradient[i]));
                near(sum[i], g + 0.3 * w.signum() + 0.04 * w, 2.0, "a penalty's gradient");
                near(clipped[i], g.clamp(-0.25, 0.25), 1.0, "a clipped number");
                near(scaled[i], 0.37 * g, 1.0, "a scaled number");
                near(product[i], w * g, 1.0, "a product");
            }
        }
        let mut odd = [f32::NAN, f32::INFINITY, 0.0];
        penalise(level, 1.0, 0.0, &[0.0; 3], &mut odd);
        clip(level, 2.0, &mut odd);
        assert!(odd[0].is_nan() && odd[1] == 2.0 && odd[2] == 0.0, "0 has no sign: {odd:?}");
    }
}

#[test]
fn masks_drop_their_share_and_are_the_same_at_every_level_and_wherever_they_begin() {
    let mask = |level, keys, first, count| {
        let mut mask = vec![f32::NAN; count];
        drop_mask(level, keys, first, (0.3 * 2.0_f64.powi(32)) as u32, 1.25, &mut mask);
        mask
    };
    let dropped = |mask: &[f32]| mask.iter().filter(|&&m| m == 0.0).count();
    let whole = mask(Level::PORTABLE, [7, 11], 0, 100_000);
    assert!(whole.iter().all(|&m| m == 0.0 || m == 1.25));
    // Of 100 000 the standard deviation of a share of 0.3 is 145.
    assert!((29_400..30_600).contains(&dropped(&whole)), "{}", dropped(&whole));
    for level in LEVELS() {
        assert_eq!(mask(level, [7, 11], 0, 100_000), whole);
        assert_eq!(mask(level, [7, 11], 777, 1003), whole[777..1780]);
    }
    // Independent of the neighbour, of the row before, and of another key: 0.09 of pairs are dropped together.
    let other = mask(Level::PORTABLE, [8, 11], 0, 100_000);
    let later = mask(Level::PORTABLE, [7, 12], 0, 100_000);
    let pairs: [&[f32]; 5] = [&whole[1..], &whole[40..], &whole[64..], &other, &later];
    for (nth, other) in pairs.into_iter().enumerate() {
        let both = whole.iter().zip(other).filter(|(a, b)| **a == 0.0 && **b == 0.0).count();
        assert!((8_600..9_400).contains(&both), "{nth}: {both}");
    }
}

#[test]
fn losses_their_gradients_and_sums_are_those_in_f64() {
    let kinds: [(Residual, fn(f64) -> f64, fn(f64) -> f64); 3] = [
        (Residual::Square, |d| d * d, |d| d),
        (Residual::Absolute, f64::abs, f64::signum),
        (
            Residual::Huber,
            |d| if d.abs() <= 0.7 { d * d / 2.0 } else { 0.7 * (d.abs() - 0.35) },
            |d| d.clamp(-0.7, 0.7),
        ),
    ];
    for level in LEVELS() {
        for count in [1, 2, 7, 8, 9, 100, 1003] {
            let (p, y) = (numbers(count, 1), numbers(count, 2));
            let difference = |i: usize, j: usize| f64::from(p[i]) - f64::from(y[j]);
            for (residual, value, slope) in kinds {
                let exact: f64 = (0..count).map(|i| value(difference(i, i))).sum();
                near(loss_sum(level, residual, 0.7, &p, &y) as f32, exact, exact.abs() + 1.0, "a loss");
                let exact: f64 = (0..count).map(|i| value(difference(i, 0))).sum();
                near(
                    loss_sum(level, residual, 0.7, &p, &y[..1]) as f32,
                    exact,
                    exact.abs() + 1.0,
                    "a loss by one target",
                );
                let mut out = vec![0.0; count];
                loss_gradient(level, residual, 0.7, 3.0, &p, &y, &mut out);
                (0..count).for_each(|i| near(out[i], 3.0 * slope(difference(i, i)), 10.0, "a gradient"));
                pair_gradient(level, residual, 0.7, 3.0, &p, &y, &mut out);
                for i in 0..count.min(50) {
                    let exact: f64 = (0..count).map(|j| slope(difference(i, j))).sum();
                    near(out[i], 3.0 * exact, 10.0 * count as f64, "a gradient over pairs");
                }
            }
            let exact: f64 = p.iter().map(|&v| f64::from(v).powi(2)).sum();
            assert!((squares(level, &p) - exact).abs() <= exact * 1e-12);
            let exact: f64 = p.iter().zip(&y).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            assert!((squared_changes(level, &p, &y) - exact).abs() <= exact * 1e-12);
        }
    }
}

#[test]
fn columns_of_zeros_are_told_from_all_others() {
    for level in LEVELS() {
        for columns in [1, 5, 8, 9, 32, 40, 45, 77] {
            for rows in [1, 3, 20] {
                let mut from = vec![0.0; rows * columns];
                for c in 0..columns {
                    let at = (rows - 1) * columns + c;
                    from[at] = [0.0, -0.0, f32::NAN, -1.0, 1e-45][c % 5];
                }
                let mut seen = vec![0; columns];
                mark_nonzero(level, &from, columns, &mut seen);
                (0..columns).for_each(|c| assert_eq!(seen[c] != 0, c % 5 > 1, "{level:?} {columns} {c}"));
            }
        }
    }
}

/// Rows that reach from what an exponential can hold to beyond it.
fn rows(count: usize, width: usize, seed: u64) -> Vec<f32> {
    numbers(count * width, seed).iter().enumerate().map(|(i, v)| v * [1.0, 1.0, 4.0, 60.0][i / width % 4]).collect()
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().map(|&v| f64::from(v)).collect()
}

fn log_softmax_in_f64(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log = row.iter().map(|v| (v - largest).exp()).sum::<f64>().ln();
    row.iter().map(|v| v - largest - log).collect()
}

#[test]
fn softmaxes_and_their_gradients_are_those_in_f64() {
    for level in LEVELS() {
        for width in [1, 2, 3, 7, 8, 9, 10, 33, 1000] {
            for count in [1, 2, 9] {
                let (z, d) = (rows(count, width, 1), numbers(count * width, 2));
                let (mut p, mut log) = (z.clone(), z.clone());
                softmax(level, width, &mut p);
                log_softmax(level, width, &mut log);
                let (mut by_p, mut by_log) = (d.clone(), d.clone());
                softmax_backward(level, width, &p, &mut by_p);
                log_softmax_backward(level, width, &log, &mut by_log);
                for r in 0..count {
                    let at = r * width..(r + 1) * width;
                    let (row, d) = (log_softmax_in_f64(&wide(&z[at.clone()])), wide(&d[at.clone()]));
                    let mean: f64 = row.iter().zip(&d).map(|(l, d)| l.exp() * d).sum();
                    let sum: f64 = d.iter().sum();
                    for j in 0..width {
                        let (i, share) = (at.start + j, row[j].exp());
                        near(log[i], row[j], 1.0 + row[j].abs(), "a log-softmax");
                        near(p[i], share, 1.0, "a softmax");
                        near(by_p[i], share * (d[j] - mean), 10.0, "a softmax's gradient");
                        near(by_log[i], d[j] - share * sum, 10.0 + sum.abs(), "a log-softmax's gradient");
                    }
                }
            }
        }
    }
}

const FROM: [LossInput; 3] = [LossInput::Logits, LossInput::Probabilities, LossInput::LogProbabilities];

/// What the kernels clip to, as an f32 has it.
fn clipped(p: f64) -> f64 {
    p.clamp(f64::from(1e-7_f32), f64::from(0.9999999_f32))
}

/// Predictions in the form that a loss takes, among them some that are clipped.
fn given(from: LossInput, z: &[f32]) -> Vec<f32> {
    let p = |z: f32| 1.0 / (1.0 + (-z).exp());
    match from {
        LossInput::Logits => z.to_vec(),
        LossInput::Probabilities => z.iter().map(|&z| if z > 3.0 { 1.5 } else { p(z).max(1e-20) }).collect(),
        LossInput::LogProbabilities => z.iter().map(|&z| p(z).ln().max(-80.0)).collect(),
    }
}

#[test]
fn binary_cross_entropies_and_their_gradients_are_those_in_f64() {
    for level in LEVELS() {
        for count in [1, 2, 7, 8, 9, 100, 1003] {
            let y: Vec<f32> = (0..count).map(|i| [0.0, 1.0, 0.3, 1.0][i % 4]).collect();
            for from in FROM {
                let predictions = given(from, &rows(count, 1, 1));
                let value = |p: f64, y: f64| match from {
                    LossInput::Logits => {
                        let log = |z: f64| if z < -30.0 { z } else { -(-z).exp().ln_1p() };
                        -(y * log(p) + (1.0 - y) * log(-p))
                    }
                    LossInput::Probabilities => -(y * clipped(p).ln() + (1.0 - y) * (1.0 - clipped(p)).ln()),
                    LossInput::LogProbabilities => -(y * p + (1.0 - y) * clipped(1.0 - p.exp()).ln()),
                };
                let exact: f64 = (0..count).map(|i| value(f64::from(predictions[i]), f64::from(y[i]))).sum();
                let ours = label_sum(level, from, &predictions, &y);
                // The logarithm of what is left of 1 has that one's rounding.
                assert!((ours - exact).abs() <= 1e-5 * (exact.abs() + 1.0), "{from:?}: {ours} and {exact}");
                let mut out = vec![0.0; count];
                label_gradient(level, from, 3.0, &predictions, &y, &mut out);
                for i in 0..count {
                    let (p, y) = (f64::from(predictions[i]), f64::from(y[i]));
                    let inside = |p: f64| (f64::from(1e-7_f32)..=f64::from(0.9999999_f32)).contains(&p);
                    let exact = match from {
                        LossInput::Logits => 1.0 / (1.0 + (-p).exp()) - y,
                        LossInput::Probabilities if inside(p) => (1.0 - y) / (1.0 - p) - y / p,
                        LossInput::Probabilities => 0.0,
                        LossInput::LogProbabilities if inside(1.0 - p.exp()) => {
                            (1.0 - y) / (1.0 - p.exp()) * p.exp() - y
                        }
                        LossInput::LogProbabilities => -y,
                    };
                    near(out[i], 3.0 * exact, 10.0 * (1.0 + exact * exact), "a binary cross-entropy's gradient");
                }
            }
        }
    }
}

/// −Σ y ln p of a row, which is clipped and normalised in the order that its targets say.
fn cross_entropy(from: LossInput, sparse: bool, row: &[f64], y: &[f64]) -> f64 {
    let sum: f64 = row.iter().sum();
    let logs: Vec<f64> = match (from, sparse) {
        (LossInput::Logits, _) => log_softmax_in_f64(row),
        (LossInput::Probabilities, true) => {
            log_softmax_in_f64(&row.iter().map(|&p| clipped(p).ln()).collect::<Vec<_>>())
        }
        (LossInput::Probabilities, false) => row.iter().map(|p| clipped(p / sum).ln()).collect(),
        (LossInput::LogProbabilities, _) => row.to_vec(),
    };
    logs.iter().zip(y).map(|(log, y)| if *y == 0.0 { 0.0 } else { -y * log }).sum()
}

#[test]
fn cross_entropies_and_their_gradients_are_those_in_f64() {
    for level in LEVELS() {
        for width in [1, 2, 3, 8, 10, 33] {
            for count in [1, 2, 9, 40] {
                let places: Vec<f32> = (0..count).map(|r| (r * 7 % width) as f32).collect();
                let one_hot: Vec<f32> = (0..count * width)
                    .map(|i| if places[i / width] as usize == i % width { 1.0 } else { 0.0 })
                    .collect();
                // Shares that add up to anything.
                let shares: Vec<f32> =
                    one_hot.iter().enumerate().map(|(i, y)| y * 0.7 + (i % 3) as f32 * 0.1).collect();
                for from in FROM {
                    for (sparse, targets, y) in
                        [(true, &places, &one_hot), (false, &one_hot, &one_hot), (false, &shares, &shares)]
                    {
                        let predictions = given(from, &rows(count, width, 5));
                        let at = |r: usize| r * width..(r + 1) * width;
                        let loss = |r: usize, row: &[f64]| cross_entropy(from, sparse, row, &wide(&y[at(r)]));
                        let exact: f64 = (0..count).map(|r| loss(r, &wide(&predictions[at(r)]))).sum();
                        let ours = class_sum(level, from, sparse, sparse, width, &predictions, targets);
                        let what = format!("{level:?} {from:?} sparse {sparse} width {width}");
                        assert!((ours - exact).abs() <= 1e-5 * (exact.abs() + 1.0), "{what}: {ours} and {exact}");
                        let mut out = vec![7.0; count * width];
                        class_gradient(level, from, sparse, sparse, width, 3.0, &predictions, targets, &mut out);
                        for r in 0..count {
                            let row = wide(&predictions[at(r)]);
                            // Differences do not see on which side of the clip they are.
                            let sum: f64 = row.iter().sum();
                            let near_clip =
                                |p: &f64| (p / 1e-7 - 1.0).abs() < 0.1 || (p / sum / 1e-7 - 1.0).abs() < 0.1;
                            if from == LossInput::Probabilities && (sum < 0.1 || row.iter().any(near_clip)) {
                                continue;
                            }
                            for j in 0..width {
                                let h = if from == LossInput::Probabilities { 1e-5 * row[j].max(1e-4) } else { 1e-5 };
                                let moved = |by: f64| {
                                    let mut row = row.clone();
                                    row[j] += by;
                                    loss(r, &row)
                                };
                                let slope = 3.0 * (moved(h) - moved(-h)) / (2.0 * h);
                                let off = (f64::from(out[r * width + j]) - slope).abs();
                                let scale = slope.abs().max(1.0);
                                assert!(off <= 1e-4 * scale, "{what}: {} and {slope}", out[r * width + j]);
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn special_numbers_come_out_of_the_losses_as_of_libtorchs() {
    let nan = f32::NAN;
    for level in LEVELS() {
        let softmax_of = |row: &[f32]| {
            let mut row = row.to_vec();
            softmax(level, row.len(), &mut row);
            row
        };
        assert_eq!(softmax_of(&[3.0e38, -3.0e38]), [1.0, 0.0]);
        assert_eq!(softmax_of(&[f32::NEG_INFINITY, 0.0]), [0.0, 1.0]);
        assert_eq!(softmax_of(&[-7.5]), [1.0]);
        for row in [[f32::INFINITY, 0.0], [nan, 0.0], [0.0, nan], [f32::NEG_INFINITY; 2]] {
            assert!(softmax_of(&row).iter().all(|v| v.is_nan()), "{row:?}");
        }
        let label = |from, p: f32, y: f32| {
            let mut slope = [0.0];
            label_gradient(level, from, 1.0, &[p], &[y], &mut slope);
            (label_sum(level, from, &[p], &[y]) as f32, slope[0])
        };
        // Beyond the clip there is a loss, and no gradient.
        for (p, y) in [(0.0, 1.0), (-3.0, 1.0), (1.0, 0.0), (2.0, 0.0)] {
            let (loss, slope) = label(LossInput::Probabilities, p, y);
            assert!((15.9..16.2).contains(&loss) && slope == 0.0, "{p} {y}: {loss} {slope}");
        }
        let (loss, slope) = label(LossInput::Probabilities, 1e-7, 1.0);
        assert!(loss > 16.0 && slope < -9e6, "at the clip itself there is a gradient: {loss} {slope}");
        let (loss, slope) = label(LossInput::Probabilities, nan, 1.0);
        assert!(loss.is_nan() && slope == 0.0, "{loss} {slope}");
        assert_eq!(label(LossInput::Logits, 200.0, 0.0), (200.0, 1.0));
        assert_eq!(label(LossInput::Logits, -200.0, 1.0), (200.0, -1.0));
        assert!(label(LossInput::Logits, f32::INFINITY, 1.0).0.is_nan());
        assert!(label(LossInput::LogProbabilities, 200.0, 1.0).1.is_nan());
        let class = |from, sparse, row: &[f32], targets: &[f32]| {
            let mut slopes = row.to_vec();
            class_gradient(level, from, sparse, sparse, row.len(), 1.0, row, targets, &mut slopes);
            (class_sum(level, from, sparse, sparse, row.len(), row, targets) as f32, slopes)
        };
        // A row of zeros: 0/0 where it is divided by its sum.
        let (loss, slopes) = class(LossInput::Probabilities, false, &[0.0, 0.0], &[1.0, 0.0]);
        assert!(loss.is_nan() && slopes.iter().all(|s| s.is_nan()), "{loss} {slopes:?}");
        let (loss, slopes) = class(LossInput::Probabilities, true, &[0.0, 0.0], &[1.0]);
        assert!((loss - 2f32.ln()).abs() < 1e-6 && slopes == [0.0, 0.0], "{loss} {slopes:?}");
        // A class without a unit.
        assert_eq!(class(LossInput::Logits, true, &[0.5], &[1.0]), (0.0, vec![0.0]));
        assert_eq!(class(LossInput::Logits, true, &[0.5], &[0.0]), (0.0, vec![0.0]));
        assert_eq!(class(LossInput::LogProbabilities, true, &[0.5], &[1.0]), (0.0, vec![0.0]));
        assert_eq!(class(LossInput::LogProbabilities, true, &[0.5], &[0.0]), (-0.5, vec![-1.0]));
        // Of a logarithm that is not asked for, 0 times infinity is nothing where a place is picked, and NaN where it is not.
        let certain = [f32::NEG_INFINITY, 0.0];
        assert_eq!(class(LossInput::LogProbabilities, true, &certain, &[1.0]).0, 0.0);
        assert!(class(LossInput::LogProbabilities, false, &certain, &[0.0, 1.0]).0.is_nan());
    }
}

/// The first of a product's sums, the sums and an ending as [`product`] defines them, one number at a time; `at` is where the
/// element lies in `out`. A NaN is any NaN: processors give them other signs.
fn by_the_definition([m, k, n]: [usize; 3], a: Left, b: &[f32], first: First, epilogue: Epilogue, out: &mut [f32]) {
    for r in 0..m {
        for c in 0..n {
            let at = r * n + c;
            let term = |p: usize| (a.data[r * a.row + p * a.column], b[p * n + c]);
            let begin = match first {
                First::Zero => 0.0,
                First::Bias(bias) => bias[c],
                First::Sums => out[at],
            };
            let several = n == 1 && k > 1 && a.column == 1 && matches!(epilogue, Epilogue::Store);
            let sum = if several && !matches!(first, First::Sums) {
                let mut s = [0.0_f32; 8];
                (0..k).for_each(|p| s[p % 8] = term(p).0.mul_add(term(p).1, s[p % 8]));
                ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7])) + begin
            } else {
                (0..k).fold(begin, |sum, p| term(p).0.mul_add(term(p).1, sum))
            };
            out[at] = match epilogue {
                Epilogue::Store => sum,
                Epilogue::Relu if sum < 0.0 => 0.0,
                Epilogue::Relu => sum,
                Epilogue::LeakyRelu if sum > 0.0 => sum,
                Epilogue::LeakyRelu => sum * LEAKY,
                Epilogue::ReluBackward(h) if h[at] <= 0.0 => 0.0,
                Epilogue::ReluBackward(_) => sum,
                Epilogue::LeakyReluBackward(h) if h[at] > 0.0 => sum,
                Epilogue::LeakyReluBackward(_) => sum * LEAKY,
                Epilogue::TanhBackward(h) => sum * (-h[at]).mul_add(h[at], 1.0),
                Epilogue::SigmoidBackward(h) => sum * ((1.0 - h[at]) * h[at]),
                Epilogue::EluBackward(h) if h[at] > 0.0 => sum,
                Epilogue::EluBackward(h) => sum * (h[at] + 1.0),
            };
        }
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect()
}

/// The definition knows no instructions, so all processors on which this holds have the same products.
#[test]
fn products_have_the_bits_of_their_chains_of_multiply_adds_at_every_level_but_the_portable_one() {
    let levels: Vec<Level> = Level::all().into_iter().filter(|level| *level != Level::PORTABLE).collect();
    for m in [1, 2, 5, 8, 9, 33] {
        for n in (1..=17).chain([24, 31, 33, 40, 47, 48, 49]) {
            for k in (0..=10).chain([15, 16, 17, 40, 129, 260]) {
                let (mut a, b) = (numbers(m * k, 1), numbers(k * n, 2));
                let (mut bias, old, mut h) = (numbers(n, 3), numbers(m * n, 4), numbers(m * n, 5));
                // Of no steps the sum is −0 too, which a ReLU leaves as it is.
                bias.iter_mut().step_by(3).for_each(|bias| *bias = -0.0);
                // Zeros of both signs, which are neither above nor below 0, and what is not finite, each in a row of its own.
                for (special, at) in [0.0, -0.0, f32::INFINITY, f32::NAN].into_iter().zip([1, 3, 4, 7]) {
                    if at < m && k > 0 {
                        a[at * k..(at + 1) * k].fill(special);
                    }
                    h.iter_mut().skip(at).step_by(11).for_each(|h| *h = special);
                }
                for left in [Left { data: &a, row: k, column: 1 }, Left { data: &a, row: 1, column: m }] {
                    for (epilogue, _) in endings(&h) {
                        for first in [First::Zero, First::Bias(&bias), First::Sums] {
                            let mut exact = old.clone();
                            by_the_definition([m, k, n], left, &b, first, epilogue, &mut exact);
                            for level in &levels {
                                let mut out = old.clone();
                                product(*level, [m, k, n], left, &b, first, epilogue, &mut out);
                                assert_eq!(bits(&out), bits(&exact), "{level:?} {m}×{k}×{n}");
                            }
                        }
                    }
                }
            }
        }
    }
}

/// On as many numbers as fill vectors and as do not.
#[test]
fn passes_give_the_same_bits_at_every_level_but_the_portable_one() {
    let levels: Vec<Level> = Level::all().into_iter().filter(|level| *level != Level::PORTABLE).collect();
    for count in [1, 15, 16, 17, 64, 1761] {
        let of = |level: &Level| {
            let (mut p, g, mut m) = (numbers(count, 1), numbers(count, 2), numbers(count, 3));
            // Squares of every size, of zero and of what is subnormal too.
            let mut v: Vec<f32> = (0..count as i32).map(|i| 2f32.powi(120 - i % 280) * g[i as usize].abs()).collect();
            for by in [(0.0, 0.0), (0.02, 0.01)] {
                let (weight_decay, decoupled) = by;
                let by = Adam { gain: [0.1, 0.001], root: 1.3, eps: 1e-8, weight_decay, decoupled };
                adam(*level, by, -0.01, &mut p, &g, &mut m, &mut v);
            }
            let mut activated = [g.clone(), g.clone(), g.clone(), g.clone(), g.clone()];
            let [h, tanhs, sigmoids, elus, backward] = &mut activated;
            gelu(*level, &g, h);
            tanh(*level, tanhs);
            sigmoid(*level, sigmoids);
            elu(*level, elus);
            gelu_backward(*level, &g, backward);
            tanh_backward(*level, &g, backward);
            let sums = [squares(*level, &g), label_sum(*level, LossInput::Logits, &g, &m)].map(|sum| sum as f32);
            let all = [p, m, v].into_iter().chain(activated).flatten().chain(sums);
            all.map(f32::to_bits).collect::<Vec<_>>()
        };
        let all: Vec<_> = levels.iter().map(of).collect();
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{count} numbers");
    }
}

/// How far a number is from the exact one, in units of the last place that an f32 of the exact one's size has.
fn ulps(ours: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    match exact.is_nan() || !rounded.is_finite() || !ours.is_finite() {
        true if ours.is_nan() == exact.is_nan() && (exact.is_nan() || ours == rounded) => 0.0,
        true => f64::INFINITY,
        false => {
            let exponent = exact.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() as i32;
            (f64::from(ours) - exact).abs() / 2f64.powi(exponent - 23)
        }
    }
}

#[test]
fn activations_exponentials_and_logarithms_are_within_2_ulp_of_the_true_ones_special_values_included() {
    // Numbers of every exponent and sign, and the ends.
    let mut inputs: Vec<f32> = (0..=u32::MAX / 4099).map(|nth| f32::from_bits(nth * 4099)).collect();
    inputs.extend([
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        88.722_84,
        88.73,
        -87.4,
        -103.98,
        -104.1,
        0.625,
    ]);
    let elu_exact = |x: f64| if x > 0.0 { x } else { x.exp_m1() };
    fn gelu_in_place(level: Level, values: &mut [f32]) {
        let inputs = values.to_vec();
        gelu(level, &inputs, values);
    }
    let functions: [(&str, fn(Level, &mut [f32]), fn(f64) -> f64); 6] = [
        ("exp", exponential, f64::exp),
        ("ln", logarithm, f64::ln),
        ("gelu", gelu_in_place, |x| x * 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)),
        ("tanh", tanh, f64::tanh),
        ("sigmoid", sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
        ("elu", elu, elu_exact),
    ];
    for (name, ours, exact) in functions {
        for level in Level::all() {
            let mut values = inputs.clone();
            ours(level, &mut values);
            for (x, value) in inputs.iter().zip(&values) {
                let off = ulps(*value, exact(f64::from(*x)));
                assert!(off <= 2.0, "{level:?}: {name}({x:?}) is {value:?}, off by {off} ulp");
            }
        }
    }
    // ln(1 + e^−z), as a label's loss has it.
    for z in [0.0, 0.001, 0.7, 1.0, 5.0, 11.4, 11.6, 30.0, 80.0_f32] {
        for level in Level::all() {
            let off = ulps(label_sum(level, LossInput::Logits, &[z], &[1.0]) as f32, (-f64::from(z)).exp().ln_1p());
            assert!(off <= 2.0, "{level:?}: ln(1 + e^−{z}) is off by {off} ulp");
        }
    }
    // A zero keeps its sign where the function does.
    for odd in [tanh, elu, gelu_in_place] {
        let mut zero = [-0.0_f32];
        odd(Level::best(), &mut zero);
        assert_eq!(zero[0].to_bits(), (-0.0_f32).to_bits());
    }
}

#[test]
fn derivatives_of_activations_are_those_of_what_they_put_out() {
    let h = numbers(1000, 3).into_iter().map(|x| x.tanh()).collect::<Vec<f32>>();
    let d = numbers(1000, 4);
    let backward: [(&str, fn(Level, &[f32], &mut [f32]), fn(f64) -> f64); 4] = [
        ("gelu", gelu_backward, |x| {
            let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
            0.5 * libm::erfc(-x / std::f64::consts::SQRT_2) + x * density
        }),
        ("tanh", tanh_backward, |y| 1.0 - y * y),
        ("sigmoid", sigmoid_backward, |y| y * (1.0 - y)),
        ("relu", relu_backward, |y| if y > 0.0 { 1.0 } else { 0.0 }),
    ];
    for (name, ours, slope) in backward {
        for level in Level::all() {
            let mut out = d.clone();
            ours(level, &h, &mut out);
            for i in 0..h.len() {
                let exact = f64::from(d[i]) * slope(f64::from(h[i]));
                near(out[i], exact, 1.0 + f64::from(d[i]).abs(), &format!("{level:?} {name} of {}", h[i]));
            }
        }
    }
}

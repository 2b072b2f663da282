//! What statistics must keep, whatever the numbers: sums, symmetries, and what scaling and another order may change. Every
//! case is drawn anew from a seeded generator.

use misfit::data::coding::Coding;
use misfit::data::random::{Purpose, Stream};
use misfit::experiment::{Experiment, Goal};
use misfit::report::summary::Middle;
use misfit::run::outcome::Evidence;
use misfit::stats::bootstrap::{paired_interval, quantile};
use misfit::stats::effects::{Cells, Estimate, factorial, shapley};
use misfit::stats::learners::{Lesson, best};
use misfit::stats::linear::best_line_rmse;
use misfit::stats::moments::{Fit, deviation, mean};
use misfit::stats::segments::best_segments;

/// As many cases of each property.
const CASES: u64 = 60;

struct Draw(Stream);

impl Draw {
    fn of(case: u64) -> Self {
        Draw(Stream::new(case, Purpose::Noise))
    }

    fn normal(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.0.normal()).collect()
    }

    /// From `from` to `to`, both among them.
    fn whole(&mut self, from: usize, to: usize) -> usize {
        from + self.0.index(to - from + 1)
    }

    fn cells(&mut self, fixes: usize, seeds: usize) -> Cells {
        Cells { fixes, values: (0..1 << fixes).map(|_| self.normal(seeds)).collect() }
    }
}

fn near(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs())), "{what}: {a} against {b}");
}

fn all_near(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    a.iter().zip(b).for_each(|(a, b)| near(*a, *b, what));
}

#[test]
fn shapley_values_share_out_the_whole_gain_and_none_goes_to_a_fix_that_does_nothing() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let (fixes, seeds) = (draw.whole(1, 6), draw.whole(1, 5));
        let cells = draw.cells(fixes, seeds);
        let values = shapley(&cells);
        for seed in 0..seeds {
            let whole = cells.values[(1 << fixes) - 1][seed] - cells.values[0][seed];
            near(values.iter().map(|value| value[seed]).sum(), whole, "efficiency");
        }
        // One more fix, which changes nothing: it gets nothing, and the others what they had.
        let twice: Vec<Vec<f64>> = [&cells.values[..], &cells.values].concat();
        let with = shapley(&Cells { fixes: fixes + 1, values: twice });
        all_near(&with[fixes], &vec![0.0; seeds], "dummy");
        for fix in 0..fixes {
            all_near(&with[fix], &values[fix], "beside a dummy");
        }
        // One more fix, which adds the same to every set: it gets that.
        let more = cells.values.iter().map(|cell| cell.iter().map(|v| v + 3.0).collect());
        let added = cells.values.iter().cloned().chain(more).collect();
        all_near(&shapley(&Cells { fixes: fixes + 1, values: added })[fixes], &vec![3.0; seeds], "its own worth");
    }
}

#[test]
fn fixes_that_do_the_same_get_the_same_and_values_of_a_sum_are_the_sum_of_values() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let (fixes, seeds) = (draw.whole(2, 6), 2);
        // An outcome that depends on how many of the fixes are on alone.
        let by_count: Vec<Vec<f64>> = (0..=fixes).map(|_| draw.normal(seeds)).collect();
        let values = (0..1_usize << fixes).map(|set| by_count[set.count_ones() as usize].clone()).collect();
        let alike = shapley(&Cells { fixes, values });
        alike.iter().for_each(|value| all_near(value, &alike[0], "symmetry"));
        let (a, b) = (draw.cells(fixes, seeds), draw.cells(fixes, seeds));
        let sum = |a: &Vec<f64>, b: &Vec<f64>| a.iter().zip(b).map(|(a, b)| 2.0 * a - 0.5 * b).collect::<Vec<f64>>();
        let both = Cells { fixes, values: a.values.iter().zip(&b.values).map(|(a, b)| sum(a, b)).collect() };
        for of in [shapley, factorial] {
            for ((a, b), both) in of(&a).iter().zip(of(&b)).zip(of(&both)) {
                all_near(&both, &sum(a, &b), "linearity");
            }
        }
    }
}

#[test]
fn factorial_effects_give_every_cell_back_and_a_main_effect_is_the_mean_of_first_in_to_last_out() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let (fixes, seeds) = (draw.whole(1, 6), draw.whole(1, 4));
        let cells = draw.cells(fixes, seeds);
        let effects = factorial(&cells);
        for (set, cell) in cells.values.iter().enumerate() {
            for (seed, value) in cell.iter().enumerate() {
                // v(S) = the mean + ½ Σ_T ± E_T, plus where an even number of T's fixes are off.
                let sign = |of: usize| if (of & !set).count_ones().is_multiple_of(2) { 0.5 } else { -0.5 };
                let rest: f64 = (1..effects.len()).map(|of| sign(of) * effects[of][seed]).sum();
                near(effects[0][seed] + rest, *value, "a cell");
            }
        }
        for fix in 0..fixes {
            let sets: Vec<usize> = (0..1 << fixes).filter(|set| set >> fix & 1 == 0).collect();
            for (seed, effect) in effects[1 << fix].iter().enumerate() {
                let gains = sets.iter().map(|set| cells.values[set | 1 << fix][seed] - cells.values[*set][seed]);
                near(*effect, gains.sum::<f64>() / sets.len() as f64, "a main effect");
            }
        }
        if fixes == 2 {
            // Alone, and on top of the other: half of their difference is the interaction, of their sum the Shapley value.
            for (seed, interaction) in effects[3].iter().enumerate() {
                let v = |set: usize| cells.values[set][seed];
                let (first, last) = (v(1) - v(0), v(3) - v(2));
                near(*interaction, (last - first) / 2.0, "an interaction");
                near(shapley(&cells)[0][seed], (last + first) / 2.0, "a Shapley value");
            }
        }
    }
}

#[test]
fn another_order_of_fixes_or_seeds_renames_effects_and_changes_none() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let (fixes, seeds) = (draw.whole(1, 6), draw.whole(2, 7));
        let cells = draw.cells(fixes, seeds);
        let (mut fix_order, mut seed_order) = ((0..fixes).collect::<Vec<_>>(), (0..seeds).collect::<Vec<_>>());
        draw.0.shuffle(&mut fix_order);
        draw.0.shuffle(&mut seed_order);
        // Fix i of the new cells is fix fix_order[i] of the old ones.
        let old =
            |set: usize| (0..fixes).filter(|fix| set >> fix & 1 == 1).map(|fix| 1 << fix_order[fix]).sum::<usize>();
        let of_seeds = |cell: &[f64]| seed_order.iter().map(|&seed| cell[seed]).collect::<Vec<f64>>();
        let turned = Cells { fixes, values: (0..1 << fixes).map(|set| of_seeds(&cells.values[old(set)])).collect() };
        let (before, after) = (factorial(&cells), factorial(&turned));
        for set in 1..1 << fixes {
            all_near(&after[set], &of_seeds(&before[old(set)]), "an effect");
        }
        for (fix, value) in shapley(&turned).iter().enumerate() {
            let theirs = &shapley(&cells)[fix_order[fix]];
            all_near(value, &of_seeds(theirs), "a Shapley value");
            let (a, b) = (Estimate::of(value), Estimate::of(theirs));
            all_near(&[a.mean, a.low, a.high, a.p], &[b.mean, b.low, b.high, b.p], "its estimate");
        }
    }
}

#[test]
fn an_estimate_scales_with_its_values_and_its_p_is_a_share_that_scaling_leaves() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let count = draw.whole(2, 12);
        let values: Vec<f64> = draw.normal(count).iter().map(|v| v + 0.5).collect();
        let of = |factor: f64, shift: f64| Estimate::of(&values.iter().map(|v| factor * v + shift).collect::<Vec<_>>());
        let own = of(1.0, 0.0);
        let least = 2.0 / f64::from(1 << count);
        assert!(own.p >= least && own.p <= 1.0 && own.low <= own.mean && own.mean <= own.high);
        // A whole number of patterns and of their opposites.
        assert_eq!((own.p / least).fract(), 0.0);
        for factor in [1e-9, 0.3, 1e12] {
            let scaled = of(factor, 0.0);
            all_near(
                &[scaled.mean, scaled.low, scaled.high].map(|v| v / factor),
                &[own.mean, own.low, own.high],
                "scaled",
            );
            assert_eq!(scaled.p, own.p);
        }
        let turned = of(-1.0, 0.0);
        all_near(&[turned.mean, turned.low, turned.high], &[-own.mean, -own.high, -own.low], "turned");
        assert_eq!(turned.p, own.p);
        let shifted = of(1.0, 7.0);
        all_near(
            &[shifted.mean, shifted.low, shifted.high],
            &[own.mean + 7.0, own.low + 7.0, own.high + 7.0],
            "shifted",
        );
        // All on one side of 0, nothing is further off than what is there.
        assert_eq!(of(1.0, 100.0).p, least);
    }
}

#[test]
fn a_bootstrap_interval_scales_and_shifts_with_its_differences_and_lies_among_them() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let count = if case % 10 == 0 { 1200 } else { draw.whole(2, 30) };
        let values = draw.normal(count);
        let of =
            |factor: f64, shift: f64| paired_interval(&values.iter().map(|v| factor * v + shift).collect::<Vec<_>>());
        let [low, high] = of(1.0, 0.0);
        let ends = Middle::of(values.iter().copied()).unwrap();
        assert!(ends.low <= low && low <= high && high <= ends.high);
        all_near(&of(1e6, 0.0).map(|v| v / 1e6), &[low, high], "scaled");
        all_near(&of(1.0, 5.0), &[low + 5.0, high + 5.0], "shifted");
        // Of up to 5 every resample is gone through, so their order cannot matter, nor their sign but for which end is which.
        if count <= 5 {
            let mut turned = values.clone();
            turned.reverse();
            all_near(&paired_interval(&turned), &[low, high], "another order");
            all_near(&of(-1.0, 0.0), &[-high, -low], "turned");
        }
    }
}

#[test]
fn medians_and_quantiles_count_an_infinite_value_and_are_of_any_order() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let (finite, lost) = (draw.whole(1, 8), draw.whole(0, 8));
        let mut values = draw.normal(finite);
        values.extend(std::iter::repeat_n(f64::INFINITY, lost));
        draw.0.shuffle(&mut values);
        let middle = Middle::of(values.iter().copied()).unwrap();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let count = values.len();
        // By counting: a run that is lost is above every other one.
        let median =
            if finite > count / 2 { (sorted[(count - 1) / 2] + sorted[count / 2]) / 2.0 } else { f64::INFINITY };
        assert_eq!(middle.median, median, "{values:?}");
        assert_eq!(middle.high == f64::INFINITY, lost > 0);
        assert_eq!(middle.low, sorted[0]);
        for tenth in 0..=10 {
            let share = f64::from(tenth) / 10.0;
            let found = quantile(&sorted, share);
            assert!(!found.is_nan(), "{share} of {sorted:?}");
            // No further than the finite ones reach it is finite, and beyond it is not.
            let place = share * (count - 1) as f64;
            assert_eq!(found.is_finite(), place <= (finite - 1) as f64, "{share} of {sorted:?}");
        }
    }
}

/// Targets and predictions of one input, the predictions so good that it may be any outcome.
fn pair(draw: &mut Draw) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let count = draw.whole(5, 60);
    let (x, y) = (draw.normal(count), draw.normal(count));
    let wrong = [0.0, 0.01, 0.3, 1.0, 3.0][draw.whole(0, 4)];
    let keeps = [0.0, 1.0, 1.0][draw.whole(0, 2)];
    let p = y.iter().zip(draw.normal(count)).map(|(y, noise)| keeps * (y + wrong * noise)).collect();
    (x, y, p)
}

const AFFINE: [(f64, f64); 6] = [(4.0, 0.0), (-1.0, 0.0), (1e9, 0.0), (1e-7, 0.0), (1.0, 50.0), (-3.0, -20.0)];

#[test]
fn targets_in_other_units_have_the_same_r2_and_outcome_and_an_error_in_those_units() {
    for case in 0..4 * CASES {
        let mut draw = Draw::of(case);
        let (x, y, p) = pair(&mut draw);
        let ends = |y: &[f64], p: &[f64]| {
            let line_rmse = best_line_rmse(1, &x, y);
            let config = Experiment::parse("", "x.toml", &[]).expect("an experiment").baseline;
            Evidence {
                losses: &[(1.0, 1.0), (0.5, 0.5)],
                scores: p,
                truth: y,
                fit: Fit::of(p, y),
                accuracy: f64::NAN,
                coding: &Coding::of_function(&config).expect("a coding"),
                mean_rmse: f64::NAN,
                line_rmse,
                goal_r2: 0.99,
                classes: None,
                goal: Goal::default(),
            }
            .outcome()
        };
        let (fit, outcome) = (Fit::of(&p, &y), ends(&y, &p));
        assert!(fit.r2 <= 1.0 && fit.rmse >= 0.0);
        for (factor, shift) in AFFINE {
            let other = |values: &[f64]| values.iter().map(|v| factor * v + shift).collect::<Vec<f64>>();
            let (there, q) = (other(&y), other(&p));
            let scaled = Fit::of(&q, &there);
            near(scaled.rmse / factor.abs(), fit.rmse, "rmse");
            near(scaled.r2, fit.r2, "R²");
            assert_eq!(ends(&there, &q), outcome, "{factor} {shift}");
            near(deviation(&there) / factor.abs(), deviation(&y), "deviation");
            near((mean(&there) - shift) / factor, mean(&y), "mean");
        }
        // In any order of the rows.
        let mut order: Vec<usize> = (0..y.len()).collect();
        draw.0.shuffle(&mut order);
        let turned = |values: &[f64]| order.iter().map(|&row| values[row]).collect::<Vec<f64>>();
        let other = Fit::of(&turned(&p), &turned(&y));
        all_near(&[other.rmse, other.r2], &[fit.rmse, fit.r2], "another order");
        // Of the mean R² is 0, of the targets 1, and of what is as far beyond them as the mean is before them 0 again.
        let middle = mean(&y);
        near(Fit::of(&vec![middle; y.len()], &y).r2, 0.0, "the mean");
        assert_eq!(Fit::of(&y, &y), Fit { rmse: 0.0, r2: 1.0 });
        near(Fit::of(&y.iter().map(|y| 2.0 * y - middle).collect::<Vec<_>>(), &y).r2, 0.0, "twice as far");
    }
}

#[test]
fn lines_pieces_and_simple_learners_fit_as_well_in_any_units_of_either_axis_and_any_order_of_the_points() {
    for case in 0..CASES {
        let mut draw = Draw::of(case);
        let count = draw.whole(6, 40);
        let (x, noise) = (draw.normal(count), draw.normal(count));
        let y: Vec<f64> = x.iter().zip(noise).map(|(x, noise)| x * x + 0.3 * noise).collect();
        let (line, pieces) = (best_line_rmse(1, &x, &y), best_segments(&x, &y, 4));
        near(pieces[0], line, "one piece is a line");
        assert!(pieces.windows(2).all(|pair| pair[1] <= pair[0]), "another piece never hurts");
        let left_out = |x: &[f64], y: &[f64]| match best(1, x, y, 1) {
            Lesson::Learned(learned) => Some((learned.left_out[0], learned.is_line)),
            Lesson::Nothing | Lesson::NotTried => None,
        };
        let learned = left_out(&x, &y);
        let mut order: Vec<usize> = (0..count).collect();
        draw.0.shuffle(&mut order);
        for (factor, shift) in AFFINE {
            let other = |values: &[f64]| order.iter().map(|&row| factor * values[row] + shift).collect::<Vec<f64>>();
            let plain = |values: &[f64]| order.iter().map(|&row| values[row]).collect::<Vec<f64>>();
            for (x, y, unit) in [(plain(&x), other(&y), factor.abs()), (other(&x), plain(&y), 1.0)] {
                near(best_line_rmse(1, &x, &y) / unit, line, "a line");
                all_near(&best_segments(&x, &y, 4).iter().map(|e| e / unit).collect::<Vec<_>>(), &pieces, "pieces");
                match (left_out(&x, &y), learned) {
                    (Some((a, line)), Some((b, is_line))) => {
                        near(a / unit, b, "a simple learner");
                        assert_eq!(line, is_line);
                    }
                    (a, b) => assert_eq!(a.is_some(), b.is_some(), "{case}"),
                }
            }
        }
    }
}

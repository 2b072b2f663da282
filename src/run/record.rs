//! The record of a run: what its rows in the run files hold, made from what training left.

use super::baselines::{Baselines, ClassBaselines, log_loss, predicted_shares};
use super::health::Health;
use super::outcome::Evidence;
use crate::data::training_samples;
use crate::experiment::{Experiment, Goal, Run};
use crate::results::part::RunRows;
use crate::results::points::PredictionColumns;
use crate::results::rows::{self, CurvePoint, HealthRow, RunRow};
use crate::stats::moments::{deviation, range};
use crate::train::Trained;
use crate::train::engine::Lane;

/// A run's rows in the run files.
pub fn rows(
    experiment: &Experiment,
    columns: &PredictionColumns,
    run: &Run,
    lane: &Lane,
    trained: &Trained,
    baselines: &Baselines,
) -> RunRows {
    let variant = &experiment.variants[run.variant];
    let test = &lane.data.test;
    let losses: Vec<(f64, f64)> = trained.curve.iter().map(|point| (point.train_loss, point.test_loss)).collect();
    let (coding, truth) = (&lane.data.coding, &lane.data.test_truth);
    let fit = coding.fit(&trained.predictions, truth);
    let accuracy = coding.accuracy(&trained.predictions, test);
    let row = RunRow {
        variant: variant.name.clone(),
        seed: run.seed,
        outcome: Evidence {
            losses: &losses,
            scores: &trained.predictions,
            truth,
            fit,
            accuracy,
            coding,
            mean_rmse: baselines.mean_rmse,
            line_rmse: baselines.line_rmse,
            goal_r2: baselines.goal_r2,
            classes: baselines.classes.as_ref(),
            goal: experiment.goal,
        }
        .outcome(),
        steps: trained.steps,
        first_loss: losses.first().map_or(f64::NAN, |(loss, _)| *loss),
        last_loss: losses.last().map_or(f64::NAN, |(loss, _)| *loss),
        test_rmse: fit.rmse,
        r2: fit.r2,
        accuracy,
        train_rmse: Some(trained.train_rmse),
        best_step: Some(best_step(&trained.curve)),
        engine: Some(trained.engine),
        kind: Some(variant.kind),
    };
    let network = Health::of(
        &lane.config.model,
        [test.columns, coding.outputs],
        trained.first_gradient,
        &trained.state.parameters,
        &trained.state.gradient,
        &lane.data.scaled_inputs(test),
    );
    let mut breakpoints = network.breakpoints;
    if let Some(scale) = lane.data.input_scale.first() {
        breakpoints.iter_mut().for_each(|x| *x = scale.unscale(*x));
        // Inputs may be divided by a negative number.
        breakpoints.sort_by(f64::total_cmp);
    }
    let [start_grad_first, start_grad_last] = network.first_gradient;
    let [grad_first, grad_last] = network.last_gradient;
    let [prediction_std, prediction_min, prediction_max] = spread(&trained.predictions);
    let [target_std, target_min, target_max] = spread(truth);
    let of_classes = |what: fn(&ClassBaselines) -> f64| baselines.classes.as_ref().map_or(f64::NAN, what);
    let health = HealthRow {
        variant: variant.name.clone(),
        seed: run.seed,
        start_grad_first,
        start_grad_last,
        start_grad_ratio: start_grad_first / start_grad_last,
        grad_first,
        grad_last,
        grad_ratio: grad_first / grad_last,
        saturated_units: network.saturated_units,
        identical_units: network.identical_units,
        pieces: network.linear_regions,
        most_pieces: network.most_linear_regions,
        distinct_samples: trained.state.distinct_samples as f64,
        training_samples: training_samples(&lane.config, lane.data.train.rows()),
        loss_slope: loss_slope(&trained.curve),
        prediction_std,
        prediction_min,
        prediction_max,
        target_std,
        target_min,
        target_max,
        zero_rmse: baselines.zero_rmse,
        mean_rmse: baselines.mean_rmse,
        line_rmse: baselines.line_rmse,
        pieces_rmse: baselines.segments_rmse(network.linear_regions),
        most_pieces_rmse: baselines.segments_rmse(network.most_linear_regions),
        reachable_r2: baselines.reachable_r2,
        goal_r2: match experiment.goal == Goal::default() {
            true => baselines.goal_r2,
            false => experiment.goal.r2.unwrap_or(f64::NAN),
        },
        majority_share: of_classes(|classes| classes.majority_share),
        line_accuracy: of_classes(|classes| classes.line_accuracy),
        reachable_accuracy: of_classes(|classes| classes.reachable_accuracy),
        goal_accuracy: match experiment.goal == Goal::default() {
            true => of_classes(|classes| classes.goal_accuracy),
            false => experiment.goal.accuracy.unwrap_or(f64::NAN),
        },
        shares_log_loss: of_classes(|classes| classes.shares_log_loss),
        line_log_loss: of_classes(|classes| classes.line_log_loss),
        log_loss: log_loss(&lane.data, &trained.predictions),
        predicted_shares: predicted_shares(&lane.data, &trained.predictions),
        class_shares: baselines.classes.as_ref().map_or_else(Vec::new, |classes| classes.class_shares.clone()),
        kinks: breakpoints,
    };
    let key = rows::key(experiment, run);
    let rows = [
        rows::curve_lines(&key, &trained.curve),
        rows::run_line(&row, variant),
        columns.lines(variant, &key, &lane.data, &trained.predictions),
        rows::lines([health]),
    ];
    RunRows { key, rows }
}

/// The logged step of the lowest test error, the first of equals; the last one where it never is a number.
fn best_step(curve: &[CurvePoint]) -> usize {
    let numbers = curve.iter().filter(|point| !point.test_rmse.is_nan());
    let best = numbers.min_by(|a, b| a.test_rmse.total_cmp(&b.test_rmse));
    best.or(curve.last()).map_or(0, |point| point.step)
}

/// Standard deviation, lowest and highest.
fn spread(values: &[f64]) -> [f64; 3] {
    if values.iter().any(|value| value.is_nan()) {
        return [f64::NAN; 3];
    }
    let (low, high) = range(values.iter().copied());
    [deviation(values), low, high]
}

/// Slope of ln(test loss) against ln(step) over the second half of a curve, by least squares; NaN where a loss is not
/// finite or 0.
fn loss_slope(curve: &[CurvePoint]) -> f64 {
    let half = &curve[curve.len() / 2..];
    let points = half.iter().filter(|point| point.step > 0);
    let points: Vec<(f64, f64)> = points.map(|point| ((point.step as f64).ln(), point.test_loss.ln())).collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let across = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
    across / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_loss_that_halves_as_the_steps_double_is_minus_1() {
        let point = |step: usize| CurvePoint {
            step,
            train_loss: f64::NAN,
            test_loss: 5.0 / step as f64,
            test_rmse: 0.0,
            grad_norm: 0.0,
            update_ratio: 0.0,
            dead_units: 0.0,
            accuracy: f64::NAN,
        };
        let curve: Vec<CurvePoint> = (0..20).map(|i| point(i * 10)).collect();
        assert!((loss_slope(&curve) + 1.0).abs() < 1e-12);
        assert!(loss_slope(&curve[..1]).is_nan() && loss_slope(&[]).is_nan());
    }
}

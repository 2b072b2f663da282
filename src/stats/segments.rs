//! The best fit of straight pieces to points with one input: what no network with so many pieces can beat.

/// Up to this many different inputs the pieces may part anywhere. Of more, neighbours are joined into so many bins.
pub const MOST_PLACES: usize = 1024;

/// Root mean square error, in target units, of the best least-squares fit with 1, 2, … `most` straight pieces.
///
/// Pieces part between points and need not meet, so no continuous piecewise-linear function with as many pieces does
/// better. Points of equal input always share a piece. With more than 1024 different inputs, pieces part only at the
/// edges of 1024 bins of equally many inputs; errors are still those of every point, but where pieces are only a few
/// bins wide, a better fit may exist. An error within the rounding of the targets is 0. NaN throughout where there is
/// no point, a value is not finite or the lengths differ.
///
/// A dynamic programme over the last piece (Bellman 1961): O(points·log points + most·1024²) time.
pub fn best_segments(inputs: &[f64], targets: &[f64], most: usize) -> Vec<f64> {
    let finite = inputs.iter().chain(targets).all(|value| value.is_finite());
    if inputs.is_empty() || inputs.len() != targets.len() || !finite {
        return vec![f64::NAN; most];
    }
    let (targets, unit) = scaled(targets);
    let (inputs, _) = scaled(inputs);
    let costs = costs(&bins(&places(&inputs, &targets)));
    // The least squares of the first places, as many as the index and one, by the pieces so far.
    let mut best: Vec<f64> = costs.iter().map(|costs| costs[0]).collect();
    let mut errors = Vec::new();
    for pieces in 1..=most {
        let squares = best.last().copied().unwrap_or(0.0);
        let error = (squares / inputs.len() as f64).sqrt();
        let error = if error <= unit.rounding { 0.0 } else { error * unit.size };
        errors.push(error);
        if error == 0.0 || pieces >= costs.len() {
            // More pieces cannot help.
            errors.resize(most, error);
            break;
        }
        best = costs.iter().zip(&best).map(|(costs, &fewer)| with_another(&best, &costs[1..]).min(fewer)).collect();
    }
    errors
}

/// The least over all starts of the last piece: what the places before it cost, and what it does.
fn with_another(before: &[f64], last: &[f64]) -> f64 {
    before.iter().zip(last).map(|(before, last)| before + last).fold(f64::INFINITY, f64::min)
}

/// How scaled values are turned back.
struct Unit {
    /// What 1 stands for.
    size: f64,
    /// What the values' own rounding may amount to, scaled.
    rounding: f64,
}

/// Values centred and scaled into [−1, 1], so that no square overflows and none of their digits are lost to an offset.
fn scaled(values: &[f64]) -> (Vec<f64>, Unit) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let centre = low / 2.0 + high / 2.0;
    let spread = (high - centre).max(centre - low);
    let size = if spread > 0.0 { spread } else { 1.0 };
    let rounding = 4.0 * f64::EPSILON * (high.max(-low) / size);
    (values.iter().map(|value| (value - centre) / size).collect(), Unit { size, rounding })
}

/// The best straight line through some points. Kept as moments about their means, which is what lets two lines be
/// joined by adding terms that are never negative: no digit is lost to cancellation, as it is in Σy² − (Σxy)²/Σx².
#[derive(Debug, Clone, Copy)]
struct LineSums {
    count: f64,
    /// Means.
    x: f64,
    y: f64,
    /// Σ(x − x̄)².
    spread: f64,
    /// 0 where all x are equal.
    slope: f64,
    /// Sum of the squares left.
    error: f64,
}

impl LineSums {
    fn through(x: f64, y: f64) -> Self {
        LineSums { count: 1.0, x, y, spread: 0.0, slope: 0.0, error: 0.0 }
    }

    /// The line through the points of both. Its slope is the mean of both slopes and of that between their centres,
    /// each weighted by the spread that it comes from; their distances from it are what it costs more.
    fn join(self, next: LineSums) -> LineSums {
        let count = self.count + next.count;
        let (run, rise) = (next.x - self.x, next.y - self.y);
        let weight = self.count * next.count / count;
        let spread = self.spread + next.spread + weight * run * run;
        let moments = self.spread * self.slope + next.spread * next.slope + weight * run * rise;
        let slope = if spread > 0.0 { moments / spread } else { 0.0 };
        let added = if self.spread == 0.0 && next.spread == 0.0 && spread > 0.0 {
            // Two places always lie on a line: here its rounding can be told from an error.
            0.0
        } else {
            weight * (rise - slope * run).powi(2)
                + self.spread * (self.slope - slope).powi(2)
                + next.spread * (next.slope - slope).powi(2)
        };
        let share = next.count / count;
        let error = self.error + next.error + added;
        LineSums { count, x: self.x + run * share, y: self.y + rise * share, spread, slope, error }
    }
}

/// The points of each different input, in order.
fn places(inputs: &[f64], targets: &[f64]) -> Vec<LineSums> {
    let mut points: Vec<(f64, f64)> = inputs.iter().copied().zip(targets.iter().copied()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let equal = points.chunk_by(|a, b| a.0 == b.0);
    equal.filter_map(|points| points.iter().map(|&(x, y)| LineSums::through(x, y)).reduce(LineSums::join)).collect()
}

/// At most [`MOST_PLACES`], of about equally many places each.
fn bins(places: &[LineSums]) -> Vec<LineSums> {
    let count = places.len().min(MOST_PLACES);
    let edge = |bin: usize| bin * places.len() / count;
    (0..count).filter_map(|bin| places[edge(bin)..edge(bin + 1)].iter().copied().reduce(LineSums::join)).collect()
}

/// `[last][first]`: sum of the squares that the best line through places `first` to `last` leaves.
fn costs(places: &[LineSums]) -> Vec<Vec<f64>> {
    let mut costs: Vec<Vec<f64>> = (1..=places.len()).map(Vec::with_capacity).collect();
    for (first, &place) in places.iter().enumerate() {
        let mut line = place;
        costs[first].push(line.error);
        for (place, costs) in places.iter().zip(&mut costs).skip(first + 1) {
            line = line.join(*place);
            costs.push(line.error);
        }
    }
    costs
}

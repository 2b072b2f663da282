//! Where a piecewise-linear network with one input bends, exactly.

/// A fully connected layer, y = x·W + b.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a> {
    pub inputs: usize,
    pub outputs: usize,
    /// `[inputs, outputs]`, row by row.
    pub weights: &'a [f32],
    /// `[outputs]`.
    pub bias: Option<&'a [f32]>,
}

/// What follows a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bend {
    /// Nothing.
    None,
    /// A function of slope 1 above zero and of this slope below: 0 for ReLU, 0.01 for leaky ReLU.
    At(f64),
}

impl Bend {
    fn slope_below(self) -> f64 {
        match self {
            Bend::None => 1.0,
            Bend::At(slope) => slope,
        }
    }
}

/// More than this is not counted.
pub const MOST_BREAKPOINTS: usize = 100_000;

/// Breakpoints nearer than this share of the range are one.
const SAME_PLACE: f64 = 1e-12;
/// Slopes that differ by less than this share of themselves are equal.
const SAME_SLOPE: f64 = 1e-12;
/// So are those that differ by less than this share of the largest sum of terms a slope can be made of: rounding.
const ROUNDING: f64 = 1e-14;

/// The inputs strictly between `from` and `to`, in order, where the slope of the network (of any of its outputs)
/// changes; its linear regions are one more. `bends` has one entry a layer, the last of them the output's.
///
/// Between two breakpoints every pre-activation is affine, so where it crosses zero is solved for. A crossing that
/// leaves the slope as it was is no breakpoint. In f64, O(breakpoints × inputs × outputs) a layer.
///
/// Nothing if the network has not exactly one input, its shapes do not fit together, a parameter or an end of the range
/// is not finite, the range is reversed, a slope overflows, or more than [`MOST_BREAKPOINTS`] crossings arise.
pub fn breakpoints(layers: &[Dense], bends: &[Bend], from: f64, to: f64) -> Option<Vec<f64>> {
    let steepest = steepest(layers, bends)?;
    if !(from <= to && (to - from).is_finite()) {
        return None;
    }
    let weights: Vec<Vec<f64>> =
        layers.iter().map(|layer| layer.weights.iter().copied().map(f64::from).collect()).collect();
    let apart = SAME_PLACE * (to - from);
    let mut found = Vec::new();
    let mut before: Option<Vec<f64>> = None;
    let mut ended = 0;
    // Depth first and from the left, so that little is held at a time and regions end in order.
    let mut open = vec![Region { layer: 0, from, to, values: vec![from], slopes: vec![1.0] }];
    while let Some(region) = open.pop() {
        let layer = region.layer;
        if layer == layers.len() {
            ended += 1;
            if ended > MOST_BREAKPOINTS + 1 {
                return None;
            }
            let bends = before.as_ref().map(|before| !same(before, &region.slopes, &steepest));
            if bends == Some(true) {
                found.push(region.from);
            }
            // Compared with the first of a row of equal ones, lest they drift.
            if bends != Some(false) {
                before = Some(region.slopes);
            }
            continue;
        }
        let region = region.through(&layers[layer], &weights[layer]);
        if !region.values.iter().chain(&region.slopes).all(|value| value.is_finite()) {
            return None;
        }
        match bends[layer] {
            Bend::None => open.push(region),
            Bend::At(below) => {
                let cuts = region.crossings(apart);
                let starts = std::iter::once(region.from).chain(cuts.iter().copied());
                let ends = cuts.iter().copied().chain([region.to]);
                let parts: Vec<Region> = starts.zip(ends).map(|(from, to)| region.bent(from, to, below)).collect();
                open.extend(parts.into_iter().rev());
            }
        }
    }
    Some(found)
}

/// A part of the range on which all units so far are affine.
struct Region {
    /// How many layers it has been through.
    layer: usize,
    from: f64,
    to: f64,
    /// Of each unit, at `from`.
    values: Vec<f64>,
    /// Of each unit. Carried along, because differences of values over a narrow region would lose their digits.
    slopes: Vec<f64>,
}

impl Region {
    /// Pre-activations of the next layer.
    fn through(self, layer: &Dense, weights: &[f64]) -> Region {
        let mut values = match layer.bias {
            Some(bias) => bias.iter().copied().map(f64::from).collect(),
            None => vec![0.0; layer.outputs],
        };
        let mut slopes = vec![0.0; layer.outputs];
        for (input, (&value, &slope)) in self.values.iter().zip(&self.slopes).enumerate() {
            // Units that are off, often half of them.
            if value == 0.0 && slope == 0.0 {
                continue;
            }
            let row = &weights[input * layer.outputs..][..layer.outputs];
            for ((values, slopes), weight) in values.iter_mut().zip(&mut slopes).zip(row) {
                *values += value * weight;
                *slopes += slope * weight;
            }
        }
        Region { layer: self.layer + 1, values, slopes, ..self }
    }

    /// Where units cross zero, in order, those nearer than `apart` to one before or to an end left out.
    fn crossings(&self, apart: f64) -> Vec<f64> {
        let width = self.to - self.from;
        let crossing = |(&value, &slope): (&f64, &f64)| {
            let crosses = (value < 0.0) != (value + slope * width < 0.0) && slope != 0.0;
            crosses.then(|| self.from - value / slope)
        };
        let mut places: Vec<f64> = self.values.iter().zip(&self.slopes).filter_map(crossing).collect();
        places.sort_by(f64::total_cmp);
        let mut last = self.from;
        places.retain(|&place| {
            let kept = place > last + apart && place < self.to - apart;
            if kept {
                last = place;
            }
            kept
        });
        places
    }

    /// The part from `from` to `to`, on which no unit crosses zero, after the bend.
    fn bent(&self, from: f64, to: f64, below: f64) -> Region {
        let unit = |(value, slope): (&f64, &f64)| {
            let start = value + slope * (from - self.from);
            // Judged at its middle, because at an end a unit may be at zero.
            let factor = if start + slope * (to - from) / 2.0 < 0.0 { below } else { 1.0 };
            (factor * start, factor * slope)
        };
        let (values, slopes) = self.values.iter().zip(&self.slopes).map(unit).unzip();
        Region { layer: self.layer, from, to, values, slopes }
    }
}

/// The steepest that each output could be if nothing cancelled; nothing if that overflows or the network is none with
/// one input, of shapes that fit and of finite parameters.
fn steepest(layers: &[Dense], bends: &[Bend]) -> Option<Vec<f64>> {
    if layers.is_empty() || layers.len() != bends.len() {
        return None;
    }
    let mut steepest = vec![1.0];
    for (layer, bend) in layers.iter().zip(bends) {
        let fits = layer.inputs == steepest.len()
            && layer.inputs.checked_mul(layer.outputs) == Some(layer.weights.len())
            && layer.bias.is_none_or(|bias| bias.len() == layer.outputs);
        let finite = layer.weights.iter().chain(layer.bias.unwrap_or_default()).all(|value| value.is_finite());
        let below = bend.slope_below();
        if !fits || !finite || !below.is_finite() {
            return None;
        }
        let factor = below.abs().max(1.0);
        let sum = |output: usize| {
            let weights = layer.weights.iter().skip(output).step_by(layer.outputs);
            factor * weights.zip(&steepest).map(|(weight, slope)| f64::from(weight.abs()) * slope).sum::<f64>()
        };
        steepest = (0..layer.outputs).map(sum).collect();
    }
    steepest.iter().all(|slope| slope.is_finite()).then_some(steepest)
}

fn same(a: &[f64], b: &[f64], steepest: &[f64]) -> bool {
    let same = |((a, b), steepest): ((&f64, &f64), &f64)| {
        (a - b).abs() <= (SAME_SLOPE * a.abs().max(b.abs())).max(ROUNDING * steepest)
    };
    a.iter().zip(b).zip(steepest).all(same)
}

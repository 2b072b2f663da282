//! Breakpoints of networks against those that can be told from their weights, and against a scan.

use misfit::stats::linear_regions::{Bend, Dense, breakpoints};

const RELU: Bend = Bend::At(0.0);

/// Layers that own their parameters.
struct Net {
    layers: Vec<(usize, usize, Vec<f32>, Vec<f32>)>,
    bends: Vec<Bend>,
}

impl Net {
    fn breakpoints(&self, from: f64, to: f64) -> Option<Vec<f64>> {
        let layers: Vec<Dense> = self
            .layers
            .iter()
            .map(|(inputs, outputs, weights, bias)| Dense {
                inputs: *inputs,
                outputs: *outputs,
                weights,
                bias: Some(bias),
            })
            .collect();
        breakpoints(&layers, &self.bends, from, to)
    }

    /// The first output, unit by unit.
    fn at(&self, x: f64) -> f64 {
        let mut values = vec![x];
        for ((inputs, outputs, weights, bias), bend) in self.layers.iter().zip(&self.bends) {
            let below = if let Bend::At(slope) = bend { *slope } else { 1.0 };
            let unit = |o: usize| {
                let sum: f64 = (0..*inputs).map(|i| values[i] * f64::from(weights[i * outputs + o])).sum();
                let value = sum + f64::from(bias[o]);
                if value < 0.0 { below * value } else { value }
            };
            values = (0..*outputs).map(unit).collect();
        }
        values[0]
    }

    /// Uniform weights as torch draws them, in ±1/√inputs, biases as wide as `bias`.
    fn random(sizes: &[usize], bends: Vec<Bend>, bias: f32, state: &mut u32) -> Net {
        let mut next = || {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let mut layer = |pair: &[usize]| {
            let bound = 1.0 / (pair[0] as f32).sqrt();
            let weights = (0..pair[0] * pair[1]).map(|_| next() * bound).collect();
            (pair[0], pair[1], weights, (0..pair[1]).map(|_| next() * bias).collect())
        };
        Net { layers: sizes.windows(2).map(&mut layer).collect(), bends }
    }
}

fn net(layers: &[(usize, usize, &[f32], &[f32])], bends: &[Bend]) -> Net {
    let layers = layers.iter().map(|&(i, o, weights, bias)| (i, o, weights.to_vec(), bias.to_vec())).collect();
    Net { layers, bends: bends.to_vec() }
}

#[test]
fn the_absolute_value_bends_once_at_zero() {
    let absolute = net(&[(1, 2, &[1.0, -1.0], &[0.0, 0.0]), (2, 1, &[1.0, 1.0], &[0.0])], &[RELU, Bend::None]);
    assert_eq!(absolute.breakpoints(-3.0, 5.0), Some(vec![0.0]));
    assert_eq!(absolute.breakpoints(1.0, 5.0), Some(vec![]));
    assert_eq!(absolute.breakpoints(0.0, 5.0), Some(vec![]), "an end is not inside");
    // relu(x) − relu(−x) is x.
    let identity = net(&[(1, 2, &[1.0, -1.0], &[0.0, 0.0]), (2, 1, &[1.0, -1.0], &[0.0])], &[RELU, Bend::None]);
    assert_eq!(identity.breakpoints(-3.0, 5.0), Some(vec![]));
}

#[test]
fn tents_in_tents_double_the_regions_a_layer() {
    // 2·relu(x) − 4·relu(x − ½), folded into the next layer's weights (Telgarsky 2016, arXiv:1602.04485).
    for depth in 1..=12_usize {
        let mut layers: Vec<(usize, usize, &[f32], &[f32])> = vec![(1, 2, &[1.0, 1.0], &[0.0, -0.5])];
        layers.extend((1..depth).map(|_| (2, 2, &[2.0, 2.0, -4.0, -4.0][..], &[0.0, -0.5][..])));
        layers.push((2, 1, &[2.0, -4.0], &[0.0]));
        let mut bends = vec![RELU; depth];
        bends.push(Bend::None);
        let expected = (1..1 << depth).map(|i| f64::from(i) / f64::from(1 << depth)).collect();
        assert_eq!(net(&layers, &bends).breakpoints(0.0, 1.0), Some(expected), "{depth}");
    }
}

#[test]
fn more_than_can_be_counted_is_not() {
    let mut layers: Vec<(usize, usize, &[f32], &[f32])> = vec![(1, 2, &[1.0, 1.0], &[0.0, -0.5])];
    layers.extend((1..17).map(|_| (2, 2, &[2.0, 2.0, -4.0, -4.0][..], &[0.0, -0.5][..])));
    layers.push((2, 1, &[2.0, -4.0], &[0.0]));
    let bends = [vec![RELU; 17], vec![Bend::None]].concat();
    assert_eq!(net(&layers, &bends).breakpoints(0.0, 1.0), None);
}

#[test]
fn units_without_effect_add_no_breakpoint() {
    // In turn: one that counts, at 1; one whose outgoing weight is 0; one without input; two that cancel; one that
    // is off throughout; one that is on throughout.
    let first = [1.0, 1.0, 0.0, 0.3, 0.3, 1.0, 1.0];
    let bias = [-1.0, -2.0, 0.0, -0.7, -0.7, -100.0, 100.0];
    let last = [1.0, 0.0, 5.0, 0.1, -0.1, 1.0, 1.0];
    let layers: [(usize, usize, &[f32], &[f32]); 2] = [(1, 7, &first, &bias), (7, 1, &last, &[0.0])];
    assert_eq!(net(&layers, &[RELU, Bend::None]).breakpoints(-10.0, 10.0), Some(vec![1.0]));
    // Nor do two that cancel where the slope is 0, though they swallow digits of the small terms that make it 0.
    let layers: [(usize, usize, &[f32], &[f32]); 2] =
        [(1, 4, &[0.003, 0.3, 0.3, 0.003], &[50.0, -0.7, -0.7, 50.0]), (4, 1, &[0.001, 0.7, -0.7, -0.001], &[0.0])];
    assert_eq!(net(&layers, &[RELU, Bend::None]).breakpoints(-10.0, 10.0), Some(vec![]));
    // Nor do those that a further layer makes of the two that cancel.
    let layers: [(usize, usize, &[f32], &[f32]); 3] =
        [(1, 7, &first, &bias), (7, 1, &last, &[-105.0]), (1, 1, &[1.0], &[0.0])];
    let found = net(&layers, &[RELU, RELU, Bend::None]).breakpoints(-10.0, 10.0).unwrap();
    // x + 100 − 105 below 1, 2x + 99 − 105 above it, which is off until 3.
    assert_eq!(found.len(), 1);
    assert!((found[0] - 3.0).abs() < 1e-12, "{found:?}");
}

#[test]
fn two_breakpoints_at_one_place_are_one() {
    // The second layer is zero where the first bends, at a third, which has no exact representation.
    let layers: [(usize, usize, &[f32], &[f32]); 3] = [
        (1, 2, &[3.0, -3.0], &[-1.0, 1.0]),
        (2, 3, &[1.0, -1.0, 0.7, -2.0, 1.0, 0.3], &[0.0, 0.0, 0.0]),
        (3, 1, &[1.0, 1.0, 1.0], &[0.0]),
    ];
    let found = net(&layers, &[RELU, RELU, Bend::None]).breakpoints(-1.0, 1.0).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((found[0] - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn a_bent_output_adds_breakpoints_and_a_slope_below_zero_keeps_them() {
    // |x| − 1 is cut off between −1 and 1.
    let layers: [(usize, usize, &[f32], &[f32]); 2] = [(1, 2, &[1.0, -1.0], &[0.0, 0.0]), (2, 1, &[1.0, 1.0], &[-1.0])];
    assert_eq!(net(&layers, &[RELU, RELU]).breakpoints(-3.0, 3.0), Some(vec![-1.0, 1.0]));
    assert_eq!(net(&layers, &[RELU, Bend::At(0.01)]).breakpoints(-3.0, 3.0), Some(vec![-1.0, 0.0, 1.0]));
    assert_eq!(net(&layers, &[Bend::At(1.0), RELU]).breakpoints(-3.0, 3.0), Some(vec![]));
    // One output that bends is enough.
    let two: [(usize, usize, &[f32], &[f32]); 1] = [(1, 2, &[1.0, 1.0], &[-1.0, 9.0])];
    assert_eq!(net(&two, &[RELU]).breakpoints(-3.0, 3.0), Some(vec![1.0]));
}

#[test]
fn random_networks_bend_where_a_scan_of_their_slopes_does_and_nowhere_else() {
    let mut state = 7;
    let (mut total, mut seen) = (0, 0);
    for round in 0..24 {
        let below = [0.0, 0.0, 0.1][round % 3];
        let last = if round % 4 == 0 { RELU } else { Bend::None };
        let net = Net::random(&[1, 8, 8, 1], vec![Bend::At(below), Bend::At(below), last], 1.0, &mut state);
        let (from, to, cells) = (-4.0, 4.0, 4_000);
        let found = net.breakpoints(from, to).unwrap();
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]) && found.iter().all(|&x| from < x && x < to));
        assert!(found.len() < 9 * 9 * 2, "Π(nᵢ + 1), and twice that with a bent output");
        let step = (to - from) / f64::from(cells);
        let x = |i: i32| from + f64::from(i) * step;
        // Second differences over a cell's two sides, in units of slope.
        let bends = |i: i32| ((net.at(x(i + 1)) - 2.0 * net.at(x(i)) + net.at(x(i - 1))) / step).abs() > 1e-9;
        for i in 1..cells {
            let near = found.iter().any(|&b| (b - x(i)).abs() < 1.001 * step);
            assert!(near || !bends(i), "round {round}: bends at {} but not in {found:?}", x(i));
        }
        total += found.len();
        for (place, &b) in found.iter().enumerate() {
            // Slopes on the two sides, taken within the neighbouring regions.
            let left = if place == 0 { from } else { found[place - 1] };
            let right = found.get(place + 1).copied().unwrap_or(to);
            let slope = |a: f64, b: f64| (net.at(a + (b - a) * 0.8) - net.at(a + (b - a) * 0.2)) / (0.6 * (b - a));
            if (b - left).min(right - b) > 1e-4 {
                seen += 1;
                let (left, right) = (slope(left, b), slope(b, right));
                assert!((left - right).abs() > 1e-11, "round {round}: {b} in {found:?} does not bend");
            }
        }
    }
    assert!(total > 150 && seen > total * 9 / 10, "{seen} of {total}");
}

#[test]
fn a_network_has_at_most_the_regions_of_the_bound() {
    let mut state = 3;
    for sizes in [vec![1, 3, 1], vec![1, 20, 1], vec![1, 2, 2, 1], vec![1, 3, 3, 3, 1], vec![1, 45, 45, 1]] {
        for _ in 0..20 {
            let hidden = &sizes[1..sizes.len() - 1];
            let bends = [vec![RELU; hidden.len()], vec![Bend::None]].concat();
            let found = Net::random(&sizes, bends, 1.0, &mut state).breakpoints(-1000.0, 1000.0).unwrap();
            assert!(found.len() < hidden.iter().map(|units| units + 1).product(), "{sizes:?}: {}", found.len());
        }
    }
}

#[test]
fn what_is_no_network_of_one_input_is_refused() {
    let one = [1.0_f32];
    let good = Dense { inputs: 1, outputs: 1, weights: &one, bias: None };
    let bends = [Bend::None];
    assert_eq!(breakpoints(&[good], &bends, 0.0, 1.0), Some(vec![]));
    assert_eq!(breakpoints(&[good], &bends, 1.0, 1.0), Some(vec![]));
    for (from, to) in [(1.0, 0.0), (f64::NAN, 1.0), (0.0, f64::NAN), (f64::NEG_INFINITY, 0.0), (-f64::MAX, f64::MAX)] {
        assert_eq!(breakpoints(&[good], &bends, from, to), None);
    }
    assert_eq!(breakpoints(&[], &[], 0.0, 1.0), None);
    assert_eq!(breakpoints(&[good], &[], 0.0, 1.0), None);
    assert_eq!(breakpoints(&[good], &[Bend::At(f64::NAN)], 0.0, 1.0), None);
    for bad in [
        Dense { inputs: 2, weights: &[1.0, 1.0], ..good },
        Dense { inputs: 0, weights: &[], ..good },
        Dense { weights: &[1.0, 2.0], ..good },
        Dense { weights: &[f32::NAN], ..good },
        Dense { bias: Some(&[f32::INFINITY]), ..good },
        Dense { bias: Some(&[]), ..good },
        Dense { outputs: usize::MAX, ..good },
    ] {
        assert_eq!(breakpoints(&[bad], &bends, 0.0, 1.0), None);
    }
    // A layer without units leaves a constant.
    let empty = Dense { outputs: 0, weights: &[], ..good };
    let constant = Dense { inputs: 0, weights: &[], ..good };
    assert_eq!(breakpoints(&[empty, constant], &[RELU, RELU], -1.0, 1.0), Some(vec![]));
    let huge = Dense { weights: &[f32::MAX], ..good };
    assert_eq!(breakpoints(&[huge; 9], &[RELU; 9], -1.0, 1.0), None);
    // Deep, and bending at 0 all the same.
    assert_eq!(breakpoints(&[good; 10_000], &[RELU; 10_000], -1.0, 1.0), Some(vec![0.0]));
}

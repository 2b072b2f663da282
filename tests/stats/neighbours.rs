//! The nearest neighbour's error against plain counts, and the bound where the error rates are known.

use misfit::stats::neighbours::{least_error, nearest_neighbour_error};

use super::split_mix;

/// Uniform in [0, 1).
fn uniform(state: &mut u64) -> f64 {
    (split_mix(state) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Leave-one-out error rate over whole numbers, whose distances are exact; of several nearest rows each counts its share.
fn counted(rows: &[Vec<i64>], labels: &[usize]) -> f64 {
    let error = |row: usize| {
        let distance = |other: usize| rows[row].iter().zip(&rows[other]).map(|(a, b)| (a - b).pow(2)).sum::<i64>();
        let others = || (0..rows.len()).filter(|other| *other != row);
        let least = others().map(distance).min();
        let nearest: Vec<usize> = others().filter(|other| Some(distance(*other)) == least).collect();
        nearest.iter().filter(|other| labels[**other] != labels[row]).count() as f64 / nearest.len() as f64
    };
    (0..rows.len()).map(error).sum::<f64>() / rows.len() as f64
}

#[test]
fn on_a_grid_all_neighbours_at_one_distance_count_in_any_unit() {
    let mut state = 3;
    for (columns, side, copies) in [(1, 7, 1), (1, 7, 3), (2, 5, 1), (2, 5, 2), (3, 3, 1), (3, 3, 2), (3, 5, 1)] {
        // A whole grid, so that every column has the same spread.
        let points = i64::pow(side, columns);
        let point = |i: i64| (0..columns).map(|c| i / i64::pow(side, c) % side).collect::<Vec<i64>>();
        let rows: Vec<Vec<i64>> = (0..points * copies).map(|i| point(i % points)).collect();
        let labels: Vec<usize> = rows.iter().map(|_| (split_mix(&mut state) % 3) as usize).collect();
        let scaled = |(c, x): (usize, &i64)| [1e300, 1e-300, 0.3][c] * (*x as f64 + 0.1);
        let inputs: Vec<f64> = rows.iter().flat_map(|row| row.iter().enumerate().map(scaled)).collect();
        let (found, wanted) = (nearest_neighbour_error(columns as usize, &inputs, &labels), counted(&rows, &labels));
        assert!((found - wanted).abs() < 1e-12, "{columns}, {side}, {copies}: {found} against {wanted}");
    }
}

#[test]
fn the_nearest_of_random_rows_is_that_of_all_distances() {
    let mut state = 8;
    for (columns, rows) in [(1, 2), (2, 15), (5, 16), (3, 50), (40, 33)] {
        let inputs: Vec<f64> = (0..rows * columns).map(|i| uniform(&mut state) * [1.0, 1e6][i % columns % 2]).collect();
        let labels: Vec<usize> = (0..rows).map(|_| (split_mix(&mut state) % 2) as usize).collect();
        let column = |c: usize| (0..rows).map(move |row| row * columns + c).map(|place| inputs[place]);
        let variance = |c: usize| {
            let mean = column(c).sum::<f64>() / rows as f64;
            column(c).map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64
        };
        let variances: Vec<f64> = (0..columns).map(variance).collect();
        let distance = |a: usize, b: usize| -> f64 {
            (0..columns).map(|c| (inputs[a * columns + c] - inputs[b * columns + c]).powi(2) / variances[c]).sum()
        };
        let nearest = |row: usize| {
            let others = (0..rows).filter(|other| *other != row);
            others.min_by(|a, b| distance(row, *a).total_cmp(&distance(row, *b))).expect("another row")
        };
        let wrong = (0..rows).filter(|row| labels[nearest(*row)] != labels[*row]).count();
        assert_eq!(nearest_neighbour_error(columns, &inputs, &labels), wrong as f64 / rows as f64, "{columns}, {rows}");
    }
}

#[test]
fn equal_rows_with_different_labels_are_errors_in_their_shares() {
    // At one place 3 rows of one class and 5 of the other: of a row's 7 equals, 5 and 3 are of the other class.
    let labels = [0, 1, 1, 0, 1, 1, 0, 1];
    let wanted = (3.0 * 5.0 / 7.0 + 5.0 * 3.0 / 7.0) / 8.0;
    for (columns, inputs) in [(1, vec![0.1; 8]), (2, [0.1, 1e300].repeat(8)), (0, vec![])] {
        let found = nearest_neighbour_error(columns, &inputs, &labels);
        assert!((found - wanted).abs() < 1e-15, "{found} against {wanted}");
    }
}

#[test]
fn labels_that_are_wrong_by_chance_are_the_error_that_no_classifier_avoids() {
    // Labels of a threshold, one in ten of them another of the classes: the least error is 0.1.
    let mut state = 4;
    for classes in [2, 5] {
        let inputs: Vec<f64> = (0..3000).map(|_| uniform(&mut state)).collect();
        let label = |x: &f64| {
            let other = if uniform(&mut state) < 0.1 { 1 + split_mix(&mut state) as usize % (classes - 1) } else { 0 };
            ((x * classes as f64) as usize + other) % classes
        };
        let labels: Vec<usize> = inputs.iter().map(label).collect();
        let least = least_error(nearest_neighbour_error(1, &inputs, &labels), classes);
        assert!((least - 0.1).abs() < 0.02, "{classes} classes: {least}");
    }
}

#[test]
fn the_bound_is_reached_where_the_wrong_classes_are_equally_likely() {
    // Everywhere one class has the probability 1 − r, the others r/(K − 1). Two draws differ with 1 − Σp².
    for classes in [2, 3, 10, 1000] {
        let others = (classes - 1) as f64;
        for r in [0.0, 1e-12, 1e-3, 0.1, 0.3, others / classes as f64] {
            let differ = 2.0 * r - r * r - r * r / others;
            let found = least_error(differ, classes);
            assert!((found - r).abs() < 1e-15 + 1e-7 * r, "{classes} classes: {found} against {r}");
        }
    }
}

#[test]
fn errors_worse_than_guessing_are_guessing_and_one_class_has_none() {
    assert_eq!(least_error(0.5, 2), 0.5);
    assert_eq!(least_error(0.9, 2), 0.5);
    assert_eq!(least_error(1.0, 4), 0.75);
    assert_eq!([least_error(0.3, 1), least_error(0.3, 0), least_error(-0.1, 3)], [0.0; 3]);
    assert!(least_error(f64::NAN, 2).is_nan() && least_error(f64::NAN, 1).is_nan());
    assert!(least_error(1.0, usize::MAX).is_finite());
}

#[test]
fn without_two_finite_rows_there_is_no_error_and_no_shape_makes_it_panic() {
    for (columns, inputs, labels) in [
        (1, &[][..], &[][..]),
        (1, &[1.0], &[0]),
        (0, &[], &[0]),
        (2, &[1.0, 2.0, 3.0], &[0, 1, 0]),
        (usize::MAX, &[1.0, 2.0], &[0, 1]),
        (1, &[1.0, f64::NAN, 3.0], &[0, 1, 0]),
        (1, &[1.0, f64::INFINITY, 3.0], &[0, 1, 0]),
    ] {
        assert!(nearest_neighbour_error(columns, inputs, labels).is_nan(), "{columns} {inputs:?}");
    }
    let far = [1e300, f64::MAX, -f64::MAX, 1e-300, 5e-324, 0.0];
    let error = nearest_neighbour_error(1, &far, &[0, 1, usize::MAX, 1, 0, 1]);
    assert!((0.0..=1.0).contains(&error), "{error}");
}

#[test]
fn too_many_rows_are_thinned_out_and_every_class_keeps_its_share() {
    // 100 of 200 rows of 30 000 columns, all equal, of which every fourth has the other label.
    let labels: Vec<usize> = (0..200).map(|row| usize::from(row % 4 == 3)).collect();
    let found = nearest_neighbour_error(30_000, &vec![1.0; 200 * 30_000], &labels);
    // 75 rows err with 25 of their 99 equals, 25 with 75 of theirs.
    let wanted = 2.0 * 75.0 * 25.0 / 99.0 / 100.0;
    assert!((found - wanted).abs() < 1e-12, "{found} against {wanted}");
}

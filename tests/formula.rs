//! Formulas in x have numpy's values, by Python's rules of what binds first, and their faults are named with their place.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use common::python;
use misfit::experiment::formula::Formula;

/// What numpy says of formulas at some points.
fn oracle(formulas: &[String], points: &[f64]) -> Option<Vec<Vec<f64>>> {
    let points: Vec<String> = points.iter().map(|point| format!("{point:?}")).collect();
    let mut python = python()?;
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formula.py"));
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let asked = serde_json::to_string(&(formulas, points)).unwrap();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let values: Vec<Vec<String>> = serde_json::from_slice(&out.stdout).unwrap();
    let number = |digits: String| digits.parse().unwrap();
    Some(values.into_iter().map(|values| values.into_iter().map(number).collect()).collect())
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs()
}

fn value(text: &str, x: f64) -> f64 {
    Formula::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).value(x)
}

#[test]
fn functions_and_constants_have_numpys_values() {
    let functions =
        "sin cos tan asin acos atan sinh cosh tanh exp ln log log2 log10 sqrt abs sign floor ceil relu step";
    let mut formulas: Vec<String> = functions.split(' ').map(|name| format!("{name}(x)")).collect();
    let others = "min(x, 0.3)|max(-x, x^2)|min(0/0, x)|max(x, 0/0)|x^x|2^-x|x**0.7|pi*x|e^x|1e3*x|.5 + 2.*x|1E-2 - x/3";
    formulas.extend(others.split('|').map(str::to_owned));
    let mut points =
        vec![0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e-300, 1e5, 1000.0];
    points.extend((0..200).map(|nth| (f64::from(nth) - 100.0) / 16.0));
    let Some(expected) = oracle(&formulas, &points) else { return };
    for (formula, values) in formulas.iter().zip(expected) {
        for (x, expected) in points.iter().zip(values) {
            let got = value(formula, *x);
            assert!(close(got, expected, 4.0 * f64::EPSILON), "{formula} at {x:?}: {got:?}, numpy has {expected:?}");
        }
    }
}

/// A formula at random: with the parentheses that its tree would not need, and without those that it would.
fn formula(random: &mut impl FnMut(usize) -> usize, depth: usize) -> String {
    let part = |random: &mut _| formula(random, depth - 1);
    match if depth == 0 { 0 } else { random(10) } {
        0 => ["x", "2", "0.5", "3", "x", "1e1", "pi"][random(7)].to_owned(),
        1 => format!("({})", part(random)),
        2 => format!("-{}", part(random)),
        3 => format!("+ {}", part(random)),
        4 => format!("abs({})", part(random)),
        nth => {
            let (a, b) = (part(random), part(random));
            format!("{a}{}{b}", ["+", " - ", "*", "/", "^", "**", " ^ "][(nth - 5 + random(3)) % 7])
        }
    }
}

#[test]
fn what_binds_first_is_as_in_python() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let formulas: Vec<String> = (0..2000).map(|nth| formula(&mut random, 1 + nth % 5)).collect();
    let points = [-2.0, -0.5, 0.0, 1.0, 1.5, 3.0];
    let Some(expected) = oracle(&formulas, &points) else { return };
    let mut finite = 0;
    for (formula, values) in formulas.iter().zip(expected) {
        for (x, expected) in points.iter().zip(values) {
            let got = value(formula, *x);
            assert!(close(got, expected, 1e-9), "{formula} at {x}: {got:?}, Python has {expected:?}");
            finite += usize::from(expected.is_finite());
        }
    }
    assert!(finite > 6000, "{finite}");
}

#[test]
fn powers_go_from_right_to_left_and_before_a_minus() {
    for (text, at_3) in [
        ("2^3^2", 512.0),
        ("-x^2", -9.0),
        ("(-x)^2", 9.0),
        ("2^-1", 0.5),
        ("2**-x**0", 0.5),
        ("--x", 3.0),
        ("2-x-1", -2.0),
        ("12/x/2", 2.0),
        ("12/x*2", 8.0),
        ("2*x^2 + 1", 19.0),
        (" x\t+\u{a0}1\n", 4.0),
        ("max(min(x, 2), 1)", 2.0),
        ("5", 5.0),
        ("e", std::f64::consts::E),
        ("2e0", 2.0),
        ("2*e", 2.0 * std::f64::consts::E),
    ] {
        assert_eq!(value(text, 3.0), at_3, "{text}");
    }
}

#[test]
fn a_fault_is_named_with_its_character_and_what_is_accepted() {
    let accepted = "x, pi, e, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, exp, ln, log, log2, log10, sqrt, abs, sign, floor, ceil, \
        relu, step, min, max";
    let unknown = |place: usize, hint: &str| format!("character {place}: unknown name {hint} accepted: {accepted}");
    for (text, expected) in [
        ("", "ends too early: expected a number, x, a function or (".to_owned()),
        ("x +", "ends too early: expected a number, x, a function or (".to_owned()),
        ("(x", "ends too early: expected +, -, *, /, ^ or )".to_owned()),
        ("sin", "ends too early: expected ( after sin".to_owned()),
        ("x)", "character 2: unexpected \")\": expected +, -, *, /, ^ or the end".to_owned()),
        ("2x", "character 2: unexpected \"x\": expected +, -, *, /, ^ or the end".to_owned()),
        ("2 sin(x)", "character 3: unexpected \"sin\": expected +, -, *, /, ^ or the end".to_owned()),
        ("2e", "character 1: \"2e\" is no finite number".to_owned()),
        ("x(2)", "character 2: unexpected \"(\": expected +, -, *, /, ^ or the end".to_owned()),
        ("x²", "character 2: unexpected \"²\": expected +, -, *, /, ^ or the end".to_owned()),
        ("(x 1)", "character 4: unexpected \"1\": expected +, -, *, /, ^ or )".to_owned()),
        ("()", "character 2: unexpected \")\": expected a number, x, a function or (".to_owned()),
        ("x * * 2", "character 5: unexpected \"*\": expected a number, x, a function or (".to_owned()),
        ("x***2", "character 4: unexpected \"*\": expected a number, x, a function or (".to_owned()),
        ("x - × 2", "character 5: unexpected \"×\": expected a number, x, a function or (".to_owned()),
        ("sin x", "character 5: unexpected \"x\": expected ( after sin".to_owned()),
        ("sin(x, 2)", "character 6: unexpected \",\": expected +, -, *, /, ^ or )".to_owned()),
        ("min(x)", "character 6: unexpected \")\": expected a comma, as min is of two values".to_owned()),
        ("max(x, 1, 2)", "character 9: unexpected \",\": expected +, -, *, /, ^ or )".to_owned()),
        ("1.2.3", "character 1: \"1.2.3\" is no finite number".to_owned()),
        ("x + 1e999", "character 5: \"1e999\" is no finite number".to_owned()),
        (".", "character 1: \".\" is no finite number".to_owned()),
        ("x + sine(x)", unknown(5, "\"sine\", did you mean \"sin\"?")),
        ("X", unknown(1, "\"X\",")),
        ("x_1", unknown(1, "\"x_1\",")),
        ("π*x", unknown(1, "\"π\",")),
        ("x\u{1b}", "character 2: unexpected \"\\u{1b}\": expected +, -, *, /, ^ or the end".to_owned()),
        ("x\u{202e}", "character 2: unexpected \"\\u{202e}\": expected +, -, *, /, ^ or the end".to_owned()),
    ] {
        assert_eq!(Formula::parse(text).err().unwrap_or_else(|| panic!("{text:?} is read")), expected, "{text:?}");
    }
}

#[test]
fn a_long_formula_is_read_and_a_deep_one_refused() {
    let long = "x+".repeat(100_000) + "x";
    assert_eq!(value(&long, 2.0), 200_002.0);
    let long = "x-".repeat(100_000) + "x";
    assert_eq!(value(&long, 1.0), -99_999.0);
    for (deep, place) in [
        ("(".repeat(100_000), 101),
        ("-".repeat(100_000), 101),
        ("x^".repeat(100_000) + "x", 201),
        ("sin(".repeat(100_000), 401),
        ("min(1,".repeat(100_000), 599),
    ] {
        let expected = format!("character {place}: more than 100 levels within one another: write it flatter");
        assert_eq!(Formula::parse(&deep).err(), Some(expected));
    }
    assert_eq!(value(&("(".repeat(99) + "x" + &")".repeat(99)), 2.0), 2.0);
}

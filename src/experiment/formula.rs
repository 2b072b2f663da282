//! A target as a formula in x.
//!
//! `+ - * / ^` and parentheses, numbers as `0.5` and `1e-3`, `x`, `pi`, `e`, and the functions below. `**` is `^`. As in
//! Python's `**`, a power goes from right to left and before a minus on its left: `2^3^2` is `2^(3^2)` and `-x^2` is `-(x^2)`.
//! `log` is the natural logarithm, as numpy's is. Values are computed in f64 by libm, so they are the same on every machine.

use std::sync::Arc;

use crate::text::{cut, one_line, suggest::near};

/// A function of one number.
#[derive(Debug, Clone)]
pub struct Formula {
    /// In reverse Polish notation.
    steps: Arc<[Step]>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Number(f64),
    X,
    /// Of the value before.
    Of(fn(f64) -> f64),
    /// Of the two values before.
    OfTwo(fn(f64, f64) -> f64),
}

const FUNCTIONS: &[(&str, Step)] = &[
    ("sin", Step::Of(libm::sin)),
    ("cos", Step::Of(libm::cos)),
    ("tan", Step::Of(libm::tan)),
    ("asin", Step::Of(libm::asin)),
    ("acos", Step::Of(libm::acos)),
    ("atan", Step::Of(libm::atan)),
    ("sinh", Step::Of(libm::sinh)),
    ("cosh", Step::Of(libm::cosh)),
    ("tanh", Step::Of(libm::tanh)),
    ("exp", Step::Of(libm::exp)),
    ("ln", Step::Of(libm::log)),
    ("log", Step::Of(libm::log)),
    ("log2", Step::Of(libm::log2)),
    ("log10", Step::Of(libm::log10)),
    ("sqrt", Step::Of(f64::sqrt)),
    ("abs", Step::Of(f64::abs)),
    // -1, 0 or 1.
    ("sign", Step::Of(|a| if a == 0.0 { 0.0 } else { a.signum() })),
    ("floor", Step::Of(f64::floor)),
    ("ceil", Step::Of(f64::ceil)),
    ("relu", Step::Of(|a| if a < 0.0 { 0.0 } else { a })),
    // 0 below 0, else 1.
    ("step", Step::Of(|a| if a.is_nan() { a } else { f64::from(a >= 0.0) })),
    // NaN if one of the two is, as numpy's minimum and maximum.
    ("min", Step::OfTwo(|a, b| if a.is_nan() || a < b { a } else { b })),
    ("max", Step::OfTwo(|a, b| if a.is_nan() || a > b { a } else { b })),
];

const CONSTANTS: &[(&str, Step)] =
    &[("x", Step::X), ("pi", Step::Number(std::f64::consts::PI)), ("e", Step::Number(std::f64::consts::E))];

/// Parentheses, powers and signs within one another, at most: each is a call within a call.
const DEEPEST: usize = 100;

impl Formula {
    /// Reads a formula in `x`. What is wrong with it is said in a few words on one line, with the character, from 1.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { text, at: 0, depth: 0, steps: Vec::new() };
        parser.sum()?;
        match parser.next() {
            None => Ok(Formula { steps: parser.steps.into() }),
            Some(_) => Err(parser.unexpected("+, -, *, /, ^ or the end")),
        }
    }

    /// Its value; NaN or an infinity where it has none.
    pub fn value(&self, x: f64) -> f64 {
        let mut values = Vec::with_capacity(16);
        for step in self.steps.iter() {
            let value = match *step {
                Step::Number(number) => Some(number),
                Step::X => Some(x),
                Step::Of(function) => values.pop().map(function),
                Step::OfTwo(function) => values.pop().zip(values.pop()).map(|(b, a)| function(a, b)),
            };
            // The parser leaves each step its values.
            values.push(value.unwrap_or(f64::NAN));
        }
        values.pop().unwrap_or(f64::NAN)
    }
}

/// Recursive descent: a method for each rule, from the weakest binding to the strongest.
struct Parser<'t> {
    text: &'t str,
    /// Bytes that are read.
    at: usize,
    depth: usize,
    steps: Vec<Step>,
}

impl<'t> Parser<'t> {
    /// `product (+ product | - product)*`
    fn sum(&mut self) -> Result<(), String> {
        self.product()?;
        loop {
            let step: fn(f64, f64) -> f64 = match () {
                () if self.takes("+") => |a, b| a + b,
                () if self.takes("-") => |a, b| a - b,
                () => return Ok(()),
            };
            self.product()?;
            self.steps.push(Step::OfTwo(step));
        }
    }

    /// `signed (* signed | / signed)*`
    fn product(&mut self) -> Result<(), String> {
        self.signed()?;
        loop {
            let step: fn(f64, f64) -> f64 = match () {
                () if self.takes("*") => |a, b| a * b,
                () if self.takes("/") => |a, b| a / b,
                () => return Ok(()),
            };
            self.signed()?;
            self.steps.push(Step::OfTwo(step));
        }
    }

    /// `- signed | + signed | value (^ signed)?`
    fn signed(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(
                self.fault(self.at, &format!("more than {DEEPEST} levels within one another: write it flatter"))
            );
        }
        if self.takes("-") {
            self.signed()?;
            self.steps.push(Step::Of(|a| -a));
        } else if self.takes("+") {
            self.signed()?;
        } else {
            self.value()?;
            if self.takes("^") || self.takes("**") {
                self.signed()?;
                self.steps.push(Step::OfTwo(libm::pow));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// A number, a name, a function with what it is of, or a sum in parentheses.
    fn value(&mut self) -> Result<(), String> {
        if self.takes("(") {
            self.sum()?;
            return self.expects(")", "+, -, *, /, ^ or )");
        }
        let begin = self.at;
        match self.word() {
            word if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') => match word.parse() {
                Ok(number) if f64::is_finite(number) => self.steps.push(Step::Number(number)),
                _ => return Err(self.fault(begin, &format!("{:?} is no finite number", cut(word, 20)))),
            },
            "" => return Err(self.unexpected("a number, x, a function or (")),
            word => {
                if let Some((_, step)) = CONSTANTS.iter().find(|(name, _)| *name == word) {
                    self.steps.push(*step);
                } else if let Some((name, step)) = FUNCTIONS.iter().find(|(name, _)| *name == word) {
                    self.expects("(", &format!("( after {name}"))?;
                    self.sum()?;
                    if matches!(step, Step::OfTwo(_)) {
                        self.expects(",", &format!("a comma, as {name} is of two values"))?;
                        self.sum()?;
                    }
                    self.expects(")", "+, -, *, /, ^ or )")?;
                    self.steps.push(*step);
                } else {
                    return Err(self.fault(begin, &unknown_name(word)));
                }
            }
        }
        Ok(())
    }

    /// The next character that is no space.
    fn next(&mut self) -> Option<char> {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest.chars().next()
    }

    /// Whether a sign comes next; then it is read.
    fn takes(&mut self, sign: &str) -> bool {
        self.next();
        let there = self.text[self.at..].starts_with(sign);
        self.at += if there { sign.len() } else { 0 };
        there
    }

    fn expects(&mut self, sign: &str, expected: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// Reads a number or a name, whichever comes next; empty if neither does.
    fn word(&mut self) -> &'t str {
        let first = self.next();
        let rest = &self.text[self.at..];
        let end = match first {
            Some('0'..='9' | '.') => {
                let mut before = ' ';
                let goes_on = |c: char| {
                    let part = c.is_ascii_digit() || c == '.' || matches!(c, 'e' | 'E');
                    let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
                    before = c;
                    !(part || sign)
                };
                rest.find(goes_on)
            }
            _ => rest.find(|c: char| !(c.is_alphabetic() || c == '_' || c.is_ascii_digit())),
        };
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn unexpected(&mut self, expected: &str) -> String {
        let Some(next) = self.next() else { return format!("ends too early: expected {expected}") };
        let at = self.at;
        let word = self.word();
        let there = if word.is_empty() { next.to_string() } else { cut(word, 20) };
        self.fault(at, &format!("unexpected {there:?}: expected {expected}"))
    }

    /// Of the character at a byte.
    fn fault(&self, at: usize, what: &str) -> String {
        one_line(&format!("character {}: {what}", 1 + self.text[..at].chars().count()))
    }
}

fn unknown_name(word: &str) -> String {
    let names = || CONSTANTS.iter().chain(FUNCTIONS).map(|(name, _)| *name);
    let hint = near(&cut(word, 80), names()).map(|name| format!(", did you mean {name:?}?")).unwrap_or(",".to_owned());
    format!("unknown name {:?}{hint} accepted: {}", cut(word, 80), names().collect::<Vec<_>>().join(", "))
}

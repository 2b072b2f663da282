//! Numbers in JSON, which has no word for NaN and infinities: they are strings, spelt as in the CSVs.

use serde::Serializer;
use serde_json::Value;

use crate::text::numbers;

pub fn number<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        serializer.serialize_str(&numbers::number(*value))
    }
}

pub fn numbers<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|&value| Spelt(value)))
}

struct Spelt(f64);

impl serde::Serialize for Spelt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0, serializer)
    }
}

/// The same as a value.
pub fn value(number: f64) -> Value {
    if number.is_finite() { number.into() } else { numbers::number(number).into() }
}

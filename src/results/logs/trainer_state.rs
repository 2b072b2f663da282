//! `trainer_state.json`, as the Trainer of Hugging Face's transformers writes it: what it logged is its `log_history`.
//! Source: `TrainerState` in transformers/trainer_callback.py.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use super::LogRow;
use crate::results::input;

/// What measures the machine, not the training.
const TIMINGS: [&str; 3] = ["_runtime", "_per_second", "total_flos"];

/// Rows of numbers, in the order in which they were logged; timings are left out. `shown` is how messages name the file.
pub fn read(path: &Path, shown: &str) -> Result<Vec<LogRow>> {
    let file = input::open(path).with_context(|| format!("{shown}: cannot be read"))?;
    let state: Value = serde_json::from_reader(std::io::BufReader::new(file))
        .map_err(|error| anyhow!("{shown}: is no trainer_state.json of Hugging Face: {error}"))?;
    let history = state.get("log_history").and_then(Value::as_array);
    let history =
        history.with_context(|| format!("{shown}: has no list \"log_history\", as a trainer_state.json has"))?;
    let row = |entry: &Value| {
        let mut row = LogRow::default();
        for (name, value) in entry.as_object().into_iter().flatten() {
            // JSON has no NaN; Python's writes it all the same, and then the file is none that is read here.
            let Some(value) = value.as_f64() else { continue };
            match name.as_str() {
                "step" => row.step = Some(value),
                "epoch" => row.epoch = Some(value),
                name if TIMINGS.iter().any(|timing| name.ends_with(timing)) => {}
                name => row.values.push((name.to_owned(), value)),
            }
        }
        row
    };
    Ok(history.iter().map(row).filter(|row| !row.values.is_empty()).collect())
}

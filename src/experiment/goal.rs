//! What counts as a fit.

use serde::{Deserialize, Serialize};

use super::ExperimentError;
use super::reader::{Range, Reader};

/// The scores that a run must reach on the test points to fit; where none is given, those of its task
/// ([`crate::run::outcome`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
}

/// The table `[goal]`.
pub fn goal(root: &Reader) -> Result<Goal, ExperimentError> {
    let share = || Range { says: "a number above 0 and up to 1", holds: |x| x > 0.0 && x <= 1.0 };
    let section = root.section("goal")?;
    let score = |key: &'static str| section.get(key).map(|node| section.number(key, node, &share())).transpose();
    let goal = Goal { accuracy: score("accuracy")?, r2: score("r2")? };
    section.finish()?;
    Ok(goal)
}

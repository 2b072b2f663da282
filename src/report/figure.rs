//! A picture of a report, in the sizes that it has.

use anyhow::Result;

use super::plots::{ChartSize, Drawn};

/// A picture, for a desk and for a phone.
pub struct Figure {
    /// Its file's name without the extension, and its place in the page.
    pub id: String,
    pub caption: String,
    pub wide: Drawn,
    pub narrow: Drawn,
}

pub fn figure(id: String, caption: String, draw: impl Fn(ChartSize) -> Result<Drawn>) -> Result<Figure> {
    Ok(Figure { id, caption, wide: draw(ChartSize::Wide)?, narrow: draw(ChartSize::Narrow)? })
}

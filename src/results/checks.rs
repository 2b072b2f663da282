//! The words of `checks.csv`: what is checked, and how it came out.

use crate::experiment::config::{Word, words};

words! {
    /// A check of the ladder, in its order.
    Check {
        /// The loss before the first update, beside the best constant's.
        Start = "start-loss",
        /// So many samples learnt by heart.
        Overfit = "overfit",
        /// Inputs replaced by a constant.
        Blind = "blind",
        /// Targets permuted among the training samples.
        Permuted = "permuted",
        /// Other learning rates.
        Rate = "learning-rate",
        /// On how many seeds it fits.
        HowOften = "how-often",
        /// Fewer training samples.
        Samples = "samples",
        /// Other numbers of hidden units.
        Units = "units",
    }
}

words! {
    CheckVerdict {
        Passes = "passes",
        Fails = "fails",
        /// It was measured, and is no fault: worth knowing.
        Tells = "tells",
        CannotBeTold = "cannot be told",
        /// It would have taken too long.
        LeftOut = "left out",
    }
}

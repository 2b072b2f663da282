//! What trains an experiment's runs: which go together and on which threads, and what they cost.

pub use misfit_reader::run::*;

pub mod cost;
pub mod interrupt;
pub mod progress;
pub mod record;
pub mod runner;
pub mod schedule;
pub mod stacks;

pub mod cluster {
    //! How a plan's runs are cut into tasks.
    pub use misfit_reader::run::cluster::*;

    pub mod cut;
}

pub mod doctor {
    //! What training needs of a machine.
    pub use misfit_reader::run::doctor::*;

    pub mod training;
}

//! The progress bar: on a terminal only, on stderr. A notebook gets a line.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::text::note::{in_notebook, note, quiet};
use crate::text::numbers::{clock, thousands};

/// Counts what has been done; shows it if there is a terminal to show it on.
pub struct Progress {
    bar: ProgressBar,
    runs: usize,
    ended: AtomicUsize,
    updates: AtomicU64,
    total: f64,
}

/// Says what begins, where no bar will show it.
pub fn begins(what: &str) {
    if in_notebook() {
        note(what);
    }
}

/// The bar's length: costs are told to it as parts of this.
const LENGTH: u64 = 1_000_000_000;

impl Progress {
    /// Of `runs` runs, whose jobs cost `total` together; `done` runs were there before.
    pub fn new(runs: usize, done: usize, total: f64) -> Self {
        let target = if quiet() || in_notebook() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(LENGTH), target);
        let style = ProgressStyle::with_template("{bar:28} {msg}, {left} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .with_key("left", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // Before the first rows there is nothing to reckon with.
                let _ = if state.pos() == 0 { write!(out, "?") } else { write!(out, "{}", clock(state.eta())) };
            });
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(250));
        let progress = Progress { bar, runs, ended: AtomicUsize::new(done), updates: AtomicU64::new(0), total };
        progress.say();
        progress
    }

    fn say(&self) {
        let seconds = self.bar.elapsed().as_secs_f64().max(0.1);
        let speed = self.updates.load(Ordering::Relaxed) as f64 / seconds;
        let ended = self.ended.load(Ordering::Relaxed);
        self.bar.set_message(format!("{ended} of {} runs, {} steps/s", self.runs, thousands(speed)));
    }

    /// Updates made, over all runs, and what they cost.
    pub fn updates(&self, updates: u64, cost: f64) {
        self.updates.fetch_add(updates, Ordering::Relaxed);
        self.bar.inc((cost / self.total * LENGTH as f64) as u64);
        self.say();
    }

    pub fn ended(&self, runs: usize) {
        self.ended.fetch_add(runs, Ordering::Relaxed);
        self.say();
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

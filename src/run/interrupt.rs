//! Signals that ask the process to stop: the first is heeded at the next step, a second at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

pub struct Interrupt {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Catches the signals from here on.
    pub fn catch() -> Result<Self> {
        let interrupt = Interrupt { stop: Arc::default(), signal: Arc::default() };
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the exit looks at the flag before this signal sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, interrupt.stop.clone())?;
            flag::register_usize(signal, interrupt.signal.clone(), signal as usize)?;
            flag::register(signal, interrupt.stop.clone())?;
        }
        Ok(interrupt)
    }

    pub fn flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// The signal that came last.
    pub fn signal(&self) -> i32 {
        self.signal.load(Ordering::Relaxed) as i32
    }
}

//! What training needs: libtorch, and a device that computes what it should.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use super::super::memory;
use super::libtorch::Libtorch;
use super::{Check, CheckState};
use crate::data::{Files, RunData};
use crate::experiment::Experiment;
use crate::experiment::config::EngineName;
use crate::text::numbers::{gibibytes, plural};
use crate::text::one_line;
use crate::train::device::{self, Device};
use crate::train::engine::Lane;
use crate::train::fused::kernels::Level;
use crate::train::train;

/// A network as the embedded experiment's answer has it, for a moment's training.
const TRIAL: &str = "[data]\nscale_input = 1000\nscale_target = \"standardize\"\n[batch]\nsize = 32\ndraw = \"fresh\"\n[model]\nhidden = [40, 40]\n[train]\nsteps = 1000\nlog_points = 2\n";
/// Two ways to compute 1000 steps differ by their rounding, which grows on the way.
const CLOSE: f64 = 2e-2;

pub fn checks(text: &str) -> Result<Vec<Check>> {
    let wants_cuda = text != "cpu";
    device::single_threaded();
    // Before anything is computed: libtorch remembers what devices it found when it first was asked.
    let device = if wants_cuda { text } else { "cuda" };
    let opened = device::parse(device);
    let mut checks = vec![
        Check::of("libtorch", libtorch()),
        Check::of("processor", processor()),
        Check { what: "memory", state: CheckState::Works, says: format!("{} free", gibibytes(memory::free())) },
    ];
    checks.push(match opened.and_then(graphics) {
        Err(error) if !wants_cuda => {
            let says = one_line(format!("{error:#}").trim_start_matches("--device cuda: "));
            Check { what: "CUDA", state: CheckState::Absent, says }
        }
        tried => Check::of("CUDA", tried),
    });
    Ok(checks)
}

/// Which one was found, and that it derives.
fn libtorch() -> Result<String> {
    let works = device::libtorch_derives()?;
    Ok(match Libtorch::loaded() {
        None => works,
        Some(Libtorch { folder, version, cuda }) => format!(
            "{} {} CUDA in {}: its automatic differentiation works",
            version.as_deref().unwrap_or(device::LIBTORCH),
            if cuda { "with" } else { "without" },
            one_line(&folder.display().to_string())
        ),
    })
}

/// Trains for a moment by both engines, which must come to the same.
fn processor() -> Result<String> {
    let (ours, seconds) = trial(EngineName::Fused, Device::Cpu)?;
    let (theirs, libtorchs) = trial(EngineName::Torch, Device::Cpu)?;
    close(ours, theirs, "the fused engine and the torch engine")?;
    let a_step = |seconds: f64| seconds * 1e6 / 1000.0;
    Ok(format!(
        "{}; a step of a 1–40–40–1 network on batches of 32: engine fused ({} kernels) {:.1} µs, engine torch {:.0} µs",
        plural(device::threads(Device::Cpu), "training thread", "training threads"),
        Level::best().name(),
        a_step(seconds),
        a_step(libtorchs)
    ))
}

fn graphics(found: Device) -> Result<String> {
    let (ours, _) = trial(EngineName::Torch, found)?;
    let (theirs, _) = trial(EngineName::Torch, Device::Cpu)?;
    close(ours, theirs, "the GPU and the processor")?;
    Ok(format!(
        "{} of {} trains (engine torch), and comes to what the processor does",
        device::describe(found),
        device::cuda_devices()
    ))
}

/// The last test error of a short training in target units, and the seconds that it took.
fn trial(engine: EngineName, device: Device) -> Result<(f64, f64)> {
    let config = Experiment::parse(TRIAL, "doctor", &[])?.baseline;
    let data = RunData::new(&config, 0, &Files::default())?;
    let lanes = [Lane { config, seed: 0, data: Arc::new(data) }];
    let started = Instant::now();
    let runs = train(engine, &lanes, device, &AtomicBool::new(false), &|_| {})?;
    let error = runs.first().and_then(|run| run.curve.last()).context("no run came of it")?.test_rmse;
    Ok((error, started.elapsed().as_secs_f64()))
}

fn close(ours: f64, theirs: f64, who: &str) -> Result<()> {
    if !(ours - theirs).abs().le(&(CLOSE * theirs)) {
        bail!(anyhow!("{who} come to different errors, {ours} and {theirs}: report that with this output"));
    }
    Ok(())
}

//! What a device may be called; whether it is there, `train::device` finds out.

use anyhow::{Result, bail};

use crate::text::shorten;

/// The version of libtorch that tch is bound to.
pub const LIBTORCH: &str = "2.11.0";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    Cpu,
    Cuda(usize),
}

/// `cpu`, `cuda` or `cuda:N`.
pub fn named(text: &str) -> Result<Device> {
    let number = |index: &str| index.bytes().all(|byte| byte.is_ascii_digit()).then(|| index.parse::<u16>().ok())?;
    match text {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => return Ok(Device::Cuda(0)),
        _ => {}
    }
    match text.strip_prefix("cuda:").and_then(number) {
        Some(index) => Ok(Device::Cuda(index.into())),
        None => bail!("--device: unknown device {:?}, accepted: cpu, cuda or cuda:N", shorten(text)),
    }
}

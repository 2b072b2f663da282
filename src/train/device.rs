//! Where training runs, and how many threads it takes.

use anyhow::{Result, bail};
use tch::{Cuda, Device};

use super::kernels::Level;
use super::network::By;

/// The version of libtorch that tch is bound to.
pub const LIBTORCH: &str = "2.11.0";

/// `cpu`, `cuda` or `cuda:N`.
pub fn parse(text: &str) -> Result<Device> {
    let index = match text {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => text.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
    };
    let Some(index) = index else { bail!("--device: unknown device {text:?}, accepted: cpu, cuda or cuda:N") };
    if !Cuda::is_available() {
        bail!(
            "--device {text}: this libtorch sees no CUDA device: set LIBTORCH to one built for CUDA and build again, or use --device cpu"
        );
    }
    if index as i64 >= Cuda::device_count() {
        bail!("--device {text}: there are {} CUDA devices, numbered from 0", Cuda::device_count());
    }
    Ok(Device::Cuda(index))
}

/// What computes best there.
pub fn by(device: Device) -> By {
    if device == Device::Cpu { By::Kernels(Level::best()) } else { By::Torch }
}

/// Gives the calling thread one intra-op thread: libtorch's pool makes operations this small several times slower.
pub fn single_threaded() {
    tch::set_num_threads(1);
}

/// What the last bits of a run depend on: the kind of device.
pub fn kind(device: Device) -> &'static str {
    if device == Device::Cpu { "cpu" } else { "cuda" }
}

/// A line that names the device in a manifest.
pub fn describe(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

//! Where training runs, and how many threads it takes.

use anyhow::{Result, bail, ensure};
pub use tch::Device;
use tch::{Cuda, Kind, Tensor};

use super::cuda;
pub use crate::experiment::device::LIBTORCH;
use crate::experiment::device::{Device as Named, named};

/// A device by its name, whether it is there or not.
pub fn of(named: Named) -> Device {
    match named {
        Named::Cpu => Device::Cpu,
        Named::Cuda(index) => Device::Cuda(index),
    }
}

/// `cpu`, `cuda` or `cuda:N`, which must be there.
pub fn parse(text: &str) -> Result<Device> {
    let Named::Cuda(index) = named(text)? else { return Ok(Device::Cpu) };
    if let Err(why) = cuda::load() {
        bail!(
            "--device {text}: no CUDA: {why}: set LD_LIBRARY_PATH to the lib folder of a libtorch {LIBTORCH} that has it (that of the Python package torch does), or use --device cpu"
        );
    }
    if !Cuda::is_available() {
        bail!(
            "--device {text}: libtorch has CUDA but finds no device that it can use: see whether nvidia-smi lists one, or use --device cpu"
        );
    }
    if index as i64 >= Cuda::device_count() {
        bail!("--device {text}: there are {} CUDA devices, numbered from 0", Cuda::device_count());
    }
    Ok(Device::Cuda(index))
}

/// How many threads train there: on a CPU one for each core; a GPU is kept busy by one.
pub fn threads(device: Device) -> usize {
    match device {
        Device::Cpu => std::thread::available_parallelism().map_or(1, usize::from),
        _ => 1,
    }
}

/// Whether this is what an operation says that found too little memory on a GPU.
pub fn out_of_memory(error: &anyhow::Error) -> bool {
    let said = ["CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED"];
    error.chain().any(|cause| said.iter().any(|said| cause.to_string().contains(said)))
}

/// Gives the calling thread one intra-op thread, and autograd none beside it: libtorch's threads make operations this small
/// several times slower.
pub fn single_threaded() {
    tch::set_num_threads(1);
    cuda::derive_on_this_thread();
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

/// CUDA devices that libtorch finds.
pub fn cuda_devices() -> i64 {
    Cuda::device_count()
}

/// A gradient that libtorch finds, compared with the one known.
pub fn libtorch_derives() -> Result<String> {
    let says = format!("{LIBTORCH} and its automatic differentiation work");
    let x = Tensor::f_from_slice(&[1.0_f32, 2.0, 3.0])?.f_requires_grad_(true)?;
    x.f_mul(&x)?.f_sum(Kind::Float)?.f_backward()?;
    let mut gradient = [0.0_f32; 3];
    x.f_grad()?.f_copy_data(&mut gradient, 3)?;
    ensure!(
        gradient == [2.0, 4.0, 6.0],
        "the gradient of x² at 1, 2, 3 comes out as {gradient:?}: install libtorch {LIBTORCH} again (remove .libtorch, then scripts/run)"
    );
    Ok(says)
}

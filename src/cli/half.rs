//! The half that trains: a library beside the program, opened when something is to be trained.
//!
//! libtorch takes a fifth of a second to load, and a program that names it cannot start without it. So the library alone
//! names it (`build.rs` says where it looks). The program hands its whole command line on.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::error::Error;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL};

use crate::experiment::device::LIBTORCH;

/// Where it may lie, from the program's folder: beside it, or where an installation puts it.
const PLACES: [&str; 2] = ["", "../lib/misfit"];
/// Where cargo has its own, which is looked at first: for tests it makes no copy beside the program.
const OF_CARGO: &str = "deps";

/// The library, open for good.
pub struct Half(extern "C" fn() -> i32);

impl Half {
    /// Does what the process's arguments ask for; the exit code.
    pub fn main(&self) -> u8 {
        u8::try_from((self.0)()).unwrap_or(2)
    }
}

/// Opens it in the first place that has it as this program was built with: then it has a function of the name `build`.
pub fn open(build: &str) -> Result<Half> {
    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    let program = program.context("cannot train: the program does not find itself")?;
    let folder = program.parent().map(PathBuf::from).unwrap_or_default();
    let name = format!("{DLL_PREFIX}misfit{DLL_SUFFIX}");
    let files = PLACES.map(|place| folder.join(place).join(&name));
    let of_cargo = folder.join(OF_CARGO).join(&name);
    let mut another = None;
    for file in std::iter::once(&of_cargo).chain(&files).filter(|file| file.is_file()) {
        // Lazily: of the functions that libtorch's own libraries call, few are ever needed. The library's own are bound now.
        //
        // SAFETY: this runs the initialisers of libtorch and of Rust's standard library, which have no precondition.
        let library = unsafe { Library::open(Some(file), RTLD_LAZY | RTLD_LOCAL) };
        let library = library.map_err(|error| anyhow!("cannot train: {}", cannot_be_opened(&error)))?;
        // SAFETY: the program's own build exports this name once, in `export.rs`, of this type. It may be called for as long as
        // the library is open, which is for good.
        let function = unsafe { library.get::<extern "C" fn() -> i32>(build) }.map(|function| *function);
        std::mem::forget(library);
        match function {
            Ok(function) => return Ok(Half(function)),
            Err(_) => another = another.or(Some(file)),
        }
    }
    if let Some(file) = another {
        bail!(
            "cannot train: {} is of another build than this program: copy both from one build (cargo build --release makes both)",
            file.display()
        );
    }
    let [beside, installed] = files.map(|file| file.display().to_string());
    bail!(
        "cannot train: the library that does is neither {beside} nor {installed}: copy it there from where this program was built (cargo build --release makes both)"
    )
}

/// The loader's word, with the cure.
fn cannot_be_opened(error: &libloading::Error) -> String {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let is = if why.contains("undefined symbol") { "is of another version" } else { "cannot be loaded" };
    format!(
        "libtorch {is}, {LIBTORCH} is needed: {why}: put that libtorch beside the library, as torch, or its lib folder into LD_LIBRARY_PATH"
    )
}

//! The half that trains: a library beside the program, opened when something is to be trained.
//!
//! libtorch takes a fifth of a second to load, and a program that names it cannot start without it. So the library alone
//! names it (`build.rs` says where it looks). The program hands its whole command line on.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::error::Error;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL};

use crate::experiment::device::LIBTORCH;
use crate::run::doctor::libtorch::{Libtorch, mapped};

/// Where it may lie, from the program's folder: beside it, or where an installation puts it.
const PLACES: [&str; 2] = ["", "../lib/misfit"];
/// Where cargo has its own, which is looked at first: for tests it makes no copy beside the program.
const OF_CARGO: &str = "deps";
/// Where it looks for libtorch, from its own folder, before where it was built. As in `build.rs`.
const OF_LIBTORCH: [&str; 4] = ["torch/lib", "../torch/lib", "../../torch/lib", "../lib"];
/// With which torch-sys is built with another libtorch too.
const ANY_VERSION: &str = "LIBTORCH_BYPASS_VERSION_CHECK";

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
    // By its name alone the loader looks for it along the program's run path, which is where both were built.
    let built = PathBuf::from(&name);
    let there = std::iter::once(&of_cargo).chain(&files).filter(|file| file.is_file());
    let mut another = None;
    for file in there.chain([&built]) {
        // Lazily: of the functions that libtorch's own libraries call, few are ever needed. The library's own are bound now.
        //
        // SAFETY: this runs the initialisers of libtorch and of Rust's standard library, which have no precondition.
        let library = match unsafe { Library::open(Some(file), RTLD_LAZY | RTLD_LOCAL) } {
            Ok(library) => library,
            Err(error) => match why(&error) {
                // Linux names here what is missing: the library itself, or what it needs.
                why if file == &built && (why.starts_with(&name) || cfg!(not(target_os = "linux"))) => continue,
                why => bail!("cannot train: {}", cannot_be_opened(file, &why)),
            },
        };
        // SAFETY: the program's own build exports this name once, in `export.rs`, of this type. It may be called for as long as
        // the library is open, which is for good.
        let function = unsafe { library.get::<extern "C" fn() -> i32>(build) }.map(|function| *function);
        std::mem::forget(library);
        let Ok(function) = function else {
            another = another.or_else(|| mapped(&name)).or_else(|| Some(file.clone()));
            continue;
        };
        let loaded = Libtorch::loaded().filter(|_| std::env::var_os(ANY_VERSION).is_none());
        if let Some(fault) = loaded.and_then(|found| found.fault()) {
            bail!("cannot train: {fault}: {}", cure(&folder));
        }
        return Ok(Half(function));
    }
    if let Some(file) = another {
        bail!(
            "cannot train: {} is of another build than this program: copy both from one build (cargo build --release makes both), or install this program again",
            file.display()
        );
    }
    let [beside, installed] = files.map(|file| file.display().to_string());
    bail!(
        "cannot train: the library that does is neither {beside} nor {installed}, nor where this program was built: copy it there from the clone's target/release/deps (cargo build --release makes both)"
    )
}

/// The loader's word.
fn why(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// What is there of libtorch instead of what is needed, with the cure.
fn cannot_be_opened(library: &Path, why: &str) -> String {
    let folder = library.parent().unwrap_or(Path::new(""));
    let variable = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named = std::env::split_paths(&variable).filter(|place| place.is_absolute());
    // Where it was built, it was found by its name alone.
    let beside = OF_LIBTORCH.iter().map(|place| folder.join(place)).filter(|place| place.is_absolute());
    let found = named.chain(beside).find_map(|folder| Libtorch::at(&folder));
    let missing = ["libc10", "libtorch"].iter().any(|name| why.starts_with(name));
    let fault = match (&found, packages(folder)) {
        (None, Some(packages)) if missing => format!(
            "no libtorch, {LIBTORCH} is needed: there is none in {} nor in LD_LIBRARY_PATH",
            packages.join("torch/lib").display()
        ),
        (None, None) if missing => format!(
            "no libtorch, {LIBTORCH} is needed: there is none in {} of {}, where misfit was built, or in LD_LIBRARY_PATH",
            OF_LIBTORCH.join(", "),
            if folder.is_absolute() { folder.display() } else { Path::new("the library's folder").display() }
        ),
        _ if why.contains("undefined symbol") => format!("libtorch is of another version, {LIBTORCH} is needed: {why}"),
        _ => format!("libtorch cannot be loaded, {LIBTORCH} is needed: {why}"),
    };
    format!("{}: {}", found.and_then(|found| found.fault()).unwrap_or(fault), cure(folder))
}

/// Python's site-packages, if the library in this folder is of the package misfit there.
fn packages(folder: &Path) -> Option<&Path> {
    let package = folder.parent().filter(|package| package.join("__init__.py").is_file());
    package?.parent().filter(|_| folder.ends_with("misfit/bin"))
}

/// How to come by a libtorch for the library in this folder.
fn cure(folder: &Path) -> String {
    if packages(folder).is_some() {
        return format!("pip install torch=={LIBTORCH} into the same environment");
    }
    format!(
        "put that libtorch beside the library, as torch, or its lib folder into LD_LIBRARY_PATH (pip install torch=={LIBTORCH} has one, scripts/run of a clone fetches one)"
    )
}

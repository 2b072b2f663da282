//! Says where the library that trains looks for libtorch, and where the program looks for that library, so that the program
//! runs by its path with no variable set; gives both one name for what they are made of; and compiles the switches that tch
//! does not have.

use std::path::{Path, PathBuf};

/// Where libtorch's libraries may lie, from the folder of the library that trains: beside it, beside that folder, beside the
/// Python package whose `bin` that folder is, and as an installation has libraries. As in `src/cli/half.rs`.
const BESIDE: [&str; 4] = ["torch/lib", "../torch/lib", "../../torch/lib", "../lib"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    build();
    // torch-sys tells it to direct dependents only, whichever way it found libtorch.
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        let here = if target("OS") == "macos" { "@loader_path" } else { "$ORIGIN" };
        // OUT_DIR is <target>/<profile>/build/<package>/out.
        let out = std::env::var("OUT_DIR").map(PathBuf::from).unwrap_or_default();
        let profile = out.ancestors().nth(3).unwrap_or(Path::new(""));
        for place in BESIDE.map(String::from).into_iter().chain(in_the_clone(profile, Path::new(&folder))) {
            println!("cargo:rustc-link-arg-cdylib=-Wl,-rpath,{here}/{place}");
        }
        // For a program that was copied or installed without the library.
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{}", profile.join("deps").display());
        // Tests and the bench have all of it in themselves.
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
        #[cfg(feature = "train")]
        derive(Path::new(&folder));
    }
}

/// Where libtorch lies from the library, which cargo has in `<profile>` and in `<profile>/deps`, if both are in this clone: so
/// it is found after the clone has moved.
fn in_the_clone(profile: &Path, libtorch: &Path) -> Vec<String> {
    let root = std::env::var("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let (Ok(profile), Ok(libtorch)) = (profile.strip_prefix(&root), libtorch.strip_prefix(&root)) else {
        return Vec::new();
    };
    let up = profile.components().count();
    [up, up + 1].map(|up| format!("{}{}", "../".repeat(up), libtorch.display())).into()
}

fn target(what: &str) -> String {
    std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default()
}

/// Tells the sources what they are a build of.
fn build() {
    let mut files = Vec::new();
    for place in ["src", "docs/rules.md", "experiments", "Cargo.toml", "Cargo.lock", "build.rs"] {
        list(Path::new(place), &mut files);
    }
    // The Python package calls the program, and is no part of it.
    files.retain(|file| !file.starts_with("src/python"));
    files.sort();
    files.iter().for_each(|file| println!("cargo:rerun-if-changed={}", file.display()));
    // FNV-1a: what is wanted is another number for other sources, not safety from anybody.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in &files {
        add(file.to_string_lossy().as_bytes());
        add(&std::fs::read(file).unwrap_or_default());
    }
    for variable in ["PROFILE", "OPT_LEVEL", "DEBUG", "TARGET", "CARGO_ENCODED_RUSTFLAGS", "DEP_TCH_LIBTORCH_LIB"] {
        add(std::env::var(variable).unwrap_or_default().as_bytes());
    }
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default().replace(|c: char| !c.is_alphanumeric(), "_");
    println!("cargo:rustc-env=MISFIT_BUILD={version}_{hash:016x}");
}

/// All files in a folder, and in those within it.
fn list(place: &Path, files: &mut Vec<PathBuf>) {
    match std::fs::read_dir(place) {
        Ok(entries) => entries.flatten().for_each(|entry| list(&entry.path(), files)),
        Err(_) => files.push(place.to_owned()),
    }
}

#[cfg(feature = "train")]
fn derive(libraries: &Path) {
    const SOURCE: &str = "src/train/derive.cpp";
    println!("cargo:rerun-if-changed={SOURCE}");
    println!("cargo:rerun-if-env-changed=LIBTORCH_INCLUDE");
    // Where torch-sys looks too.
    let root = std::env::var_os("LIBTORCH_INCLUDE").map_or_else(|| libraries.join(".."), Into::into);
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(root.join("include"))
        .file(SOURCE)
        .compile("derive");
    println!("cargo:rustc-link-search=native={}", libraries.display());
    println!("cargo:rustc-link-lib=c10");
}

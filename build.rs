//! Writes libtorch's folder into the binaries' search path, so that they run by their path with no variable set, and
//! compiles the switches that tch does not have.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // torch-sys tells it to direct dependents only, whichever way it found libtorch.
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
        #[cfg(feature = "train")]
        derive(std::path::Path::new(&folder));
    }
}

#[cfg(feature = "train")]
fn derive(libraries: &std::path::Path) {
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

//! Writes libtorch's folder into the binaries' search path, so that they run by their path with no variable set.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // torch-sys tells it to direct dependents only, whichever way it found libtorch.
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
    let revision = command("git", &["rev-parse", "HEAD"]);
    println!("cargo:rustc-env=MISFIT_BUILD={}", revision.unwrap_or_default());
}

fn command(name: &str, args: &[&str]) -> Option<String> {
    let out = std::process::Command::new(name).args(args).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

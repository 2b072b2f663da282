//! What misfit is made of: that scripts/supply-chain and .cargo/deny.toml refuse what they are there to refuse, and that
//! `unsafe` code stays in its module.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Ran, skip};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const REGISTERED: &str = "[[package]]\nname = \"csv\"\nversion = \"1.4.0\"\nsource = \"registry+somewhere\"\nchecksum = \"0123456789abcdef\"\n";

/// What scripts/supply-chain says of a package misfit 0.1.0 with these other packages in its lock file, and what follows.
fn check(version: &str, others: &[String]) -> Ran {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("written");
    write("Cargo.toml", format!("[package]\nname = \"misfit\"\nversion = {version:?}\nlib.path = \"Cargo.lock\"\n"));
    let own = "version = 4\n\n[[package]]\nname = \"misfit\"\nversion = \"0.1.0\"\n".to_owned();
    write("Cargo.lock", [&[own], others].concat().join("\n"));
    let mut command = Command::new(Path::new(ROOT).join("scripts/supply-chain"));
    Ran(command.arg(folder.path().join("Cargo.toml")).output().expect("bash starts"))
}

#[test]
fn a_lock_file_holds_nothing_but_what_a_registry_has_with_its_checksum() {
    let without = |part: &str| {
        let kept: Vec<&str> = REGISTERED.lines().filter(|line| !line.starts_with(part)).collect();
        kept.join("\n") + "\n"
    };
    let from = |source: &str| REGISTERED.replace("registry+somewhere", source);
    for other in [
        without("checksum"),
        without("source"),
        from("git+somewhere"),
        from("git+somewhere").replace("csv", "misfit"),
        without("source").replace("csv", "misfits"),
        REGISTERED.replace("0123456789abcdef", ""),
    ] {
        let name = other.split('"').nth(1).expect("a name");
        let ran = check("0.1.0", &[REGISTERED.replace("csv", "toml"), other.clone()]);
        assert_eq!(ran.code(), 1, "{other}");
        let says = format!("Cargo.lock: not of a registry with a checksum: {name:?}\n");
        assert!(ran.stderr().starts_with("supply-chain: ") && ran.stderr().ends_with(&says), "{}", ran.stderr());
    }
}

#[test]
fn a_lock_file_that_is_not_its_manifests_is_refused() {
    let ran = check("0.2.0", &[]);
    assert_eq!(ran.code(), 1);
    assert!(ran.stderr().contains("Cargo.toml asks for: run cargo update --workspace\n"), "{}", ran.stderr());
}

/// What cargo-deny says of misfit by these rules.
fn deny(graph: &Path, rules: &str) -> Ran {
    let config = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(config.path(), rules).expect("written");
    let mut command = Command::new(Path::new(ROOT).join(".deny/bin/cargo-deny"));
    command.arg("--metadata-path").arg(graph).arg("--config").arg(config.path());
    Ran(command
        .args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .output()
        .expect("cargo-deny starts"))
}

#[test]
fn a_licence_a_version_a_crate_or_a_source_that_is_not_allowed_is_a_failure() {
    let missing = !Path::new(ROOT).join(".deny/bin/cargo-deny").exists();
    if skip(missing, "needs cargo-deny, which scripts/supply-chain lays down") {
        return;
    }
    let graph = tempfile::NamedTempFile::new().expect("a file");
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--offline", "--locked", "--all-features", "--format-version", "1"]);
    let metadata = metadata.current_dir(ROOT).output().expect("cargo starts");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    std::fs::write(graph.path(), metadata.stdout).expect("written");
    let rules = std::fs::read_to_string(Path::new(ROOT).join(".cargo/deny.toml")).expect(".cargo/deny.toml");
    let as_they_are = deny(graph.path(), &rules);
    assert_eq!(as_they_are.code(), 0, "{}", as_they_are.stderr());
    let faults = [
        ("\"ISC\", ", "\"GPL-3.0\", ", &["rejected]", "libloading"][..]),
        ("\"ISC\", ", "\"GPL-3.0\", ", &["license-not-encountered]", "GPL-3.0"]),
        ("crate = \"constant_time_eq\"", "crate = \"unicode-ident\"", &["rejected]", "constant_time_eq"]),
        ("crate = \"zip@0.6\"", "crate = \"zip@0.5\"", &["duplicate]", "sha2"]),
        ("\"ureq\",", "\"plotters\",", &["banned]", "plotters"]),
        ("unknown-git = \"deny\"", "unknown-git = \"deny\"\nallow-registry = []", &["source-not-allowed]", "anyhow"]),
    ];
    let mut broken = rules.clone();
    for (line, instead, _) in faults {
        assert_eq!(rules.matches(line).count(), 1, "{line}");
        broken = broken.replace(line, instead);
    }
    let ran = deny(graph.path(), &broken);
    assert_ne!(ran.code(), 0);
    let said = ran.stderr();
    for (_, instead, says) in faults {
        let found = said.split("\nerror[").any(|error| says.iter().all(|part| error.contains(part)));
        assert!(found, "{instead}: {said}");
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The compiler refuses `unsafe` code wherever nobody allows it.
#[test]
fn unsafe_code_is_allowed_for_the_kernels_and_for_what_tch_lacks_alone() {
    let mut found = vec![Path::new(ROOT).join("build.rs")];
    ["src", "tests", "scripts"].iter().for_each(|folder| sources(&Path::new(ROOT).join(folder), &mut found));
    let lint = ["unsafe", "code"].join("_");
    let naming: Vec<(PathBuf, String)> = found
        .into_iter()
        .flat_map(|path| {
            let text = std::fs::read_to_string(&path).expect("a source");
            let lines = text.lines().filter(|line| line.contains(&lint) && line.contains("#"));
            lines.map(|line| (path.clone(), line.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    let mut places: Vec<&Path> = naming.iter().map(|(path, _)| path.strip_prefix(ROOT).expect("a source")).collect();
    // Has made-up sources in it.
    places.retain(|place| *place != Path::new("tests/house.rs"));
    places.sort();
    let expected = ["src/cli/mod.rs", "src/cli/training.rs", "src/train/fused/mod.rs", "src/train/mod.rs"];
    assert_eq!(places, expected.map(Path::new));
    let manifest = |name: &str| std::fs::read_to_string(Path::new(ROOT).join(name)).expect("a manifest");
    assert!(manifest("Cargo.toml").contains(&format!("\n{lint} = \"deny\"\n")));
    for name in ["Cargo.toml", "src/Cargo.toml"] {
        assert!(manifest(name).contains("\n[lints]\nworkspace = true\n"), "{name}");
    }
}

//! What a misspelt word or path was probably meant to be.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::text::one_line;

/// The nearest of `accepted` that is near enough to have been meant.
pub fn near<'n>(given: &str, accepted: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // No distance is less than the difference of the lengths, and that is soon found of names that are long or many.
    let letters = given.chars().count();
    accepted
        .filter(|name| letters.abs_diff(name.chars().count()) <= 2.max(name.len() / 3))
        .filter(|name| name.len() <= 16 * given.len().max(16))
        .map(|name| (strsim::osa_distance(given, name), name))
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 3) && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// `results/polynomal: there is no such folder, did you mean "results/polynomial"?` A `what` that ends in "folder" is one;
/// anything else is a file.
pub fn no_such(path: &Path, what: &str) -> anyhow::Error {
    if path.as_os_str().is_empty() {
        return anyhow!("\"\": names no {what}: give one");
    }
    let cure = match sibling(path, what.ends_with("folder")) {
        Some(meant) => format!(", did you mean {:?}?", meant.display().to_string()),
        None => ": check how it is spelt".to_owned(),
    };
    anyhow!("{}: there is no such {what}{cure}", one_line(&path.display().to_string()))
}

/// The folder or file that is there and whose name is near to that of `path`, which is not; names of folders on the way to
/// it may be misspelt too.
pub fn sibling(path: &Path, folder: bool) -> Option<PathBuf> {
    let is_it = |path: &Path| if folder { path.is_dir() } else { path.is_file() };
    let name = path.file_name()?.to_str()?;
    let mut parent = path.parent()?.to_owned();
    let here = parent.as_os_str().is_empty();
    if !here && !parent.is_dir() {
        parent = sibling(&parent, true)?;
        if is_it(&parent.join(name)) {
            return Some(parent.join(name));
        }
    }
    let names: Vec<String> = std::fs::read_dir(if here { Path::new(".") } else { &parent })
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_it(&parent.join(name)))
        .collect();
    let names = || names.iter().map(String::as_str);
    let whole = || names().filter(|there| Path::new(there).file_stem().is_some_and(|stem| stem == name)).min();
    near(name, names()).or_else(whole).map(|meant| parent.join(meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_corrected_from_what_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("results/polynomial")).unwrap();
        std::fs::write(at("mine.toml"), "").unwrap();
        for (given, is_folder, meant) in [
            ("results/polynomal", true, Some("results/polynomial")),
            ("resluts/polynomial", true, Some("results/polynomial")),
            ("resluts/polynomal", true, Some("results/polynomial")),
            ("mien.toml", false, Some("mine.toml")),
            ("mine", false, Some("mine.toml")),
            // Of the wrong kind, or like nothing that is there.
            ("reslts", false, None),
            ("mien.toml", true, None),
            ("other/polynomial", true, None),
            ("unlike.csv", false, None),
        ] {
            assert_eq!(sibling(&at(given), is_folder), meant.map(at), "{given}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("polynomial")).unwrap();
        let at = folder.path().display();
        assert_eq!(
            no_such(&folder.path().join("polynomal"), "folder").to_string(),
            format!("{at}/polynomal: there is no such folder, did you mean \"{at}/polynomial\"?")
        );
        assert_eq!(
            no_such(&folder.path().join("x\ny"), "results folder").to_string(),
            format!("{at}/x\\ny: there is no such results folder: check how it is spelt")
        );
    }
}

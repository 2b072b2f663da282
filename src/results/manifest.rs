//! `manifest.json`: what was run, by what, where and when.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

use super::files::{self, Unplaced, write_whole};
use super::folder::MANIFEST;
use super::sums::Sums;
use crate::experiment::Experiment;
use crate::text::one_line;

/// What the hash of a diagnosis begins with.
pub const DIAGNOSIS: &str = "diagnosis-";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub misfit: String,
    pub libtorch: String,
    pub name: String,
    pub title: String,
    /// Over all that the runs' numbers depend on but the seeds.
    pub experiment_hash: String,
    /// The experiment file, its text and the overrides that were laid over it.
    pub file: String,
    pub text: String,
    pub overrides: Vec<String>,
    /// SHA-256 of each CSV that is a target.
    pub data: BTreeMap<PathBuf, String>,
    pub seeds: Vec<u64>,
    pub fixes: serde_json::Value,
    pub sweep: Vec<String>,
    /// Each variant with its resolved configuration.
    pub variants: serde_json::Value,
    pub published: serde_json::Value,
    pub status: Status,
    /// Runs whose rows are in the CSVs.
    pub runs: usize,
    /// What each file holds.
    #[serde(flatten)]
    pub sums: Sums,
    pub command: Vec<String>,
    pub git: Git,
    pub device: String,
    pub threads: usize,
    pub host: String,
    /// Seconds since 1970.
    pub started: u64,
    pub seconds: f64,
    /// The most memory that the process ever held, in bytes, where the system says.
    #[serde(default)]
    pub peak_memory: Option<u64>,
    /// Of a folder that has the runs of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskOf>,
}

/// Which task of which plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOf {
    pub plan_hash: String,
    pub index: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Running,
    Interrupted,
    Failed,
    Complete,
}

/// The working folder's revision, where it is in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    pub revision: Option<String>,
    /// Whether tracked files differ from it.
    pub dirty: Option<bool>,
}

/// What a process knows of its own circumstances.
pub struct Circumstances {
    pub libtorch: String,
    pub device: String,
    pub threads: usize,
}

impl Manifest {
    /// With these of the experiment's variants.
    pub fn new(
        experiment: &Experiment,
        variants: impl IntoIterator<Item = usize>,
        hash: &str,
        data: &BTreeMap<PathBuf, String>,
        at: Circumstances,
    ) -> Self {
        let variant = |v: &crate::experiment::Variant| {
            let on: Vec<&str> = experiment
                .fixes
                .iter()
                .zip(&v.fixes)
                .filter(|(_, on)| **on)
                .map(|(fix, _)| fix.name.as_str())
                .collect();
            serde_json::json!({ "name": v.name, "fixes": on, "swept": v.swept, "config": v.config })
        };
        Manifest {
            misfit: env!("CARGO_PKG_VERSION").to_owned(),
            libtorch: at.libtorch,
            name: experiment.name.clone(),
            title: experiment.title.clone(),
            experiment_hash: hash.to_owned(),
            file: experiment.file.clone(),
            text: experiment.text.clone(),
            overrides: experiment.overrides.clone(),
            data: data.clone(),
            seeds: experiment.seeds.clone(),
            fixes: serde_json::json!(experiment.fixes),
            sweep: experiment.sweep.clone(),
            variants: variants.into_iter().map(|at| variant(&experiment.variants[at])).collect(),
            published: serde_json::json!(experiment.published),
            status: Status::Running,
            runs: 0,
            sums: Sums::default(),
            command: command(),
            git: git(),
            device: at.device,
            threads: at.threads,
            host: host(),
            started: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |time| time.as_secs()),
            seconds: 0.0,
            peak_memory: None,
            task: None,
        }
    }

    /// The manifest at `path`, if there is one.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let text = match read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let shown = one_line(&path.display().to_string());
            // Of another version all that can be relied on is that it says so.
            let version = serde_json::from_slice::<serde_json::Value>(&text)
                .ok()
                .and_then(|value| value.get("misfit")?.as_str().map(one_line));
            match version {
                Some(version) if version != env!("CARGO_PKG_VERSION") => {
                    anyhow!("{shown}: is of misfit {version}, this is {}", env!("CARGO_PKG_VERSION"))
                }
                _ => anyhow!(
                    "{shown}:{}: is not a manifest of this version of misfit: {}",
                    error.line(),
                    one_line(&error.to_string())
                ),
            }
        })
    }

    /// Puts files into their places, this manifest saying at every moment what may lie there, so that nothing else is taken
    /// for them.
    pub fn place(&mut self, folder: &Path, new: Vec<(&str, Unplaced)>) -> Result<()> {
        for (name, new) in &new {
            self.sums.will_hold(name, new.sum().clone());
        }
        let path = folder.join(MANIFEST);
        self.write(&path)?;
        new.into_iter().try_for_each(|(_, new)| new.place())?;
        self.sums.hold();
        self.write(&path)
    }

    /// Says in a manifest that is there how its command ended before its end.
    pub fn ended(path: &Path, status: Status) -> Result<()> {
        match Self::read(path)? {
            Some(known) if known.status == Status::Running => Manifest { status, ..known }.write(path),
            _ => Ok(()),
        }
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let written = write_whole(path, |file| {
            serde_json::to_writer_pretty(&mut *file, self)?;
            Ok(file.write_all(b"\n")?)
        });
        written.map(|_| ())
    }

    /// Each variant's resolved settings by `section.key`, the values as an experiment file spells them; in the experiment's
    /// order.
    pub fn settings(&self) -> Vec<(String, BTreeMap<String, String>)> {
        let settings = |variant: &serde_json::Value| {
            let sections = variant.get("config")?.as_object()?;
            let keys = sections.iter().flat_map(|(section, keys)| {
                let keys = keys.as_object().into_iter().flatten();
                keys.map(move |(key, value)| (format!("{section}.{key}"), toml(value)))
            });
            Some((variant.get("name")?.as_str()?.to_owned(), keys.collect()))
        };
        self.variants.as_array().into_iter().flatten().filter_map(settings).collect()
    }

    /// In a few words, how what made this folder differs from `experiment`.
    pub fn differs_from(&self, experiment: &Experiment) -> String {
        if self.experiment_hash.starts_with(DIAGNOSIS) {
            "of a diagnosis, of this or of another".to_owned()
        } else if self.misfit != env!("CARGO_PKG_VERSION") {
            format!("of misfit {}, this is {}", one_line(&self.misfit), env!("CARGO_PKG_VERSION"))
        } else if self.name != experiment.name {
            format!("{:?}, not {:?}", self.name, experiment.name)
        } else if settings(&self.overrides) != settings(&experiment.overrides) {
            let shown = |list: &[String]| match settings(list) {
                list if list.is_empty() => "none".to_owned(),
                list => list.join(" "),
            };
            format!("overrides were {}, are {}", shown(&self.overrides), shown(&experiment.overrides))
        } else if self.text != experiment.text {
            let same = self.text.lines().zip(experiment.text.lines()).take_while(|(a, b)| a == b).count();
            format!("the file differs from line {}", same + 1)
        } else {
            "the data or the device differs".to_owned()
        }
    }
}

/// What a manifest holds. One of 200 000 variants has 300 MB.
fn read_text(path: &Path) -> std::io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 30;
    let mut text = Vec::new();
    files::open(path)?.take(MOST + 1).read_to_end(&mut text)?;
    match text.len() as u64 > MOST {
        true => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "is larger than 1 GiB")),
        false => Ok(text),
    }
}

/// A value as an experiment file spells it.
pub fn toml(value: &serde_json::Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}

/// Overrides but those of the seeds, of which a folder may hold any.
fn settings(overrides: &[String]) -> Vec<&str> {
    overrides.iter().map(String::as_str).filter(|text| !text.starts_with("seeds=")).collect()
}

/// The command line, without the folder that the program lies in.
fn command() -> Vec<String> {
    let mut words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut()
        && let Some(name) = Path::new(program.as_str()).file_name()
    {
        *program = name.to_string_lossy().into_owned();
    }
    words
}

/// This machine's name.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

fn git() -> Git {
    let ask = |args: &[&str]| {
        let out = std::process::Command::new("git").args(args).stdin(std::process::Stdio::null()).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    Git {
        revision: ask(&["rev-parse", "HEAD"]),
        dirty: ask(&["status", "--porcelain", "--untracked-files=no"]).map(|changes| !changes.is_empty()),
    }
}

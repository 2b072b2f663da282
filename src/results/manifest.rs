//! `manifest.json`: what was run, by what, where and when.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::files::{Unplaced, write_whole};
use super::input;
use super::names::MANIFEST;
use super::sums::Sums;
use crate::experiment::config::EngineName;
use crate::experiment::framework::{FRAMEWORK, Framework};
use crate::experiment::table::TableSchema;
use crate::experiment::{Experiment, Fix, Goal, Published, VariantKind, named_after};
use crate::text::one_line;

/// What the hash of a diagnosis begins with.
pub const DIAGNOSIS: &str = "diagnosis-";
/// And of one with the ladder of checks.
pub const CHECK: &str = "check-";

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
    pub fixes: Vec<ManifestFix>,
    pub sweep: Vec<String>,
    /// What counts as a fit, where the file says it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub goal: Goal,
    /// What the variants' files hold, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableSchema>,
    /// Those of the experiment, in its order; in a task's folder those that occur in the task.
    pub variants: Vec<ManifestVariant>,
    pub published: Vec<Published>,
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
    /// Of all shapes that the fused engine trained; none where it trained nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fused_against_torch: Option<Deviation>,
    /// Of a folder that has the runs of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskOf>,
}

/// A fix of the experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFix {
    pub name: String,
    /// The reason for it; empty where the file gives none.
    pub why: String,
}

/// A variant as it was resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestVariant {
    pub name: String,
    /// Names of the fixes that are on, in the experiment's order.
    pub fixes: Vec<String>,
    /// The value of each swept key.
    pub swept: Vec<String>,
    /// Whether it is one of the ablation's; manifests of before 2026-12 do not say.
    #[serde(default)]
    pub ablation: Option<bool>,
    /// What computed its runs; manifests of before 2026-12 do not say.
    #[serde(default)]
    pub engine: Option<EngineName>,
    /// Which of the manifest's tables its data are; none where they are a function's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<usize>,
    /// Whose defaults it has where the file says nothing, if that is not misfit's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework: Option<Framework>,
    pub config: ResolvedConfig,
}

/// A configuration by section and key, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResolvedConfig(BTreeMap<String, BTreeMap<String, serde_json::Value>>);

impl ManifestVariant {
    /// Whether it is one of the ablation's.
    pub fn of_ablation(&self) -> bool {
        self.ablation.unwrap_or_else(|| named_as_ablations_are(&self.name, &self.fixes))
    }

    /// The value of a key of a section.
    pub fn setting(&self, section: &str, key: &str) -> Option<&serde_json::Value> {
        self.config.0.get(section)?.get(key)
    }

    /// Its settings by `section.key`, the values as an experiment file spells them.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let keys = |(section, keys): (&String, &BTreeMap<String, serde_json::Value>)| -> Vec<(String, String)> {
            keys.iter().map(|(key, value)| (format!("{section}.{key}"), toml(value))).collect()
        };
        let framework = self.framework.map(|framework| (FRAMEWORK.to_owned(), format!("{:?}", framework.word())));
        self.config.0.iter().flat_map(keys).chain(framework).collect()
    }
}

/// Whether a variant with these fixes is called as an ablation calls it, perhaps with a point of a sweep behind it. The
/// one place that concludes this from a name: for folders whose manifest does not say it, or that have none.
pub fn named_as_ablations_are<S: AsRef<str>>(name: &str, fixes: &[S]) -> bool {
    let own = named_after(fixes.iter().map(AsRef::as_ref));
    name.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// By how much the first steps of the fused engine differ from the torch engine's, relatively and at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// Of the batch's loss.
    pub loss: f64,
    /// Of a tensor's gradient, over the norm of the whole gradient.
    pub gradient: f64,
    /// Of a tensor after an update, over the norm of all parameters.
    pub parameters: f64,
}

impl Deviation {
    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Deviation {
            loss: self.loss.max(other.loss),
            gradient: self.gradient.max(other.gradient),
            parameters: self.parameters.max(other.parameters),
        }
    }
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
    /// What the files of this variant hold, if it has any.
    pub fn table(&self, variant: &str) -> Option<&TableSchema> {
        let variant = self.variants.iter().find(|known| known.name == variant)?;
        self.tables.get(variant.table?)
    }

    /// With these of the experiment's variants, each with its engine.
    pub fn new(
        experiment: &Experiment,
        variants: impl IntoIterator<Item = (usize, Option<EngineName>)>,
        hash: &str,
        data: &BTreeMap<PathBuf, String>,
        at: Circumstances,
    ) -> Result<Self> {
        let mut tables: Vec<Arc<TableSchema>> = Vec::new();
        let mut place = |table: &Arc<TableSchema>| {
            let known = tables.iter().position(|known| Arc::ptr_eq(known, table) || known == table);
            known.unwrap_or_else(|| {
                tables.push(table.clone());
                tables.len() - 1
            })
        };
        let variant = |(at, engine): (usize, Option<EngineName>)| -> Result<ManifestVariant> {
            let variant = &experiment.variants[at];
            let on = experiment.fixes.iter().zip(&variant.fixes).filter(|(_, on)| **on);
            Ok(ManifestVariant {
                name: variant.name.clone(),
                fixes: on.map(|(fix, _)| fix.name.clone()).collect(),
                swept: variant.swept.clone(),
                ablation: Some(variant.kind == VariantKind::Ablation),
                engine,
                table: variant.table.as_ref().map(&mut place),
                framework: variant.config.framework,
                config: serde_json::from_value(serde_json::to_value(&variant.config)?)?,
            })
        };
        let variants = variants.into_iter().map(variant).collect::<Result<_>>()?;
        let fix = |fix: &Fix| ManifestFix { name: fix.name.clone(), why: fix.why.clone() };
        Ok(Manifest {
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
            fixes: experiment.fixes.iter().map(fix).collect(),
            sweep: experiment.sweep.clone(),
            goal: experiment.goal,
            tables: tables.iter().map(|table| table.as_ref().clone()).collect(),
            variants,
            published: experiment.published.clone(),
            status: Status::Running,
            runs: 0,
            sums: Sums::default(),
            command: command(),
            git: git(),
            device: at.device,
            threads: at.threads,
            host: host(),
            started: since_1970().as_secs(),
            seconds: 0.0,
            peak_memory: None,
            fused_against_torch: None,
            task: None,
        })
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
            match another_version(&text) {
                Some(version) => anyhow!("{shown}: is of misfit {version}, this is {}", env!("CARGO_PKG_VERSION")),
                None => anyhow!(
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

    /// Takes over what the folder's earlier manifest says of runs that stay. Refuses to mix engines within a variant.
    pub fn resume(&mut self, earlier: &Manifest, folder: &Path) -> Result<()> {
        let before: HashMap<&str, EngineName> =
            earlier.variants.iter().filter_map(|variant| Some((variant.name.as_str(), variant.engine?))).collect();
        for variant in &mut self.variants {
            let Some(&before) = before.get(variant.name.as_str()) else { continue };
            let (now, before_word) = (*variant.engine.get_or_insert(before), before.word());
            ensure!(
                now == before,
                "{}: variant {:?} was trained by the {before_word} engine, now {}: use --fresh or another --out",
                folder.display(),
                one_line(&variant.name),
                now.word()
            );
        }
        self.deviates_by(earlier.fused_against_torch);
        Ok(())
    }

    /// Keeps the larger of this deviation and the one that is there.
    pub fn deviates_by(&mut self, deviation: Option<Deviation>) {
        self.fused_against_torch = self.fused_against_torch.into_iter().chain(deviation).reduce(Deviation::max);
    }

    /// In a few words, how what made this folder differs from `experiment`.
    pub fn differs_from(&self, experiment: &Experiment) -> String {
        if self.experiment_hash.starts_with(DIAGNOSIS) {
            "those of a diagnosis, of this experiment or another".to_owned()
        } else if self.experiment_hash.starts_with(CHECK) {
            "those of checks, of this experiment or another".to_owned()
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
        } else if self.variants.iter().all(|variant| variant.engine.is_none()) {
            "of an earlier build of misfit, which had no engines".to_owned()
        } else {
            "the data or the device differs".to_owned()
        }
    }
}

fn is_default(goal: &Goal) -> bool {
    *goal == Goal::default()
}

/// The version of misfit that JSON says it is of, if that is another one: then it is all that can be relied on.
pub fn another_version(json: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    let version = value.get("misfit")?.as_str()?;
    (version != env!("CARGO_PKG_VERSION")).then(|| one_line(version))
}

/// What a manifest holds. One of 200 000 variants has 300 MB.
fn read_text(path: &Path) -> std::io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 30;
    let mut text = Vec::new();
    input::open(path)?.take(MOST + 1).read_to_end(&mut text)?;
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

/// The time; nothing where the clock stands before 1970.
pub fn since_1970() -> std::time::Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
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

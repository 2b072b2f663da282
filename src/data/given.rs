//! What a run is given besides its data: TorchScript modules, and initial parameters by seed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::table::contents;
use super::tensors::{Parameter, numbers};
use crate::experiment::Experiment;
use crate::experiment::config::{Config, Model};
use crate::text::numbers::ranges;
use crate::text::{hex, one_line, shorten};

/// Initial parameters of one seed by name.
pub type Parameters = BTreeMap<String, Parameter>;

/// Of one run.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The contents of a TorchScript file: the network, and the loss.
    pub network: Option<Arc<Vec<u8>>>,
    pub loss: Option<Arc<Vec<u8>>>,
    /// Of the run's seed, where the file has it.
    pub initial: Option<Arc<Parameters>>,
}

impl Given {
    /// What keeps the initial parameters from being those of a network of layers with these widths, if anything does: a linear
    /// layer's are called by its number from 0, `0.weight` `[outputs, inputs]` and `0.bias` `[outputs]`, as PyTorch has them.
    pub fn fault(&self, model: &Model, widths: &[usize]) -> Option<String> {
        let (Some(parameters), None) = (&self.initial, &model.torchscript) else { return None };
        let mut wanted: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (layer, pair) in widths.windows(2).enumerate() {
            wanted.insert(format!("{layer}.weight"), vec![pair[1], pair[0]]);
            if model.bias {
                wanted.insert(format!("{layer}.bias"), vec![pair[1]]);
            }
        }
        for (name, shape) in &wanted {
            match parameters.get(name) {
                Some((held, _)) if held == shape => {}
                Some((held, _)) => return Some(format!("{name} is {held:?}, this network's is {shape:?}")),
                None => return Some(format!("has no {name} {shape:?}")),
            }
        }
        let stranger = parameters.keys().find(|name| !wanted.contains_key(*name));
        stranger.map(|name| format!("has {:?}, which this network has not", shorten(name)))
    }
}

/// The files of modules and of initial parameters that experiments name, read once.
#[derive(Debug, Clone, Default)]
pub struct Modules {
    scripts: HashMap<PathBuf, Arc<Vec<u8>>>,
    initials: HashMap<PathBuf, BTreeMap<u64, Arc<Parameters>>>,
}

impl Modules {
    /// Reads those of `config` that are not there yet; calls `hashed` with each file's SHA-256.
    pub fn read(&mut self, config: &Config, mut hashed: impl FnMut(&Path, String)) -> Result<()> {
        let scripts =
            [("model.torchscript", &config.model.torchscript), ("loss.torchscript", &config.loss.torchscript)];
        for (key, path) in scripts {
            let Some(path) = path.as_ref().filter(|path| !self.scripts.contains_key(*path)) else { continue };
            let bytes = contents(path, "a TorchScript module", key)?;
            // TorchScript is a zip archive with its code in it; what torch.save writes of a state is one without.
            ensure!(
                bytes.starts_with(b"PK\x03\x04"),
                "{}: is no TorchScript module: save it with torch.jit.script(module).save(path)",
                one_line(&path.display().to_string())
            );
            hashed(path, hex(&Sha256::digest(&bytes)));
            self.scripts.insert(path.clone(), Arc::new(bytes));
        }
        if let Some(path) = config.model.initial.as_ref().filter(|path| !self.initials.contains_key(*path)) {
            let bytes = contents(path, "a safetensors file", "model.initial")?;
            let mut seeds: BTreeMap<u64, Parameters> = BTreeMap::new();
            for (name, parameter) in numbers(&bytes, path)? {
                let (seed, name) = seed_and_name(&name).with_context(|| {
                    format!(
                        "{}: {:?}: expected a seed and a name, as 0/0.weight: call the tensors so",
                        one_line(&path.display().to_string()),
                        shorten(&name)
                    )
                })?;
                seeds.entry(seed).or_default().insert(name.to_owned(), parameter);
            }
            hashed(path, hex(&Sha256::digest(&bytes)));
            let seeds = seeds.into_iter().map(|(seed, parameters)| (seed, Arc::new(parameters))).collect();
            self.initials.insert(path.clone(), seeds);
        }
        Ok(())
    }

    /// What a run of this seed is given.
    pub fn of(&self, config: &Config, seed: u64) -> Given {
        let script = |path: &Option<PathBuf>| self.scripts.get(path.as_ref()?).cloned();
        Given {
            network: script(&config.model.torchscript),
            loss: script(&config.loss.torchscript),
            initial: self.initial(&config.model).and_then(|seeds| seeds.get(&seed)).cloned(),
        }
    }

    fn initial(&self, model: &Model) -> Option<&BTreeMap<u64, Arc<Parameters>>> {
        self.initials.get(model.initial.as_ref()?)
    }

    /// The seeds that a module can be trained with: how it begins is not in its file. `None` where any seed will do.
    pub fn seeds(&self, model: &Model) -> Option<Vec<u64>> {
        model.torchscript.as_ref()?;
        self.initial(model).map(|seeds| seeds.keys().copied().collect())
    }

    /// Checks that every module begins otherwise with every seed of the experiment.
    pub fn check_seeds(&self, experiment: &Experiment) -> Result<()> {
        for variant in experiment.variants.iter().filter(|variant| variant.config.model.torchscript.is_some()) {
            let shown = |path: &Option<PathBuf>| {
                one_line(&path.as_ref().map_or_else(String::new, |path| path.display().to_string()))
            };
            let model = &variant.config.model;
            match self.seeds(model) {
                None => ensure!(
                    experiment.seeds.len() <= 1,
                    "model.torchscript: {} has initial parameters for one seed, and {} are asked for: save some for each seed and name the file as model.initial (see docs/experiments.md), or take --seeds 1",
                    shown(&model.torchscript),
                    experiment.seeds.len()
                ),
                Some(held) => {
                    if let Some(seed) = experiment.seeds.iter().find(|seed| !held.contains(seed)) {
                        anyhow::bail!(
                            "model.initial: {} has initial parameters for the seeds {}, and seed {seed} is asked for: save some for it too, or leave it out of --seeds",
                            shown(&model.initial),
                            ranges(held.iter().copied(), ", ")
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

/// `0/fc.weight` is `fc.weight` of seed 0.
fn seed_and_name(name: &str) -> Option<(u64, &str)> {
    let (seed, name) = name.split_once('/')?;
    Some((seed.parse().ok()?, name)).filter(|(_, name)| !name.is_empty())
}

//! Which variants an experiment has: those it names, those of its ablation, and every point of its sweep for each.

use std::collections::HashSet;

use super::config::{Config, Span, Target};
use super::framework::FRAMEWORK;
use super::names::fits_a_label;
use super::patch::lay;
use super::reader::Reader;
use super::tree::{Node, Origin, Table, Value};
use super::{ExperimentError, Fix, Variant, VariantKind, check_label, locate_files, schema, set, test_grid};
use crate::text::{shorten, unknown};

/// Variants that an experiment may have at most; a guard against a sweep that nobody meant.
const MOST_VARIANTS: usize = 200_000;

/// Fixes of a file, switches of all its variants together, and the bytes that the lists of all variants may take: every
/// variant keeps a switch for each fix and its own lists.
const MOST_FIXES: usize = 1000;
const MOST_SWITCHES: usize = 100_000_000;
const MOST_IN_LISTS: usize = 256 << 20;
/// Bytes of a variant's name with its point of the sweep, which stands in every row of its curves.
const MOST_IN_A_NAME: usize = 1000;

/// The name of the variant without any fix, where the file gives it none.
pub const BASELINE: &str = "baseline";

/// The name of a combination of fixes that has none of its own.
pub fn named_after<'n>(fixes: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = fixes.collect();
    if names.is_empty() { BASELINE.to_owned() } else { names.join("+") }
}

pub struct Design<'a> {
    pub file: &'a str,
    /// The file's tables that make up the configuration, and no more: each variant begins with a copy.
    pub settings: &'a Table,
    pub baseline: &'a Config,
    pub fixes: &'a [Fix],
    /// Those that an ablation has which names none.
    pub ablated: std::ops::Range<usize>,
    /// The command line's overrides of the configuration, which hold in every variant.
    pub last_word: &'a Table,
}

/// A variant before it is swept and resolved.
struct VariantPlan {
    name: String,
    fixes: Vec<bool>,
    set: Table,
    kind: VariantKind,
    /// Where it stands in the file, for errors.
    key: String,
}

type Result<T> = std::result::Result<T, ExperimentError>;

impl Design<'_> {
    /// The variants in the file's order, and the keys that are swept.
    pub fn variants(&self, root: &Reader) -> Result<(Vec<Variant>, Vec<String>)> {
        let named = self.named(root)?;
        let ablation = self.ablation(root)?;
        let sweep = self.sweep(root)?;
        let is_baseline = |plan: &VariantPlan| plan.set.is_empty() && !plan.fixes.contains(&true);
        let mut plans = Vec::new();
        if !named.iter().chain(&ablation).any(is_baseline) {
            let kind = if sweep.is_empty() { VariantKind::Named } else { VariantKind::Sweep };
            plans.push(self.plan(BASELINE.to_owned(), vec![false; self.fixes.len()], kind, BASELINE.to_owned()));
        }
        plans.extend(named);
        plans.extend(ablation);
        let mut names = HashSet::new();
        if let Some(plan) = plans.iter().find(|plan| !names.insert(&plan.name)) {
            return Err(
                root.fault("variant", format!("two variants are called {:?}: give one another name", plan.name))
            );
        }
        let points = sweep.iter().fold(1_usize, |points, (_, values)| points.saturating_mul(values.len()));
        if plans.len().saturating_mul(points) > MOST_VARIANTS {
            return Err(root.fault(
                "sweep",
                format!("makes {} variants, at most {MOST_VARIANTS} are allowed", plans.len().saturating_mul(points)),
            ));
        }
        self.check_switches(root, plans.len() * points)?;
        self.check_unused(&plans)?;
        let mut variants = Vec::with_capacity(plans.len() * points);
        let mut bytes = 0;
        for plan in &plans {
            for point in 0..points {
                let variant = self.resolve(plan, &sweep, point)?;
                bytes += in_lists(&variant.config);
                if bytes > MOST_IN_LISTS {
                    let message = "the lists of all variants take over 256 MiB: make fewer variants, or shorter lists";
                    return Err(root.fault(if points > 1 { "sweep" } else { "variant" }, message));
                }
                if variant.name.len() > MOST_IN_A_NAME {
                    let message = format!(
                        "makes names of {} bytes, at most {MOST_IN_A_NAME} are allowed: sweep shorter values",
                        variant.name.len()
                    );
                    return Err(root.fault("sweep", message));
                }
                variants.push(variant);
            }
        }
        let mut names = HashSet::new();
        if let Some(variant) = variants.iter().find(|variant| !names.insert(&variant.name)) {
            let message = format!(
                "two points are both called {:?}: their values differ only in characters that a name cannot hold",
                variant.name
            );
            return Err(root.fault("sweep", message));
        }
        Ok((variants, sweep.into_iter().map(|(key, _)| key).collect()))
    }

    fn check_switches(&self, root: &Reader, variants: usize) -> Result<()> {
        let fixes = self.fixes.len();
        if variants.saturating_mul(fixes) > MOST_SWITCHES {
            return Err(root.fault("fix", format!("{variants} variants of {fixes} fixes are too many together")));
        }
        Ok(())
    }

    /// A fix that no variant has is checked by itself, so that its faults show before somebody needs it.
    fn check_unused(&self, plans: &[VariantPlan]) -> Result<()> {
        let used = used(self.fixes.len(), plans.iter().map(|plan| &plan.fixes));
        for (i, fix) in self.fixes.iter().enumerate() {
            if !used[i] {
                let only = (0..self.fixes.len()).map(|other| other == i).collect();
                self.resolve(
                    &self.plan(fix.name.clone(), only, VariantKind::Named, format!("fix {:?}", fix.name)),
                    &[],
                    0,
                )?;
            }
        }
        Ok(())
    }

    fn plan(&self, name: String, fixes: Vec<bool>, kind: VariantKind, key: String) -> VariantPlan {
        VariantPlan { name, fixes, set: Table::default(), kind, key }
    }

    fn named(&self, root: &Reader) -> Result<Vec<VariantPlan>> {
        let mut plans = Vec::new();
        let listed = root.list("variant", "[[variant]] tables")?.unwrap_or_default();
        if self.fixes.len() > MOST_FIXES {
            let message = format!("{} fixes, at most {MOST_FIXES} are allowed", self.fixes.len());
            return Err(root.fault("fix", message));
        }
        self.check_switches(root, listed.len())?;
        for (i, node) in listed.iter().enumerate() {
            let entry = Reader::of(self.file, format!("variant[{i}]"), node)?;
            let name = entry.text("name")?.ok_or_else(|| entry.missing("name", "the variant's name"))?;
            check_label(name).map_err(|message| entry.fault("name", message))?;
            let fixes = self.switches(&entry)?.unwrap_or_else(|| vec![false; self.fixes.len()]);
            let plan = VariantPlan {
                set: set(&entry)?,
                ..self.plan(name.to_owned(), fixes, VariantKind::Named, format!("variant {name:?}"))
            };
            entry.finish()?;
            plans.push(plan);
        }
        Ok(plans)
    }

    /// The `fixes = […]` of a variant or an ablation, as one switch for each fix of the file.
    fn switches(&self, of: &Reader) -> Result<Option<Vec<bool>>> {
        let Some(names) = of.texts("fixes", "a list of fixes' names")? else { return Ok(None) };
        let mut on = vec![false; self.fixes.len()];
        for name in &names {
            let known = self.fixes.iter().map(|fix| fix.name.as_str());
            if self.fixes.is_empty() {
                return Err(of.fault(
                    "fixes",
                    format!("no fix {name:?}: the file has none, add [fix.NAME] with its set = {{ … }}"),
                ));
            }
            let Some(at) = known.clone().position(|fix| fix == name) else {
                return Err(of.fault("fixes", unknown("fix", name, known)));
            };
            if std::mem::replace(&mut on[at], true) {
                return Err(of.fault("fixes", format!("{name:?} is there twice")));
            }
        }
        Ok(Some(on))
    }

    fn ablation(&self, root: &Reader) -> Result<Vec<VariantPlan>> {
        if root.get("ablation").is_none() {
            return Ok(Vec::new());
        }
        const MOST_OF_ALL: usize = 16;
        let ablation = root.section("ablation")?;
        let all = || (0..self.fixes.len()).map(|fix| self.ablated.contains(&fix)).collect();
        let mut on = self.switches(&ablation)?.unwrap_or_else(all);
        if ablation.get(FRAMEWORK).is_some() {
            on[self.ablated.clone()].fill(true);
        }
        let members: Vec<usize> = (0..on.len()).filter(|&i| on[i]).collect();
        let full = ablation.word_or("design", true, &[("full", true), ("each", false)])?;
        ablation.finish()?;
        if members.is_empty() {
            return Err(ablation_fault(root, "has no fixes: name some under [fix.…]"));
        }
        let subsets: Vec<u32> = match (full, members.len()) {
            (true, k) if k > MOST_OF_ALL => {
                return Err(ablation_fault(root, "a full design takes at most 16 fixes: set design = \"each\""));
            }
            (true, k) => (0..1 << k).collect(),
            (false, k) if k > 31 => return Err(ablation_fault(root, "takes at most 31 fixes")),
            (false, k) => {
                let all = (1u32 << k) - 1;
                let mut subsets: Vec<u32> = std::iter::once(0)
                    .chain((0..k).map(|i| 1 << i))
                    .chain((0..k).map(|i| all & !(1 << i)))
                    .chain(std::iter::once(all))
                    .collect();
                let mut seen = HashSet::new();
                subsets.retain(|subset| seen.insert(*subset));
                subsets
            }
        };
        let plan = |subset: u32| {
            let mut on = vec![false; self.fixes.len()];
            members.iter().enumerate().for_each(|(bit, &member)| on[member] = subset & (1 << bit) != 0);
            self.combination(on, "ablation")
        };
        Ok(subsets.into_iter().map(plan).collect())
    }

    /// The variant that has these fixes and is named after them.
    pub fn set(&self, on: &[bool]) -> Result<Variant> {
        self.resolve(&self.combination(on.to_vec(), "variant"), &[], 0)
    }

    fn combination(&self, on: Vec<bool>, what: &str) -> VariantPlan {
        let names = self.fixes.iter().zip(&on).filter(|(_, on)| **on).map(|(fix, _)| fix.name.as_str());
        let name = named_after(names);
        let key = format!("{what} {name:?}");
        self.plan(name, on, VariantKind::Ablation, key)
    }

    fn sweep(&self, root: &Reader) -> Result<Vec<(String, Vec<Node>)>> {
        let section = root.section("sweep")?;
        let mut sweep: Vec<(String, Vec<Node>)> = Vec::new();
        for (key, node) in section.entries() {
            self.swept(&section, key.to_owned(), node, &mut sweep)?;
        }
        for (key, _) in &sweep {
            // A key and the form of its value, as data.target.csv, are fewer.
            if key.split('.').count() > 8 {
                return Err(section.fault(key, "goes deeper than any key of an experiment: take out the dots"));
            }
            let own = key == FRAMEWORK;
            if !own && (!key.contains('.') || !schema::SECTIONS.contains(&key.split('.').next().unwrap_or_default())) {
                let known = schema::SETTINGS.iter().copied();
                return Err(section.fault(key, unknown("table", key.split('.').next().unwrap_or_default(), known)));
            }
            if holds(self.last_word, key) {
                return Err(section.fault(key, "is swept, and set on the command line too: keep one"));
            }
            if self.fixes.iter().any(|fix| fix.name == *key) {
                return Err(
                    section.fault(key, "is the name of a fix too, and both are columns of runs.csv: rename the fix")
                );
            }
        }
        Ok(sweep)
    }

    /// A swept key may be written quoted (`"optimizer.learning_rate" = […]`) or dotted.
    fn swept(&self, section: &Reader, key: String, node: &Node, sweep: &mut Vec<(String, Vec<Node>)>) -> Result<()> {
        match &node.value {
            Value::List(values) if !values.is_empty() => {
                let mut seen = HashSet::new();
                if let Some(twice) = values.iter().map(|node| node.value.to_string()).find(|v| !seen.insert(v.clone()))
                {
                    return Err(section.fault(&key, format!("{} is there twice", shorten(&twice))));
                }
                let mut values = values.clone();
                // A column of a CSV is read as one kind: beside a float, integers are floats too.
                if values.iter().any(|node| matches!(node.value, Value::Float(_))) {
                    for node in &mut values {
                        if let Value::Integer(value) = node.value {
                            node.value = Value::Float(value as f64);
                        }
                    }
                }
                // The same key may be written quoted and dotted; the command line's counts.
                match sweep.iter_mut().find(|(known, _)| *known == key) {
                    None => sweep.push((key, values)),
                    Some((_, old)) if matches!(node.place, Origin::CommandLine(_)) => *old = values,
                    Some((_, old)) if matches!(old[0].place, Origin::CommandLine(_)) => {}
                    Some(_) => return Err(section.fault(&key, "is swept twice: keep one")),
                }
                Ok(())
            }
            Value::Table(inner) => {
                inner.iter().try_for_each(|(name, node)| self.swept(section, format!("{key}.{name}"), node, sweep))
            }
            other => Err(section.expected(&key, "a list of values", other)),
        }
    }

    /// Lays a plan's fixes, its own settings, a point of the sweep and the command line over the baseline, in that order.
    fn resolve(&self, plan: &VariantPlan, sweep: &[(String, Vec<Node>)], mut point: usize) -> Result<Variant> {
        let mut tree = self.settings.clone();
        for (fix, _) in self.fixes.iter().zip(&plan.fixes).filter(|(_, on)| **on) {
            lay(&mut tree, &fix.set);
        }
        lay(&mut tree, &plan.set);
        let mut name = plan.name.clone();
        let mut swept = Vec::with_capacity(sweep.len());
        for (key, values) in sweep.iter().rev() {
            let value = &values[point % values.len()];
            point /= values.len();
            lay(&mut tree, &nested(key, value));
            swept.push((key, value));
        }
        swept.reverse();
        for (key, value) in &swept {
            name.push_str(&format!(" {key}={}", in_a_name(&value.value)));
        }
        lay(&mut tree, self.last_word);
        let grid: Option<Span> = test_grid(self.baseline);
        let mut config = schema::config(self.file, &tree, grid).map_err(|mut error| {
            if plan.name != BASELINE {
                error.message = format!("{} (in {})", error.message, plan.key);
            }
            error
        })?;
        locate_files(&mut config, self.file);
        let (model, asked) = (&config.model, &self.baseline.model);
        let same_module = model.torchscript.is_some() && model.torchscript == asked.torchscript;
        if same_module && (model.known_output, model.output) != (asked.known_output, asked.output) {
            let message = format!(
                "only says what the last layer of the module is, which stays as it is: change the module (in {})",
                plan.key
            );
            return Err(Reader::root(self.file, &tree).section("model")?.fault("output", message));
        }
        Ok(Variant {
            name,
            fixes: plan.fixes.clone(),
            swept: swept.iter().map(|(_, value)| in_a_name(&value.value)).collect(),
            config,
            kind: plan.kind,
            table: None,
        })
    }
}

fn ablation_fault(root: &Reader, message: &str) -> ExperimentError {
    root.fault("ablation", message)
}

/// Of each fix, whether any of these has it.
pub fn used<'p>(fixes: usize, on: impl Iterator<Item = &'p Vec<bool>>) -> Vec<bool> {
    on.fold(vec![false; fixes], |mut used, on| {
        used.iter_mut().zip(on).for_each(|(used, on)| *used |= on);
        used
    })
}

/// Bytes that a configuration's lists take, about.
fn in_lists(config: &Config) -> usize {
    let target = match &config.data.target {
        Target::Polynomial { polynomial } => 8 * polynomial.len(),
        Target::Formula { formula } => formula.len(),
        Target::Csv { csv, inputs, columns } => {
            let texts = inputs.iter().chain(columns.names()).map(|name| name.len() + 24).sum::<usize>();
            csv.as_os_str().len() + texts
        }
        Target::Tensors { tensors } => tensors.as_os_str().len(),
    };
    let model = &config.model;
    let layers = model.dropout.len() + model.frozen.len() + config.optimizer.without.len();
    target + 16 * model.hidden.len() + model.norm.len() + 8 * layers
}

/// Whether `table` has something at the dotted `key`.
fn holds(table: &Table, key: &str) -> bool {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    match table.get(first).map(|node| &node.value) {
        None => false,
        Some(Value::Table(inner)) if !rest.is_empty() => holds(inner, rest),
        Some(_) => true,
    }
}

/// `a.b = value` as nested tables.
fn nested(key: &str, value: &Node) -> Table {
    let mut table = Table::default();
    match key.split_once('.') {
        None => table.insert(key, value.clone()),
        Some((first, rest)) => {
            let inner = Node { value: Value::Table(nested(rest, value)), place: value.place.clone() };
            table.insert(first, inner);
        }
    }
    table
}

/// A value in a variant's name and in a sweep's column: without the characters that a name must not hold.
fn in_a_name(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c == ',' { ';' } else { c }).filter(|&c| fits_a_label(c)).collect()
}

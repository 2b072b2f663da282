//! Which settings differ between the manifests of two results folders.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::side::Side;
use crate::results::manifest::{Manifest, ManifestVariant, toml};

/// A setting that the sides have otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// `optimizer.learning_rate`, `seeds`, …
    pub key: String,
    /// The variants that it is so in; none where it is no setting of variants.
    pub variants: Vec<String>,
    /// Whether these are all variants that both sides have.
    pub everywhere: bool,
    /// As TOML, as an experiment file has it; nothing where a side does not have the key.
    pub a: Option<String>,
    pub b: Option<String>,
}

/// The keys that differ and no others: those of the experiment, then those of variants that both have, equal ones once.
/// Where both sides mean one variant each, those two are held against each other.
pub fn differences(sides: [&Side; 2], manifests: [&Manifest; 2]) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut add = |key: &str, [a, b]: [Option<Value>; 2]| {
        if a != b {
            let text = |value: Option<Value>| value.as_ref().map(toml);
            settings.push(Setting {
                key: key.to_owned(),
                variants: Vec::new(),
                everywhere: true,
                a: text(a),
                b: text(b),
            });
        }
    };
    let own = manifests.map(about);
    let keys: std::collections::BTreeSet<&str> = own.iter().flat_map(BTreeMap::keys).copied().collect();
    for key in keys {
        add(key, [own[0].get(key).cloned(), own[1].get(key).cloned()]);
    }
    let variants = manifests.map(variants);
    let pairs: Vec<(String, [BTreeMap<String, String>; 2])> = match sides.map(|side| side.variant.as_ref()) {
        [Some(a), Some(b)] => {
            let both = variants[0].get(a).zip(variants[1].get(b));
            both.map(|(a, b)| (String::new(), [a.clone(), b.clone()])).into_iter().collect()
        }
        _ => {
            let both = variants[0].iter().filter_map(|(name, a)| Some((name, a, variants[1].get(name)?)));
            both.map(|(name, a, b)| (name.clone(), [a.clone(), b.clone()])).collect()
        }
    };
    let named = |name: &str| variants.each_ref().map(|side| side.contains_key(name).then(|| Value::from(name)));
    if sides.iter().all(|side| side.variant.is_none()) {
        let names: std::collections::BTreeSet<&String> = variants.iter().flat_map(BTreeMap::keys).collect();
        let alone: Vec<[Option<Value>; 2]> =
            names.into_iter().map(|name| named(name)).filter(|[a, b]| a.is_some() != b.is_some()).collect();
        // One line each of a few, one line of many.
        if alone.len() <= 8 {
            alone.into_iter().for_each(|sides| add("variant", sides));
        } else {
            let count = |side: usize| alone.iter().filter(|sides| sides[side].is_some()).count();
            let say = |count: usize| Some(Value::from(format!("{count} that the other has not")));
            add("variants", [say(count(0)), say(count(1))]);
        }
    }
    let total = pairs.len();
    let mut grouped: Vec<Setting> = Vec::new();
    for (name, [a, b]) in pairs {
        let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for key in keys {
            let (a, b) = (a.get(key).cloned(), b.get(key).cloned());
            if a == b {
                continue;
            }
            match grouped.iter_mut().find(|known| known.key == *key && known.a == a && known.b == b) {
                Some(known) => known.variants.push(name.clone()),
                None => {
                    let variants = if name.is_empty() { Vec::new() } else { vec![name.clone()] };
                    grouped.push(Setting { key: key.clone(), variants, everywhere: false, a, b });
                }
            }
        }
    }
    for setting in &mut grouped {
        setting.everywhere = setting.variants.is_empty() || setting.variants.len() == total;
    }
    grouped.sort_by(|x, y| x.key.cmp(&y.key).then(y.variants.len().cmp(&x.variants.len())));
    settings.extend(grouped);
    settings
}

/// What a manifest says beside its variants that numbers may depend on.
fn about(manifest: &Manifest) -> BTreeMap<&'static str, Value> {
    let data: BTreeMap<String, &String> =
        manifest.data.iter().map(|(path, hash)| (path.display().to_string(), hash)).collect();
    let goal = [("goal.accuracy", manifest.goal.accuracy), ("goal.r2", manifest.goal.r2)];
    let goal = goal.into_iter().filter_map(|(key, wanted)| Some((key, Value::from(wanted?))));
    let rest = BTreeMap::from([
        ("name", Value::from(manifest.name.clone())),
        ("seeds", serde_json::json!(manifest.seeds)),
        ("data", serde_json::json!(data)),
        ("device", Value::from(manifest.device.clone())),
        ("misfit", Value::from(manifest.misfit.clone())),
        ("libtorch", Value::from(manifest.libtorch.clone())),
        ("status", serde_json::json!(manifest.status)),
    ]);
    rest.into_iter().chain(goal).collect()
}

/// Each variant's settings, its fixes among them.
fn variants(manifest: &Manifest) -> BTreeMap<String, BTreeMap<String, String>> {
    let settings = |variant: &ManifestVariant| {
        let mut settings = variant.settings();
        settings.insert("fixes".to_owned(), toml(&Value::from(variant.fixes.clone())));
        (variant.name.clone(), settings)
    };
    manifest.variants.iter().map(settings).collect()
}

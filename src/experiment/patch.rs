//! One tree laid over another: what fixes, variants, sweeps and the command line do to the baseline.

use super::tree::{Node, Table, Value};

/// Keys that only some kinds of optimizer have.
pub const KEYS_OF_AN_OPTIMIZER: [&str; 8] =
    ["betas", "eps", "eps_place", "momentum", "nesterov", "weight_decay", "decay", "alpha"];

/// Keys beside which a file of initial parameters means nothing any more.
const OF_INITIAL_PARAMETERS: [&str; 5] = ["hidden", "outputs", "init", "init_bias", "torchscript"];

/// Keys whose value is one of several forms.
const KEYS_WITH_FORMS: [&str; 5] = ["target", "inputs", "test", "init", "init_bias"];

/// Lays `patch` over `table`. A table laid over a table is merged key by key, and everything else is replaced; but a choice
/// between forms (`{ grid = … }` against `{ uniform = … }`) is replaced as a whole, because the keys of the old form mean
/// nothing in the new one. What a patch makes meaningless beside it goes too: the old optimizer's own keys with its kind, a
/// polynomial's sampling with the polynomial, `epochs` with `steps`.
pub fn lay(table: &mut Table, patch: &Table) {
    merge(table, patch, true);
}

/// Joins settings of equal rank, as those of one command line: the later one of two counts, and nothing makes room.
pub fn join(table: &mut Table, more: &Table) {
    merge(table, more, false);
}

/// Each setting in a patch: its `section.key`, or the key of what is in no section, and its value.
pub fn settings(patch: &Table) -> impl Iterator<Item = (String, &Value)> {
    patch.iter().flat_map(|(section, node)| {
        let inner = if let Value::Table(inner) = &node.value { Some(inner) } else { None };
        let own = inner.is_none().then(|| (section.to_owned(), &node.value));
        let settings = inner.into_iter().flat_map(Table::iter);
        settings.map(move |(key, node)| (format!("{section}.{key}"), &node.value)).chain(own)
    })
}

/// The name of each of them.
pub fn keys(patch: &Table) -> Vec<String> {
    settings(patch).map(|(key, _)| key).collect()
}

fn merge(table: &mut Table, patch: &Table, room: bool) {
    for (key, new) in patch.iter() {
        if let (Some(Node { value: Value::Table(old), place }), Value::Table(inner)) = (table.get_mut(key), &new.value)
            && (!KEYS_WITH_FORMS.contains(&key) || same_form(old, inner))
        {
            *place = new.place.clone();
            if room {
                make_room(key, old, inner);
            }
            merge(old, inner, room);
            continue;
        }
        table.insert(key, new.clone());
    }
}

/// A patch is of the old form if it has no key that the old one lacks.
fn same_form(old: &Table, patch: &Table) -> bool {
    patch.iter().all(|(key, _)| old.get(key).is_some())
}

/// Removes from a section what a patch to it makes meaningless.
fn make_room(section: &str, old: &mut Table, patch: &Table) {
    let text = |table: &Table, key: &str| match table.get(key).map(|node| &node.value) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let other_kind = |old: &Table, default: &str| {
        text(patch, "kind").is_some_and(|kind| kind != text(old, "kind").unwrap_or_else(|| default.to_owned()))
    };
    match section {
        "optimizer" if other_kind(old, "adam") => KEYS_OF_AN_OPTIMIZER.iter().for_each(|key| old.remove(key)),
        "loss" if other_kind(old, "mse") => {
            ["torchscript", "delta", "from", "reduction", "guard"].iter().for_each(|key| old.remove(key))
        }
        // Parameters that are given are of certain layers, and begin as they do.
        "model"
            if old.get("torchscript").is_none() && OF_INITIAL_PARAMETERS.iter().any(|key| patch.get(key).is_some()) =>
        {
            old.remove("initial");
        }
        // How probabilities are guarded, where it is no longer probabilities that a loss takes.
        "loss" if text(patch, "from").is_some_and(|from| text(old, "from") != Some(from)) => old.remove("guard"),
        "train" if patch.get("steps").is_some() => old.remove("epochs"),
        "train" if patch.get("epochs").is_some() => old.remove("steps"),
        "data" => {
            let target = |table: &Table| match table.get("target").map(|node| &node.value) {
                Some(Value::Table(target)) => Some(target.clone()),
                _ => None,
            };
            let is_file = |target: &Option<Table>| {
                target.as_ref().is_some_and(|target| target.get("csv").is_some() || target.get("tensors").is_some())
            };
            let (before, new) = (target(old), target(patch));
            // Keys of the target that is there change it, and leave what stands beside it.
            let same = before.as_ref().zip(new.as_ref()).is_some_and(|(before, new)| same_form(before, new));
            if patch.get("target").is_some() && !same && is_file(&new) != is_file(&before) {
                let of_one_form = ["inputs", "test", "holdout", "holdout_rows", "labels", "missing"];
                of_one_form.iter().for_each(|key| old.remove(key));
            }
        }
        _ => {}
    }
}

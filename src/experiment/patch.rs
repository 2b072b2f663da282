//! One tree laid over another: what fixes, variants, sweeps and the command line do to the baseline.

use super::tree::{Node, Table, Value};

/// Keys that only some kinds of optimizer have.
pub const KEYS_OF_AN_OPTIMIZER: [&str; 6] = ["betas", "eps", "momentum", "nesterov", "weight_decay", "alpha"];

/// Keys whose value is one of several forms.
const KEYS_WITH_FORMS: [&str; 5] = ["target", "inputs", "test", "init", "init_bias"];

/// Lays `patch` over `table`. A table laid over a table is merged key by key, and everything else is replaced; but a choice
/// between forms (`{ grid = … }` against `{ uniform = … }`) is replaced as a whole, because the keys of the old form mean
/// nothing in the new one.
pub fn lay(table: &mut Table, patch: &Table) {
    for (key, new) in patch.iter() {
        make_room(table, key, new);
        if let (Some(Node { value: Value::Table(old), place }), Value::Table(inner)) = (table.get_mut(key), &new.value)
            && (!KEYS_WITH_FORMS.contains(&key) || same_form(old, inner))
        {
            *place = new.place.clone();
            lay(old, inner);
            continue;
        }
        table.insert(key, new.clone());
    }
}

/// A patch is of the old form if it has no key that the old one lacks.
fn same_form(old: &Table, patch: &Table) -> bool {
    patch.iter().all(|(key, _)| old.get(key).is_some())
}

/// A patch that sets one of two exclusive keys, or another kind of optimizer or loss, removes what belonged to the old.
fn make_room(table: &mut Table, key: &str, new: &Node) {
    match key {
        "steps" => table.remove("epochs"),
        "epochs" => table.remove("steps"),
        "kind" if table.get("kind").map(|old| &old.value) != Some(&new.value) => {
            KEYS_OF_AN_OPTIMIZER.iter().for_each(|own| table.remove(own));
            table.remove("delta");
        }
        _ => {}
    }
}

//! Whose defaults and losses the variants of a folder have.

use crate::experiment::framework::Framework;
use crate::text::one_line;

/// Variants that are named for a framework, at most.
const MOST_NAMED: usize = 8;

/// A sentence on variants and their frameworks; nothing where none has one.
pub fn said<'a>(variants: impl Iterator<Item = (&'a str, Option<Framework>)>) -> Option<String> {
    let mut groups: Vec<(Option<Framework>, Vec<&str>)> = Vec::new();
    for (name, framework) in variants {
        match groups.iter_mut().find(|(known, _)| *known == framework) {
            Some((_, names)) => names.push(name),
            None => groups.push((framework, vec![name])),
        }
    }
    if groups.iter().all(|(framework, _)| framework.is_none()) {
        return None;
    }
    let of = |framework: Option<Framework>| framework.map_or("misfit's own", Framework::possessive);
    if let [(framework, _)] = groups[..] {
        return Some(format!("Defaults and losses are {}.", of(framework)));
    }
    let group = |(framework, names): &(Option<Framework>, Vec<&str>)| {
        let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| one_line(name)).collect();
        let more = names.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{} in {}{more}", of(*framework), shown.join(", "))
    };
    Some(format!("Defaults and losses are {}.", groups.iter().map(group).collect::<Vec<_>>().join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_named_by_their_framework_unless_all_have_the_same() {
        let (keras, torch) = (Some(Framework::Keras), Some(Framework::Pytorch));
        assert_eq!(said([("a", None), ("b", None)].into_iter()), None);
        let one = said([("a", keras), ("b", keras)].into_iter());
        assert_eq!(one.as_deref(), Some("Defaults and losses are Keras'."));
        let several = said([("a", torch), ("b", keras), ("c", torch), ("d", None)].into_iter());
        let expected = "Defaults and losses are PyTorch's in a, c; Keras' in b; misfit's own in d.";
        assert_eq!(several.as_deref(), Some(expected));
    }
}

//! What variants are called where there is little room, as beside a curve.

use std::collections::BTreeSet;

use super::variant::StudyVariant;
use crate::text::one_line;

/// A short name for each variant, no two the same: of the points of a sweep the swept keys without their section, behind the
/// name of what is swept only where that is of several kinds; of combinations of many fixes those that it lacks, or else the
/// letters that stand for those it has. If two would be called the same, all have their full names.
pub fn short_names(variants: &[StudyVariant], fixes: &[(String, String)], swept: &[String]) -> Vec<String> {
    let parts: Vec<(&str, Option<String>)> = variants.iter().map(|variant| parts(variant, swept)).collect();
    let several = parts.iter().map(|(base, _)| base).collect::<BTreeSet<_>>().len() > 1;
    let name = |(variant, (base, point)): (&StudyVariant, &(&str, Option<String>))| match point {
        Some(point) if several => format!("{} {point}", without_point(variant, base, fixes)),
        Some(point) => point.clone(),
        None => without_point(variant, base, fixes),
    };
    let names: Vec<String> = variants.iter().zip(&parts).map(name).collect();
    match names.iter().collect::<BTreeSet<_>>().len() == names.len() {
        true => names,
        false => variants.iter().map(|variant| one_line(&variant.name)).collect(),
    }
}

/// A name without its point of a sweep, and that point.
fn parts<'v>(variant: &'v StudyVariant, swept: &[String]) -> (&'v str, Option<String>) {
    let whole = (variant.name.as_str(), None);
    let point = |key: &dyn Fn(&str) -> String| -> String {
        swept.iter().zip(&variant.swept).map(|(name, value)| format!(" {}={value}", key(name))).collect()
    };
    if swept.is_empty() || swept.len() != variant.swept.len() {
        return whole;
    }
    let own = |key: &str| key.split_once('.').map_or_else(|| key.to_owned(), |(_, own)| own.to_owned());
    let alone = swept.iter().map(|key| own(key)).collect::<BTreeSet<_>>().len() == swept.len();
    let short = if alone { point(&own) } else { point(&str::to_owned) };
    match variant.name.strip_suffix(&point(&str::to_owned)) {
        Some(base) => (base, Some(one_line(short.trim_start()))),
        None => whole,
    }
}

fn without_point(variant: &StudyVariant, base: &str, all: &[(String, String)]) -> String {
    let fixes = |on: bool| (0..all.len()).filter(move |&fix| variant.on[fix] == on);
    let names = |on: bool| fixes(on).map(|fix| one_line(&all[fix].0)).collect::<Vec<_>>().join(", ");
    let bare = variant.combination && !base.contains(' ');
    match (fixes(true).count(), fixes(false).count()) {
        (0..=2, _) => one_line(base),
        (_, 0) if bare => "all fixes".to_owned(),
        (_, 1 | 2) if bare => format!("all but {}", names(false)),
        _ if bare => fixes(true).map(letter).collect::<Vec<_>>().join(" + "),
        _ => one_line(base),
    }
}

/// What stands for a fix where its name is too long: a, b, c, …
pub fn letter(fix: usize) -> String {
    let letter = u32::try_from(fix).ok().and_then(|fix| char::from_u32('a' as u32 + fix));
    letter.filter(char::is_ascii_lowercase).map_or_else(|| (fix + 1).to_string(), String::from)
}

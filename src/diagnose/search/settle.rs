//! What a search leaves: fixes worth measuring, and findings that say what became of the others.

use anyhow::Result;

use super::{Set, Suspicion, TRIED, Trials, bit, members, name};
use crate::diagnose::rules::{Certainty, Finding};

impl Trials<'_> {
    /// What was not sure and gained nothing is only worth knowing, and steps that later ones took the place of are forgotten.
    pub(super) fn settle(&mut self) -> Result<()> {
        let (on, from_file) = (self.search.on, self.search.from_file);
        for finding in std::mem::take(&mut self.pending) {
            let fix = finding.fix.clone();
            let known = fix.map(|fix| self.standing_for(&fix, finding.rule, 0)).transpose()?.flatten();
            let evidence = match known {
                Some(_) => finding.evidence.clone(),
                None => format!("{}; no fix of it was tried, since others are enough", finding.evidence),
            };
            self.search.suspicions.push(Suspicion {
                finding: Finding { fix: None, evidence, ..finding },
                fix: known,
                seen_in: 0,
            });
        }
        // What gained something where it was tried is measured; but not a step that a later one took the place of.
        let on_keys: Vec<String> = members(on).flat_map(|fix| self.search.fixes[fix].keys()).collect();
        let replaced = |fix: &usize| self.search.fixes[*fix].keys().iter().all(|key| on_keys.contains(key));
        let helped: Set = members(self.helped).filter(|fix| !replaced(fix)).map(bit).sum();
        let tried = self.tried;
        let wanted = |s: &Suspicion, fix: usize| {
            fix < from_file
                || helped & bit(fix) != 0
                || on & bit(fix) != 0
                || s.finding.certainty <= Certainty::Likely
                || self.kept & bit(fix) != 0
        };
        let mut keep: Set = bit(from_file) - 1;
        let mut suspicions = std::mem::take(&mut self.search.suspicions);
        suspicions.retain(|s| s.fix.is_none_or(|fix| s.finding.source != TRIED || wanted(s, fix)));
        for suspicion in &mut suspicions {
            match suspicion.fix {
                Some(fix) if wanted(suspicion, fix) => keep |= bit(fix),
                Some(fix) => {
                    let name = &self.search.fixes[fix].name;
                    let says = match tried & bit(fix) != 0 {
                        true => format!("; {name} was tried, and gained nothing where it was the one fix added"),
                        false => format!("; {name} was not measured by itself"),
                    };
                    suspicion.finding.evidence.push_str(&says);
                    suspicion.fix = None;
                }
                None => {}
            }
        }
        // What was said with a fix need not be said without it as well.
        let said: Vec<(&str, String, bool)> =
            suspicions.iter().map(|s| (s.finding.rule, s.finding.seen_in.clone(), s.fix.is_some())).collect();
        let mut at = 0;
        suspicions.retain(|s| {
            at += 1;
            let same =
                |(rule, place, _): &&(&str, String, bool)| *rule == s.finding.rule && *place == s.finding.seen_in;
            let better = said
                .iter()
                .enumerate()
                .filter(|(_, other)| same(other))
                .any(|(other, (.., fixed))| other != at - 1 && (*fixed || other > at - 1));
            s.fix.is_some() || !better
        });
        let place = |fix: usize| (keep & (bit(fix) - 1)).count_ones() as usize;
        suspicions.iter_mut().for_each(|s| s.fix = s.fix.map(place));
        self.search.suspicions = suspicions;
        self.search.on = members(on).map(|fix| bit(place(fix))).sum();
        let mut at = 0;
        self.search.fixes.retain(|_| {
            at += 1;
            keep & bit(at - 1) != 0
        });
        // With the others forgotten, a name may be free again.
        for at in from_file..self.search.fixes.len() {
            let name = self.search.fixes[at].name.clone();
            if let Some((base, number)) = name.rsplit_once('-')
                && number.parse::<usize>().is_ok()
                && !self.search.fixes.iter().any(|fix| fix.name == base)
            {
                self.search.fixes[at].name = base.to_owned();
            }
        }
        // Seen in a set that is measured, under its name; or else in a trial.
        for at in 0..self.search.suspicions.len() {
            let seen = self.search.suspicions[at].seen_in;
            let name = match seen & !keep {
                0 => name(&self.search.fixes, members(seen).map(|fix| bit(place(fix))).sum()),
                _ => format!("{} (a trial)", self.search.suspicions[at].finding.seen_in),
            };
            self.search.suspicions[at].finding.seen_in = name;
        }
        Ok(())
    }
}

//! Findings as SARIF 2.1.0, which code hosts and editors show beside the line: the experiment file's.

use anyhow::Result;
use serde_json::{Value, json};

use super::rule::{Help, help};
use crate::diagnose::rows::findings;
use crate::diagnose::verdicts::Diagnosis;
use crate::experiment::Experiment;
use crate::results::outcome::Severity;
use crate::text::one_line;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A diagnosis' findings but for those that trying refuted, a result each.
pub fn sarif(experiment: &Experiment, diagnosis: &Diagnosis) -> Result<String> {
    let rows = findings(diagnosis);
    let mut rules: Vec<&str> = rows.iter().map(|row| row.finding.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let results = rows.iter().enumerate().filter_map(|(at, row)| {
        let suspicion = diagnosis.suspicions.get(at);
        let fix = match suspicion {
            Some(suspicion) => suspicion.fix.map(|fix| &diagnosis.fixes[fix].fix),
            // Behind those of the rules come fixes that only the file names.
            None => {
                let name = row.fix.split(": ").next();
                diagnosis.fixes.iter().map(|judged| &judged.fix).find(|fix| Some(fix.name.as_str()) == name)
            }
        };
        let level = match row.severity {
            Severity::Critical => "error",
            Severity::Major | Severity::Minor => "warning",
            Severity::Open | Severity::Note => "note",
            Severity::Refuted => return None,
        };
        let mends = match row.fix.as_str() {
            "" => String::new(),
            fix => format!(" Fix ({}): {fix}.", row.verdict),
        };
        // Where the file sets what the fix sets otherwise, or begins that section; else the file as a whole.
        let line = fix.and_then(|fix| fix.keys().iter().find_map(|key| experiment.line_of(key)));
        let mut place = json!({ "artifactLocation": { "uri": uri(&experiment.file) } });
        if let Some(line) = line {
            place["region"] = json!({ "startLine": line });
        }
        Some(json!({
            "ruleId": row.finding,
            "ruleIndex": rules.iter().position(|rule| *rule == row.finding),
            "level": level,
            "message": { "text": format!("{}.{mends}", row.evidence) },
            "locations": [{ "physicalLocation": place }],
            "properties": {
                "severity": row.severity,
                "verdict": row.verdict,
                "variant": row.variant,
                "patch": fix.map(|fix| fix.patch()),
            },
        }))
    });
    let results: Vec<Value> = results.collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "misfit",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|rule| descriptor(rule)).collect::<Value>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

/// What is said of a rule: the first sentence of its section in docs/rules.md, and all of it.
fn descriptor(rule: &str) -> Value {
    let Some(Help { short, text, markdown }) = help(rule) else { return json!({ "id": rule }) };
    json!({
        "id": rule,
        "shortDescription": { "text": short },
        "help": { "text": text, "markdown": markdown },
    })
}

/// A path as a reference of a URI: relative ones stay so.
fn uri(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(byte.into()),
            _ => text += &format!("%{byte:02X}"),
        }
    }
    let absolute = path.starts_with('/');
    one_line(&if absolute { format!("file://{text}") } else { text })
}

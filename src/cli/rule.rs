//! `misfit rule`: what a rule of a diagnosis looks for, printed from docs/rules.md.

use anyhow::{Result, bail};
use clap::Args;

use super::Exit;
use super::output::print_text;
use crate::diagnose::rows::NAMED;
use crate::text::shorten;
use crate::text::suggest::near;

/// The page with a section for each rule.
const PAGE: &str = include_str!("../../docs/rules.md");

const EXAMPLES: &str = "\
Examples:
  misfit rule                         the name of every rule, and what it means in a sentence
  misfit rule softmax-over-one-unit   when that rule fires, how sure it is, what mends it, and an experiment that shows it";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RuleArgs {
    /// The rule, as a diagnosis names it [default: a list of all]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// A section of the page.
struct Section {
    name: &'static str,
    /// What follows the heading.
    text: &'static str,
}

pub fn run(args: &RuleArgs) -> Result<Exit> {
    let all = sections();
    let Some(name) = &args.name else {
        print_text(&list(&all))?;
        return Ok(Exit::Done);
    };
    match help(name) {
        Some(help) => print_text(&help.text)?,
        None => bail!("{}", unknown(name, &all)),
    }
    Ok(Exit::Done)
}

/// What the page says of a rule.
pub struct Help {
    /// Its first sentence.
    pub short: String,
    pub text: String,
    pub markdown: &'static str,
}

/// What a finding that no rule made means.
const OF_NAMED: &str = "A fix that the experiment file names was seen to help. No rule suspected it.";

/// `None` for what is neither a rule nor that finding.
pub fn help(rule: &str) -> Option<Help> {
    if rule == NAMED {
        return Some(Help { short: OF_NAMED.to_owned(), text: format!("{NAMED}\n\n{OF_NAMED}\n"), markdown: OF_NAMED });
    }
    let section = sections().into_iter().find(|section| section.name == rule)?;
    Some(Help { short: first_sentence(section.text), text: plain(&section), markdown: section.text })
}

/// What is said of a name that no rule has.
fn unknown(name: &str, all: &[Section]) -> String {
    let cure = match near(name, all.iter().map(|section| section.name)) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => "misfit rule lists all".to_owned(),
    };
    format!("unknown rule {:?}, {cure}", shorten(name))
}

/// The sections of the page, in its order. A heading of a higher level ends a section too.
fn sections() -> Vec<Section> {
    let mut sections = Vec::new();
    for part in PAGE.split("\n## ").skip(1) {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        let text = text.split("\n# ").next().unwrap_or_default();
        sections.push(Section { name: name.trim(), text: text.trim() });
    }
    sections
}

/// A line for each rule: its name and the first sentence of its section.
fn list(sections: &[Section]) -> String {
    let width = sections.iter().map(|section| section.name.chars().count()).max().unwrap_or(0);
    let line = |section: &Section| format!("{:width$}  {}\n", section.name, first_sentence(section.text));
    sections.iter().map(line).collect()
}

fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let paragraph = without_marks(&paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    match paragraph.find(". ") {
        Some(end) => paragraph[..=end].to_owned(),
        None => paragraph,
    }
}

/// A section as it reads on a terminal: code is indented by four spaces instead of fenced, and links are their words alone.
fn plain(section: &Section) -> String {
    let mut text = format!("{}\n\n", section.name);
    // Fences stand between prose and code, by turns.
    for (nth, part) in format!("\n{}\n", section.text).split("\n```").enumerate() {
        if nth % 2 == 0 {
            // A link may go from one line to the next.
            text += &without_marks(part.strip_prefix('\n').unwrap_or(part));
            continue;
        }
        let (fence, code) = part.split_once('\n').unwrap_or((part, ""));
        // A file beside the experiment has its name on the fence.
        if let Some((_, file)) = fence.split_once(' ') {
            text += &format!("\n{file}:\n");
        }
        for line in code.lines() {
            text += &if line.is_empty() { "\n".to_owned() } else { format!("\n    {line}") };
        }
        text.push('\n');
    }
    text
}

/// Without the marks around code, and with the words of a link in its place: `[words](where)`.
fn without_marks(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('[') {
        let link = after.split_once("](").and_then(|(words, after)| Some((words, after.split_once(')')?.1)));
        let Some((words, after)) = link else {
            text = text + before + "[";
            rest = after;
            continue;
        };
        text = text + before + words;
        rest = after;
    }
    (text + rest).replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_printed_without_the_marks_of_markdown() {
        let text = "It is `so`, [see\n there](there.md#x). More [1].\n\n- Fix: `a = [1, 2]`\n\n```csv rows.csv\nx\n```\n\nFires:\n\n```toml\nseeds = 2\n\n[data]\n```";
        assert_eq!(
            plain(&Section { name: "a-rule", text }),
            "a-rule\n\nIt is so, see\n there. More [1].\n\n- Fix: a = [1, 2]\n\nrows.csv:\n\n    x\n\nFires:\n\n    seeds = 2\n\n    [data]\n"
        );
        assert_eq!(first_sentence(text), "It is so, see there.");
    }
}

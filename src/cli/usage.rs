//! What is wrong with a command line, on one line: clap's errors in the words of the other messages.

use std::error::Error;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::text::shell::quoted;
use crate::text::suggest::near;
use crate::text::{one_line, one_of, shorten};

/// `unrecognized subcommand "rnu", did you mean "run"? (see --help)`
pub fn line(error: &clap::Error, command: &clap::Command) -> String {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let list = |kind| match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.as_slice(),
        _ => &[],
    };
    let invalid_arg = said(ContextKind::InvalidArg);
    let text = match error.kind() {
        ErrorKind::InvalidSubcommand => said(ContextKind::InvalidSubcommand).map(|word| {
            // clap puts its best guess last.
            let guess = list(ContextKind::SuggestedSubcommand).last().cloned();
            format!("unrecognized subcommand {:?}{}", shorten(word), did_you_mean(subcommand(word, command).or(guess)))
        }),
        ErrorKind::UnknownArgument => invalid_arg.map(|word| {
            let guess = said(ContextKind::SuggestedArg).map(str::to_owned);
            format!("unexpected argument {:?}{}", shorten(word), did_you_mean(elsewhere(word, command).or(guess)))
        }),
        ErrorKind::InvalidValue if said(ContextKind::InvalidValue) == Some("") => {
            invalid_arg.map(|what| format!("no value for {what}"))
        }
        ErrorKind::ValueValidation => invalid_arg.zip(said(ContextKind::InvalidValue)).map(|(what, word)| {
            let why = error.source().map(|why| format!(": {}", one_line(&why.to_string()))).unwrap_or_default();
            format!("invalid value {:?} for {what}{why}", shorten(word))
        }),
        ErrorKind::InvalidValue => invalid_arg.zip(said(ContextKind::InvalidValue)).map(|(what, word)| {
            let accepted = list(ContextKind::ValidValue);
            let names = || accepted.iter().map(String::as_str);
            let guess = said(ContextKind::SuggestedValue).or_else(|| near(word, names())).map(str::to_owned);
            let text = format!("invalid value {:?} for {what}{}", shorten(word), did_you_mean(guess.clone()));
            match (accepted, guess) {
                ([], _) => text,
                (_, Some(_)) => format!("{text} accepted: {}", one_of(names())),
                (_, None) => format!("{text}, accepted: {}", one_of(names())),
            }
        }),
        ErrorKind::MissingRequiredArgument => {
            Some(format!("missing {}", list(ContextKind::InvalidArg).join(" and "))).filter(|text| text != "missing ")
        }
        _ => None,
    };
    format!("{} (see --help)", text.unwrap_or_else(|| flat(error)))
}

fn did_you_mean(guess: Option<String>) -> String {
    guess.map(|guess| format!(", did you mean {guess:?}?")).unwrap_or_default()
}

/// What other programs call it.
const ELSEWHERE: [(&str, &str); 6] =
    [("plot", "report"), ("show", "report"), ("train", "run"), ("fit", "run"), ("compare", "diff"), ("new", "init")];

/// What a first word that is no subcommand was meant to be.
fn subcommand(word: &str, command: &clap::Command) -> Option<String> {
    let path = Path::new(word);
    if path.is_file() || path.extension().is_some_and(|extension| extension == "toml") {
        return Some(format!("run {}", quoted(word)));
    }
    if let Some((_, ours)) = ELSEWHERE.iter().find(|(theirs, _)| *theirs == word) {
        return Some((*ours).to_owned());
    }
    let names = command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(clap::Command::get_name);
    near(word, names).map(str::to_owned)
}

/// The subcommand that has an option which this one has not.
fn elsewhere(option: &str, command: &clap::Command) -> Option<String> {
    let name = option.strip_prefix("--")?;
    let has = |sub: &&clap::Command| sub.get_arguments().any(|arg| arg.get_long() == Some(name));
    command.get_subcommands().find(has).map(|sub| format!("{} --{name}", sub.get_name()))
}

/// Any other of clap's messages, its lines joined.
fn flat(error: &clap::Error) -> String {
    let text = error.to_string();
    let of_use = |line: &&str| {
        !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more information, try '--help'.")
    };
    let parts: Vec<&str> = text.lines().map(str::trim).filter(of_use).collect();
    parts.join("; ").replacen("error: ", "", 1)
}

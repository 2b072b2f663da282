//! TOML as a tree whose every value knows where it was written, so that any later complaint can name the line.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ExperimentError;
use crate::text::shorten;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of the experiment file, from 1.
    Line(usize),
    /// An override on the command line, as it was typed.
    CommandLine(String),
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Value,
    pub place: Origin,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
}

/// Keys with their values, in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table(Vec<(String, Node)>);

impl Table {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(key, node)| (key.as_str(), node))
    }

    pub fn insert(&mut self, key: &str, node: Node) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = node,
            None => self.0.push((key.to_owned(), node)),
        }
    }

    pub fn remove(&mut self, key: &str) {
        self.0.retain(|(name, _)| name != key);
    }

    /// A table with the entries under these keys alone.
    pub fn only(&self, keys: &[&str]) -> Table {
        Table(self.0.iter().filter(|(name, _)| keys.contains(&name.as_str())).cloned().collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.0.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

impl fmt::Display for Value {
    /// The value as TOML writes it, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => write!(f, "{value}"),
            Value::Integer(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(value) => write!(f, "{value:?}"),
            Value::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.to_string()).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Value::Table(table) => {
                let items: Vec<String> = table.iter().map(|(key, node)| format!("{key} = {}", node.value)).collect();
                if items.is_empty() { write!(f, "{{}}") } else { write!(f, "{{ {} }}", items.join(", ")) }
            }
        }
    }
}

impl Value {
    /// What kind of value it is, in a sentence about what was expected instead.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Reads an experiment's text into its tree; `file` names it in errors.
pub fn parse(text: &str, file: &str) -> Result<Table, ExperimentError> {
    let lines = LineOffsets::of(text);
    let document = DeTable::parse(text).map_err(|error| {
        let mut line = error.span().map(|span| lines.at(span.start));
        let mut message = error.message().lines().collect::<Vec<_>>().join(", ").replace(", expected nothing", "");
        if message.starts_with("string values must be quoted") {
            message = "no value that TOML knows: a text needs quotes".to_owned();
        }
        if message.contains("recursion") || message.contains("recurse") {
            message = "goes deeper than any key of an experiment: take out the dots or brackets".to_owned();
            // The parser does not say where a key has too many dots.
            line = line.or_else(|| text.lines().position(|line| line.matches('.').count() >= 80).map(|nth| nth + 1));
        }
        ExperimentError { file: file.to_owned(), place: line.map(Origin::Line), key: String::new(), message }
    })?;
    table(document.get_ref(), &lines, file)
}

/// Reads `key=value` of the command line into a tree with that one key. A value that is no TOML is taken as a string, so
/// that `model.output=identity` needs no quotes.
pub fn parse_override(text: &str) -> Result<Table, ExperimentError> {
    let place = || Origin::CommandLine(text.to_owned());
    let fault = |key: &str, message: &str| ExperimentError {
        file: String::new(),
        place: Some(place()),
        key: key.to_owned(),
        message: message.to_owned(),
    };
    let (key, value) = text.split_once('=').ok_or_else(|| fault("", "expected key=value, as train.steps=100"))?;
    let (key, value) = (key.trim(), value.trim());
    if value.is_empty() {
        return Err(fault(key, "no value after `=`, expected key=value, as train.steps=100"));
    }
    if value.contains(['\n', '\r']) {
        return Err(fault(key, "the value must be one line"));
    }
    let lines = LineOffsets::of("");
    let bad_key = || fault(key, "not a key: expected dotted names, as train.steps=100");
    if DeTable::parse(&format!("{key}=0")).map_or(true, |table| table.get_ref().len() != 1) {
        return Err(bad_key());
    }
    let as_toml = format!("{key} = {value}");
    let as_text = format!("{key} = {}", toml::Value::String(value.to_owned()));
    // In a list a comment swallows the bracket: what is behind a `#` belongs to the value, and is not dropped silently.
    let has_comment = value.contains('#') && DeTable::parse(&format!("x = [{value}]")).is_err();
    let document = match DeTable::parse(&as_toml) {
        Ok(document) if document.get_ref().len() == 1 && !has_comment => document,
        _ if value.starts_with(['[', '{', '"', '\'']) => {
            return Err(fault(key, "the value is not valid TOML: check its quotes and brackets"));
        }
        _ => DeTable::parse(&as_text).map_err(|_| bad_key())?,
    };
    let mut tree = table(document.get_ref(), &lines, "").map_err(|error| fault(key, &error.message))?;
    tree.0.iter_mut().for_each(|(_, node)| relocate(node, &place()));
    Ok(tree)
}

fn relocate(node: &mut Node, place: &Origin) {
    node.place = place.clone();
    match &mut node.value {
        Value::Table(table) => table.0.iter_mut().for_each(|(_, node)| relocate(node, place)),
        Value::List(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        _ => {}
    }
}

/// Offsets at which lines begin.
struct LineOffsets(Vec<usize>);

impl LineOffsets {
    fn of(text: &str) -> Self {
        LineOffsets(text.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    fn at(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|&start| start <= offset)
    }
}

fn table(source: &DeTable<'_>, lines: &LineOffsets, file: &str) -> Result<Table, ExperimentError> {
    let mut keys: Vec<_> = source.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let mut entries = Vec::with_capacity(keys.len());
    for (key, value) in keys {
        let mut node = node(value, lines, file)?;
        node.place = Origin::Line(lines.at(key.span().start));
        entries.push((key.get_ref().to_string(), node));
    }
    Ok(Table(entries))
}

fn node(source: &Spanned<DeValue<'_>>, lines: &LineOffsets, file: &str) -> Result<Node, ExperimentError> {
    let place = Origin::Line(lines.at(source.span().start));
    let fault = |message: String| ExperimentError {
        file: file.to_owned(),
        place: Some(place.clone()),
        key: String::new(),
        message,
    };
    let value =
        match source.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Value::Integer)
                .map_err(|_| match number.as_str() {
                    "" => fault("a number without digits".to_owned()),
                    digits => fault(format!("{} does not fit a 64-bit integer", shorten(digits))),
                })?,
            DeValue::Float(number) => {
                let text = number.as_str();
                let value: f64 = text.parse().map_err(|_| fault(format!("{} is not a number", shorten(text))))?;
                if value.is_infinite() && !text.contains("inf") {
                    return Err(fault(format!("{} does not fit a 64-bit float", shorten(text))));
                }
                Value::Float(value)
            }
            DeValue::Datetime(_) => return Err(fault("no key takes a date or a time: a text needs quotes".to_owned())),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| node(item, lines, file)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(inner) => Value::Table(table(inner, lines, file)?),
        };
    Ok(Node { value, place })
}

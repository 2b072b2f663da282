//! A table read key by key: each key once, with its type, its range and its default, and at the end a complaint about
//! every key that nobody asked for.

use std::cell::RefCell;

use super::ExperimentError;
use super::tree::{Node, Origin, Table, Value};
use crate::text::{one_of, shorten, unknown};

pub struct Reader<'a> {
    pub file: &'a str,
    /// The table's own dotted name, empty for the file itself.
    path: String,
    table: Option<&'a Table>,
    place: Option<Origin>,
    asked: RefCell<Vec<&'static str>>,
}

type Result<T> = std::result::Result<T, ExperimentError>;

/// A number's range, as a sentence says it and as code checks it.
pub struct Range {
    pub says: &'static str,
    pub holds: fn(f64) -> bool,
}

pub const ANY: Range = Range { says: "a finite number", holds: f64::is_finite };
pub const POSITIVE: Range = Range { says: "a number above 0", holds: |x| x.is_finite() && x > 0.0 };
pub const NOT_NEGATIVE: Range = Range { says: "a number of at least 0", holds: |x| x.is_finite() && x >= 0.0 };
pub const BELOW_ONE: Range =
    Range { says: "a number from 0 up to, but not including, 1", holds: |x| (0.0..1.0).contains(&x) };

impl<'a> Reader<'a> {
    pub fn root(file: &'a str, table: &'a Table) -> Self {
        Self::new(file, String::new(), Some(table), None)
    }

    fn new(file: &'a str, path: String, table: Option<&'a Table>, place: Option<Origin>) -> Self {
        Reader { file, path, table, place, asked: RefCell::default() }
    }

    pub fn of(file: &'a str, path: String, node: &'a Node) -> Result<Self> {
        let reader = Self::new(file, path, None, Some(node.place.clone()));
        match &node.value {
            Value::Table(table) => Ok(Reader { table: Some(table), ..reader }),
            other => Err(reader.fault("", format!("expected a table, got {} ({other})", other.kind()))),
        }
    }

    /// The table under `key`; one that is not there reads as an empty one.
    pub fn section(&self, key: &'static str) -> Result<Reader<'a>> {
        match self.get(key) {
            Some(node) => Reader::of(self.file, self.name(key), node),
            None => Ok(Reader::new(self.file, self.name(key), None, None)),
        }
    }

    pub fn name(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", _) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, _) => format!("{path}.{key}"),
        }
    }

    pub fn get(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().push(key);
        self.table.and_then(|table| table.get(key))
    }

    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        self.table.into_iter().flat_map(Table::iter)
    }

    /// An error about `key` of this table, at the line where it is written, or else where the table is.
    pub fn fault(&self, key: &str, message: impl Into<String>) -> ExperimentError {
        let written = self.table.and_then(|table| table.get(key)).map(|node| node.place.clone());
        ExperimentError {
            file: self.file.to_owned(),
            place: written.or_else(|| self.place.clone()),
            key: self.name(key),
            message: message.into(),
        }
    }

    pub fn expected(&self, key: &str, what: &str, got: &Value) -> ExperimentError {
        self.fault(key, format!("expected {what}, got {}", shorten(&got.to_string())))
    }

    pub fn missing(&self, key: &'static str, what: &str) -> ExperimentError {
        self.fault(key, format!("missing, expected {what}"))
    }

    pub fn number_or(&self, key: &'static str, default: f64, range: Range) -> Result<f64> {
        self.get(key).map_or(Ok(default), |node| self.number(key, node, &range))
    }

    pub fn number(&self, key: &str, node: &Node, range: &Range) -> Result<f64> {
        as_number(&node.value)
            .filter(|&value| (range.holds)(value))
            .ok_or_else(|| self.expected(key, range.says, &node.value))
    }

    pub fn count_or(&self, key: &'static str, default: usize, least: usize) -> Result<usize> {
        self.get(key).map_or(Ok(default), |node| self.count(key, node, least))
    }

    pub fn count(&self, key: &str, node: &Node, least: usize) -> Result<usize> {
        /// More than any machine could do, and little enough to count with.
        const MOST: i64 = 1_000_000_000_000;
        match node.value {
            Value::Integer(value) if value > MOST => {
                Err(self.expected(key, "a whole number of at most 10¹²", &node.value))
            }
            Value::Integer(value) if usize::try_from(value).is_ok_and(|value| value >= least) => Ok(value as usize),
            _ => Err(self.expected(key, &format!("a whole number of at least {least}"), &node.value)),
        }
    }

    /// What stands under `key`, if anything does: `as_it` says whether it is what is expected there.
    fn read<T>(&self, key: &'static str, what: &str, as_it: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>> {
        let Some(node) = self.get(key) else { return Ok(None) };
        as_it(&node.value).map(Some).ok_or_else(|| self.expected(key, what, &node.value))
    }

    pub fn bool_or(&self, key: &'static str, default: bool) -> Result<bool> {
        let as_bool = |value: &Value| if let Value::Bool(value) = value { Some(*value) } else { None };
        Ok(self.read(key, "true or false", as_bool)?.unwrap_or(default))
    }

    pub fn text(&self, key: &'static str) -> Result<Option<&'a str>> {
        self.read(key, "a string", |value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
    }

    pub fn list(&self, key: &'static str, what: &str) -> Result<Option<&'a [Node]>> {
        self.read(key, what, |value| if let Value::List(items) = value { Some(items.as_slice()) } else { None })
    }

    pub fn texts(&self, key: &'static str, what: &str) -> Result<Option<Vec<String>>> {
        let Some(items) = self.list(key, what)? else { return Ok(None) };
        items
            .iter()
            .map(|item| match &item.value {
                Value::Text(text) => Ok(text.clone()),
                other => Err(self.expected(key, what, other)),
            })
            .collect::<Result<_>>()
            .map(Some)
    }

    /// Two numbers, as `[a, b]`.
    pub fn pair(&self, key: &str, node: &Node, range: &Range) -> Result<[f64; 2]> {
        match &node.value {
            Value::List(items) if items.len() == 2 => {
                Ok([self.number(key, &items[0], range)?, self.number(key, &items[1], range)?])
            }
            other => Err(self.expected(key, "a list of two numbers", other)),
        }
    }

    /// One of a fixed set of words.
    pub fn word_or<T: Copy>(&self, key: &'static str, default: T, words: &[(&str, T)]) -> Result<T> {
        self.get(key).map_or(Ok(default), |node| self.word(key, node, words))
    }

    pub fn word<T: Copy>(&self, key: &str, node: &Node, words: &[(&str, T)]) -> Result<T> {
        let names = words.iter().map(|(name, _)| *name);
        match &node.value {
            Value::Text(text) => match words.iter().find(|(name, _)| name == text) {
                Some((_, value)) => Ok(*value),
                None => Err(self.fault(key, unknown("value", text, names))),
            },
            other => Err(self.expected(key, &one_of(names), other)),
        }
    }

    /// Refuses every key that was not asked for.
    pub fn finish(self) -> Result<()> {
        let asked = self.asked.borrow();
        match self.entries().find(|(key, _)| !asked.contains(key)) {
            None => Ok(()),
            Some((key, _)) => Err(self.fault(key, unknown("key", key, asked.iter().copied()))),
        }
    }
}

pub fn as_number(value: &Value) -> Option<f64> {
    match *value {
        Value::Integer(value) => Some(value as f64),
        Value::Float(value) => Some(value),
        _ => None,
    }
}

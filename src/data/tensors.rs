//! A safetensors file that is somebody's data: inputs `x` and targets `y`, perhaps `x_test` and `y_test`.
//!
//! `x` is `[rows, …]`: each row flattened, its last dimension running fastest, into columns `x_0`, `x_1`, …, or one column
//! `x`. `y` is `[rows]` or `[rows, 1]`, a column `y`, or `[rows, m]`, columns `y_0`, `y_1`, …. One column of integers or
//! booleans is classes, and so are one-hot columns; all else is numbers. NaN is a missing value.

use std::path::Path;

use anyhow::{Result, anyhow, bail, ensure};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};
use sha2::{Digest, Sha256};

use super::table::*;
use crate::text::{hex, one_line, one_of, shorten};

pub struct TensorFile {
    /// Of the file.
    pub sha256: String,
    /// Columns of x, then those of y.
    pub train: Table,
    /// The same columns, of x_test and y_test.
    pub test: Option<Table>,
    /// Whether y is classes: integers or booleans of one column, or one-hot columns.
    pub classes: bool,
    pub shapes: RowShapes,
}

/// What the rows of x and y are in the file, before they are flattened: what a module is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowShapes {
    /// Of x without its first dimension; `[]` of a vector.
    pub input: Vec<usize>,
    /// Whether x is integers, as an embedding takes them.
    pub integers: bool,
    /// Of y without its first dimension.
    pub target: Vec<usize>,
    /// Whether y is integers.
    pub integer_targets: bool,
}

/// The types that are read, as safetensors spells them.
const TYPES: &[&str] = &["F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"];

impl TensorFile {
    pub fn read(path: &Path) -> Result<Self> {
        Self::of(&contents(path, "a safetensors file", "data.target.tensors")?, path)
    }

    /// A file's contents; `path` names it in errors.
    pub fn of(bytes: &[u8], path: &Path) -> Result<Self> {
        let shown = one_line(&path.display().to_string());
        let file = match SafeTensors::deserialize(bytes) {
            Ok(tensors) => File { shown: &shown, tensors },
            Err(error) => bail!(one_line(&format!("{shown}: {}", fault(bytes, &error)))),
        };
        let train = file.samples("x", "y")?;
        let has = |name| file.tensors.tensor(name).is_ok();
        let test = if has("x_test") || has("y_test") { Some(file.samples("x_test", "y_test")?) } else { None };
        if let Some(test) = &test {
            for (of_train, of_test) in [(&train.x, &test.x), (&train.y, &test.y)] {
                ensure!(
                    of_train.row() == of_test.row(),
                    "{shown}: {of_train} and {of_test}: expected the same shape behind the first dimension"
                );
            }
            ensure!(
                train.y.is_classes() == test.y.is_classes(),
                "{shown}: {} and {}: expected integers, which are classes, in both or in neither",
                train.y,
                test.y
            );
        }
        let shapes = RowShapes {
            input: train.x.shape[1..].to_vec(),
            integers: train.x.is_integers(),
            target: train.y.shape[1..].to_vec(),
            integer_targets: train.y.is_integers(),
        };
        let mut classes = train.y.is_classes();
        let inputs = train.x.columns();
        let mut tables = vec![train.table(&shown)?];
        tables.extend(test.map(|test| test.table(&shown)).transpose()?);
        if !classes && tables.iter().all(|table| is_one_hot(&table.columns[inputs..])) {
            tables.iter_mut().for_each(|table| one_hot_as_classes(table, inputs));
            classes = true;
        }
        let mut tables = tables.into_iter();
        let train = tables.next().unwrap_or_default();
        Ok(TensorFile { sha256: hex(&Sha256::digest(bytes)), classes, shapes, train, test: tables.next() })
    }
}

/// A tensor of initial parameters: its shape, and its numbers row by row.
pub type Parameter = (Vec<usize>, Vec<f32>);

/// Every tensor of a safetensors file: its name, its shape, and its numbers row by row, which must be finite.
pub fn numbers(bytes: &[u8], path: &Path) -> Result<Vec<(String, Parameter)>> {
    let shown = one_line(&path.display().to_string());
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| anyhow!(one_line(&format!("{shown}: {}", fault(bytes, &error)))))?;
    let mut found = Vec::new();
    for (name, view) in tensors.tensors() {
        let tensor = Tensor { name: &name, dtype: view.dtype(), shape: view.shape().to_vec(), data: view.data() };
        ensure!(TYPES.contains(&&*format!("{:?}", tensor.dtype)), "{shown}: {tensor}: {}", expected_types());
        let values: Vec<f32> = match tensor.elements() {
            Elements::Integers(values) => values.map(|value| value as f32).collect(),
            Elements::Floats(values) => values.map(|value| value as f32).collect(),
        };
        ensure!(
            values.iter().all(|value| value.is_finite()),
            "{shown}: {tensor}: has a number that is not finite: save it before it has become so"
        );
        let shape = tensor.shape;
        found.push((name, (shape, values)));
    }
    Ok(found)
}

struct File<'d> {
    /// Its path.
    shown: &'d str,
    tensors: SafeTensors<'d>,
}

impl<'d> File<'d> {
    /// Two tensors with a row of each sample.
    fn samples(&'d self, x: &'static str, y: &'static str) -> Result<Samples<'d>> {
        let (shown, x, y) = (self.shown, self.tensor(x)?, self.tensor(y)?);
        ensure!(y.shape.len() <= 2, "{shown}: {y}: expected [rows] or [rows, outputs]");
        ensure!(x.rows() == y.rows(), "{shown}: {x} and {y}: expected the same number of rows, the first dimension");
        ensure_fits(shown, x.rows(), x.columns() + y.columns())?;
        Ok(Samples { x, y })
    }

    /// A tensor of at least one row and one column.
    fn tensor(&'d self, name: &'static str) -> Result<Tensor<'d>> {
        let shown = self.shown;
        let Ok(view) = self.tensors.tensor(name) else {
            let mut names = self.tensors.names();
            names.sort_unstable();
            let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
            let there = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            bail!(one_line(&format!(
                "{shown}: no tensor {name:?}, the file has {there}: save x and y, and x_test and y_test where they are tested"
            )));
        };
        let tensor = Tensor { name, dtype: view.dtype(), shape: view.shape().to_vec(), data: view.data() };
        ensure!(TYPES.contains(&&*format!("{:?}", tensor.dtype)), "{shown}: {tensor}: {}", expected_types());
        ensure!(!tensor.shape.is_empty(), "{shown}: {tensor}: expected rows as the first dimension");
        ensure!(!tensor.data.is_empty(), "{shown}: {tensor}: expected at least one row and one column");
        Ok(tensor)
    }
}

struct Samples<'d> {
    x: Tensor<'d>,
    y: Tensor<'d>,
}

impl Samples<'_> {
    fn table(&self, shown: &str) -> Result<Table> {
        let mut columns = self.x.number_columns(shown, "x")?;
        match self.y.elements() {
            Elements::Integers(classes) if self.y.is_classes() => {
                let values = Values::of_integers(&classes.collect::<Vec<_>>());
                columns.push(Column { name: "y".to_owned(), values });
            }
            _ => columns.extend(self.y.number_columns(shown, "y")?),
        }
        Ok(Table { columns, lines: Vec::new() })
    }
}

/// Whether each row has a 1 in one of several columns, and 0 in the others.
fn is_one_hot(columns: &[Column]) -> bool {
    let numbers: Vec<&[f64]> = columns
        .iter()
        .filter_map(|column| match &column.values {
            Values::Numbers(values) => Some(values.as_slice()),
            Values::Texts { .. } => None,
        })
        .collect();
    let Some(rows) = numbers.first().map(|first| first.len()).filter(|_| numbers.len() > 1) else { return false };
    let ones = |row: usize| numbers.iter().filter(|column| column[row] == 1.0).count();
    let zeros = |row: usize| numbers.iter().filter(|column| column[row] == 0.0).count();
    (0..rows).all(|row| ones(row) == 1 && zeros(row) == numbers.len() - 1)
}

/// Puts one column of classes, called by their places, in the place of one-hot columns.
fn one_hot_as_classes(table: &mut Table, inputs: usize) {
    let columns = table.columns.split_off(inputs);
    let is_one = |column: &Column, row: usize| matches!(&column.values, Values::Numbers(values) if values[row] == 1.0);
    let rows = columns.first().map_or(0, |column| column.values.rows());
    let place = |row: usize| columns.iter().position(|column| is_one(column, row)).map(|place| place as u32);
    let values = Values::Texts {
        texts: (0..columns.len()).map(|place| place.to_string()).collect(),
        codes: (0..rows).map(place).collect(),
    };
    table.columns.push(Column { name: "y".to_owned(), values });
}

/// Printed as its name, type and shape: `x F32 [4, 28, 28]`.
struct Tensor<'d> {
    name: &'d str,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Little-endian, row by row.
    data: &'d [u8],
}

/// A tensor's values, row by row.
enum Elements<'d> {
    Integers(Box<dyn Iterator<Item = i128> + 'd>),
    Floats(Box<dyn Iterator<Item = f64> + 'd>),
}

impl<'d> Tensor<'d> {
    fn rows(&self) -> usize {
        self.shape[0]
    }

    /// The shape of a row, where `[rows, 1]` is `[rows]`.
    fn row(&self) -> &[usize] {
        if self.shape[1..] == [1] { &[] } else { &self.shape[1..] }
    }

    fn columns(&self) -> usize {
        self.row().iter().product()
    }

    fn is_classes(&self) -> bool {
        self.columns() == 1 && self.is_integers()
    }

    fn is_integers(&self) -> bool {
        matches!(self.elements(), Elements::Integers(_))
    }

    fn elements(&self) -> Elements<'d> {
        fn integers<'d, const N: usize>(data: &'d [u8], read: impl Fn([u8; N]) -> i128 + 'd) -> Elements<'d> {
            Elements::Integers(Box::new(data.as_chunks().0.iter().map(move |&bytes| read(bytes))))
        }
        fn floats<'d, const N: usize>(data: &'d [u8], read: impl Fn([u8; N]) -> f64 + 'd) -> Elements<'d> {
            Elements::Floats(Box::new(data.as_chunks().0.iter().map(move |&bytes| read(bytes))))
        }
        let data = self.data;
        match self.dtype {
            Dtype::F64 => floats(data, f64::from_le_bytes),
            Dtype::F32 => floats(data, |bytes| f32::from_le_bytes(bytes).into()),
            Dtype::F16 => floats(data, |bytes| f16::from_le_bytes(bytes).to_f64()),
            Dtype::BF16 => floats(data, |bytes| bf16::from_le_bytes(bytes).to_f64()),
            Dtype::I64 => integers(data, |bytes| i64::from_le_bytes(bytes).into()),
            Dtype::I32 => integers(data, |bytes| i32::from_le_bytes(bytes).into()),
            Dtype::I16 => integers(data, |bytes| i16::from_le_bytes(bytes).into()),
            Dtype::I8 => integers(data, |bytes| i8::from_le_bytes(bytes).into()),
            Dtype::U64 => integers(data, |bytes| u64::from_le_bytes(bytes).into()),
            Dtype::U32 => integers(data, |bytes| u32::from_le_bytes(bytes).into()),
            Dtype::U16 => integers(data, |bytes| u16::from_le_bytes(bytes).into()),
            Dtype::U8 => integers(data, |[byte]: [u8; 1]| byte.into()),
            Dtype::BOOL => integers(data, |[byte]: [u8; 1]| (byte != 0).into()),
            // Refused by `File::tensor`.
            _ => Elements::Floats(Box::new(std::iter::empty())),
        }
    }

    /// Columns of numbers, `[rows]` each: called `name`, or `name_0`, `name_1`, … if there are several.
    fn number_columns(&self, shown: &str, name: &str) -> Result<Vec<Column>> {
        let width = self.columns();
        let mut columns: Vec<Vec<f64>> = (0..width).map(|_| Vec::with_capacity(self.rows())).collect();
        let mut push = |(nth, value): (usize, f64)| {
            columns[nth % width].push(value);
            ensure!(
                !value.is_infinite(),
                "{shown}: {0}[{1}] has {value}, expected finite numbers, or NaN where a value is missing: mend or remove the row",
                self.name,
                nth / width
            );
            Ok(())
        };
        match self.elements() {
            Elements::Integers(values) => values.map(|value| value as f64).enumerate().try_for_each(&mut push)?,
            Elements::Floats(values) => values.enumerate().try_for_each(&mut push)?,
        }
        let name_of = |nth| if width == 1 { name.to_owned() } else { format!("{name}_{nth}") };
        let named = columns.into_iter().enumerate();
        Ok(named.map(|(nth, values)| Column { name: name_of(nth), values: Values::Numbers(values) }).collect())
    }
}

impl std::fmt::Display for Tensor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}", self.name, self.dtype, shorten(&format!("{:?}", self.shape)))
    }
}

/// What is wrong with a file that safetensors does not read.
fn fault(bytes: &[u8], error: &SafeTensorError) -> String {
    use SafeTensorError::*;
    match error {
        InvalidOffset(_) | TensorInvalidInfo | MetadataIncompleteBuffer | ValidationOverflow => {
            "is damaged, its tensors are not where its header says: write or copy it again".to_owned()
        }
        InvalidHeaderDeserialization if let Some((name, dtype)) = unknown_type(bytes) => {
            let (name, dtype) = (shorten(&name), shorten(&dtype));
            format!("{name} {dtype}: {}", expected_types())
        }
        _ => "is not a safetensors file: write it with safetensors' save_file".to_owned(),
    }
}

fn expected_types() -> String {
    format!("expected {}: convert it", one_of(TYPES.iter().copied()))
}

/// The first tensor of a type that is not read, and the type.
fn unknown_type(bytes: &[u8]) -> Option<(String, String)> {
    let (length, rest) = bytes.split_first_chunk()?;
    let header = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    header.into_iter().find_map(|(name, about)| {
        let dtype = about.get("dtype")?.as_str()?;
        (name != "__metadata__" && !TYPES.contains(&dtype)).then(|| (name, dtype.to_owned()))
    })
}

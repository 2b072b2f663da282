//! A CSV of results as Parquet: uncompressed pages of plain values, which every reader of the format reads.
//!
//! Source: <https://github.com/apache/parquet-format>, parquet.thrift and Encodings.md; the footer is in Thrift's compact
//! protocol.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::input;

const MAGIC: &[u8] = b"PAR1";
/// Rows that are held and written together.
const GROUP: usize = 500_000;

/// What a column holds, with the number of its type in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Whole = 2,
    Number = 5,
    Text = 6,
}

impl Kind {
    /// The narrowest that holds a cell; an empty one is no number, which a float can be.
    fn of(cell: &str) -> Kind {
        match () {
            () if cell.parse::<i64>().is_ok() => Kind::Whole,
            () if cell.is_empty() || cell.parse::<f64>().is_ok() => Kind::Number,
            () => Kind::Text,
        }
    }

    fn write(self, cell: &str, page: &mut Vec<u8>) {
        match self {
            Kind::Whole => page.extend(cell.parse::<i64>().unwrap_or_default().to_le_bytes()),
            Kind::Number => page.extend(cell.parse::<f64>().unwrap_or(f64::NAN).to_le_bytes()),
            Kind::Text => {
                page.extend((cell.len() as u32).to_le_bytes());
                page.extend(cell.as_bytes());
            }
        }
    }
}

struct Column {
    name: String,
    kind: Kind,
}

/// Where a column's page lies, and how many bytes and rows it has.
struct Page {
    at: u64,
    bytes: u64,
    rows: usize,
}

/// Writes a CSV's rows as Parquet. Columns that `is_text` names are texts whatever their cells look like; of others whole numbers
/// become 64-bit integers and numbers 64-bit floats.
pub fn write(csv: &Path, out: &mut dyn Write, is_text: impl Fn(&str) -> bool) -> Result<usize> {
    let shown = csv.display().to_string();
    let open = || -> Result<csv::Reader<File>> {
        Ok(csv::Reader::from_reader(input::open(csv).with_context(|| format!("{shown}: cannot be read"))?))
    };
    let unreadable = || format!("{shown}: cannot be read");
    let mut reader = open()?;
    let names: Vec<String> = reader.headers().with_context(unreadable)?.iter().map(str::to_owned).collect();
    let start = |name: String| Column { kind: if is_text(&name) { Kind::Text } else { Kind::Whole }, name };
    let mut columns: Vec<Column> = names.into_iter().map(start).collect();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).with_context(unreadable)? {
        columns.iter_mut().zip(&record).for_each(|(column, cell)| column.kind = column.kind.max(Kind::of(cell)));
    }
    let mut out = Counting { out, at: 0 };
    out.put(MAGIC)?;
    let mut reader = open()?;
    let mut pages: Vec<Vec<u8>> = columns.iter().map(|_| Vec::new()).collect();
    let mut groups: Vec<Vec<Page>> = Vec::new();
    let (mut rows, mut held) = (0, 0);
    loop {
        let more = reader.read_record(&mut record).with_context(unreadable)?;
        if more {
            for ((column, page), cell) in columns.iter().zip(&mut pages).zip(&record) {
                column.kind.write(cell, page);
            }
            (rows, held) = (rows + 1, held + 1);
        }
        if held == GROUP || (!more && held > 0) {
            groups.push(pages.iter_mut().map(|page| out.page(page, held)).collect::<Result<_>>()?);
            held = 0;
        }
        if !more {
            break;
        }
    }
    let footer = footer(&columns, &groups, rows);
    out.put(&footer)?;
    out.put(&(footer.len() as u32).to_le_bytes())?;
    out.put(MAGIC)?;
    Ok(rows)
}

struct Counting<'f> {
    out: &'f mut dyn Write,
    at: u64,
}

impl Counting<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.at += bytes.len() as u64;
        Ok(self.out.write_all(bytes)?)
    }

    /// Writes a data page of so many values, and empties it.
    fn page(&mut self, values: &mut Vec<u8>, rows: usize) -> Result<Page> {
        let mut header = Thrift::default();
        let size = i64::try_from(values.len())?;
        header.int(1, 0).int(2, size).int(3, size);
        header.inside(5, |page| {
            page.int(1, rows as i64).int(2, PLAIN).int(3, RLE).int(4, RLE);
        });
        header.bytes.push(0);
        let at = self.at;
        self.put(&header.bytes)?;
        self.put(values)?;
        values.clear();
        Ok(Page { at, bytes: self.at - at, rows })
    }
}

/// Of the format's `Encoding`.
const PLAIN: i64 = 0;
const RLE: i64 = 3;

/// The file's `FileMetaData`.
fn footer(columns: &[Column], groups: &[Vec<Page>], rows: usize) -> Vec<u8> {
    let mut footer = Thrift::default();
    footer.int(1, 1);
    footer.list(2, STRUCT, columns.len() + 1);
    footer.element(|root| {
        root.text(4, "schema").int(5, columns.len() as i64);
    });
    for column in columns {
        footer.element(|schema| {
            schema.int(1, column.kind as i64).int(3, 0).text(4, &column.name);
            if column.kind == Kind::Text {
                // UTF-8, in the older and in the newer way.
                schema.int(6, 0).inside(10, |kind| {
                    kind.inside(1, |_| {});
                });
            }
        });
    }
    footer.long(3, rows as i64);
    footer.list(4, STRUCT, groups.len());
    for group in groups {
        footer.element(|row_group| {
            row_group.list(1, STRUCT, columns.len());
            for (column, page) in columns.iter().zip(group) {
                row_group.element(|chunk| {
                    chunk.long(2, page.at as i64).inside(3, |data| {
                        data.int(1, column.kind as i64);
                        data.list(2, INT, 2).varint(zigzag(PLAIN)).varint(zigzag(RLE));
                        data.list(3, BINARY, 1).raw(column.name.as_bytes());
                        let (rows, bytes) = (page.rows as i64, page.bytes as i64);
                        data.int(4, 0).long(5, rows).long(6, bytes).long(7, bytes).long(9, page.at as i64);
                    });
                });
            }
            let bytes: u64 = group.iter().map(|page| page.bytes).sum();
            row_group.long(2, bytes as i64).long(3, group.first().map_or(0, |page| page.rows) as i64);
        });
    }
    footer.text(6, concat!("misfit version ", env!("CARGO_PKG_VERSION")));
    footer.bytes.push(0);
    footer.bytes
}

/// Of Thrift's compact protocol.
const INT: u8 = 5;
const LONG: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// A struct in Thrift's compact protocol; its fields in ascending order.
#[derive(Default)]
struct Thrift {
    bytes: Vec<u8>,
    last: u8,
}

impl Thrift {
    fn field(&mut self, id: u8, kind: u8) -> &mut Self {
        self.bytes.push((id - self.last) << 4 | kind);
        self.last = id;
        self
    }

    fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
        self
    }

    fn int(&mut self, id: u8, value: i64) -> &mut Self {
        self.field(id, INT).varint(zigzag(value))
    }

    fn long(&mut self, id: u8, value: i64) -> &mut Self {
        self.field(id, LONG).varint(zigzag(value))
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(bytes.len() as u64).bytes.extend(bytes);
        self
    }

    fn text(&mut self, id: u8, text: &str) -> &mut Self {
        self.field(id, BINARY).raw(text.as_bytes())
    }

    fn list(&mut self, id: u8, kind: u8, count: usize) -> &mut Self {
        self.field(id, LIST);
        match count {
            0..15 => self.bytes.push((count as u8) << 4 | kind),
            _ => {
                self.bytes.push(0xf0 | kind);
                self.varint(count as u64);
            }
        }
        self
    }

    /// A struct as a list's next element.
    fn element(&mut self, write: impl FnOnce(&mut Self)) -> &mut Self {
        let last = std::mem::take(&mut self.last);
        write(self);
        self.bytes.push(0);
        self.last = last;
        self
    }

    /// A struct as a field.
    fn inside(&mut self, id: u8, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.field(id, STRUCT).element(write)
    }
}

//! TensorBoard's event files: records of TFRecord, each an `Event` of protocol buffers, of which the scalars are read.
//!
//! Sources: the record's layout in tensorflow/core/lib/io/record_writer.h, the messages in event.proto, summary.proto and
//! tensor.proto of tensorflow.

use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::crc32c::masked;
use super::wire::{Field, Fields};
use crate::results::files::LONGEST_ROW;
use crate::results::input;

/// One value of a tag at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    pub tag: String,
    pub step: i64,
    pub value: f64,
}

/// What an event file holds.
#[derive(Debug, Default)]
pub struct Events {
    pub scalars: Vec<Scalar>,
    /// Whether the file ends within a record, as while its writer is at work.
    pub cut_off: bool,
}

/// Reads all scalars; `shown` is how messages name the file.
pub fn read(path: &Path, shown: &str) -> Result<Events> {
    let file = input::open(path).with_context(|| format!("{shown}: cannot be read"))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut events = Events::default();
    let mut at = 0_u64;
    for nth in 0_u64.. {
        let damaged = || match nth {
            0 => format!("{shown}: is no event file of TensorBoard"),
            _ => format!("{shown}: record {nth} at byte {at} is damaged (its checksum is another): restore the file"),
        };
        let mut head = [0; 12];
        match fill(&mut reader, &mut head).with_context(|| format!("{shown}: cannot be read"))? {
            0 => break,
            12 => {}
            _ => {
                events.cut_off = true;
                break;
            }
        }
        let (length, sum) = head.split_at(8);
        ensure!(masked(length) == number(sum) as u32, damaged());
        let length = number(length);
        let most = LONGEST_ROW as u64;
        ensure!(length <= most, "{shown}: record {nth} at byte {at} is longer than 64 MiB: scalars are shorter");
        let mut data = Vec::new();
        let wanted = length + 4;
        let read =
            reader.by_ref().take(wanted).read_to_end(&mut data).with_context(|| format!("{shown}: cannot be read"))?;
        if (read as u64) < wanted {
            events.cut_off = true;
            break;
        }
        let (data, sum) = data.split_at(length as usize);
        ensure!(masked(data) == number(sum) as u32, damaged());
        if take(data, &mut events.scalars).is_none() {
            bail!("{shown}: record {nth} at byte {at} is no event: restore the file");
        }
        at += 16 + length;
    }
    Ok(events)
}

/// Whether a file begins as a record of TFRecord does.
pub fn begins_as_records(start: &[u8]) -> bool {
    start.len() >= 12 && masked(&start[..8]) == number(&start[8..12]) as u32
}

/// Bytes that could be read, all of them unless the file ends.
fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match reader.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Up to eight bytes, the lowest first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Takes an event's scalars; nothing if it is none.
fn take(event: &[u8], scalars: &mut Vec<Scalar>) -> Option<()> {
    let mut step = 0;
    let mut summaries = Vec::new();
    for field in Fields(event) {
        match field? {
            (2, Field::Varint(value)) => step = value as i64,
            (5, Field::Bytes(summary)) => summaries.push(summary),
            _ => {}
        }
    }
    for summary in summaries {
        for field in Fields(summary) {
            if let (1, Field::Bytes(value)) = field?
                && let (tag, Some(value)) = scalar(value)?
            {
                scalars.push(Scalar { tag, step, value });
            }
        }
    }
    Some(())
}

/// A summary's tag, and its value if that is one number: a `simple_value`, or a tensor without dimensions.
fn scalar(value: &[u8]) -> Option<(String, Option<f64>)> {
    let (mut tag, mut number) = (String::new(), None);
    for field in Fields(value) {
        match field? {
            (1, Field::Bytes(name)) => tag = String::from_utf8_lossy(name).into_owned(),
            (2, Field::Four(bytes)) => number = Some(f64::from(f32::from_le_bytes(bytes))),
            (8, Field::Bytes(tensor)) => number = self::tensor(tensor)?,
            _ => {}
        }
    }
    Some((tag, number))
}

/// The only number of a tensor without dimensions; `Some(None)` of any other tensor.
fn tensor(tensor: &[u8]) -> Option<Option<f64>> {
    let (mut kind, mut dimensions, mut content, mut listed) = (0, false, None, None);
    for field in Fields(tensor) {
        match field? {
            (1, Field::Varint(value)) => kind = value,
            (2, Field::Bytes(shape)) => {
                for field in Fields(shape) {
                    dimensions |= field?.0 == 2;
                }
            }
            (4, Field::Bytes(bytes)) if !bytes.is_empty() => content = Some(bytes),
            (5, Field::Four(bytes)) => listed = Some(f64::from(f32::from_le_bytes(bytes))),
            (5, Field::Bytes(bytes)) => listed = bytes.first_chunk().map(|four| f64::from(f32::from_le_bytes(*four))),
            (6, Field::Eight(bytes)) => listed = Some(f64::from_le_bytes(bytes)),
            (6, Field::Bytes(bytes)) => listed = bytes.first_chunk().map(|eight| f64::from_le_bytes(*eight)),
            (7 | 10, Field::Varint(value)) => listed = Some(value as i64 as f64),
            (7 | 10, Field::Bytes(bytes)) => {
                let mut first = bytes;
                listed = super::wire::varint(&mut first).map(|value| value as i64 as f64);
            }
            (13, Field::Varint(value)) => listed = Some(halves(kind, value as u16)),
            (13, Field::Bytes(bytes)) => {
                let mut first = bytes;
                listed = super::wire::varint(&mut first).map(|value| halves(kind, value as u16));
            }
            _ => {}
        }
    }
    let packed = |bytes: &[u8]| match (kind, bytes.len()) {
        (FLOAT, 4) => bytes.first_chunk().map(|bytes| f64::from(f32::from_le_bytes(*bytes))),
        (DOUBLE, 8) => bytes.first_chunk().map(|bytes| f64::from_le_bytes(*bytes)),
        (INT32, 4) => bytes.first_chunk().map(|bytes| f64::from(i32::from_le_bytes(*bytes))),
        (INT64, 8) => bytes.first_chunk().map(|bytes| i64::from_le_bytes(*bytes) as f64),
        (HALF | BFLOAT16, 2) => Some(halves(kind, number(bytes) as u16)),
        _ => None,
    };
    let numeric = [FLOAT, DOUBLE, INT32, INT64, HALF, BFLOAT16].contains(&kind);
    // A tensor of one zero may leave its value out.
    let zero = (content.is_none() && listed.is_none()).then_some(0.0);
    Some(content.map_or(listed.or(zero), packed).filter(|_| numeric && !dimensions))
}

/// Of tensorflow's `DataType`.
const FLOAT: u64 = 1;
const DOUBLE: u64 = 2;
const INT32: u64 = 3;
const INT64: u64 = 9;
const BFLOAT16: u64 = 14;
const HALF: u64 = 19;

fn halves(kind: u64, bits: u16) -> f64 {
    if kind == BFLOAT16 { half::bf16::from_bits(bits).to_f64() } else { half::f16::from_bits(bits).to_f64() }
}

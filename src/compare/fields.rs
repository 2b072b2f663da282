//! The rows of a CSV, cut at their commas where they lie. What a quote or a lone carriage return makes harder than that is
//! left to the CSV reader, a row at a time.

use std::fs::File;
use std::io;

use csv_core::ReadRecordResult;

use crate::results::files::LONGEST_ROW;
use crate::results::input::{self, BLOCK};

/// The fields of a row: its text with a byte between each two of them, and where each ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a> {
    text: &'a [u8],
    ends: &'a [u32],
}

impl<'a> Fields<'a> {
    pub fn len(self) -> usize {
        self.ends.len()
    }

    pub fn get(self, field: usize) -> &'a [u8] {
        let start = field.checked_sub(1).map_or(0, |before| self.ends[before] as usize + 1);
        &self.text[start..self.ends[field] as usize]
    }
}

/// The fields of a row that are kept.
#[derive(Debug, Clone, Default)]
pub struct KeptFields {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl KeptFields {
    /// In the rooms that it has.
    pub fn set(&mut self, fields: Fields) {
        self.text.clear();
        self.text.extend_from_slice(fields.text);
        self.ends.clear();
        self.ends.extend_from_slice(fields.ends);
    }

    pub fn fields(&self) -> Fields<'_> {
        Fields { text: &self.text, ends: &self.ends }
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        self.text.capacity() + 4 * self.ends.capacity() + size_of::<Self>()
    }
}

/// Rows of the same number of fields, one behind the other.
#[derive(Debug, Default)]
pub struct FieldsBatch {
    text: Vec<u8>,
    /// Where each row's text ends.
    rows: Vec<usize>,
    ends: Vec<u32>,
    columns: usize,
}

impl FieldsBatch {
    pub fn clear(&mut self, columns: usize) {
        self.text.clear();
        self.rows.clear();
        self.ends.clear();
        self.columns = columns;
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    pub fn push(&mut self, fields: Fields) {
        self.text.extend_from_slice(fields.text);
        self.ends.extend_from_slice(fields.ends);
        self.rows.push(self.text.len());
    }

    pub fn get(&self, row: usize) -> Fields<'_> {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before]);
        let ends = &self.ends[row * self.columns..(row + 1) * self.columns];
        Fields { text: &self.text[start..self.rows[row]], ends }
    }
}

/// Reads a file's rows, the header first.
pub struct Cutter {
    file: File,
    buffer: Vec<u8>,
    /// Where the next row begins in the buffer, and how far that is filled.
    at: usize,
    filled: usize,
    /// Line ends before that.
    lines: u64,
    /// The line of the row that came last, from 1.
    pub line: u64,
    first: bool,
    hard: csv_core::Reader,
    /// What that made of a row.
    unquoted: Vec<u8>,
    unquoted_ends: Vec<usize>,
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Cutter {
    pub fn new(file: File) -> Self {
        Cutter {
            file,
            buffer: vec![0; BLOCK],
            at: 0,
            filled: 0,
            lines: 0,
            line: 0,
            first: true,
            hard: csv_core::Reader::new(),
            unquoted: vec![0; 1024],
            unquoted_ends: vec![0; 64],
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The next row, until there is none. Empty lines are none.
    pub fn next(&mut self) -> io::Result<Option<Fields<'_>>> {
        loop {
            match self.buffer[self.at..self.filled].first().copied() {
                Some(b'\n') => self.lines += 1,
                Some(b'\r') => {}
                Some(_) => break,
                None if self.more()? => continue,
                None => return Ok(None),
            }
            self.at += 1;
        }
        self.line = self.lines + 1;
        let Some((start, end)) = self.line_from(self.at)? else { return self.hard_row() };
        // The header may have a byte order mark.
        let hard = memchr::memchr2(b'"', b'\r', &self.buffer[start..end]).is_some();
        if std::mem::take(&mut self.first) || hard {
            return self.hard_row();
        }
        let line = &self.buffer[start..end];
        // The line end is passed over with the next row.
        self.at = end;
        self.ends.clear();
        self.ends.extend(memchr::memchr_iter(b',', line).map(|comma| comma as u32));
        self.ends.push(line.len() as u32);
        Ok(Some(Fields { text: line, ends: &self.ends }))
    }

    /// Where the line that begins here lies in the buffer, without its end; nothing where a quote or a carriage return may
    /// make it longer or shorter than a row and no line end is near.
    fn line_from(&mut self, start: usize) -> io::Result<Option<(usize, usize)>> {
        let (mut start, mut searched) = (start, start);
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer[searched..self.filled]) {
                let end = searched + end;
                let carriage_return = self.buffer[start..end].last() == Some(&b'\r');
                return Ok(Some((start, end - usize::from(carriage_return))));
            }
            if memchr::memchr2(b'"', b'\r', &self.buffer[searched..self.filled]).is_some() {
                return Ok(None);
            }
            let held = self.filled - start;
            if held > LONGEST_ROW {
                return Err(too_long());
            }
            if !self.more()? {
                return Ok(Some((self.at, self.filled)));
            }
            start = self.at;
            searched = start + held;
        }
    }

    /// Reads on, behind what has not been cut yet, which moves to the buffer's beginning. Says whether there was more.
    fn more(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.at..self.filled, 0);
        (self.at, self.filled) = (0, self.filled - self.at);
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let read = input::read(&mut self.file, &mut self.buffer[self.filled..])?;
        self.filled += read;
        Ok(read > 0)
    }

    /// A row as the CSV reader cuts it.
    fn hard_row(&mut self) -> io::Result<Option<Fields<'_>>> {
        let (mut length, mut fields) = (0, 0);
        loop {
            let (result, read, written, ended) = self.hard.read_record(
                &self.buffer[self.at..self.filled],
                &mut self.unquoted[length..],
                &mut self.unquoted_ends[fields..],
            );
            self.lines += memchr::memchr_iter(b'\n', &self.buffer[self.at..self.at + read]).count() as u64;
            self.at += read;
            length += written;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => _ = self.more()?,
                ReadRecordResult::OutputFull if length > LONGEST_ROW => return Err(too_long()),
                ReadRecordResult::OutputFull => self.unquoted.resize(2 * length.max(1), 0),
                ReadRecordResult::OutputEndsFull => self.unquoted_ends.resize(2 * fields.max(1), 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        self.text.clear();
        self.ends.clear();
        let mut start = 0;
        for &end in &self.unquoted_ends[..fields] {
            if !self.ends.is_empty() {
                self.text.push(b',');
            }
            self.text.extend_from_slice(&self.unquoted[start..end]);
            self.ends.push(self.text.len() as u32);
            start = end;
        }
        Ok(Some(Fields { text: &self.text, ends: &self.ends }))
    }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a row is longer than 64 MiB")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn rows(text: &[u8]) -> Vec<(u64, Vec<Vec<u8>>)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut cutter = Cutter::new(file);
        let mut rows = Vec::new();
        while let Some(fields) = cutter.next().unwrap() {
            let row = (0..fields.len()).map(|field| fields.get(field).to_vec()).collect();
            rows.push((cutter.line, row));
        }
        rows
    }

    /// The rows by the csv package.
    fn oracle(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text);
        reader.byte_records().map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect()).collect()
    }

    #[test]
    fn any_text_is_cut_as_the_csv_package_cuts_it() {
        let pieces: [&[u8]; 12] =
            [b"a", b"1.5", b",", b",", b"\n", b"\n", b"\"", b"\"\"", b"\r\n", b"\r", b" ", "é\u{feff}".as_bytes()];
        let mut state = 1_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for case in 0..20_000 {
            // With few and with many of the bytes that make it hard, and with a mark at its beginning.
            let kinds = if case % 2 == 0 { 6 } else { pieces.len() as u64 };
            let mut text = if case % 5 == 0 { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
            (0..draw(40)).for_each(|_| text.extend_from_slice(pieces[draw(kinds) as usize]));
            let cut: Vec<_> = rows(&text).into_iter().map(|(_, row)| row).collect();
            assert_eq!(cut, oracle(&text), "{:?}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn rows_longer_than_a_block_and_blocks_that_end_anywhere_are_cut_as_well() {
        let long = "x".repeat(BLOCK + 10);
        for row in ["1,22,333\n".to_owned(), "1,\"2\n2\",333\r\n".to_owned(), format!("{long},\"{long}\",3\n")] {
            let text = row.repeat(3 * BLOCK / row.len() + 3);
            let cut: Vec<_> = rows(text.as_bytes()).into_iter().map(|(_, row)| row).collect();
            assert!(cut == oracle(text.as_bytes()), "{}", &row[..8]);
        }
    }

    #[test]
    fn a_row_has_the_line_that_an_editor_counts() {
        let text = b"h,k\r\n\r\n1,2\n\n\"3\n3\",4\n5,6";
        let lines: Vec<u64> = rows(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 3, 5, 7]);
    }
}

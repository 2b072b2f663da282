//! Going quickly through run files that are just as misfit wrote them: a line a row, each beginning with a variant, which has
//! no comma and no quote in it, and a seed; in the fields behind them no line ends. Whoever is not sure of that reads with
//! [`super::read`], which looks at every field.

use std::fs::File;
use std::io;
use std::path::Path;

use csv::StringRecord;

use super::files::LONGEST_ROW;
use super::input::{self, BLOCK};
use super::rows::Key;
use super::sums::{Sum, Summing};

/// A file's lines, and the sum of what has been read of it.
pub struct Lines {
    file: File,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer, and how far that is filled.
    at: usize,
    filled: usize,
    /// The first byte of the next line, in the file.
    offset: u64,
    summing: Option<Summing<io::Sink>>,
}

/// A line without its end.
pub struct Line<'a> {
    pub bytes: &'a [u8],
    /// Its first byte in the file.
    pub offset: u64,
    /// Whether it ends as lines do.
    pub ended: bool,
}

impl Lines {
    pub fn open(path: &Path, summed: bool) -> io::Result<Self> {
        let summing = summed.then(|| Summing::new(io::sink()));
        Ok(Lines { file: input::open(path)?, buffer: vec![0; BLOCK], at: 0, filled: 0, offset: 0, summing })
    }

    /// The next line, until there is none.
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut searched = self.at;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer[searched..self.filled]) {
                return Ok(Some(self.take(searched + end, 1)));
            }
            searched = self.filled;
            if self.at > 0 {
                self.buffer.copy_within(self.at..self.filled, 0);
                (searched, self.filled, self.at) = (searched - self.at, self.filled - self.at, 0);
            }
            if self.filled == self.buffer.len() {
                if self.filled >= LONGEST_ROW {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 64 MiB"));
                }
                self.buffer.resize(2 * self.filled, 0);
            }
            let read = input::read(&mut self.file, &mut self.buffer[self.filled..])?;
            if read == 0 {
                return Ok((self.filled > 0).then(|| self.take(self.filled, 0)));
            }
            if let Some(summing) = &mut self.summing {
                io::Write::write_all(summing, &self.buffer[self.filled..self.filled + read])?;
            }
            self.filled += read;
        }
    }

    fn take(&mut self, end: usize, newline: usize) -> Line<'_> {
        let (start, offset) = (self.at, self.offset);
        self.at = end + newline;
        self.offset += (self.at - start) as u64;
        Line { bytes: &self.buffer[start..end], offset, ended: newline > 0 }
    }

    /// Of the whole file, once there are no more lines.
    pub fn sum(self) -> Option<Sum> {
        self.summing.map(|summing| summing.end().1)
    }
}

/// The run that a line is of, if it looks as misfit writes it; and how many bytes of it say so.
pub fn run_of(line: &[u8]) -> Option<(Key, usize)> {
    let mut commas = memchr::memchr_iter(b',', line);
    let (first, second) = (commas.next()?, commas.next()?);
    let variant = std::str::from_utf8(&line[..first]).ok().filter(|name| !name.contains('"'))?;
    let seed = std::str::from_utf8(&line[first + 1..second]).ok()?.parse().ok()?;
    Some((Key { variant: variant.to_owned(), seed }, second + 1))
}

/// The fields of a line; nothing where it is no row.
pub fn fields(line: &[u8], to: &mut StringRecord) -> Option<()> {
    to.clear();
    let text = std::str::from_utf8(line).ok()?;
    if !text.contains('"') {
        text.split(',').for_each(|field| to.push_field(field));
        return Some(());
    }
    let mut rest = text;
    loop {
        let behind = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                to.push_field(&rest[..end]);
                &rest[end..]
            }
            Some(quoted) => {
                // A quote within is written twice.
                let mut from = 0;
                let end = loop {
                    let quote = from + quoted[from..].find('"')?;
                    match quoted[quote + 1..].starts_with('"') {
                        true => from = quote + 2,
                        false => break quote,
                    }
                };
                match quoted[..end].contains('"') {
                    true => to.push_field(&quoted[..end].replace("\"\"", "\"")),
                    false => to.push_field(&quoted[..end]),
                }
                &quoted[end + 1..]
            }
        };
        if behind.is_empty() {
            return Some(());
        }
        rest = behind.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::rows::lines;

    #[test]
    fn the_fields_of_a_line_are_those_that_were_written_and_those_that_the_csv_package_reads() {
        let texts = ["", "a", "a b", ",", "\"", "\"\"", "a,b", "\"a\",", "é,\"", "1.5", " ", "\",\"", "'"];
        let mut record = StringRecord::new();
        for a in texts {
            for b in texts {
                for c in texts {
                    let line = lines([["v", a, b, c, "end"]]);
                    fields(line.trim_end_matches('\n').as_bytes(), &mut record).unwrap();
                    assert_eq!(record.iter().collect::<Vec<_>>(), ["v", a, b, c, "end"], "{line:?}");
                    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
                    assert_eq!(reader.records().next().unwrap().unwrap(), record, "{line:?}");
                }
            }
        }
        fields(b"v,1,\"a,\"", &mut record).unwrap();
        assert_eq!(record.iter().collect::<Vec<_>>(), ["v", "1", "a,"]);
    }

    #[test]
    fn what_misfit_does_not_write_is_no_row() {
        let mut record = StringRecord::new();
        for line in ["v,\"a", "v,\"a\"b,c", "\"", "v,\"\"\"", "v,\"a\"\"", "\"a\" ,b"] {
            assert_eq!(fields(line.as_bytes(), &mut record), None, "{line}");
        }
        assert_eq!(fields(b"v,\xff\"", &mut record), None);
    }
}

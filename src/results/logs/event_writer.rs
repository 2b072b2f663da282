//! TensorBoard's event files, written: records of scalars as `simple_value`, 32-bit floats.

use std::io::Write;

use anyhow::Result;

use super::crc32c::masked;

/// Writes a run's events one after the other.
pub struct EventWriter<W> {
    out: W,
    /// Seconds since 1970, of every event.
    time: f64,
}

impl<W: Write> EventWriter<W> {
    /// Begins a file.
    pub fn new(out: W, time: f64) -> Result<Self> {
        let mut writer = EventWriter { out, time };
        let mut event = writer.event(0);
        bytes(&mut event, 3, b"brain.Event:2");
        writer.record(&event)?;
        Ok(writer)
    }

    /// The values of several tags at one step.
    pub fn scalars(&mut self, step: i64, values: &[(&str, f64)]) -> Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in values {
            let mut scalar = Vec::new();
            bytes(&mut scalar, 1, tag.as_bytes());
            scalar.push(2 << 3 | 5);
            scalar.extend((*value as f32).to_le_bytes());
            bytes(&mut summary, 1, &scalar);
        }
        let mut event = self.event(step);
        bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Writes what is held back.
    pub fn finish(mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    fn event(&self, step: i64) -> Vec<u8> {
        let mut event = vec![1 << 3 | 1];
        event.extend(self.time.to_le_bytes());
        event.push(2 << 3);
        varint(&mut event, step as u64);
        event
    }

    fn record(&mut self, event: &[u8]) -> Result<()> {
        let length = (event.len() as u64).to_le_bytes();
        self.out.write_all(&length)?;
        self.out.write_all(&masked(&length).to_le_bytes())?;
        self.out.write_all(event)?;
        self.out.write_all(&masked(event).to_le_bytes())?;
        Ok(())
    }
}

fn bytes(message: &mut Vec<u8>, field: u8, value: &[u8]) {
    message.push(field << 3 | 2);
    varint(message, value.len() as u64);
    message.extend(value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

//! The wire format of protocol buffers: a message's fields, one after the other.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

/// A field's value, as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'m> {
    Varint(u64),
    Four([u8; 4]),
    Eight([u8; 8]),
    Bytes(&'m [u8]),
}

/// A message's fields with their numbers; `None` for what is no field, and then no more.
pub struct Fields<'m>(pub &'m [u8]);

impl<'m> Iterator for Fields<'m> {
    type Item = Option<(u64, Field<'m>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = field(&mut self.0);
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

fn field<'m>(rest: &mut &'m [u8]) -> Option<(u64, Field<'m>)> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Field::Varint(varint(rest)?),
        1 => Field::Eight(take(rest, 8)?.try_into().ok()?),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Field::Bytes(take(rest, length)?)
        }
        5 => Field::Four(take(rest, 4)?.try_into().ok()?),
        _ => return None,
    };
    Some((key >> 3, value))
}

fn take<'m>(rest: &mut &'m [u8], count: usize) -> Option<&'m [u8]> {
    let (taken, more) = rest.split_at_checked(count)?;
    *rest = more;
    Some(taken)
}

/// A number of seven bits a byte, the lowest first; ten bytes at most.
pub fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for nth in 0..10 {
        let (&byte, more) = rest.split_first()?;
        *rest = more;
        value |= u64::from(byte & 0x7f) << (7 * nth);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

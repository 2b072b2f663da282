//! Matrix products of stacked lanes, bitwise the same for a lane alone and in a stack.
//!
//! A product with a dimension of 1 takes another path through `bmm` at one lane than at several, and is several times
//! slower there than a product of elements and a sum; so it is never left to `bmm`.

use tch::{TchError, Tensor};

use super::buffers::Buffers;

/// `[lanes, m, k] · [lanes, k, n]`, planned once for its shape.
pub enum Product {
    Batched,
    /// k = 1.
    Outer,
    /// n = 1 or m = 1: products of elements in this scratch, `[lanes, m, k]` or `[lanes, k, n]`, summed over k.
    Summed {
        scratch: Tensor,
        over: Over,
    },
}

#[derive(Clone, Copy)]
pub enum Over {
    Columns,
    Rows,
}

impl Product {
    pub fn plan(lanes: i64, [m, k, n]: [i64; 3], buffers: &mut Buffers) -> Result<Self, TchError> {
        Ok(match (m, k, n) {
            (_, 1, _) => Product::Outer,
            (_, _, 1) => Product::Summed { scratch: buffers.scratch(&[lanes, m, k])?, over: Over::Columns },
            (1, _, _) => Product::Summed { scratch: buffers.scratch(&[lanes, k, n])?, over: Over::Rows },
            _ => Product::Batched,
        })
    }

    /// Writes `a · b` to `out`.
    pub fn run(&self, a: &Tensor, b: &Tensor, out: &Tensor) -> Result<(), TchError> {
        match self {
            Product::Batched => a.f_bmm_out(out, b).map(drop),
            Product::Outer => a.f_mul_out(out, b).map(drop),
            Product::Summed { scratch, over: Over::Columns } => {
                a.f_mul_out(scratch, &b.f_transpose(1, 2)?).map(drop)?;
                scratch.f_sum_intlist_out(out, [2].as_slice(), true, None).map(drop)
            }
            Product::Summed { scratch, over: Over::Rows } => {
                a.f_transpose(1, 2)?.f_mul_out(scratch, b).map(drop)?;
                scratch.f_sum_intlist_out(out, [1].as_slice(), true, None).map(drop)
            }
        }
    }
}

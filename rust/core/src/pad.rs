//! Ragged samples into one padded batch, and back.
//!
//! Everything is bytes in native order, so nothing here asks for alignment. Each byte of the outputs is written
//! once: padding isn't laid down first and then written over.

use self::fill::Pattern;
use crate::level::Level;

mod check;
mod copy;
mod error;
mod fill;
mod finite;
mod narrow;
mod place;
mod unpad;

pub use error::PadError;
pub use finite::Float;
pub use unpad::{UnpadError, Unpadding, unpad};

/// The side of each axis on which the padding goes; the sample is at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Right,
    Left,
}

/// The bytes of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    One([u8; 1]),
    Two([u8; 2]),
    Four([u8; 4]),
    Eight([u8; 8]),
}

impl Element {
    /// Size in bytes.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Two(_) => 2,
            Self::Four(_) => 4,
            Self::Eight(_) => 8,
        }
    }
}

/// One sample of any rank, read through byte strides of any sign, zero included.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Memory that holds every element; gaps between them are never read.
    pub bytes: &'a [u8],
    /// Where in `bytes` the element at index `[0, .., 0]` begins.
    pub origin: usize,
    /// `[s_1, .., s_r]`
    pub shape: &'a [usize],
    /// As many as `shape` has sizes.
    pub strides: &'a [isize],
}

/// The batch to write, C-contiguous.
#[derive(Debug)]
pub struct Batch<'a> {
    pub bytes: &'a mut [u8],
    /// `[B, t_1, .., t_r]`, each `t_i` not less than the `s_i` of any sample.
    pub shape: &'a [usize],
}

/// `B` integers to write: the size of each sample along the chosen axis.
#[derive(Debug)]
pub enum Lengths<'a> {
    I32(&'a mut [u8]),
    I64(&'a mut [u8]),
}

/// `[B, T]` elements to write, `T` being the size of the batch along the chosen axis: `one` where that axis holds a
/// sample, zero bytes where it holds padding.
#[derive(Debug)]
pub struct Mask<'a> {
    pub bytes: &'a mut [u8],
    pub one: Element,
}

/// What [`pad`] is to do.
#[derive(Debug)]
pub struct Padding<'a> {
    pub samples: &'a [Sample<'a>],
    pub out: Batch<'a>,
    /// The element to pad with; its size is that of all elements of the batch.
    pub fill: Element,
    /// Whether samples are f32 and the batch is f16. Else both have the same elements.
    pub narrow: bool,
    pub side: Side,
    /// The float type of the batch's elements, if NaN and infinities among them are to be refused.
    pub finite: Option<Float>,
    /// The axis of a sample, counted without the batch, that `lengths` and `mask` speak of.
    pub axis: usize,
    pub lengths: Option<Lengths<'a>>,
    pub mask: Option<Mask<'a>>,
}

impl Padding<'_> {
    /// Bytes of an element of a sample.
    fn source_size(&self) -> usize {
        if self.narrow { 4 } else { self.fill.size() }
    }
}

/// Copies sample `b` into row `b` of the batch and fills the rest of the row, on up to as many threads as `threads` says.
///
/// # Errors
///
/// [`PadError`]. Shapes and sizes are checked before the first write. A value that isn't finite
/// ([`PadError::NonFinite`]) is found while copying, so the outputs are then partly written.
pub fn pad(mut padding: Padding<'_>, level: Level, threads: usize) -> Result<(), PadError> {
    check::padding(&padding)?;
    place::rows(&mut padding, level, threads)?;
    place::lengths(&mut padding);
    Ok(())
}

/// Writes one row of a mask: `one` in `count` places, zero bytes in the others; all of it where there are fewer.
pub fn mask(row: &mut [u8], count: usize, one: Element, side: Side, level: Level) {
    let valid = count.saturating_mul(one.size()).min(row.len());
    place::mask_row(row, valid, &Pattern::new(one), side, level);
}

#[cfg(test)]
mod tests;

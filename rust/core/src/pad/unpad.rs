//! A padded batch back into ragged samples.

use super::check::within_memory;
use super::fill::Pattern;
use super::place::{Scratch, Way};
use super::{Batch, Sample, Side};
use crate::level::Level;
use crate::memory::product;

/// What [`unpad`] is to do.
#[derive(Debug)]
pub struct Unpadding<'a> {
    /// `[B, t_1, .., t_r]`
    pub batch: Sample<'a>,
    /// `B` arrays of shape `[s_1, .., s_r]`, each `s_i` not more than `t_i`; C-contiguous.
    pub outs: Vec<Batch<'a>>,
    /// Bytes of an element: 1, 2, 4 or 8.
    pub item: usize,
    /// The side of each axis on which the padding is.
    pub side: Side,
}

/// Why a batch can't be cut. Outputs and axes are counted from zero, axes without that of the batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpadError {
    #[error("the batch has no batch axis")]
    NoBatch,
    #[error("there are {outs} outputs, but the batch has {rows} rows")]
    Count { outs: usize, rows: usize },
    #[error("output {out} has rank {rank}, but rows of the batch have rank {expected}")]
    Rank { out: usize, rank: usize, expected: usize },
    #[error("output {out} has size {size} on axis {axis}, but the batch has {room}")]
    TooLarge {
        out: usize,
        axis: usize,
        size: usize,
        room: usize,
    },
    #[error("elements of {0} bytes aren't supported")]
    Item(usize),
    #[error("the batch reaches outside its memory")]
    OutsideMemory,
    #[error("the memory of output {0} doesn't have the size that its shape asks for")]
    Memory(usize),
}

/// Copies the part of row `b` that isn't padding into output `b`.
///
/// # Errors
///
/// [`UnpadError`]; nothing is written then.
pub fn unpad(unpadding: Unpadding<'_>, level: Level) -> Result<(), UnpadError> {
    let Unpadding {
        batch,
        outs,
        item,
        side,
    } = unpadding;
    let room = check(&batch, &outs, item)?;
    let way = Way {
        from: item,
        to: item,
        fill: Pattern::ZEROS,
        side,
        first_non_finite: None,
        level,
    };
    let (mut origin, strides) = (batch.origin, &batch.strides[1..]);
    let mut scratch = Scratch::default();
    for out in outs {
        let skipped = room
            .iter()
            .zip(out.shape)
            .zip(strides)
            .map(|((&room, &size), stride)| match side {
                Side::Right => 0,
                Side::Left => stride.wrapping_mul((room - size).cast_signed()),
            });
        let first = skipped.fold(origin, usize::wrapping_add_signed);
        let sample = Sample {
            bytes: batch.bytes,
            origin: first,
            shape: out.shape,
            strides,
        };
        // Without NaN and infinities being looked for, there is nothing that could be wrong.
        _ = way.place(&sample, out.shape, out.bytes, &mut scratch);
        origin = origin.wrapping_add_signed(batch.strides[0]);
    }
    Ok(())
}

/// The sizes of the batch without its first.
fn check<'a>(batch: &Sample<'a>, outs: &[Batch<'_>], item: usize) -> Result<&'a [usize], UnpadError> {
    let (&rows, room) = batch.shape.split_first().ok_or(UnpadError::NoBatch)?;
    if outs.len() != rows {
        return Err(UnpadError::Count { outs: outs.len(), rows });
    }
    if !matches!(item, 1 | 2 | 4 | 8) {
        return Err(UnpadError::Item(item));
    }
    if !within_memory(batch, item) {
        return Err(UnpadError::OutsideMemory);
    }
    for (number, out) in outs.iter().enumerate() {
        if out.shape.len() != room.len() {
            return Err(UnpadError::Rank {
                out: number,
                rank: out.shape.len(),
                expected: room.len(),
            });
        }
        let sizes = out.shape.iter().zip(room).enumerate();
        if let Some((axis, (&size, &room))) = sizes.into_iter().find(|(_, (size, room))| size > room) {
            return Err(UnpadError::TooLarge {
                out: number,
                axis,
                size,
                room,
            });
        }
        if product(out.shape, item) != Some(out.bytes.len()) {
            return Err(UnpadError::Memory(number));
        }
    }
    Ok(room)
}

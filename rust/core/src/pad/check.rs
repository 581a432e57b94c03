//! Everything that can be wrong with a [`Padding`] before it is carried out. The loops that write rely on it.

use super::{Lengths, PadError, Padding, Sample};
use crate::memory::{lies_within, product};

pub(super) fn padding(padding: &Padding<'_>) -> Result<(), PadError> {
    let item = padding.fill.size();
    let Some((&rows, room)) = padding.out.shape.split_first() else {
        return Err(PadError::NoBatch);
    };
    if padding.samples.len() != rows {
        return Err(PadError::Count {
            samples: padding.samples.len(),
            rows,
        });
    }
    if product(padding.out.shape, item) != Some(padding.out.bytes.len()) {
        return Err(PadError::Memory("out"));
    }
    if padding.finite.is_some_and(|float| float.size() != item) {
        return Err(PadError::FloatSize);
    }
    if padding.narrow && item != 2 {
        return Err(PadError::Narrow);
    }
    let item = padding.source_size();
    for (number, sample) in padding.samples.iter().enumerate() {
        fits(number, sample, room)?;
        if !within_memory(sample, item) {
            return Err(PadError::OutsideMemory { sample: number });
        }
    }
    along_axis(padding, rows, room)
}

fn fits(number: usize, sample: &Sample<'_>, room: &[usize]) -> Result<(), PadError> {
    if sample.shape.len() != room.len() {
        return Err(PadError::Rank {
            sample: number,
            rank: sample.shape.len(),
            expected: room.len(),
        });
    }
    for (axis, (&size, &room)) in sample.shape.iter().zip(room).enumerate() {
        if size > room {
            return Err(PadError::TooLarge {
                sample: number,
                axis,
                size,
                room,
            });
        }
    }
    Ok(())
}

#[inline]
pub(super) fn within_memory(sample: &Sample<'_>, item: usize) -> bool {
    lies_within(sample.bytes.len(), sample.origin, item, sample.shape, sample.strides)
}

fn along_axis(padding: &Padding<'_>, rows: usize, room: &[usize]) -> Result<(), PadError> {
    let axis = padding.axis;
    let no_axis = PadError::Axis { axis, rank: room.len() };
    let Some(&room) = room.get(axis) else {
        // Samples of rank 0 have no axis at all; the number then matters only to who asks for lengths or a mask.
        let unused = padding.lengths.is_none() && padding.mask.is_none();
        return if unused && room.is_empty() && axis == 0 {
            Ok(())
        } else {
            Err(no_axis)
        };
    };
    if let Some(lengths) = &padding.lengths {
        let (bytes, item) = match lengths {
            Lengths::I32(bytes) => (bytes, 4),
            Lengths::I64(bytes) => (bytes, 8),
        };
        if product(&[rows], item) != Some(bytes.len()) {
            return Err(PadError::Memory("lengths"));
        }
        for (number, sample) in padding.samples.iter().enumerate() {
            let size = sample.shape[axis];
            if matches!(lengths, Lengths::I32(_)) && i32::try_from(size).is_err() {
                return Err(PadError::LengthOverflow { sample: number, size });
            }
        }
    }
    if let Some(mask) = &padding.mask
        && product(&[rows, room], mask.one.size()) != Some(mask.bytes.len())
    {
        return Err(PadError::Memory("mask"));
    }
    Ok(())
}

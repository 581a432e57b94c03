//! The loops that write. They rely on [`super::check`].

use super::finite::FirstNonFinite;
use super::{Element, Lengths, PadError, Padding, Sample, Side};

/// Bytes that are copied and then looked through for values that aren't finite, while both copies are in the cache.
const BLOCK: usize = 8192;

/// One axis of a sample in its row, or several that lie one after another in both.
#[derive(Debug, Clone, Copy)]
struct Axis {
    size: usize,
    room: usize,
    stride: isize,
}

pub(super) fn rows<const N: usize>(padding: &mut Padding<'_>, fill: [u8; N]) -> Result<(), PadError> {
    let room = padding.out.shape.get(1..).unwrap_or_default();
    let (out, _) = padding.out.bytes.as_chunks_mut::<N>();
    let row_len = out.len() / padding.samples.len().max(1);
    if row_len == 0 {
        return Ok(());
    }
    let first_non_finite = padding.finite.map(super::Float::first_non_finite);
    let mut axes = Vec::with_capacity(room.len() + 1);
    for (number, (sample, row)) in padding.samples.iter().zip(out.chunks_exact_mut(row_len)).enumerate() {
        if sample.shape.contains(&0) {
            fill_with(row, fill);
            continue;
        }
        merge_axes::<N>(sample, room, &mut axes);
        let mut writer = Row {
            bytes: sample.bytes,
            fill,
            side: padding.side,
            first_non_finite,
            done: 0,
        };
        writer
            .place(&axes, sample.origin, row)
            .map_err(|index| PadError::NonFinite { sample: number, index })?;
    }
    Ok(())
}

/// The fewest axes that describe the copy, at least one. The sample isn't empty.
fn merge_axes<const N: usize>(sample: &Sample<'_>, room: &[usize], axes: &mut Vec<Axis>) {
    let item = N.cast_signed();
    let mut inner = Axis {
        size: 1,
        room: 1,
        stride: item,
    };
    axes.clear();
    for ((&size, &room), &stride) in sample.shape.iter().zip(room).zip(sample.strides).rev() {
        let outer = Axis { size, room, stride };
        let full = inner.size == inner.room;
        if inner.room == 1 {
            // An axis with one place for one element says nothing; neither does its stride.
            inner = outer;
        } else if full && (size == 1 || inner.stride.checked_mul(inner.size.cast_signed()) == Some(stride)) {
            inner.size *= size;
            inner.room *= room;
        } else {
            axes.push(inner);
            inner = outer;
        }
    }
    axes.push(inner);
    axes.reverse();
}

struct Row<'a, const N: usize> {
    bytes: &'a [u8],
    fill: [u8; N],
    side: Side,
    first_non_finite: Option<FirstNonFinite>,
    /// Elements of the sample that were copied so far. They are copied in C order.
    done: usize,
}

impl<const N: usize> Row<'_, N> {
    /// Writes all of `row`. `Err` is the flat index of the first element that isn't finite.
    fn place(&mut self, axes: &[Axis], from: usize, row: &mut [[u8; N]]) -> Result<(), usize> {
        let [outer, inner @ ..] = axes else { return Ok(()) };
        let step = row.len() / outer.room;
        let (data, rest) = split(row, outer.size * step, self.side);
        if inner.is_empty() {
            self.copy(outer.stride, from, data)?;
        } else {
            let mut from = from;
            for part in data.chunks_exact_mut(step) {
                self.place(inner, from, part)?;
                from = from.wrapping_add_signed(outer.stride);
            }
        }
        fill_with(rest, self.fill);
        Ok(())
    }

    fn copy(&mut self, stride: isize, mut from: usize, data: &mut [[u8; N]]) -> Result<(), usize> {
        let Some(first_non_finite) = self.first_non_finite else {
            self.copy_block(stride, from, data);
            return Ok(());
        };
        for block in data.chunks_mut(BLOCK / N) {
            self.copy_block(stride, from, block);
            // The copy is what gets used, so it is looked at rather than the sample, which others might be changing.
            if let Some(index) = first_non_finite(block.as_flattened()) {
                return Err(self.done + index);
            }
            self.done += block.len();
            from = from.wrapping_add_signed(stride.wrapping_mul(block.len().cast_signed()));
        }
        Ok(())
    }

    fn copy_block(&self, stride: isize, from: usize, block: &mut [[u8; N]]) {
        if stride == N.cast_signed() || block.len() == 1 {
            let to = block.as_flattened_mut();
            to.copy_from_slice(&self.bytes[from..from + to.len()]);
            return;
        }
        let mut from = from;
        for element in block {
            element.copy_from_slice(&self.bytes[from..from + N]);
            from = from.wrapping_add_signed(stride);
        }
    }
}

/// The part of `row` that holds data, and the rest.
fn split<T>(row: &mut [T], len: usize, side: Side) -> (&mut [T], &mut [T]) {
    match side {
        Side::Right => row.split_at_mut(len),
        Side::Left => {
            let (rest, data) = row.split_at_mut(row.len() - len);
            (data, rest)
        }
    }
}

fn fill_with<const N: usize>(items: &mut [[u8; N]], fill: [u8; N]) {
    // One byte all through, as in zero, is the common case, and the C library's memset beats a loop.
    if fill.iter().all(|&byte| byte == fill[0]) {
        items.as_flattened_mut().fill(fill[0]);
    } else {
        items.fill(fill);
    }
}

pub(super) fn lengths(padding: &mut Padding<'_>) {
    let sizes = padding.samples.iter().map(|sample| sample.shape[padding.axis]);
    match &mut padding.lengths {
        None => {}
        Some(Lengths::I32(bytes)) => {
            for (item, size) in bytes.as_chunks_mut().0.iter_mut().zip(sizes) {
                // Sizes beyond i32 were refused.
                *item = i32::try_from(size).unwrap_or(i32::MAX).to_ne_bytes();
            }
        }
        Some(Lengths::I64(bytes)) => {
            for (item, size) in bytes.as_chunks_mut().0.iter_mut().zip(sizes) {
                *item = (size as u64).to_ne_bytes();
            }
        }
    }
}

pub(super) fn mask(padding: &mut Padding<'_>) {
    let Some(mask) = &mut padding.mask else { return };
    let row_len = mask.bytes.len() / padding.samples.len().max(1);
    if row_len == 0 {
        return;
    }
    let item = mask.one.size();
    for (sample, row) in padding.samples.iter().zip(mask.bytes.chunks_exact_mut(row_len)) {
        let (data, rest) = split(row, sample.shape[padding.axis] * item, padding.side);
        match mask.one {
            Element::One(one) => fill_with(data.as_chunks_mut().0, one),
            Element::Two(one) => fill_with(data.as_chunks_mut().0, one),
            Element::Four(one) => fill_with(data.as_chunks_mut().0, one),
            Element::Eight(one) => fill_with(data.as_chunks_mut().0, one),
        }
        rest.fill(0);
    }
}

//! The loops that write. They rely on [`super::check`].

use std::mem::take;
use std::panic::resume_unwind;
use std::thread;

use super::copy::copy;
use super::fill::Pattern;
use super::finite::FirstNonFinite;
use super::narrow::narrow;
use super::{Lengths, PadError, Padding, Sample, Side};
use crate::level::Level;
use crate::threads::paying;

/// Bytes that are copied and then looked through for values that aren't finite, or converted, while both are in the
/// cache.
const BLOCK: usize = 8192;

/// One axis of a sample in its row, or several that lie one after another in both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    size: usize,
    room: usize,
    stride: isize,
}

/// How elements get from a sample to its row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Bytes of an element of a sample.
    pub from: usize,
    /// Bytes of an element of a row. Where they differ, f32 becomes f16.
    pub to: usize,
    pub fill: Pattern,
    pub side: Side,
    pub first_non_finite: Option<FirstNonFinite>,
    pub level: Level,
}

/// Memory to work with, which one row after another uses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    axes: Vec<Axis>,
    block: Vec<u8>,
}

/// Writes all rows of the batch, and of the mask.
pub(super) fn rows(padding: &mut Padding<'_>, level: Level, threads: usize) -> Result<(), PadError> {
    let way = Way {
        from: padding.source_size(),
        to: padding.fill.size(),
        fill: Pattern::new(padding.fill),
        side: padding.side,
        first_non_finite: padding.finite.map(super::Float::first_non_finite),
        level,
    };
    let count = padding.samples.len();
    if count == 0 {
        return Ok(());
    }
    let (axis, room) = (padding.axis, padding.out.shape.get(1..).unwrap_or_default());
    let mut out = &mut *padding.out.bytes;
    let one = padding
        .mask
        .as_ref()
        .map(|mask| (Pattern::new(mask.one), mask.one.size()));
    let mut mask = padding.mask.as_mut().map_or(&mut [][..], |mask| &mut *mask.bytes);
    let (row_len, mask_len) = (out.len() / count, mask.len() / count);
    let write = |first: usize, samples: &[Sample<'_>], mut out: &mut [u8], mut mask: &mut [u8]| {
        let mut scratch = Scratch::default();
        for (number, sample) in (first..).zip(samples) {
            let row = out.split_off_mut(..row_len).unwrap_or_default();
            way.place(sample, room, row, &mut scratch)
                .map_err(|index| PadError::NonFinite { sample: number, index })?;
            if let (Some((one, item)), Some(row)) = (&one, mask.split_off_mut(..mask_len)) {
                mask_row(row, sample.shape[axis] * item, one, way.side, level);
            }
        }
        Ok(())
    };
    let threads = paying(threads, out.len(), count);
    if threads < 2 {
        return write(0, padding.samples, out, mask);
    }
    thread::scope(|scope| {
        let (write, mut samples, mut first) = (&write, padding.samples, 0);
        let others = (1..threads).map(|part| {
            let (begin, end) = (first, count * part / threads);
            first = end;
            let samples = samples.split_off(..end - begin).unwrap_or_default();
            let out = out.split_off_mut(..(end - begin) * row_len).unwrap_or_default();
            let mask = mask.split_off_mut(..(end - begin) * mask_len).unwrap_or_default();
            scope.spawn(move || write(begin, samples, out, mask))
        });
        let others: Vec<_> = others.collect();
        let last = write(first, samples, out, mask);
        let results = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results.chain([last]).find(Result::is_err).unwrap_or(Ok(()))
    })
}

impl Way {
    /// Writes all of `row`, which has the axes `room`. `Err` is the flat index of the first element that isn't
    /// finite.
    pub(super) fn place(
        &self,
        sample: &Sample<'_>,
        room: &[usize],
        row: &mut [u8],
        scratch: &mut Scratch,
    ) -> Result<(), usize> {
        let mut reader = Reader {
            way: self,
            bytes: sample.bytes,
            block: &mut scratch.block,
            done: 0,
        };
        if let Some(count) = in_one_piece(sample, room, self.from) {
            let (data, rest) = split(row, count * self.to, self.side);
            if count > 0 {
                reader.copy(self.from.cast_signed(), sample.origin, data)?;
            }
            self.fill.fill(rest, self.level);
            Ok(())
        } else if row.is_empty() {
            Ok(())
        } else if sample.shape.contains(&0) {
            self.fill.fill(row, self.level);
            Ok(())
        } else {
            merge_axes(sample, room, self.from, &mut scratch.axes);
            reader.place(&scratch.axes, sample.origin, row)
        }
    }
}

/// How many elements a sample has, if they lie one after another both in its memory and in its row.
fn in_one_piece(sample: &Sample<'_>, room: &[usize], item: usize) -> Option<usize> {
    let (mut count, mut whole) = (1_usize, true);
    for ((&size, &room), &stride) in sample.shape.iter().zip(room).zip(sample.strides).rev() {
        if !whole || stride != count.wrapping_mul(item).cast_signed() && size > 1 {
            return None;
        }
        whole = size == room;
        count = count.wrapping_mul(size);
    }
    Some(count)
}

/// The fewest axes that describe the copy, at least one. The sample isn't empty.
fn merge_axes(sample: &Sample<'_>, room: &[usize], item: usize, axes: &mut Vec<Axis>) {
    let mut inner = Axis {
        size: 1,
        room: 1,
        stride: item.cast_signed(),
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

struct Reader<'a> {
    way: &'a Way,
    bytes: &'a [u8],
    block: &'a mut Vec<u8>,
    /// Elements of the sample that were copied so far. They are copied in C order.
    done: usize,
}

impl Reader<'_> {
    fn place(&mut self, axes: &[Axis], from: usize, row: &mut [u8]) -> Result<(), usize> {
        let [outer, inner @ ..] = axes else { return Ok(()) };
        let step = row.len() / outer.room;
        let (data, rest) = split(row, outer.size * step, self.way.side);
        if inner.is_empty() {
            self.copy(outer.stride, from, data)?;
        } else {
            let mut from = from;
            for part in data.chunks_exact_mut(step) {
                self.place(inner, from, part)?;
                from = from.wrapping_add_signed(outer.stride);
            }
        }
        self.way.fill.fill(rest, self.way.level);
        Ok(())
    }

    #[inline]
    fn copy(&mut self, stride: isize, mut from: usize, data: &mut [u8]) -> Result<(), usize> {
        let Way {
            to: item,
            first_non_finite,
            ..
        } = *self.way;
        if first_non_finite.is_none() && item == self.way.from && stride == item.cast_signed() {
            copy(&self.bytes[from..from + data.len()], data, self.way.level);
            return Ok(());
        }
        let Some(first_non_finite) = first_non_finite else {
            for block in data.chunks_mut(BLOCK) {
                self.copy_block(stride, from, block);
                from = from.wrapping_add_signed(stride.wrapping_mul((block.len() / item).cast_signed()));
            }
            return Ok(());
        };
        let mut memory = take(self.block);
        memory.resize(BLOCK, 0);
        for block in data.chunks_mut(BLOCK) {
            // What is looked at is what gets used, which the sample might not be if others change it meanwhile. Nor is
            // the row read: a device's memory may be slow to read.
            let copy = &mut memory[..block.len()];
            self.copy_block(stride, from, copy);
            if let Some(index) = first_non_finite(copy) {
                return Err(self.done + index);
            }
            block.copy_from_slice(copy);
            let count = block.len() / item;
            self.done += count;
            from = from.wrapping_add_signed(stride.wrapping_mul(count.cast_signed()));
        }
        *self.block = memory;
        Ok(())
    }

    fn copy_block(&self, stride: isize, from: usize, block: &mut [u8]) {
        let Way {
            from: item, to, level, ..
        } = *self.way;
        let count = block.len() / to;
        if item == to {
            self.gather(stride, from, block);
        } else if stride == item.cast_signed() {
            narrow(&self.bytes[from..from + count * item], block, level);
        } else {
            let mut wide = [0; 2 * BLOCK];
            let wide = &mut wide[..count * item];
            self.gather(stride, from, wide);
            narrow(wide, block, level);
        }
    }

    fn gather(&self, stride: isize, from: usize, to: &mut [u8]) {
        let item = self.way.from;
        match item {
            _ if stride == item.cast_signed() => to.copy_from_slice(&self.bytes[from..from + to.len()]),
            1 => self.gather_each::<1>(stride, from, to),
            2 => self.gather_each::<2>(stride, from, to),
            4 => self.gather_each::<4>(stride, from, to),
            _ => self.gather_each::<8>(stride, from, to),
        }
    }

    fn gather_each<const N: usize>(&self, stride: isize, mut from: usize, to: &mut [u8]) {
        for element in to.as_chunks_mut::<N>().0 {
            element.copy_from_slice(&self.bytes[from..from + N]);
            from = from.wrapping_add_signed(stride);
        }
    }
}

/// Writes `one` over and over into so many bytes of a row of a mask, and zeros into the others.
pub(super) fn mask_row(row: &mut [u8], valid: usize, one: &Pattern, side: Side, level: Level) {
    let (data, rest) = split(row, valid, side);
    one.fill(data, level);
    Pattern::ZEROS.fill(rest, level);
}

/// The part of `row` that holds data, and the rest.
fn split(row: &mut [u8], len: usize, side: Side) -> (&mut [u8], &mut [u8]) {
    match side {
        Side::Right => row.split_at_mut(len),
        Side::Left => {
            let (rest, data) = row.split_at_mut(row.len() - len);
            (data, rest)
        }
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

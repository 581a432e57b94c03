//! Images and feature maps with their channels first or last.
//!
//! Elements are bytes of any meaning, so nothing here asks for alignment. What is copied is any strided view of
//! `[N, H, W, C]`; the orders that models use are copied at the speed of memory.

use std::ops::Range;
use std::ptr;

use crate::level::Level;
use crate::memory::{STREAM_FROM, Source, Target, lies_within, product};
use crate::threads;

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;
/// Elsewhere, the compiler does it all.
#[cfg(not(target_arch = "x86_64"))]
mod x86 {
    pub(super) unsafe fn transpose<const E: usize>(_: super::Transpose<'_>, _: super::Level, _: bool) -> bool {
        false
    }
}

/// Pixels that threads share out go by as many: a line of the cache in every plane.
const GRAIN: usize = 64;

/// The order of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `[N, C, H, W]`
    ChannelsFirst,
    /// `[N, H, W, C]`
    ChannelsLast,
}

/// Images in any memory order, read through byte strides of any sign, zero included.
#[derive(Debug, Clone, Copy)]
pub struct Images<'a> {
    /// Memory that holds every element; gaps between them are never read.
    pub bytes: &'a [u8],
    /// Where in `bytes` the element at index `[0, 0, 0, 0]` begins.
    pub origin: usize,
    /// `[N, H, W, C]`
    pub shape: [usize; 4],
    pub strides: [isize; 4],
    /// Size of an element in bytes.
    pub element: usize,
}

/// Why images can't be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    #[error("elements have {0} bytes, not 1, 2, 4 or 8")]
    Element(usize),
    #[error("the images reach outside their memory")]
    OutsideMemory,
    #[error("the memory of out doesn't have the size that the images ask for")]
    Memory,
}

impl Images<'_> {
    /// Size in bytes of all elements, if they lie within the memory.
    pub(crate) fn check(&self) -> Result<usize, LayoutError> {
        let total = product(&self.shape, self.element).filter(|&total| isize::try_from(total).is_ok());
        let within = lies_within(self.bytes.len(), self.origin, self.element, &self.shape, &self.strides);
        total.filter(|_| within).ok_or(LayoutError::OutsideMemory)
    }

    /// The fewest runs that make up an image.
    pub(crate) fn runs(&self) -> Runs {
        let ([_, height, width, _], [_, row, pixel, _]) = (self.shape, self.strides);
        let whole = |step| Runs {
            count: 1,
            step: 0,
            pixels: height * width,
            pixel_step: step,
        };
        if width == 1 {
            whole(row)
        } else if height == 1 || pixel.checked_mul(width.cast_signed()) == Some(row) {
            whole(pixel)
        } else {
            Runs {
                count: height,
                step: row,
                pixels: width,
                pixel_step: pixel,
            }
        }
    }

    /// Where run `run` of image `image` begins.
    pub(crate) fn start(&self, image: usize, run: usize, runs: &Runs) -> usize {
        let image = self.strides[0].wrapping_mul(image.cast_signed());
        self.origin
            .wrapping_add_signed(image.wrapping_add(runs.step.wrapping_mul(run.cast_signed())))
    }
}

/// Pixels at the same distance from each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runs {
    /// Of an image.
    pub count: usize,
    /// Bytes from run to run.
    pub step: isize,
    pub pixels: usize,
    /// Bytes from pixel to pixel.
    pub pixel_step: isize,
}

/// Copies `images` to `out`, C-contiguous and in `order`, on up to as many threads as `threads` says.
///
/// # Errors
///
/// [`LayoutError`]; nothing is written then.
pub fn repack(
    images: &Images<'_>,
    order: Order,
    out: &mut [u8],
    level: Level,
    threads: usize,
) -> Result<(), LayoutError> {
    let kernel: unsafe fn(&Part<'_>) = match images.element {
        1 => part::<1>,
        2 => part::<2>,
        4 => part::<4>,
        8 => part::<8>,
        other => return Err(LayoutError::Element(other)),
    };
    if images.check()? != out.len() {
        return Err(LayoutError::Memory);
    }
    if out.is_empty() {
        return Ok(());
    }
    let (stream, bytes) = (out.len() >= STREAM_FROM, out.len());
    let target = Target::new(out);
    let runs = images.runs();
    let plane = runs.count * runs.pixels;
    threads::share(images.shape[0] * plane, GRAIN, bytes, threads, |range| {
        for (run, pixels) in threads::split(range, runs.pixels) {
            let (image, run) = (run / runs.count, run % runs.count);
            let part = Part {
                images,
                order,
                target,
                from: images.start(image, run, &runs),
                pixel_step: runs.pixel_step,
                to: image * plane * images.shape[3] * images.element,
                plane,
                first: run * runs.pixels,
                pixels,
                level,
                stream,
            };
            // SAFETY: the images lie within their memory, the target has their size, and parts don't overlap.
            unsafe { kernel(&part) }
        }
    });
    Ok(())
}

/// Neighbouring pixels of one run, as a thread gets them.
struct Part<'a> {
    images: &'a Images<'a>,
    order: Order,
    target: Target<'a>,
    /// Where the run begins.
    from: usize,
    pixel_step: isize,
    /// Where the image goes.
    to: usize,
    /// Pixels of an image.
    plane: usize,
    /// Number of the run's first pixel in its image.
    first: usize,
    /// Which of the run.
    pixels: Range<usize>,
    level: Level,
    stream: bool,
}

/// Element `[row, col]` of the source to `[col, row]` of the target, whose rows are contiguous.
///
/// Whoever makes one vouches that every element lies within its memory, and that nobody else uses those of the target.
#[derive(Debug, Clone, Copy)]
struct Transpose<'a> {
    source: Source<'a>,
    from: usize,
    /// Bytes from row to row and from column to column.
    row_step: isize,
    col_step: isize,
    target: Target<'a>,
    to: usize,
    /// Bytes from row to row of the target, of which there are `cols`.
    to_step: usize,
    rows: usize,
    cols: usize,
}

impl Transpose<'_> {
    #[inline]
    fn source_at(&self, row: usize, col: usize) -> usize {
        let rows = self.row_step.wrapping_mul(row.cast_signed());
        let cols = self.col_step.wrapping_mul(col.cast_signed());
        self.from.wrapping_add_signed(rows.wrapping_add(cols))
    }

    #[inline]
    fn target_at(&self, row: usize, col: usize, element: usize) -> usize {
        self.to + col * self.to_step + row * element
    }
}

/// # Safety
///
/// The images lie within their memory, the target has their size, and nobody else uses the target's part.
unsafe fn part<const E: usize>(part: &Part<'_>) {
    let (pixel_step, channel_step) = (part.pixel_step, part.images.strides[3]);
    let (channels, pixels) = (part.images.shape[3], part.pixels.len());
    let first = part.first + part.pixels.start;
    let from = part
        .from
        .wrapping_add_signed(pixel_step.wrapping_mul(part.pixels.start.cast_signed()));
    let (rows, row_step, cols, col_step, to, to_step) = match part.order {
        Order::ChannelsFirst => (pixels, pixel_step, channels, channel_step, first * E, part.plane * E),
        Order::ChannelsLast => (
            channels,
            channel_step,
            pixels,
            pixel_step,
            first * channels * E,
            channels * E,
        ),
    };
    let job = Transpose {
        source: Source(part.images.bytes),
        from,
        row_step,
        col_step,
        target: part.target,
        to: part.to + to,
        to_step,
        rows,
        cols,
    };
    let element = E.cast_signed();
    // SAFETY: as this function demands.
    unsafe {
        if job.row_step == element || job.rows == 1 {
            copy(job, job.rows * E);
        } else if job.col_step != element && job.cols > 1 {
            portable::transpose::<E>(job);
        } else {
            transpose::<E>(job, part.level, part.stream);
        }
    }
}

/// Copies rows of the target that are contiguous in the source.
///
/// # Safety
///
/// As [`Transpose`] demands.
unsafe fn copy(job: Transpose<'_>, row: usize) {
    let (mut cols, mut len) = (job.cols, row);
    if job.to_step == row && job.col_step == row.cast_signed() {
        (cols, len) = (1, job.cols * row);
    }
    for col in 0..cols {
        // SAFETY: the row exists, and the target is lent to be written, so that it isn't the source.
        unsafe {
            let from = job.source.at(job.source_at(0, col), len);
            ptr::copy_nonoverlapping(from, job.target.at(job.target_at(0, col, 0), len), len);
        }
    }
}

/// The kernel for rows of the source that are contiguous.
///
/// # Safety
///
/// As [`Transpose`] demands.
unsafe fn transpose<const E: usize>(job: Transpose<'_>, level: Level, stream: bool) {
    // SAFETY: the shapes are those that the functions ask for, and so are the levels.
    unsafe {
        if x86::transpose::<E>(job, level, stream) {
            return;
        }
        let pixels_follow = job.row_step == (job.cols * E).cast_signed();
        let pixels_wanted = job.to_step == job.rows * E;
        match (job.rows, job.cols) {
            (_, 2) if pixels_follow => portable::to_planes::<2, E>(job),
            (_, 3) if pixels_follow => portable::to_planes::<3, E>(job),
            (_, 4) if pixels_follow => portable::to_planes::<4, E>(job),
            (2, _) if pixels_wanted => portable::to_pixels::<2, E>(job),
            (3, _) if pixels_wanted => portable::to_pixels::<3, E>(job),
            (4, _) if pixels_wanted => portable::to_pixels::<4, E>(job),
            _ => portable::transpose::<E>(job),
        }
    }
}

#[cfg(test)]
mod tests;

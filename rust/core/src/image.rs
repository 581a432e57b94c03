//! Pictures of bytes to normalized tensors of floats.
//!
//! A value is `byte as f32 * scale + offset`, rounded after each of the two, and then to `f16` if that is wanted. It is
//! the same to the bit at every level.

use std::ops::Range;
use std::slice;

use half::f16;

use crate::layout::{Images, LayoutError, Order, Runs};
use crate::level::Level;
use crate::memory::{STREAM_FROM, Target};
use crate::threads;

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;
/// Elsewhere, the compiler does it all.
#[cfg(not(target_arch = "x86_64"))]
mod x86 {
    pub(super) unsafe fn run<const D: usize, const E: usize>(_: super::Run<'_>, _: super::Level, _: bool) -> bool {
        false
    }
}

/// Channels that a pixel may have.
pub const MAX_CHANNELS: usize = 4;

/// The type of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    F16,
    F32,
}

/// Where one channel of the output comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channel {
    /// Of the picture, from zero.
    pub source: usize,
    pub scale: f32,
    pub offset: f32,
    /// The value that stands outside the picture.
    pub fill: f32,
}

/// A canvas that each picture is put onto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    pub height: usize,
    pub width: usize,
    pub top: usize,
    pub left: usize,
}

/// What [`normalize`] is to do.
#[derive(Debug, Clone, Copy)]
pub struct Normalization<'a> {
    /// Bytes.
    pub images: Images<'a>,
    /// Up to [`MAX_CHANNELS`].
    pub channels: &'a [Channel],
    pub canvas: Canvas,
    pub order: Order,
    pub float: Float,
}

/// Why pictures can't be normalized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    #[error("pictures have {0} channels, not 1 to {MAX_CHANNELS}")]
    Channels(usize),
    #[error("channel {channel} is asked for, but pictures have {available}")]
    NoChannel { channel: usize, available: usize },
    #[error("a scale, offset or fill isn't finite")]
    NotFinite,
    #[error("a picture of {height} x {width} at {top}, {left} reaches beyond the canvas")]
    BeyondCanvas {
        height: usize,
        width: usize,
        top: usize,
        left: usize,
    },
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl Channel {
    fn value(&self, of: f32) -> f32 {
        of * self.scale + self.offset
    }
}

impl Float {
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Writes pictures, normalized and in `order`, to `out`, on up to as many threads as `threads` says.
///
/// # Errors
///
/// [`ImageError`]; nothing is written then.
pub fn normalize(job: &Normalization<'_>, out: &mut [u8], level: Level, threads: usize) -> Result<(), ImageError> {
    check(job, out.len())?;
    if out.is_empty() {
        return Ok(());
    }
    let writer = Writer {
        job,
        runs: job.images.runs(),
        level,
        stream: out.len() >= STREAM_FROM,
        target: Target::new(out),
    };
    let canvas = job.canvas;
    let bytes = canvas.height * canvas.width * job.channels.len() * job.float.size() * job.images.shape[0];
    threads::share(job.images.shape[0] * canvas.height, 1, bytes, threads, |range| {
        for (image, rows) in threads::split(range, canvas.height) {
            // SAFETY: everything was checked, and no two threads have the same rows.
            match (job.float, job.channels.len()) {
                (Float::F32, 1) => unsafe { writer.rows::<1, 4>(image, rows) },
                (Float::F32, 2) => unsafe { writer.rows::<2, 4>(image, rows) },
                (Float::F32, 3) => unsafe { writer.rows::<3, 4>(image, rows) },
                (Float::F32, _) => unsafe { writer.rows::<4, 4>(image, rows) },
                (Float::F16, 1) => unsafe { writer.rows::<1, 2>(image, rows) },
                (Float::F16, 2) => unsafe { writer.rows::<2, 2>(image, rows) },
                (Float::F16, 3) => unsafe { writer.rows::<3, 2>(image, rows) },
                (Float::F16, _) => unsafe { writer.rows::<4, 2>(image, rows) },
            }
        }
    });
    Ok(())
}

fn check(job: &Normalization<'_>, out: usize) -> Result<(), ImageError> {
    let [count, height, width, available] = job.images.shape;
    if job.images.element != 1 {
        return Err(LayoutError::Element(job.images.element).into());
    }
    for channels in [available, job.channels.len()] {
        if !(1..=MAX_CHANNELS).contains(&channels) {
            return Err(ImageError::Channels(channels));
        }
    }
    for channel in job.channels {
        if channel.source >= available {
            let channel = channel.source;
            return Err(ImageError::NoChannel { channel, available });
        }
        if !(channel.scale.is_finite() && channel.offset.is_finite() && channel.fill.is_finite()) {
            return Err(ImageError::NotFinite);
        }
    }
    let Canvas {
        height: room,
        width: across,
        top,
        left,
    } = job.canvas;
    let fits = |at: usize, size: usize, room: usize| at.checked_add(size).is_some_and(|end| end <= room);
    if !(fits(top, height, room) && fits(left, width, across)) {
        return Err(ImageError::BeyondCanvas {
            height,
            width,
            top,
            left,
        });
    }
    job.images.check()?;
    let sizes = [count, room, across, job.channels.len()];
    let size = sizes.iter().try_fold(job.float.size(), |size, &n| size.checked_mul(n));
    if size != Some(out) {
        return Err(LayoutError::Memory.into());
    }
    Ok(())
}

struct Writer<'a> {
    job: &'a Normalization<'a>,
    runs: Runs,
    level: Level,
    stream: bool,
    target: Target<'a>,
}

/// Pixels that follow one another in the source, at any distance, and in the output.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    images: &'a Images<'a>,
    channels: &'a [Channel],
    from: usize,
    pixel_step: isize,
    pixels: usize,
    target: Target<'a>,
    place: Place,
}

/// Where values go.
#[derive(Debug, Clone, Copy)]
struct Place {
    order: Order,
    /// Offset of the first one.
    to: usize,
    /// Bytes from channel to channel, if they come first.
    plane: usize,
}

impl Place {
    /// The value of `channel` in pixel `pixel`, of `channels`, `size` bytes each.
    #[inline]
    fn at(&self, pixel: usize, channel: usize, channels: usize, size: usize) -> usize {
        match self.order {
            Order::ChannelsFirst => self.to + channel * self.plane + pixel * size,
            Order::ChannelsLast => self.to + (pixel * channels + channel) * size,
        }
    }
}

impl Writer<'_> {
    /// # Safety
    ///
    /// The job was checked, has `D` channels and values of `E` bytes, and nobody else uses these rows of the target.
    unsafe fn rows<const D: usize, const E: usize>(&self, image: usize, rows: Range<usize>) {
        let Canvas { width, top, left, .. } = self.job.canvas;
        let [_, picture_height, picture_width, _] = self.job.images.shape;
        let (begin, end) = (
            rows.start.clamp(top, top + picture_height),
            rows.end.clamp(top, top + picture_height),
        );
        // SAFETY: the rows are those that were lent, each is written once.
        unsafe {
            if picture_width == 0 || begin == end {
                return self.fill::<D, E>(image, rows.start, 0, rows.len() * width);
            }
            self.fill::<D, E>(image, rows.start, 0, (begin - rows.start) * width);
            if picture_width == width && self.runs.count == 1 {
                self.picture::<D, E>(image, begin, (end - begin) * width, self.runs.pixel_step);
            } else {
                for row in begin..end {
                    self.fill::<D, E>(image, row, 0, left);
                    self.picture::<D, E>(image, row, picture_width, self.job.images.strides[2]);
                    self.fill::<D, E>(image, row, left + picture_width, width - left - picture_width);
                }
            }
            self.fill::<D, E>(image, end, 0, (rows.end - end) * width);
        }
    }

    fn place<const D: usize, const E: usize>(&self, image: usize, row: usize, col: usize) -> Place {
        let Canvas { height, width, .. } = self.job.canvas;
        let pixel = row * width + col;
        Place {
            order: self.job.order,
            to: image * height * width * D * E + pixel * E * if self.job.order == Order::ChannelsLast { D } else { 1 },
            plane: height * width * E,
        }
    }

    /// # Safety
    ///
    /// As `rows`.
    unsafe fn picture<const D: usize, const E: usize>(&self, image: usize, row: usize, pixels: usize, step: isize) {
        let images = &self.job.images;
        let Canvas { top, left, .. } = self.job.canvas;
        let offset = images.strides[0].wrapping_mul(image.cast_signed());
        let offset = offset.wrapping_add(images.strides[1].wrapping_mul((row - top).cast_signed()));
        let run = Run {
            images,
            channels: self.job.channels,
            from: images.origin.wrapping_add_signed(offset),
            pixel_step: step,
            pixels,
            target: self.target,
            place: self.place::<D, E>(image, row, left),
        };
        // SAFETY: as this function demands.
        unsafe {
            if !x86::run::<D, E>(run, self.level, self.stream) {
                portable::run::<D, E>(run);
            }
        }
    }

    /// # Safety
    ///
    /// As `rows`.
    unsafe fn fill<const D: usize, const E: usize>(&self, image: usize, row: usize, col: usize, pixels: usize) {
        if pixels == 0 {
            return;
        }
        let place = self.place::<D, E>(image, row, col);
        let pattern: [[u8; E]; D] = std::array::from_fn(|channel| {
            let channel = &self.job.channels[channel];
            encode(channel.fill)
        });
        // SAFETY: as this function demands.
        unsafe {
            match place.order {
                Order::ChannelsFirst => {
                    for (channel, value) in pattern.into_iter().enumerate() {
                        let to = self.target.at(place.at(0, channel, D, E), pixels * E);
                        slice::from_raw_parts_mut(to.cast::<[u8; E]>(), pixels).fill(value);
                    }
                }
                Order::ChannelsLast => {
                    let to = self.target.at(place.to, pixels * D * E);
                    slice::from_raw_parts_mut(to.cast::<[[u8; E]; D]>(), pixels).fill(pattern);
                }
            }
        }
    }
}

/// A value as `f16`, if that has `E` bytes, else as `f32`.
#[inline]
fn encode<const E: usize>(value: f32) -> [u8; E] {
    let mut bytes = [0; E];
    if E == 2 {
        bytes.copy_from_slice(&f16::from_f32(value).to_ne_bytes());
    } else {
        bytes.copy_from_slice(&value.to_ne_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;

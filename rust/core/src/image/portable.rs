//! Pixel by pixel, in plain Rust.

use super::{Run, encode};
use crate::memory::Source;

/// # Safety
///
/// The run lies within its memory, has `D` channels and values of `E` bytes, and nobody else uses its target.
pub(super) unsafe fn run<const D: usize, const E: usize>(run: Run<'_>) {
    let source = Source(run.images.bytes);
    let channel_step = run.images.strides[3];
    for (index, channel) in run.channels.iter().enumerate().take(D) {
        let from = run
            .from
            .wrapping_add_signed(channel_step.wrapping_mul(channel.source.cast_signed()));
        for pixel in 0..run.pixels {
            let from = from.wrapping_add_signed(run.pixel_step.wrapping_mul(pixel.cast_signed()));
            // SAFETY: the pixel exists, in both.
            unsafe {
                let value = channel.value(f32::from(*source.at(from, 1)));
                let to = run.target.at(run.place.at(pixel, index, D, E), E);
                to.cast::<[u8; E]>().write(encode(value));
            }
        }
    }
}

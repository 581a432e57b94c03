//! A vector of values at a time: bytes are shuffled to 32-bit words in the order of the output, whichever it is.

#[allow(clippy::wildcard_imports, reason = "their names tell them")]
use std::arch::x86_64::*;
use std::mem;

use super::Run;
use crate::layout::Order;
use crate::level::{Level, Set};
use crate::memory::{Source, lead};

/// To nearest, ties to even.
const ROUND: i32 = _MM_FROUND_TO_NEAREST_INT;

/// What makes `D` vectors of `W` values of `W` pixels.
struct Plan<const D: usize, const W: usize> {
    /// For each value the byte of the pixels that it comes from.
    bytes: [[u8; W]; D],
    scale: [[f32; W]; D],
    offset: [[f32; W]; D],
}

impl<const D: usize, const W: usize> Plan<D, W> {
    fn of(run: &Run<'_>) -> Self {
        let available = run.images.shape[3];
        let mut plan = Self {
            bytes: [[0; W]; D],
            scale: [[0.0; W]; D],
            offset: [[0.0; W]; D],
        };
        for vector in 0..D {
            for value in 0..W {
                let (pixel, channel) = match run.place.order {
                    Order::ChannelsFirst => (value, vector),
                    Order::ChannelsLast => ((vector * W + value) / D, (vector * W + value) % D),
                };
                let channel = &run.channels[channel];
                plan.bytes[vector][value] = u8::try_from(pixel * available + channel.source).unwrap_or_default();
                plan.scale[vector][value] = channel.scale;
                plan.offset[vector][value] = channel.offset;
            }
        }
        plan
    }
}

/// Whether it was done: pixels must be contiguous, and at least as many as values of a vector.
///
/// # Safety
///
/// The run lies within its memory, has `D` channels and values of `E` bytes, and nobody else uses its target.
pub(super) unsafe fn run<const D: usize, const E: usize>(run: Run<'_>, level: Level, stream: bool) -> bool {
    let available = run.images.shape[3];
    if run.images.strides[3] != 1 && available > 1 || run.pixel_step != available.cast_signed() {
        return false;
    }
    macro_rules! call {
        ($kernel:ident $($one:literal)?) => {
            match (run.place.order, stream) {
                (Order::ChannelsFirst, false) => $kernel::<D, E, false, false $(, $one)?>(run),
                (Order::ChannelsFirst, true) => $kernel::<D, E, false, true $(, $one)?>(run),
                (Order::ChannelsLast, false) => $kernel::<D, E, true, false $(, $one)?>(run),
                (Order::ChannelsLast, true) => $kernel::<D, E, true, true $(, $one)?>(run),
            }
        };
    }
    // SAFETY: the machine has the level; the rest is as this function demands.
    unsafe {
        match level.set() {
            Set::Avx512 if run.pixels >= 16 => call!(avx512),
            Set::Avx2 | Set::Avx512 if run.pixels >= 8 && available == 1 => call!(avx2 true),
            Set::Avx2 | Set::Avx512 if run.pixels >= 8 => call!(avx2 false),
            _ => return false,
        }
    }
    true
}

/// # Safety
///
/// As `run`, with at least eight contiguous pixels, of one channel or more as `ONE` says, channels last or not as `LAST`
/// says.
#[target_feature(enable = "avx2,f16c")]
unsafe fn avx2<const D: usize, const E: usize, const LAST: bool, const STREAM: bool, const ONE: bool>(run: Run<'_>) {
    const W: usize = 8;
    let plan = Plan::<D, W>::of(&run);
    let available = run.images.shape[3];
    // The first four pixels are in one load of 16 bytes, the others in a second one that ends where they do.
    let second = [0, 0, 8, 16][available - 1];
    let size = if ONE { 8 } else { 16 };
    let masks = plan.bytes.map(|bytes| {
        let mut mask = [0x80; 4 * W];
        for (value, byte) in bytes.into_iter().enumerate() {
            let late = usize::from(byte) >= 4 * available;
            mask[4 * value] = if late { byte - second } else { byte };
        }
        // SAFETY: both are 32 bytes of anything.
        unsafe { mem::transmute::<[u8; 4 * W], __m256i>(mask) }
    });
    // SAFETY: both are eight numbers.
    let vector = |values| unsafe { mem::transmute::<[f32; W], __m256>(values) };
    let (scale, offset) = (plan.scale.map(vector), plan.offset.map(vector));
    let source = Source(run.images.bytes);
    let (pixel_step, vector_step) = if LAST { (D * E, W * E) } else { (E, run.place.plane) };
    let step = |pixel: usize| {
        // SAFETY: eight pixels follow, and are this run's to write.
        unsafe {
            let from = source.at(run.from + pixel * available, usize::from(second) + size);
            let parts = [0, second.into()].map(|at| {
                let from = from.add(at).cast();
                if ONE {
                    _mm_loadl_epi64(from)
                } else {
                    _mm_loadu_si128(from)
                }
            });
            for vector in 0..D {
                let half = |half: usize| {
                    let value = if LAST { (vector * W + half * 4) / D } else { half * 4 };
                    parts[usize::from(value >= 4)]
                };
                let words = _mm256_shuffle_epi8(_mm256_set_m128i(half(1), half(0)), masks[vector]);
                let values = _mm256_mul_ps(_mm256_cvtepi32_ps(words), scale[vector]);
                let values = _mm256_add_ps(values, offset[vector]);
                let at = run.place.to + pixel * pixel_step + vector * vector_step;
                let to = run.target.at(at, W * E);
                let stream = STREAM && to.addr().is_multiple_of(W * E);
                match (E, stream) {
                    (2, false) => _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<ROUND>(values)),
                    (2, true) => _mm_stream_si128(to.cast(), _mm256_cvtps_ph::<ROUND>(values)),
                    (_, false) => _mm256_storeu_ps(to.cast(), values),
                    (_, true) => _mm256_stream_ps(to.cast(), values),
                }
            }
        }
    };
    step(0);
    let first = lead(run.target, run.place.to, W * E) / if LAST { D * E } else { E };
    (first..=run.pixels - W).step_by(W).for_each(step);
    step(run.pixels - W);
    if STREAM {
        _mm_sfence();
    }
}

/// # Safety
///
/// As `run`, with at least sixteen contiguous pixels, channels last or not as `LAST` says.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
unsafe fn avx512<const D: usize, const E: usize, const LAST: bool, const STREAM: bool>(run: Run<'_>) {
    const W: usize = 16;
    let plan = Plan::<D, W>::of(&run);
    let available = run.images.shape[3];
    let there = u64::MAX >> (64 - W * available);
    let masks = plan.bytes.map(|bytes| {
        // SAFETY: both are 64 bytes of anything.
        unsafe { mem::transmute::<[i32; W], __m512i>(bytes.map(i32::from)) }
    });
    // SAFETY: both are sixteen numbers.
    let vector = |values| unsafe { mem::transmute::<[f32; W], __m512>(values) };
    let (scale, offset) = (plan.scale.map(vector), plan.offset.map(vector));
    let source = Source(run.images.bytes);
    let (pixel_step, vector_step) = if LAST { (D * E, W * E) } else { (E, run.place.plane) };
    let step = |pixel: usize| {
        // SAFETY: sixteen pixels follow, and are this run's to write.
        unsafe {
            let from = source.at(run.from + pixel * available, W * available);
            let pixels = _mm512_maskz_loadu_epi8(there, from.cast());
            for vector in 0..D {
                let words = _mm512_maskz_permutexvar_epi8(0x1111_1111_1111_1111, masks[vector], pixels);
                let values = _mm512_mul_ps(_mm512_cvtepi32_ps(words), scale[vector]);
                let values = _mm512_add_ps(values, offset[vector]);
                let at = run.place.to + pixel * pixel_step + vector * vector_step;
                let to = run.target.at(at, W * E);
                let stream = STREAM && to.addr().is_multiple_of(W * E);
                match (E, stream) {
                    (2, false) => _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<ROUND>(values)),
                    (2, true) => _mm256_stream_si256(to.cast(), _mm512_cvtps_ph::<ROUND>(values)),
                    (_, false) => _mm512_storeu_ps(to.cast(), values),
                    (_, true) => _mm512_stream_ps(to.cast(), values),
                }
            }
        }
    };
    step(0);
    let first = lead(run.target, run.place.to, W * E) / if LAST { D * E } else { E };
    (first..=run.pixels - W).step_by(W).for_each(step);
    step(run.pixels - W);
    if STREAM {
        _mm_sfence();
    }
}

//! Vectors as lanes of 16 bytes.

#[allow(clippy::wildcard_imports, reason = "their names tell them")]
use std::arch::x86_64::*;

/// # Safety
///
/// 16 bytes are there.
#[inline]
pub(super) unsafe fn load(from: *const u8) -> __m128i {
    // SAFETY: the caller vouches for it; alignment isn't asked for.
    unsafe { _mm_loadu_si128(from.cast()) }
}

/// One step of a transposition: halves of the list are interleaved, vector by vector.
macro_rules! interleave {
    ($rows:expr, $low:ident, $high:ident, $half:literal: $($i:literal)+) => {{
        let rows = $rows;
        [$($low(rows[$i], rows[$i + $half]), $high(rows[$i], rows[$i + $half])),+]
    }};
}

/// As many steps as it takes.
macro_rules! transposed {
    (2, $rows:expr, $low:ident, $high:ident) => {
        interleave!($rows, $low, $high, 1: 0)
    };
    (4, $rows:expr, $low:ident, $high:ident) => {
        interleave!(interleave!($rows, $low, $high, 2: 0 1), $low, $high, 2: 0 1)
    };
    (8, $rows:expr, $low:ident, $high:ident) => {
        interleave!(interleave!(interleave!($rows, $low, $high, 4: 0 1 2 3), $low, $high, 4: 0 1 2 3),
            $low, $high, 4: 0 1 2 3)
    };
    (16, $rows:expr, $low:ident, $high:ident) => {
        interleave!(interleave!(interleave!(interleave!($rows,
            $low, $high, 8: 0 1 2 3 4 5 6 7), $low, $high, 8: 0 1 2 3 4 5 6 7),
            $low, $high, 8: 0 1 2 3 4 5 6 7), $low, $high, 8: 0 1 2 3 4 5 6 7)
    };
}

macro_rules! each {
    (2, $f:expr) => {
        [$f(0), $f(1)]
    };
    (4, $f:expr) => {
        [$f(0), $f(1), $f(2), $f(3)]
    };
    (8, $f:expr) => {
        [$f(0), $f(1), $f(2), $f(3), $f(4), $f(5), $f(6), $f(7)]
    };
    (16, $f:expr) => {
        [
            $f(0),
            $f(1),
            $f(2),
            $f(3),
            $f(4),
            $f(5),
            $f(6),
            $f(7),
            $f(8),
            $f(9),
            $f(10),
            $f(11),
            $f(12),
            $f(13),
            $f(14),
            $f(15),
        ]
    };
}

pub(super) use {each, interleave, transposed};

/// Of 4 / `E` pixels, the elements of channel c to word c. The first byte of the pixels is byte `shift` of the lane.
#[expect(clippy::cast_possible_truncation, reason = "a lane has sixteen bytes")]
pub(super) const fn words_of_pixels(channels: usize, element: usize, shift: usize) -> [u8; 16] {
    let mut mask = [0x80; 16];
    let mut at = 0;
    while at < 4 * channels {
        let (channel, byte) = (at / 4, at % 4);
        mask[at] = ((byte / element * channels + channel) * element + byte % element + shift) as u8;
        at += 1;
    }
    mask
}

/// The reverse, the first byte of the pixels being byte `shift` of the lane, and the last ones wrapped around.
#[expect(clippy::cast_possible_truncation, reason = "a lane has sixteen bytes")]
pub(super) const fn pixels_of_words(channels: usize, element: usize, shift: usize) -> [u8; 16] {
    let mut mask = [0x80; 16];
    let mut at = 0;
    while at < 4 * channels {
        let (channel, byte) = (at / 4, at % 4);
        mask[((byte / element * channels + channel) * element + byte % element + shift) % 16] = at as u8;
        at += 1;
    }
    mask
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn combine_avx2([a, b]: [__m128i; 2]) -> __m256i {
    _mm256_set_m128i(b, a)
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn combine_avx512([a, b, c, d]: [__m128i; 4]) -> __m512i {
    let vector = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(vector, c), d)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn parts_avx2(vector: __m256i) -> [__m128i; 2] {
    [_mm256_castsi256_si128(vector), _mm256_extracti128_si256::<1>(vector)]
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn parts_avx512(vector: __m512i) -> [__m128i; 4] {
    [
        _mm512_castsi512_si128(vector),
        _mm512_extracti32x4_epi32::<1>(vector),
        _mm512_extracti32x4_epi32::<2>(vector),
        _mm512_extracti32x4_epi32::<3>(vector),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn blend_avx2<const MASK: i32>(a: __m256i, b: __m256i) -> __m256i {
    match MASK {
        0b1000 => _mm256_blend_epi32::<0b1000_1000>(a, b),
        0b1100 => _mm256_blend_epi32::<0b1100_1100>(a, b),
        _ => _mm256_blend_epi32::<0b1110_1110>(a, b),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn blend_avx512<const MASK: u16>(a: __m512i, b: __m512i) -> __m512i {
    _mm512_mask_blend_epi32(MASK * 0x1111, a, b)
}

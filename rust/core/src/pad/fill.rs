//! Filling memory with one element over and over.

use super::Element;
use crate::level::{Level, Set};

/// What stores of the widest unit write; every element's size divides it.
const WIDTH: usize = 64;
/// From here on the C library's memset is the quicker one.
const LARGE: usize = 512;

/// An element, repeated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    bytes: [u8; WIDTH],
    /// The byte that all others are equal to, as in zero.
    uniform: Option<u8>,
}

impl Pattern {
    pub(super) const ZEROS: Self = Self {
        bytes: [0; WIDTH],
        uniform: Some(0),
    };

    pub(super) fn new(element: Element) -> Self {
        let eight = match element {
            Element::One([byte]) => [byte; 8],
            Element::Two([a, b]) => [a, b, a, b, a, b, a, b],
            Element::Four([a, b, c, d]) => [a, b, c, d, a, b, c, d],
            Element::Eight(bytes) => bytes,
        };
        let mut bytes = [0; WIDTH];
        bytes.as_chunks_mut().0.fill(eight);
        let uniform = (eight == [eight[0]; 8]).then_some(eight[0]);
        Self { bytes, uniform }
    }

    /// Fills `bytes`, a whole number of elements.
    pub(super) fn fill(&self, bytes: &mut [u8], level: Level) {
        if bytes.len() < LARGE {
            return self.fill_any(bytes);
        }
        if let Some(byte) = self.uniform {
            return bytes.fill(byte);
        }
        match level.set() {
            Set::Portable => self.fill_any(bytes),
            // SAFETY: the machine has the instructions of the level.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { self.fill_avx2(bytes) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { self.fill_avx512(bytes) },
            #[cfg(not(target_arch = "x86_64"))]
            Set::Avx2 | Set::Avx512 => self.fill_any(bytes),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn fill_avx2(&self, bytes: &mut [u8]) {
        self.fill_any(bytes);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn fill_avx512(&self, bytes: &mut [u8]) {
        self.fill_any(bytes);
    }

    /// Where a last store doesn't fit it reaches back: elements begin where they would anyway, as their size divides
    /// both the length and that of the store.
    #[expect(clippy::inline_always, reason = "it is compiled once for each unit")]
    #[inline(always)]
    fn fill_any(&self, bytes: &mut [u8]) {
        let (wide, _) = bytes.as_chunks_mut::<WIDTH>();
        for part in wide {
            *part = self.bytes;
        }
        if let Some(last) = bytes.last_chunk_mut::<WIDTH>() {
            *last = self.bytes;
        } else {
            self.fill_few(bytes);
        }
    }

    fn fill_few(&self, bytes: &mut [u8]) {
        fn both_ends<const N: usize>(bytes: &mut [u8], pattern: &[u8; WIDTH]) {
            let Some(part) = pattern.first_chunk::<N>() else { return };
            if let Some(first) = bytes.first_chunk_mut() {
                *first = *part;
            }
            if let Some(last) = bytes.last_chunk_mut() {
                *last = *part;
            }
        }
        match bytes.len() {
            0 => {}
            1 => bytes[0] = self.bytes[0],
            2..4 => both_ends::<2>(bytes, &self.bytes),
            4..8 => both_ends::<4>(bytes, &self.bytes),
            8..16 => both_ends::<8>(bytes, &self.bytes),
            16..32 => both_ends::<16>(bytes, &self.bytes),
            _ => both_ends::<32>(bytes, &self.bytes),
        }
    }
}

//! Copying what is too little for the C library's memcpy to be quick.

use crate::level::{Level, Set};

/// What stores of the widest unit write.
const WIDTH: usize = 64;
/// From here on the C library's memcpy is the quicker one.
const LARGE: usize = 4096;

/// Copies `from` to `to`, which are of one length.
#[inline]
pub(super) fn copy(from: &[u8], to: &mut [u8], level: Level) {
    if to.len() >= LARGE || from.len() != to.len() {
        return to.copy_from_slice(from);
    }
    match level.set() {
        Set::Portable => any(from, to),
        // SAFETY: the machine has the instructions of the level.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { avx2(from, to) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { avx512(from, to) },
        #[cfg(not(target_arch = "x86_64"))]
        Set::Avx2 | Set::Avx512 => any(from, to),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(from: &[u8], to: &mut [u8]) {
    any(from, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(from: &[u8], to: &mut [u8]) {
    any(from, to);
}

/// Two stores a step, or the compiler would make a call of memcpy of it. The last ones reach back.
#[expect(clippy::inline_always, reason = "it is compiled once for each unit")]
#[inline(always)]
fn any(from: &[u8], to: &mut [u8]) {
    match to.len() {
        0 => {}
        1 => to[0] = from[0],
        2..4 => both_ends::<2>(from, to),
        4..8 => both_ends::<4>(from, to),
        8..16 => both_ends::<8>(from, to),
        16..32 => both_ends::<16>(from, to),
        32..64 => both_ends::<32>(from, to),
        64..128 => both_ends::<64>(from, to),
        _ => {
            let steps = to.as_chunks_mut::<{ 2 * WIDTH }>().0.iter_mut();
            for (to, from) in steps.zip(from.as_chunks::<{ 2 * WIDTH }>().0) {
                let (low, high) = to.split_at_mut(WIDTH);
                low.copy_from_slice(&from[..WIDTH]);
                high.copy_from_slice(&from[WIDTH..]);
            }
            if let (Some(from), Some(to)) = (from.last_chunk::<{ 2 * WIDTH }>(), to.last_chunk_mut()) {
                *to = *from;
            }
        }
    }
}

#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn both_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        if let Some(to) = to.first_chunk_mut() {
            *to = *first;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = *last;
        }
    }
}

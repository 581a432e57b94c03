//! From f32 to f16.

use half::f16;
use half::slice::HalfFloatSliceExt;
use zerocopy::FromBytes;

/// Rounds f32 to the nearest f16, to even in between. What is too large becomes an infinity; a NaN stays one, with its
/// sign and the upper bits of its payload, and is quiet.
pub(super) fn narrow(from: &[u8], to: &mut [u8]) {
    if let Ok(from) = <[f32]>::ref_from_bytes(from)
        && let Ok(to) = <[f16]>::mut_from_bytes(to)
    {
        to.convert_from_f32_slice(from);
        return;
    }
    for (from, to) in from.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
        *to = f16::from_f32(f32::from_ne_bytes(*from)).to_ne_bytes();
    }
}

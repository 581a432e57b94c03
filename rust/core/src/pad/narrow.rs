//! From f32 to f16.

use half::f16;

use crate::level::{Level, Set};

/// Rounds f32 to the nearest f16, to even in between. What is too large becomes an infinity; a NaN stays one, with its
/// sign and the upper bits of its payload, and is quiet.
pub(super) fn narrow(from: &[u8], to: &mut [u8], level: Level) {
    match level.set() {
        Set::Portable => portable(from, to),
        // SAFETY: the machine has the instructions of the level.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { x86::avx2(from, to) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { x86::avx512(from, to) },
        #[cfg(not(target_arch = "x86_64"))]
        Set::Avx2 | Set::Avx512 => portable(from, to),
    }
}

fn portable(from: &[u8], to: &mut [u8]) {
    for (from, to) in from.as_chunks().0.iter().zip(to.as_chunks_mut().0) {
        *to = f16::from_f32_const(f32::from_ne_bytes(*from)).to_ne_bytes();
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_storeu_si128, _mm256_cvtps_ph, _mm256_loadu_ps,
        _mm256_storeu_si256, _mm512_cvtps_ph, _mm512_loadu_ps,
    };

    #[target_feature(enable = "avx2,f16c")]
    pub fn avx2(from: &[u8], to: &mut [u8]) {
        let (whole, few) = from.as_chunks::<32>();
        let (places, rest) = to.as_chunks_mut::<16>();
        for (from, to) in whole.iter().zip(places) {
            eight(from, to);
        }
        if !rest.is_empty() {
            let (mut from, mut to) = ([0; 32], [0; 16]);
            from[..few.len()].copy_from_slice(few);
            eight(&from, &mut to);
            rest.copy_from_slice(&to[..rest.len()]);
        }
    }

    #[target_feature(enable = "avx512f,avx2,f16c")]
    pub fn avx512(from: &[u8], to: &mut [u8]) {
        let (whole, few) = from.as_chunks::<64>();
        let (places, rest) = to.as_chunks_mut::<32>();
        for (from, to) in whole.iter().zip(places) {
            // SAFETY: 16 elements are read and 16 are written, at any address.
            unsafe {
                let narrow = _mm512_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(_mm512_loadu_ps(
                    from.as_ptr().cast(),
                ));
                _mm256_storeu_si256(to.as_mut_ptr().cast(), narrow);
            }
        }
        avx2(few, rest);
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    fn eight(from: &[u8; 32], to: &mut [u8; 16]) {
        // SAFETY: 8 elements are read and 8 are written, at any address.
        unsafe {
            let narrow = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(from.as_ptr().cast()));
            _mm_storeu_si128(to.as_mut_ptr().cast(), narrow);
        }
    }
}

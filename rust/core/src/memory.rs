//! Memory as kernels see it.

use std::marker::PhantomData;

/// Output of this size and more is written past the caches: it wouldn't stay in them until it is read.
pub(crate) const STREAM_FROM: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };

/// Bytes to read. In debug builds every access is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a>(pub &'a [u8]);

impl Source<'_> {
    /// # Safety
    ///
    /// The `len` bytes at `offset` lie within.
    #[inline]
    pub unsafe fn at(self, offset: usize, len: usize) -> *const u8 {
        debug_assert!(offset <= self.0.len() && len <= self.0.len() - offset);
        // SAFETY: the caller vouches for it.
        unsafe { self.0.as_ptr().add(offset) }
    }
}

/// Bytes to write, of which several threads may each write another part. In debug builds every access is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    start: *mut u8,
    len: usize,
    lent: PhantomData<&'a mut [u8]>,
}

// SAFETY: it is a `&mut [u8]`, which may go to another thread, and `at` asks that no two of them use the same bytes.
unsafe impl Send for Target<'_> {}
// SAFETY: as above.
unsafe impl Sync for Target<'_> {}

impl<'a> Target<'a> {
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            start: bytes.as_mut_ptr(),
            len: bytes.len(),
            lent: PhantomData,
        }
    }

    /// # Safety
    ///
    /// The `len` bytes at `offset` lie within, and nobody else uses them meanwhile.
    #[inline]
    pub unsafe fn at(self, offset: usize, len: usize) -> *mut u8 {
        debug_assert!(offset <= self.len && len <= self.len - offset);
        // SAFETY: the caller vouches for it.
        unsafe { self.start.add(offset) }
    }
}

/// Where steps of `by` begin that cover `0..len`, the last one moved back as far as it must.
#[cfg(target_arch = "x86_64")]
pub(crate) fn steps(len: usize, by: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(by).map(move |begin| begin.min(len - by))
}

/// Bytes from `offset` of `target` to the next multiple of `size`.
#[cfg(target_arch = "x86_64")]
pub(crate) fn lead(target: Target<'_>, offset: usize, size: usize) -> usize {
    target.start.addr().wrapping_add(offset).wrapping_neg() % size
}

/// Bytes of a C-contiguous array. A zero anywhere wins over an overflow elsewhere.
pub(crate) fn product(shape: &[usize], item: usize) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(item, |bytes, &size| bytes.checked_mul(size))
}

/// Whether every element of an array lies within `len` bytes, if the one at index `[0, .., 0]` begins at `origin`.
#[inline]
pub(crate) fn lies_within(len: usize, origin: usize, item: usize, shape: &[usize], strides: &[isize]) -> bool {
    if strides.len() != shape.len() {
        return false;
    }
    if shape.contains(&0) {
        return true;
    }
    let (mut below, mut above) = (0_usize, item);
    for (&size, &stride) in shape.iter().zip(strides) {
        let side = if stride < 0 { &mut below } else { &mut above };
        let reach = stride.unsigned_abs().checked_mul(size - 1);
        let Some(sum) = reach.and_then(|reach| side.checked_add(reach)) else {
            return false;
        };
        *side = sum;
    }
    below <= origin && len.checked_sub(origin).is_some_and(|after| above <= after)
}

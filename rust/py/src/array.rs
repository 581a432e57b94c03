//! Arrays of other libraries, by the buffer protocol.

use std::ops::Range;
use std::slice;

use npuspec_core::pad::Sample;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;

use crate::dtype::Dtype;

/// An exported buffer. Its owner may neither free nor move the memory as long as this exists.
pub struct Array {
    buffer: PyUntypedBuffer,
    /// Addresses from the first byte of the lowest element to the last of the highest; empty without elements.
    extent: Range<usize>,
}

impl Array {
    /// # Errors
    ///
    /// `TypeError` if `object` has no buffer, `BufferError` if its buffer doesn't lie in one block of memory.
    pub fn get(object: &Bound<'_, PyAny>, name: impl Fn() -> String) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(object).map_err(|error| {
            if error.is_instance_of::<PyTypeError>(object.py()) {
                let kind = object.get_type();
                PyTypeError::new_err(format!("{} is a {kind}, not an array", name()))
            } else {
                let reason = error.value(object.py());
                PyBufferError::new_err(format!(
                    "{} has no axes, or a buffer that can't be read: {reason}",
                    name()
                ))
            }
        })?;
        if buffer.suboffsets().is_some() {
            return Err(PyBufferError::new_err(format!(
                "{} is made of several blocks of memory",
                name()
            )));
        }
        let extent = extent(&buffer)
            .ok_or_else(|| PyBufferError::new_err(format!("{} has strides that leave the address space", name())))?;
        Ok(Self { buffer, extent })
    }

    pub fn shape(&self) -> &[usize] {
        self.buffer.shape()
    }

    /// Bytes from element to element along each axis.
    pub fn strides(&self) -> &[isize] {
        self.buffer.strides()
    }

    pub fn is_c_contiguous(&self) -> bool {
        self.buffer.is_c_contiguous()
    }

    pub fn is_readonly(&self) -> bool {
        self.buffer.readonly()
    }

    /// `None` if it isn't one that is supported, or not in this machine's byte order.
    pub fn dtype(&self) -> Option<Dtype> {
        Dtype::from_format(self.buffer.format().to_bytes(), self.buffer.item_size())
    }

    pub fn format(&self) -> String {
        self.buffer.format().to_string_lossy().into_owned()
    }

    /// Whether elements of the one may lie between or on elements of the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (&self.extent, &other.extent);
        !a.is_empty() && !b.is_empty() && a.start < b.end && b.start < a.end
    }

    /// The memory from the lowest element to the highest.
    pub fn bytes(&self) -> &[u8] {
        if self.extent.is_empty() {
            return &[];
        }
        // SAFETY: the exporter vouches for the elements that shape and strides describe, which begin and end this
        // range, and holds them where they are while the buffer is exported, which is as long as `self` lives. Both
        // lie in one block of memory, so the bytes between them are there, too. That nobody writes to them meanwhile
        // is asked of the caller in the stub; `pad` refuses outputs that overlap a sample.
        unsafe {
            let start = self
                .buffer
                .buf_ptr()
                .cast::<u8>()
                .cast_const()
                .wrapping_sub(self.origin());
            slice::from_raw_parts(start, self.extent.len())
        }
    }

    /// The memory of a writeable C-contiguous array; `None` for any other.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        if self.is_readonly() || !self.is_c_contiguous() {
            return None;
        }
        if self.extent.is_empty() {
            return Some(&mut []);
        }
        // SAFETY: as in `bytes`; the memory is writeable by the check above, and contiguous, so that it begins at
        // the buffer's own pointer. It is borrowed by this slice alone as far as `self` goes, and `pad` refuses
        // arrays that overlap another one.
        unsafe {
            Some(slice::from_raw_parts_mut(
                self.buffer.buf_ptr().cast::<u8>(),
                self.extent.len(),
            ))
        }
    }

    /// Where in `bytes` the element at index `[0, .., 0]` begins.
    pub fn origin(&self) -> usize {
        if self.extent.is_empty() {
            return 0;
        }
        self.buffer.buf_ptr().addr() - self.extent.start
    }

    pub fn sample(&self) -> Sample<'_> {
        Sample {
            bytes: self.bytes(),
            origin: self.origin(),
            shape: self.buffer.shape(),
            strides: self.buffer.strides(),
        }
    }
}

fn extent(buffer: &PyUntypedBuffer) -> Option<Range<usize>> {
    if buffer.item_size() == 0 || buffer.shape().contains(&0) {
        return Some(0..0);
    }
    let mut start = buffer.buf_ptr().addr();
    let mut end = start.checked_add(buffer.item_size())?;
    for (&size, &stride) in buffer.shape().iter().zip(buffer.strides()) {
        let reach = stride.unsigned_abs().checked_mul(size - 1)?;
        if stride < 0 {
            start = start.checked_sub(reach)?;
        } else {
            end = end.checked_add(reach)?;
        }
    }
    // A slice can't be longer.
    isize::try_from(end - start).ok()?;
    Some(start..end)
}

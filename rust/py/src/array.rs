//! Arrays of other libraries: `NumPy`'s are read as they lie in memory, others by the buffer protocol.

use std::fmt;
use std::ops::Range;
use std::slice;

use npuspec_core::pad::Sample;
use numpy::npyffi::NPY_ARRAY_WRITEABLE;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::dtype::Dtype;

/// From as many bytes of output on, other threads of Python run meanwhile: letting them takes longer than writing less.
pub const LARGE: usize = 64 << 10;

/// Calls `work`, which writes so many bytes.
pub fn detached<T: Send>(py: Python<'_>, bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    if bytes < LARGE { work() } else { py.detach(work) }
}

/// What an array is called in messages.
#[derive(Debug, Clone, Copy)]
pub enum Name {
    The(&'static str),
    Numbered(&'static str, usize),
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::The(name) => formatter.write_str(name),
            Self::Numbered(name, number) => write!(formatter, "{name} {number}"),
        }
    }
}

/// An array that is held: its memory is neither freed nor moved as long as this exists.
pub enum Array<'py> {
    NumPy(Bound<'py, PyUntypedArray>),
    Other(PyUntypedBuffer),
}

impl<'py> Array<'py> {
    /// # Errors
    ///
    /// `TypeError` if `object` has no buffer or a mask, `BufferError` if it has a buffer that can't be read.
    #[inline]
    pub fn hold(object: Bound<'py, PyAny>, name: Name) -> PyResult<Self> {
        match object.cast_into_exact::<PyUntypedArray>() {
            Ok(array) => Ok(Self::NumPy(array)),
            Err(error) => Self::hold_derived(error.into_inner(), name),
        }
    }

    /// As `hold`, of another class than `NumPy`'s own.
    fn hold_derived(object: Bound<'py, PyAny>, name: Name) -> PyResult<Self> {
        match object.cast_into::<PyUntypedArray>() {
            Ok(array) if array.is_instance(&array.py().import("numpy.ma")?.getattr("MaskedArray")?)? => {
                let message = format!("{name} is a masked array, and its mask would be lost; fill it: .filled(0)");
                Err(PyTypeError::new_err(message))
            }
            Ok(array) => Ok(Self::NumPy(array)),
            Err(error) => Self::hold_buffer(&error.into_inner(), name),
        }
    }

    /// As `hold`, without `NumPy`.
    pub fn hold_buffer(object: &Bound<'py, PyAny>, name: Name) -> PyResult<Self> {
        PyUntypedBuffer::get(object).map(Self::Other).map_err(|error| {
            if error.is_instance_of::<PyTypeError>(object.py()) {
                let kind = object.get_type();
                PyTypeError::new_err(format!("{name} is a {kind}, not an array"))
            } else {
                let reason = error.value(object.py());
                PyBufferError::new_err(format!("{name} has no axes, or a buffer that can't be read: {reason}"))
            }
        })
    }

    /// What there is to be known of its memory.
    ///
    /// Python can change an array's sizes and strides while this is borrowed, so none of it may run meanwhile.
    ///
    /// # Errors
    ///
    /// `BufferError` if it has no axes, or doesn't lie in one block of memory.
    #[expect(clippy::inline_always, reason = "what it returns is too large to be quick to return")]
    #[inline(always)]
    pub fn view(&self, name: Name) -> PyResult<View<'_>> {
        let (dtype, first) = match self {
            Self::NumPy(array) => {
                // SAFETY: the type was checked, and the GIL is held.
                let (fields, descr) = unsafe {
                    let fields = &(*array.as_array_ptr()).fields;
                    (fields, &(*fields.descr).fields)
                };
                let dtype = Dtype::from_numpy(descr.type_num, descr.byteorder.cast_unsigned());
                (dtype, fields.data.cast())
            }
            Self::Other(buffer) => {
                let dtype = Dtype::from_format(buffer.format().to_bytes(), buffer.item_size());
                (dtype, buffer.buf_ptr().cast())
            }
        };
        let item = match self {
            Self::NumPy(_) => dtype.map_or(0, Dtype::size),
            Self::Other(buffer) => buffer.item_size(),
        };
        let extent = extent(first, item, self.shape(), self.strides());
        match extent {
            Some(extent) if self.is_plain() => Ok(View {
                array: self,
                name,
                dtype,
                first,
                extent,
            }),
            _ => Err(self.not_plain(name)),
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::NumPy(array) => array.shape(),
            Self::Other(buffer) => buffer.shape(),
        }
    }

    fn strides(&self) -> &[isize] {
        match self {
            Self::NumPy(array) => array.strides(),
            Self::Other(buffer) => buffer.strides(),
        }
    }

    /// Whether it has axes and lies in one block of memory.
    fn is_plain(&self) -> bool {
        match self {
            Self::NumPy(array) => array.ndim() > 0,
            Self::Other(buffer) => buffer.suboffsets().is_none(),
        }
    }

    #[cold]
    fn not_plain(&self, name: Name) -> PyErr {
        let reason = match self {
            Self::NumPy(array) if array.ndim() == 0 => "has no axes",
            Self::Other(buffer) if buffer.suboffsets().is_some() => "is made of several blocks of memory",
            _ => "has strides that leave the address space",
        };
        PyBufferError::new_err(format!("{name} {reason}"))
    }

    /// What it has instead of a dtype that is wanted.
    fn kind(&self) -> String {
        match self {
            Self::NumPy(array) => format!("dtype {}", array.dtype()),
            Self::Other(buffer) => format!("the buffer format {:?}", buffer.format().to_string_lossy()),
        }
    }
}

/// All that there is to be known of an array's memory.
pub struct View<'a> {
    array: &'a Array<'a>,
    name: Name,
    /// `None` if it isn't one that is supported, or not in this machine's byte order.
    dtype: Option<Dtype>,
    /// Where the element at index `[0, .., 0]` begins.
    first: *mut u8,
    /// Addresses from the first byte of the lowest element to the last of the highest; empty without elements.
    extent: Range<usize>,
}

impl<'a> View<'a> {
    pub fn shape(&self) -> &'a [usize] {
        self.array.shape()
    }

    /// Its dtype.
    ///
    /// # Errors
    ///
    /// `TypeError` if it has none that is supported.
    pub fn dtype(&self) -> PyResult<Dtype> {
        self.dtype.ok_or_else(|| self.wrong("which isn't supported"))
    }

    /// # Errors
    ///
    /// `TypeError` if it has another.
    #[inline]
    pub fn has_dtype(&self, dtype: Dtype) -> PyResult<()> {
        if self.dtype == Some(dtype) {
            Ok(())
        } else {
            Err(self.wrong(&format!("not dtype {}", dtype.name())))
        }
    }

    #[cold]
    fn wrong(&self, why: &str) -> PyErr {
        PyTypeError::new_err(format!("{} has {}, {why}", self.name, self.array.kind()))
    }

    /// # Errors
    ///
    /// `BufferError` if it isn't.
    pub fn is_c_contiguous(&self) -> PyResult<()> {
        let is_so = match self.array {
            Array::NumPy(array) => array.is_c_contiguous(),
            Array::Other(buffer) => buffer.is_c_contiguous(),
        };
        if is_so {
            return Ok(());
        }
        Err(PyBufferError::new_err(format!("{} isn't C-contiguous", self.name)))
    }

    /// Whether it can be written to in one piece.
    ///
    /// # Errors
    ///
    /// `BufferError` if it can't.
    pub fn is_output(&self) -> PyResult<()> {
        let is_writeable = match self.array {
            // SAFETY: the type was checked, and the GIL is held.
            Array::NumPy(array) => unsafe { (*array.as_array_ptr()).fields.flags & NPY_ARRAY_WRITEABLE != 0 },
            Array::Other(buffer) => !buffer.readonly(),
        };
        if is_writeable {
            return self.is_c_contiguous();
        }
        Err(PyBufferError::new_err(format!("{} is read-only", self.name)))
    }

    /// Refuses arrays of which elements of the one may lie between or on elements of the other.
    ///
    /// # Errors
    ///
    /// `ValueError`.
    #[inline]
    pub fn is_apart(&self, other: &Self) -> PyResult<()> {
        let (a, b) = (&self.extent, &other.extent);
        if a.is_empty() || b.is_empty() || a.end <= b.start || b.end <= a.start {
            Ok(())
        } else {
            Err(self.overlap(other))
        }
    }

    #[cold]
    fn overlap(&self, other: &Self) -> PyErr {
        PyValueError::new_err(format!("{} and {} overlap", self.name, other.name))
    }

    /// The memory from the lowest element to the highest.
    pub fn bytes(&self) -> &'a [u8] {
        if self.extent.is_empty() {
            return &[];
        }
        // SAFETY: the array vouches for the elements that shape and strides describe, which begin and end this range,
        // and is held. Both lie in one block of memory, so the bytes between them are there, too. That nobody writes
        // to them meanwhile is asked of the caller in the stub; outputs that overlap an input are refused.
        unsafe { slice::from_raw_parts(self.first.wrapping_sub(self.origin()), self.extent.len()) }
    }

    /// # Errors
    ///
    /// As `is_output`.
    pub fn bytes_mut(&mut self) -> PyResult<&mut [u8]> {
        self.is_output()?;
        if self.extent.is_empty() {
            return Ok(&mut []);
        }
        // SAFETY: as in `bytes`; the memory is writeable by the check above, and contiguous, so that it begins with the
        // first element. It is borrowed by this slice alone as far as `self` goes, and outputs that overlap another
        // array are refused.
        unsafe { Ok(slice::from_raw_parts_mut(self.first, self.extent.len())) }
    }

    /// Where in `bytes` the element at index `[0, .., 0]` begins.
    fn origin(&self) -> usize {
        if self.extent.is_empty() {
            return 0;
        }
        self.first.addr() - self.extent.start
    }

    #[inline]
    pub fn sample(&self) -> Sample<'a> {
        Sample {
            bytes: self.bytes(),
            origin: self.origin(),
            shape: self.array.shape(),
            strides: self.array.strides(),
        }
    }
}

#[inline]
fn extent(first: *const u8, item: usize, shape: &[usize], strides: &[isize]) -> Option<Range<usize>> {
    if item == 0 || shape.contains(&0) {
        return Some(0..0);
    }
    let mut start = first.addr();
    let mut end = start.checked_add(item)?;
    for (&size, &stride) in shape.iter().zip(strides) {
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

//! Arrays of other libraries: `NumPy`'s are read as they lie in memory, others by the buffer protocol.

use std::fmt;
use std::ops::Range;
use std::slice;

use npuspec_core::pad::Sample;
use numpy::npyffi::NPY_ARRAY_WRITEABLE;
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::dtype::Dtype;

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

/// What keeps an array's memory. It may neither be freed nor moved as long as this exists.
enum Owner<'py> {
    NumPy(Bound<'py, PyUntypedArray>),
    Buffer(PyUntypedBuffer),
}

/// An array, and all that there is to be known of its memory.
///
/// Sizes and strides are copies: Python can change an array's own while other threads run.
pub struct Array<'py> {
    owner: Owner<'py>,
    pub name: Name,
    /// `None` if it isn't one that is supported, or not in this machine's byte order.
    pub dtype: Option<Dtype>,
    /// Where the element at index `[0, .., 0]` begins.
    first: *mut u8,
    /// Addresses from the first byte of the lowest element to the last of the highest; empty without elements.
    extent: Range<usize>,
    pub shape: SmallVec<[usize; 4]>,
    strides: SmallVec<[isize; 4]>,
    writeable: bool,
    c_contiguous: bool,
}

impl<'py> Array<'py> {
    /// # Errors
    ///
    /// `TypeError` if `object` has no buffer, `BufferError` if its buffer has no axes or doesn't lie in one block of
    /// memory.
    pub fn get(object: &Bound<'py, PyAny>, name: Name) -> PyResult<Self> {
        match object.cast::<PyUntypedArray>() {
            Ok(array) => Self::of_numpy(array.clone(), name),
            Err(_) => Self::of_buffer(object, name),
        }
    }

    fn of_numpy(array: Bound<'py, PyUntypedArray>, name: Name) -> PyResult<Self> {
        if array.ndim() == 0 {
            return Err(PyBufferError::new_err(format!("{name} has no axes")));
        }
        let dtype = array.dtype();
        // SAFETY: the type was checked, and the GIL is held.
        let (first, flags) = unsafe {
            let fields = &(*array.as_array_ptr()).fields;
            (fields.data.cast(), fields.flags)
        };
        let (shape, strides) = (array.shape(), array.strides());
        let item = dtype.itemsize();
        Ok(Self {
            name,
            dtype: Dtype::from_numpy(dtype.num(), dtype.byteorder()),
            first,
            extent: extent(first, item, shape, strides).ok_or_else(|| outside(name))?,
            shape: SmallVec::from_slice(shape),
            strides: SmallVec::from_slice(strides),
            writeable: flags & NPY_ARRAY_WRITEABLE != 0,
            c_contiguous: array.is_c_contiguous(),
            owner: Owner::NumPy(array),
        })
    }

    /// As `get`, without `NumPy`.
    pub fn of_buffer(object: &Bound<'py, PyAny>, name: Name) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(object).map_err(|error| {
            if error.is_instance_of::<PyTypeError>(object.py()) {
                let kind = object.get_type();
                PyTypeError::new_err(format!("{name} is a {kind}, not an array"))
            } else {
                let reason = error.value(object.py());
                PyBufferError::new_err(format!("{name} has no axes, or a buffer that can't be read: {reason}"))
            }
        })?;
        if buffer.suboffsets().is_some() {
            return Err(PyBufferError::new_err(format!(
                "{name} is made of several blocks of memory"
            )));
        }
        let (shape, strides) = (buffer.shape(), buffer.strides());
        let first = buffer.buf_ptr().cast();
        Ok(Self {
            name,
            dtype: Dtype::from_format(buffer.format().to_bytes(), buffer.item_size()),
            first,
            extent: extent(first, buffer.item_size(), shape, strides).ok_or_else(|| outside(name))?,
            shape: SmallVec::from_slice(shape),
            strides: SmallVec::from_slice(strides),
            writeable: !buffer.readonly(),
            c_contiguous: buffer.is_c_contiguous(),
            owner: Owner::Buffer(buffer),
        })
    }

    /// Its dtype, as that of an array to write to.
    ///
    /// # Errors
    ///
    /// `TypeError` if it has none that is supported, `BufferError` if it can't be written to in one piece.
    pub fn as_output(&self) -> PyResult<Dtype> {
        let name = self.name;
        if !self.writeable {
            return Err(PyBufferError::new_err(format!("{name} is read-only")));
        }
        if !self.c_contiguous {
            return Err(PyBufferError::new_err(format!("{name} isn't C-contiguous")));
        }
        self.supported()
    }

    /// Its dtype.
    ///
    /// # Errors
    ///
    /// `TypeError` if it has none that is supported.
    pub fn supported(&self) -> PyResult<Dtype> {
        self.dtype
            .ok_or_else(|| PyTypeError::new_err(format!("{} has {}, which isn't supported", self.name, self.kind())))
    }

    /// # Errors
    ///
    /// `BufferError` if it isn't.
    pub fn c_contiguous(&self) -> PyResult<&[u8]> {
        if self.c_contiguous {
            Ok(self.bytes())
        } else {
            Err(PyBufferError::new_err(format!("{} isn't C-contiguous", self.name)))
        }
    }

    /// What it has instead of a dtype that is wanted.
    pub fn kind(&self) -> String {
        match &self.owner {
            Owner::NumPy(array) => format!("dtype {}", array.dtype()),
            Owner::Buffer(buffer) => format!("the buffer format {:?}", buffer.format().to_string_lossy()),
        }
    }

    /// Whether elements of the one may lie between or on elements of the other.
    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (&self.extent, &other.extent);
        !a.is_empty() && !b.is_empty() && a.start < b.end && b.start < a.end
    }

    /// The memory from the lowest element to the highest.
    pub fn bytes(&self) -> &[u8] {
        if self.extent.is_empty() {
            return &[];
        }
        // SAFETY: the owner vouches for the elements that shape and strides describe, which begin and end this range,
        // and holds them where they are as long as `self` lives. Both lie in one block of memory, so the bytes between
        // them are there, too. That nobody writes to them meanwhile is asked of the caller in the stub; outputs that
        // overlap an input are refused.
        unsafe { slice::from_raw_parts(self.first.wrapping_sub(self.origin()), self.extent.len()) }
    }

    /// # Errors
    ///
    /// As those of `as_output`.
    pub fn bytes_mut(&mut self) -> PyResult<&mut [u8]> {
        self.as_output()?;
        if self.extent.is_empty() {
            return Ok(&mut []);
        }
        // SAFETY: as in `bytes`; the memory is writeable by the check above, and contiguous, so that it begins with the
        // first element. It is borrowed by this slice alone as far as `self` goes, and arrays that overlap another one
        // are refused.
        unsafe { Ok(slice::from_raw_parts_mut(self.first, self.extent.len())) }
    }

    /// Where in `bytes` the element at index `[0, .., 0]` begins.
    fn origin(&self) -> usize {
        if self.extent.is_empty() {
            return 0;
        }
        self.first.addr() - self.extent.start
    }

    pub fn sample(&self) -> Sample<'_> {
        Sample {
            bytes: self.bytes(),
            origin: self.origin(),
            shape: &self.shape,
            strides: &self.strides,
        }
    }
}

/// Refuses outputs that overlap each other or an input.
///
/// # Errors
///
/// `ValueError`.
pub fn no_overlap<'a, 'py: 'a>(inputs: &[Array<'_>], outputs: impl Iterator<Item = &'a Array<'py>>) -> PyResult<()> {
    let mut outputs: SmallVec<[&Array<'_>; 4]> = outputs.filter(|array| !array.extent.is_empty()).collect();
    outputs.sort_by_key(|array| array.extent.start);
    let among = outputs.windows(2).map(|pair| (pair[0], pair[1]));
    let between = inputs
        .iter()
        .flat_map(|input| outputs.iter().map(move |&output| (output, input)));
    match among.chain(between).find(|(a, b)| a.overlaps(b)) {
        None => Ok(()),
        Some((a, b)) => Err(PyValueError::new_err(format!("{} and {} overlap", a.name, b.name))),
    }
}

fn outside(name: Name) -> PyErr {
    PyBufferError::new_err(format!("{name} has strides that leave the address space"))
}

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

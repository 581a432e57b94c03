//! `pad` and `unpad`.

use std::{iter, slice};

use npuspec_core::pad::{self as core, Batch, Element, Lengths, Mask, PadError, Padding, Sample, Side, Unpadding};
use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::array::{Array, Name, no_overlap};
use crate::dtype::{Dtype, Number};

/// From as many bytes of output on, other threads of Python run meanwhile.
const LARGE: usize = 64 << 10;

create_exception!(
    npuspec._native,
    NonFiniteError,
    PyValueError,
    "A sample holds a NaN or an infinity; see the stub for the attributes."
);

/// Pad samples into a batch; see the stub for the contract.
#[pyfunction]
#[pyo3(
    text_signature = "(samples, out, *, sizes=None, axis=0, side='right', value=0, finite=False, lengths=None, mask=None)"
)]
#[pyo3(signature = (
    samples, out, *, sizes = None, axis = 0, side = "right", value = Number::Int(0), finite = false, lengths = None,
    mask = None
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords")]
pub fn pad(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
    sizes: Option<&Bound<'_, PyAny>>,
    axis: isize,
    side: &str,
    value: Number,
    finite: bool,
    lengths: Option<&Bound<'_, PyAny>>,
    mask: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let side = parse_side(side)?;
    let axis = usize::try_from(axis).map_err(|_| PyValueError::new_err(format!("axis is {axis}, less than 0")))?;

    let mut out = Array::get(out, Name::The("out"))?;
    let dtype = out.as_output()?;
    let inputs = match sizes {
        None => each(samples, "sample")?,
        Some(_) => vec![Array::get(samples, Name::The("samples"))?],
    };
    let narrow = dtype == Dtype::F16 && inputs.first().is_some_and(|first| first.dtype == Some(Dtype::F32));
    same_dtype(&inputs, if narrow { Dtype::F32 } else { dtype })?;
    let mut lengths = output(lengths, "lengths")?;
    let mut mask = output(mask, "mask")?;

    let fill = dtype.element(value).ok_or_else(|| {
        let dtype = dtype.name();
        PyValueError::new_err(format!("value {value} isn't representable in {dtype}"))
    })?;
    no_overlap(&inputs, iter::once(&out).chain(&lengths).chain(&mask))?;

    let shapes = match sizes {
        None => Vec::new(),
        Some(sizes) => packed_shapes(&inputs[0].shape, &Array::get(sizes, Name::The("sizes"))?)?,
    };
    let samples: Vec<Sample<'_>> = match sizes {
        None => inputs.iter().map(Array::sample).collect(),
        Some(_) => cut(inputs[0].sample(), &shapes),
    };
    let shape = out.shape.clone();
    let padding = Padding {
        samples: &samples,
        fill,
        narrow,
        side,
        finite: if finite { dtype.float() } else { None },
        axis,
        lengths: lengths
            .as_mut()
            .map(|lengths| as_lengths(lengths, &shape))
            .transpose()?,
        mask: mask.as_mut().map(|mask| as_mask(mask, &shape, axis)).transpose()?,
        out: Batch {
            bytes: out.bytes_mut()?,
            shape: &shape,
        },
    };
    let done = if padding.out.bytes.len() < LARGE {
        core::pad(padding)
    } else {
        py.detach(|| core::pad(padding))
    };
    done.map_err(|error| raise(py, &error))
}

/// Cut a batch into samples; see the stub for the contract.
#[pyfunction]
#[pyo3(text_signature = "(batch, outs, *, side='right')")]
#[pyo3(signature = (batch, outs, *, side = "right"))]
pub fn unpad(py: Python<'_>, batch: &Bound<'_, PyAny>, outs: &Bound<'_, PyAny>, side: &str) -> PyResult<()> {
    let side = parse_side(side)?;
    let batch = Array::get(batch, Name::The("batch"))?;
    let dtype = batch.supported()?;
    let mut outs = each(outs, "output")?;
    same_dtype(&outs, dtype)?;
    no_overlap(slice::from_ref(&batch), outs.iter())?;
    let shapes: Vec<_> = outs.iter().map(|out| out.shape.clone()).collect();
    let outs = outs.iter_mut().zip(&shapes).map(|(out, shape)| {
        Ok(Batch {
            bytes: out.bytes_mut()?,
            shape,
        })
    });
    let mut outs = outs.collect::<PyResult<Vec<_>>>()?;
    let large = outs.iter().map(|out| out.bytes.len()).sum::<usize>() >= LARGE;
    let unpadding = Unpadding {
        batch: batch.sample(),
        outs: &mut outs,
        item: dtype.size(),
        side,
    };
    let done = if large {
        py.detach(|| core::unpad(unpadding))
    } else {
        core::unpad(unpadding)
    };
    done.map_err(|error| PyValueError::new_err(error.to_string()))
}

fn parse_side(side: &str) -> PyResult<Side> {
    match side {
        "right" => Ok(Side::Right),
        "left" => Ok(Side::Left),
        _ => Err(PyValueError::new_err(format!(
            "side is {side:?}, neither \"right\" nor \"left\""
        ))),
    }
}

/// The arrays of a sequence.
fn each<'py>(arrays: &Bound<'py, PyAny>, name: &'static str) -> PyResult<Vec<Array<'py>>> {
    let get = |(number, array): (usize, Bound<'py, PyAny>)| Array::get(&array, Name::Numbered(name, number));
    match arrays.cast_exact::<PyList>() {
        Ok(list) => list.iter().enumerate().map(get).collect(),
        Err(_) => arrays
            .try_iter()?
            .enumerate()
            .map(|(number, array)| get((number, array?)))
            .collect(),
    }
}

fn output<'py>(array: Option<&Bound<'py, PyAny>>, name: &'static str) -> PyResult<Option<Array<'py>>> {
    let Some(array) = array else { return Ok(None) };
    let array = Array::get(array, Name::The(name))?;
    array.as_output()?;
    Ok(Some(array))
}

fn same_dtype(arrays: &[Array<'_>], dtype: Dtype) -> PyResult<()> {
    match arrays.iter().find(|array| array.dtype != Some(dtype)) {
        None => Ok(()),
        Some(other) => Err(PyTypeError::new_err(format!(
            "{} has {}, not dtype {}",
            other.name,
            other.kind(),
            dtype.name()
        ))),
    }
}

/// The shapes of samples that lie one after another in an array of this shape, one after another.
fn packed_shapes(shape: &[usize], sizes: &Array<'_>) -> PyResult<Vec<usize>> {
    let &[count] = &sizes.shape[..] else {
        return Err(PyValueError::new_err(format!(
            "sizes has rank {}, not 1",
            sizes.shape.len()
        )));
    };
    let bytes = sizes.c_contiguous()?;
    let sizes: Vec<i64> = match sizes.dtype {
        Some(Dtype::I32) => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&item| i32::from_ne_bytes(item).into())
            .collect(),
        Some(Dtype::I64) => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&item| i64::from_ne_bytes(item))
            .collect(),
        _ => {
            let kind = sizes.kind();
            return Err(PyTypeError::new_err(format!(
                "sizes has {kind}, neither dtype int32 nor int64"
            )));
        }
    };
    let mut shapes = Vec::with_capacity(count * shape.len());
    let mut left = shape[0];
    for (number, size) in sizes.into_iter().enumerate() {
        let size = usize::try_from(size)
            .map_err(|_| PyValueError::new_err(format!("sizes holds {size}, less than 0, at {number}")))?;
        left = left.checked_sub(size).ok_or_else(|| {
            PyValueError::new_err(format!("sizes add up to more than the {} that samples has", shape[0]))
        })?;
        shapes.push(size);
        shapes.extend_from_slice(&shape[1..]);
    }
    if left > 0 {
        let [all, there] = [shape[0] - left, shape[0]];
        return Err(PyValueError::new_err(format!(
            "sizes add up to {all}, but samples has {there}"
        )));
    }
    Ok(shapes)
}

/// The samples of these shapes that lie one after another along the first axis of an array.
fn cut<'a>(packed: Sample<'a>, shapes: &'a [usize]) -> Vec<Sample<'a>> {
    let mut origin = packed.origin;
    let samples = shapes.chunks_exact(packed.shape.len()).map(|shape| {
        let sample = Sample {
            origin,
            shape,
            ..packed
        };
        origin = origin.wrapping_add_signed(packed.strides[0].wrapping_mul(shape[0].cast_signed()));
        sample
    });
    samples.collect()
}

fn as_lengths<'a>(lengths: &'a mut Array<'_>, out: &[usize]) -> PyResult<Lengths<'a>> {
    let rows = out.first().copied().unwrap_or_default();
    let shape = &lengths.shape[..];
    if shape != [rows] && shape != [rows, 1] {
        return Err(PyValueError::new_err(format!(
            "lengths has shape {shape:?}, neither [{rows}] nor [{rows}, 1]"
        )));
    }
    match lengths.supported()? {
        Dtype::I32 => Ok(Lengths::I32(lengths.bytes_mut()?)),
        Dtype::I64 => Ok(Lengths::I64(lengths.bytes_mut()?)),
        other => Err(PyTypeError::new_err(format!(
            "lengths has dtype {}, neither int32 nor int64",
            other.name()
        ))),
    }
}

fn as_mask<'a>(mask: &'a mut Array<'_>, out: &[usize], axis: usize) -> PyResult<Mask<'a>> {
    let shape = &mask.shape[..];
    // Without such an axis, the check that follows in the core says so.
    if let (Some(&rows), Some(&size)) = (out.first(), out.get(axis.saturating_add(1)))
        && shape != [rows, size]
    {
        return Err(PyValueError::new_err(format!(
            "mask has shape {shape:?}, not [{rows}, {size}]"
        )));
    }
    let dtype = mask.supported()?;
    let one: Option<Element> = match dtype {
        Dtype::U16 | Dtype::I16 | Dtype::U32 | Dtype::U64 | Dtype::F64 => None,
        dtype => dtype.element(Number::Int(1)),
    };
    let one = one.ok_or_else(|| {
        let dtype = dtype.name();
        PyTypeError::new_err(format!(
            "mask has dtype {dtype}, not bool, uint8, int8, int32, int64, float16 or float32"
        ))
    })?;
    Ok(Mask {
        bytes: mask.bytes_mut()?,
        one,
    })
}

fn raise(py: Python<'_>, error: &PadError) -> PyErr {
    let message = error.to_string();
    let &PadError::NonFinite { sample, index } = error else {
        return PyValueError::new_err(message);
    };
    let error = NonFiniteError::new_err(message);
    let value = error.value(py);
    match value
        .setattr("sample", sample)
        .and_then(|()| value.setattr("index", index))
    {
        Ok(()) => error,
        Err(other) => other,
    }
}

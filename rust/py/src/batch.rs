//! `pad` and `unpad`.

use npuspec_core::level::Level;
use npuspec_core::pad::{self as core, Batch, Lengths, Mask, PadError, Padding, Sample, Side, Unpadding};
use pyo3::create_exception;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use smallvec::{SmallVec, smallvec};

use crate::array::{Array, LARGE, Name, View, detached};
use crate::dtype::{Dtype, Number};

/// As many as small batches have, without memory of their own.
type Few<T> = SmallVec<[T; 8]>;

const OUT: Name = Name::The("out");
const SAMPLES: Name = Name::The("samples");
const SIZES: Name = Name::The("sizes");
const LENGTHS: Name = Name::The("lengths");
const MASK: Name = Name::The("mask");
const BATCH: Name = Name::The("batch");

create_exception!(
    npuspec._native,
    NonFiniteError,
    PyValueError,
    "A sample holds a NaN or an infinity; see the stub for the attributes."
);

/// Pad samples into a batch; see the stub for the contract.
#[pyfunction]
#[pyo3(
    text_signature = "(samples, out, *, sizes=None, axis=0, side='right', value=0, finite=False, lengths=None, mask=None, threads=1, level=None)"
)]
#[pyo3(signature = (
    samples, out, *, sizes = None, axis = 0, side = "right", value = Number::Int(0), finite = false, lengths = None,
    mask = None, threads = 1, level = None
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
    threads: isize,
    level: Option<&str>,
) -> PyResult<()> {
    let (side, level) = (parse_side(side)?, parse_level(level)?);
    let threads = parse_threads(threads)?;
    let axis = usize::try_from(axis).map_err(|_| PyValueError::new_err(format!("axis is {axis}, less than 0")))?;

    // Holding an array may run Python code, after which nothing that was read before would hold.
    let out = Array::hold(out.clone(), OUT)?;
    let samples = if sizes.is_none() {
        hold_each(samples, "sample")?
    } else {
        smallvec![Array::hold(samples.clone(), SAMPLES)?]
    };
    let sizes = sizes.map(|sizes| Array::hold(sizes.clone(), SIZES)).transpose()?;
    let lengths = lengths.map(|array| Array::hold(array.clone(), LENGTHS)).transpose()?;
    let mask = mask.map(|array| Array::hold(array.clone(), MASK)).transpose()?;

    let mut out = out.view(OUT)?;
    let dtype = out.dtype()?;
    let mut lengths = lengths.as_ref().map(|array| array.view(LENGTHS)).transpose()?;
    let mut mask = mask.as_ref().map(|array| array.view(MASK)).transpose()?;
    let outputs = [Some(&out), lengths.as_ref(), mask.as_ref()];
    for (number, output) in outputs.iter().flatten().enumerate() {
        output.is_output()?;
        outputs
            .iter()
            .flatten()
            .skip(number + 1)
            .try_for_each(|other| output.is_apart(other))?;
    }
    let mut wanted = dtype;
    let shapes;
    let mut inputs: Few<Sample<'_>> = Few::with_capacity(samples.len());
    for (number, sample) in samples.iter().enumerate() {
        let name = if sizes.is_some() {
            SAMPLES
        } else {
            Name::Numbered("sample", number)
        };
        let view = sample.view(name)?;
        if number == 0 && dtype == Dtype::F16 && view.has_dtype(Dtype::F32).is_ok() {
            wanted = Dtype::F32;
        }
        view.has_dtype(wanted)?;
        for output in outputs.iter().flatten() {
            output.is_apart(&view)?;
        }
        inputs.push(view.sample());
    }
    let fill = dtype.element(value).ok_or_else(|| {
        let dtype = dtype.name();
        PyValueError::new_err(format!("value {value} isn't representable in {dtype}"))
    })?;

    if let Some(sizes) = &sizes {
        shapes = packed_shapes(inputs[0].shape, &sizes.view(SIZES)?)?;
        inputs = cut(inputs[0], &shapes);
    }
    let shape: Few<usize> = Few::from_slice(out.shape());
    let mut padding = Padding {
        samples: &inputs,
        fill,
        narrow: wanted != dtype,
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
        core::pad(padding, level, threads)
    } else {
        let sizes = Sizes::of(&inputs);
        let inputs = sizes.lend(&inputs);
        padding.samples = &inputs;
        py.detach(|| core::pad(padding, level, threads))
    };
    done.map_err(|error| raise(py, &error))
}

pub fn parse_threads(threads: isize) -> PyResult<usize> {
    usize::try_from(threads)
        .ok()
        .filter(|&threads| threads > 0)
        .ok_or_else(|| PyValueError::new_err(format!("threads is {threads}, less than 1")))
}

pub fn parse_level(level: Option<&str>) -> PyResult<Level> {
    let Some(name) = level else { return Ok(Level::best()) };
    Level::named(name).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Cut a batch into samples; see the stub for the contract.
#[pyfunction]
#[pyo3(text_signature = "(batch, outs, *, side='right', level=None)")]
#[pyo3(signature = (batch, outs, *, side = "right", level = None))]
pub fn unpad(
    py: Python<'_>,
    batch: &Bound<'_, PyAny>,
    outs: &Bound<'_, PyAny>,
    side: &str,
    level: Option<&str>,
) -> PyResult<()> {
    let (side, level) = (parse_side(side)?, parse_level(level)?);
    let batch = Array::hold(batch.clone(), BATCH)?;
    let outs = hold_each(outs, "output")?;

    let batch = batch.view(BATCH)?;
    let dtype = batch.dtype()?;
    let mut views = Few::with_capacity(outs.len());
    for (number, out) in outs.iter().enumerate() {
        let view = out.view(Name::Numbered("output", number))?;
        view.has_dtype(dtype)?;
        view.is_output()?;
        view.is_apart(&batch)?;
        views.push(view);
    }
    let mut outs = views;
    let mut sorted: Vec<_> = outs.iter().filter(|out| !out.bytes().is_empty()).collect();
    sorted.sort_by_key(|out| out.bytes().as_ptr());
    sorted.windows(2).try_for_each(|pair| pair[0].is_apart(pair[1]))?;
    let bytes = outs.iter().map(|out| out.bytes().len()).sum();
    let shapes: Vec<_> = outs.iter().map(|out| Few::<usize>::from_slice(out.shape())).collect();
    let outs = outs.iter_mut().zip(&shapes).map(|(out, shape)| {
        Ok(Batch {
            bytes: out.bytes_mut()?,
            shape,
        })
    });
    let outs = outs.collect::<PyResult<Vec<_>>>()?;
    let batch = batch.sample();
    let sizes = Sizes::of(&[batch]);
    let unpadding = Unpadding {
        batch: sizes.lend(&[batch])[0],
        outs,
        item: dtype.size(),
        side,
    };
    let done = detached(py, bytes, || core::unpad(unpadding, level));
    done.map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Sizes and strides of samples, copied: Python can change an array's own while the GIL is released.
struct Sizes {
    shapes: Vec<usize>,
    strides: Vec<isize>,
}

impl Sizes {
    fn of(samples: &[Sample<'_>]) -> Self {
        let shapes: Vec<_> = samples.iter().map(|sample| sample.shape).collect();
        let strides: Vec<_> = samples.iter().map(|sample| sample.strides).collect();
        Self {
            shapes: shapes.concat(),
            strides: strides.concat(),
        }
    }

    /// The same samples, with these sizes and strides.
    fn lend<'a>(&'a self, samples: &[Sample<'a>]) -> Vec<Sample<'a>> {
        let (mut shapes, mut strides) = (&self.shapes[..], &self.strides[..]);
        let samples = samples.iter().map(|sample| Sample {
            shape: shapes.split_off(..sample.shape.len()).unwrap_or_default(),
            strides: strides.split_off(..sample.strides.len()).unwrap_or_default(),
            ..*sample
        });
        samples.collect()
    }
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

fn hold_each<'py>(arrays: &Bound<'py, PyAny>, name: &'static str) -> PyResult<Few<Array<'py>>> {
    let numbered = |number| Name::Numbered(name, number);
    let mut held = Few::new();
    if let Ok(list) = arrays.cast_exact::<PyList>() {
        held.reserve(list.len());
        for (number, array) in list.iter().enumerate() {
            held.push(Array::hold(array, numbered(number))?);
        }
    } else {
        for (number, array) in arrays.try_iter()?.enumerate() {
            held.push(Array::hold(array?, numbered(number))?);
        }
    }
    Ok(held)
}

/// The shapes of samples that lie one after another in an array of this shape, one after another.
fn packed_shapes(shape: &[usize], sizes: &View<'_>) -> PyResult<Vec<usize>> {
    let [count] = *sizes.shape() else {
        return Err(PyValueError::new_err(format!(
            "sizes has rank {}, not 1",
            sizes.shape().len()
        )));
    };
    sizes.is_c_contiguous()?;
    let bytes = sizes.bytes();
    let sizes: Vec<i64> = match sizes.dtype()? {
        Dtype::I32 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&item| i32::from_ne_bytes(item).into())
            .collect(),
        Dtype::I64 => bytes
            .as_chunks()
            .0
            .iter()
            .map(|&item| i64::from_ne_bytes(item))
            .collect(),
        other => {
            let dtype = other.name();
            return Err(PyTypeError::new_err(format!(
                "sizes has dtype {dtype}, neither int32 nor int64"
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
fn cut<'a>(packed: Sample<'a>, shapes: &'a [usize]) -> Few<Sample<'a>> {
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

fn as_lengths<'a>(lengths: &'a mut View<'_>, out: &[usize]) -> PyResult<Lengths<'a>> {
    let rows = out.first().copied().unwrap_or_default();
    let shape = lengths.shape();
    if shape != [rows] && shape != [rows, 1] {
        return Err(PyValueError::new_err(format!(
            "lengths has shape {shape:?}, neither [{rows}] nor [{rows}, 1]"
        )));
    }
    match lengths.dtype()? {
        Dtype::I32 => Ok(Lengths::I32(lengths.bytes_mut()?)),
        Dtype::I64 => Ok(Lengths::I64(lengths.bytes_mut()?)),
        other => Err(PyTypeError::new_err(format!(
            "lengths has dtype {}, neither int32 nor int64",
            other.name()
        ))),
    }
}

fn as_mask<'a>(mask: &'a mut View<'_>, out: &[usize], axis: usize) -> PyResult<Mask<'a>> {
    let shape = mask.shape();
    // Without such an axis, the check that follows in the core says so.
    if let (Some(&rows), Some(&size)) = (out.first(), out.get(axis.saturating_add(1)))
        && shape != [rows, size]
    {
        return Err(PyValueError::new_err(format!(
            "mask has shape {shape:?}, not [{rows}, {size}]"
        )));
    }
    let dtype = mask.dtype()?;
    let one = dtype.mask().ok_or_else(|| {
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

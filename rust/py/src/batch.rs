//! `pad`.

use npuspec_core::pad::{self as core, Batch, Element, Lengths, Mask, PadError, Padding, Sample, Side};
use pyo3::create_exception;
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::array::Array;
use crate::dtype::{Dtype, Number};

create_exception!(
    npuspec._native,
    NonFiniteError,
    PyValueError,
    "A sample holds a NaN or an infinity; see the stub for the attributes."
);

/// Pad samples into a batch; see the stub for the contract.
#[pyfunction]
#[pyo3(text_signature = "(samples, out, *, axis=0, side='right', value=0, finite=False, lengths=None, mask=None)")]
#[pyo3(signature = (samples, out, *, axis = 0, side = "right", value = Number::Int(0), finite = false, lengths = None, mask = None))]
#[expect(clippy::too_many_arguments, reason = "they are keywords")]
pub fn pad(
    py: Python<'_>,
    samples: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
    axis: isize,
    side: &str,
    value: Number,
    finite: bool,
    lengths: Option<&Bound<'_, PyAny>>,
    mask: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let side = match side {
        "right" => Side::Right,
        "left" => Side::Left,
        _ => {
            return Err(PyValueError::new_err(format!(
                "side is {side:?}, neither \"right\" nor \"left\""
            )));
        }
    };
    let axis = usize::try_from(axis).map_err(|_| PyValueError::new_err(format!("axis is {axis}, less than 0")))?;

    let mut out = Output::get(out, "out")?;
    let samples = samples
        .try_iter()?
        .enumerate()
        .map(|(number, sample)| input(number, &sample?, out.dtype));
    let samples = samples.collect::<PyResult<Vec<_>>>()?;
    let mut lengths = lengths.map(|lengths| Output::get(lengths, "lengths")).transpose()?;
    let mut mask = mask.map(|mask| Output::get(mask, "mask")).transpose()?;

    let fill = out.dtype.element(value).ok_or_else(|| {
        let dtype = out.dtype.name();
        PyValueError::new_err(format!("value {value} isn't representable in {dtype}"))
    })?;

    no_overlap(&samples, [Some(&out), lengths.as_ref(), mask.as_ref()])?;
    let shape = out.array.shape().to_vec();
    let samples: Vec<Sample<'_>> = samples.iter().map(Array::sample).collect();
    let finite = if finite { out.dtype.float() } else { None };
    let padding = Padding {
        samples: &samples,
        fill,
        side,
        finite,
        axis,
        lengths: lengths.as_mut().map(|lengths| lengths.as_lengths(&shape)).transpose()?,
        mask: mask.as_mut().map(|mask| mask.as_mask(&shape, axis)).transpose()?,
        out: Batch {
            bytes: out.bytes()?,
            shape: &shape,
        },
    };
    py.detach(|| core::pad(padding)).map_err(|error| raise(py, &error))
}

fn input(number: usize, sample: &Bound<'_, PyAny>, dtype: Dtype) -> PyResult<Array> {
    let array = Array::get(sample, || format!("sample {number}"))?;
    if array.dtype() != Some(dtype) {
        let (found, wanted) = (array.format(), dtype.name());
        return Err(PyTypeError::new_err(format!(
            "sample {number} has the buffer format {found:?}, but out has dtype {wanted}"
        )));
    }
    Ok(array)
}

/// An array to write to.
struct Output {
    array: Array,
    dtype: Dtype,
    name: &'static str,
}

impl Output {
    fn get(object: &Bound<'_, PyAny>, name: &'static str) -> PyResult<Self> {
        let array = Array::get(object, || name.to_owned())?;
        let dtype = array.dtype().ok_or_else(|| {
            let format = array.format();
            PyTypeError::new_err(format!(
                "{name} has the buffer format {format:?}, which isn't supported"
            ))
        })?;
        if array.is_readonly() {
            return Err(PyBufferError::new_err(format!("{name} is read-only")));
        }
        if !array.is_c_contiguous() {
            return Err(PyBufferError::new_err(format!("{name} isn't C-contiguous")));
        }
        Ok(Self { array, dtype, name })
    }

    fn bytes(&mut self) -> PyResult<&mut [u8]> {
        let name = self.name;
        self.array
            .bytes_mut()
            .ok_or_else(|| PyBufferError::new_err(format!("{name} can't be written to")))
    }

    fn as_lengths(&mut self, out: &[usize]) -> PyResult<Lengths<'_>> {
        let rows = out.first().copied().unwrap_or_default();
        let shape = self.array.shape();
        if shape != [rows] && shape != [rows, 1] {
            return Err(PyValueError::new_err(format!(
                "lengths has shape {shape:?}, neither [{rows}] nor [{rows}, 1]"
            )));
        }
        match self.dtype {
            Dtype::I32 => Ok(Lengths::I32(self.bytes()?)),
            Dtype::I64 => Ok(Lengths::I64(self.bytes()?)),
            other => Err(PyTypeError::new_err(format!(
                "lengths has dtype {}, neither int32 nor int64",
                other.name()
            ))),
        }
    }

    fn as_mask(&mut self, out: &[usize], axis: usize) -> PyResult<Mask<'_>> {
        let shape = self.array.shape();
        // Without such an axis, the check that follows in the core says so.
        if let (Some(&rows), Some(&size)) = (out.first(), out.get(axis.saturating_add(1)))
            && shape != [rows, size]
        {
            return Err(PyValueError::new_err(format!(
                "mask has shape {shape:?}, not [{rows}, {size}]"
            )));
        }
        let one: Option<Element> = match self.dtype {
            Dtype::U16 | Dtype::I16 | Dtype::U32 | Dtype::U64 | Dtype::F64 => None,
            dtype => dtype.element(Number::Int(1)),
        };
        let one = one.ok_or_else(|| {
            let dtype = self.dtype.name();
            PyTypeError::new_err(format!(
                "mask has dtype {dtype}, not bool, uint8, int8, int32, int64, float16 or float32"
            ))
        })?;
        Ok(Mask {
            bytes: self.bytes()?,
            one,
        })
    }
}

fn no_overlap(samples: &[Array], outputs: [Option<&Output>; 3]) -> PyResult<()> {
    for (position, output) in outputs.iter().enumerate() {
        let Some(output) = output else { continue };
        for other in outputs.iter().skip(position + 1).flatten() {
            if output.array.overlaps(&other.array) {
                return Err(PyValueError::new_err(format!(
                    "{} and {} overlap",
                    output.name, other.name
                )));
            }
        }
        if let Some(number) = samples.iter().position(|sample| output.array.overlaps(sample)) {
            return Err(PyValueError::new_err(format!(
                "{} and sample {number} overlap",
                output.name
            )));
        }
    }
    Ok(())
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

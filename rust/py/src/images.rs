//! `repack` and `normalize`.

use std::fmt::Display;

use npuspec_core::image::{self, Canvas, Channel, Float, Normalization};
use npuspec_core::layout::{self, Images, Order};
use npuspec_core::level::Level;
use npuspec_core::pad::Sample;
use npuspec_core::resize::{self as core, ResizeError};
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::array::{Array, Name, View, detached};
use crate::batch::{parse_level, parse_threads};
use crate::dtype::Dtype;

const ARRAY: Name = Name::The("array");
const IMAGE: Name = Name::The("image");
const OUT: Name = Name::The("out");

/// List the instructions that kernels can use on this machine; see the stub for the contract.
#[pyfunction]
pub fn levels() -> Vec<&'static str> {
    Level::available().map(Level::name).collect()
}

/// Copy images into the other layout; see the stub for the contract.
#[pyfunction]
#[pyo3(signature = (array, out, channels_last, *, threads = 1, level = None))]
pub fn repack(
    py: Python<'_>,
    array: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
    channels_last: bool,
    threads: isize,
    level: Option<&str>,
) -> PyResult<()> {
    let (level, threads) = (parse_level(level)?, parse_threads(threads)?);
    let (array, out) = (Array::hold(array.clone(), ARRAY)?, Array::hold(out.clone(), OUT)?);
    let (array, mut out) = (array.view(ARRAY)?, out.view(OUT)?);
    out.is_output()?;
    let dtype = array.dtype()?;
    out.has_dtype(dtype)?;
    let from = axes(&array, !channels_last, ARRAY)?;
    let to = axes(&out, channels_last, OUT)?;
    if from.shape != to.shape || array.shape().len() != out.shape().len() {
        let (from, to) = (array.shape(), out.shape());
        return Err(PyValueError::new_err(format!(
            "out has shape {to:?}, which isn't {from:?} repacked"
        )));
    }
    out.is_apart(&array)?;
    let images = from.images(&array, dtype.size());
    run(py, out.bytes_mut()?, |bytes| {
        layout::repack(&images, order(channels_last), bytes, level, threads)
    })
}

/// Write normalized pictures; see the stub for the contract.
#[pyfunction]
#[pyo3(signature = (image, out, channels, at, channels_last, *, threads = 1, level = None))]
#[expect(clippy::too_many_arguments, reason = "they are keywords of the Python function")]
pub fn normalize(
    py: Python<'_>,
    image: &Bound<'_, PyAny>,
    out: &Bound<'_, PyAny>,
    channels: Vec<(i64, f64, f64, f64)>,
    at: (isize, isize),
    channels_last: bool,
    threads: isize,
    level: Option<&str>,
) -> PyResult<()> {
    let (level, threads) = (parse_level(level)?, parse_threads(threads)?);
    let (image, out) = (Array::hold(image.clone(), IMAGE)?, Array::hold(out.clone(), OUT)?);
    let (image, mut out) = (image.view(IMAGE)?, out.view(OUT)?);
    out.is_output()?;
    image.has_dtype(Dtype::U8)?;
    let float = match out.dtype()? {
        Dtype::F16 => Float::F16,
        Dtype::F32 => Float::F32,
        other => {
            let name = other.name();
            return Err(PyTypeError::new_err(format!(
                "out has dtype {name}, neither float16 nor float32"
            )));
        }
    };
    let from = axes(&image, true, IMAGE)?;
    let to = axes(&out, channels_last, OUT)?;
    let [count, height, width, depth] = to.shape;
    if image.shape().len() != out.shape().len() || from.shape[0] != count || depth != channels.len() {
        let (from, to) = (image.shape(), out.shape());
        let channels = channels.len();
        return Err(PyValueError::new_err(format!(
            "out has shape {to:?}, which doesn't go with an image of shape {from:?} and {channels} channels"
        )));
    }
    out.is_apart(&image)?;
    let available = from.shape[3];
    let channels = channels.into_iter().map(|(source, scale, offset, fill)| {
        let source = usize::try_from(source).map_err(|_| {
            PyValueError::new_err(format!("channel {source} is asked for, but pictures have {available}"))
        })?;
        #[expect(clippy::cast_possible_truncation, reason = "the formula begins with numbers of f32")]
        let (scale, offset, fill) = (scale as f32, offset as f32, fill as f32);
        Ok(Channel {
            source,
            scale,
            offset,
            fill,
        })
    });
    let channels = channels.collect::<PyResult<Vec<_>>>()?;
    let (Ok(top), Ok(left)) = (usize::try_from(at.0), usize::try_from(at.1)) else {
        let message = format!("at is {at:?}, and rows and columns are counted from 0");
        return Err(PyValueError::new_err(message));
    };
    let normalization = Normalization {
        images: from.images(&image, 1),
        channels: &channels,
        canvas: Canvas {
            height,
            width,
            top,
            left,
        },
        order: order(channels_last),
        float,
    };
    run(py, out.bytes_mut()?, |bytes| {
        image::normalize(&normalization, bytes, level, threads)
    })
}

/// Write pictures in another size; see the stub for the contract.
#[pyfunction]
#[pyo3(signature = (image, out, *, level = None))]
pub fn resize(py: Python<'_>, image: &Bound<'_, PyAny>, out: &Bound<'_, PyAny>, level: Option<&str>) -> PyResult<()> {
    let level = parse_level(level)?;
    let (image, out) = (Array::hold(image.clone(), IMAGE)?, Array::hold(out.clone(), OUT)?);
    let (image, mut out) = (image.view(IMAGE)?, out.view(OUT)?);
    out.is_output()?;
    image.has_dtype(Dtype::U8)?;
    out.has_dtype(Dtype::U8)?;
    let (from, to) = (axes(&image, true, IMAGE)?, axes(&out, true, OUT)?);
    let [count, height, width, channels] = to.shape;
    if image.shape().len() != out.shape().len() || [from.shape[0], from.shape[3]] != [count, channels] {
        let (from, to) = (image.shape(), out.shape());
        return Err(PyValueError::new_err(format!(
            "out has shape {to:?}, which isn't {from:?} in another height and width"
        )));
    }
    out.is_apart(&image)?;
    let images = from.images(&image, 1);
    let work = image.bytes().len().max(out.bytes().len());
    let bytes = out.bytes_mut()?;
    let done = detached(py, work, || core::resize(&images, [height, width], bytes, level));
    done.map_err(|error| match error {
        ResizeError::NoMemory(_) => PyMemoryError::new_err(error.to_string()),
        other => PyValueError::new_err(other.to_string()),
    })
}

fn run<E: Display + Send>(
    py: Python<'_>,
    bytes: &mut [u8],
    work: impl FnOnce(&mut [u8]) -> Result<(), E> + Send,
) -> PyResult<()> {
    let done = detached(py, bytes.len(), || work(bytes));
    done.map_err(|error| PyValueError::new_err(error.to_string()))
}

fn order(channels_last: bool) -> Order {
    if channels_last {
        Order::ChannelsLast
    } else {
        Order::ChannelsFirst
    }
}

/// The axes of images as `[N, H, W, C]`.
struct Axes {
    shape: [usize; 4],
    strides: [isize; 4],
}

impl Axes {
    fn images<'a>(&self, array: &View<'a>, element: usize) -> Images<'a> {
        let Sample { bytes, origin, .. } = array.sample();
        Images {
            bytes,
            origin,
            shape: self.shape,
            strides: self.strides,
            element,
        }
    }
}

fn axes(array: &View<'_>, channels_last: bool, name: Name) -> PyResult<Axes> {
    let places: [usize; 3] = if channels_last { [0, 1, 2] } else { [1, 2, 0] };
    let Sample { shape, strides, .. } = array.sample();
    let (batch, shape, strides) = match (shape, strides) {
        (&[n, ref shape @ ..], &[stride, ref strides @ ..]) if shape.len() == 3 => ((n, stride), shape, strides),
        (shape, strides) if shape.len() == 3 => ((1, 0), shape, strides),
        (shape, _) => {
            let rank = shape.len();
            return Err(PyValueError::new_err(format!(
                "{name} has rank {rank}, neither 3 nor 4"
            )));
        }
    };
    let [h, w, c] = places.map(|place| (shape[place], strides[place]));
    Ok(Axes {
        shape: [batch.0, h.0, w.0, c.0],
        strides: [batch.1, h.1, w.1, c.1],
    })
}

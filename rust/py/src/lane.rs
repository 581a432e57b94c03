//! `Lane`: an inference of one sample in one call.

use std::time::Instant;

use npuspec_core::level::Level;
use npuspec_core::pad::{self as core, Batch, Element, Float, Padding, Sample, Side};
use numpy::PyUntypedArray;
use pyo3::exceptions::{PyRecursionError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use smallvec::SmallVec;

use crate::array::{Array, Name, View, detached};
use crate::dtype::{Dtype, Number};
use crate::hold::{Hold, settle};

mod plain;

/// As many as models have inputs, outputs or axes, mostly.
type Few<T> = SmallVec<[T; 4]>;

const SAMPLE: Name = Name::The("sample");
const OUT: Name = Name::The("out");

enum Axis {
    Fixed(usize),
    /// A dimension, by its number.
    Padded(usize),
}

/// An input that the caller gives, and what follows from it.
struct Given {
    name: Py<PyString>,
    axes: Vec<Axis>,
    dtype: Dtype,
    fill: Element,
    side: Side,
    finite: Option<Float>,
    followers: Vec<(usize, Follows)>,
}

/// What is written of the size of an axis.
enum Follows {
    Length,
    Mask(Element),
}

struct Extent {
    dim: usize,
    /// Without that of the batch.
    axis: usize,
    scale: i64,
    offset: i64,
    divisor: i64,
    side: Side,
}

/// A variant, and its infer request.
struct Line {
    name: Py<PyString>,
    /// Of each dimension.
    sizes: Vec<usize>,
    hold: Py<Hold>,
    leases: Py<PyList>,
    /// The request's method.
    infer: Py<PyAny>,
    /// That of the pool.
    settle: Py<PyAny>,
    /// For each data input its own, then those of its followers.
    buffers: Vec<Vec<Py<PyUntypedArray>>>,
    results: Vec<Shown>,
}

/// The memory of an output.
struct Shown {
    array: Py<PyUntypedArray>,
    dtype: Py<PyAny>,
    /// Without that of the batch.
    room: Vec<usize>,
}

/// The valid part of an output, without the axis of the batch.
struct Place {
    starts: Few<usize>,
    sizes: Few<usize>,
}

/// When a part of the work ended.
struct Times {
    padded: Instant,
    inferred: Instant,
}

/// One sample at a time, of a program that is plain; see the stub for the contract.
#[pyclass(frozen, module = "npuspec._native")]
pub struct Lane {
    device: Py<PyString>,
    /// The least and the largest size of each dimension.
    dims: Vec<(usize, usize)>,
    inputs: Vec<Given>,
    outputs: Vec<(Py<PyString>, Vec<Extent>)>,
    lines: Vec<Line>,
    /// `numpy.empty`
    empty: Py<PyAny>,
    /// What `infer` is called with.
    keywords: Py<PyDict>,
    level: Level,
}

#[pymethods]
impl Lane {
    #[staticmethod]
    fn of(
        py: Python<'_>,
        device: &str,
        program: &Bound<'_, PyAny>,
        pools: &Bound<'_, PyDict>,
    ) -> PyResult<Option<Self>> {
        let Some((program, pools)) = plain::extract(program, pools)? else {
            return Ok(None);
        };
        let Some((dims, inputs, outputs, lines)) = plain::read(py, &program, &pools) else {
            return Ok(None);
        };
        let keywords = PyDict::new(py);
        keywords.set_item("share_outputs", true)?;
        Ok(Some(Self {
            device: PyString::intern(py, device).unbind(),
            dims,
            inputs,
            outputs,
            lines,
            empty: py.import("numpy")?.getattr("empty")?.unbind(),
            keywords: keywords.unbind(),
            level: Level::best(),
        }))
    }

    fn infer<'py>(
        &self,
        py: Python<'py>,
        sample: &Bound<'py, PyAny>,
        figures: &Bound<'py, PyList>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let begin = Instant::now();
        let Some(arrays) = self.arrays(sample)? else {
            return Ok(None);
        };
        let Some((line, volume, places)) = self.fit(&arrays) else {
            return Ok(None);
        };
        if !line.take(py) {
            return Ok(None);
        }
        let taken = Instant::now();
        let ran = self.run(py, line, &arrays, &places);
        line.give(py, matches!(&ran, Err(error) if is_of_device(py, error)))?;
        let Some((outputs, Times { padded, inferred })) = ran? else {
            return Ok(None);
        };
        let end = Instant::now();
        let ns = |from, to: Instant| u64::try_from(to.duration_since(from).as_nanos()).unwrap_or(u64::MAX);
        figures.append((
            &self.device,
            &line.name,
            volume,
            ns(begin, taken),
            ns(taken, padded),
            ns(padded, inferred),
            ns(inferred, end),
            ns(begin, end),
        ))?;
        Ok(Some(outputs))
    }
}

impl Lane {
    /// The arrays of a sample that is a dict of exactly the program's inputs.
    fn arrays<'py>(&self, sample: &Bound<'py, PyAny>) -> PyResult<Option<Few<Array<'py>>>> {
        let sample = match sample.cast_exact::<PyDict>() {
            Ok(sample) if sample.len() == self.inputs.len() => sample,
            _ => return Ok(None),
        };
        let mut arrays = Few::new();
        for input in &self.inputs {
            let array = sample.get_item(&input.name)?.map(Bound::cast_into_exact);
            let Some(Ok(array)) = array else {
                return Ok(None);
            };
            arrays.push(Array::NumPy(array));
        }
        Ok(Some(arrays))
    }

    /// The smallest variant that holds a sample, how much it fills of that, and where the valid part of each output is.
    fn fit(&self, arrays: &[Array<'_>]) -> Option<(&Line, u64, Few<Place>)> {
        let mut sizes: Few<Option<usize>> = SmallVec::from_elem(None, self.dims.len());
        for (input, array) in self.inputs.iter().zip(arrays) {
            let view = array.view(SAMPLE).ok()?;
            if view.dtype().ok()? != input.dtype || view.shape().len() != input.axes.len() {
                return None;
            }
            for (axis, &size) in input.axes.iter().zip(view.shape()) {
                let wanted = match *axis {
                    Axis::Fixed(wanted) => wanted,
                    Axis::Padded(dim) => *sizes[dim].get_or_insert(size),
                };
                if size != wanted {
                    return None;
                }
            }
        }
        let sizes: Few<usize> = sizes.into_iter().collect::<Option<_>>()?;
        let mut limits = sizes.iter().zip(&self.dims);
        if !limits.all(|(size, (least, most))| (least..=most).contains(&size)) {
            return None;
        }
        let holds = |line: &&Line| line.sizes.iter().zip(&sizes).all(|(room, size)| room >= size);
        let line = self.lines.iter().find(holds)?;
        let volume = sizes.iter().map(|&size| size as u64).product();
        let places = self.outputs.iter().zip(&line.results);
        let places = places.map(|((_, extents), shown)| place(extents, &sizes, &shown.room));
        Some((line, volume, places.collect::<Option<_>>()?))
    }

    /// `None` if the sample may not be written.
    fn run<'py>(
        &self,
        py: Python<'py>,
        line: &Line,
        arrays: &[Array<'_>],
        places: &[Place],
    ) -> PyResult<Option<(Bound<'py, PyDict>, Times)>> {
        for ((input, array), buffers) in self.inputs.iter().zip(arrays).zip(&line.buffers) {
            if self.write(py, input, array, buffers).is_none() {
                return Ok(None);
            }
        }
        let padded = Instant::now();
        line.infer.bind(py).call((), Some(self.keywords.bind(py)))?;
        let inferred = Instant::now();
        let outputs = PyDict::new(py);
        for (((name, _), shown), place) in self.outputs.iter().zip(&line.results).zip(places) {
            outputs.set_item(name, self.cut(py, shown, place)?)?;
        }
        Ok(Some((outputs, Times { padded, inferred })))
    }

    /// Writes an input and what follows from it. `None` if it isn't finite, or overlaps what is to be written.
    fn write(&self, py: Python<'_>, input: &Given, array: &Array<'_>, buffers: &[Py<PyUntypedArray>]) -> Option<()> {
        let buffers: Few<_> = buffers
            .iter()
            .map(|buffer| Array::NumPy(buffer.bind(py).clone()))
            .collect();
        let views = buffers.iter().map(|buffer| buffer.view(OUT));
        let mut views: Few<View<'_>> = views.collect::<PyResult<_>>().ok()?;
        let sample = array.view(SAMPLE).ok()?;
        if sample.dtype().ok()? != input.dtype {
            return None;
        }
        views.iter().try_for_each(|view| sample.is_apart(view)).ok()?;
        let (out, followers) = views.split_first_mut()?;
        let sample = sample.sample();
        // Python can change them while the GIL is released.
        let (shape, strides, room) = (
            Few::from_slice(sample.shape),
            Few::from_slice(sample.strides),
            Few::from_slice(out.shape()),
        );
        let sample = Sample {
            shape: &shape,
            strides: &strides,
            ..sample
        };
        let bytes = out.bytes_mut().ok()?;
        self.copy(
            py,
            sample,
            Batch { bytes, shape: &room },
            input.fill,
            input.side,
            input.finite,
        )
        .ok()?;
        for (view, (axis, follows)) in followers.iter_mut().zip(&input.followers) {
            let size = shape[*axis];
            let bytes = view.bytes_mut().ok()?;
            match *follows {
                Follows::Mask(one) => core::mask(bytes, size, one, input.side, self.level),
                Follows::Length if bytes.len() == 4 => bytes.copy_from_slice(&i32::try_from(size).ok()?.to_ne_bytes()),
                Follows::Length => bytes.copy_from_slice(&i64::try_from(size).ok()?.to_ne_bytes()),
            }
        }
        Some(())
    }

    /// The valid part of an output, as an array of the caller's.
    fn cut<'py>(&self, py: Python<'py>, shown: &Shown, place: &Place) -> PyResult<Bound<'py, PyAny>> {
        let shape = PyTuple::new(py, &place.sizes)?;
        let out = self.empty.bind(py).call1((shape, &shown.dtype))?;
        let held = Array::hold(out.clone(), OUT)?;
        let result = Array::NumPy(shown.array.bind(py).clone());
        let (mut view, result) = (held.view(OUT)?, result.view(SAMPLE)?);
        let zero = result.dtype()?.element(Number::Int(0)).unwrap_or(Element::One([0]));
        let sample = result.sample();
        let strides: Few<isize> = sample.strides.iter().skip(1).copied().collect();
        let skipped = place.starts.iter().zip(&strides);
        let skipped = skipped.map(|(&start, stride)| stride.wrapping_mul(start.cast_signed()));
        let sample = Sample {
            origin: skipped.fold(sample.origin, usize::wrapping_add_signed),
            shape: &place.sizes,
            strides: &strides,
            ..sample
        };
        let whole: Few<usize> = [1].into_iter().chain(place.sizes.iter().copied()).collect();
        let batch = Batch {
            bytes: view.bytes_mut()?,
            shape: &whole,
        };
        self.copy(py, sample, batch, zero, Side::Right, None)?;
        Ok(out)
    }

    fn copy(
        &self,
        py: Python<'_>,
        sample: Sample<'_>,
        out: Batch<'_>,
        fill: Element,
        side: Side,
        finite: Option<Float>,
    ) -> PyResult<()> {
        let padding = Padding {
            samples: &[sample],
            out,
            fill,
            narrow: false,
            side,
            finite,
            axis: 0,
            lengths: None,
            mask: None,
        };
        let done = detached(py, padding.out.bytes.len(), || core::pad(padding, self.level, 1));
        done.map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

impl Line {
    /// Takes the request in one step, unless somebody has it, or waits for it, or may hold what it wrote.
    fn take(&self, py: Python<'_>) -> bool {
        let mut hold = self.hold.bind(py).borrow_mut();
        !hold.is_wanted() && self.leases.bind(py).is_empty() && hold.enter()
    }

    /// Makes it free; where somebody waits for it, or it is broken, the pool has to know.
    fn give(&self, py: Python<'_>, broken: bool) -> PyResult<()> {
        let wanted = {
            let mut hold = self.hold.bind(py).borrow_mut();
            hold.leave(broken);
            hold.is_wanted()
        };
        if wanted || broken {
            settle(self.settle.bind(py))?;
        }
        Ok(())
    }
}

/// Whether it is the device that says so: an overflow of Python's stack is a `RuntimeError`, too.
fn is_of_device(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyRuntimeError>(py) && !error.is_instance_of::<PyRecursionError>(py)
}

/// `None` if a part would be larger than the output.
fn place(extents: &[Extent], sizes: &[usize], room: &[usize]) -> Option<Place> {
    let mut place = Place {
        starts: SmallVec::from_elem(0, room.len()),
        sizes: Few::from_slice(room),
    };
    for extent in extents {
        let steps = i128::from(extent.scale) * sizes[extent.dim] as i128 + i128::from(extent.offset);
        let valid = usize::try_from(steps.div_euclid(extent.divisor.into()).max(0)).ok()?;
        let padding = room.get(extent.axis)?.checked_sub(valid)?;
        place.sizes[extent.axis] = valid;
        place.starts[extent.axis] = match extent.side {
            Side::Right => 0,
            Side::Left => padding,
        };
    }
    Some(place)
}

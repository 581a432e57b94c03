//! What a lane has to know of a program, if that is plain.

use std::collections::HashMap;

use npuspec_core::pad::Side;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::{Axis, Extent, Follows, Given, Line, OUT, Shown};
use crate::array::Array;
use crate::dtype::{Dtype, Number};
use crate::hold::Hold;

/// What a program says, by its attributes' names.
#[derive(FromPyObject)]
pub(super) struct Program {
    batch: usize,
    dims: HashMap<String, Dim>,
    inputs: Vec<Port>,
    outputs: Vec<Output>,
    variants: Vec<Variant>,
}

#[derive(FromPyObject)]
struct Dim {
    minimum: usize,
    maximum: usize,
}

#[derive(FromPyObject)]
enum Port {
    Data(DataInput),
    Follower(Follower),
}

#[derive(FromPyObject)]
struct DataInput {
    name: String,
    axes: Vec<Size>,
    pad_value: Number,
    pad_side: String,
    finite: bool,
    preprocess: Option<Py<PyAny>>,
}

#[derive(FromPyObject)]
struct Follower {
    name: String,
    role: String,
    of: String,
    dim: String,
}

#[derive(FromPyObject)]
struct Output {
    name: String,
    extents: Vec<OutputExtent>,
}

#[derive(FromPyObject)]
struct OutputExtent {
    dim: String,
    axis: usize,
    scale: Py<PyAny>,
    offset: Py<PyAny>,
    divisor: Py<PyAny>,
}

#[derive(FromPyObject)]
struct Variant {
    name: String,
    sizes: HashMap<String, usize>,
}

/// The infer requests of a variant.
#[derive(FromPyObject)]
pub(super) struct Pool {
    first: Slot,
    settle: Py<PyAny>,
}

#[derive(FromPyObject)]
struct Slot {
    hold: Py<Hold>,
    leases: Py<PyList>,
    buffers: HashMap<String, Py<PyUntypedArray>>,
    results: HashMap<String, Py<PyUntypedArray>>,
    has_state: bool,
    request: Py<PyAny>,
}

#[derive(FromPyObject)]
enum Size {
    Fixed(usize),
    Padded(String),
}

/// The least and the largest size of each dimension, the inputs, the outputs' names and extents, and the variants.
type Known = (
    Vec<(usize, usize)>,
    Vec<Given>,
    Vec<(Py<PyString>, Vec<Extent>)>,
    Vec<Line>,
);

/// A program, and the pool of each variant. `None` if batches have several rows.
pub(super) fn extract(program: &Bound<'_, PyAny>, pools: &Bound<'_, PyDict>) -> PyResult<Option<(Program, Vec<Pool>)>> {
    let program: Program = program.extract()?;
    if program.batch != 1 {
        return Ok(None);
    }
    let pools = program
        .variants
        .iter()
        .map(|variant| pools.as_any().get_item(&variant.name)?.extract());
    let pools = pools.collect::<PyResult<_>>()?;
    Ok(Some((program, pools)))
}

/// `None` if there is anything that an inference would have to do and a lane doesn't.
pub(super) fn read(py: Python<'_>, program: &Program, pools: &[Pool]) -> Option<Known> {
    let reader = Reader::of(program)?;
    let inputs = reader
        .data
        .iter()
        .map(|data| reader.input(py, data, &pools.first()?.first));
    let inputs = inputs.collect::<Option<_>>()?;
    let outputs = program.outputs.iter().map(|output| {
        let extents = output.extents.iter().map(|extent| reader.extent(py, extent));
        Some((
            PyString::intern(py, &output.name).unbind(),
            extents.collect::<Option<_>>()?,
        ))
    });
    let outputs = outputs.collect::<Option<_>>()?;
    let lines = program.variants.iter().zip(pools);
    let lines = lines.map(|(variant, pool)| reader.line(py, variant, pool));
    let dims = reader.dims.iter().map(|&name| {
        let dim = program.dims.get(name)?;
        Some((dim.minimum, dim.maximum))
    });
    Some((
        dims.collect::<Option<_>>()?,
        inputs,
        outputs,
        lines.collect::<Option<_>>()?,
    ))
}

struct Reader<'a> {
    program: &'a Program,
    data: Vec<&'a DataInput>,
    /// Those that samples have.
    dims: Vec<&'a str>,
    /// Those that are padded on the left.
    left: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn of(program: &'a Program) -> Option<Self> {
        let mut reader = Self {
            program,
            data: Vec::new(),
            dims: Vec::new(),
            left: Vec::new(),
        };
        for port in &program.inputs {
            let Port::Data(data) = port else { continue };
            if data.preprocess.is_some() || data.axes.is_empty() {
                return None;
            }
            reader.data.push(data);
            for axis in &data.axes {
                let Size::Padded(name) = axis else { continue };
                if reader.number(name).is_none() {
                    reader.dims.push(name);
                }
                if side(data) == Side::Left {
                    reader.left.push(name);
                }
            }
        }
        Some(reader)
    }

    fn number(&self, dim: &str) -> Option<usize> {
        self.dims.iter().position(|other| *other == dim)
    }

    fn followers(&self, data: &DataInput) -> impl Iterator<Item = &'a Follower> {
        self.program.inputs.iter().filter_map(|port| match port {
            Port::Follower(port) if port.of == data.name => Some(port),
            _ => None,
        })
    }

    fn input(&self, py: Python<'_>, data: &DataInput, slot: &Slot) -> Option<Given> {
        let dtype_of = |name: &str| dtype_of(py, slot.buffers.get(name)?);
        let dtype = dtype_of(&data.name)?;
        let axes = data.axes.iter().map(|axis| match axis {
            Size::Fixed(size) => Some(Axis::Fixed(*size)),
            Size::Padded(name) => self.number(name).map(Axis::Padded),
        });
        let followers = self.followers(data).map(|port| {
            let is_its = |axis: &Size| matches!(axis, Size::Padded(name) if *name == port.dim);
            let place = data.axes.iter().position(is_its)?;
            match (port.role.as_str(), dtype_of(&port.name)?) {
                ("length", Dtype::I32 | Dtype::I64) => Some((place, Follows::Length)),
                ("mask", dtype) => Some((place, Follows::Mask(dtype.mask()?))),
                _ => None,
            }
        });
        Some(Given {
            name: PyString::intern(py, &data.name).unbind(),
            axes: axes.collect::<Option<_>>()?,
            dtype,
            fill: dtype.element(data.pad_value)?,
            side: side(data),
            finite: if data.finite { dtype.float() } else { None },
            followers: followers.collect::<Option<_>>()?,
        })
    }

    fn extent(&self, py: Python<'_>, extent: &OutputExtent) -> Option<Extent> {
        // They are of any size.
        let [scale, offset, divisor] =
            [&extent.scale, &extent.offset, &extent.divisor].map(|number| number.extract::<i64>(py).ok());
        let divisor = divisor.filter(|&divisor| divisor > 0)?;
        Some(Extent {
            dim: self.number(&extent.dim)?,
            axis: extent.axis.checked_sub(1)?,
            scale: scale?,
            offset: offset?,
            divisor,
            side: if self.left.contains(&extent.dim.as_str()) {
                Side::Left
            } else {
                Side::Right
            },
        })
    }

    fn line(&self, py: Python<'_>, variant: &Variant, pool: &Pool) -> Option<Line> {
        let slot = &pool.first;
        let buffer = |name: &str| Some(slot.buffers.get(name)?.clone_ref(py));
        let buffers = self.data.iter().map(|data| {
            let followers = self.followers(data).map(|port| buffer(&port.name));
            [buffer(&data.name)].into_iter().chain(followers).collect::<Option<_>>()
        });
        let results = self.program.outputs.iter().map(|output| {
            let array = slot.results.get(&output.name)?;
            dtype_of(py, array)?;
            // Of an output without axes NumPy makes a number.
            let (_, room) = array
                .bind(py)
                .shape()
                .split_first()
                .filter(|(_, room)| !room.is_empty())?;
            Some(Shown {
                array: array.clone_ref(py),
                dtype: array.bind(py).dtype().into_any().unbind(),
                room: room.to_vec(),
            })
        });
        let sizes = self.dims.iter().map(|&dim| variant.sizes.get(dim).copied());
        (!slot.has_state).then_some(Line {
            name: PyString::intern(py, &variant.name).unbind(),
            sizes: sizes.collect::<Option<_>>()?,
            hold: slot.hold.clone_ref(py),
            leases: slot.leases.clone_ref(py),
            infer: slot.request.getattr(py, "infer").ok()?,
            settle: pool.settle.clone_ref(py),
            buffers: buffers.collect::<Option<_>>()?,
            results: results.collect::<Option<_>>()?,
        })
    }
}

fn side(data: &DataInput) -> Side {
    if data.pad_side == "left" {
        Side::Left
    } else {
        Side::Right
    }
}

fn dtype_of(py: Python<'_>, array: &Py<PyUntypedArray>) -> Option<Dtype> {
    Array::NumPy(array.bind(py).clone()).view(OUT).ok()?.dtype().ok()
}

//! The element types of arrays, and Python numbers as elements.

use std::cmp::Ordering;
use std::ffi::{c_int, c_long};
use std::fmt;

use half::f16;
use npuspec_core::pad::{Element, Float};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl Dtype {
    /// From the format of a buffer. `None` for anything but a number or bool in this machine's byte order.
    pub fn from_format(format: &[u8], item_size: usize) -> Option<Self> {
        let native = if cfg!(target_endian = "little") { b'<' } else { b'>' };
        let kind = match *format {
            [kind] | [b'@' | b'=', kind] => kind,
            [order, kind] if order == native || item_size == 1 && matches!(order, b'<' | b'>' | b'!') => kind,
            _ => return None,
        };
        Some(match (kind, item_size) {
            (b'?', 1) => Self::Bool,
            (b'B', 1) => Self::U8,
            (b'b', 1) => Self::I8,
            (b'e', 2) => Self::F16,
            (b'f', 4) => Self::F32,
            (b'd', 8) => Self::F64,
            (b'H' | b'I' | b'L' | b'Q' | b'N', 2) => Self::U16,
            (b'h' | b'i' | b'l' | b'q' | b'n', 2) => Self::I16,
            (b'H' | b'I' | b'L' | b'Q' | b'N', 4) => Self::U32,
            (b'h' | b'i' | b'l' | b'q' | b'n', 4) => Self::I32,
            (b'H' | b'I' | b'L' | b'Q' | b'N', 8) => Self::U64,
            (b'h' | b'i' | b'l' | b'q' | b'n', 8) => Self::I64,
            _ => return None,
        })
    }

    /// From the number and the byte order of a dtype of `NumPy`. `None` as above.
    pub fn from_numpy(number: c_int, order: u8) -> Option<Self> {
        const NATIVE: u8 = if cfg!(target_endian = "little") { b'<' } else { b'>' };
        const LONG_IS_WIDE: bool = size_of::<c_long>() == 8;
        if !matches!(order, b'=' | b'|' | NATIVE) {
            return None;
        }
        Some(match number {
            0 => Self::Bool,
            1 => Self::I8,
            2 => Self::U8,
            3 => Self::I16,
            4 => Self::U16,
            7 if LONG_IS_WIDE => Self::I64,
            8 if LONG_IS_WIDE => Self::U64,
            5 | 7 => Self::I32,
            6 | 8 => Self::U32,
            9 => Self::I64,
            10 => Self::U64,
            11 => Self::F32,
            12 => Self::F64,
            23 => Self::F16,
            _ => return None,
        })
    }

    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// As `NumPy` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    pub fn float(self) -> Option<Float> {
        match self {
            Self::F16 => Some(Float::F16),
            Self::F32 => Some(Float::F32),
            Self::F64 => Some(Float::F64),
            _ => None,
        }
    }

    /// The one of a mask. `None` where masks have no such dtype.
    pub fn mask(self) -> Option<Element> {
        match self {
            Self::U16 | Self::I16 | Self::U32 | Self::U64 | Self::F64 => None,
            dtype => dtype.element(Number::Int(1)),
        }
    }

    /// The element that stands for `number`, or `None` if there is none.
    pub fn element(self, number: Number) -> Option<Element> {
        Some(match self {
            Self::Bool => Element::One([number.to_int().filter(|int| matches!(int, 0 | 1))?.try_into().ok()?]),
            Self::U8 => Element::One(u8::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::I8 => Element::One(i8::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::U16 => Element::Two(u16::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::I16 => Element::Two(i16::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::U32 => Element::Four(u32::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::I32 => Element::Four(i32::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::U64 => Element::Eight(u64::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::I64 => Element::Eight(i64::try_from(number.to_int()?).ok()?.to_ne_bytes()),
            Self::F16 => {
                let item = f16::from_f32_const(round_to_odd(number.to_float()));
                Element::Two(same_finiteness(number, item.is_finite()).then_some(item)?.to_ne_bytes())
            }
            Self::F32 => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounding to the element type is the purpose"
                )]
                let item = number.to_float() as f32;
                Element::Four(same_finiteness(number, item.is_finite()).then_some(item)?.to_ne_bytes())
            }
            Self::F64 => Element::Eight(number.to_float().to_ne_bytes()),
        })
    }
}

/// As `f32`, but of the two neighbours of an inexact value the one with an odd last bit. Rounding that to `f16` gives
/// the `f16` nearest to `value`, which rounding twice to nearest doesn't, nor does `half` from `f64`.
#[expect(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
fn round_to_odd(value: f64) -> f32 {
    let near = value as f32;
    let (wide, bits) = (f64::from(near).abs(), near.to_bits());
    if value.is_nan() || bits & 1 == 1 {
        return near;
    }
    match wide.total_cmp(&value.abs()) {
        Ordering::Less => f32::from_bits(bits + 1),
        Ordering::Equal => near,
        Ordering::Greater => f32::from_bits(bits - 1),
    }
}

fn same_finiteness(number: Number, finite: bool) -> bool {
    number.to_float().is_finite() == finite
}

/// A Python bool, int or float.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    Int(i128),
    Float(f64),
}

/// `TypeError` if it is no number, `ValueError` if it is an integer too large for any dtype.
impl FromPyObject<'_, '_> for Number {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(int) = value.extract::<i64>() {
            return Ok(Self::Int(int.into()));
        }
        if let Ok(int) = value.extract::<u64>() {
            return Ok(Self::Int(int.into()));
        }
        value.extract::<f64>().map(Self::Float).map_err(|error| {
            if error.is_instance_of::<PyTypeError>(value.py()) {
                PyTypeError::new_err("neither a bool, an int nor a float")
            } else {
                PyValueError::new_err("out of the range of every dtype")
            }
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => int.fmt(formatter),
            Self::Float(float) => write!(formatter, "{float:?}"),
        }
    }
}

impl Number {
    fn to_int(self) -> Option<i128> {
        match self {
            Self::Int(int) => Some(int),
            // All integers of the dtypes lie well within 2 ** 65; the cast is exact there.
            #[expect(clippy::cast_possible_truncation, reason = "the value is a whole number in range")]
            Self::Float(float) => (float.fract() == 0.0 && float.abs() < 2f64.powi(65)).then_some(float as i128),
        }
    }

    fn to_float(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "float(int) rounds in Python, too")]
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }
}

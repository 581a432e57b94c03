//! `onnx_external_data`.

use npuspec_core::onnx;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::array::{Array, Name};

/// List the files that hold an ONNX model's external data; see the stub for the contract.
#[pyfunction]
pub fn onnx_external_data(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let name = Name::The("data");
    let array = Array::hold_buffer(data, name)?;
    let view = array.view(name)?;
    view.is_c_contiguous()?;
    let bytes = view.bytes();
    py.detach(|| onnx::external_data(bytes))
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

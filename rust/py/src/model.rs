//! `onnx_external_data`.

use npuspec_core::onnx;
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::prelude::*;

use crate::array::Array;

/// List the files that hold an ONNX model's external data; see the stub for the contract.
#[pyfunction]
pub fn onnx_external_data(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let array = Array::get(data, || "data".to_owned())?;
    if !array.is_c_contiguous() {
        return Err(PyBufferError::new_err("data isn't contiguous"));
    }
    let bytes = array.bytes();
    py.detach(|| onnx::external_data(bytes))
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

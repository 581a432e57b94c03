//! The parts of npuspec that have to be fast or exact, free of Python.

pub mod document;
pub mod level;
pub mod onnx;
pub mod pad;

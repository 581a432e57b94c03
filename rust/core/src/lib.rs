//! The parts of npuspec that have to be fast or exact, free of Python.

pub mod document;
pub mod image;
pub mod layout;
pub mod level;
mod memory;
pub mod onnx;
pub mod pad;
pub mod resize;
mod threads;

//! `parse_toml`.

use std::ops::Range;

use npuspec_core::document::{self, Segment};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

#[derive(IntoPyObject)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Find where each key and value of a TOML text stands; see the stub for the contract.
#[pyfunction]
pub fn parse_toml<'py>(py: Python<'py>, text: &str) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
    let document = document::parse(text);
    let entries = document.entries.iter().map(|entry| {
        let path = entry.path.iter().map(|segment| match segment {
            Segment::Key(key) => Step::Key(key),
            Segment::Index(index) => Step::Index(*index),
        });
        Ok((
            PyTuple::new(py, path)?,
            pair(entry.key.as_ref()),
            (entry.value.start, entry.value.end),
        ))
    });
    let entries = entries.collect::<PyResult<Vec<_>>>()?;
    let errors = document
        .errors
        .iter()
        .map(|error| (error.message.as_str(), pair(error.span.as_ref())));
    Ok((PyList::new(py, entries)?, PyList::new(py, errors)?))
}

fn pair(span: Option<&Range<usize>>) -> Option<(usize, usize)> {
    span.map(|span| (span.start, span.end))
}

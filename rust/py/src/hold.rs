//! `Hold`: who has an infer request.

use std::mem::take;

use pyo3::prelude::*;

/// Who has an infer request; see the stub for the contract.
#[pyclass(module = "npuspec._native")]
#[derive(Default)]
pub struct Hold {
    holder: Option<Py<PyAny>>,
    wanted: bool,
}

#[pymethods]
impl Hold {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[getter]
    fn holder(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.holder.as_ref().map(|holder| holder.clone_ref(py))
    }

    #[pyo3(signature = (holder, *, want = false))]
    pub fn take(&mut self, holder: Py<PyAny>, want: bool) -> bool {
        if self.holder.is_some() {
            self.wanted |= want;
            return false;
        }
        self.holder = Some(holder);
        self.wanted = false;
        true
    }

    fn want(&mut self) {
        self.wanted = true;
    }

    pub fn give(hold: &Bound<'_, Self>) {
        let holder = take(&mut hold.borrow_mut().holder);
        drop(holder); // which may run Python code, so nothing is borrowed any more
    }
}

impl Hold {
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }
}

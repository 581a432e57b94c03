//! `Hold`: whether an infer request is in use, and `Turn`: its use by one caller.

use pyo3::prelude::*;
use pyo3::types::PyType;

/// Whether an infer request is in use; see the stub for the contract.
#[pyclass(module = "npuspec._native")]
#[derive(Default)]
pub struct Hold {
    taken: bool,
    wanted: bool,
    broken: bool,
}

#[pymethods]
impl Hold {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    #[getter]
    fn is_taken(&self) -> bool {
        self.taken
    }

    #[getter]
    fn is_broken(&self) -> bool {
        self.broken
    }

    #[pyo3(signature = (turn, *, want = false))]
    fn take(slf: &Bound<'_, Self>, turn: &Bound<'_, Turn>, want: bool) -> bool {
        let mut hold = slf.borrow_mut();
        let taken = hold.enter();
        if taken {
            turn.borrow_mut().hold = Some(slf.clone().unbind());
        } else {
            hold.wanted |= want;
        }
        taken
    }

    fn want(&mut self) {
        self.wanted = true;
    }
}

impl Hold {
    /// Takes it, if it is free and whole.
    pub fn enter(&mut self) -> bool {
        if self.taken || self.broken {
            return false;
        }
        *self = Self {
            taken: true,
            ..Self::default()
        };
        true
    }

    /// Makes it free.
    pub fn leave(&mut self, broken: bool) {
        self.taken = false;
        self.broken = broken;
    }

    pub fn is_wanted(&self) -> bool {
        self.wanted
    }
}

/// One caller's use of an infer request; see the stub for the contract.
#[pyclass(module = "npuspec._native")]
pub struct Turn {
    hold: Option<Py<Hold>>,
    settle: Py<PyAny>,
    harmless: Py<PyType>,
}

#[pymethods]
impl Turn {
    #[new]
    fn new(settle: Py<PyAny>, harmless: Py<PyType>) -> Self {
        Self {
            hold: None,
            settle,
            harmless,
        }
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        kind: Option<&Bound<'_, PyType>>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let Some(hold) = slf.borrow_mut().hold.take() else {
            return Ok(());
        };
        let turn = slf.borrow();
        let broken = kind.map_or(Ok(false), |kind| Ok(!kind.is_subclass(turn.harmless.bind(py))?));
        hold.borrow_mut(py).leave(*broken.as_ref().unwrap_or(&true));
        settle(turn.settle.bind(py))?;
        broken.map(drop)
    }
}

/// Tells a pool that a request of it is free. Ctrl-C may come meanwhile: then it is told once more.
pub fn settle(settle: &Bound<'_, PyAny>) -> PyResult<()> {
    settle.call0().or_else(|error| settle.call0().and(Err(error))).map(drop)
}

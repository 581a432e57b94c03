//! The Python module `npuspec._native`. Its documentation is in `_native.pyi`.

use pyo3::prelude::*;

mod array;
mod batch;
mod dtype;
mod hold;
mod images;
mod lane;
mod model;
mod text;

#[pymodule(name = "_native")]
mod native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::batch::{NonFiniteError, pad, unpad};
    #[pymodule_export]
    use crate::hold::{Hold, Turn};
    #[pymodule_export]
    use crate::images::{levels, normalize, repack, resize};
    #[pymodule_export]
    use crate::lane::Lane;
    #[pymodule_export]
    use crate::model::onnx_external_data;
    #[pymodule_export]
    use crate::text::parse_toml;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

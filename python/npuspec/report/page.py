"""A report as one HTML file: no script, nothing fetched, and every text of a spec or a model escaped.

Needs packages of an extra: `pip install npuspec[report]`.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from npuspec.diagnostics import NpuspecError
from npuspec.diagnostics.text import printable
from npuspec.plan.passes.stage import TIMED
from npuspec.report import plots
from npuspec.report.facts import mebibytes
from npuspec.report.measured import FIGURES
from npuspec.report.model import Missing, Report

_MOST_SAMPLES = 100
_MOST_LAYERS = 100


def render_page(reports: Sequence[Report], broken: Mapping[str, NpuspecError], title: str) -> str:
    """Return the page of one or several bundles, and what is wrong with others."""
    environment = Environment(
        loader=PackageLoader("npuspec.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["missing"] = lambda value: isinstance(value, Missing)
    environment.filters["size"] = mebibytes
    style = files("npuspec.report").joinpath("report.css").read_text("utf-8")

    def plot(name: str, *values: Any) -> Markup:
        return Markup(getattr(plots, f"{name}_plot")(*values))  # noqa: S704  Vega has escaped it

    return environment.get_template("template.html.j2").render(
        reports=reports,
        broken={name: error.diagnostics[0].message for name, error in broken.items()},
        title=title,
        plot=plot,
        style=Markup(style),  # noqa: S704  it is ours
        style_digest=b64encode(sha256(style.encode()).digest()).decode(),
        figures=FIGURES,
        timed=TIMED,
        most_samples=_MOST_SAMPLES,
        most_layers=_MOST_LAYERS,
    )


def _visible(value: Any) -> Any:
    """Spell control characters out; a Markup stays what it is."""
    return printable(value) if type(value) is str else value

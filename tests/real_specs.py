"""The specs of the project, quantized where they aren't, with what lies beside them."""

import re
import shutil
from pathlib import Path

from conftest import ROOT

SPECS = ROOT / "specs"

TOPICS = """
[quantization]
mode = "int8"
model-type = "transformer"
samples = 120

[[gates]]
metric = "function"
function = "topics:topic_accuracy"
of = "quantized"
compared = "with-original"
min = -0.01
"""

OCR = """
[quantization]
mode = "mixed"
model-type = "transformer"
samples = 19

[[allow]]
code = "small-calibration"
reason = "there are 38 lines in all"

[[gates]]
metric = "character-error-rate"
output = "softmax_11.tmp_0"
of = "quantized"
compared = "with-original"
max = 0.005

[[gates]]
metric = "frame-agreement"
output = "softmax_11.tmp_0"
of = "quantized"
against = "static"
min = 0.96
"""


def beside(folder: Path, name: str, more: str, *, without: str = r"\n(#[^\n]*\n)*\[\[gates\]\].*") -> Path:
    """Write a spec of the project into a folder, with what lies beside it, without its gates, and with more."""
    for part in SPECS.glob("*"):
        if part.is_dir():
            shutil.copytree(part, folder / part.name)
        elif part.suffix not in (".toml", ".lock"):
            shutil.copyfile(part, folder / part.name)
    spec = folder / f"{name}.toml"
    text = (SPECS / f"{name}.toml").read_text("utf-8")
    spec.write_text(re.sub(without, "\n", text, flags=re.DOTALL) + more, "utf-8")
    return spec

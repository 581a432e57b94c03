"""What is said of an input beyond its shape."""

import pytest

from builders import SMALL, places
from npuspec.diagnostics import Path

IMAGE = SMALL.replace('["batch", "time"]', '["batch", 3, "time", 8]')
RESIZED = ('place = "native"', 'dtype = "uint8"', 'resize = "letterbox"')
FIXED = """
[dims.colour]
strategy = "fixed"
size = 2

[inputs.x]
shape = ["batch", "colour", "time", 8]
layout = "NCHW"

[inputs.x.preprocess]
""".join(SMALL.split('[inputs.x]\nshape = ["batch", "time"]\n'))
AT: Path = ("inputs", "x")


def preprocess(*lines: str, layout: str = 'layout = "NCHW"') -> str:
    return IMAGE + f"{layout}\n[inputs.x.preprocess]\n" + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        IMAGE + 'layout = "NCHW"\n',
        IMAGE + 'layout = "N?HW"\n',
        IMAGE + 'layout = "N???"\n',
        preprocess('layout = "NHWC"', "mean = [0.5, 0.5, 0.5]", "scale = [0.2, 0.2, 0.2]"),
        preprocess("mean = [0.5]"),
        preprocess("scale = [-1.0]"),
        FIXED + "mean = [1.0, 2.0]\n",
        preprocess(*RESIZED),
        preprocess(*RESIZED, layout='layout = "NCWH"\npad-side = "left"'),
        preprocess(*RESIZED[:2], 'resize = "stretch"').replace('"pad"', '"fixed"').replace('overflow = "error"\n', ""),
    ],
)
def test_what_keeps_every_rule_has_no_faults(text: str) -> None:
    assert places(text) == []


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        (IMAGE + 'layout = "NCH"\n', "wrong-value", (*AT, "layout")),
        (IMAGE + 'layout = "NCHH"\n', "wrong-value", (*AT, "layout")),
        (preprocess('layout = "NHW"'), "wrong-value", (*AT, "preprocess", "layout")),
        (preprocess('layout = "NHWC"', layout=""), "missing-key", AT),
        (preprocess('layout = "NHWD"'), "wrong-value", (*AT, "preprocess", "layout")),
        (preprocess('layout = "HNWC"'), "wrong-value", (*AT, "preprocess", "layout")),
        (preprocess('layout = "N?WC"'), "wrong-value", (*AT, "preprocess", "layout")),
        (preprocess("mean = [0.5, 0.5]"), "wrong-value", (*AT, "preprocess", "mean")),
        (preprocess("mean = [0.5, 0.5, 0.5]", layout=""), "missing-key", (*AT, "preprocess", "mean")),
        (preprocess("swap-channels = true", layout=""), "missing-key", (*AT, "preprocess", "swap-channels")),
        (preprocess("mean = [0.5]", "scale = [1.0, 2.0]"), "wrong-value", (*AT, "preprocess", "scale")),
        (preprocess("scale = [1.0, 0.0, 1.0]"), "wrong-value", (*AT, "preprocess", "scale", 1)),
        (preprocess("scale = [1e-50]"), "wrong-value", (*AT, "preprocess", "scale", 0)),
        (preprocess("scale = [1e31]"), "wrong-value", (*AT, "preprocess", "scale", 0)),
        (preprocess("mean = [-1e16]"), "wrong-value", (*AT, "preprocess", "mean", 0)),
        (preprocess("mean = [1.0, 2.0]", layout='layout = "NHCW"'), "wrong-value", (*AT, "preprocess", "mean")),
        (IMAGE + 'layout = "CNHW"\n', "wrong-value", (*AT, "layout")),
        (FIXED + "scale = [1.0, 2.0, 3.0]\n", "wrong-value", (*AT, "preprocess", "scale")),
        (preprocess(*RESIZED[1:]), "wrong-resize", (*AT, "preprocess", "resize")),
        (preprocess(RESIZED[0], RESIZED[2]), "wrong-resize", (*AT, "preprocess", "dtype")),
        (preprocess(*RESIZED, layout=""), "wrong-resize", (*AT, "preprocess", "resize")),
        (preprocess(*RESIZED, layout='layout = "NC?W"'), "wrong-resize", (*AT, "preprocess", "resize")),
        (preprocess(*RESIZED, layout='layout = "NHCW"'), "wrong-resize", (*AT, "preprocess", "resize")),
        (preprocess(*RESIZED, layout='layout = "NHWC"'), "wrong-resize", (*AT, "preprocess", "resize")),
        (preprocess(*RESIZED[:2], 'resize = "stretch"'), "wrong-resize", (*AT, "preprocess", "resize")),
        (FIXED + "\n".join(RESIZED), "wrong-resize", (*AT, "preprocess", "resize")),
        (
            preprocess(*RESIZED)
            .replace('"time", 8]', '"time", "width"]')
            .replace("[inputs.x]", '[dims.width]\nstrategy = "pad"\nsize = 8\noverflow = "error"\n[inputs.x]'),
            "wrong-resize",
            (*AT, "preprocess", "resize"),
        ),
    ],
)
def test_what_breaks_one_rule_is_one_fault_at_its_place(text: str, code: str, path: Path) -> None:
    assert places(text) == [(code, path)]

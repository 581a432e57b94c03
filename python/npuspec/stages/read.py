"""Read the published model, and write it as OpenVINO IR with nothing changed."""

from collections.abc import Mapping
from typing import Any

import openvino as ov

from npuspec.child import Progress
from npuspec.facts.inspect import read_model
from npuspec.stages.request import Request


def run(arguments: Mapping[str, Any], _progress: Progress) -> None:
    """Write model.xml and model.bin."""
    request = Request.of(arguments)
    request.write_model(read_model(ov.Core(), request.model / request.parameters["entry"]))

"""Look at a model, run it or have it compiled, and judge; what needs OpenVINO does so in a child process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import convert

from npuspec.bundle import Bundle
from npuspec.child import ChildError, Progress, run_task
from npuspec.compilers import Compiler
from npuspec.diagnostics import SpecError
from npuspec.fusion.borders import find_borders
from npuspec.fusion.judge import judge
from npuspec.fusion.model import Executed, Graph, Report
from npuspec.fusion.trace import read_trace
from npuspec.npu import ahead_of_time


@dataclass(frozen=True, slots=True)
class Asked:
    """A model, and what it is compiled for.

    Attributes:
        model: an ONNX or OpenVINO IR file, whose shapes are static.
        variant: which of a bundle's it is.
        device: what runs it: `CPU` or `NPU`.
        platform: the NPU that it is compiled for instead, which needn't be here.
        properties: OpenVINO's, of the device.
        core: properties of OpenVINO itself.

    """

    model: Path
    device: str
    variant: str | None = None
    platform: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    core: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_bundle(cls, bundle: Bundle, device: str, platform: str | None = None, variant: str | None = None) -> "Asked":
        """Return a bundle's model, the largest if none is named, with its properties of a device."""
        manifest = bundle.manifest
        name = variant or manifest.program.variants[-1].name
        properties = next((found.properties for found in manifest.deployments if found.device == device), {})
        return cls(
            model=bundle.path(manifest.models[name]),
            variant=name,
            device=device,
            platform=platform,
            properties=properties if platform is None else ahead_of_time(properties),
            core=manifest.core,
        )


def check_fusion(asked: Asked, progress: Progress, compiler: Compiler | None = None) -> Report:
    """Return which chains of a model are fused, which aren't, and what is done at its borders.

    Args:
        asked: what is looked at.
        progress: told how often the model has run.
        compiler: what compiles for the platform.

    Raises:
        StageError: the model can't be compiled, or the compiler tells nothing.
        SpecError: `not-a-model`, or `dynamic-dimension`.

    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        prepared, trace = Path(scratch, "prepared.xml"), Path(scratch, "trace.json")
        told = {"model": str(asked.model.absolute()), "prepared": str(prepared)}
        try:
            graph = convert(run_task("npuspec.fusion.prepare:look", told), Graph)
        except ChildError as error:  # the call is wrong, and no stage failed
            raise SpecError(error.diagnostics) from None
        if asked.platform is not None and compiler is not None:
            compiler.compile(prepared, asked.platform, Path(scratch, "blob"), asked.properties, trace)
            executed, where = read_trace(trace), f"NPU {asked.platform}"
        else:
            how = {"device": asked.device, "properties": {**asked.properties}, "core": {**asked.core}}
            found = run_task("npuspec.fusion.measure:run", {"model": str(prepared), **how}, progress)
            executed = convert(found, Executed)
            where = asked.device
    return Report(
        device=where,
        variant=asked.variant,
        estimated=asked.platform is not None,
        whole_us=executed.whole_us,
        chains=judge(graph, executed, where),
        borders=find_borders(graph, executed, where),
    )

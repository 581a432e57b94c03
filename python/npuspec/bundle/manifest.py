"""The manifest: what a bundle holds, file by file, and what a session needs to know. It is the only file read on trust,
and the trust is checked: the folder that it lies in is named by its SHA-256.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from npuspec.bundle.program import Frozen, Load, Program
from npuspec.npu.settable import may_be_set

MANIFEST = "manifest.json"
PLAN = "plan.json"
CACHES = {
    "blob": "compiled models are in the bundle; those for another device in npuspec's cache from the first start on",
    "directory": "compiled models are kept in npuspec's cache from the first start on",
    "none": "compiled at every start: npuspec keeps nothing",
}
"""What becomes of compiled models, by the kind of cache."""

RelativePath = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z", max_length=400)
]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
PropertyName = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{0,99}\Z")]


class FileRecord(Frozen):
    """One file of the bundle."""

    sha256: Sha256
    size: Annotated[int, Meta(ge=0)]


class Deployed(Frozen):
    """A device that the spec allows, with OpenVINO's properties for it."""

    device: Literal["NPU", "CPU"]
    properties: dict[PropertyName, bool | int | float | str]


class Blob(Frozen):
    """A model as one device's compiler exported it; of use only where the device is the same to the letter."""

    device: str
    identity: str
    path: RelativePath


class PlatformBlob(Frozen):
    """A model as it was compiled ahead of time for an NPU, of use wherever there is one of this platform."""

    platform: Annotated[str, Meta(pattern=r"^[0-9]{4}\Z")]
    variant: str
    path: RelativePath
    compiler: str
    """Which compiler made it."""
    requirements: str | None
    """What it needs of a driver, as OpenVINO states it; None where that isn't known."""


class Manifest(Frozen):
    """Everything that a session needs to know of a bundle."""

    format: Literal[1] = 1
    plan: Sha256
    toolchain: dict[str, str]
    program: Program
    load: Load = Load()
    cache: Literal["blob", "directory", "none"]
    core: dict[PropertyName, bool | int | float | str] = field(default_factory=dict)
    """Properties of OpenVINO itself."""
    deployments: Annotated[tuple[Deployed, ...], Meta(min_length=1)]
    """In the order in which they are tried."""
    device: Literal["NPU", "CPU"]
    """The device that this bundle was made and measured on."""
    identity: str
    """What exactly that device was."""
    models: dict[str, RelativePath]
    """Variant to OpenVINO IR."""
    blobs: dict[str, Blob]
    """Variant to blob."""
    platforms: tuple[PlatformBlob, ...] = ()
    """What was compiled ahead of time."""
    files: dict[RelativePath, FileRecord]
    """Every file of the bundle but this one."""

    def __post_init__(self) -> None:
        """Hold what is named against what there is."""
        variants = {variant.name for variant in self.program.variants}
        if self.models.keys() != variants or not self.blobs.keys() <= variants:
            raise ValueError("models and blobs are those of the program's variants")
        largest = {name: dim.maximum for name, dim in self.program.dims.items()}
        if all(variant.sizes != largest for variant in self.program.variants):
            raise ValueError("no variant holds the longest samples")
        given = [(name, False) for deployed in self.deployments for name in deployed.properties]
        for name, of_core in (*given, *((name, True) for name in self.core)):
            if not may_be_set(name, of_core=of_core):
                raise ValueError(f"`{name}` is no property that a spec may set")
        if any(blob.variant not in variants for blob in self.platforms):
            raise ValueError("what was compiled ahead of time are the program's variants")
        for place in self.models.values():
            if not place.endswith(".xml"):  # others name files of their own, which nobody would have hashed
                raise ValueError(f"`{place}` is no OpenVINO IR")
        ahead = (blob.path for blob in self.platforms)
        for place in (*self.models.values(), *(blob.path for blob in self.blobs.values()), *ahead):
            if place not in self.files:
                raise ValueError(f"`{place}` isn't among the files")

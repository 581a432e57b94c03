"""What a manifest may say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import ValidationError, convert, to_builtins

from bundle.conftest import FILES, PROPERTIES, publish_files
from npuspec.bundle import Manifest, open_bundle
from npuspec.diagnostics import BundleError
from npuspec.npu import property_table
from npuspec.store import canonical_json, digest_bytes, digest_file

Edit = Callable[[dict[str, Any]], object]


def test_a_manifest_comes_back_equal_and_byte_for_byte(bundle: Path) -> None:
    opened = open_bundle(bundle)
    data = (opened.root / "manifest.json").read_bytes()
    assert msgspec.json.decode(data, type=Manifest) == opened.manifest
    assert canonical_json(to_builtins(opened.manifest)) == data


def test_properties_keep_their_types(bundle: Path) -> None:
    properties = open_bundle(bundle).manifest.deployments[0].properties
    assert properties == PROPERTIES
    assert {type(value) for value in properties.values()} == {str, int, bool}
    assert [type(properties[name]) for name in PROPERTIES] == [type(value) for value in PROPERTIES.values()]


def test_every_file_is_recorded_with_its_size_and_digest(tmp_path: Path) -> None:
    publish_files(tmp_path / "bundle", "a")
    opened = open_bundle(tmp_path / "bundle")
    assert set(opened.manifest.files) == {*FILES, "tag"}
    for name, record in opened.manifest.files.items():
        assert record.size == opened.path(name).stat().st_size
        assert record.sha256 == digest_file(opened.path(name))


def test_the_same_content_has_the_same_digest_wherever_it_is_published(tmp_path: Path) -> None:
    digests = {publish_files(tmp_path / name, tag) for name, tag in (("a", "1"), ("b", "1"), ("c", "2"))}
    assert len(digests) == 2


def test_a_version_is_named_by_the_digest_of_its_manifest(bundle: Path) -> None:
    opened = open_bundle(bundle)
    assert opened.root.name == digest_bytes((opened.root / "manifest.json").read_bytes())
    assert (bundle / "CURRENT").read_text() == f"{opened.root.name}\n"


PLACES = [
    "../x",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "./a",
    "a/",
    "",
    ".hidden",
    "a\\b",
    "C:/a",
    "a\nb",
    "a\n",
    "a\0",
    "ä",
]


def renamed(bundle: Path, place: str) -> dict[str, Any]:
    """Return the manifest of a bundle whose model has another path."""
    data: dict[str, Any] = json.loads(msgspec.json.encode(open_bundle(bundle).manifest))
    data["files"][place] = data["files"].pop("models/time8.xml")
    data["models"]["time8"] = place
    return data


@pytest.mark.parametrize("place", ["a.xml", "models/a-b_c.d.xml", "a/b/c/d.xml"])
def test_a_path_is_relative_and_plain(bundle: Path, place: str) -> None:
    assert convert(renamed(bundle, place), Manifest).models == {"time8": place}


@pytest.mark.parametrize("place", PLACES)
def test_a_path_that_could_lead_anywhere_else_is_no_path(bundle: Path, place: str) -> None:
    with pytest.raises(ValidationError, match="matching regex"):
        convert(renamed(bundle, place), Manifest)


FORMS: dict[str, Edit] = {
    "another format": lambda m: m.update(format=2),
    "a format that is a word": lambda m: m.update(format="1"),
    "an unknown key": lambda m: m.update(more=1),
    "a missing key": lambda m: m.pop("program"),
    "no deployment": lambda m: m.update(deployments=[]),
    "no variant": lambda m: m["program"].update(variants=[]),
    "another device": lambda m: m.update(device="GPU"),
    "a short digest": lambda m: m["files"]["tag"].update(sha256="0" * 63),
    "a negative size": lambda m: m["files"]["tag"].update(size=-1),
    "a property that no spec may set": lambda m: m["deployments"][0]["properties"].update(CACHE_DIR="/"),
    "an empty shape": lambda m: m["program"]["variants"][0]["shapes"].update(x=[0]),
    "a division by zero": lambda m: m["program"]["outputs"][0]["extents"][0].update(divisor=0),
    "another role": lambda m: m["program"]["inputs"][0].update(role="noise"),
    "a size that is too large": lambda m: m["program"]["dims"]["time"].update(maximum=2**31),
    "a list": lambda m: m.update(files=[]),
    "a size that is a word": lambda m: m["program"].update(batch="1"),
    "a size that is true": lambda m: m["program"].update(batch=True),
    "a size that is a float": lambda m: m["program"].update(batch=1.0),
    "a word that is a number": lambda m: m.update(identity=1),
    "two roles at once": lambda m: m["program"]["inputs"][0].update(role="mask"),
    "no role": lambda m: m["program"]["inputs"][0].pop("role"),
    "something for nothing": lambda m: m.update(blobs=None),
}


REFERENCES: dict[str, Edit] = {
    "a model that isn't among the files": lambda m: m["models"].update(time8="models/other.xml"),
    "a blob that isn't among the files": lambda m: m["blobs"].update(
        time8={"device": "CPU", "identity": "", "path": "blobs/time8.blob"}
    ),
    "a variant without a model": lambda m: m["models"].clear(),
    "a blob of no variant": lambda m: m["blobs"].update(other={"device": "CPU", "identity": "", "path": "tag"}),
}


@pytest.mark.parametrize("edit", [*FORMS.values(), *REFERENCES.values()], ids=[*FORMS, *REFERENCES])
def test_whatever_has_another_form_or_refers_to_nothing_is_refused(bundle: Path, edit: Edit) -> None:
    data = json.loads(msgspec.json.encode(open_bundle(bundle).manifest))
    convert(data, Manifest)
    edit(data)
    with pytest.raises(ValidationError):
        convert(data, Manifest)


ROWS = property_table().values()
OF_CORE = sorted(row.name for row in ROWS if row.scope == "core" and row.access in ("spec", "unchecked"))
OF_DEVICE = sorted(row.name for row in ROWS if row.scope != "core" and row.access in ("spec", "unchecked"))
REFUSED = sorted(row.name for row in ROWS if row.access not in ("spec", "unchecked"))


def with_property(bundle: Path, name: str, *, core: bool = False) -> dict[str, Any]:
    """Return a bundle's manifest with one more property."""
    data: dict[str, Any] = json.loads(msgspec.json.encode(open_bundle(bundle).manifest))
    place = data["core"] if core else data["deployments"][0]["properties"]
    place[name] = "x"
    return data


@pytest.mark.parametrize(("name", "core"), [*((n, True) for n in OF_CORE), *((n, False) for n in OF_DEVICE)])
def test_what_a_spec_may_set_stands_in_its_own_place_only(bundle: Path, name: str, core: bool) -> None:
    convert(with_property(bundle, name, core=core), Manifest)
    with pytest.raises(ValidationError, match="is no property that a spec may set"):
        convert(with_property(bundle, name, core=not core), Manifest)


def test_what_npuspec_does_not_know_is_of_the_device_only(bundle: Path) -> None:
    convert(with_property(bundle, "NPU_ANYTHING_NEW"), Manifest)
    with pytest.raises(ValidationError, match="is no property that a spec may set"):
        convert(with_property(bundle, "NPU_ANYTHING_NEW", core=True), Manifest)


@pytest.mark.parametrize("core", [False, True], ids=["device", "core"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_reserved_or_read_only_property_is_refused(bundle: Path, name: str, core: bool) -> None:
    with pytest.raises(ValidationError, match="is no property that a spec may set"):
        convert(with_property(bundle, name, core=core), Manifest)


@pytest.mark.parametrize(
    "name", ["", "turbo", "NPU-TURBO", "_X", "1X", "NPU_TURBO\n", "X" * 101, "CACHE_DIR ", "Cache_Dir"]
)
def test_a_property_s_name_is_one_of_openvino_s_form(bundle: Path, name: str) -> None:
    for core in (False, True):
        with pytest.raises(ValidationError, match="matching regex"):
            convert(with_property(bundle, name, core=core), Manifest)


@pytest.mark.parametrize("core", [False, True], ids=["device", "core"])
@pytest.mark.parametrize("value", [None, [], {}, ["x"]])
def test_a_property_s_value_is_plain(bundle: Path, value: Any, core: bool) -> None:
    name = OF_CORE[0] if core else "PERF_COUNT"
    data = with_property(bundle, name, core=core)
    (data["core"] if core else data["deployments"][0]["properties"])[name] = value
    with pytest.raises(ValidationError):
        convert(data, Manifest)


def test_every_deployment_is_looked_at(bundle: Path) -> None:
    data = with_property(bundle, "PERF_COUNT")
    data["deployments"].append({"device": "NPU", "properties": {"CACHE_DIR": "/tmp"}})  # noqa: S108
    with pytest.raises(ValidationError, match="`CACHE_DIR` is no property"):
        convert(data, Manifest)


def test_a_forged_bundle_is_refused_and_nothing_is_set(bundle: Path) -> None:
    """Whoever can write a bundle can also give it a right digest."""
    data = canonical_json(with_property(bundle, "CACHE_DIR"))
    version = open_bundle(bundle).root
    (version / "manifest.json").write_bytes(data)
    version.rename(version.parent / digest_bytes(data))
    (bundle / "CURRENT").write_text(f"{digest_bytes(data)}\n")
    with pytest.raises(BundleError, match="CACHE_DIR") as caught:
        open_bundle(bundle)
    assert caught.value.code in ("broken-bundle", "bundle-format")

"""What `check` and `plan` keep is never shown where a cold run would say otherwise."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from npuspec.cli.check import _verdict
from npuspec.cli.plan import _recalled
from npuspec.diagnostics.form import json_form
from npuspec.facts import Content
from npuspec.plan import check as check_spec
from npuspec.sources import Fetched, fetch_data
from npuspec.sources.download import KIND, _key
from npuspec.sources.model import WheelSource
from npuspec.store import Store
from npuspec.store.recall import recall
from recalled import codes, cold, kept, replace_text, same_times, warm
from toy_specs import INT8

ONNX = b'\x08\x08:"\x12\x01g*\x1d\x08\x01\x10\x01B\x02w0j\x11\n\x08location\x12\x05w.binp\x01B\x04\n\x00\x10\x11'
"""A model whose one weight lies beside it in `w.bin`."""

pytestmark = pytest.mark.usefixtures("at_once")


@pytest.fixture
def spec(toy_spec: Path) -> Path:
    return toy_spec


WHEEL = 'source = "pypi:npuspec-example==1.0/model.onnx"\nsha256 = "' + "0" * 64 + '"'


def test_what_is_kept_is_what_was_recalled(spec: Path) -> None:
    rows = warm(spec)
    assert codes(rows) == []
    assert _verdict(spec) == (rows, spec.read_text())


def test_every_format_prints_the_same_cold_and_kept(spec: Path) -> None:
    replace_text(spec, "size = 32", "size = 0")
    warm(spec)
    document, diagnostics = check_spec(spec, Store())
    assert _verdict(spec)[0] == json.loads(json.dumps(json_form(diagnostics, document)))


def _another_digit(path: Path) -> None:
    replace_text(path, "min = 0.5", "min = 1.5")


def _another_key(path: Path) -> None:
    path.write_text(path.read_text().replace("npuspec = 1", "npuspek = 1"))


def _missing_sample(path: Path) -> None:
    shutil.rmtree(path.parent / "data")


def _changed_model(path: Path) -> None:
    same_times(
        path.parent / "model" / "model.xml",
        lambda model: model.write_text("<!--" + " " * (model.stat().st_size - 7) + "-->"),
    )


def _model_gone(path: Path) -> None:
    (path.parent / "model" / "model.xml").unlink()


def _model_renamed(path: Path) -> None:
    (path.parent / "model").rename(path.parent / "modell")


def _weights_gone(path: Path) -> None:
    (path.parent / "model" / "model.bin").unlink()


def _strange_sample(path: Path) -> None:
    shutil.copy(path.parent / "data" / "0.npy", path.parent / "data" / "twin.npy")


def _sample_gone(path: Path) -> None:
    for sample in (path.parent / "data").iterdir():
        sample.unlink()


def _spec_gone(path: Path) -> None:
    path.unlink()


def _folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "change",
    [
        _another_digit,
        _another_key,
        _missing_sample,
        _changed_model,
        _model_gone,
        _model_renamed,
        _weights_gone,
        _strange_sample,
        _sample_gone,
        _spec_gone,
        _folder_in_its_place,
    ],
)
def test_what_changed_is_looked_at_again(spec: Path, change: Callable[[Path], None]) -> None:
    before = warm(spec)
    change(spec)
    now = cold(spec)
    assert now != before
    assert _verdict(spec)[0] == now


def test_a_spec_of_the_same_size_and_time_is_read_again(spec: Path) -> None:
    before = warm(spec)
    same_times(spec, lambda path: replace_text(path, "min = 0.5", "min = 1.5"))
    assert _verdict(spec)[0] == cold(spec) != before


def test_what_was_wrong_and_is_mended_is_right(spec: Path) -> None:
    (spec.parent / "model" / "model.xml").rename(spec.parent / "kept.xml")
    assert codes(warm(spec)) == ["missing-file"]
    (spec.parent / "kept.xml").rename(spec.parent / "model" / "model.xml")
    assert codes(_verdict(spec)[0]) == []


@pytest.mark.parametrize(("name", "code"), [("labels.txt", "bad-labels"), ("letters.txt", "wrong-decode")])
def test_labels_and_vocabularies_that_changed_are_looked_at_again(spec: Path, name: str, code: str) -> None:
    replace_text(spec, 'input = "x"', 'input = "x"\nlabels = "labels.txt"')
    letters = '\n[outputs.y]\ndecode = { kind = "ctc", vocabulary = "letters.txt", blank = 1 }\n'
    spec.write_text(spec.read_text() + letters)
    for beside in ("labels.txt", "letters.txt"):
        (spec.parent / beside).write_text("a\nb\nc\n")
    assert codes(warm(spec)) == []
    (spec.parent / name).write_text("a\n")
    assert codes(_verdict(spec)[0]) == [code]


@pytest.mark.parametrize("at", ["data/new/0.npy", "data/old/below/0.npy", "data/old/0.npy"])
def test_a_sample_that_appears_in_a_folder_is_seen(spec: Path, at: str) -> None:
    (spec.parent / "data" / "old" / "below").mkdir(parents=True)
    replace_text(spec, "data/*.npy", "data/**/*.npy")
    before = warm(spec)
    place = spec.parent / at
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(spec.parent / "data" / "0.npy", place)
    assert _verdict(spec)[0] == cold(spec) != before
    place.unlink()
    assert codes(_verdict(spec)[0]) == []


def test_a_model_s_external_data_is_looked_at(spec: Path) -> None:
    (spec.parent / "m.onnx").write_bytes(ONNX)
    replace_text(spec, "model/model.xml", "m.onnx")
    assert codes(warm(spec)) == ["missing-file"]
    (spec.parent / "w.bin").write_bytes(b"1234")
    assert codes(_verdict(spec)[0]) == codes(cold(spec)) != ["missing-file"]


def test_what_a_process_could_not_tell_is_asked_again(spec: Path) -> None:
    """A model that can't be read today, as memory is short, may be read tomorrow."""
    (spec.parent / "model" / "model.xml").write_text('<net name="m" version="11"><layers>')
    for _ in range(2):
        assert "not-a-model" in codes(_verdict(spec)[0])
    assert not kept(spec)


links = pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own there")


@links
def test_a_link_that_is_pointed_elsewhere_is_followed_anew(spec: Path) -> None:
    folder = spec.parent
    (folder / "model").rename(folder / "one")
    (folder / "two").mkdir()
    (folder / "model").symlink_to("one")
    before = warm(spec)
    (folder / "model").unlink()
    (folder / "model").symlink_to("two")
    assert _verdict(spec)[0] == cold(spec) != before


@links
def test_a_dangling_sample_whose_target_appears_is_seen(spec: Path) -> None:
    (spec.parent / "elsewhere").mkdir()
    (spec.parent / "data" / "9.npy").symlink_to("../elsewhere/9.npy")
    before = warm(spec)
    shutil.copy(spec.parent / "data" / "0.npy", spec.parent / "elsewhere" / "9.npy")
    assert _verdict(spec)[0] == cold(spec) != before


@links
def test_the_way_of_a_link_counts_also_where_it_ends_at_the_same_file(spec: Path, tmp_path: Path) -> None:
    folder = spec.parent
    sample, outside = folder / "data" / "0.npy", tmp_path / "outside.npy"
    (folder / "far").mkdir()
    sample.rename(folder / "far" / "0.npy")
    os.link(folder / "far" / "0.npy", outside)
    (folder / "far" / "way.npy").symlink_to("0.npy")
    sample.symlink_to("../far/way.npy")
    before = warm(spec)
    (folder / "far" / "way.npy").unlink()
    (folder / "far" / "way.npy").symlink_to(outside)
    assert _verdict(spec)[0] == cold(spec) != before


@links
def test_a_linked_folder_of_the_same_spec_is_another_folder(spec: Path, tmp_path: Path) -> None:
    other, link = tmp_path / "other", tmp_path / "link"
    other.mkdir()
    os.link(spec, other / "spec.toml")
    link.symlink_to(spec.parent)
    before = warm(link / "spec.toml")
    link.unlink()
    link.symlink_to(other)
    assert _verdict(link / "spec.toml")[0] == cold(link / "spec.toml") != before


@links
def test_a_way_up_is_from_where_a_link_leads(spec: Path, tmp_path: Path) -> None:
    (tmp_path / "far" / "below").mkdir(parents=True)
    shutil.copy(spec, tmp_path / "far" / "spec.toml")
    (spec.parent / "link").symlink_to(tmp_path / "far" / "below")
    way = spec.parent / "link" / ".." / "spec.toml"  # of `far`, whose model is missing
    before = warm(way)
    assert codes(before) == ["missing-file", "no-data"]
    replace_text(tmp_path / "far" / "spec.toml", "npuspec = 1", "npuspec = 7")
    assert _verdict(way)[0] == cold(way) != before


def test_a_folder_that_takes_another_s_place_is_looked_at(spec: Path, tmp_path: Path) -> None:
    before = warm(spec)
    spec.parent.rename(tmp_path / "away")
    spec.parent.mkdir()
    shutil.copy(tmp_path / "away" / "spec.toml", spec)
    assert _verdict(spec)[0] == cold(spec) != before


def test_another_working_folder_has_another_spec_of_that_name(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spec.parent)
    assert codes(warm(Path("spec.toml"))) == []
    (tmp_path / "second").mkdir()
    shutil.copy(spec, tmp_path / "second" / "spec.toml")
    monkeypatch.chdir(tmp_path / "second")
    assert codes(_verdict(Path("spec.toml"))[0]) == ["missing-file", "no-data"]


def test_the_spec_is_called_as_it_was_named(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_text(spec, "size = 32", "size = 0")
    warm(spec)
    monkeypatch.chdir(spec.parent)
    assert _verdict(Path("spec.toml"))[0][0]["file"] == "spec.toml"


def test_a_wheel_that_is_downloaded_meanwhile_is_looked_at(spec: Path, own_cache: Path) -> None:
    replace_text(spec, 'source = "model/model.xml"', WHEEL)
    assert codes(warm(spec)) == ["source-not-cached"]
    with Store(own_cache).making(KIND, _key(WheelSource("npuspec-example", "1.0", "model.onnx"))) as folder:
        (folder / "npuspec_example-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    assert _verdict(spec)[0] == cold(spec)
    assert codes(_verdict(spec)[0]) == ["bad-wheel"]


def test_another_cache_has_answers_of_its_own(spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warm(spec)
    monkeypatch.setenv("NPUSPEC_CACHE", str(tmp_path / "second"))
    assert not kept(spec)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_comes_through_a_pipe_is_read_each_time(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for text, code in (("npuspec = 1\n", "missing-key"), ("npuspec = [\n", "toml-syntax")):
        with subprocess.Popen(["sh", "-c", 'printf %s "$0" > "$1"', text, pipe]) as writer:
            found = codes(_verdict(pipe)[0])
            writer.kill()
        assert found[0] == code
        assert not kept(pipe)


def test_what_changes_while_it_is_looked_at_is_not_kept(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warm(spec)
    replace_text(spec, "min = 0.5", "min = 0.6")

    def meanwhile(data: Fetched, store: Store) -> Content:
        del data, store
        replace_text(spec, "min = 0.6", "min = 1.5")  # after it was read, and long before the end
        return Content()

    with monkeypatch.context() as context:
        context.setattr(sys.modules["npuspec.plan.prepare"], "content", meanwhile)
        assert codes(_verdict(spec)[0]) == []
    assert codes(_verdict(spec)[0]) == ["wrong-value"]


def test_a_plan_is_kept_for_each_device(spec: Path) -> None:
    for _ in range(3):
        one, two = _recalled(spec, None), _recalled(spec, "NPU")
    assert [d["device"] for d in json.loads(one["json"])["deployments"]] == ["CPU"]
    assert [d["device"] for d in json.loads(two["json"])["deployments"]] == ["NPU"]
    assert _recalled(spec, "CPU")["json"] != one["json"]


def test_a_plan_goes_by_the_spec_the_model_and_the_samples(spec: Path) -> None:
    replace_text(spec, "[[gates]]", INT8 + "\n[[gates]]")
    for _ in range(3):
        first = _recalled(spec, None)
    assert _recalled(spec, None) == first
    np.save(spec.parent / "data" / "3.npy", np.ones((3, 16), np.float32))
    second = _recalled(spec, None)
    assert "3.npy" in second["json"]
    replace_text(spec, "size = 32", "size = 48")
    assert '"time48"' in _recalled(spec, None)["json"]
    _model_gone(spec)
    assert _recalled(spec, None)["json"] is None


def test_a_plan_that_failed_is_not_kept(spec: Path) -> None:
    _model_gone(spec)
    for _ in range(3):
        assert codes(_recalled(spec, None)["rows"]) == ["missing-file"]
    assert recall(Store().root, ["plan", str(spec), str(spec), ""]) is None


def test_data_of_a_pinned_source_that_was_changed_is_seen(spec: Path) -> None:
    fetched, _ = fetch_data("data/*.npy", None, folder=spec.parent, store=Store())
    assert fetched is not None
    replace_text(spec, 'source = "data/*.npy"', f'source = "data/*.npy"\nsha256 = "{fetched.digest}"')
    assert codes(warm(spec)) == []
    same_times(
        spec.parent / "data" / "0.npy",
        lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
    )
    assert codes(_verdict(spec)[0]) == ["wrong-pin"]


def test_real_lengths_are_looked_at(spec: Path) -> None:
    replace_text(spec, 'overflow = "error"', 'overflow = "error"\nlengths = "lengths.txt"')
    assert codes(warm(spec)) == ["missing-file"]
    (spec.parent / "lengths.txt").write_text("12\n")
    assert codes(warm(spec)) == []
    same_times(spec.parent / "lengths.txt", lambda path: path.write_text("99\n"))
    assert codes(_verdict(spec)[0]) == ["refused-lengths"]

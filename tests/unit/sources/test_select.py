import glob
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuspec.sources.faults import Fault
from npuspec.sources.local import LocalTree
from npuspec.sources.select import _Pattern, find, match, samples


def fill(folder: Path, *names: str) -> LocalTree:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return LocalTree(folder)


@pytest.mark.parametrize(
    ("pattern", "top", "paths"),
    [
        ("*.wav", "", ["A.wav", "a.wav"]),
        ("[a].wav", "", ["a.wav"]),
        ("?.wav", "", ["A.wav", "a.wav"]),
        ("**/*.wav", "", ["A.wav", "a.wav", "d/e/c.wav", "d/x[1].wav", "d/x1.wav"]),
        ("d/**/*.wav", "d", ["e/c.wav", "x1.wav", "x[1].wav"]),
        ("d/**", "d", ["e/c.wav", "e/n.txt", "x1.wav", "x[1].wav"]),
        ("d/*/**", "d", ["e/c.wav", "e/n.txt"]),
        ("d/x[1].wav", "d", ["x1.wav"]),
        ("d/x[[]1].wav", "d", ["x[1].wav"]),
        ("d/[!x]/*", "d", ["e/c.wav", "e/n.txt"]),
        ("**/**/c.wav", "", ["d/e/c.wav"]),
        ("d/e/c.wav", "d/e", ["c.wav"]),
        (".*.wav", "", [".h.wav"]),
        (".g/*.wav", ".g", ["i.wav"]),
        (".g/**", ".g", ["i.wav"]),
    ],
)
def test_globs(tmp_path: Path, pattern: str, top: str, paths: list[str]) -> None:
    names = ["a.wav", "A.wav", ".h.wav", ".g/i.wav", "d/e/c.wav", "d/e/n.txt", "d/x1.wav", "d/x[1].wav"]
    tree = fill(tmp_path, *names)
    assert match(tree, pattern) == (top, sorted(paths))


@pytest.mark.parametrize(
    ("pattern", "code", "help_"),
    [
        ("audio/*.mp3", "no-data", "case counts"),
        ("adio/*.wav", "no-data", "did you mean `audio`"),
        ("audio/**/*.WAV", "no-data", "case counts"),
        ("audio/A.wav", "missing-file", "did you mean"),
        ("audio", "missing-file", "a file in it"),
        ("audio/a.wav/*", "no-data", "no folder `audio/a.wav`"),
    ],
)
def test_what_matches_nothing_is_told_with_a_guess(tmp_path: Path, pattern: str, code: str, help_: str) -> None:
    with pytest.raises(Fault) as caught:
        match(fill(tmp_path, "audio/a.wav", "audio/b.wav"), pattern)
    assert caught.value.code == code
    assert help_ in caught.value.help


@pytest.mark.parametrize(
    ("path", "help_"),
    [
        ("modls/asr.onnx", "did you mean `models`"),
        ("models/asr.onx", "did you mean `asr.onnx`"),
        ("models/ASR.onnx", "did you mean `asr.onnx`"),
        ("Models/asr.onnx", "did you mean `models`"),
        ("models/asr.onnx/x", "it is relative"),
        ("models/*.onnx", "asr.onnx"),
        ("models", "a file in it"),
    ],
)
def test_a_literal_path_is_one_file_and_case_counts(tmp_path: Path, path: str, help_: str) -> None:
    tree = fill(tmp_path, "models/asr.onnx", "models/x[1].onnx")
    with pytest.raises(Fault) as caught:
        find(tree, path)
    assert caught.value.code == "missing-file"
    assert help_ in caught.value.help
    assert find(tree, "models/x[1].onnx") == "models/x[1].onnx"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such names")
def test_no_guess_holds_what_a_terminal_obeys(tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        find(fill(tmp_path, "asr\x1b[2J.onnx", "b.txt"), "asr.onnx")
    assert caught.value.help == "known here: `b.txt`"


def test_of_a_folder_all_files_below_that_may_be_samples_are_taken(tmp_path: Path) -> None:
    names = ["a.wav", "README.md", ".h.wav", ".g/i.wav", "d/e/c.WAV", "d/n.txt", "d/Thumbs.db", "x.safetensors"]
    tree = fill(tmp_path, *(f"clips/{name}" for name in names), "b.wav")
    assert samples(tree, "clips") == ("clips", ["a.wav", "d/e/c.WAV", "d/n.txt", "x.safetensors"])
    assert samples(tree, "clips/d/e") == ("clips/d/e", ["c.WAV"])


def test_what_is_no_folder_is_a_file_or_a_glob(tmp_path: Path) -> None:
    tree = fill(tmp_path, "clips/a.wav", "clips/b.mp3", "c[d]/e.wav")
    assert samples(tree, "clips/b.mp3") == ("clips", ["b.mp3"])
    assert samples(tree, "clips/*") == ("clips", ["a.wav", "b.mp3"])
    for path, code in (("clip", "missing-file"), ("no/clips", "missing-file"), ("c[d]", "no-data")):
        with pytest.raises(Fault) as caught:
            samples(tree, path)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["clips/a.mp3", "clips/b/c"], "holds no samples: of its 2 file(s), `a.mp3` is none"),
        (["clips/.a/b.wav"], "holds no samples"),
    ],
)
def test_a_folder_without_samples_says_what_is_in_it(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(Fault) as caught:
        samples(fill(tmp_path, *names), "clips")
    assert caught.value.code == "no-data"
    assert str(caught.value) == f"the folder `clips` in the spec's folder {message}"
    assert ".safetensors" in caught.value.help


@pytest.mark.skipif(sys.platform == "win32", reason="links take rights there that tests lack")
def test_a_folder_may_be_reached_by_a_link_but_not_left_by_one(tmp_path: Path) -> None:
    tree = fill(tmp_path / "spec", "real/a.wav", "real/b/c.wav")
    fill(tmp_path / "outside", "secret.wav")
    (tmp_path / "spec/link").symlink_to("real")
    (tmp_path / "spec/real/loop").symlink_to(".")
    (tmp_path / "spec/out").symlink_to(tmp_path / "outside")
    assert samples(tree, "link") == ("link", ["a.wav", "b/c.wav"])
    with pytest.raises(Fault) as caught:
        tree.open("/".join(["out", *samples(tree, "out")[1]]))
    assert caught.value.code == "path-outside"


@pytest.mark.skipif(sys.platform == "win32", reason="links take rights there that tests lack")
def test_wildcards_go_through_no_link_but_a_literal_part_may(tmp_path: Path) -> None:
    tree = fill(tmp_path, "real/a.wav")
    (tmp_path / "real" / "loop").symlink_to(".")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "b.wav").symlink_to("a.wav")
    assert match(tree, "**/*.wav") == ("", ["real/a.wav", "real/b.wav"])
    assert match(tree, "*/*.wav") == ("", ["real/a.wav", "real/b.wav"])
    assert match(tree, "link/*.wav") == ("link", ["a.wav", "b.wav"])
    assert find(tree, "link/loop/a.wav") == "link/loop/a.wav"


def test_many_wildcards_take_no_exponential_time(tmp_path: Path) -> None:
    tree = fill(tmp_path, "/".join("a" * 60))
    with pytest.raises(Fault, match="matches no file"):
        match(tree, "**/a/" * 30 + "**/b")
    with pytest.raises(Fault, match="matches no file"):
        match(fill(tmp_path, "a" * 200), "*a" * 60 + "b")


def test_any_number_of_folders_however_often_is_walked_once(tmp_path: Path) -> None:
    tree = fill(tmp_path, "a/b/c.wav", "d.wav")
    for end, found in (("*.wav", ["a/b/c.wav", "d.wav"]), ("**", ["a/b/c.wav", "d.wav"]), ("b/*", ["a/b/c.wav"])):
        assert match(tree, "**/" * 1000 + end) == match(tree, f"**/{end}") == ("", found)
    assert len(_Pattern(["**", "**", "a", "**", "**", "**"])._parts) == 3


NAMES = st.lists(st.sampled_from(["a", "b", ".a", "a.w", "[", "ab", "[a]", "*"]), min_size=1, max_size=3)
PARTS = ["*", "**", "a", "?", "[ab]", "[!a]", "*.w", ".*", "[[]", ".a", "a*", "[a]", "b", "["]


@settings(deadline=None)
@given(
    st.lists(NAMES.map("/".join), max_size=8),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).filter(
        lambda p: any(c in part for part in p for c in "*?[")
    ),
)
def test_globs_mean_what_the_standard_library_means(names: list[str], parts: list[str]) -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in names:
            try:
                fill(folder, name)
            except (NotADirectoryError, FileExistsError, IsADirectoryError):
                continue
        pattern = "/".join(parts)
        found = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207  pathlib's `*` matches a leading dot
        # There a final `**` may be nothing at all, even after a file: `a/` is no path of ours.
        expected = {path for path in found if (folder / path).is_file() and not path.endswith("/")}
        if not expected:
            with pytest.raises(Fault, match="matches no file"):
                match(LocalTree(folder), pattern)
            return
        top, paths = match(LocalTree(folder), pattern)
        assert paths == sorted(set(paths))
        assert {f"{top}/{path}" if top else path for path in paths} == expected

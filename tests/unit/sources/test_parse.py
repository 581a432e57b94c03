import pytest
from hypothesis import given
from hypothesis import strategies as st

from npuspec.sources.faults import Fault
from npuspec.sources.model import PathSource, Source, WheelSource
from npuspec.sources.parse import read_source


def refused(text: str) -> str:
    with pytest.raises(Fault) as caught:
        read_source(text)
    assert caught.value.help
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("m.onnx", PathSource("m.onnx")),
        ("./a//b/./m.onnx", PathSource("a/b/m.onnx")),
        ("data/**/*[0-9]?.wav", PathSource("data/**/*[0-9]?.wav")),
        ("with space/ä.onnx", PathSource("with space/ä.onnx")),
        ("-rf/m.onnx", PathSource("-rf/m.onnx")),
        ("a..b/m..onnx", PathSource("a..b/m..onnx")),
        ("pypi:hama==1.3.13/hama/m.onnx", WheelSource("hama", "1.3.13", "hama/m.onnx")),
        ("pypi:A.b-C_d==1!2.0rc1.post2.dev3+cu118.a/x", WheelSource("A.b-C_d", "1!2.0rc1.post2.dev3+cu118.a", "x")),
        ("pypi:a==1/./b//*.wav", WheelSource("a", "1", "b/*.wav")),
    ],
)
def test_sources_are_read_in_one_form(text: str, source: Source) -> None:
    assert read_source(text) == source


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "//host/share/m.onnx",
        "..",
        "../m.onnx",
        "a/../m.onnx",
        "a/..",
        "C:\\m.onnx",
        "C:m.onnx",
        "c:/m.onnx",
        "a\\b.onnx",
        "..\\m.onnx",
        "\\\\host\\share\\m.onnx",
        "pypi:a==1//etc/passwd",
        "pypi:a==1/../b",
        "pypi:a==1/b/../../c",
        "pypi:a==1/b\\c",
        "pypi:a==1/C:/b",
    ],
)
def test_no_path_leads_out(text: str) -> None:
    assert refused(text) == "path-outside"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "./",
        "a\nb.onnx",
        "a\0b.onnx",
        "\x1b[2J.onnx",
        "m.onnx:stream",
        "https://example.org/m.onnx",
        "file:///etc/passwd",
        "git+ssh://example.org/m",
        "PyPI:a==1/b",
        "pypi:",
        "pypi:a",
        "pypi:a/b",
        "pypi:a==1",
        "pypi:a==1/",
        "pypi:a==1/.",
        "pypi:==1/b",
        "pypi:a==/b",
        "pypi:a===1/b",
        "pypi:a>=1/b",
        "pypi:a~=1/b",
        "pypi:a==1.*/b",
        "pypi:a==1,<2/b",
        "pypi:a[extra]==1/b",
        "pypi:a == 1/b",
        "pypi: a==1/b",
        "pypi:a==1 /b",
        "pypi:a==1;python_version>'3'/b",
        "pypi:-r==1/b",
        "pypi:--index-url=x==1/b",
        "pypi:a-==1/b",
        "pypi:.a==1/b",
        "pypi:ä==1/b",
        "pypi:a==\u0661/b",
        "pypi:a==1.zip/b",
        "pypi:a==-1/b",
        "pypi:a==1+/b",
        "pypi:a@file:==1/b",
    ],
)
def test_what_is_no_source_is_refused(text: str) -> None:
    assert refused(text) == "invalid-source"


HOSTILE = st.lists(st.sampled_from([*"ab1.-_+!=~<>@;[]*/\\: \n\0\x1bACä", "pypi:", "==", ".."]), max_size=30).map(
    "".join
)


@given(HOSTILE | HOSTILE.map("pypi:".__add__) | HOSTILE.map("pypi:a==1/".__add__) | st.text())
def test_whatever_is_accepted_stays_inside_and_is_no_option(text: str) -> None:
    try:
        source = read_source(text)
    except Fault as fault:
        code = fault.code
    else:
        code = ""
        assert_safe(source)
    assert code in {"", "path-outside", "invalid-source"}


def assert_safe(source: Source) -> None:
    parts = source.path.split("/")
    assert not {"", ".", ".."} & set(parts)
    assert not set("\\:\n\0\x1b") & set(source.path)
    if isinstance(source, WheelSource):
        assert source.requirement.isascii()
        assert source.requirement[0].isalnum()
        assert source.requirement.count("==") == 1
        assert not set(" /\\;@[]*<>~,'\"\n") & set(source.requirement)

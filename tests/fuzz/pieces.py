"""What mutants are made of: pieces of TOML, odd values and characters, the words of the language, and long things."""

from collections.abc import Callable
from functools import cache
from typing import Any

from npuspec.npu import property_table
from npuspec.spec.models import Spec

SYNTAX = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    '"',
    "'",
    '"""',
    "'''",
    "#",
    "\n",
    "\r\n",
    "\\",
    "\\u",
    "+",
    "-",
]
VALUES = [
    *(
        "true",
        "false",
        "0",
        "1",
        "-1",
        "007",
        "1_000",
        "0x1F",
        "0o7",
        "0b1",
        "1.5",
        "-0.0",
        "1.0",
        "nan",
        "inf",
        "-inf",
    ),
    *('""', '"x"', "'x'", '"1"', '"true"', '"""\nx"""', "'''x'''", '"\\u00e9"', '"\\ud800"', '"\\U0010ffff"'),
    *("[]", "[[]]", "[1]", '["x"]', '[1, "x", true]', "[{}]", "[1,]", "{}", "{a = 1}", '{a = {b = "c"}}', "{a.b = 1}"),
    *("1979-05-27", "1979-05-27T07:32:00Z", "07:32:00", "1979-05-27 07:32:00", "9999-12-31T23:59:60Z", "0000-00-00"),
]
SOURCES = [
    *("**", "**/*", "*", "**/**/**/*.npy", "[", "[!a]*", "[]", "[a-", "{a,b}", "*" * 60, "samples/?.npy", "samples/"),
    *("a/" * 2000 + "x", "x" * 5000, ".", "..", "/", "//", "~", "./model.xml", "samples/../model.xml", "spec.toml"),
    *("pypi:", "pypi:a", "pypi:a==1", "pypi:a==1/", "pypi:a==1/../x", "pypi:==/x", "http://x/y", "C:\\x", "C:x", "con"),
    *("model.xml", "two.xml", "fixed.xml", "any-rank.xml", "page.xml", "empty.onnx", "outside.onnx", "model.bin"),
]
NUMBERS = [
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "2147483648"),
    *("4294967296", "18446744073709551616", "1" + "0" * 400, "9" * 5000, "-" + "9" * 5000, "0x" + "f" * 5000),
    *("0b" + "1" * 20000, "1e308", "1e309", "-1e309", "1e-400", "5e-324", "1e" + "9" * 50, "0." + "1" * 5000),
]
STRANGE = [
    *("\u202e", "\u200b", "\u0301" * 40, "\ufeff", "\u2028", "\u0085", "\u00a0", "\ufffd", "\uffff", "\U0010ffff"),
    *("İ", "ß", "ﬁ", "\uff41", "\u6f22\u5b57", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f466", "\ue000"),
    *("\u0430", "\u1160", "\u0600", "\ud7ff", "é", "e\u0301", "\u2066\u2069", "𝟙", "①", "\u3000"),
]
CONTROLS = ["\0", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\x1b[2J", "\x7f", "\x80", "\x9b"]
LONG: list[Callable[[int], str]] = [
    lambda n: "# " + "a" * n,
    lambda n: "\n" * n,
    lambda n: " " * n + "x = 1",
    lambda n: f'x = "{"a" * n}"',
    lambda n: f'npuspec = "{"a" * n}"',
    lambda n: f'npuspec = "{chr(0x6F22) * (n // 3)}"',
    lambda n: f'npuspec = "" # {chr(0x6F22) * (n // 3)}',
    lambda n: f'x = """{"a" * n}',
    lambda n: f'"{"a" * n}" = 1',
    lambda n: f"{'a' * n} = 1",
    lambda n: f"[{'a' * n}]",
    lambda n: f"[inputs.{'a' * n}]\nshape = []",
    lambda n: f"npuspec = {'9' * n}",
    lambda n: f"npuspec = 0x{'f' * n}",
    lambda n: f"npuspec = 1.{'1' * n}",
    lambda n: f"x = [{'1,' * (n // 2)}]",
    lambda n: f"npuspec = [{'1,' * (n // 2)}]",
    lambda n: f"x = [{'[],' * (n // 3)}]",
    lambda n: f"inputs = {{{'a={},' * (n // 5)}}}",
    lambda n: "".join(f"a{i} = 1\n" for i in range(n // 10)),
    lambda n: "[properties]\n" + "".join(f"turbo{i} = 1\n" for i in range(n // 13)),
    lambda n: "[inputs]\n" + "".join(f"x{i}.shape = [1]\n" for i in range(n // 18)),
    lambda n: (
        "[dims]\n" + "".join(f"d{i} = {{strategy = 'pad', size = 1, overflow = 'error'}}\n" for i in range(n // 55))
    ),
    lambda n: "[[gates]]\n" * (n // 10),
    lambda n: "".join(f'[[allow]]\ncode = "x{i}"\nreason = "y"\n' for i in range(n // 38)),
    lambda n: "[quantization.keep]\nnames = [" + ", ".join(f'"/Conv_{i}"' for i in range(n // 14)) + "]",
    lambda n: "[quantization.keep]\nnames = [" + '"/Conv", ' * (n // 9) + "]",
    lambda n: "[model]\n" * (n // 8),
    lambda n: "= =\n" * (n // 4),
    lambda n: "'" * n,
    lambda n: "\\" * n,
    lambda n: "[" * n,
    lambda n: "]" * n,
    lambda n: "a." * (n // 2) + "a = 1",
    lambda n: "[data]\nsource = '" + "**/" * (n // 3) + "*'",
    lambda n: "[data]\nsource = '" + "*" * n + "'",
    lambda n: "[data]\nsource = 'pypi:a==" + "1." * (n // 2) + "1/x'",
    lambda n: "[model]\nsource = '" + "a/" * (n // 2) + "x'",
]


@cache
def words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all keys of the language, and all words that it takes for values."""
    keys, values = set(property_table()), set[str]()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                keys.update(node["properties"])
            values.update(v for v in (*node.get("enum", ()), node.get("const")) if isinstance(v, str))
        for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            walk(below)

    walk(Spec.model_json_schema())
    values.update(word for known in property_table().values() for word in known.values)
    return tuple(sorted(keys)), tuple(sorted(values))

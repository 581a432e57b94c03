"""Mutants of real specs: the same seed and number always give the same bytes.

Each kind of mutation is one small function. Those of `TEXT` take a text and return one; those of `BYTES` come last,
since what they make need not be text. A mutant is made by one kind or by several, one after the other.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pieces import CONTROLS, LONG, NUMBERS, SOURCES, STRANGE, SYNTAX, VALUES, words

from npuspec.npu import property_table
from npuspec.spec import document

ROOT = Path(__file__).parents[2]
LIMIT = document.MAX_BYTES

_TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z0-9_.-]+|[ \t]+|\n|.', re.DOTALL)
_ENTRY = re.compile(r"^([ \t]*)([A-Za-z0-9_.-]+)([ \t]*=[ \t]*)(.+)$", re.MULTILINE)


def _insert(rng: Random, text: str, piece: str) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + piece + text[at:]


def _tokens(rng: Random, text: str) -> str:
    """Remove, repeat, swap or put in tokens."""
    tokens = _TOKEN.findall(text) or [""]
    for _ in range(rng.randint(1, 4)):
        a, b = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        match rng.randrange(4):
            case 0:
                tokens[a] = ""
            case 1:
                tokens[a] *= 2
            case 2:
                tokens[a], tokens[b] = tokens[b], tokens[a]
            case _:
                tokens[a] = rng.choice([*SYNTAX, *VALUES])
    return "".join(tokens)


def _replace(rng: Random, text: str, *, key: str | None = None, value: str | None = None) -> str:
    """Write another key, another value or both into one line `key = value`; without such a line, add one."""
    found = list(_ENTRY.finditer(text))
    if not found:
        return f"{text}\n{key or 'npuspec'} = {value or '1'}\n"
    entry = rng.choice(found)
    indent, old_key, equals, old_value = entry.groups()
    line = indent + (key or old_key) + equals + (value or old_value)
    return text[: entry.start()] + line + text[entry.end() :]


def _types(rng: Random, text: str) -> str:
    return _replace(rng, text, value=rng.choice(VALUES))


def _values(rng: Random, text: str) -> str:
    """Write another word of the language, or another value of the same text, in the place of a value."""
    others = [entry[4] for entry in _ENTRY.finditer(text)]
    return _replace(rng, text, value=rng.choice([*others, *(f'"{word}"' for word in words()[1])]))


def _sources(rng: Random, text: str) -> str:
    value = "'" + rng.choice(SOURCES) + "'"
    sources = [entry for entry in _ENTRY.finditer(text) if entry[2] == "source"]
    if not sources:
        return _replace(rng, text, value=value)
    entry = rng.choice(sources)
    return text[: entry.start(4)] + value + text[entry.end(4) :]


def _huge_numbers(rng: Random, text: str) -> str:
    return _replace(rng, text, value=rng.choice(NUMBERS))


def _keys(rng: Random, text: str) -> str:
    """Write another key of the language, or a property's, in the place of a key, or of a table's name."""
    key = rng.choice(words()[0])
    headers = list(re.finditer(r"^\[+([^\[\]\n]+)\]+$", text, re.MULTILINE))
    if headers and rng.random() < 0.3:
        header = rng.choice(headers)
        name = rng.choice([key, f"{header[1]}.{key}", f"{key}.{header[1]}", f"{header[1].partition('.')[0]}.{key}"])
        return text[: header.start(1)] + name + text[header.end(1) :]
    return _replace(rng, text, key=key)


def _misspelt(rng: Random, text: str) -> str:
    """Spell a word wrong: a letter too many, too few, or two swapped."""
    found = list(re.finditer(r"[A-Za-z]{2,}", text))
    if not found:
        return text + "x"
    word = rng.choice(found)
    at = rng.randrange(word.start(), word.end() - 1)
    pair = text[at : at + 2]
    return text[:at] + rng.choice([pair[::-1], pair[0], pair + pair[1], pair[0].swapcase() + pair[1]]) + text[at + 2 :]


def _properties(rng: Random, text: str) -> str:
    """Set properties, with values that they may or may not take."""
    lines = [
        f"{rng.choice([key, key.upper(), key.replace('-', '_'), known.name])} = "
        + rng.choice([*VALUES, *(f'"{value}"' for value in known.values)])
        for key, known in rng.sample(sorted(property_table().items()), 3)
    ]
    head = "[properties]\n"
    block = head + "\n".join(lines) + "\n"
    return text.replace(head, block, 1) if head in text else f"{text}\n{block}"


def _rearranged(rng: Random, parts: list[str], how: str) -> list[str]:
    if not parts:
        return parts
    a, b = rng.randrange(len(parts)), rng.randrange(len(parts))
    match how:
        case "swapped":
            parts[a], parts[b] = parts[b], parts[a]
        case "duplicated":
            parts.insert(b, parts[a])
        case _:
            del parts[a]
    return parts


def _of_lines(how: str) -> "Mutation":
    return lambda rng, text: "".join(_rearranged(rng, text.splitlines(keepends=True), how))


def _of_tables(how: str) -> "Mutation":
    return lambda rng, text: "".join(_rearranged(rng, re.split(r"(?m)^(?=\[)", text), how))


def _of_keys(how: str) -> "Mutation":
    """Rearrange the lines `key = value` among themselves; headers and comments stay where they are."""

    def rearrange(rng: Random, text: str) -> str:
        lines = text.splitlines(keepends=True)
        places = [i for i, line in enumerate(lines) if _ENTRY.match(line)]
        entries = _rearranged(rng, [lines[i] for i in places], how)
        for i in places:
            lines[i] = entries.pop(0) if entries else ""
        return "".join([*lines, *entries])

    return rearrange


def _nesting(rng: Random, text: str) -> str:
    """Nest arrays, tables, dotted keys and headers up to thousands of levels."""
    deep = rng.choice([5, 60, 127, 128, 129, 1000, 20_000])
    key = rng.choice([*words()[0][:40], "a"])
    open_, close = rng.choice([("[", "]"), ("{a = ", "}"), ("[{a = ", "}]"), ("{a.b.c = [", "]}")])
    nested = open_ * deep + "1" + close * rng.choice([deep, deep, deep - 1])
    match rng.randrange(4):
        case 0:
            return _replace(rng, text, value=nested)
        case 1:
            return f"{text}\n{'.'.join([key] * deep)} = 1\n"
        case 2:
            return f"{text}\n[{'.'.join([key] * deep)}]\n"
        case _:
            return f"{text}\n" + "".join(f"[[{'.'.join([key] * n)}]]\n" for n in range(1, min(deep, 200)))


def _strange_characters(rng: Random, text: str) -> str:
    """Put odd Unicode anywhere, or into a quoted key or a string."""
    piece = "".join(rng.choices(STRANGE, k=rng.randint(1, 3)))
    match rng.randrange(3):
        case 0:
            return _insert(rng, text, piece)
        case 1:
            return _replace(rng, text, key=f'"{piece}"')
        case _:
            return _replace(rng, text, value=f'"{piece}"')


def _controls(rng: Random, text: str) -> str:
    piece = rng.choice(CONTROLS)
    escaped = "".join(f"\\u{ord(c):04x}" for c in piece)
    return rng.choice([_insert(rng, text, piece), _replace(rng, text, value=f'"{escaped}"')])


def _carriage_returns(rng: Random, text: str) -> str:
    return rng.choice([text.replace("\n", "\r\n"), text.replace("\n", "\r"), _insert(rng, text, "\r")])


def _surrogates(rng: Random, text: str) -> str:
    return _insert(rng, text, rng.choice(["\ud800", "\udfff", "\udc80"]))


def _megabytes(rng: Random, text: str) -> str:
    """Add one thing, up to the most that a spec may hold, before or after the rest."""
    most = max(20_000, LIMIT - 4 * len(text) - 200)
    piece = rng.choice(LONG)(rng.choice([most, int(most ** rng.uniform(0.6, 1.0))]))
    return rng.choice([f"{text}\n{piece}\n", f"{piece}\n{text}"])


def _flipped_bytes(rng: Random, data: bytes) -> bytes:
    changed = bytearray(data or b"x")
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        at = rng.randrange(len(changed))
        match rng.randrange(3):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed.insert(at, rng.randrange(256))
            case _:
                changed[at] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: Random, data: bytes) -> bytes:
    return data[: rng.randint(0, len(data))]


def _not_utf8(rng: Random, data: bytes) -> bytes:
    piece = rng.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\xff\xfe"])
    at = rng.randint(0, len(data))
    return data[:at] + piece + data[at:]


def _byte_order_mark(rng: Random, data: bytes) -> bytes:
    return rng.choice([b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2, b"\xff\xfe", b"\xfe\xff"]) + data


def _at_the_limit(rng: Random, data: bytes) -> bytes:
    size = LIMIT + rng.choice([-1, 0, 1])
    filler = rng.choice([b"\n", b"#", b" ", b"a", b"\0"])
    return (data + b"\n" + filler * (size - len(data) - 1))[:size]


Mutation = Callable[[Random, str], str]

TEXT: dict[str, Mutation] = {
    "tokens": _tokens,
    "types": _types,
    "values": _values,
    "sources": _sources,
    "huge numbers": _huge_numbers,
    "keys": _keys,
    "misspelt": _misspelt,
    "properties": _properties,
    "lines swapped": _of_lines("swapped"),
    "lines duplicated": _of_lines("duplicated"),
    "lines removed": _of_lines("removed"),
    "tables swapped": _of_tables("swapped"),
    "tables duplicated": _of_tables("duplicated"),
    "tables removed": _of_tables("removed"),
    "keys swapped": _of_keys("swapped"),
    "keys duplicated": _of_keys("duplicated"),
    "keys removed": _of_keys("removed"),
    "nesting": _nesting,
    "strange characters": _strange_characters,
    "control characters": _controls,
    "carriage returns": _carriage_returns,
    "surrogates": _surrogates,
    "megabytes": _megabytes,
}
BYTES: dict[str, Callable[[Random, bytes], bytes]] = {
    "flipped bytes": _flipped_bytes,
    "cut": _cut,
    "not UTF-8": _not_utf8,
    "byte order mark": _byte_order_mark,
    "at the limit": _at_the_limit,
}
KINDS = (*TEXT, *BYTES)
# What takes long to read is rare; what ends at the first byte that isn't UTF-8 too, since nothing comes after that.
_WEIGHTS = [
    {"megabytes": 0.2, "at the limit": 0.05, "not UTF-8": 0.2, "surrogates": 0.2}.get(kind, 1.0) for kind in KINDS
]


@dataclass(frozen=True, slots=True)
class Mutant:
    """The bytes of a wrong spec, and how they were made."""

    number: int
    base: str
    kinds: tuple[str, ...]
    content: bytes


def bases() -> list[tuple[str, str]]:
    """Return the names and the texts that mutants are made of: all specs, and all wrong ones that the tests have."""
    paths = [*sorted((ROOT / "specs").glob("*.toml")), *sorted((ROOT / "tests" / "invalid").glob("*.toml"))]
    return [(path.name, path.read_bytes().decode(errors="surrogateescape")) for path in paths]


def mutants(seed: int, numbers: Sequence[int]) -> Iterator[Mutant]:
    """Make the mutants with these numbers."""
    texts = bases()
    for number in numbers:
        rng = Random(f"{seed} {number}")
        base, text = rng.choice(texts)
        chosen = set(rng.choices(KINDS, _WEIGHTS, k=rng.choice([1, 1, 2, 3])))
        kinds = tuple(kind for kind in KINDS if kind in chosen)
        for kind in kinds:
            if kind in TEXT:
                text = TEXT[kind](rng, text)
        content = text.encode(errors="surrogatepass")
        for kind in kinds:
            if kind in BYTES:
                content = BYTES[kind](rng, content)
        yield Mutant(number, base, kinds, content)

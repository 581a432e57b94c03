"""Did you mean …? And names and texts as TOML takes them."""

import json
import re
from collections.abc import Iterable

_FEW = 12  # names that are listed when none is close
_SURE = 0.8  # of difflib's ratio: one letter in five
_CLEARLY = 0.05  # likeness by which the best must exceed the next


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence that names the closest known word, or all known ones if there are few; "" if neither helps."""
    from difflib import get_close_matches  # noqa: PLC0415  only what is wrong needs it

    names = sorted(known)
    if close := get_close_matches(word, names, n=1, cutoff=0.6):
        return f"did you mean `{close[0]}`?"
    return "known here: " + ", ".join(f"`{name}`" for name in names) if 0 < len(names) <= _FEW else ""


def surely_meant(word: str, known: Iterable[str]) -> str:
    """Return the known word that another is a slip of the pen for; "" if it is a guess.

    `min-drop` is close to `max-drop`, and `value` to `pad-value`: good enough to ask, and not to change a text.
    """
    from difflib import SequenceMatcher  # noqa: PLC0415  as above

    likeness = {n: 1.0 if sorted(n) == sorted(word) else SequenceMatcher(None, n, word).ratio() for n in sorted(known)}
    best, *others = sorted(((ratio, n) for n, ratio in likeness.items() if ratio >= _SURE), reverse=True) or [(0.0, "")]
    return best[1] if all(best[0] - ratio >= _CLEARLY for ratio, _ in others) else ""


def toml_key(name: str) -> str:
    """Return a name as TOML takes it for a key: in quotes where it isn't a bare one."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_string(name)


def toml_string(text: str) -> str:
    """Return a text in TOML's quotes, with all that isn't printable spelt out: it may be a stranger's."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted)

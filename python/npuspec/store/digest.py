"""One form of JSON and one digest for everything that is compared, cached or signed for."""

import json
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> bytes:
    """Encode plain data so that equal values have equal bytes: sorted keys, no NaN, UTF-8, one newline at the end."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal digits."""
    return sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()

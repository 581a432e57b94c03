"""Compiled models that are kept between starts: found by all that they follow from, and used only if nothing changed.

A file holds a line with its key, which is the digest of what the model was compiled from and for, a line with the
SHA-256 of what was exported, and that. So one that was cut short, damaged, or put in another's place is told at once.
"""

import os
import re
import stat
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

import openvino as ov

from npuspec.diagnostics import Diagnostic, InputError
from npuspec.runtime.device import export_model
from npuspec.store import cache_dir, digest_bytes, digest_json, replace_file

SIZE_VARIABLE = "NPUSPEC_CACHE_SIZE"
Encryption = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
"""What encrypts some bytes, and what decrypts them."""

Origin = Literal["blob", "hit", "miss", "compiled"]
"""Where a compiled model is from: the bundle; the cache; compiled, and in the cache from now on; compiled, and not."""

_FORMAT = 1
_DEFAULT_SIZE = "2GiB"
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_DIGEST = 64  # digits


@dataclass(frozen=True, slots=True)
class Obtained:
    """A compiled model, where it is from, and what was amiss."""

    model: ov.CompiledModel
    origin: Origin
    notes: tuple[str, ...] = ()


class BlobCache:
    """A folder of exported models, safe to share between processes and to kill at any moment.

    It never stands in the way: where nothing can be kept, models are compiled. Beyond $NPUSPEC_CACHE_SIZE, what was
    used least recently goes.

    Raises:
        InputError: `wrong-cache-size`.

    """

    def __init__(self, encryption: Encryption | None = None) -> None:
        self._most = _size(os.environ.get(SIZE_VARIABLE, _DEFAULT_SIZE))
        self._encryption = encryption

    @cached_property
    def folder(self) -> Path:
        """Where it lies."""
        return cache_dir() / "blobs"

    def obtain(
        self,
        follows_from: Mapping[str, Any],
        load: Callable[[ov.Tensor], ov.CompiledModel],
        make: Callable[[], ov.CompiledModel],
    ) -> Obtained:
        """Return the model that was kept, and else make it and keep it: once, however many processes want it.

        Args:
            follows_from: everything that the compiled model depends on, as plain data.
            load: makes a model of what was exported; a RuntimeError if the device refuses it.
            make: compiles the model.

        """
        key = digest_json(
            {"format": _FORMAT, "encrypted": self._encryption is not None, "follows_from": dict(follows_from)}
        )
        model, amiss = self._kept(key, load)
        if model is not None:
            return Obtained(model, "hit")
        from filelock import FileLock  # noqa: PLC0415  slow to import, and not needed where the model is there

        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                # Keys share 256 locks, which stay: to take one away would let two hold it.
                stack.enter_context(FileLock(self.folder / f"{key[:2]}.lock"))
            except (OSError, NotImplementedError) as error:
                return Obtained(make(), "compiled", (*amiss, f"compiled without a cache: {error}"))
            model, amiss = self._kept(key, load)
            if model is not None:  # another process made it meanwhile
                return Obtained(model, "hit")
            model = make()
            if why := self._keep(key, model):
                return Obtained(model, "compiled", (*amiss, f"the compiled model isn't kept: {why}"))
        return Obtained(model, "miss", amiss)

    def _kept(
        self, key: str, load: Callable[[ov.Tensor], ov.CompiledModel]
    ) -> tuple[ov.CompiledModel | None, tuple[str, ...]]:
        """Return what is kept under a key if it is there, whole, and taken by the device; else what is amiss."""
        place = self._place(key)
        try:
            model = load(self._read(place, key))
        except (FileNotFoundError, NotADirectoryError):
            return None, ()
        except (OSError, ValueError, RuntimeError) as error:
            return None, (f"the kept model is no good, and was compiled again: {str(error).strip()}",)
        with suppress(OSError):  # when it was last used
            os.utime(place)
        return model, ()

    def _read(self, place: Path, key: str) -> ov.Tensor:
        """Return what was exported. Raises ValueError where it isn't what was kept."""
        if not stat.S_ISREG((status := place.lstat()).st_mode) or status.st_size > self._most:
            raise ValueError("it is no file, or larger than the cache may be")
        with place.open("rb") as file:
            if file.read(_DIGEST + 1) != f"{key}\n".encode():
                raise ValueError("it isn't what its name says")
            digest = file.read(_DIGEST + 1)
            blob, found = read_tensor(file, max(0, status.st_size - file.tell()))
        if digest != f"{found}\n".encode():
            raise ValueError("it was changed")
        return blob if self._encryption is None else _decrypted(blob, self._encryption[1])

    def _keep(self, key: str, model: ov.CompiledModel) -> str:
        """Keep a model in one step, and return why it isn't if it can't be."""
        try:
            blob = export_model(model)
        except RuntimeError as error:
            return str(error).strip()
        if self._encryption is not None:
            blob = self._encryption[0](digest_bytes(blob).encode() + blob)
        data = b"".join((f"{key}\n{digest_bytes(blob)}\n".encode(), blob))
        if len(data) > self._most:
            return f"it takes {len(data)} bytes, and ${SIZE_VARIABLE} is {self._most}"
        from filelock import FileLock  # noqa: PLC0415  as above

        try:
            with FileLock(self.folder / "room.lock"):  # what two count at once, neither knows
                self._make_room(len(data))
                replace_file(self._place(key), data)
        except OSError as error:
            return f"{self.folder}: {error.strerror or error}"
        return ""

    def _make_room(self, size: int) -> None:
        """Take out what was used least recently, and what killed processes left, until there is room."""
        with os.scandir(self.folder) as entries:
            found = [
                (entry.stat(follow_symlinks=False), entry.path) for entry in entries if not entry.name.endswith(".lock")
            ]
        taken = sum(status.st_size for status, _ in found)
        for status, path in sorted(found, key=lambda pair: (pair[0].st_mtime_ns, pair[1])):
            if taken + size <= self._most:
                return
            with suppress(OSError):  # on Windows, a reader may have it open
                Path(path).unlink(missing_ok=True)
                taken -= status.st_size

    def _place(self, key: str) -> Path:
        return self.folder / f"{key}.blob"


def read_tensor(file: BufferedReader, size: int) -> tuple[ov.Tensor, str]:
    """Read what a file has, once, into OpenVINO's own memory; return it and the SHA-256 of just what is used."""
    tensor = ov.Tensor(ov.Type.u8, [size])
    file.readinto(tensor.data)
    return tensor, sha256(tensor.data).hexdigest()


def _decrypted(stored: ov.Tensor, decrypt: Callable[[bytes], bytes]) -> ov.Tensor:
    """Return what was encrypted. Its own digest tells a wrong key from a right one, whatever the cipher."""
    try:
        plain = memoryview(decrypt(stored.data.tobytes())).tobytes()
    except Exception as error:  # noqa: BLE001  the caller's function, of any library
        raise ValueError(f"it can't be decrypted: {type(error).__name__}: {error}") from None
    blob = plain[_DIGEST:]
    if digest_bytes(blob).encode() != plain[:_DIGEST]:
        raise ValueError("it was encrypted with another key")
    tensor = ov.Tensor(ov.Type.u8, [len(blob)])
    tensor.data[:] = memoryview(blob)
    return tensor


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9}) ?([KMG]iB)", text.strip())
    if match is None:
        message = f"{SIZE_VARIABLE} is `{text}`, which is no size"
        raise InputError(Diagnostic("wrong-cache-size", message, f"{SIZE_VARIABLE}={_DEFAULT_SIZE}, or KiB or MiB"))
    return int(match[1]) * _UNITS[match[2]]

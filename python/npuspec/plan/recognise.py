"""What a model's inputs most likely are, by their names, dtypes and shapes: the guesses that a first spec begins with.

Pure, and never sure: a name is a habit of exporters. So each guess is put into words that its reader can judge.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from npuspec.diagnostics import Diagnostic, SpecError
from npuspec.diagnostics.suggest import toml_key
from npuspec.facts import Port, Signature
from npuspec.plan.passes.bind import DATA_DTYPES, LENGTH_DTYPES, MASK_DTYPES, MAX_BYTES, shown
from npuspec.spec.axes import BATCH

_MOST_AXES, _MOST_ROWS = 6, 1024  # what the language takes
_CHANNELS = (3, 1, 4)  # of an image, the likeliest first
_LINE = 64  # pixels: an image of at most this height is a line of text
_ALPHABET = 32  # classes, from which on frames of an output are taken for characters

_TEXT = {"ids", "id", "token", "tokens", "text", "texts", "word", "words", "phonemes"}
_SECONDARY = {"type", "types", "segment", "segments", "position", "positions"}
_WAVE = {"audio", "wave", "waves", "waveform", "waveforms", "wav", "wavs", "speech", "sound", "pcm", "signal"}
_SPECTRUM = {"mel", "mels", "fbank", "spectrogram", "spec", "feats", "features", "feature", "mfcc"}
_PICTURE = {"image", "images", "img", "imgs", "pixel", "pixels", "photo", "picture"}
_PAST = {"past", "cache"}
_SIDES = {
    *("encoder", "decoder", "source", "src", "target", "tgt", "query", "context", "question", "answer", "passage"),
    *("first", "second", "premise", "hypothesis", "prompt", "reference", "ref", "left", "right"),
}
"""Words that tell two inputs of one kind apart, so that they may differ in length."""


@dataclass(frozen=True, slots=True)
class DraftDim:
    """A dimension for a first spec: its size is a default that a human has to look at."""

    name: str
    strategy: Literal["pad", "fixed"]
    size: int
    means: str


@dataclass(frozen=True, slots=True)
class DraftInput:
    """An input for a first spec. `of` belongs to a length or mask, `shape` and `pad_value` to data."""

    port: Port
    role: Literal["data", "length", "mask"]
    means: str
    """What it was recognised as."""
    shape: tuple[str | int, ...] = ()
    of: str = ""
    pad_value: int | None = None
    layout: str = ""
    """Of an image or a video: a letter for each axis."""
    note: str = ""
    """What its reader should know or decide."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A model's inputs in its own order, the dimensions of their shapes by name, and the batch that it fixes, or 1."""

    inputs: tuple[DraftInput, ...]
    dims: dict[str, DraftDim]
    batch: int

    def data(self) -> tuple[DraftInput, ...]:
        """Return the inputs that the caller gives."""
        return tuple(i for i in self.inputs if i.role == "data")


def recognise(signature: Signature) -> Recognised:
    """Say what each input is, so that a spec which says the same passes `check`.

    Raises:
        SpecError: `unfit-model`, where no spec can state an input, or a session can't give an output.

    """
    batch = _batch(signature)
    dims: dict[str, DraftDim] = {}
    found = {p.name: _data(p, signature, dims) for p in signature.inputs if not _is_companion(p)}
    given = tuple(found.values())
    found |= {p.name: _companion(p, given, dims) for p in signature.inputs if _is_companion(p)}
    inputs = tuple(found[p.name] for p in signature.inputs)
    for data in inputs:
        _shrink(data, dims, batch)
    return Recognised(inputs, dims, batch)


def _batch(signature: Signature) -> int:
    """Return the size that the inputs' first axes have, once no input stands in the way of a spec."""
    if not signature.inputs:
        raise _unfit("the model has no inputs", "export it with the input that it computes from")
    for port in signature.inputs:
        name = f"`{toml_key(port.name)}`"
        if port.dtype not in DATA_DTYPES:
            help_ = "export the model without the part that reads it, such as a tokenizer"
            raise _unfit(f"{name} is of {port.dtype}, which can't be fed", help_)
        if not port.shape:
            help_ = "export the model with its value built in, or with an axis for the batch"
            raise _unfit(f"{name} is a scalar, and has no axis for the batch", help_)
        if len(port.shape) > _MOST_AXES or 0 in port.shape:
            help_ = f"export it with at most {_MOST_AXES} axes, none of them empty"
            raise _unfit(f"{name} is {shown(port)}", help_)
    for port in signature.outputs:
        if port.dtype not in DATA_DTYPES:
            help_ = "export the model without the part that makes it"
            raise _unfit(f"output `{toml_key(port.name)}` is of {port.dtype}, and no array of numbers", help_)
    firsts = {port.shape[0]: port.name for port in signature.inputs if port.shape[0] is not None}
    if len(firsts) > 1 or max(firsts, default=1) > _MOST_ROWS:
        which = " and ".join(f"{size} in `{toml_key(name)}`" for size, name in sorted(firsts.items()))
        help_ = f"the first axis of every input is the batch, at most {_MOST_ROWS}: export the model so"
        raise _unfit(f"the first axis is {which}", help_)
    return next(iter(firsts), 1)


def _unfit(message: str, help_: str) -> SpecError:
    return SpecError(Diagnostic("unfit-model", f"no spec can say what this model takes: {message}", help_))


def _words(name: str) -> list[str]:
    """Return a name's words in lower case, however it joins them."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _side(name: str) -> str:
    """Return the first two words of a name that tell it from others of its kind, "" if it has none."""
    return "-".join([*dict.fromkeys(word for word in _words(name) if word in _SIDES)][:2])


# --- data ---


@dataclass(frozen=True, slots=True)
class _Guess:
    """What an input is, and the dimension that each of its axes behind the batch would be if it varies."""

    means: str
    axes: tuple[DraftDim, ...]
    note: str = ""
    pad_value: int | None = None
    layout: str = ""


def _data(port: Port, signature: Signature, dims: dict[str, DraftDim]) -> DraftInput:
    """Recognise an input by itself, and give its varying axes dimensions; inputs of one kind and side share them."""
    guess = None
    match port.shape:
        case [_, _]:
            guess = _text(port) or _wave(port)
        case [_, _, _]:
            guess = _wave(port) or _spectrum(port)
        case [_, _, _, _]:
            guess = _spectrum(port) or _image(port, signature)
        case [_, _, _, _, _]:
            guess = _video(port)
    guess = guess or _other(port)
    shape: list[str | int] = [BATCH]
    for axis, size in zip(guess.axes, port.shape[1:], strict=True):
        shape.append(_declare(axis, dims) if size is None else size)
    return DraftInput(
        port, "data", guess.means, tuple(shape), pad_value=guess.pad_value, layout=guess.layout, note=guess.note
    )


def _declare(axis: DraftDim, dims: dict[str, DraftDim]) -> str:
    """Return the name of a dimension like this one, declaring it if need be; one of another size keeps its name."""
    number = 1
    while True:
        name = axis.name if number == 1 else f"{axis.name}-{number}"
        wanted = replace(axis, name=name)
        if dims.setdefault(name, wanted) == wanted:
            return name
        number += 1


_TOKENS = DraftDim("tokens", "pad", 128, "tokens of a text")
_TIME = DraftDim("time", "pad", 160_000, "samples of sound; this is 10 s at 16 kHz")
_FRAMES = DraftDim("frames", "pad", 1000, "frames of sound; this is 10 s of 100 frames each")
_KEPT = DraftDim("past", "pad", 128, "steps that were computed before")
_SEQUENCE = DraftDim("sequence", "pad", 128, "steps of a sequence")
_LENGTH = DraftDim("length", "pad", 128, "values")
_CLIP = DraftDim("frames", "fixed", 16, "frames of a video")
_SLICES = DraftDim("depth", "fixed", 64, "slices of a volume")
_RGB = DraftDim("channels", "fixed", 3, "channels of an image")
_LINE_PIXELS = (
    DraftDim("height", "fixed", 48, "pixels of the height of a line"),
    DraftDim("width", "pad", 640, "pixels of the width of a line"),
)
_SOUND_DTYPES = ("float16", "float32", "float64", "int16")


def _with_side(axis: DraftDim, port: Port) -> DraftDim:
    side = _side(port.name)
    return replace(axis, name=f"{side}-{axis.name}") if side else axis


def _text(port: Port) -> _Guess | None:
    words = set(_words(port.name))
    if port.dtype not in LENGTH_DTYPES or not words & _TEXT:
        return None
    axes = (_with_side(_TOKENS, port),)
    if words & {"type", "types", "segment", "segments"}:
        return _Guess("token types of a text", axes, "For a single text they are all 0.")
    if words & {"position", "positions"}:
        return _Guess("positions of tokens", axes)
    if port.shape[1] is not None:
        return _Guess("token ids of a text", axes)
    return _Guess("token ids of a text", axes, "pad-value is the id of the padding token: the tokenizer knows it.", 0)


def _wave(port: Port) -> _Guess | None:
    words = set(_words(port.name))
    named = words & _WAVE or {"input", "values"} <= words or port.dtype == "int16"
    # Of three axes, one is that of the channels: mono or stereo.
    wide = len(port.shape[1:]) > 1 and not {1, 2} & set(port.shape[1:])
    if port.dtype not in _SOUND_DTYPES or not named or words & _SPECTRUM or wide:
        return None
    note = "Find out at which rate and in which range its samples are: npuspec changes neither."
    return _Guess("sound as a waveform", (_with_side(_TIME, port),) * len(port.shape[1:]), note)


def _spectrum(port: Port) -> _Guess | None:
    if not set(_words(port.name)) & (_WAVE | _SPECTRUM) or port.shape[1:].count(None) > 1:
        return None
    return _Guess("sound as frames of features", (_with_side(_FRAMES, port),) * len(port.shape[1:]))


def _layout(sizes: Sequence[int | None], places: Sequence[int], *, named: bool) -> int | None:
    """Return which of the places the channels have; without a telling size, the first where the name says image."""
    for channels in _CHANNELS:
        for place in places:
            if sizes[place] == channels:
                return place
    return places[0] if named and sizes[places[0]] is None else None


def _image(port: Port, signature: Signature) -> _Guess | None:
    words = set(_words(port.name))
    place = _layout(port.shape, (1, 3), named=bool(words & _PICTURE))
    if place is None or words & _PAST:
        return None
    height, width = port.shape[2:] if place == 1 else port.shape[1:3]
    is_line = width is None and (height or 0) <= _LINE and _reads_lines(signature)
    axes = [*_LINE_PIXELS] if is_line else _pixels(height or width or _side_length(words, signature))
    axes.insert(place - 1, _RGB)
    what = "lines of text as images" if is_line else "images"
    layout, order = ("NCHW", "channels before height and width") if place == 1 else ("NHWC", "channels last")
    note = "" if port.shape[place] else "The model leaves the channels open, so the layout is a guess by its name."
    return _Guess(f"{what} in the layout {layout}: {order}", tuple(axes), note, layout=layout)


def _pixels(size: int) -> list[DraftDim]:
    return [
        DraftDim("height", "fixed", size, "pixels of the height"),
        DraftDim("width", "fixed", size, "pixels of the width"),
    ]


def _side_length(words: set[str], signature: Signature) -> int:
    """Return how large an image likely is that is looked at as a whole: larger where outputs say where things are."""
    places = any(_says_where(output) for output in signature.outputs)
    return 640 if places or "images" in words else 224


def _says_where(output: Port) -> bool:
    match output.shape:
        case [_, _, _, _] | [_, _, None]:
            return True
    return False


def _reads_lines(signature: Signature) -> bool:
    """Tell whether an output has the classes of an alphabet for each of a number of steps that varies."""
    for output in signature.outputs:
        match output.shape:
            case [_, None, int(classes)] if classes >= _ALPHABET and "hidden" not in output.name:
                return True
    return False


def _video(port: Port) -> _Guess | None:
    place = _layout(port.shape, (1, 2, 4), named=False)
    if place is None:
        return None
    is_volume = place == 1 and port.shape[1] == 1
    axes = [_SLICES if is_volume else _CLIP, *_pixels(224)]
    axes.insert(place - 1, _RGB)
    layout = {1: "NCDHW", 2: "NDCHW", 4: "NDHWC"}[place]
    what, of = ("volumes", "slices") if is_volume else ("video", "frames")
    return _Guess(f"{what} in the layout {layout}, with D for {of}", tuple(axes), layout=layout)


def _other(port: Port) -> _Guess:
    below = port.shape[1:]
    if below.count(None) > 1:
        axes = tuple(
            DraftDim(f"axis-{n}", "pad", 64, f"axis {n}; give it a better name") for n, _ in enumerate(below, 1)
        )
        return _Guess("data with several axes that vary", axes, 'An axis that never varies is `strategy = "fixed"`.')
    if len(below) > 1 and set(_words(port.name)) & _PAST:
        return _Guess("a state that is kept from step to step", (_with_side(_KEPT, port),) * len(below))
    axis = _SEQUENCE if len(below) > 1 else _LENGTH
    return _Guess("data", (_with_side(axis, port),) * len(below))


# --- lengths and masks ---


def _is_mask(port: Port) -> bool:
    named = {"mask", "masks"} & set(_words(port.name))
    return bool(named) and len(port.shape[1:]) == 1 and port.dtype in MASK_DTYPES


def _is_length(port: Port) -> bool:
    words = set(_words(port.name))
    named = words & {"len", "lens", "length", "lengths", "ilens", "xlens", "seqlen", "seqlens"}
    fits = port.dtype in LENGTH_DTYPES and port.shape[1:] in ((), (1,))
    return fits and bool(named) and not words & {"max", "min", "penalty"}


def _is_companion(port: Port) -> bool:
    return _is_mask(port) or _is_length(port)


def _companion(port: Port, given: Sequence[DraftInput], dims: dict[str, DraftDim]) -> DraftInput:
    """Let npuspec fill a length or mask where `check` takes it; otherwise the caller gives it, and a note says why."""
    role: Literal["mask", "length"] = "mask" if _is_mask(port) else "length"
    nearest = _nearest(port, given)
    is_padding = role == "mask" and bool({"pad", "padding"} & set(_words(port.name)))
    why = _no_role(role, port, nearest, dims)
    if is_padding:
        why = 'it may be 1 where there is padding. If 1 means valid, write role = "mask" and `of`'
    if not why:
        of = nearest[0].port.name
        return DraftInput(port, role, f"the {role} of `{toml_key(of)}`", of=of)
    beside = [data.shape[1] for data in nearest if data.port.shape[1] is None]
    shape: list[str | int] = [BATCH]
    for size in port.shape[1:]:
        if size is not None:
            shape.append(size)
        else:
            shape.append(beside[0] if beside else _declare(_with_side(_LENGTH, port), dims))
    note = f"It seems to be a {role}, but npuspec doesn't fill it: {why}."
    return DraftInput(port, "data", f"a {role} that you give", tuple(shape), note=note, pad_value=int(is_padding))


def _no_role(role: str, port: Port, nearest: Sequence[DraftInput], dims: dict[str, DraftDim]) -> str:
    """Return why a length or mask can't follow the one padded dimension of the first of these inputs; "" if it can."""
    if not nearest:
        return "there is no other input that it could belong to"
    name = toml_key(nearest[0].port.name)
    first, *others = [[a for a in d.shape if a in dims and dims[str(a)].strategy == "pad"] for d in nearest]
    if len(first) > 1:
        return f"`{name}` has several padded dimensions, so that its length isn't one number"
    if not first or (role == "mask" and port.shape[1] is not None):
        return f"`{name}` has one size only; for shorter samples, give it a dimension that is padded to this size"
    return "several inputs could be meant" if any(other != first for other in others) else ""


def _nearest(port: Port, given: Sequence[DraftInput]) -> list[DraftInput]:
    """Return the data inputs that a length or mask may be of: those whose names are equally near to its own."""

    def nearness(data: DraftInput) -> tuple[bool, bool, int]:
        words = set(_words(data.port.name))
        return _side(data.port.name) == _side(port.name), not words & _SECONDARY, len(words & set(_words(port.name)))

    able = [data for data in given if len(data.shape) > 1]
    best = max(map(nearness, able), default=None)
    return [data for data in able if nearness(data) == best]


# --- sizes ---


def _shrink(data: DraftInput, dims: dict[str, DraftDim], batch: int) -> None:
    """Halve an input's largest defaults until a static variant can hold it."""

    def sizes() -> Iterator[int]:
        for axis in data.shape:
            yield axis if isinstance(axis, int) else batch if axis == BATCH else dims[axis].size

    while prod(sizes()) * 8 > MAX_BYTES:
        largest = max((dims[str(a)] for a in data.shape if a in dims), key=lambda dim: dim.size, default=None)
        if largest is None or largest.size == 1:
            message = f"`{toml_key(data.port.name)}`, {shown(data.port)}, takes more than 2 GiB"
            raise _unfit(message, "export the model with smaller sizes")
        means = largest.means.partition(";")[0]  # what a size stands for isn't true of another
        dims[largest.name] = replace(largest, size=largest.size // 2, means=means)

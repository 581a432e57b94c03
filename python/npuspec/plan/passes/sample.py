"""Choose the recipe, and split the data: what calibrates is never what the gates run on."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from operator import itemgetter

from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.suggest import toml_string
from npuspec.plan.model import PlannedSource, Recipe, Samples
from npuspec.sources.kinds import ARRAY, ARRAYS, PICTURE, SOUND, TEXT, TREE, suffix_of
from npuspec.sources.select import has_wildcard
from npuspec.spec import Spec, models

_ONE_INPUT = (*ARRAY, *SOUND, *PICTURE)
_KINDS = {"one array": ARRAY, "named arrays": ARRAYS, "sound": SOUND, "pictures": PICTURE, "text": TEXT}


def plan_recipe(spec: Spec, matched: Iterable[str] = ()) -> Recipe:
    """Return the quantization in NNCF's terms; `matched` are the operations of `keep`'s patterns and subgraphs."""
    written = spec.quantization
    return Recipe(
        mode=written.mode,
        preset=written.preset,
        model_type=written.model_type,
        subset_size=written.samples,
        fast_bias_correction=written.fast_bias_correction,
        smooth_quant_alpha=written.smooth_quant_alpha,
        overflow_fix=written.overflow_fix,
        activations_range=written.activations_range,
        weights_mode=written.weights_mode,
        group_size=written.group_size,
        max_drop=written.max_drop,
        drop_type=written.drop_type,
        keep_names=tuple(sorted({*written.keep.names, *matched})),
        keep_types=tuple(sorted(set(written.keep.types))),
    )


def check_files(data: models.Data, paths: Sequence[str]) -> list[Diagnostic]:
    """Hold the files' kinds against the keys of [data], which say what is read and for which input."""
    suffixes = {suffix_of(path) for path in paths}
    known = TEXT if data.tokenizer is not None else ARRAYS if data.input is None else _ONE_INPUT
    if fault := _several_kinds(data, paths, known) or _wrong_kind(data, suffixes):
        return [fault]
    if others := [path for path in paths if suffix_of(path) not in known]:
        message = f"{len(others)} file(s) are no samples that can be read, `{others[0]}` among them"
        help_ = f"a glob for {', '.join(known)} files only"
        return [Diagnostic("unsupported-data-format", message, help_).at(("data", "source"))]
    return [*_keys_of_kind(data, suffixes)]


def _several_kinds(data: models.Data, paths: Sequence[str], known: Sequence[str]) -> Diagnostic | None:
    """A glob says which kinds are meant; of a folder everything is taken that could be a sample."""
    found = Counter(map(suffix_of, paths))
    counts = {kind: sum(found[suffix] for suffix in suffixes) for kind, suffixes in _KINDS.items()}
    present = [f"{kind} in {count} file(s)" for kind, count in counts.items() if count]
    if has_wildcard(data.origin) or len(present) < 2:  # noqa: PLR2004
        return None
    likely = max(found, key=lambda suffix: (suffix in known, found[suffix]))
    glob = toml_string(f"{data.origin.rstrip('/')}/**/*{likely}")
    help_ = f"say which are meant, with a glob: source = {glob}"
    message = f"`{data.origin}` holds samples of several kinds: {', '.join(present)}"
    return Diagnostic("unsupported-data-format", message, help_).at(("data", "source"))


def _wrong_kind(data: models.Data, suffixes: set[str]) -> Diagnostic | None:
    if data.tokenizer is None and suffixes <= {*TEXT}:
        message = "`tokenizer` is missing: the `tokenizer.json` that makes token ids of text"
        return Diagnostic("missing-key", message, 'tokenizer = "tokenizer.json", if the files are text').at(("data",))
    if data.input is None and suffixes <= {*_ONE_INPUT}:
        message = "`input` is missing: the input of the model that a sample is for"
        help_ = "only `.npz` and `.safetensors` files name their arrays themselves"
        return Diagnostic("missing-key", message, help_).at(("data",))
    if data.input is not None and data.tokenizer is None and suffixes <= {*ARRAYS}:
        message = "`input` does nothing: each of these files names its arrays by the inputs of the model"
        return Diagnostic("idle-key", message, "take it out").at(("data", "input"), part="key")
    return None


def _keys_of_kind(data: models.Data, suffixes: set[str]) -> Iterator[Diagnostic]:
    if data.sample_rate is None and suffixes & {*SOUND}:
        message = "`sample-rate` is missing: the rate in Hz that the model was trained on"
        help_ = "nothing is resampled without a word: sample-rate = 16000"
        yield Diagnostic("missing-key", message, help_).at(("data",))
    if data.field is None and suffixes & {*TREE}:
        message = "`field` is missing: the member of the YAML or JSON whose strings are the samples"
        yield Diagnostic("missing-key", message, "a name at the top level: field = …").at(("data",))
    if data.field is not None and not suffixes & {*TREE}:
        message = "`field` does nothing: each line of a `.txt` is a sample"
        yield Diagnostic("idle-key", message, "take it out").at(("data", "field"), part="key")


def split_samples(
    spec: Spec,
    source: PlannedSource | None,
    tokenizer: PlannedSource | None = None,
    texts: Mapping[str, Sequence[str]] | None = None,
    contents: Mapping[str, str] | None = None,
    own: PlannedSource | None = None,
) -> tuple[Samples | None, list[Diagnostic]]:
    """Split the samples in the order of their content's SHA-256.

    That order is the same wherever the files lie and whatever they are called, and as good as random: a folder for
    each speaker or language doesn't put all of one kind on one side.

    Args:
        spec: a valid spec.
        source: its data, whose files' kinds are right.
        tokenizer: the source of its tokenizer.
        texts: where the files are text: the SHA-256 of each text in each.
        contents: else the SHA-256 of what is in each file, as far as it could be decoded.
        own: the function that gave them.

    """
    if spec.data is None or source is None:
        return None, []
    if texts is None:
        met = sorted((file.sha256, file.path, 0) for file in source.files)
    else:
        met = sorted((text, path, n) for path, found in texts.items() for n, text in enumerate(found, 1))
    if not met:
        message = "there is no text in these files"
        help_ = "write one on each line of a `.txt`, or name a `field` with strings below it"
        return None, [Diagnostic("no-data", message, help_).at(("data", "source"))]
    ordered = [next(same) for _, same in groupby(met, key=itemgetter(0))]
    repeated = len(met) - len(ordered)
    twins = [] if texts is not None else _duplicates(source, contents or {})
    faults = [fault.at(("data", spec.data.key)) for fault in twins]
    wanted = spec.quantization.samples if spec.quantization.is_calibrated else 0
    at = ("quantization", "samples") if "samples" in spec.quantization.model_fields_set else ("quantization",)
    spare = len(ordered) - wanted
    is_gated = any(not isinstance(gate, models.BudgetGate) for gate in spec.gates)
    if spare < 0 or (is_gated and spare == 0):
        message = (
            f"{wanted} samples are to calibrate, and there are {len(ordered)}"
            if spare < 0
            else f"all {wanted} samples calibrate: none is left for the gates"
        )
        fewer = len(ordered) * 2 // 3
        left = f", which leaves {len(ordered) - fewer} for the gates" if is_gated else ""
        help_ = "add data" + (f", or state samples = {fewer}{left}" if fewer else "")
        faults.append(Diagnostic("too-few-samples", message, help_).at(at))
    if faults:
        return None, faults
    samples = Samples(
        source=source,
        own=own,
        input=spec.data.input,
        sample_rate=spec.data.sample_rate,
        tokenizer=tokenizer,
        token_types=spec.data.token_types,
        field=spec.data.field,
        repeated=repeated,
        calibration=_names(ordered[:wanted]),
        validation=_names(ordered[wanted:]),
    )
    return samples, []


def _duplicates(source: PlannedSource, contents: Mapping[str, str]) -> list[Diagnostic]:
    """The same sample on both sides would make a gate look better than the model is."""
    met = sorted((contents.get(file.path, file.sha256), file.path) for file in source.files)
    twins = sorted((first, second) for (a, first), (b, second) in pairwise(met) if a == b)
    if not twins:
        return []
    message = f"{len(twins)} sample(s) occur twice: `{twins[0][1]}` holds the same as `{twins[0][0]}`"
    return [Diagnostic("duplicate-samples", message, "calibration and gates would share them: take one out")]


def _names(samples: Sequence[tuple[str, str, int]]) -> tuple[str, ...]:
    """Return what samples are called, in the order of their files."""
    return tuple(f"{path}:{n}" if n else path for path, n in sorted((path, n) for _, path, n in samples))

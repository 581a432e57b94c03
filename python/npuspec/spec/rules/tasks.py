"""Gates on a task: what is right stands in the data, and how an answer is read at the output."""

from collections.abc import Iterator

from npuspec.diagnostics import Diagnostic
from npuspec.diagnostics.suggest import toml_key
from npuspec.spec.models import Spec, TaskGate


def labels_for_a_task(spec: Spec) -> Iterator[Diagnostic]:
    """A task is done well or badly by what is right for each sample."""
    data = spec.data
    if data is None:
        return
    gates = [index for index, gate in enumerate(spec.gates) if isinstance(gate, TaskGate)]
    if gates and data.labels is None:
        message = "`labels` is missing: what is right for each sample"
        fault = Diagnostic("missing-key", message, 'labels = "labels.txt", a line for each sample').at(("data",))
        for index in gates:
            fault = fault.at(("gates", index), "this needs them")
        yield fault
    if data.labels_sha256 is not None and data.labels is None:
        message = "`labels-sha256` does nothing without `labels`"
        yield Diagnostic("idle-key", message, "take it out").at(("data", "labels-sha256"), part="key")


def decode_of_a_task(spec: Spec) -> Iterator[Diagnostic]:
    """Accuracy is of classes, and error rates are of texts."""
    for index, gate in enumerate(spec.gates):
        if not isinstance(gate, TaskGate):
            continue
        kind = "class" if gate.metric == "accuracy" else "ctc"
        table = spec.outputs.get(gate.output)
        decode = table.decode if table is not None else None
        if decode is None and kind == "ctc":
            message = f"how a text is read of `{gate.output}` isn't stated"
            help_ = f'[outputs.{toml_key(gate.output)}] decode = {{ kind = "ctc", vocabulary = "characters.txt" }}'
            yield Diagnostic("missing-key", message, help_).at(("gates", index, "output"))
        elif decode is not None and decode.kind != kind:
            what, other = ("classes", "character-error-rate") if kind == "class" else ("texts", "accuracy")
            message = f'`{gate.metric}` is of {what}, and `{gate.output}` is read by kind = "{decode.kind}"'
            fault = Diagnostic("wrong-value", message, f'metric = "{other}", or kind = "{kind}"')
            yield fault.at(("gates", index, "metric")).at(("outputs", gate.output, "decode", "kind"), "read so here")


def decode_keys(spec: Spec) -> Iterator[Diagnostic]:
    """A text is made of a vocabulary, and what only a text has does nothing for a class."""
    for name, table in spec.outputs.items():
        decode = table.decode
        if decode is None:
            continue
        at = ("outputs", name, "decode")
        if decode.kind == "ctc" and decode.vocabulary is None:
            message = "`vocabulary` is missing: what each place of the last axis stands for"
            yield Diagnostic("missing-key", message, 'vocabulary = "characters.txt", an entry on each line').at(at)
        if decode.vocabulary_sha256 is not None and decode.vocabulary is None:
            message = "`vocabulary-sha256` does nothing without a `vocabulary`"
            yield Diagnostic("idle-key", message, "take it out").at((*at, "vocabulary-sha256"), part="key")
        for key in sorted({"blank", "separator"} & decode.model_fields_set) if decode.kind == "class" else ():
            message = f'`{key}` does nothing with kind = "class"'
            yield Diagnostic("idle-key", message, 'kind = "ctc", or take it out').at((*at, key), part="key")

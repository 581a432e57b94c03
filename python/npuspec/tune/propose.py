"""Where knobs are many: candidates that Optuna proposes, from what is known of those that were tried."""

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from math import inf
from typing import Any

from npuspec.diagnostics import Diagnostic, StageError
from npuspec.tune.space import Point

_WORSE = 10.0  # times the worst, for what can't be made or holds no gate
_SEED = 0
_REPEATS = 20  # of what is known, for each one that is new, before the space counts as tried


def check_optuna() -> None:
    """Refuse what needs Optuna where it isn't.

    Raises:
        StageError: `missing-extra`.

    """
    if find_spec("optuna") is None:
        message = "proposing candidates needs the package optuna"
        raise StageError(Diagnostic("missing-extra", message, "pip install 'npuspec[tune]'"))


def propose(
    knobs: Mapping[str, tuple[Any, ...]],
    known: Iterable[tuple[Point, float]],
    trial: Callable[[dict[str, Any]], float],
    count: int,
) -> None:
    """Try so many candidates more, each where the best may be by the figures so far.

    Args:
        knobs: the values of each.
        known: candidates with their figures, of which less is better; infinite is what failed.
        trial: gives a candidate's figure.
        count: how many new ones are tried, as long as some are proposed.

    """
    import optuna  # noqa: PLC0415  an extra, and slow to import: only who asks for more trials needs it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spread: dict[str, Any] = {
        knob: optuna.distributions.CategoricalDistribution(range(len(values))) for knob, values in knobs.items()
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=_SEED))
    before = [*known]
    worst = _WORSE * max((figure for _, figure in before if figure < inf), default=1.0)
    for point, figure in before:
        told = {knob: knobs[knob].index(point[knob]) for knob in knobs}
        study.add_trial(optuna.trial.create_trial(params=told, distributions=spread, value=min(figure, worst)))
    tried = {tuple(knobs[knob].index(point[knob]) for knob in knobs) for point, _ in before}
    enough = len(tried) + count
    for _ in range(count * _REPEATS):
        if len(tried) == enough:
            return
        asked = study.ask(spread)
        tried.add(tuple(asked.params[knob] for knob in knobs))
        figure = trial({knob: knobs[knob][number] for knob, number in asked.params.items()})
        study.tell(asked, min(figure, worst))

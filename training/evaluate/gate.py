"""The gate: decides whether the best candidate may be registered, and says why in full sentences."""

from collections.abc import Mapping

from molino.contracts.metrics import METRICS
from molino.contracts.model_file import Bound, ModelFile
from molino.contracts.results import Interval, Verdict
from training.metrics.resamples import LEVEL, Measure

EQUAL = 1e-6
"""Relative difference below which two metrics are the same: what 32-bit graphs leave between two machines."""


def loss_of(metric: str, value: float) -> float:
    """Return a metric turned so that lower is better."""
    return METRICS[metric].loss(value)


def pick_best(metric: str, measures: Mapping[str, Mapping[str, Measure]]) -> str:
    """Return the candidate with the best metric; the first listed where two are equal."""
    return min(measures, key=lambda name: loss_of(metric, measures[name][metric].value))


def decide(
    model: ModelFile,
    best: str,
    measures: Mapping[str, Mapping[str, Measure]],
    champion: Mapping[str, Measure] | None,
    about_champion: str,
) -> Verdict:
    """Return the verdict on the best candidate.

    Args:
        model: its gate and metric count.
        best: name of the candidate.
        measures: metrics of every candidate, by name.
        champion: the champion's metrics on the same rows and resamples, where it can be compared.
        about_champion: names the champion (`the champion, version 3`), or says why there is none to compare with.
    """
    scores = measures[best]
    rows = f"{len(measures)} candidates" if len(measures) > 1 else "1 candidate"
    first = f"Of {rows} {best} has the best {model.metric} on the held-out rows: {shown(scores[model.metric])}."
    checks = [_check_bound(name, scores[name].value, bound) for name, bound in model.gate.bounds.items()]
    if champion is None:
        reasons = [first, *(text for _, text in checks), about_champion]
        return Verdict(accepted=all(held for held, _ in checks), reasons=tuple(reasons))
    checks.append(_check_champion(model, best, scores[model.metric], champion[model.metric], about_champion))
    return Verdict(accepted=all(held for held, _ in checks), reasons=(first, *(text for _, text in checks)))


def shown(measure: Measure) -> str:
    """Return a metric with its interval for a sentence."""
    return f"{_figure(measure.value)} ({_shown_interval(measure.interval())})"


def _check_bound(metric: str, value: float, bound: Bound) -> tuple[bool, str]:
    if bound.maximum is not None and value > bound.maximum:
        return False, f"Its {metric} of {_figure(value)} is above the gate's maximum of {bound.maximum:g}."
    if bound.minimum is not None and value < bound.minimum:
        return False, f"Its {metric} of {_figure(value)} is below the gate's minimum of {bound.minimum:g}."
    limits = [
        f"{word} of {limit:g}"
        for word, limit in (("minimum", bound.minimum), ("maximum", bound.maximum))
        if limit is not None
    ]
    return True, f"Its {metric} of {_figure(value)} keeps the gate's {' and '.join(limits)}."


def _check_champion(
    model: ModelFile, best: str, candidate: Measure, champion: Measure, about_champion: str
) -> tuple[bool, str]:
    metric, tolerance = model.metric, model.gate.champion_tolerance
    scale = abs(champion.value)
    worse = loss_of(metric, candidate.value) - loss_of(metric, champion.value)
    difference = candidate.minus(champion).interval()
    compared = (
        f"On the same rows {about_champion} has {metric} {shown(champion)}; "
        f"the difference of {best} to it is {difference.value:+.4g} ({_shown_interval(difference)})"
    )
    if worse <= EQUAL * scale:
        return True, f"{compared}, which is {'better' if worse < -EQUAL * scale else 'not worse'}."
    allowed = f"the {tolerance:.3g} of the champion's {metric} that the gate allows"
    if worse <= (tolerance + EQUAL) * scale:
        return True, f"{compared}, which is worse by {_share(worse, scale)}, within {allowed}."
    return False, f"{compared}, which is worse by {_share(worse, scale)}, more than {allowed}."


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.3g} of it" if whole else f"{part:.4g}"


def _shown_interval(interval: Interval) -> str:
    return f"{LEVEL:g} % interval {_figure(interval.low)} to {_figure(interval.high)}"


def _figure(value: float) -> str:
    return f"{value:.4g}"

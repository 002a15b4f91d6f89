"""The gate: decides whether the chosen candidate may be registered, and says why in full sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from molino.contracts.metrics import METRICS, Metric
from molino.contracts.model_file import Bound, ModelFile
from molino.contracts.results import Interval, Verdict
from training.metrics.resamples import LEVEL, Measure

EQUAL = 1e-6
"""Relative difference below which two metrics are the same: what 32-bit graphs leave between two machines."""

Check = tuple[bool, str]
"""Whether something holds, and a sentence about it."""


@dataclass(frozen=True)
class Compared:
    """A release and the candidate on rows that neither has seen, by the model file's metric and the same resamples."""

    name: str
    """Such as `the champion, version 3`."""
    release: Measure
    candidate: Measure
    rows: int

    @property
    def difference(self) -> Measure:
        """Candidate less release, paired."""
        return self.candidate.minus(self.release)


def pick_best(metric: str, values: Mapping[str, float]) -> str:
    """Return the candidate with the best value of a metric; the first listed where two are equal."""
    return min(values, key=lambda name: METRICS[metric].loss(values[name]))


def decide(
    model: ModelFile,
    chosen: str,
    scores: Mapping[str, Measure],
    compared: Sequence[Compared],
    baselines: Mapping[str, Measure] | None,
    notes: Sequence[str] = (),
) -> Verdict:
    """Return the verdict on the chosen candidate.

    Args:
        model: its gate and metric count.
        chosen: the candidate's sentence, such as `Of 2 candidates mlp was chosen on validation rows`.
        scores: the candidate's metrics on the held-out rows.
        compared: the releases that it is compared with.
        baselines: the metric of each baseline on the held-out rows, by name; none where none is known.
        notes: sentences that decide nothing: what could not be compared, what else a person should know.
    """
    metric = METRICS[model.metric]
    own = scores[model.metric]
    checks = [_check_bound(name, scores[name].value, bound) for name, bound in model.gate.bounds.items()]
    if model.gate.baseline and baselines:
        checks.append(_check_baseline(metric, own.value, baselines))
    checks += [_check_release(model, one) for one in compared]
    first = f"{chosen}; its {metric.name} on the held-out rows is {shown(own)}."
    return Verdict(
        accepted=all(held for held, _ in checks),
        reasons=(first, *(text for _, text in checks), *notes),
    )


def shown(measure: Measure) -> str:
    """Return a metric with its interval for a sentence."""
    return f"{_figure(measure.value)} ({_shown_interval(measure.interval())})"


def _check_bound(metric: str, value: float, bound: Bound) -> Check:
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


def _check_baseline(metric: Metric, value: float, baselines: Mapping[str, Measure]) -> Check:
    """The floor: a model has to tell more than the best of the answers that look at no feature."""
    hardest = min(baselines, key=lambda name: metric.loss(baselines[name].value))
    floor = baselines[hardest].value
    told = f"The baseline, {hardest}, has {metric.name} {_figure(floor)} there, which it"
    if metric.loss(value) < metric.loss(floor) - EQUAL * abs(floor):
        return True, f"{told} beats."
    return False, (
        f"{told} does not beat. Features that tell more of the target, more rows or another candidate may help; "
        "gate.baseline: false asks for none of it."
    )


def _check_release(model: ModelFile, compared: Compared) -> Check:
    """Go by the paired interval of the difference: `not_worse` refuses with confidence, `better` accepts with it."""
    metric, gate = METRICS[model.metric], model.gate
    difference = compared.difference
    scale = abs(compared.release.value)
    worse = Measure(difference.samples if metric.better == "lower" else -difference.samples).interval()
    text = (
        f"On {compared.rows} rows that neither has seen {compared.name} has {metric.name} {shown(compared.release)}; "
        f"the difference of the candidate to it is {difference.value:+.4g} "
        f"({_shown_interval(difference.interval())}), which is "
    )
    equal = EQUAL * scale
    if gate.champion == "better":
        if worse.high < -equal:
            return True, f"{text}better with confidence."
        return False, f"{text}not better with confidence, as the gate asks."
    allowed = metric.allowance(gate.champion_tolerance, compared.release.value)
    beyond = f" by more than the {_figure(allowed)} that the gate allows" if allowed else ""
    if worse.low > allowed + equal:
        return False, f"{text}worse{beyond} with confidence."
    if worse.high < -equal:
        return True, f"{text}better with confidence."
    return True, f"{text}not worse{beyond} with confidence."


def _shown_interval(interval: Interval) -> str:
    return f"{LEVEL:g} % interval {_figure(interval.low)} to {_figure(interval.high)}"


def _figure(value: float) -> str:
    return f"{value:.4g}"

"""What no single key of a model file can show to be wrong: keys that contradict each other."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from molino.contracts.contradictions import Contradiction, Key, reversed_range, unusable_values
from molino.contracts.metrics import METRICS, Metric, metrics_of
from molino.contracts.model_file.decision import MOST_CLASSES
from molino.contracts.splits.base import Model

if TYPE_CHECKING:
    from molino.contracts.features import Feature
    from molino.contracts.model_file.schema import Bound, ModelFile, Target

GRAPH_OUTPUTS = ("prediction", "label")
"""Names that the ONNX graph needs for its answers, beside `probability_<class>`."""
PROBABILITY = "probability_"


def contradictions(model: "ModelFile") -> Iterator[Contradiction]:
    """Yield the key and the problem of each contradiction."""
    yield from _names(model)
    yield from _target(model)
    yield from _metrics(model)
    yield from _decision(model)
    features = {feature.name: feature for feature in model.features}
    yield from model.split.contradictions(Model(model.task, model.target.name, features))
    yield from _slices(model, features)
    yield from _weights(model)
    yield from _resources(model)
    yield from _example(model)
    for index, feature in enumerate(model.features):
        key: Key = ("features", index)
        yield from feature.contradictions(key, model.source.excluded)
    for index, candidate in enumerate(model.candidates):
        yield from candidate.contradictions(("candidates", index), model.candidates)
        yield from candidate.wrong_ranges(("candidates", index))


def _names(model: "ModelFile") -> Iterator[Contradiction]:
    yield from _repeated([feature.name for feature in model.features], "features")
    yield from _repeated([candidate.name for candidate in model.candidates], "candidates")
    for index, feature in enumerate(model.features):
        if feature.name in GRAPH_OUTPUTS or feature.name.startswith(PROBABILITY):
            yield (
                ("features", index, "name"),
                f"{feature.name!r} is the name of an answer; rename the column: another name, with "
                f"column: {feature.header}",
            )
    yield from _headers(model)


def _headers(model: "ModelFile") -> Iterator[Contradiction]:
    parts: list[tuple[Key, Feature | Target]] = [(("features", index), one) for index, one in enumerate(model.features)]
    taken: dict[str, str] = {}
    for key, part in [*parts, (("target",), model.target)]:
        header = part.header
        if header != header.strip():
            problem = f"{header!r} has blanks around it, which ingest takes off; expected {header.strip()!r}"
            yield (*key, "column"), problem
        if header in taken and part.name != taken[header]:
            yield (*key, "column" if part.column else "name"), f"the column {header!r} is {taken[header]!r} already"
        taken.setdefault(header, part.name)
    for named, column in model.split.named:
        if column not in model.columns and column in taken:
            place = (int(part) if part.isdigit() else part for part in named.split("."))
            yield ("split", *place), f"the column {column!r} is called {taken[column]!r} here; expected that name"


def _repeated(names: list[str], section: str) -> Iterator[Contradiction]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (section, index, "name"), f"the name {name!r} is used twice; expected a name of its own"


def _target(model: "ModelFile") -> Iterator[Contradiction]:
    target, key = model.target, ("target",)
    if target.name in {feature.name for feature in model.features}:
        yield (*key, "name"), f"{target.name!r} is also a feature; take it out of features"
    if model.task == "classification":
        yield from _classes(target, model.source.excluded)
        if model.intervals is not None:
            yield ("intervals",), "prediction intervals belong to a regression; take them out or set task: regression"
        if target.transform is not None:
            yield (*key, "transform"), "a transform belongs to a regression; take it out or set task: regression"
        return
    if target.classes:
        yield (*key, "classes"), "classes belong to a classification; take them out or set task: classification"
    yield from reversed_range(target, key)


def _decision(model: "ModelFile") -> Iterator[Contradiction]:
    classes, threshold = model.target.classes or (), model.threshold
    for key in ("calibration", "threshold"):
        if model.task == "regression" and getattr(model, key) is not None:
            yield (key,), f"a {key} belongs to a classification; take it out or set task: classification"
    if model.task == "regression":
        return
    if model.calibration == "isotonic" and len(classes) > MOST_CLASSES:
        yield (
            ("calibration",),
            f"isotonic takes at most {MOST_CLASSES} classes, not {len(classes)}; set sigmoid",
        )
    if threshold is not None and threshold.costs is None and len(classes) > 2:
        yield (
            ("threshold",),
            f"a threshold is of two classes, and there are {len(classes)}; give costs, such as {{{classes[0]}: 5}}",
        )
    for name, of_class in ((threshold and threshold.costs) or {}).items():
        named: dict[str, Key] = {name: ("threshold", "costs", name)}
        named |= {label: (*named[name], label) for label in of_class} if isinstance(of_class, dict) else {}
        for one, at in named.items():
            if one not in classes:
                yield at, f"expected one of target.classes: {', '.join(classes)}"
        if isinstance(of_class, dict) and of_class.get(name):
            yield ("threshold", "costs", name, name), "a right label costs nothing; take it out"
    if threshold is not None and threshold.costs is not None and not any(map(any, threshold.matrix(classes))):
        yield ("threshold", "costs"), "no label would cost anything; give a cost above 0"
    if threshold is not None and threshold.positive is not None and threshold.positive not in classes:
        yield ("threshold", "positive"), f"expected one of target.classes: {', '.join(classes)}"


def _classes(target: "Target", missing: tuple[str, ...]) -> Iterator[Contradiction]:
    if not target.classes:
        yield ("target", "classes"), "this key is required: list the classes in the order of the probabilities"
        return
    yield from unusable_values(target.classes, missing, ("target", "classes"))
    for bound in ("minimum", "maximum"):
        if getattr(target, bound) is not None:
            yield ("target", bound), "a range belongs to a regression; take it out or set task: regression"


def _metrics(model: "ModelFile") -> Iterator[Contradiction]:
    fitting = metrics_of(model.task)
    named: list[tuple[Key, str]] = [(("metric",), model.metric)]
    named += [(("gate", "bounds", name), name) for name in model.gate.bounds]
    for key, metric in named:
        if metric not in fitting:
            yield key, f"expected a metric of a {model.task}: {', '.join(fitting)}"
    for name, bound in model.gate.bounds.items():
        yield from reversed_range(bound, ("gate", "bounds", name))
        yield from _out_of_reach(METRICS[name], bound) if name in METRICS else ()


def _out_of_reach(metric: Metric, bound: "Bound") -> Iterator[Contradiction]:
    """Yield a bound that no model could keep."""
    key: Key = ("gate", "bounds", metric.name)
    low, high = metric.range
    if bound.minimum is not None and bound.minimum > high:
        yield (*key, "minimum"), f"{metric.name} is at most {high:g} (got {bound.minimum:g}), so that none would pass"
    if bound.maximum is not None and bound.maximum < low:
        yield (*key, "maximum"), f"{metric.name} is at least {low:g} (got {bound.maximum:g}), so that none would pass"


def _weights(model: "ModelFile") -> Iterator[Contradiction]:
    parts: list[Feature | Target] = [*model.features, model.target]
    taken = {part.header: part.name for part in parts} | {name: name for name in model.columns}
    if model.weight in taken:
        yield ("weight",), f"{model.weight!r} is {taken[model.weight]!r} already, a feature or the target"
    weights, key = model.training.class_weight, ("training", "class_weight")
    if weights is not None and model.target.classes is None:
        yield key, "classes belong to a classification; take it out or set task: classification"
    elif isinstance(weights, dict):
        for name in weights:
            if name not in (model.target.classes or ()):
                listed = ", ".join(model.target.classes or ())
                yield (*key, name), f"{name!r} is no class of the target; expected of {listed}"


def _slices(model: "ModelFile", features: "Mapping[str, Feature]") -> Iterator[Contradiction]:
    usable = [name for name, feature in features.items() if feature.sliced]
    listed = ", ".join(usable) or "none, as no feature is a category or a boolean"
    for index, name in enumerate(model.slices):
        if name not in usable:
            yield ("slices", index), f"{name!r} is no category or boolean among the features; expected one of {listed}"
        if name in model.slices[:index]:
            yield ("slices", index), f"{name!r} is named twice; expected each feature once"


def _resources(model: "ModelFile") -> Iterator[Contradiction]:
    for step, asked in model.resources.items():
        if asked.memory_limit and _bytes(asked.memory_limit) < _bytes(asked.memory):
            yield ("resources", step, "memory_limit"), f"expected no less than memory, which is {asked.memory}"


def _bytes(quantity: str) -> float:
    """Return a quantity such as `1.5Gi` in bytes."""
    return float(quantity[:-2]) * {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[quantity[-2:]]


def _example(model: "ModelFile") -> Iterator[Contradiction]:
    row, wanted = model.serving.example, len(model.features)
    if row is not None and len(row) != wanted:
        yield ("serving", "example"), f"expected one value per feature, which are {wanted} (got {len(row)})"
        return
    for index, (value, feature) in enumerate(zip(row or (), model.features, strict=False)):
        if value is None:
            asked = None if feature.missing == "impute" else "a value, as its missing isn't impute"
        else:
            asked = feature.asked_for(value)
        if asked:
            yield ("serving", "example", index), f"expected {asked}, of {feature.name} (got {json.dumps(value)})"

"""Which candidate the gate judges: the one that train has chosen."""

from collections.abc import Mapping

from molino.contracts.model_file import ModelFile
from molino.contracts.results import TrainResult
from training.evaluate.gate import pick_best
from training.metrics.resamples import Measure


def choose(model: ModelFile, trained: TrainResult, measures: Mapping[str, Mapping[str, Measure]]) -> tuple[str, str]:
    """Return the candidate that the gate judges, and a sentence that says what it was chosen on.

    Test rows only judge: they choose where a record from before says nothing else, and the sentence tells so.
    """
    number = f"{len(trained.candidates)} candidates" if len(trained.candidates) > 1 else "1 candidate"
    if trained.selected is not None and trained.selected in measures:
        on = "by folds" if trained.selection == "folds" else "on validation rows"
        refitted = trained.split is not None and trained.split.refitted
        again = ", and trained again on training and validation rows" if refitted else ""
        return trained.selected, f"Of {number} {trained.selected} was chosen {on}{again}"
    validated = {one.name: one.validation for one in trained.candidates if one.name in measures}
    if all(model.metric in found for found in validated.values()):
        best = pick_best(model.metric, {name: found[model.metric] for name, found in validated.items()})
        return best, f"Of {number} {best} was chosen on validation rows"
    best = pick_best(model.metric, {name: one[model.metric].value for name, one in measures.items()})
    if len(measures) == 1:
        return best, f"There is 1 candidate, {best}"
    return best, f"Of {number} {best} is best on the held-out rows themselves, for want of another choice in the record"

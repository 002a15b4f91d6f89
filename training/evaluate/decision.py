"""What the verdict tells of probabilities that were calibrated, and of the label's threshold."""

from molino.contracts.model_file import ModelFile
from molino.contracts.results import CandidateResult


def about_decision(model: ModelFile, candidate: CandidateResult) -> list[str]:
    """Return a sentence about each that the model file asks for."""
    told = []
    if model.calibration is not None:
        told.append(f"Its probabilities are calibrated on validation rows, by {model.calibration}.")
    if model.threshold is not None and candidate.threshold is not None:
        positive = model.threshold.positive_of(model.target.classes or ())
        cost = model.threshold.cost
        best = "has the greatest F1 there" if cost is None else (
            f"costs least there ({cost.false_positive:g} a false positive, {cost.false_negative:g} a false negative)"
        )  # fmt: skip
        told.append(
            f"Its label is {positive!r} from a probability of {candidate.threshold:.4g} on, chosen on validation rows: "
            f"that {best}."
        )
    if candidate.factors:
        shown = ", ".join(f"{name!r} by {factor:.4g}" for name, factor in candidate.factors.items())
        told.append(
            f"Its label is the class whose probability is greatest, multiplied ({shown}), chosen on validation rows: "
            "that costs least there."
        )
    return told

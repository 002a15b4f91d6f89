"""What evaluate leaves in MLflow: metrics, tags and plots of each candidate's run, the verdict on their parent."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from molino.contracts.results import CandidateResult, Slice, TrainResult, Verdict
from training.evaluate import plots
from training.graphs.graph import Predictions
from training.metrics.resamples import Measure
from training.step import Context
from training.tracking.tracker import tracking_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PREFIX = "test_"
PLOTS = "plots"
SLICES = "slices.json"
CURVES = ("train_loss", "validation_loss")
TAG_CHARACTERS = 4000


class EvaluationLog:
    """Writes to the MLflow runs that train has made.

    Metrics carry the time at which train ended, so that a step run again writes the same points and doubles none.
    """

    def __init__(self, context: Context, trained: TrainResult) -> None:
        self.context = context
        self.client = context.tracker.client
        self.trained = trained
        self.timestamp = int(context.records["train"].ended.timestamp() * 1000)

    def candidate(
        self,
        candidate: CandidateResult,
        measures: Mapping[str, Measure],
        answers: Predictions,
        actual: NDArray[Any],
        importance: Mapping[str, float] | None,
    ) -> None:
        """Log metrics and plots of one candidate; answers and target are those of the rows to plot.

        The best candidate alone has an importance.
        """
        self._log(candidate.mlflow_run_id, measures, {"molino.best": str(importance is not None).lower()})
        metric = self.context.model.metric
        self.context.log.info(
            "candidate scored", candidate=candidate.name, **{metric: round(measures[metric].value, 6)}
        )
        folder = self.context.workdir / PLOTS / candidate.name
        figures = self._figures(candidate, answers, actual)
        if importance is not None:
            title = f"{candidate.name}: permutation importance"
            figures["importance"] = plots.importance(importance, self._loss(), title)
        for name, figure in figures.items():
            plots.save(figure, folder / f"{name}.png")
        with tracking_errors():
            self.client.log_artifacts(candidate.mlflow_run_id, str(folder), PLOTS)

    def slices(self, metric: str, slices: Mapping[str, Sequence[Slice]]) -> None:
        """Log the table of the chosen candidate's slices as an artifact of the parent run, and tell the small ones."""
        if not slices:
            return
        content = {name: [one.model_dump(mode="json") for one in found] for name, found in slices.items()}
        with tracking_errors():
            self.client.log_dict(self.trained.mlflow_run_id, content, SLICES)
        for name, found in slices.items():
            for one in found:
                score = one.scores.get(metric)
                told = {} if score is None else {metric: round(score.value, 6)}
                self.context.log.info("slice", feature=name, value=one.value, rows=one.rows, small=one.small, **told)

    def verdict(
        self,
        best: str,
        measures: Mapping[str, Measure],
        champion: str | None,
        ignored: Sequence[str],
        verdict: Verdict,
    ) -> None:
        """Log the verdict and the best candidate's metrics on the parent run."""
        tags = {
            "molino.best": best,
            "molino.verdict": "accepted" if verdict.accepted else "rejected",
            "molino.reasons": "\n".join(verdict.reasons)[:TAG_CHARACTERS],
        }
        if champion is not None:
            tags["molino.champion_version"] = champion
        if ignored:
            tags["molino.ignored_classes"] = ", ".join(ignored)[:TAG_CHARACTERS]
        self._log(self.trained.mlflow_run_id, measures, tags)
        self.context.log.info("verdict", accepted=verdict.accepted, best=best, reasons=verdict.reasons)

    def _log(self, run_id: str, measures: Mapping[str, Measure], tags: Mapping[str, str]) -> None:
        from mlflow.entities import Metric, RunTag

        values: dict[str, float] = {}
        for name, one in measures.items():
            interval = one.interval()
            values |= {PREFIX + name: interval.value, f"{PREFIX}{name}_low": interval.low}
            values[f"{PREFIX}{name}_high"] = interval.high
        metrics = [Metric(name, value, self.timestamp, 0) for name, value in values.items()]
        with tracking_errors():
            self.client.log_batch(run_id, metrics=metrics, tags=[RunTag(key, value) for key, value in tags.items()])

    def _figures(self, candidate: CandidateResult, answers: Predictions, actual: NDArray[Any]) -> dict[str, "Figure"]:
        name, target = candidate.name, self.context.model.target
        figures: dict[str, Figure] = {}
        if answers.labels is None or target.classes is None:
            label = f"{target.name} ({target.unit})" if target.unit else target.name
            figures["predicted_against_actual"] = plots.predicted_against_actual(
                actual, answers.values, label, f"{name}: predicted against actual, {len(actual)} held-out rows"
            )
            figures["residuals"] = plots.residuals(actual, answers.values, label, f"{name}: residuals")
        else:
            classes, chances = target.classes, answers.values
            figures["confusion"] = plots.confusion(actual, answers.labels, classes, f"{name}: confusion matrix")
            figures["roc"] = plots.roc(actual, chances, classes, f"{name}: ROC, each class against the rest")
            figures["calibration"] = plots.calibration(actual, chances, classes, f"{name}: calibration")
        history = self._history(candidate.mlflow_run_id)
        if history:
            figures["learning_curve"] = plots.learning_curve(history, f"{name}: learning curve")
        return figures

    def _history(self, run_id: str) -> dict[str, tuple[list[int], list[float]]]:
        """Return the losses per epoch or round that train has logged; nothing for a candidate without them."""
        history = {}
        with tracking_errors():
            known = self.client.get_run(run_id).data.metrics
            for name in (name for name in CURVES if name in known):
                points = sorted(self.client.get_metric_history(run_id, name), key=lambda point: point.step)
                if len(points) > 1:
                    history[name] = ([point.step for point in points], [point.value for point in points])
        return history

    def _loss(self) -> str:
        return "rmse" if self.context.model.task == "regression" else "log_loss"

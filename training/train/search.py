"""Hyperparameter search by Optuna: a candidate's ranges, tried on validation rows or by folds, never on test rows.

The sampler is the tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization),
seeded anew for each trial by its number: a search that is taken up after a kill goes on as if it hadn't been killed.
"""

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from pydantic import JsonValue, ValidationError

from molino.contracts.errors import StepError
from molino.contracts.metrics import METRICS
from molino.contracts.model_file import Candidate
from molino.contracts.results import SearchResult
from molino.contracts.search import DEFAULT_TRIALS, Range, Search
from training.train.candidates.contract import Judge
from training.train.run_log import log_trial, trial_run
from training.train.session import Session
from training.train.trials import Ended, keep_trial, read_trials, values_of

if TYPE_CHECKING:
    import optuna

LIBRARIES = ("optuna",)
MOST_TRIALS = 1000
"""Of a search that only minutes end."""
WHOLE_TRIALS = 5
"""The first ones come to their end, so that there is a median to compare with."""
WARM_UP = 10
"""Epochs or rounds that each trial may have, before it is compared; of folds each one counts."""


class Try(Protocol):
    """Trains a candidate, and measures it on validation rows or by folds."""

    def __call__(self, candidate: Candidate, number: int, judge: Judge) -> dict[str, float]:
        """Return its metrics; StepError where it can't be trained.

        Args:
            candidate: one without ranges.
            number: of the trial, from 0.
            judge: may end it early.
        """


@dataclass(frozen=True)
class Found:
    """The best of a search."""

    candidate: Candidate
    parameters: dict[str, JsonValue]
    result: SearchResult


def search(session: Session, candidate: Candidate, child: str, attempt: Try) -> Found:
    """Search a candidate's ranges, and return it with the best values.

    Args:
        session: what it is trained on.
        candidate: one with ranges.
        child: its MLflow run, below which each trial has a run of its own.
        attempt: trains and measures.

    Raises:
        StepError: no trial could be trained.
        TrackingError: MLflow refused.
    """
    asked, log = candidate.search or Search(), session.context.log
    limit = asked.trials or (MOST_TRIALS if asked.minutes else DEFAULT_TRIALS)
    distributions = {name: _distribution(span) for name, span in candidate.ranges.items()}
    study = _study(by_folds=bool(session.folds))
    ended = read_trials(session, candidate)
    for number, trial in enumerate(ended):
        study.add_trial(_frozen(trial, distributions))
        with trial_run(session, candidate, child, number) as run:
            log_trial(session, run, values_of(candidate, trial.drawn), trial)
    if ended:
        log.info("search taken up", candidate=candidate.name, trials=len(ended))
    while not _is_over(candidate, asked, limit, ended):
        number = len(ended)
        study.sampler = _sampler(session.material.seed, candidate.name, number)
        asking = study.ask(distributions)
        with trial_run(session, candidate, child, number) as run:
            known = next((one for one in ended if one.drawn == asking.params), None)
            if known:  # a training of the same values would end alike
                trial = known.model_copy(update={"seconds": 0.0, "judged": {}})
            else:
                trial = _tried(session, candidate, number, asking, attempt, asked.pruning)
            log_trial(session, run, values_of(candidate, trial.drawn), trial)
        study.tell(asking, trial.loss, _states()[trial.state])
        keep_trial(session, candidate, number, trial)
        ended.append(trial)
        log.info(f"search of {candidate.name}", done=len(ended), total=limit, state=trial.state, loss=trial.loss)
    return _best(session, candidate, ended)


def _study(by_folds: bool) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.MedianPruner(WHOLE_TRIALS, n_warmup_steps=0 if by_folds else WARM_UP)
    return optuna.create_study(direction="minimize", pruner=pruner)


def _sampler(seed: int, name: str, number: int) -> "optuna.samplers.BaseSampler":
    import optuna

    words = np.random.SeedSequence([seed, zlib.crc32(name.encode()), number]).generate_state(1)
    return optuna.samplers.TPESampler(seed=int(words[0]))


def _distribution(span: Range) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if span.choices is not None:
        return CategoricalDistribution(tuple(range(len(span.choices))))
    if span.whole:
        return IntDistribution(int(span.low or 0), int(span.last_step), log=span.log, step=int(span.step or 1))
    return FloatDistribution(float(span.low or 0), span.last_step, log=span.log, step=span.step)


def _frozen(trial: Ended, distributions: dict[str, Any]) -> "optuna.trial.FrozenTrial":
    """Return a trial of before as Optuna knows it."""
    from optuna.trial import create_trial

    return create_trial(
        state=_states()[trial.state],
        value=trial.loss,
        params=trial.drawn,
        distributions=distributions,
        intermediate_values=trial.judged,
    )


def _states() -> dict[str, Any]:
    from optuna.trial import TrialState

    return {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


def _is_over(candidate: Candidate, asked: Search, limit: int, ended: Sequence[Ended]) -> bool:
    """Tell whether the budget is used up, or every combination of values has been tried."""
    if len(ended) >= limit:
        return True
    if asked.minutes and sum(trial.seconds for trial in ended) >= 60 * asked.minutes:
        return True
    sizes = [span.size for span in candidate.ranges.values()]
    tried = {tuple(sorted(trial.drawn.items())) for trial in ended}
    return None not in sizes and len(tried) >= prod(size or 1 for size in sizes)


def _tried(
    session: Session, candidate: Candidate, number: int, asking: "optuna.Trial", attempt: Try, pruning: bool
) -> Ended:
    """Train and measure one trial. One that can't be trained is its own failure, and no end of the search."""
    import optuna

    judged: dict[int, float] = {}

    def judge(done: int, loss: float) -> None:
        if not np.isfinite(loss):
            return
        judged[done] = loss
        asking.report(loss, done)
        if pruning and asking.should_prune():
            raise optuna.TrialPruned

    drawn, started = dict(asking.params), time.monotonic()
    loss, metrics, cause, state = None, dict[str, float](), None, "finished"
    metric = session.context.model.metric
    try:
        metrics = attempt(candidate.settled(values_of(candidate, drawn)), number, judge)
        if metric in metrics:
            loss = METRICS[metric].loss(metrics[metric])
        else:
            state, cause = "failed", f"{metric} is undefined on the rows that judge it"
    except optuna.TrialPruned:
        state = "pruned"
    except (StepError, TypeError, ValidationError) as error:
        state, cause = "failed", str(error).partition("\n")[0]
    seconds = time.monotonic() - started
    return Ended(drawn=drawn, state=state, loss=loss, metrics=metrics, judged=judged, seconds=seconds, cause=cause)


def _best(session: Session, candidate: Candidate, ended: Sequence[Ended]) -> Found:
    finished = [trial for trial in ended if trial.loss is not None]
    if not finished:
        causes = dict.fromkeys(trial.cause for trial in ended if trial.cause)
        raise StepError(f"none of the {len(ended)} trials of its search could be trained: {'; '.join(causes)}")
    best = min(finished, key=lambda trial: trial.loss or 0.0)
    parameters = values_of(candidate, best.drawn)
    states = [trial.state for trial in ended]
    result = SearchResult(
        trials=len(ended),
        pruned=states.count("pruned"),
        failed=states.count("failed"),
        seconds=sum(trial.seconds for trial in ended),
    )
    session.context.log.info("search ended", candidate=candidate.name, best=parameters, **result.model_dump())
    return Found(candidate.settled(parameters), parameters, result)

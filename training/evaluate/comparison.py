"""Which releases the candidate is compared with: the champion, and the best of the last ones."""

from dataclasses import dataclass

from training.evaluate.champion import Beside, HeldOut, best_of_last, compare, read_last
from training.evaluate.gate import Compared
from training.step import Context
from training.tracking.registry import CHAMPION, aliased_version


@dataclass(frozen=True)
class Releases:
    """What became of the comparison with the champion and with the best of the last releases."""

    version: str | None
    """The champion's; none before the first deploy."""
    champion: Beside | None
    compared: tuple[Compared, ...]
    notes: tuple[str, ...]


def compare_releases(context: Context, held_out: HeldOut) -> Releases:
    """Put the candidate beside the champion and the best of the last releases, or say why one can't be compared."""
    store, model, folder = context.store, context.model, context.workdir
    version = aliased_version(context.tracker.client, model.name, CHAMPION)
    last, unread = read_last(store, model)
    for passed_over, cause in unread.items():
        context.log.warning("release passed over", version=passed_over, cause=cause)
    wanted = {} if version is None else {version: "the champion"}
    best = best_of_last(last, model.metric)
    if best is not None and version is not None:
        wanted.setdefault(best, "the best of the last releases")
    found = {one: compare(store, model, one, held_out, folder) for one in wanted}
    notes = [f"{name.capitalize()}, version {one}, is not compared: {found[one]}."
             for one, name in wanted.items() if isinstance(found[one], str)]  # fmt: skip
    beside = {one: put for one, put in found.items() if isinstance(put, Beside)}
    if version is None:
        notes.append("There is no champion yet to compare with.")
    compared = tuple(put.by(model.metric, wanted[one]) for one, put in beside.items())
    return Releases(version, beside.get(version or ""), compared, tuple(notes))

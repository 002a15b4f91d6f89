"""From a model file's split to the part of each row."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from molino.contracts.splits import SplitIdentity
from molino.contracts.variants import class_in
from training.splits.contract import TEST, Parts, Placement, SplitKind

if TYPE_CHECKING:
    import polars as pl


def kind_of(name: str) -> SplitKind | None:
    """Return the kind of split of a name: the class that its module defines; none where there is no such module."""
    kind = class_in("training.splits", name, SplitKind)
    return None if kind is None else kind()


def identify(model: ModelFile, seed: int | None = None) -> SplitIdentity:
    """Return the identity of a model file's split, as yet without boundaries; a seed goes before the file's own."""
    split = model.split
    kind = known(split.kind).resolved(model.task)
    features = tuple(feature.name for feature in model.features)
    return SplitIdentity(
        kind=kind,
        seed=split.seed if seed is None else seed,
        test=split.test,
        validation=split.validation,
        columns=split.columns or tuple(sorted(features)),
        features=features,
        by=model.target.name if known(kind).stratified else None,
    )


def known(name: str) -> SplitKind:
    """Return a kind that must be there."""
    kind = kind_of(name)
    if kind is None:
        raise LookupError(f"training/splits/{name}.py defines no class below SplitKind")
    return kind


def place(identity: SplitIdentity, rows: "pl.DataFrame", names: tuple[str, ...]) -> Placement:
    """Return where rows lie; `names` are the classes of a split that goes by them."""
    positions = known(identity.kind).positions(identity, rows)
    if identity.by is None:
        return Placement(positions, np.zeros(len(rows), np.int32), (identity.columns[0],))
    import polars as pl

    strata = rows[identity.by].cast(pl.String).replace_strict(
        list(names), list(range(len(names))), default=-1, return_dtype=pl.Int32
    )  # fmt: skip
    return Placement(positions, strata.fill_null(-1).to_numpy(), names)


def together(identity: SplitIdentity | None, rows: "pl.DataFrame") -> NDArray[np.float64] | None:
    """Return what is equal for rows that a split keeps together, [n]: a group's, or those equal in every feature.

    None of a split by time, where what stays together is only what happens at once, or where it can't be known.
    """
    kind = None if identity is None else kind_of(identity.kind)
    if identity is None or kind is None or kind.ordered or not set(identity.columns) <= set(rows.columns):
        return None
    return kind.positions(identity, rows)


def unseen(identity: SplitIdentity | None, rows: "pl.DataFrame") -> NDArray[np.bool_] | str:
    """Return which rows, [n], a model has certainly been neither trained nor chosen on; or why that can't be known.

    These are the rows that were held out for tests where they were there, and would have been where they weren't.

    Args:
        identity: the split of the model's release.
        rows: with the columns that the split goes by, as they are in the held-out rows of any run.
    """
    if identity is None:
        return "its release doesn't say which rows it was trained on"
    if identity.all_rows:
        return "it was trained again on all rows, those for tests with them, so that it may have seen any of these"
    kind = kind_of(identity.kind)
    if kind is None:
        return f"its rows were split by {identity.kind!r}, which this version of Molino doesn't know"
    needed = [*identity.columns, *([identity.by] if identity.by else [])]
    if gone := [name for name in needed if name not in rows.columns]:
        return f"its rows were split by {', '.join(gone)}, which the rows no longer have"
    lacking = f"its release doesn't say all of how its rows were split by {identity.kind!r}"
    if not identity.columns:
        return lacking
    try:
        now = kind.form(identity, rows) if identity.form else None
        if now != identity.form and now is not None:
            return f"its rows were split by {identity.form} in {', '.join(identity.columns)}, which are {now} now"
        found: Parts = kind.parts(identity, place(identity, rows, tuple(identity.boundaries)))
    except (LookupError, ValueError, OverflowError, NotImplementedError):  # written by hand, or by another version
        return lacking
    return np.asarray(found == TEST)

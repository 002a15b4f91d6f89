"""`python -m tests.bench.polars_alone CSV PARQUET`: reads and writes without any check, and prints the seconds."""

import sys
import time

import polars as pl


def main() -> None:
    """Read the CSV and write the Parquet as Polars does by itself; its import doesn't count, nor does it in a step."""
    began = time.perf_counter()
    pl.scan_csv(sys.argv[1]).sink_parquet(sys.argv[2])
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()

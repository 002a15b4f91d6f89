"""`python -m tests.bench.polars_alone CSV PARQUET`: reads and writes without any check, and prints the seconds."""

import sys
import time


def main() -> None:
    """Read the CSV and write the Parquet as Polars does by itself; its import counts, as it does in a step."""
    began = time.perf_counter()
    import polars as pl

    pl.scan_csv(sys.argv[1]).sink_parquet(sys.argv[2])
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()

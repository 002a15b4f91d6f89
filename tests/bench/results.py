"""`tests/bench/results.md`: one section per benchmark, each replaced alone when its benchmark runs."""

from pathlib import Path

RESULTS = Path(__file__).with_name("results.md")
HEADER = """# Results of the benchmarks

Written by `make bench`; each section is replaced by the run that measures it.
"""


def write_section(name: str, text: str, path: Path = RESULTS) -> None:
    """Replace a benchmark's section, or add it at the end; the other sections stay as they are."""
    old = path.read_text() if path.is_file() else HEADER
    opening, closing = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = old.partition(opening)
    after = rest.partition(closing)[2] if found else ""
    before = before if found else f"{before.rstrip()}\n\n"
    path.write_text(f"{before}{opening}{text.strip()}\n{closing}{after}")

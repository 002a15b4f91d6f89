"""The JSON schema of model files, for editors: `python -m molino.contracts.model_file.json_schema [--check] [path]`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from molino.contracts.model_file.schema import ModelFile

SCHEMA_PATH = Path("pipelines/models/model.schema.json")


def model_file_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a model file."""
    schema = ModelFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Molino model file"}


def main() -> None:
    """Write the schema, or check that the file is up to date."""
    parser = argparse.ArgumentParser(description="Write the JSON schema of model files.")
    parser.add_argument("path", nargs="?", type=Path, default=SCHEMA_PATH)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file differs")
    arguments = parser.parse_args()
    text = json.dumps(model_file_schema(), indent=2, ensure_ascii=False) + "\n"
    if not arguments.check:
        arguments.path.write_text(text)
    elif not arguments.path.is_file() or arguments.path.read_text() != text:
        sys.exit(f"{arguments.path} is out of date; run python -m molino.contracts.model_file.json_schema")


if __name__ == "__main__":
    main()

"""Print, as outputs of a workflow's step, what builds the image `$IMAGE` on the base `$BASE`."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from images.build import OWN_BASE, arguments, dockerfile, version  # noqa: E402


def main() -> None:
    """Print file and arguments."""
    image, base = os.environ["IMAGE"], os.environ["BASE"]
    print(f"file={dockerfile(image).relative_to(ROOT)}")
    print("arguments<<END")
    for name, value in arguments(image, "", version(), {}).items():
        print(f"{name}={base if OWN_BASE in value else value}")
    print("END")


if __name__ == "__main__":
    main()

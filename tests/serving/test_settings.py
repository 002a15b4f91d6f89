"""The settings of the server as the documentation tells them."""

import re
from pathlib import Path

import pytest

from serving.settings import ENV_PREFIX, ServingSettings

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "api.md").read_text()
TOLD = dict(re.findall(rf"^\| `{ENV_PREFIX}(\w+)` \| (\w+) \|", PAGE, re.MULTILINE))


def test_the_page_tells_of_the_limits() -> None:
    assert {"MAX_BODY_BYTES", "RATE_LIMIT", "RATE_WINDOW_SECONDS"} <= TOLD.keys()


@pytest.mark.parametrize("name", TOLD)
def test_a_default_is_as_the_readme_tells(name: str) -> None:
    default = ServingSettings.model_fields[name.lower()].default
    assert TOLD[name] == ("off" if default is None else f"{default:g}" if isinstance(default, float) else str(default))

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from embedded import Ended, Home, descendants, interrupt, wait_for


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The state folder that the housing and the penguins runs share."""
    return Home(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="session")
def first(home: Home) -> Ended:
    """The first run of housing."""
    ended = home.run()
    assert ended.code == 0, ended.output + ended.errors
    return ended


@pytest.fixture(scope="session")
def penguins(home: Home, first: Ended) -> Ended:
    """The first run of penguins, beside housing."""
    ended = home.run("penguins")
    assert ended.code == 0, ended.output + ended.errors
    return ended


@dataclass
class Up:
    """A run that stays in the foreground, with all its services."""

    home: Home
    output: str
    processes: set[int]
    """The run's children and theirs."""


@pytest.fixture(scope="session")
def up(home: Home, first: Ended, penguins: Ended) -> Iterator[Up]:
    """The second run of housing, which takes up the first, until the session ends."""
    process = home.start()
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    wait_for(lambda: len(descendants(process.pid)) >= 3, "the services")
    yield Up(home, "".join(lines), descendants(process.pid))
    interrupt(process)

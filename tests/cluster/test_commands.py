import pytest

from tests.cluster.commands import run, succeeds
from tests.cluster.fault import ClusterError


def test_output_is_returned() -> None:
    assert run(["sh", "-c", "cat; echo $WORD"], environment={"WORD": "seen"}, text="given ") == "given seen\n"


def test_failure_shows_the_command_its_code_and_what_it_said() -> None:
    with pytest.raises(ClusterError, match=r"sh -c echo cause >&2; exit 3 ended with 3:\ncause"):
        run(["sh", "-c", "echo cause >&2; exit 3"])


def test_absent_program_is_named() -> None:
    with pytest.raises(ClusterError, match="no-such-program can't be found"):
        run(["no-such-program"])


@pytest.mark.parametrize(("command", "expected"), [("true", True), ("false", False), ("no-such-program", False)])
def test_success_is_told(command: str, expected: bool) -> None:
    assert succeeds([command]) is expected

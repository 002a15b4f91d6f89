import pytest

from tests.e2e.chaos.__main__ import command, parse
from tests.e2e.chaos.contract import Break, all_breaks

BREAKS = all_breaks()
ASKED = {
    "scheduler", "step-deleted", "step-out-of-memory", "postgres-away", "minio-away", "mlflow-away", "node-restart",
    "postgres-full", "minio-full", "token-clock-skew", "two-deploys", "changes-during-deploy", "api-server-slow",
    "fuzzed-requests",
}  # fmt: skip


def test_each_break_is_found_by_its_name() -> None:
    assert set(BREAKS) == ASKED


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_a_break_says_what_is_done(broken: type[Break]) -> None:
    assert "{" not in broken.what.format(points=6)
    assert broken.promised


def test_the_command_of_a_row_repeats_it() -> None:
    options = parse(["--points", "20"])
    line = command("scheduler", options)
    assert line == 'make chaos ARGS="--only scheduler --points 20"'
    assert vars(parse(line.split('"')[1].split())) == {**vars(options), "only": ["scheduler"]}


def test_an_unknown_break_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--only", "scheduler,volcano"])
    assert "no such break: volcano" in capsys.readouterr().err

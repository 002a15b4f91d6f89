"""What the doctor says of the certificates and the clocks of servers."""

from pathlib import Path

import pytest

from molino.contracts.address import Address
from molino.contracts.settings import Settings
from molino.doctor.checks import certificates, clock
from tests.molino.doctor.servers import issue, run
from tests.ports import free_port


def settings_of(url: str) -> Settings:
    return Settings(store="s3://molino", s3_endpoint=url)


@pytest.mark.parametrize(
    ("days", "level", "seen"),
    [(90, "ok", "valid for 90 more days"), (5, "warn", "valid for 5 more days"), (-1, "fail", "has expired")],
)
def test_a_certificate_is_told_by_the_days_that_it_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: float, level: str, seen: str
) -> None:
    context = issue(tmp_path, days + 0.01)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    with run(context=context) as url:
        (finding,) = certificates.check(settings_of(url))
    assert (finding.level, seen in finding.seen) == (level, True), finding
    assert ("renew it" in finding.advice) == (level != "ok")


def test_a_certificate_of_another_name_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = issue(tmp_path, host="elsewhere.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    with run(context=context) as url:
        (finding,) = certificates.check(settings_of(url))
    assert (finding.level, "Hostname mismatch" in finding.seen) == ("fail", True)
    assert finding.advice.startswith("let it name localhost")


def test_a_certificate_of_an_unknown_authority_is_bad(tmp_path: Path) -> None:
    with run(context=issue(tmp_path)) as url:
        (finding,) = certificates.check(settings_of(url))
    assert (finding.level, "network.caConfigMap" in finding.advice) == ("fail", True)


def test_a_server_that_does_not_speak_tls_is_told() -> None:
    with run() as url:
        (finding,) = certificates.check(settings_of(url.replace("http:", "https:")))
    assert (finding.level, "speaks TLS" in finding.advice) == ("fail", True)


@pytest.mark.parametrize("url", ["https://mlflow..example.org", "https://mlflow.example.org:99999"])
def test_an_address_that_none_can_have_is_told(url: str) -> None:
    (finding,) = certificates.check(Settings(mlflow_tracking_uri=Address(url)))
    assert (finding.level, url in finding.advice) == ("fail", True)


@pytest.mark.parametrize(
    ("ahead", "level", "seen"),
    [
        (0, "ok", "within 5 s of this one"),
        (60, "warn", "60 s ahead of this one"),
        (-60, "warn", "60 s behind this one"),
        (900, "fail", "900 s ahead of this one"),
    ],
)
def test_clocks_are_compared(ahead: float, level: str, seen: str) -> None:
    with run(seconds_ahead=ahead) as url:
        findings = {finding.subject: finding for finding in clock.check(settings_of(url))}
    finding = findings[f"clock of {Address(url).removeprefix('http://')}"]
    assert (finding.level, finding.seen.replace("59 s", "60 s").replace("899 s", "900 s")) == (level, seen)


def test_of_a_server_that_does_not_answer_no_clock_is_told() -> None:
    assert list(clock.check(settings_of(f"http://127.0.0.1:{free_port()}"))) == []

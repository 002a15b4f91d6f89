"""Notices by values: what Airflow and the pod that sends them are told, and what is refused."""

import json
from typing import Any

import pytest
from rendering import refusal, render

SLACK = ("notices.enabled=true", "notices.slack.enabled=true", "notices.auth.existingSecret=own")
MAIL = (
    "notices.enabled=true", "notices.mail.enabled=true", "notices.mail.server=smtp.example.com",
    "notices.mail.from=molino@example.com", "notices.mail.to={ann@example.com,bo@example.com}",
)  # fmt: skip


def told(documents: list[dict[str, Any]], name: str) -> dict[str, str]:
    """Return what is in a ConfigMap."""
    (found,) = (one for one in documents if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", name))
    return dict(found["data"])


def secrets(documents: list[dict[str, Any]]) -> dict[str, str]:
    """Return where the pods of steps have the secrets of notices from."""
    places: dict[str, str] = json.loads(told(documents, "molino-airflow")["MOLINO_PODS_SECRETS"])
    return {name: place for name, place in places.items() if "NOTICE" in name}


def test_by_default_nobody_is_told() -> None:
    documents = render("defaults")
    assert "MOLINO_PODS_NOTICES" not in told(documents, "molino-airflow")
    assert secrets(documents) == {}
    assert not [name for name in told(documents, "molino-steps") if "NOTICE" in name]


def test_an_address_stays_in_its_secret() -> None:
    documents = render("defaults", *SLACK, "airflow.ingress.enabled=true", "airflow.ingress.host=airflow.example.com")
    airflow = told(documents, "molino-airflow")
    assert secrets(documents) == {"MOLINO_NOTICE_SLACK": "own/slack-url"}
    assert (airflow["MOLINO_PODS_NOTICES"], airflow["MOLINO_PODS_AIRFLOW_URL"]) == (
        "true",
        "http://airflow.example.com",
    )
    assert told(documents, "molino-steps")["MOLINO_NOTICE_EVENTS"] == "failed,refused,put-back"


def test_a_mail_without_login_wants_no_secret() -> None:
    documents = render("defaults", *MAIL, "notices.mail.login=false", "notices.events={failed}")
    steps = {name: value for name, value in told(documents, "molino-steps").items() if "NOTICE" in name}
    assert secrets(documents) == {}
    assert steps == {
        "MOLINO_NOTICE_EVENTS": "failed",
        "MOLINO_NOTICE_MAIL_SERVER": "smtp.example.com",
        "MOLINO_NOTICE_MAIL_PORT": "587",
        "MOLINO_NOTICE_MAIL_SECURITY": "starttls",
        "MOLINO_NOTICE_MAIL_FROM": "molino@example.com",
        "MOLINO_NOTICE_MAIL_TO": "ann@example.com,bo@example.com",
        "MOLINO_NOTICE_MLFLOW_URL": "http://localhost:5000",
        "MOLINO_NOTICE_SERVING_URL": "http://localhost:8000",
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("notices.enabled=true",), "notices.enabled: set notices.webhook.enabled, notices.slack.enabled or"),
        (SLACK[:2], "notices.auth.existingSecret: name a Secret with slack-url"),
        (MAIL, "notices.auth.existingSecret: name a Secret with mail-password, mail-username"),
        ((*SLACK, "notices.mail.enabled=true"), "set notices.mail.server, notices.mail.from and notices.mail.to"),
        ((*MAIL, SLACK[2], "notices.mail.security=none"), "a password isn't sent without TLS"),
        ((*SLACK, "notices.events={failed,lost}"), "notices.events: lost is none of failed, refused, put-back"),
        ((*SLACK, "notices.mail.security=ssl"), "notices/mail/security"),
    ],
)
def test_half_a_section_is_refused(settings: tuple[str, ...], said: str) -> None:
    assert said in refusal("defaults", *settings)

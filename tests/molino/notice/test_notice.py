import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from notice_receivers import Hook, MailSink
from pydantic import SecretStr
from structlog.testing import capture_logs

from molino.contracts.address import basic_auth
from molino.contracts.approval import Approval
from molino.contracts.errors import NoticeError, SettingsError, StoreError
from molino.contracts.record import record_key
from molino.contracts.settings import read_environment
from molino.contracts.steps import STEP_NAMES
from molino.notice.message import LONGEST_REASON, Notice
from molino.notice.outcome import Failure
from molino.notice.sending import DEADLINE_SECONDS, send
from molino.notice.settings import NoticeSettings
from molino.notice.telling import tell
from tests.ports import free_port
from training.stores.file import FolderStore

FIXTURE = Path(__file__).parents[1] / "contracts" / "fixtures" / "e016fe5"
FAILURE = Failure("train", "no rows are left")
PAGES: dict[str, Any] = {"mlflow_url": "http://mlflow.example", "serving_url": "http://serving.example"}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """A store with a run that went well."""
    store = FolderStore(tmp_path)
    for step in STEP_NAMES:
        change_record(store, step, lambda _: None, (FIXTURE / f"{step}.json").read_bytes())
    return store


def change_record(
    store: FolderStore, step: str, change: Callable[[dict[str, Any]], None], found: bytes | None = None
) -> None:
    key = record_key("penguins", "r1", step)
    content = json.loads(found or store.read(key))
    change(content)
    store.write(key, json.dumps(content).encode())


def refuse_by_gate(store: FolderStore) -> None:
    def verdict(content: dict[str, Any]) -> None:
        content["result"]["verdict"] |= {"accepted": False, "reasons": ["log_loss 0.9 is above 0.5", "no better"]}

    change_record(store, "evaluate", verdict)
    for step in ("register", "deploy"):
        change_record(store, step, lambda content: content.update(status="rejected"))
    change_record(store, "register", lambda content: content["result"].update(version=None))


def posted_of(store: FolderStore, failure: Failure | None, **settings: Any) -> list[dict[str, Any]]:
    """Return what a webhook is told of the run."""
    with Hook() as hook:
        tell(store, "penguins", "r1", failure, NoticeSettings(webhook=hook.url(), **settings), {})
    return hook.posted


def test_a_webhook_gets_what_failed_why_and_where_to_look(store: FolderStore) -> None:
    with Hook() as hook:
        wanted = NoticeSettings(webhook=hook.url(), **PAGES)
        tell(store, "penguins", "r1", FAILURE, wanted, {"Airflow": "http://airflow.example/dags/penguins_model"})
    (told,) = hook.posted
    facts = {key: told[key] for key in ("event", "model", "version", "run_id", "step", "reason")}
    assert facts == {
        "event": "failed", "model": "penguins", "version": "1", "run_id": "r1", "step": "train",
        "reason": "no rows are left",
    }  # fmt: skip
    assert set(told["links"]) == {"Airflow", "MLflow", "Serving"}
    assert "/runs/" in told["links"]["MLflow"]
    assert told["text"].startswith("penguins: train failed\n\nModel: penguins\n")


def test_slack_gets_a_text_without_foreign_markup(store: FolderStore) -> None:
    with Hook() as hook:
        wanted = NoticeSettings(slack=hook.url(), **PAGES)
        tell(store, "penguins", "r1", Failure("train", "a < b & <!channel>"), wanted, {})
    (told,) = hook.posted
    assert list(told) == ["text"]
    assert "Reason: a &lt; b &amp; &lt;!channel&gt;" in told["text"]
    assert told["text"].endswith("|MLflow> · <http://serving.example/|Serving>")


def test_a_mail_has_it_all(store: FolderStore) -> None:
    with MailSink(password="known") as sink:
        wanted = mail_settings(sink, password="known")
        tell(store, "penguins", "r1", FAILURE, wanted, {})
    (mail,) = sink.mails
    assert (mail["subject"], mail["from"], mail["to"]) == (
        "penguins: train failed", "molino@example.org", "ann@example.org, bo@example.org"
    )  # fmt: skip
    assert "Reason: no rows are left" in mail.get_content()
    assert sink.logins == [("ann", "known")]


def mail_settings(sink: MailSink, **given: Any) -> NoticeSettings:
    usual = {"security": "none", "username": "ann", "from": "molino@example.org"}
    named = {f"mail_{name}": value for name, value in {**usual, **given}.items()}
    return NoticeSettings(
        mail_server="127.0.0.1", mail_port=sink.port, mail_to="ann@example.org, bo@example.org", **named
    )


def test_a_mail_server_that_refuses_is_asked_once_and_tells_no_password(store: FolderStore) -> None:
    with MailSink(password="known") as sink, pytest.raises(NoticeError) as raised:
        tell(store, "penguins", "r1", FAILURE, mail_settings(sink, password="wrong-one"), {})
    assert len(sink.logins) == 1
    assert "535" in str(raised.value)
    assert "wrong-one" not in str(raised.value)


GONE = b"550 5.1.1 no such user\r\n"


def test_a_recipient_whom_the_server_refuses_is_named_and_the_others_are_told_once(store: FolderStore) -> None:
    with MailSink(password="known", rcpt_bo=[GONE, GONE]) as sink:
        with pytest.raises(NoticeError, match=r"it refuses bo@example\.org \(550 5\.1\.1 no such user\)"):
            tell(store, "penguins", "r1", FAILURE, mail_settings(sink, password="known"), {})
        tell(store, "penguins", "r1", FAILURE, mail_settings(sink, password="known"), {})
    assert (sink.recipients, len(sink.mails)) == (["ann@example.org"], 1)


def test_only_who_was_refused_for_now_gets_another_try(store: FolderStore) -> None:
    with MailSink(password="known", rcpt_bo=[b"451 4.7.1 come again\r\n"]) as sink:
        tell(store, "penguins", "r1", FAILURE, mail_settings(sink, password="known"), {})
    assert sink.recipients == ["ann@example.org", "bo@example.org"]


def test_a_mail_that_was_taken_is_told_however_the_server_takes_its_leave(store: FolderStore) -> None:
    with MailSink(password="known", quit=[b"421 4.3.2 going down\r\n"]) as sink:
        tell(store, "penguins", "r1", FAILURE, mail_settings(sink, password="known"), {})
    assert len(sink.mails) == 1


def test_a_mail_that_was_refused_is_told_so_however_the_server_takes_its_leave(store: FolderStore) -> None:
    data, leave = [b"554 5.7.1 no mail of yours\r\n"], [b"421 4.3.2 going down\r\n"]
    with MailSink(password="known", data=data, quit=leave) as sink, pytest.raises(NoticeError, match="answers 554"):
        tell(store, "penguins", "r1", FAILURE, mail_settings(sink, password="known"), {})
    assert (sink.mails, len(sink.logins)) == ([], 1)


def test_a_server_without_tls_is_asked_once(store: FolderStore) -> None:
    with MailSink() as sink, pytest.raises(NoticeError, match="STARTTLS extension not supported"):
        tell(store, "penguins", "r1", FAILURE, mail_settings(sink, username="", security="starttls"), {})
    assert sink.mails == []


@pytest.mark.parametrize("server", ["mail..example.org", f"{'x' * 70}.example.org"])
def test_a_host_that_none_can_have_is_a_cause(server: str, store: FolderStore) -> None:
    wanted = NoticeSettings(mail_server=server, mail_from="m@example.org", mail_to="ann@example.org")
    with pytest.raises(NoticeError, match="label empty or too long"):
        tell(store, "penguins", "r1", FAILURE, wanted, {})


class SlowWay:
    """Takes what it is told, and keeps how long it might have taken."""

    name = "slow"
    reached = True
    seconds = 0.0

    def send(self, notice: Notice, seconds: float) -> None:
        self.seconds = seconds


def test_a_slow_answer_is_waited_for_as_long_as_there_is_time(store: FolderStore) -> None:
    way = SlowWay()
    send(Notice("failed", "penguins", "r1", "train", "1", "no rows are left"), [way], store)
    assert DEADLINE_SECONDS / 2 < way.seconds <= DEADLINE_SECONDS


def test_an_answer_that_drips_ends_at_the_deadline(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molino.notice.sending.DEADLINE_SECONDS", 2.0)
    monkeypatch.setattr("molino.notice.sending.GRACE_SECONDS", 0.1)
    with Hook(delay=0.3) as hook, pytest.raises(NoticeError, match="webhook: it isn't taken after 2 s"):
        tell(store, "penguins", "r1", FAILURE, NoticeSettings(webhook=hook.url()), {})
    assert len(hook.posted) == 1


def test_user_and_password_of_a_webhook_s_url_log_in(store: FolderStore) -> None:
    with Hook() as hook:
        url = hook.url().replace("http://", "http://ann:p%40ss@")
        tell(store, "penguins", "r1", FAILURE, NoticeSettings(webhook=url), {})
    assert hook.authorizations == [basic_auth("ann", "p@ss")["Authorization"]]


def test_a_line_break_at_the_end_of_a_secret_is_none_of_its_value(store: FolderStore) -> None:
    with Hook() as hook:
        tell(store, "penguins", "r1", FAILURE, NoticeSettings(webhook=f"{hook.url()}\n", slack="\n"), {})
    assert hook.paths == ["/hook"]


def test_what_no_header_and_no_utf_8_can_hold_is_told_without_it(store: FolderStore) -> None:
    failure = Failure("tr\nain", "caf\udce9 is\r\n\x1b[31mclosed")
    with Hook() as hook, MailSink(password="known") as sink:
        wanted = mail_settings(sink, password="known").model_copy(update={"webhook": SecretStr(hook.url())})
        tell(store, "penguins", "r1", failure, wanted, {})
    (told,), (mail,) = hook.posted, sink.mails
    assert (told["step"], told["reason"]) == ("tr ain", "caf is [31mclosed")
    assert mail["subject"] == "penguins: tr ain failed"


def test_what_the_gate_refused_is_told_with_its_reasons(store: FolderStore) -> None:
    refuse_by_gate(store)
    (told,) = posted_of(store, None)
    assert (told["event"], told["version"]) == ("refused", None)
    assert told["reason"] == "the gate: log_loss 0.9 is above 0.5; no better"


def test_what_a_person_refused_is_told_with_who_and_why(store: FolderStore) -> None:
    said = Approval(approved=False, by="ann", at="2026-11-27T10:00:00Z", reason="too low").model_dump(mode="json")
    change_record(store, "deploy", lambda content: content.update(status="rejected"))
    change_record(store, "deploy", lambda content: content["result"].update(approval=said))
    (told,) = posted_of(store, None)
    assert told["title"] == "penguins: version 1 was refused"
    assert told["reason"].startswith("refused by ann at ")
    assert told["reason"].endswith(": too low")


def test_what_was_put_back_is_told_as_such(store: FolderStore) -> None:
    (told,) = posted_of(store, Failure("deploy", "it answers wrongly; version 0 is back", put_back=True))
    assert (told["event"], told["title"]) == ("put-back", "penguins: version 1 was put back")


def test_of_what_went_well_nothing_is_told(store: FolderStore) -> None:
    assert posted_of(store, None) == []


def test_a_run_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no run 'r1' of penguins in "):
        posted_of(FolderStore(tmp_path), None)


def test_what_nobody_wants_to_know_is_not_told(store: FolderStore) -> None:
    assert posted_of(store, FAILURE, events="refused,put-back") == []


def test_it_is_told_once(store: FolderStore) -> None:
    with Hook() as hook:
        for _ in range(3):
            tell(store, "penguins", "r1", FAILURE, NoticeSettings(webhook=hook.url()), {})
    assert len(hook.posted) == 1


def test_another_reason_of_the_same_run_is_told(store: FolderStore) -> None:
    with Hook() as hook:
        for reason in ("no rows are left", "the store is gone"):
            tell(store, "penguins", "r1", Failure("train", reason), NoticeSettings(webhook=hook.url()), {})
    assert [told["reason"] for told in hook.posted] == ["no rows are left", "the store is gone"]


def test_a_try_more_sends_only_the_way_that_failed(store: FolderStore) -> None:
    with Hook(410) as hook, Hook() as slack:
        wanted = NoticeSettings(webhook=hook.url(), slack=slack.url())
        with pytest.raises(NoticeError, match=r"webhook at 127\.0\.0\.1: it answers 410"):
            tell(store, "penguins", "r1", FAILURE, wanted, {})
        tell(store, "penguins", "r1", FAILURE, wanted, {})
    assert (len(hook.posted), len(slack.posted)) == (2, 1)


def test_a_server_that_is_busy_is_asked_again(store: FolderStore) -> None:
    with Hook(503) as hook:
        tell(store, "penguins", "r1", FAILURE, NoticeSettings(webhook=hook.url()), {})
    assert [told["id"] for told in hook.posted] == [hook.posted[0]["id"]] * 2


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirection_is_not_followed(status: int, store: FolderStore) -> None:
    with Hook(status) as hook, pytest.raises(NoticeError, match="set the URL where it is now"):
        tell(store, "penguins", "r1", FAILURE, NoticeSettings(webhook=hook.url()), {})
    assert hook.paths == ["/hook"]


def test_no_secret_of_a_url_is_told_where_nobody_listens(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("molino.notice.sending.PAUSES", ())
    url = f"http://u:hushed@127.0.0.1:{free_port()}/services/hidden?token=quiet"
    with capture_logs() as logs, pytest.raises(NoticeError) as raised:
        tell(store, "penguins", "r1", FAILURE, NoticeSettings(slack=url), {})
    assert "Connection refused" in str(raised.value)
    assert not [word for word in ("hushed", "hidden", "quiet") if word in f"{raised.value} {logs}"]


def test_a_reason_is_one_bounded_line_without_credentials(store: FolderStore) -> None:
    (told,) = posted_of(store, Failure("ingest", f"https://ann:secret@host/x?key=quiet\nis gone {'x' * 999}"))
    assert told["reason"].startswith("https://host/x is gone x")
    assert len(told["reason"]) == LONGEST_REASON


class StandInUnreachableStore(FolderStore):
    """A store that nobody reaches."""

    def list(self, prefix: str) -> Any:
        raise StoreError("the store can't be reached")

    def exists(self, key: str) -> bool:
        raise StoreError("the store can't be reached")

    def write(self, key: str, data: bytes) -> Any:
        raise StoreError("the store can't be reached")


def test_a_failure_is_told_where_the_store_itself_is_gone(tmp_path: Path) -> None:
    (told,) = posted_of(StandInUnreachableStore(tmp_path), Failure("ingest", "the store can't be reached"))
    assert told["step"] == "ingest"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"EVENTS": "failed,lost"}, "EVENTS: expected some of failed, refused, put-back, not lost"),
        ({"SLACK": "hooks.slack.com/services/quiet"}, "SLACK: expected a URL"),
        ({"MAIL_SERVER": "mail.example.org"}, "MAIL_SERVER wants MOLINO_NOTICE_MAIL_TO and MOLINO_NOTICE_MAIL_FROM"),
        (
            {"MAIL_SERVER": "m.example.org", "MAIL_TO": "a@b", "MAIL_FROM": "c@d", "MAIL_PASSWORD": "quiet",
             "MAIL_USERNAME": "ann", "MAIL_SECURITY": "none"},
            "isn't sent without TLS",
        ),
        (
            {"MAIL_SERVER": "m.example.org", "MAIL_TO": "a@b", "MAIL_FROM": "c@d", "MAIL_PASSWORD": "quiet"},
            "MOLINO_NOTICE_MAIL_USERNAME and MOLINO_NOTICE_MAIL_PASSWORD are one login: set both",
        ),
        ({"MAIL_PASSWORD": "quiet-ä"}, "MAIL_PASSWORD: expected ASCII"),
        ({"MAIL_TO": "a@b\nBcc: c@d"}, "MAIL_TO: expected mail addresses with commas between, in one line"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_without_its_secret(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"MOLINO_NOTICE_{name}", value)
    with pytest.raises(SettingsError) as raised:
        read_environment(NoticeSettings)
    assert said in str(raised.value)
    assert "quiet" not in str(raised.value)

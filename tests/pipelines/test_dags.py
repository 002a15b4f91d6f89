"""The DAGs, parsed by a real Airflow.

Airflow and MLflow can't be installed together, so these tests want an interpreter with the lock of the Airflow image
installed: `MOLINO_TEST_AIRFLOW=/path/to/python`.
"""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from molino.contracts.approval import Approval

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("MOLINO_TEST_AIRFLOW")
Parsed = dict[str, Any]


def in_airflow(home: Path, *scripts: tuple[str, list[str], dict[str, str]]) -> list[Any]:
    """Return what each of the scripts says in an Airflow of this home: name, arguments, and variables of its own."""
    if not PYTHON:
        pytest.skip("no Airflow: MOLINO_TEST_AIRFLOW names no Python that has images/airflow's lock")
    folder = ROOT / "tests" / "pipelines"
    asked = [(str(folder / f"airflow_{name}.py"), arguments, own) for name, arguments, own in scripts]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(home)}
    environment["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    command = [PYTHON, folder / "airflow_forks.py", json.dumps(asked)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return list(json.loads(done.stdout.splitlines()[-1]))


RUNS = ("events", "approval", "notices")
"""The scripts that make runs of DAGs."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the scripts of this file's tests say, all in one Airflow: it takes most of the time to make that."""
    folder = tmp_path_factory.mktemp("airflow")
    variables = (OWN_SECRETS, OWN_PODS, beside_others(folder))
    probes = (("probe", [str(ROOT / "pipelines" / "dags")], own) for own in variables)
    return in_airflow(folder / "home", *probes, *((name, [], {}) for name in RUNS))


@pytest.fixture(scope="module")
def parses(said: list[Any]) -> list[Parsed]:
    """What is found with the models of the house, with what the chart is told of pods, and beside other models."""
    return said[: -len(RUNS)]


@pytest.fixture(scope="module")
def parsed(parses: list[Parsed]) -> Parsed:
    return parses[0]


OWN_SECRETS = {
    "MOLINO_PODS_SECRETS": '{"MOLINO_S3_SECRET_KEY": "own-secret/s3-key", "MOLINO_API_KEY": "own-secret/api-key"}',
    "MOLINO_PODS_SECRET_FILES": '{"MOLINO_GIT_SSH_KEY": "deploy-key/ssh-privatekey"}',
}


TEMPLATE: dict[str, Any] = {
    "metadata": {"annotations": {"own.example/note": "1"}, "labels": {"team": "own"}},
    "spec": {
        "containers": [
            {
                "name": "base",
                "env": [{"name": "OWN", "value": "1"}, {"name": "MOLINO_SUMMARY", "value": "/own"}],
                "envFrom": [{"secretRef": {"name": "own"}}],
                "volumeMounts": [{"name": "own", "mountPath": "/own"}],
                "securityContext": {"runAsUser": 20000, "readOnlyRootFilesystem": True},
                "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
            }
        ],
        "initContainers": [{"name": "beside", "image": "beside:1", "restartPolicy": "Always"}],
        "volumes": [{"name": "own", "configMap": {"name": "own"}}, {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
        "securityContext": {"runAsNonRoot": True, "fsGroup": 20000},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
        "priorityClassName": "low",
        "terminationGracePeriodSeconds": 77,
    },
}


OWN_PODS = {
    "MOLINO_PODS_TEMPLATES": json.dumps({"train": TEMPLATE}),
    "MOLINO_PODS_TASKS": json.dumps(
        {"train": {"retries": 5, "timeoutSeconds": 60, "pool": "training"}, "deploy": {"retries": 0}}
    ),
}


@pytest.fixture(scope="module")
def given(parses: list[Parsed]) -> Parsed:
    """Airflow as the chart tells it what users give the pods of steps."""
    return parses[1]


def test_a_step_s_pod_has_what_users_give_it(given: Parsed) -> None:
    wanted, spec = TEMPLATE["spec"], given["train"]["spec"]
    for key in ("securityContext", "nodeSelector", "tolerations", "topologySpreadConstraints", "priorityClassName"):
        assert spec[key] == wanted[key], key
    assert (spec["terminationGracePeriodSeconds"], spec["affinity"]) == (77, wanted["affinity"])
    assert (spec["initContainers"], spec["volumes"]) == (wanted["initContainers"], wanted["volumes"])
    for key in ("labels", "annotations"):
        assert TEMPLATE["metadata"][key].items() <= given["train"]["metadata"][key].items()
    base, own = container(given["train"]), wanted["containers"][0]
    assert (base["securityContext"], base["lifecycle"]) == (own["securityContext"], own["lifecycle"])
    assert [mount["mountPath"] for mount in base["volumeMounts"]] == ["/own", "/tmp"]
    assert own["envFrom"][0] in base["envFrom"]
    assert len(base["envFrom"]) == 2
    names = [variable["name"] for variable in base["env"]]
    assert len(names) == len(set(names))
    assert {name: variables(given["train"])[name]["value"] for name in ("OWN", "MOLINO_SUMMARY")} == {
        "OWN": "1", "MOLINO_SUMMARY": "/own"
    }  # fmt: skip
    assert base["image"]
    assert "MOLINO_MODEL_CONTENT" in names


def test_a_pod_that_is_given_nothing_is_as_it_was(given: Parsed, parsed: Parsed) -> None:
    assert given["ingest"]["spec"]["securityContext"] == parsed["ingest"]["spec"]["securityContext"]
    assert not given["ingest"]["spec"].get("initContainers")


def test_a_task_is_tried_held_and_pooled_as_the_chart_says(given: Parsed) -> None:
    assert given["run as"] == {
        "train": [5, 60, "training"],
        "deploy": [0, 21600, "default_pool"],
        **{step: [2, 21600, "default_pool"] for step in ("ingest", "version", "evaluate", "register")},
    }


def container(pod: Parsed) -> Parsed:
    return dict(pod["spec"]["containers"][0])


def variables(pod: Parsed) -> dict[str, Any]:
    return {variable["name"]: variable for variable in container(pod)["env"]}


def test_every_file_parses(parsed: Parsed) -> None:
    assert parsed["errors"] == {}


def test_every_model_has_its_two_dags(parsed: Parsed) -> None:
    models = [path.parent.name for path in (ROOT / "pipelines" / "models").glob("*/model.yaml")]
    of_models = set(parsed["tasks"]) - {"promote", "rollback"}
    assert of_models == {f"{model}_{group}" for model in models for group in ("data", "model")}


def test_people_change_what_serves_by_two_dags(parsed: Parsed) -> None:
    assert (parsed["tasks"]["promote"], parsed["tasks"]["rollback"]) == (["promote"], ["rollback"])
    assert (parsed["timetables"]["promote"], parsed["timetables"]["rollback"]) == ("None", "None")


def test_a_change_is_the_command_of_its_name_with_who_and_why(parsed: Parsed) -> None:
    said = ["--by=ann", "--reason=--by=eve {{ 1 }}", "--", "housing"]
    assert container(parsed["promote"])["args"] == ["promote", *said, "3"]
    assert container(parsed["rollback"])["args"] == ["rollback", *said]


def test_a_change_has_the_rights_of_the_deploy_step_and_a_label_of_its_own(parsed: Parsed) -> None:
    labels = parsed["promote"]["metadata"]["labels"]
    told = {key: labels[f"molino.dev/{key}"] for key in ("model", "step", "run")}
    assert told == {"model": "housing", "step": "promote", "run": "manual__2026-11-23T22-00-00-00-00"}
    assert variables(parsed["promote"])["MOLINO_API_KEY"]["valueFrom"]["secretKeyRef"]["key"] == "api-key"
    assert parsed["promote"]["spec"]["automountServiceAccountToken"] is True
    assert container(parsed["promote"])["image"].startswith("molino-deploy:")


def test_a_change_without_model_version_or_reason_is_refused_by_the_form(parsed: Parsed) -> None:
    assert {answer for answers in parsed["changes"].values() for answer in answers} == {"refused by the form"}


def test_a_change_is_tried_again_only_to_take_up_its_pod(parsed: Parsed) -> None:
    assert parsed["ended"] == {
        "well": "done",
        "badly": "given up",
        "its worker was lost": "tried again",
        "its pod is taken up": "done",
        "its pod is gone": "given up",
    }


def test_a_change_waits_for_the_end_of_a_deploy_of_the_model(parsed: Parsed) -> None:
    assert parsed["waited"] == ["default/deploy", "default/deploy", "default/rollback"]


def test_the_steps_follow_in_order(parsed: Parsed) -> None:
    assert parsed["tasks"]["housing_data"] + parsed["tasks"]["housing_model"] == [
        "ingest", "version", "train", "evaluate", "register", "deploy"
    ]  # fmt: skip


def test_a_new_data_version_starts_the_model_dag_and_nothing_the_data_dag(parsed: Parsed) -> None:
    assert (parsed["timetables"]["housing_data"], parsed["timetables"]["housing_model"]) == ("None", "Asset")


def beside_others(folder: Path) -> dict[str, str]:
    """Write model files: one with a schedule, one that is wrong, one that is large; return variables that name them."""
    (folder / "models").mkdir()
    text = (ROOT / "pipelines" / "models" / "housing" / "model.yaml").read_text()
    own = text.replace("name: housing\n", 'name: own\nschedule: "30 4 * * 1"\n', 1)
    (folder / "models" / "own.yaml").write_text(own.replace("gate:\n", "gate:\n  approval: required\n", 1))
    (folder / "models" / "broken.yaml").write_text("name: broken\n")
    noise = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(6000))
    (folder / "models" / "large.yaml").write_text(text.replace("name: housing\n", f"name: large # {noise}\n", 1))
    return {
        "MOLINO_MODELS_EXTRA": str(folder / "models"),
        "MOLINO_PODS_ENVIRONMENT": '{"NO_PROXY": ".svc,$(KUBERNETES_SERVICE_HOST)"}',
        "MOLINO_PODS_CA_CONFIG_MAP": "authorities",
        "MOLINO_PODS_FIXED_USER": "false",
        "MOLINO_PODS_EMPTY_DIR_SIZE": "10Gi",
    }


@pytest.fixture(scope="module")
def extended(parses: list[Parsed]) -> Parsed:
    """What is found beside a model file more, which has a schedule, and another that is wrong."""
    return parses[2]


def test_a_schedule_of_the_model_file_starts_the_data_dag(extended: Parsed) -> None:
    assert (extended["timetables"]["own_data"], extended["timetables"]["own_model"]) == ("30 4 * * 1", "Asset")


def test_one_run_of_a_dag_is_active_at_a_time(parsed: Parsed) -> None:
    assert set(parsed["active"].values()) == {1}


def test_parsing_imports_no_ml_library(parsed: Parsed) -> None:
    assert parsed["heavy"] == []


def test_a_parameter_overrides_the_source(parsed: Parsed) -> None:
    assert variables(parsed["ingest"])["MOLINO_SOURCE"]["value"] == "s3://rows/own.csv"


def test_a_parameter_picks_the_candidates(parsed: Parsed) -> None:
    assert variables(parsed["train"])["MOLINO_CANDIDATES"]["value"] == "one,two"


def test_the_model_dag_takes_up_the_run_that_made_its_data(parsed: Parsed) -> None:
    assert container(parsed["train"])["args"][-2:] == ["--run-id", "made-by-data"]


def test_a_run_of_its_data_takes_no_other_data(parsed: Parsed) -> None:
    assert variables(parsed["train"])["MOLINO_DATA_RUN"].get("value", "") == ""


def test_a_model_dag_that_a_person_starts_is_a_new_run_on_the_newest_data(parsed: Parsed) -> None:
    assert container(parsed["by hand"])["args"][-1].startswith("manual__2026")
    assert variables(parsed["by hand"])["MOLINO_DATA_RUN"]["value"] == "made-by-data"


def test_the_newest_data_is_known_to_the_step_that_takes_it(parsed: Parsed) -> None:
    assert {step for step, assets in parsed["inlets"].items() if assets} == {"version", "train"}


def test_a_pod_is_labelled_with_model_run_and_step(parsed: Parsed) -> None:
    labels = {key: value for key, value in parsed["train"]["metadata"]["labels"].items() if "molino.dev" in key}
    assert labels == {"molino.dev/model": "housing", "molino.dev/run": "made-by-data", "molino.dev/step": "train"}


def test_a_secret_stays_where_it_is(parsed: Parsed) -> None:
    source = variables(parsed["ingest"])["MOLINO_S3_SECRET_KEY"]["valueFrom"]
    assert source == {"secretKeyRef": {"name": "own-secret", "key": "s3-key"}}


def test_a_step_gets_no_secret_of_another(parsed: Parsed) -> None:
    assert {"MOLINO_API_KEY", "MOLINO_GIT_SSH_KEY"}.isdisjoint(variables(parsed["ingest"]))
    assert [one["name"] for one in parsed["ingest"]["spec"]["volumes"]] == ["tmp"]


def test_a_secret_that_is_a_file_is_mounted_where_its_variable_says(parsed: Parsed) -> None:
    path = Path(variables(parsed["train"])["MOLINO_GIT_SSH_KEY"]["value"])
    (mount,) = (one for one in container(parsed["train"])["volumeMounts"] if one["mountPath"] == str(path.parent))
    (volume,) = (one for one in parsed["train"]["spec"]["volumes"] if one["name"] == mount["name"])
    assert mount["readOnly"] is True
    assert volume["secret"] == {"secretName": "deploy-key", "items": [{"key": "ssh-privatekey", "path": path.name}]}


def test_a_model_file_that_no_variable_holds_is_mounted(extended: Parsed) -> None:
    pod = extended["large"]
    names = {one["mountPath"]: one["name"] for one in container(pod)["volumeMounts"]}
    (volume,) = (one for one in pod["spec"]["volumes"] if one["name"] == names["/etc/molino/model"])
    assert volume["configMap"] == {"name": "molino-models", "items": [{"key": "large.yaml", "path": "model.yaml"}]}
    assert variables(pod)["MOLINO_MODEL_FILE"]["value"] == "/etc/molino/model/model.yaml"
    assert "MOLINO_MODEL_CONTENT" not in variables(pod)


def test_a_pod_has_the_proxies_and_authorities_of_the_chart_and_the_user_of_the_cluster(extended: Parsed) -> None:
    spec = extended["large"]["spec"]
    assert variables(extended["large"])["NO_PROXY"]["value"] == ".svc,$(KUBERNETES_SERVICE_HOST)"
    names = {one["mountPath"]: one["name"] for one in container(extended["large"])["volumeMounts"]}
    (volume,) = (one for one in spec["volumes"] if one["name"] == names["/etc/molino-ca"])
    assert volume["configMap"] == {"name": "authorities"}
    assert next(one["emptyDir"] for one in spec["volumes"] if one["name"] == "tmp") == {"sizeLimit": "10Gi"}
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_no_service_passes_for_a_setting(parsed: Parsed) -> None:
    assert parsed["ingest"]["spec"]["enableServiceLinks"] is False


def test_a_step_is_held_to_the_policy_of_the_chart(parsed: Parsed) -> None:
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert container(parsed["ingest"])["securityContext"] == wanted


@pytest.mark.parametrize("run_id", ["../..", "a/b", "a\n", ".a", "x" * 201])
def test_a_run_id_that_no_run_can_have_is_refused(parsed: Parsed, run_id: str) -> None:
    assert parsed["run ids"][run_id] == ("refused by the task" if run_id == "a\n" else "refused by the form")


def test_a_run_id_is_taken(parsed: Parsed) -> None:
    assert parsed["run ids"]["r1"] == "taken"


def test_candidates_that_the_model_file_has_not_are_refused(parsed: Parsed) -> None:
    assert parsed["candidates"] == {"mlp": "taken", "no-such": "refused by the form"}


@pytest.fixture(scope="module")
def runs(said: list[Any]) -> dict[str, Any]:
    """What became of the runs of DAGs in one real Airflow, by the script that makes them."""
    return dict(zip(RUNS, said[-len(RUNS) :], strict=True))


@pytest.fixture(scope="module")
def events(runs: dict[str, Any]) -> list[list[dict[str, str]]]:
    """The asset events that there are after each end of a version step, in a real Airflow."""
    return list(runs["events"])


def test_a_new_data_version_has_an_event(events: list[list[dict[str, str]]]) -> None:
    assert events[0] == [{"run_id": "r1", "revision": "a"}]


def test_unchanged_data_has_no_event(events: list[list[dict[str, str]]]) -> None:
    assert events[1] == events[0]


def test_a_version_that_no_event_told_of_has_one_though_its_run_was_lost(events: list[list[dict[str, str]]]) -> None:
    assert events[2][len(events[1]) :] == [{"run_id": "r3", "revision": "b"}]


@pytest.fixture(scope="module")
def approvals(runs: dict[str, Any]) -> Parsed:
    """What became of three runs of a real Airflow whose model file wants an approval."""
    return dict(runs["approval"])


def test_a_person_is_asked_of_each_version_and_of_nothing_that_the_gate_refused(approvals: Parsed) -> None:
    assert approvals["asked"] == [f"Put housing version {version} in service?" for version in (3, 4)]


def test_the_deploy_step_is_told_who_has_said_what_and_why(approvals: Parsed) -> None:
    told = [Approval.model_validate_json(end["told"]) for end in approvals["ends"][:2]]
    said = [(one.approved, one.by, one.reason) for one in told]
    assert said == [(True, "ann", "seen"), (False, "ann", "too low")]
    assert approvals["ends"][2]["told"] == ""


def test_a_refusal_fails_nothing_and_skips_nothing(approvals: Parsed) -> None:
    assert [end["run"] for end in approvals["ends"]] == ["success"] * 3
    assert {state for end in approvals["ends"] for state in end["tasks"].values()} == {"success"}


def test_a_model_file_that_wants_an_approval_has_a_task_before_deploy(extended: Parsed, parsed: Parsed) -> None:
    assert extended["tasks"]["own_model"] == ["train", "evaluate", "register", "approve", "deploy"]
    assert "approve" not in parsed["tasks"]["housing_model"]


def test_a_wrong_model_file_is_an_import_error_and_the_other_dags_stay(extended: Parsed, parsed: Parsed) -> None:
    ((file, error),) = extended["errors"].items()
    others = {dag: tasks for dag, tasks in extended["tasks"].items() if not dag.startswith(("own_", "large_"))}
    assert (Path(file).name, others) == ("wrong_model_files.py", parsed["tasks"])
    assert "broken/model.yaml" in error


@pytest.fixture(scope="module")
def notices(runs: dict[str, Any]) -> list[Parsed]:
    """What is told of runs of a real Airflow: one that went well, one put back, one that was killed, one refused."""
    return list(runs["notices"])


def test_of_a_run_that_went_well_no_pod_is_started(notices: list[Parsed]) -> None:
    assert (notices[0]["run"], notices[0]["told"], notices[0]["tasks"]["notice"]) == ("success", None, "success")


def test_what_was_put_back_is_told_and_the_run_stays_failed(notices: list[Parsed]) -> None:
    put_back = notices[1]
    run_id, page = (
        put_back["told"][4],
        f"Airflow=http://airflow.example/dags/housing_model/runs/{quote(put_back['id'])}",
    )
    assert (put_back["run"], run_id) == ("failed", re.sub("[:+]", "-", put_back["id"]))
    assert put_back["told"][5:] == [
        f"--link={page}", "--failed=deploy", "--reason=it costs $$(MOLINO_NOTICE_SLACK); version 2 is back",
        "--put-back",
    ]  # fmt: skip


def test_a_step_that_could_say_nothing_is_told_once_though_the_steps_after_it_fail_too(notices: list[Parsed]) -> None:
    killed = notices[2]
    assert list(killed["tasks"].values()).count("upstream_failed") == 3
    reason = "--reason=its container has ended with exit code 137 (OOMKilled)"
    assert (killed["run"], killed["told"][6:]) == ("failed", ["--failed=train", reason])


def test_a_refusal_is_told_and_a_notice_that_cannot_be_sent_fails_no_run(notices: list[Parsed]) -> None:
    refused = notices[3]
    assert (refused["run"], refused["tasks"]["notice"]) == ("success", "failed")
    assert [one for one in refused["told"] if one.startswith(("--failed", "--put-back"))] == []

"""A step as a pod: image, environment, resources and security of the task that runs it. No Airflow here."""

import base64
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, SettingsConfigDict

from molino.contracts.model_file import MODEL_FILENAME, ModelFile, Resources
from molino.contracts.model_file.own_code import digest, pack_code

USER = 10001
MODEL_LABEL = "molino.dev/model"
RUN_LABEL = "molino.dev/run"
STEP_LABEL = "molino.dev/step"
DEFAULT_RESOURCES = Resources()
LARGEST_VARIABLE = 2**17 - 64
"""Characters that a variable's value may have: Linux takes none of 128 KiB, counted with its name."""
NEEDED_BY: Mapping[str, frozenset[str]] = {
    "MOLINO_API_KEY": frozenset({"deploy"}),
    "MOLINO_MLFLOW_": frozenset({"train", "evaluate", "register", "deploy"}),
    "MOLINO_GIT_": frozenset({"version", "train"}),
    "MOLINO_NOTICE_": frozenset({"notice"}),
}
"""Steps that get a secret setting, by its beginning; all get what isn't named, such as keys of the object storage."""
CA_FOLDER = "/etc/molino-ca"
"""Where the chart's variables look for authorities."""
MODEL_FOLDER = "/etc/molino/model"
"""Where a pod has a model file that no variable can hold."""
CHANGES = ("promote", "rollback")
"""What a person may do with the version that serves: commands of the deploy step's image, each with a DAG."""
NOTICE = "notice"
"""The task that tells people of a run's end, and the command of its pod."""
NOTICE_MEMORY = "256Mi"
NOTICE_IMAGE = "ingest"
"""Step whose image it takes: the smallest that knows the store."""
TERMINATION_LOG = "/dev/termination-log"
"""Kubernetes keeps its content in the pod's status: how Airflow learns of a step's result without a sidecar."""


class TaskSettings(BaseModel):
    """How Airflow runs a step's task."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    retries: int = 2
    timeout_seconds: int = 6 * 60 * 60
    pool: str | None = None
    """Airflow's own where it is none."""


class PodSettings(BaseSettings):
    """What the chart tells Airflow about the pods of steps."""

    model_config = SettingsConfigDict(env_prefix="MOLINO_PODS_", frozen=True, extra="ignore")

    namespace: str = "default"
    image_prefix: str = "molino-"
    """Everything of an image's address before the step's name."""
    image_tag: str = "latest"
    images: Mapping[str, str] = Field(default_factory=dict)
    """Whole addresses by step, in place of prefix, step and tag."""
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    config_map: str = "molino-steps"
    """ConfigMap whose keys are the `MOLINO_*` settings of every step."""
    models_config_map: str = "molino-models"
    """ConfigMap of the model files of the chart's values, which a pod mounts where one is too large for a variable."""
    templates: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """By step: a pod in Kubernetes' own words, with what users of the chart give it; the step's container is `base`."""
    tasks: Mapping[str, TaskSettings] = Field(default_factory=dict)
    """By step: how its task is run."""
    secrets: Mapping[str, str] = Field(default_factory=dict)
    """Variable to `secret/key`: the settings that stay in a Secret."""
    secret_files: Mapping[str, str] = Field(default_factory=dict)
    """Variable to `secret/key`: the settings that are files; the key is mounted, and the variable is its path."""
    service_account: str = "default"
    deploy_service_account: str = "default"
    """Of the deploy step alone, which changes the serving Deployment."""
    environment: Mapping[str, str] = Field(default_factory=dict)
    """Further variables of every pod, such as proxies."""
    ca_config_map: str = ""
    """ConfigMap of the authorities that the variables name, which pods mount where there is one."""
    empty_dir_size: str = ""
    """Size of a pod's own volume above which it is evicted, such as `10Gi`; the node's bounds when empty."""
    fixed_user: bool = True
    """Whether pods run as `USER`; else the cluster says as whom."""
    labels: Mapping[str, str] = Field(default_factory=dict)
    mlflow_url: str = "http://localhost:5000"
    """Where people open MLflow, for the links in Airflow's UI."""
    tensorboard_url: str = "http://localhost:8090"
    """Where they open TensorBoard."""
    airflow_url: str = "http://localhost:8080"
    """Where they open Airflow, for the links in notices."""
    notices: bool = False
    """Whether DAGs end with a task that tells people of what failed or was refused."""


@dataclass(frozen=True)
class StepPod:
    """What Airflow's operator is told, in Kubernetes' own words."""

    image: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    service_account: str
    automount_token: bool
    template: Mapping[str, Any] = field(default_factory=dict)
    """What users of the chart give this step's pod, in Kubernetes' own words."""
    model_files: Mapping[str, str] = field(default_factory=dict)
    """Keys of the ConfigMap of model files by the names that they have in `MODEL_FOLDER`; none where variables do."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Variable to `secret/key`: the secret settings that the step needs, and no others."""
    secret_files: Mapping[str, str] = field(default_factory=dict)
    """The same of those that are files."""


def step_pod(
    settings: PodSettings,
    model: ModelFile,
    model_file: bytes,
    step: str,
    run_id: str,
    overrides: Mapping[str, str] | None = None,
    code: Mapping[str, bytes] | None = None,
    keys: Mapping[str, str] | None = None,
) -> StepPod:
    """Return the pod of one step of one run.

    Args:
        settings: of all pods.
        model: the model file, for its resources.
        model_file: its bytes, handed to the pod so that a new model needs no new image.
        step: name of the step.
        run_id: may be a template that Airflow fills in later.
        code: the Python files that the model file names, by name.
        overrides: settings of this run, such as its source; empty ones count as unset.
        keys: of the ConfigMap of model files, by file, where these are in it.
    """
    resources = model.resources.get(step, DEFAULT_RESOURCES)
    image = _image(settings, step)
    deploys = step == "deploy"
    handed = packed(model_file, code or {})
    mounted = keys if keys and not fits(handed) else {}
    if mounted:
        handed = {
            "MOLINO_MODEL_FILE": f"{MODEL_FOLDER}/{MODEL_FILENAME}",
            "MOLINO_MODEL_DIGEST": digest(model_file, code or {}),
        }
    return StepPod(
        image=image,
        arguments=("step", step, "--model", model.name, "--run-id", run_id),
        environment={
            **handed,
            "MOLINO_IMAGE": image,
            "MOLINO_SUMMARY": TERMINATION_LOG,
            **settings.environment,
            **(overrides or {}),
        },
        labels={**settings.labels, MODEL_LABEL: model.name, STEP_LABEL: step},
        requests={"cpu": resources.cpu, "memory": resources.memory},
        limits={"memory": resources.memory_limit or resources.memory},
        service_account=settings.deploy_service_account if deploys else settings.service_account,
        automount_token=deploys,
        template=settings.templates.get(step, {}),
        model_files=mounted,
        secrets=_needed(settings.secrets, step),
        secret_files=_needed(settings.secret_files, step),
    )


def change_pod(settings: PodSettings, change: str, model: str, by: str, reason: str, version: str = "") -> StepPod:
    """Return the pod by which a person changes the version that serves: the deploy step's, with another command.

    Args:
        settings: of all pods.
        change: one of `CHANGES`.
        model: its name, which may be a template as all that follows.
        by: who does it.
        reason: why.
        version: which comes into service; the command's own choice when empty.
    """
    image = _image(settings, "deploy")
    return StepPod(
        image=image,
        arguments=(change, f"--by={by}", f"--reason={reason}", "--", model, *([version] if version else [])),
        environment={"MOLINO_IMAGE": image, "MOLINO_SUMMARY": TERMINATION_LOG, **settings.environment},
        labels={**settings.labels, MODEL_LABEL: model, STEP_LABEL: change},
        requests={"cpu": DEFAULT_RESOURCES.cpu, "memory": DEFAULT_RESOURCES.memory},
        limits={"memory": DEFAULT_RESOURCES.memory_limit or DEFAULT_RESOURCES.memory},
        service_account=settings.deploy_service_account,
        automount_token=True,
        template=settings.templates.get("deploy", {}),
        secrets=_needed(settings.secrets, "deploy"),
        secret_files=_needed(settings.secret_files, "deploy"),
    )


def notice_pod(settings: PodSettings, model: str, run_id: str) -> StepPod:
    """Return the pod that tells people what became of a run; it takes the pod of `NOTICE_IMAGE` for the rest.

    Args:
        settings: of all pods.
        model: its name.
        run_id: may be a template that Airflow fills in later.
    """
    image = _image(settings, NOTICE_IMAGE)
    return StepPod(
        image=image,
        arguments=(NOTICE, "--model", model, "--run-id", run_id),
        environment={"MOLINO_IMAGE": image, **settings.environment},
        labels={**settings.labels, MODEL_LABEL: model, STEP_LABEL: NOTICE},
        requests={"cpu": DEFAULT_RESOURCES.cpu, "memory": NOTICE_MEMORY},
        limits={"memory": NOTICE_MEMORY},
        service_account=settings.service_account,
        automount_token=False,
        template=settings.templates.get(NOTICE_IMAGE, {}),
        secrets=_needed(settings.secrets, NOTICE),
        secret_files={},
    )


def literal(argument: str) -> str:
    """Return an argument that Kubernetes hands on as it is: it takes `$(NAME)` for a variable, also a secret one."""
    return argument.replace("$", "$$")


def _image(settings: PodSettings, step: str) -> str:
    return settings.images.get(step) or f"{settings.image_prefix}{step}:{settings.image_tag}"


def _needed(places: Mapping[str, str], step: str) -> dict[str, str]:
    """Return the secret settings that a step needs."""
    kept_from = [beginning for beginning, steps in NEEDED_BY.items() if step not in steps]
    return {name: place for name, place in places.items() if not name.startswith(tuple(kept_from))}


def packed(model_file: bytes, code: Mapping[str, bytes]) -> dict[str, str]:
    """Return the variables by which a pod gets a model file and its Python files."""
    return {"MOLINO_MODEL_CONTENT": pack(model_file), **({"MOLINO_MODEL_CODE": pack_code(code)} if code else {})}


def fits(handed: Mapping[str, str]) -> bool:
    """Return whether a pod can be started with these variables."""
    return all(len(value) <= LARGEST_VARIABLE for value in handed.values())


def pack(model_file: bytes) -> str:
    """Return a model file in a form that an environment variable can hold."""
    return base64.b64encode(gzip.compress(model_file, mtime=0)).decode()


def run_id_of(dag_run_id: str) -> str:
    """Return the Molino run id of an Airflow run: the same, but for characters that keys and labels can't have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", dag_run_id).strip("-.")[:200]
